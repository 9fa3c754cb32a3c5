"""One number or a bracket: do the designs that the audit found valid agree on these data?

All designs use the same people, so that their errors go together; how closely is learnt from the audit's draws
(pipeline.audit_pairs), and where the audit does not know it the errors are taken as independent, which finds fewer
differences. Errors are read off the intervals, so that one that is wider because few people carry it counts as such. Every pair of valid designs is tested, with Holm's correction (1979). Where any pair differs beyond chance,
no choice among designs is defensible on these data alone, and the answer is the bracket from the lowest to the highest
estimate, each with its own sampling interval; else the plan's estimate stands. Designs that the audit found invalid
span nothing. Builds on pipeline.audit_verdicts and pipeline.audit_pairs.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from pipeline.audit_pairs import difference_error
from pipeline.audit_verdicts import list_valid

COLUMNS = ["estimand", "estimator", "estimate", "std_error", "ci_low", "ci_high", "p_differs", "is_apart", "is_lowest", "is_highest"]


def bracket_designs(effects: pd.DataFrame, audit_verdicts: pd.DataFrame, audit_pairs: pd.DataFrame, worlds: list[str], plan, confidence: float) -> pd.DataFrame:
    """Return one row per valid design of the plan's outcome, comparison and estimand that these data could estimate (COLUMNS), sorted by estimate.

    `plan` holds outcome, comparison and estimand; `worlds` are those whose correlations count. p_differs is the smallest
    corrected p-value of a design's differences from the others; is_apart, alike in all rows, says that some pair differs
    beyond chance. Empty where the audit found no design valid, or none could be estimated.
    """
    rows = effects[effects["outcome"].eq(plan.outcome) & effects["comparison"].eq(plan.comparison) & effects["estimand"].eq(plan.estimand)]
    rows = rows[rows["estimator"].isin(list_valid(audit_verdicts, plan.estimand)) & np.isfinite(rows["estimate"].astype(float)) & np.isfinite(rows["std_error"].astype(float))]
    rows = rows.sort_values(["estimate", "estimator"], ignore_index=True)
    if rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    widths = (rows["ci_high"] - rows["ci_low"]) / (2 * ndtri(0.5 + confidence / 2))
    pairs = compare_pairs(rows.assign(error=widths.where(np.isfinite(widths), rows["std_error"])), learn_correlations(audit_pairs, worlds, plan.estimand))
    smallest = [min([p for pair, p in pairs.items() if name in pair], default=np.nan) for name in rows["estimator"]]
    is_apart = any(p < 1 - confidence for p in pairs.values())
    ends = dict(is_lowest=rows.index == 0, is_highest=rows.index == len(rows) - 1)
    return rows.assign(p_differs=smallest, is_apart=is_apart, **ends)[COLUMNS]


def learn_correlations(audit_pairs: pd.DataFrame, worlds: list[str], estimand: str) -> dict[frozenset, float]:
    """Return per pair of designs the median correlation over `worlds`."""
    rows = audit_pairs[audit_pairs["world"].isin(worlds) & audit_pairs["estimand"].eq(estimand)].dropna(subset=["correlation"])
    return {frozenset(pair): float(group.median()) for pair, group in rows.groupby(["estimator", "other"])["correlation"]}


def compare_pairs(rows: pd.DataFrame, correlations: dict[frozenset, float]) -> dict[frozenset, float]:
    """Return Holm's corrected p-value of the difference of each pair of designs in `rows`, whose `error` is that of the estimate."""
    raw = {}
    for one, other in combinations(rows.itertuples(), 2):
        pair = frozenset((one.estimator, other.estimator))
        error = difference_error(one.error, other.error, correlations.get(pair, 0.0))
        apart = abs(one.estimate - other.estimate)
        raw[pair] = float(2 * ndtr(-apart / error)) if error > 0 else float(apart == 0)
    corrected, largest = {}, 0.0
    for place, pair in enumerate(sorted(raw, key=raw.get)):
        largest = max(largest, min(1.0, raw[pair] * (len(raw) - place)))
        corrected[pair] = largest
    return corrected
