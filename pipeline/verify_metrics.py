"""The figures in metrics.json against the controlled tables. Needs pandas only; builds on pipeline.verify_derived."""

import json
import math

import pandas as pd

from pipeline.verify_derived import Findings, Tables

# metrics.json keeps four decimals.
SLACK = 6e-5
EFFECTS = {"referral": ("sequential_trials", "referral"), "complier": ("complier", "engaged"), "never_engaged": ("sequential_trials", "never_engaged")}
CLAIMS = {
    "naive_fall_percent": ("fall in demand", "reproduced"), "controlled_fall_percent": ("fall in demand", "controlled"),
    "did_not_call_percent": ("did not call", "reproduced"), "called_once_or_twice_percent": ("called once or twice", "reproduced"),
}  # fmt: skip


def verify_metrics(content: bytes, tables: Tables) -> list[Findings]:
    """Return what was checked: name, figures checked, failures in words."""
    try:
        metrics = json.loads(content)
    except ValueError:
        return [("figures in metrics.json", 1, ["metrics.json: cannot be read"])]
    expected = expect_metrics(tables)
    checked = [name for name in expected if name in metrics]
    wrong = [f"metrics.json: {name} is {metrics[name]}, the tables say {expected[name]:g}" for name in checked if not agrees(metrics[name], expected[name])]
    return [("figures in metrics.json", len(checked), wrong)]


def agrees(stated, expected: float) -> bool:
    """Return whether a stated figure is the expected one; None stands for what is missing or unbounded."""
    if stated is None or not math.isfinite(expected):
        return stated is None and not math.isfinite(expected)
    return abs(stated - expected) <= SLACK * max(1.0, abs(expected))


def expect_metrics(tables: Tables) -> dict[str, float]:
    """Return those figures that the tables give by name."""
    expected = {}
    if "claims" in tables:
        claims = tables["claims"].set_index("claim")
        expected |= {name: float(claims[column].get(claim, math.nan)) for name, (claim, column) in CLAIMS.items()}
    effects = tables.get("effects", pd.DataFrame(columns=["outcome", "estimator", "estimand"]))
    for name, (estimator, estimand) in EFFECTS.items():
        rows = effects[effects["outcome"].eq("n_contacts") & effects["estimator"].eq(estimator) & effects["estimand"].eq(estimand)].dropna(subset=["estimate"]) if len(effects) else effects
        for ending, column in (("_irr", "estimate"), ("_irr_ci_low", "ci_low"), ("_irr_ci_high", "ci_high")):
            value = float(rows[column].iloc[0]) if len(rows) else math.nan
            expected[name + ending] = math.exp(value) if value < 700 else value
    return expected
