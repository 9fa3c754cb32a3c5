"""The effect of referral when comparison people are referred later themselves.

People who wait must not be dropped for a referral that lies in their future, so the comparison holds contacts that
follow a referral of their own, and the contrast errs towards no effect. Cutting them off there is no way out: who is
referred later is in a burst just then, so that what is left to compare with holds the burst and not what follows it. A structural nested mean model takes the
effect itself off instead (Robins 1994; Vansteelandt & Joffe 2014). With A what the referred made, C what the weighted
comparison made and s the share of C that follows a referral of their own, a referral that multiplies contacts by theta
whenever it comes leaves

    A = theta (C (1 - s) + C s / theta)        so that        theta = (A / C - s) / (1 - s)

It assumes that referral does as much for them as it did for the referred. At no effect A / C = 1 gives theta = 1,
whatever s is: it invents nothing. Builds on pipeline.contrasts, pipeline.effect,
pipeline.resampling and pipeline.estimates.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import DAYS_IN_MONTH, PRIMARY, Fit, Trials
from pipeline.effect import Draws, Fits, complier_interval, complier_inverse, group_totals
from pipeline.estimates import Size, add_status
from pipeline.resampling import normal_interval


def contacts_while_waiting(cohort: pd.DataFrame, panel: pd.DataFrame, trials: Trials, months_after: int) -> np.ndarray:
    """Return, per trial, the contacts up to the end of the month in which a comparison person is referred themselves.

    A panel of months cannot cut at the day. Contacts of that month are mostly the burst that led to the referral, so
    they count as before it: cut a month earlier (as in n_contacts_censored) the burst would pass for its consequence
    and the effect come out too large; cut here it comes out a little too small.
    """
    rows = cohort.set_index("trial_id").loc[trials.trial_id]
    days = (rows["next_referred_on"] - rows["index_on"]).dt.days.to_numpy(float, na_value=np.inf)
    last = pd.Series(np.floor(np.where(np.isnan(days), np.inf, days) / DAYS_IN_MONTH), index=trials.trial_id)
    after = panel[panel["month"].between(0, months_after - 1)]
    is_waiting = after["month"].to_numpy() <= after["trial_id"].map(last).to_numpy(float)
    return after[is_waiting].groupby("trial_id")[PRIMARY].sum().reindex(trials.trial_id, fill_value=0).to_numpy(float)


def shares_after_own_referral(trials: Trials, waiting: np.ndarray, fit: Fit, draws: Draws) -> tuple[float, np.ndarray]:
    """Return s of the full sample and of each draw: the weighted share of the comparison's contacts that follow a referral of their own.

    `waiting` holds, per trial, the contacts before such a referral (of all follow-up where there is none).
    """
    def share(weights: np.ndarray) -> float:
        compared = weights * ~trials.is_referred
        made = compared @ trials.outcomes[PRIMARY]
        return float(1 - compared @ waiting / made) if made > 0 else float("nan")

    return share(fit.weights), np.array([share(weights * often[trials.person]) for weights, often in zip(draws.weights, draws.multiplicities)])


def nested_ratio(log_irr, share) -> np.ndarray:
    """Return theta from the log of A / C and s; NaN where it is not positive: the share explains more than everything."""
    theta = (np.exp(np.asarray(log_irr, float)) - share) / (1 - np.asarray(share, float))
    return np.where(theta > 0, theta, np.nan)


def nested_referral(trials: Trials, waiting: np.ndarray, fits: Fits, draws: Draws) -> tuple[float, np.ndarray]:
    """Return the log IRR of referral, rid of the comparison's own later referrals, in the full sample and in each draw."""
    share, drawn = shares_after_own_referral(trials, waiting, fits.referral, draws)
    point = np.log(nested_ratio(fits.referral.coefficients[PRIMARY][-1], share))
    return float(point), np.log(nested_ratio(draws.referral[PRIMARY], drawn))


def nested_complier(trials: Trials, waiting: np.ndarray, fits: Fits, draws: Draws, unengaged_irr: float = 1.0) -> tuple[float, np.ndarray]:
    """Return the complier inverse (pipeline.effect.complier_inverse) that follows from nested_referral, likewise."""
    point, drawn = nested_referral(trials, waiting, fits, draws)
    once = np.ones((1, draws.multiplicities.shape[1]), np.uint8)
    inverse = complier_inverse(*group_totals(trials, PRIMARY, once), point, unengaged_irr)[0]
    return float(inverse), complier_inverse(*group_totals(trials, PRIMARY, draws.multiplicities), drawn, unengaged_irr)


def nested_rows(trials: Trials, waiting: np.ndarray, fits: Fits, draws: Draws, confidence: float) -> pd.DataFrame:
    """Return the tidy rows (pipeline.estimates.COLUMNS) of referral and of engaging for all contacts, rid of later referrals of the comparison."""
    size = Size(len(np.unique(trials.person)), trials.exposure[PRIMARY].sum() / DAYS_IN_MONTH)._asdict()
    point, drawn = nested_referral(trials, waiting, fits, draws)
    names = dict(outcome=PRIMARY, comparison="not_yet_referred")
    rows = [
        names | dict(estimator="sequential_trials_nested", estimand="referral", estimate=point) | normal_interval(point, drawn, confidence) | size,
        names | dict(estimator="complier_nested", estimand="engaged") | complier_interval(*nested_complier(trials, waiting, fits, draws), confidence) | size,
    ]
    return add_status(pd.DataFrame(rows))
