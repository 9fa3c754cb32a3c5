"""The effect of referral when comparison people are referred later themselves.

People who wait must not be dropped for a referral that lies in their future, so the comparison holds contacts that
follow a referral of their own, and the contrast errs towards no effect. Cutting them off there is no way out: who is
referred later is in a burst just then, so that what is left to compare with holds the burst and not what follows it. A structural nested mean model takes the
effect itself off instead (Robins 1994; Vansteelandt & Joffe 2014). With A what the referred made, C what the weighted
comparison made and s the share of C that follows a referral of their own, a referral that multiplies contacts by theta
whenever it comes leaves

    A = theta (C (1 - s) + C s / theta)        so that        theta = (A / C - s) / (1 - s)

It assumes that referral does as much for them as it did for the referred. At no effect A / C = 1 gives theta = 1,
whatever s is: it invents nothing. Builds on pipeline.contrasts and pipeline.effect.
"""

import numpy as np

from pipeline.contrasts import CENSORED, PRIMARY, Fit, Trials
from pipeline.effect import Draws, Fits, complier_inverse, group_totals


def shares_after_own_referral(trials: Trials, fit: Fit, draws: Draws) -> tuple[float, np.ndarray]:
    """Return s of the full sample and of each draw: the weighted share of the comparison's contacts that follow a referral of their own."""
    def share(weights: np.ndarray) -> float:
        compared = weights * ~trials.is_referred
        made = compared @ trials.outcomes[PRIMARY]
        return float(1 - compared @ trials.outcomes[CENSORED] / made) if made > 0 else np.nan

    return share(fit.weights), np.array([share(weights * often[trials.person]) for weights, often in zip(draws.weights, draws.multiplicities)])


def nested_ratio(log_irr, share) -> np.ndarray:
    """Return theta from the log of A / C and s; NaN where it is not positive: the share explains more than everything."""
    theta = (np.exp(np.asarray(log_irr, float)) - share) / (1 - np.asarray(share, float))
    return np.where(theta > 0, theta, np.nan)


def nested_referral(trials: Trials, fits: Fits, draws: Draws) -> tuple[float, np.ndarray]:
    """Return the log IRR of referral, rid of the comparison's own later referrals, in the full sample and in each draw."""
    share, drawn = shares_after_own_referral(trials, fits.referral, draws)
    point = np.log(nested_ratio(fits.referral.coefficients[PRIMARY][-1], share))
    return float(point), np.log(nested_ratio(draws.referral[PRIMARY], drawn))


def nested_complier(trials: Trials, fits: Fits, draws: Draws, unengaged_irr: float = 1.0) -> tuple[float, np.ndarray]:
    """Return the complier inverse (pipeline.effect.complier_inverse) that follows from nested_referral, likewise."""
    point, drawn = nested_referral(trials, fits, draws)
    once = np.ones((1, draws.multiplicities.shape[1]), np.uint8)
    inverse = complier_inverse(*group_totals(trials, PRIMARY, once), point, unengaged_irr)[0]
    return float(inverse), complier_inverse(*group_totals(trials, PRIMARY, draws.multiplicities), drawn, unengaged_irr)
