"""The report's section on panels whose starts are staggered: which number answers the question there, and whether it may.

Builds on pipeline.disclosure (control of the table), pipeline.labels, pipeline.report_tables, pipeline.wording and pipeline.markdown.
"""

import pandas as pd

from pipeline.disclosure import control_table
from pipeline.labels import label
from pipeline.markdown import Markup, fill_template, write_table_if_any
from pipeline.report_tables import count_words, interval_words, write_ratio
from pipeline.wording import PRIMARY, name_direction, write_change, write_interval, write_number, write_p

ESTIMATORS = {
    "extended_twfe": "Extended two-way fixed effects, Poisson", "callaway_santanna": "Callaway and Sant'Anna", "efficient_rollout": "Roth and Sant'Anna, efficient",
    "two_way_fixed_effects": "Two-way fixed effects (known mistake)",
}  # fmt: skip
AGGREGATIONS = {"simple": "simple", "cohort": "by cohort", "calendar": "by calendar period"}
UNITS = {"month": "month", "quarter": "quarter of a year", "half": "half-year"}
NUMBERS = ["Ratio", "p-value", "Per person-month", "Standard error", "People", "Started"]
COUNTS = ["n_people", "n_treated", "n_person_months"]
ESTIMATES = ["estimate", "std_error", "ci_low", "ci_high", "p_value", "att", "att_std_error", "att_ci_low", "att_ci_high"]


