"""Trajectory matching within index months: matched sets, their ratio, and lagged-outcome Poisson on them.

In the month of their referral each referred person is given the nearest people not referred by then, by the logs of
their contacts in several spans before time zero (risk-set matching: Li, Propert & Rosenbaum 2001). One total, or the
spike alone, is not enough: people with the same total whose burst is over fare better than people in the midst of one,
with no scheme at all (Daw & Hatfield 2018; a test shows it).

    matched_sets      log of what the referred made over what the mean of each one's controls made
    lagged_outcome    Poisson regression of the contacts after on the same spans, on the matched sets: removes what
                      distance the nearest neighbours of heavy callers leave (post-only matching errs by 15 to 26 %)

A comparison person may serve in several sets. Errors are clustered by person and by set at once (Cameron, Gelbach &
Miller 2011); resampling people through nearest-neighbour matching is not valid (Abadie & Imbens 2008). Where `later` says
which contacts of the comparison people follow a referral of their own, both ratios are net of these referrals.
Builds on pipeline.estimates, pipeline.glm and pipeline.net_of_later.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from pipeline.estimates import DAYS_IN_MONTH, Label, NotEstimable, Size, clustered_error, result_row
from pipeline.glm import NotConverged, fit_poisson
from pipeline.net_of_later import net_of_later


class MatchedSets(NamedTuple):
    """Matched sets as rows of the trials they were made from."""

    row: np.ndarray  # position of the trial
    matched_set: np.ndarray  # code of the set
    weight: np.ndarray  # 1 for the referred, 1 / number of controls in the set for a control
    n_unmatched: int  # referred without a control within the caliper


def trajectory(cohort: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Return the logs of 1 + the `columns` (contacts per span, or days since the last contact), in standard deviations of the referred."""
    values = np.log1p(cohort[columns].to_numpy(float))
    spread = values[(cohort["arm"] == "referred").to_numpy()].std(axis=0)
    return values / np.where(spread > 0, spread, 1.0)


def match_sets(places: np.ndarray, treated: np.ndarray, month: np.ndarray, person: np.ndarray, n_controls: int, caliper: float) -> MatchedSets:
    """Return each treated row with its `n_controls` nearest untreated rows of the same month, none farther than `caliper`.

    `places` are coordinates (see trajectory); distance is Euclidean, so the caliper is in standard deviations over all
    spans. A person is never a control of themselves. Raises NotEstimable when nobody finds a control.
    """
    rows, sets, weights, n_unmatched = [], [], [], 0
    for one in np.unique(month[treated]):
        cases, pool = np.flatnonzero((month == one) & treated), np.flatnonzero((month == one) & ~treated)
        if not len(pool):
            n_unmatched += len(cases)
            continue
        asked = min(n_controls + 1, len(pool))  # one more, in case the person themselves is among them
        distance, nearest = (values.reshape(len(cases), asked) for values in cKDTree(places[pool]).query(places[cases], k=asked))
        for case, far, near in zip(cases, distance, pool[nearest]):
            chosen = near[(far <= caliper) & (person[near] != person[case])][:n_controls]
            if not len(chosen):
                n_unmatched += 1
                continue
            rows += [case, *chosen]
            sets += [case] * (len(chosen) + 1)
            weights += [1.0, *[1 / len(chosen)] * len(chosen)]
    if not rows:
        raise NotEstimable("no referred person has a comparison person with such a trajectory in the same month")
    return MatchedSets(np.array(rows), np.unique(sets, return_inverse=True)[1], np.array(weights), n_unmatched)


def two_way_error(influence: np.ndarray, person: np.ndarray, matched_set: np.ndarray) -> float:
    """Return the error clustered by person and by set; never below that clustered by person alone."""
    both = np.unique(np.column_stack([person, matched_set]), axis=0, return_inverse=True)[1].ravel()
    person = np.unique(person, return_inverse=True)[1]
    variances = [clustered_error(influence, group) ** 2 for group in (person, matched_set, both)]
    return float(np.sqrt(max(variances[0] + variances[1] - variances[2], variances[0])))


