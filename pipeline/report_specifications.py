"""The section on other choices: where the estimates lie, which choices move them, and those one choice away from the plan.

Works on the controlled table `sensitivity` (pipeline.sensitivity). Builds on pipeline.labels, pipeline.report_tables,
pipeline.specification_choices and pipeline.wording.
"""

import numpy as np
import pandas as pd

from pipeline.labels import label, word_level
from pipeline.report_tables import dash_if_missing, interval_words
from pipeline.specification_choices import CHOICES, count_sides, design_of, differ_in_one
from pipeline.wording import write_number, write_percent, write_ratio

def write_sides(sensitivity: pd.DataFrame) -> str:
    """Return in words what share of the valid specifications lies on each side of 1, and how many intervals leave it out."""
    sides = count_sides(sensitivity)
    if sides["n"] == sides["none"]:
        return ""

    def percent(*names: str) -> str:
        return write_percent(100 * sum(sides[name] for name in names) / sides["n"], 0)

    estimates = sensitivity.loc[sensitivity["is_valid"], "estimate"].astype(float)
    finite = estimates[np.isfinite(estimates)]
    text = (
        f"Of {write_number(sides['n'])} valid specifications {percent('below_clearly', 'below')} find fewer contacts, {percent('below_clearly')} with an interval that "
        f"leaves out 1; {percent('above', 'above_clearly')} find more, {percent('above_clearly')} with such an interval. "
        f"Half of the ratios lie between {write_ratio(finite.quantile(0.25))} and {write_ratio(finite.quantile(0.75))}, all of them between {write_ratio(finite.min())} and {write_ratio(finite.max())}."
    )
    return text + (f" {write_number(sides['none'])} could not be estimated." if sides["none"] else "")


def write_choices(choices: pd.DataFrame) -> str:
    """Return in words which choices move the answer most."""
    if choices.empty:
        return ""
    leading = choices.drop_duplicates("choice").head(3)
    named = [f"{label('choice', row.choice).lower()} ({word_level(row.choice, row.level)}: ratios times {write_ratio(row.shift)})" for row in leading.itertuples()]
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"What moves the answer most, other choices being equal, {'is' if len(named) == 1 else 'are'} {listed}."


def show_choices(choices: pd.DataFrame) -> pd.DataFrame:
    """Return the choices that matter for readers: shifts as factors by which the ratio changes."""
    return pd.DataFrame([
        {
            "Choice": label("choice", row.choice),
            "In place of the plan": word_level(row.choice, row.level),
            "Ratio times": write_ratio(row.shift),
            "From": write_ratio(row.shift_low),
            "To": write_ratio(row.shift_high),
            "Share of spread": "–" if pd.isna(row.share_of_spread) else write_percent(100 * row.share_of_spread, 0),
        }
        for row in choices.itertuples()
    ])


def show_sensitivity(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return the specifications that differ from the primary one in a single choice, valid designs first, invalid ones marked."""
    rows = differ_in_one(sensitivity)
    order = rows["differs"].map({"": -1} | {choice: place for place, choice in enumerate(CHOICES)})
    rows = rows.assign(order=order).sort_values(["is_valid", "order"], ascending=[False, True], kind="stable")
    return pd.DataFrame([
        {
            "What differs": name_difference(row),
            "Ratio": dash_if_missing(row["estimate"], write_ratio),
            "Interval": interval_words(row["ci_low"], row["ci_high"], write_ratio),
        }
        for row in rows.to_dict("records")
    ])


def name_difference(row: dict) -> str:
    """Return in words what a row of differ_in_one does otherwise than the plan."""
    if not row["is_valid"]:
        # The release's own count is of the clients of the claim; here the same is made of everyone who engaged in the analysis.
        whose = ", of everyone engaged who is analysed" if row["estimator"] == "naive" else ""
        return f"{label('estimator', design_of(row))}{whose}{label('against', row['comparison'])} – invalid"
    if not row["differs"]:
        return "Nothing (primary)" if row["is_primary"] else label("estimator", row["estimator"])
    words = word_level(row["differs"], row[row["differs"]])
    return words + (label("against", row["comparison"]) if row["differs"] == "estimator" else "")
