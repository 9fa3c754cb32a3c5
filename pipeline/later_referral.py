"""The effect of referral when comparison people are referred later themselves.

People who wait must not be dropped for a referral that lies in their future, so the comparison holds contacts that
follow a referral of their own, and the contrast errs towards no effect. Cutting them off there is no way out: who is
referred later is in a burst just then, so that what is left to compare with holds the burst and not what follows it.
A structural nested mean model takes the effect itself off instead (Robins 1994; Vansteelandt & Joffe 2014). With A what
the referred made, C what the weighted comparison made and s the share of C that lies after the day of a referral of
their own, a referral that multiplies contacts by theta whenever it comes leaves

    A = theta (C (1 - s) + C s / theta)        so that        theta = (A / C - s) / (1 - s)

and any other group, such as the never-engaged, is held against C (1 - s + s / theta). It assumes that referral does as
much for them as it did for the referred. At no effect A / C = 1 gives theta = 1, whatever s is: it invents nothing.
Where A / C does not exceed s the correction has no answer, and says so with a missing value.
Builds on pipeline.contrasts.
"""

import numpy as np

from pipeline.contrasts import PRIMARY, Fit, Trials

# The primary outcome with the contrast as it comes, and with comparison people cut off at their own referral.
FOLLOWED, CENSORED = "n_contacts_followed", "n_contacts_censored"


def later_shares(trials: Trials, weights: np.ndarray, outcomes: list[str]) -> np.ndarray:
    """Return s of each of `outcomes`: the share of the comparison's contacts, weighted by `weights`, after a referral of their own."""
    rows = np.flatnonzero((weights > 0) & ~trials.is_referred)
    compared = np.asarray(weights[rows], float)
    made = np.array([compared @ trials.outcomes[name][rows] for name in outcomes])
    later = np.array([compared @ trials.later[name][rows] for name in outcomes])
    return np.divide(later, made, out=np.zeros(len(made)), where=made > 0)


def net_ratio(log_ratio, share) -> np.ndarray:
    """Return log theta from the log of A / C and s; NaN where theta is not positive: the share explains more than everything."""
    with np.errstate(divide="ignore", invalid="ignore"):
        theta = (np.exp(np.asarray(log_ratio, float)) - share) / (1 - np.asarray(share, float))
        return np.log(np.where(theta > 0, theta, np.nan))


def net_slopes(log_ratio, share) -> tuple:
    """Return the derivatives of log theta by the log of A / C and by s, for errors that come from influences (delta method)."""
    ratio = np.exp(log_ratio)
    return ratio / (ratio - share), (ratio - 1) / ((1 - share) * (ratio - share))


def net_against(log_ratio, share, log_theta) -> np.ndarray:
    """Return the log ratio of another group to a comparison rid of its own later referrals, whose log IRR is `log_theta`."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return log_ratio - np.log(1 - share + share * np.exp(-np.asarray(log_theta, float)))


def net_referral(trials: Trials, fit: Fit | None) -> float:
    """Return the log IRR of referral of the primary outcome, rid of later referrals; NaN without a fit."""
    if fit is None:
        return float("nan")
    return float(net_ratio(fit.coefficients[PRIMARY][-1], later_shares(trials, fit.weights, [PRIMARY])[0]))


def add_censored(trials: Trials) -> Trials:
    """Return `trials` with a further outcome CENSORED: all contacts, comparison people cut off on the day of their own referral."""
    days = trials.exposure[PRIMARY] - trials.later["exposure_days"]
    contacts = trials.outcomes[PRIMARY] - trials.later[PRIMARY]
    return trials._replace(
        outcomes=trials.outcomes | {CENSORED: contacts}, exposure=trials.exposure | {CENSORED: days}, later=trials.later | {CENSORED: np.zeros(len(contacts))}
    )