def estimate_matched_sets(label: Label, matched: MatchedSets, counted, exposure, treated, person, confidence: float, later=None) -> dict:
    """Return the tidy row of the log ratio of rates, referred over matched; arrays have an entry per trial.

    `later`: contacts of comparison people that follow a referral of their own; the ratio is net of them.
    """
    later = picked_later(matched, later)
    counted, exposure, side, who = sums_of(matched, counted, exposure, treated, person)
    check_sides(counted, side)
    influence = np.zeros(len(side))
    estimate = 0.0
    for arm, sign in ((side, 1.0), (~side, -1.0)):
        events, time = matched.weight[arm] @ counted[arm], matched.weight[arm] @ exposure[arm]
        estimate += sign * np.log(events / time)
        influence[arm] = sign * matched.weight[arm] * (counted[arm] / events - exposure[arm] / time)
    estimate, influence = net_of_later(float(estimate), influence, matched.weight * ~side, counted, later)
    return matched_row(label, estimate, influence, matched, exposure, who, confidence)


def estimate_lagged_outcome(label: Label, matched: MatchedSets, design, counted, exposure, treated, person, confidence: float, later=None) -> dict:
    """Return the tidy row of the Poisson regression of contacts after on `design` (intercept first, a row per trial) and treatment, on the sets.

    `later` as in estimate_matched_sets.
    """
    later = picked_later(matched, later)
    counted, exposure, side, who = sums_of(matched, counted, exposure, treated, person)
    check_sides(counted, side)
    X = np.column_stack([design[matched.row], side])
    # Matching may leave a category that nobody holds any more.
    kept = np.append(np.abs(np.diag(np.linalg.qr(X[:, :-1] / np.sqrt((X[:, :-1] ** 2).sum(axis=0)).clip(1e-300), mode="r"))) > 1e-6, True)
    X = X[:, kept]
    try:
        beta = fit_poisson(X, counted, matched.weight, np.log(exposure))
    except NotConverged as reason:
        raise NotEstimable(f"the outcome model does not converge ({reason})") from None
    mean = exposure * np.exp(X @ beta)
    information = (X * (matched.weight * mean)[:, None]).T @ X
    influence = (X @ np.linalg.solve(information, np.eye(len(beta))[-1])) * matched.weight * (counted - mean)
    estimate, influence = net_of_later(float(beta[-1]), influence, matched.weight * ~side, counted, later)
    return matched_row(label, estimate, influence, matched, exposure, who, confidence)


def picked_later(matched: MatchedSets, later) -> np.ndarray:
    """Return `later` of the rows in the sets; nothing where it is not known."""
    return np.zeros(len(matched.row)) if later is None else np.asarray(later, float)[matched.row]


def sums_of(matched: MatchedSets, counted, exposure, treated, person) -> tuple:
    """Return counts, days, side and person of the rows in the sets; raise NotEstimable where one has no exposure."""
    picked = [np.asarray(values)[matched.row] for values in (counted, exposure, treated, person)]
    if not (picked[1] > 0).all():
        raise NotEstimable("a matched trial has no exposure: leave such trials out before matching")
    return picked[0].astype(float), picked[1].astype(float), picked[2].astype(bool), picked[3]


def check_sides(counted: np.ndarray, side: np.ndarray) -> None:
    """Raise NotEstimable when a side has no contacts."""
    for arm, words in ((side, "referred"), (~side, "matched comparison people")):
        if not counted[arm].any():
            raise NotEstimable(f"the {words} have no contacts after time zero")


def matched_row(label: Label, estimate: float, influence, matched: MatchedSets, exposure, who, confidence: float) -> dict:
    """Return the tidy row, with how many referred found nobody."""
    error = two_way_error(influence, who, matched.matched_set)
    note = f"{matched.n_unmatched} referred without a match left out" if matched.n_unmatched else ""
    _, once = np.unique(matched.row, return_index=True)  # a control in three sets is one person and one follow-up
    return result_row(label, estimate, error, Size(len(np.unique(who)), exposure[once].sum() / DAYS_IN_MONTH), confidence, note)
