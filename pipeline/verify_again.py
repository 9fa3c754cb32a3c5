"""Numbers that the report works out from the controlled tables, worked out again for comparison: of clients without the scheme,
of other outcomes, of all specifications, of each choice in them, of all worlds of the audit.

Needs pandas only; builds on pipeline.verify_derived and pipeline.verify_audit, and shares nothing with what writes the report.
"""

import numpy as np
import pandas as pd

from pipeline.verify_audit import find_worlds
from pipeline.verify_derived import Tables, correct_by_holm, read_parameter

# What a specification of the table sensitivity is made of are the columns before this one; with whom it compares goes with the estimator.
FIRST_RESULT, NO_CHOICE = "is_valid", "comparison"
SECONDARY = ("sequential_trials", "complier")


def work_out_again(tables: Tables) -> Tables:
    """Return the worked out tables by a name of their own; one whose source a release does not have is left out."""
    made = {}
    if "claims" in tables:
        claims = tables["claims"]
        made["claims without the scheme"] = claims.assign(without=claims["reproduced"] - claims["controlled"])
    if len(tables.get("decomposition", ())):
        parts = tables["decomposition"].sort_values("position")
        made["parts of the fall"] = parts.assign(share=parts["contacts_per_client"] / parts["contacts_per_client"].iloc[0])
    if "p_value" in tables.get("effects", ()):
        made["effects corrected"] = correct_outcomes(tables)
    if "sensitivity" in tables and len(tables["sensitivity"]):
        made["sides"] = pd.DataFrame([describe_side(rows) for _, rows in tables["sensitivity"].groupby("is_valid")])
        made["choices again"] = find_shifts(tables["sensitivity"])
    if "audit" in tables and len(tables["audit"]):
        held = tables["audit"][tables["audit"]["world"].isin(find_worlds(tables))]
        made["ranges"] = pd.DataFrame([describe_worlds(rows) for _, rows in held.groupby(["estimator", "estimand"])])
    return made


def correct_outcomes(tables: Tables) -> pd.DataFrame:
    """Return the effects of referral and of engaging on other outcomes, p-values corrected over the outcomes (Holm 1979)."""
    effects = tables["effects"]
    rows = effects[effects["estimator"].isin(SECONDARY) & effects["outcome"].ne(read_parameter(tables, "plan.outcome", "n_contacts"))]
    return rows.assign(p_corrected=rows.groupby("estimator")["p_value"].transform(correct_by_holm))


def find_shifts(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return by how much each level of a choice moves the log ratio from the plan's: mean, least and most over pairs that differ in it alone, and the choice's share of the spread."""
    names = [name for name in sensitivity.loc[:, :FIRST_RESULT] if name not in (FIRST_RESULT, NO_CHOICE)]
    valid = sensitivity[sensitivity["is_valid"].astype(bool) & np.isfinite(sensitivity["estimate"].astype(float))]
    if not valid["is_primary"].astype(bool).any():
        return pd.DataFrame()
    levels = valid[names].astype(object).where(valid[names].notna(), "").astype(str)
    plan, estimates = levels[valid["is_primary"].astype(bool)].iloc[0], valid["estimate"].astype(float)
    known, found = {tuple(row): estimate for row, estimate in zip(levels.to_numpy(), estimates)}, {}
    for row, estimate in zip(levels.to_numpy(), estimates):
        for at in np.flatnonzero(row != plan.to_numpy()):
            twin = known.get((*row[:at], plan.iloc[at], *row[at + 1 :]))
            if twin is not None:
                found.setdefault((names[at], row[at]), []).append(estimate - twin)
    spread = share_spread(levels, estimates, plan)
    rows = [(choice, level, len(shifts), np.mean(shifts), min(shifts), max(shifts), spread.get(choice, np.nan)) for (choice, level), shifts in found.items()]
    return pd.DataFrame(rows, columns=["choice", "level", "n_pairs", "shift", "shift_low", "shift_high", "share_of_spread"])


def share_spread(levels: pd.DataFrame, estimates: pd.Series, plan: pd.Series) -> dict[str, float]:
    """Return for each crossed choice what part of the sum of squares lies between its levels, over the specifications in which all choices are crossed."""
    other = levels.ne(plan)
    crossed = [name for name in levels if other.loc[other[name], [one for one in levels if one not in (name, "outcome", "estimator")]].any(axis=None)]
    alone = [name for name in levels if name not in crossed]
    counts = levels["estimator"].map(levels["estimator"].value_counts())
    core = ~other[alone].any(axis=1) & (counts > counts.max() / 2)
    away = estimates[core] - estimates[core].mean()
    if not (away**2).sum() > 0:
        return {}
    return {name: float((away.groupby(levels.loc[core, name]).transform("mean") ** 2).sum() / (away**2).sum()) for name in crossed}


def describe_side(rows: pd.DataFrame) -> dict[str, float]:
    """Return how the specifications in `rows` lie about no effect, and their range."""
    n, estimate = len(rows), rows["estimate"].astype(float)
    counts = {"below": (estimate < 0).sum(), "below_clearly": (rows["ci_high"] < 0).sum(), "above": (estimate >= 0).sum(), "above_clearly": (rows["ci_low"] > 0).sum(), "none": estimate.isna().sum()}
    finite = estimate[np.isfinite(estimate)]
    ranges = {f"at_{share}": finite.quantile(share) for share in (0, 0.25, 0.75, 1)} | {"primary": estimate[rows["is_primary"].astype(bool)].min()}
    return {"n": n, **counts, **{f"percent_{name}": 100 * count / n for name, count in counts.items()}, **ranges}


def describe_worlds(rows: pd.DataFrame) -> dict[str, float]:
    """Return the range of each figure of the audit over the worlds in `rows`, those without effect apart."""
    without = rows[rows["truth"].abs() < 1e-9]
    figures = {"n": len(rows), "replicates": rows["n_replicates"].min()}
    for part, some in (("", rows), ("_without", without), ("_with", rows.drop(without.index))):
        for column in ("bias", "bias_se", "coverage", "coverage_se", "rejected", "truth"):
            figures |= {f"{column}{part}_{end}": getattr(some[column], end)() for end in ("min", "max")}
    return figures