def control_staggered(staggered_effects: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return the table fit for publication: counts suppressed and rounded, estimates that rest on too few people blanked, and no count left in words."""
    controlled = control_table(staggered_effects, threshold, rounding, COUNTS, blank=None)
    few = controlled["n_people"].isna() | (controlled["n_treated"].isna() & controlled["aggregation"].ne("pre_trend"))
    controlled[ESTIMATES] = controlled[ESTIMATES].mask(few).astype(float).round(6)
    # What was left out is counted in the status; a count there is controlled like any other.
    numbers = controlled["status"].str.replace(r"\b(\d+)(?= people)", lambda found: hide(int(found.group(1)), threshold, rounding), regex=True)
    return controlled.assign(status=numbers)


def hide(count: int, threshold: int, rounding: int) -> str:
    """Return a count of people fit for a sentence."""
    return f"fewer than {threshold}" if count < threshold else f"{int((count / rounding + 0.5) // 1 * rounding):,}"


def find_staggered(staggered_effects: pd.DataFrame, outcome: str = PRIMARY) -> pd.Series | None:
    """Return the ratio of sums of the extended two-way fixed effects, or None where there is none."""
    rows = staggered_effects[staggered_effects["outcome"].eq(outcome) & staggered_effects["estimator"].eq("extended_twfe") & staggered_effects["aggregation"].eq("simple")]
    rows = rows.dropna(subset=["estimate"])
    return None if rows.empty else rows.iloc[0]


def write_first(staggered_effects: pd.DataFrame, needs_recent_contact: bool, pre_trend_p_at_least: float) -> str:
    """Return for the first page what the staggered starts say where timing did not follow demand; empty for all other extracts."""
    row = find_staggered(staggered_effects) if len(staggered_effects) else None
    if row is None or needs_recent_contact:
        return ""
    before = staggered_effects.loc[staggered_effects["outcome"].eq(PRIMARY) & staggered_effects["aggregation"].eq("pre_trend"), "p_value"]
    doubt = " But cohorts moved apart before they started, so that it is in doubt." if (before < pre_trend_p_at_least).any() else ""
    found = f"{write_change(row['estimate'])} contacts than expected (interval: {write_interval(row['ci_low'], row['ci_high'])})".replace("no change contacts than", "as many contacts as")
    direction = "This leaves both directions open." if name_direction(row) == "inconclusive" else "The interval leaves out no effect."
    return (
        "This panel's timing is taken not to follow demand (needs_recent_contact is false), and starts are staggered. For such a panel the plan's estimate is the one that compares people who "
        f"started with people who had not started yet, over all months from the start on: {found}. {direction} The sentence above is of the trials month by month; where the two disagree, this one counts.{doubt}"
    )


def write_section(staggered_effects: pd.DataFrame, figure: str, parameters, template: str) -> Markup:
    """Return the section as Markdown from the controlled table, filled into `template`; empty where there is no such panel."""
    if staggered_effects.empty:
        return Markup("")
    main = staggered_effects[staggered_effects["outcome"].eq(PRIMARY)]
    notes = main.loc[main["aggregation"].eq("simple") & main["estimator"].eq("extended_twfe"), "status"].str.partition("; ")[2]
    notes = "; ".join(note for note in notes if note).replace(" left out", "")
    ratios, levels, others = show_ratios(main), show_levels(main, parameters.disclosure.threshold), show_others(staggered_effects)
    interval = f"{100 * parameters.effect.confidence:g}% interval"
    shown = {"ratios": (ratios, "Ratios of contacts to those expected without the scheme"), "levels": (levels, "Effects per person-month"), "others": (others, "Other outcomes, ratios")}
    context = {
        "is_there": True,
        "caution": write_caution(parameters.panel.needs_recent_contact),
        "unit": UNITS[main["unit"].iloc[0]],
        "left_out": f"Left out: {notes}." if notes else "",
        "figure": figure,
        "pre_trend": write_pre_trend(main, parameters.pass_marks.pre_trend_p_at_least),
        "table": {
            name: write_table_if_any(table.rename(columns={"Interval": interval}), caption, NUMBERS, f"staggered_{name}")
            for name, (table, caption) in shown.items()
        },
    }
    return Markup(fill_template(template, context))


def write_caution(needs_recent_contact: bool) -> str:
    """Return whether these estimates may answer the question."""
    if needs_recent_contact:
        return (
            "These estimates do not answer the question here. They are right only where the timing of starts does not follow from what is counted. People of this panel start after a recent contact "
            "(needs_recent_contact is true), so the months just before hold a peak, and its fall is taken for an effect. They are shown because a reviewer will ask for them."
        )
    return (
        "These estimates rest on one assumption: what is counted did not trigger the start. Whoever set needs_recent_contact to false says so; nothing in the panel can prove it. If people were picked at a peak after all, "
        "its fall is taken for an effect here. Where the assumption holds, the first row of the table is the answer of the plan, and the first page gives it."
    )


def write_pre_trend(main: pd.DataFrame, least: float) -> str:
    """Return what the months before the start say."""
    row = main[main["aggregation"].eq("pre_trend")].iloc[0]
    if pd.isna(row["p_value"]):
        return f"Whether cohorts moved alike before their start could not be tested ({row['status'].removeprefix('not estimable: ')})."
    found = f"The joint test that nothing happened in the {write_number(-row['first_month'])} months before the start has a p-value of {write_p(row['p_value'])}"
    if row["p_value"] < least:
        return f"{found}, below {least:g}: cohorts moved apart before they started, and the estimates below are in doubt."
    return f"{found}, not below {least:g}. That is no proof."


def show_ratios(main: pd.DataFrame) -> pd.DataFrame:
    """Return the estimates that are ratios, in words; one that could not be had says why."""
    rows = main[main["aggregation"].eq("simple") & main["estimator"].ne("efficient_rollout")]
    return pd.DataFrame([
        {"Estimator": ESTIMATORS[row.estimator], "Ratio": write_ratio(row.estimate) if pd.notna(row.estimate) else row.status, "Interval": interval_words(row.ci_low, row.ci_high, write_ratio),
         "p-value": "–" if pd.isna(row.p_value) else write_p(row.p_value)}
        for row in rows.itertuples()
    ])  # fmt: skip


def show_levels(main: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the mean effects per person-month, in words."""
    rows = main[main["aggregation"].isin(AGGREGATIONS) & main["estimator"].ne("two_way_fixed_effects")].dropna(subset=["att"])
    return pd.DataFrame([
        {"Estimator": ESTIMATORS[row.estimator], "Mean": AGGREGATIONS[row.aggregation], "Per person-month": write_five(row.att), "Standard error": write_five(row.att_std_error),
         "Interval": interval_words(row.att_ci_low, row.att_ci_high, write_five), "People": count_words(row.n_people, threshold), "Started": count_words(row.n_treated, threshold)}
        for row in rows.itertuples()
    ])  # fmt: skip


def show_others(staggered_effects: pd.DataFrame) -> pd.DataFrame:
    """Return the ratio of the extended two-way fixed effects for each further outcome, in words."""
    rows = staggered_effects[staggered_effects["outcome"].ne(PRIMARY) & staggered_effects["estimator"].eq("extended_twfe") & staggered_effects["aggregation"].eq("simple")]
    return pd.DataFrame([
        {"Outcome": label("outcome", row.outcome), "Ratio": write_ratio(row.estimate) if pd.notna(row.estimate) else row.status, "Interval": interval_words(row.ci_low, row.ci_high, write_ratio),
         "p-value": "–" if pd.isna(row.p_value) else write_p(row.p_value)}
        for row in rows.itertuples()
    ])  # fmt: skip


def write_five(value) -> str:
    """Return a number with five decimals: effects on rare outcomes are small."""
    return write_number(value, 5)
