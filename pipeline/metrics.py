"""The few numbers by which two runs are told apart: flat, controlled, for `dvc metrics`.

Builds on pipeline.wording, which finds rows in the controlled tables.
"""

import math

import pandas as pd

from pipeline.wording import find_claim, find_effect


def collect_metrics(tables: dict[str, pd.DataFrame], failures: list[str]) -> dict[str, float | int | None]:
    """Return the main figures of the controlled `tables` by name; None where one is missing, suppressed or unbounded.

    Ratios end in _irr, percentages in _percent. `failures` are the pass marks that are not met.
    """
    effects, claims, balance = tables["effects"], tables["claims"], tables["balance"]
    attrition, links = tables["attrition"], tables["link_quality"]
    found = {
        "naive_fall_percent": find_claim(claims, "fall in demand", "reproduced"),
        "controlled_fall_percent": find_claim(claims, "fall in demand", "controlled"),
        "did_not_call_percent": find_claim(claims, "did not call", "reproduced"),
        "called_once_or_twice_percent": find_claim(claims, "called once or twice", "reproduced"),
        **ratios(find_effect(effects, "sequential_trials", "referral"), "referral"),
        **ratios(find_effect(effects, "complier", "engaged"), "complier"),
        **ratios(find_effect(effects, "sequential_trials", "never_engaged"), "never_engaged"),
        "n_people_claim": last_people(attrition, "claim"),
        "n_people_analysis": last_people(attrition, "analysis"),
        "largest_difference_after_weighting": balance.loc[balance["treated"].eq("referred"), "smd_after"].abs().max() if len(balance) else float("nan"),
        "n_pass_marks_missed": len(failures),
    }
    for check in ("precision", "recall"):
        rows = links[links["check"].eq(f"expected {check}")]
        found[f"least_link_{check}"] = rows["value"].min() if len(rows) else float("nan")
    return {name: tidy(value) for name, value in found.items()}


def ratios(row: pd.Series | None, name: str) -> dict[str, float]:
    """Return the ratio of an effect and the ends of its interval."""
    parts = {f"{name}_irr": "estimate", f"{name}_irr_ci_low": "ci_low", f"{name}_irr_ci_high": "ci_high"}
    return {key: float("nan") if row is None else math.exp(min(row[column], 700)) if row[column] < 700 else math.inf for key, column in parts.items()}


def last_people(attrition: pd.DataFrame, flow: str):
    """Return the people left at a flow's end."""
    rows = attrition[attrition["flow"].eq(flow)].sort_values("step")
    return pd.NA if rows.empty else rows["n_people"].iloc[-1]


def tidy(value):
    """Return a number fit for JSON: whole where it is a count, four decimals else, None when missing or infinite."""
    if pd.isna(value) or math.isinf(value):
        return None
    return int(value) if not isinstance(value, float) else round(value, 4)
