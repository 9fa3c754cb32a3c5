"""The analysis plan beside what this run did: which choices were fixed beforehand, and which of them differ here."""

import pandas as pd

COLUMNS = ["choice", "plan", "this_run", "is_plan"]
# The choices of a run that the plan fixes, by section of params.yaml.
FIXED = {"panel": ["months_before", "months_after", "trigger_months", "needs_recent_contact", "washout_days"], "linkage": ["accept_from"], "effect": ["later_referrals"]}
NOT_ESTIMATED = "not estimated"


def compare_with_plan(plan, parameters, effects: pd.DataFrame) -> pd.DataFrame:
    """Return one row per choice of the plan (COLUMNS): its value in the plan, in this run, and whether they are the same.

    The primary of this run is the row of `effects` with the plan's outcome, comparison, estimator and estimand; where
    that row is missing or holds no estimate, the estimator of this run is NOT_ESTIMATED.
    """
    named = ["outcome", "comparison", "estimator", "estimand"]
    rows = effects.dropna(subset=["estimate"])
    for name in named:
        rows = rows[rows[name].eq(getattr(plan, name))]
    design = [(name, getattr(plan, name), getattr(plan, name) if len(rows) else NOT_ESTIMATED) for name in named]
    fixed = [(name, getattr(plan, name), getattr(getattr(parameters, section), name)) for section, names in FIXED.items() for name in names]
    return pd.DataFrame([(name, str(planned), str(ran), planned == ran) for name, planned, ran in [*design, *fixed]], columns=COLUMNS)


def list_departures(analysis_plan: pd.DataFrame) -> list[str]:
    """Return each choice in which this run departs from the plan, in words."""
    return [f"{row.choice.replace('_', ' ')} is {row.this_run.replace('_', ' ')} and not {row.plan.replace('_', ' ')}" for row in analysis_plan[~analysis_plan["is_plan"]].itertuples()]
