"""The report's section on negative controls: does the analysis find an effect where there can be none?

Builds on pipeline.disclosure (control of the tables), pipeline.report_tables, pipeline.wording and pipeline.markdown.
"""

import pandas as pd

from pipeline.disclosure import control_table
from pipeline.markdown import Markup, fill_template, write_tables
from pipeline.report_tables import dash_if_missing, interval_words
from pipeline.wording import write_number, write_p, write_percent, write_ratio

ESTIMANDS = {"referral": "being referred", "engaged": "engaging (complier effect)"}
NUMBERS = ["Controls", "Mean ratio", "Scatter", "Standard error", "Intervals right", "Called significant", "Ratio", "Calibrated ratio", "p-value", "Calibrated p-value"]
# Within so many Monte Carlo errors a share differs from what was promised by chance.
CHANCE = 2


def control_controls(tables: dict[str, pd.DataFrame], threshold: int, rounding: int) -> dict[str, pd.DataFrame]:
    """Return negative_controls and negative_control_summary fit for publication: people rounded or suppressed; controls are no people."""
    return {
        "negative_controls": control_table(tables["negative_controls"], threshold, rounding, counts=["n_people", "n_referred"]).round(4),
        "negative_control_summary": tables["negative_control_summary"].round(5),
    }


def write_section(tables: dict[str, pd.DataFrame], figures: dict[str, Markup], parameters, template: str) -> Markup:
    """Return the section as Markdown from controlled `tables` and finished `figures`, filled into `template`; empty without the tables."""
    controls, summary = (tables.get(name, pd.DataFrame()) for name in ("negative_controls", "negative_control_summary"))
    shown = {
        "controls": (show_controls(summary), "What the analysis makes of referrals that can have done nothing; percentages are of the controls, with Monte Carlo errors in brackets"),
        "calibrated": (show_calibrated(summary), "The primary estimates as they are, and calibrated by the negative controls"),
    }
    context = {
        "is_run": len(summary) > 0,
        "is_found": len(summary) > 0 and bool(summary["mean_estimate"].notna().all()),
        "reason": "" if controls.empty else str(controls["status"].iloc[0]),
        "coverage": [write_coverage(row, parameters.effect.confidence) for row in summary.dropna(subset=["coverage"]).itertuples()] if len(summary) else [],
        "missing": write_missing(summary),
        "has_engaged": len(summary) > 0 and summary["estimand"].eq("engaged").any(),
        "figure": figures,
        "parameters": parameters,
        "table": write_tables(shown, NUMBERS),
    }
    return Markup(fill_template(template, context))


def show_controls(summary: pd.DataFrame) -> pd.DataFrame:
    """Return per estimand what the controls gave, in words."""
    return pd.DataFrame([
        {"Effect of": ESTIMANDS[row.estimand], "Controls": write_number(row.n_controls), "Mean ratio": dash_if_missing(row.mean_estimate, write_ratio),
         "Scatter": dash_if_missing(row.sd, write_three), "Standard error": dash_if_missing(row.mean_std_error, write_three),
         "Intervals right": write_share_with_error(row.coverage, row.coverage_error), "Called significant": write_share_with_error(row.rejected, row.rejected_error)}
        for row in summary.itertuples()
    ])  # fmt: skip


def write_three(value) -> str:
    """Return a number with three decimals."""
    return write_number(value, 3)


def write_share_with_error(share, error) -> str:
    """Return a share in percent with its Monte Carlo error in brackets."""
    return dash_if_missing(share, lambda value: f"{write_percent(100 * value)} ({write_number(100 * error, 1)})")


def show_calibrated(summary: pd.DataFrame) -> pd.DataFrame:
    """Return per estimand the primary estimate and the calibrated one, as ratios with intervals and p-values."""
    return pd.DataFrame([
        {"Effect of": ESTIMANDS[row.estimand], "Ratio": dash_if_missing(row.estimate, write_ratio), "Interval": interval_words(row.ci_low, row.ci_high, write_ratio),
         "p-value": dash_if_missing(row.p_value, write_p), "Calibrated ratio": dash_if_missing(row.calibrated_estimate, write_ratio),
         "Calibrated interval": interval_words(row.calibrated_ci_low, row.calibrated_ci_high, write_ratio), "Calibrated p-value": dash_if_missing(row.calibrated_p_value, write_p)}
        for row in summary.itertuples()
    ])  # fmt: skip


def write_coverage(row, confidence: float) -> str:
    """Return in words how many intervals were right, against how many were promised, and what the scatter says of their width."""
    promised = f"{100 * confidence:g}%"
    far = abs(row.coverage - confidence) > CHANCE * row.coverage_error
    verdict = "a difference that chance allows" if not far else "fewer than promised" if row.coverage < confidence else "more than promised"
    ratio = row.sd / row.mean_std_error
    width = "as much as" if round(ratio, 1) == 1 else f"{write_number(ratio, 2)} times as much as"
    return (
        f"For the effect of {ESTIMANDS[row.estimand]} {write_percent(100 * row.coverage)} of the intervals hold no effect, where {promised} were promised: {verdict}. "
        f"The estimates scatter {width} their standard errors say; the intervals are those of t, which are wider than these errors alone would make them."
    )


def write_missing(summary: pd.DataFrame) -> str:
    """Return in words how many controls gave no estimate; empty where all did."""
    if summary.empty or summary["n_estimated"].ge(summary["n_controls"]).all():
        return ""
    most = int((summary["n_controls"] - summary["n_estimated"]).max())
    return f"{write_number(most)} of {write_number(summary['n_controls'].max())} controls gave no estimate; they count as wrong."
