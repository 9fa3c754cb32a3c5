"""The strength of evidence, worked out from what ran: a level of the Maryland Scientific Methods Scale.

The variant is that of the What Works Centre for Local Economic Growth: level 1 compares before and after, or two groups,
without adjustment; level 2 adjusts; level 3 compares before and after in both a treated and a comparison group and shows
that the two are alike; levels 4 and 5 need something as good as chance, or chance itself, to decide who is treated.
Nothing of the kind decides here, so 3 is the most that can be reached. A level says how a design guards against
selection, not whether its answer is right. Builds on nothing.
"""

import pandas as pd

COLUMNS = ["level", "requirement", "check", "value", "pass_mark", "met"]
HIGHEST = 3
BEYOND = {4: "Something as good as chance decides who is treated", 5: "Chance decides who is treated"}
# Checks of the model that show the comparison to be alike, and what each one asks.
COMPARABILITY = {
    "balance": "Both groups are alike at time zero",
    "overlap": "There is somebody to compare every treated person with",
    "effective comparisons": "Enough comparison people carry the weights",
    "pre-trend": "Both groups moved alike before time zero",
}


def grade_evidence(effects: pd.DataFrame, model_checks: pd.DataFrame, plan) -> pd.DataFrame:
    """Return one row per requirement of a level: level, requirement, check, value, pass_mark, met (COLUMNS).

    `effects` and `model_checks` are of stage 04; `plan` names comparison, estimator, estimand and outcome of the primary
    analysis. A check that was not made, or has no verdict, is not met: comparability must be shown, not assumed. A verdict
    holds where disclosure control hides the value behind it, and so does a count that was made; a value that could not be
    worked out has failed already.
    """
    status = effects.reindex(columns=["status"])["status"].astype("str")
    counted = effects[effects["outcome"].eq(plan.outcome) & effects["estimator"].eq("naive") & (effects["estimate"].notna() | status.str.startswith("not shown"))]
    estimated = effects[effects["outcome"].eq(plan.outcome)].dropna(subset=["estimate"])
    is_naive, is_alone = estimated["estimator"].eq("naive"), estimated["comparison"].eq("none")
    is_primary = estimated["comparison"].eq(plan.comparison) & estimated["estimator"].eq(plan.estimator) & estimated["estimand"].eq(plan.estimand)
    rows = [
        (1, "Demand is counted before and after", "counts before and after", len(counted), None, len(counted) > 0),
        (2, "An estimate is adjusted for what else differs or changed", "adjusted estimates", (~is_naive).sum(), None, bool((~is_naive).any())),
        (3, "A comparison group is followed before and after", "", None, None, bool((is_primary & ~is_alone).any())),
        *[compare_check(model_checks, check, requirement) for check, requirement in COMPARABILITY.items()],
        *[(level, requirement, "", None, None, False) for level, requirement in BEYOND.items()],
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"value": float, "pass_mark": float, "met": bool})


def compare_check(model_checks: pd.DataFrame, check: str, requirement: str) -> tuple:
    """Return the row of a check of comparability."""
    rows = model_checks[model_checks["check"].eq(check)]
    if rows.empty:
        return (3, requirement, check, None, None, False)
    row = rows.iloc[0]
    return (3, requirement, check, row["value"], row["pass_mark"], pd.notna(row["passed"]) and bool(row["passed"]))


def level_of(maryland: pd.DataFrame) -> int:
    """Return the highest level whose own requirements are all met, 0 where nothing could be estimated; never above HIGHEST."""
    met = maryland.groupby("level")["met"].all()
    return max((int(level) for level, is_met in met.items() if is_met and level <= HIGHEST), default=0)
