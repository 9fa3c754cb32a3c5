"""By how much each person moves an estimate, and on how many people a standard error rests.

The infinitesimal jackknife (Jaeckel 1972): the derivative of an estimate with respect to how often a person is counted.
A handful of heavy callers carry most of the variance of a mean of counts, so a standard error is less certain than the
number of people suggests, and the normal interval is too narrow: in the audit it covered 93 % where t with these degrees
of freedom covered 94 % (the effect of referral, bursts short and long, 480 draws).
Builds on pipeline.contrasts and pipeline.later_referral.
"""

import numpy as np

from pipeline.contrasts import PRIMARY, Fit, Trials
from pipeline.later_referral import later_shares, net_ratio, net_slopes


def degrees_of_freedom(moved: np.ndarray) -> float:
    """Return Satterthwaite's (1946) degrees of freedom of a variance that is the sum of squares of `moved`, one entry per person.

    n for normal contributions, the fewer the heavier the tails; NaN where nobody moves anything.
    """
    squares = moved[moved != 0] ** 2
    total = squares.sum()
    if not total > 0 or len(squares) < 2:
        return float("nan")
    return float(2 / max((squares**2).sum() / total**2 - 1 / len(squares), 1e-9))


def with_draws(df: float, draws: int) -> float:
    """Return the degrees of freedom of a standard error that was itself taken from so many resamples."""
    return 1 / (1 / df + 1 / max(draws - 1, 1))


def influence_of_people(trials: Trials, fit: Fit, n_people: int, outcome: str = PRIMARY) -> np.ndarray:
    """Return by how much each person, counted once more, moves the log ratio of a contrast, the odds weights as given."""
    used = (fit.weights > 0) & (trials.exposure[outcome] > 0)
    X = np.column_stack([trials.design, fit.treated])[used]
    mean = trials.exposure[outcome][used] * np.exp(X @ fit.coefficients[outcome])
    weights = fit.weights[used]
    information = (X * (weights * mean)[:, None]).T @ X
    moved = X @ np.linalg.solve(information, np.eye(X.shape[1])[-1]) * weights * (trials.outcomes[outcome][used] - mean)
    return np.bincount(trials.person[used], moved, n_people)


def net_influence(trials: Trials, fit: Fit, n_people: int) -> tuple[float, np.ndarray]:
    """Return the log IRR of referral net of later referrals, and by how much each person moves it: through A / C and through s."""
    log_ratio, share = fit.coefficients[PRIMARY][-1], later_shares(trials, fit.weights, [PRIMARY])[0]
    compared = fit.weights * ~trials.is_referred
    made = compared @ trials.outcomes[PRIMARY]
    moved_share = np.bincount(trials.person, compared * (trials.later[PRIMARY] - share * trials.outcomes[PRIMARY]) / made, n_people)
    by_ratio, by_share = net_slopes(log_ratio, share)
    return float(net_ratio(log_ratio, share)), by_ratio * influence_of_people(trials, fit, n_people) + by_share * moved_share


def influence_of_total(trials: Trials, group: np.ndarray, n_people: int) -> np.ndarray:
    """Return by how much each person moves the log of a group's contacts at full exposure (pipeline.effect.group_totals)."""
    if not trials.outcomes[PRIMARY][group].any():
        return np.zeros(n_people)
    counts, days = trials.outcomes[PRIMARY][group], trials.exposure[PRIMARY][group]
    return np.bincount(trials.person[group], 1 / group.sum() + counts / counts.sum() - days / days.sum(), n_people)
