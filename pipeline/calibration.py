"""Are match probabilities what they say? Calibrated against nominal ids, on the links that hold people together.

The model adds up evidence as if fields were independent, so its highest probabilities promise more than is kept. A
force's own nominal ids tell: people who have one (in a large force a sample of them) and everyone like them are scored once
more as if nobody had one, and where both sides of a link do it is seen whether it was right (silver labels: a force, too, errs). Judged are only the links that matter:
the maximum spanning forest of the settled pairs (Kruskal 1956), in which an identity's, then a group's, strongest tie
to the rest is one link; all other pairs within a group follow from these. A line from the match weight W (log2 of the
odds) to the log odds of being right is fitted by logistic regression (Platt 1999), with a robust covariance:

    log(p / (1 - p)) = intercept + slope W          (a calibrated model: intercept 0, slope log 2)

Its limits: people with a nominal id may be recorded better than those without; two ids for one person count as wrong
where they are on record; and a wrong link shows only when the other person has an id as well, so that wrong links
count one over the share of people who have one. Builds on pipeline.glm and pipeline.intervals.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.special import expit

from pipeline.glm import NotConverged, fit_logit
from pipeline.intervals import wilson_interval

# Log odds per bit of match weight in a calibrated model.
LOG_2 = float(np.log(2))
# Fewer links of either kind say nothing about a line.
FEWEST_LABELLED = 5
# Groups of at least this many identities show how many people have a nominal id at all.
WELL_KNOWN = 5
# Bins of the match probability in which predictions are held against labels.
BINS = [0.0, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0]


class Line(NamedTuple):
    """A calibration line: intercept and slope with their covariance, and what it rests on."""

    intercept: float
    slope: float
    covariance: np.ndarray
    n_same: int
    n_different: int
    is_fitted: bool


UNCALIBRATED = Line(0.0, LOG_2, np.zeros((2, 2)), 0, 0, False)


def draw_known(identities: pd.DataFrame, most_ids: int, seed: int) -> pd.DataFrame:
    """Return the identities that have one of `most_ids` nominal ids drawn at random (all where there are fewer), without their ids."""
    ids = np.sort(identities["nominal_id"].dropna().unique().astype(object))
    if len(ids) > most_ids:
        ids = np.random.default_rng(seed).choice(ids, most_ids, replace=False)
    return forget_nominals(identities[identities["nominal_id"].isin(ids)])


def forget_nominals(identities: pd.DataFrame) -> pd.DataFrame:
    """Return `identities` as if nobody had a nominal id."""
    return identities.assign(nominal_id=pd.Series(None, index=identities.index, dtype="str"))


def around_known(identities: pd.DataFrame, known: pd.DataFrame, scored: pd.DataFrame) -> pd.DataFrame:
    """Return the `known` identities and everyone whom `scored` pairs with one of them (identity_id_l), without their nominal ids."""
    near = identities["identity_id"].isin(known["identity_id"]) | identities["identity_id"].isin(scored["identity_id_l"])
    return forget_nominals(identities[near])


def above_floor(scored: pd.DataFrame, floor: float) -> pd.DataFrame:
    """Return the `scored` pairs with a match probability of at least `floor`."""
    return scored[scored["match_weight"] >= np.log2(floor / (1 - floor))] if floor > 0 else scored


def span_people(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `pairs` that form their maximum spanning forest, the strongest first.

    `pairs` as from `contradictions.settle_pairs`. People at any threshold are the same from the forest as from all pairs.
    """
    codes, ids = pd.factorize(pd.concat([pairs["identity_id_l"], pairs["identity_id_r"]]), sort=True)
    left, right, n = codes[: len(pairs)], codes[len(pairs) :], len(ids)
    weight = pairs["match_weight"].to_numpy()
    # Minimum of what is missing to the strongest; ranks instead of weights, so that no entry is nought and ties fall by id.
    rank = np.empty(len(pairs))
    rank[np.lexsort((right, left, -weight))] = np.arange(1, len(pairs) + 1)
    tree = minimum_spanning_tree(coo_array((rank, (left, right)), shape=(n, n)).tocsr())
    by_rank = np.argsort(rank)
    return pairs.iloc[by_rank[np.sort(tree.data).astype(np.int64) - 1]].reset_index(drop=True)


def label_links(forest: pd.DataFrame, identities: pd.DataFrame) -> pd.DataFrame:
    """Return `forest` with is_same: whether the groups that each link joins have one leading nominal id; missing where one has none.

    Links join groups in order, the strongest first. Also share_known, the share of groups of WELL_KNOWN identities or
    more that have an id, is added in every row.
    """
    ids = pd.Index(identities["identity_id"])
    left, right = ids.get_indexer(forest["identity_id_l"]).tolist(), ids.get_indexer(forest["identity_id_r"]).tolist()
    nominal = identities["nominal_id"].astype(object).where(identities["nominal_id"].notna(), None).tolist()
    leader, times = list(range(len(ids))), [{} if value is None else {value: 1} for value in nominal]
    size, labels = [1] * len(ids), np.full(len(forest), np.nan)

    def find(row):
        while leader[row] != row:
            leader[row] = row = leader[leader[row]]
        return row

    for place, (one, other) in enumerate(zip(left, right)):
        one, other = find(one), find(other)
        if times[one] and times[other]:
            labels[place] = leads(times[one]) == leads(times[other])
        if size[one] < size[other]:
            one, other = other, one
        leader[other], size[one] = one, size[one] + size[other]
        for value, count in times[other].items():
            times[one][value] = times[one].get(value, 0) + count
    known = [bool(times[row]) for row in range(len(ids)) if leader[row] == row and size[row] >= WELL_KNOWN]
    return forest.assign(is_same=labels, share_known=np.mean(known) if known else np.nan)


def leads(times: dict) -> str:
    """Return the value seen most often, the first in the alphabet among equals."""
    return min(times, key=lambda value: (-times[value], value))


def fit_line(labelled: pd.DataFrame) -> Line:
    """Return the calibration line from links with match_weight, is_same (missing allowed) and share_known.

    Platt's smoothed targets, (n + 1) / (n + 2) for the right links and 1 / (n + 2) for the wrong ones, keep the line
    finite. UNCALIBRATED where there are fewer than FEWEST_LABELLED of either kind, or stronger links are not righter.
    """
    known = labelled.dropna(subset=["is_same"])
    is_same = known["is_same"].to_numpy(bool)
    n_same, n_different = int(is_same.sum()), int((~is_same).sum())
    nothing = UNCALIBRATED._replace(n_same=n_same, n_different=n_different)
    if min(n_same, n_different) < FEWEST_LABELLED:
        return nothing
    counts = np.where(is_same, 1.0, 1 / known["share_known"].to_numpy())
    target = np.where(is_same, (n_same + 1) / (n_same + 2), 1 / (n_different + 2))
    X = np.column_stack([np.ones(len(known)), known["match_weight"]])
    try:
        found = fit_logit(X, target, counts)
    except NotConverged:
        return nothing
    mean = expit(X @ found)
    bread = np.linalg.inv((X * (counts * mean * (1 - mean))[:, None]).T @ X)
    score = X * (counts * (target - mean))[:, None]
    if found[1] <= 0:
        return nothing
    return Line(float(found[0]), float(found[1]), bread @ (score.T @ score) @ bread, n_same, n_different, True)


def calibrate(match_weight: np.ndarray, line: Line) -> np.ndarray:
    """Return the calibrated probability of links with `match_weight` (log2 of the odds)."""
    return expit(line.intercept + line.slope * np.asarray(match_weight, float))


def describe_line(line: Line) -> pd.DataFrame:
    """Return the table calibration_line: intercept, slope, their standard errors, n_same, n_different, is_fitted; one row."""
    errors = np.sqrt(np.diag(line.covariance))
    return pd.DataFrame([{
        "intercept": line.intercept, "slope": line.slope, "std_error_intercept": errors[0], "std_error_slope": errors[1],
        "n_same": line.n_same, "n_different": line.n_different, "is_fitted": line.is_fitted,
    }])  # fmt: skip


def reliability(links: pd.DataFrame, line: Line, basis: str) -> pd.DataFrame:
    """Return the table calibration: per bin of the model's probability what was promised and what was kept.

    `links`: match_weight, is_same (missing allowed) and, for silver labels, share_known. Columns basis, bin (its lower
    end), expected (mean probability of the model), calibrated (of the line), share_right, ci_low, ci_high, n, n_wrong.
    Wrong links count one over share_known; the interval is Wilson's (1927) on the number of labelled links.
    """
    known = links.dropna(subset=["is_same"])
    counts = np.where(known["is_same"].astype(bool), 1.0, 1 / known["share_known"] if "share_known" in known else 1.0)
    table = pd.DataFrame({
        "bin": np.array(BINS)[np.clip(np.searchsorted(BINS, 1 / (1 + np.exp2(-known["match_weight"])), "right") - 1, 0, len(BINS) - 2)],
        "expected": counts / (1 + np.exp2(-known["match_weight"].to_numpy())),
        "calibrated": counts * calibrate(known["match_weight"], line), "share_right": counts * known["is_same"].to_numpy(float),
        "counts": counts, "n": 1, "n_wrong": 1 - known["is_same"].to_numpy(int),
    })  # fmt: skip
    bins = table.groupby("bin", as_index=False).sum()
    for name in ("expected", "calibrated", "share_right"):
        bins[name] /= bins["counts"]
    bins["ci_low"], bins["ci_high"] = wilson_interval(bins["share_right"].to_numpy(), bins["n"].to_numpy())
    return bins.assign(basis=basis)[["basis", "bin", "expected", "calibrated", "share_right", "ci_low", "ci_high", "n", "n_wrong"]]
