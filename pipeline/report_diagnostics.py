"""The report's sections on what could be found at all, how far the answer bends and whom it may have harmed.

Builds on pipeline.honest_bounds and pipeline.robustness (breakdown value, the remark on E-values), pipeline.disclosure,
pipeline.report_tables, pipeline.wording and pipeline.markdown.
"""

import math

import pandas as pd

from pipeline.disclosure import control_table
from pipeline.honest_bounds import last_bound_excluding
from pipeline.markdown import Markup, fill_template, write_table_if_any
from pipeline.report_tables import count_words, dash_if_missing, interval_words, write_one, write_ratio
from pipeline.robustness import e_value, e_value_of_interval, e_value_remark
from pipeline.wording import PRIMARY, write_number, write_p, write_percent

NAMES = {
    ("referral", "sequential_trials"): "Being referred", ("never_engaged", "sequential_trials"): "Being referred without engaging",
    ("engaged", "sequential_trials"): "The engaged alone", ("engaged", "complier"): "Engaging (complier effect)", ("before_after", "naive"): "Before and after, as published",
}  # fmt: skip
HARMS = {
    "n_missing": "Reported missing", "n_mental_health": "Detained under the Mental Health Act (section 136)", "n_domestic_victim": "Victim of domestic abuse", "n_deaths": "Death",
}  # fmt: skip
RESTRICTIONS = {"relative_magnitudes": "Times the largest move before", "smoothness": "Change of the drift from block to block (log ratio)"}
NUMBERS = [
    "Found below", "Found above", "Ratio", "E-value", "E-value of the interval's nearer end", "Rate, referred", "Rate, comparison", "p-value", "Bound", "Incidents, referred",
]  # fmt: skip


def control_diagnostics(tables: dict[str, pd.DataFrame], effects: pd.DataFrame, threshold: int, rounding: int) -> dict[str, pd.DataFrame]:
    """Return honest_bounds, detectable_effects, e_values and score_bootstrap fit for publication: the one count rounded, numbers cut short.

    `effects` is controlled already: what it does not show of the before-and-after count, its E-value must not tell.
    """
    scored = control_table(tables["score_bootstrap"], threshold, rounding, counts=["n_smaller_arm"])
    controlled = {"score_bootstrap": scored, "e_values": control_e_values(tables["e_values"], effects)}
    return {name: table.round(4) for name, table in (tables | controlled).items()}


def control_e_values(e_values: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Return `e_values` with that of the before-and-after ratio worked out again from the controlled `effects`, and without it where they hide the ratio."""
    kept = e_values[e_values["estimator"].ne("naive")]
    shown = effects[effects["estimator"].eq("naive") & effects["outcome"].eq(PRIMARY)].dropna(subset=["estimate", "ci_low", "ci_high"])
    again = [("before_after", "naive", math.exp(row.estimate), e_value(math.exp(row.estimate)), e_value_of_interval(math.exp(row.ci_low), math.exp(row.ci_high))) for row in shown.itertuples()]
    return pd.DataFrame([*kept.itertuples(index=False, name=None), *again], columns=list(e_values)) if again else kept


def write_detectable(tables: dict[str, pd.DataFrame], template: str) -> Markup:
    """Return the section that stands before the effects: what could be found at all. Empty where that is not known."""
    detectable = tables.get("detectable_effects", pd.DataFrame())
    known = detectable.dropna(subset=["ratio_below"]) if len(detectable) else detectable
    if known.empty:
        return Markup("")
    shown = pd.DataFrame([{"Effect of": NAMES[row.estimand, row.estimator], "Found below": write_number(row.ratio_below, 2), "Found above": write_number(row.ratio_above, 2)} for row in known.itertuples()])
    main = known.set_index(["estimand", "estimator"])["ratio_below"]
    smallest = main.get(("engaged", "complier"), main.get(("referral", "sequential_trials")))
    return Markup(fill_template(template, {"table": write_table_if_any(shown, "Ratios that a test at 5% finds in 80 of 100 such studies", NUMBERS, "detectable"), "smallest_fall": write_percent(100 * (1 - smallest), 0)}))


def write_harm(tables: dict[str, pd.DataFrame], parameters, template: str) -> Markup:
    """Return what the outcomes say that may show harm, from controlled `tables`; empty where there is no such table."""
    safety, threshold = tables.get("safety", pd.DataFrame()), parameters.disclosure.threshold
    if safety.empty:
        return Markup("")
    recorded = safety[safety["status"].ne("not recorded in these extracts")]
    is_shown = bool(recorded[["n_events", "rate_referred", "estimate"]].notna().any(axis=None))
    context = {
        "parameters": parameters,
        "has_intervals": bool(recorded["ci_low"].notna().any()),
        "hidden": ", ".join(name_harms(recorded)) if not is_shown else "",
        "safety": write_table_if_any(show_safety(recorded if is_shown else recorded.iloc[:0], threshold), "Outcomes that may show harm; rates are incidents per 100 person-years", NUMBERS, "safety"),
        "absent": ", ".join(name_harms(safety.drop(recorded.index))),
    }
    return Markup(fill_template(template, context))


def write_section(tables: dict[str, pd.DataFrame], figures: dict[str, Markup], parameters, template: str) -> Markup:
    """Return how far the answer bends, from controlled `tables`; empty where the stage made none of them."""
    found = {name: tables.get(name, pd.DataFrame()) for name in ("honest_bounds", "score_bootstrap", "e_values")}
    if all(table.empty for table in found.values()):
        return Markup("")
    context = {
        "figure": {"honest_bounds": figures.get("honest_bounds", "")},
        "bounds": write_table_if_any(show_bounds(found["honest_bounds"]), "Intervals of the effect of being referred when the arms may have drifted apart", NUMBERS, "bounds"),
        "breakdown": write_breakdown(found["honest_bounds"], parameters.diagnostics.block_months),
        "scored": write_scored(found["score_bootstrap"]),
        "e_values": write_table_if_any(show_e_values(found["e_values"]), "E-values", NUMBERS, "e-values"),
        "remark": e_value_remark(naive_ratio(found["e_values"])),
    }
    return Markup(fill_template(template, context))


def name_harms(safety: pd.DataFrame) -> list[str]:
    """Return the names of the outcomes of `safety` as they stand within a sentence."""
    return [HARMS[code][0].lower() + HARMS[code][1:] for code in safety["outcome"]] if len(safety) else []


def show_safety(safety: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the safety outcomes in words, uncorrected."""
    return pd.DataFrame([
        {"Outcome": HARMS[row.outcome], "Incidents, referred": count_words(row.n_events, threshold), "Rate, referred": dash_if_missing(row.rate_referred, write_one),
         "Rate, comparison": dash_if_missing(row.rate_comparison, write_one), "Ratio": dash_if_missing(row.estimate, write_ratio),
         "Interval": interval_words(row.ci_low, row.ci_high, write_ratio), "p-value": dash_if_missing(row.p_value, write_p)}
        for row in safety.itertuples()
    ])  # fmt: skip


def show_bounds(honest_bounds: pd.DataFrame) -> pd.DataFrame:
    """Return the bounds in words, one row per bound."""
    return pd.DataFrame([
        {"Drift allowed": RESTRICTIONS[row.restriction], "Bound": f"{row.bound:g}", "Interval of the ratio": interval_words(row.ci_low, row.ci_high, write_ratio) if pd.notna(row.ci_low) else str(row.status),
         "Leaves out no effect": "yes" if row.excludes_no_effect else "no"}
        for row in honest_bounds.itertuples()
    ])  # fmt: skip


def write_breakdown(honest_bounds: pd.DataFrame, block_months: int) -> str:
    """Return the breakdown value in words."""
    if honest_bounds.empty or honest_bounds["ci_low"].isna().all():
        return "The bounds could not be worked out: " + (str(honest_bounds["status"].iloc[0]).removeprefix("not estimable: ") + "." if len(honest_bounds) else "there is no event study.")
    return f"{write_drift(honest_bounds, block_months)} {write_straight_drift(honest_bounds)}".strip()


def write_drift(honest_bounds: pd.DataFrame, block_months: int) -> str:
    """Return in words up to what drift, against the moves before, the effect stands out."""
    rows = honest_bounds[honest_bounds["restriction"].eq("relative_magnitudes")]
    last = last_bound_excluding(rows)
    if pd.isna(last):
        return "The interval includes a ratio of 1 even if the arms would have moved exactly alike from block to block."
    if last == 0:
        return (
            "Where the moves between blocks before set the bound, the effect of being referred stands out only if the arms would have moved exactly alike from block to block: "
            "at the next bound that was tried the interval includes no effect."
        )
    is_largest = last == rows["bound"].max()
    beyond = "That is the largest that was tried." if is_largest else "Beyond that the interval includes a ratio of 1."
    return (
        f"The effect of being referred still stands out if the arms drifted apart after time zero, from one block of {block_months} months to the next, by up to {last:g} times the largest "
        f"move between two blocks before. {beyond}"
    )


def write_straight_drift(honest_bounds: pd.DataFrame) -> str:
    """Return in words by how much a drift that goes on as before may bend until the effect stands out no more; empty where it was not tried."""
    rows = honest_bounds[honest_bounds["restriction"].eq("smoothness")].dropna(subset=["ci_low"])
    if rows.empty:
        return ""
    last = last_bound_excluding(rows)
    if pd.isna(last):
        return "Where the drift before may go on instead, the interval includes a ratio of 1 even if it went on in a straight line."
    if last == 0:
        return "Where the drift before may go on instead, the effect stands out only if it went on in a straight line."
    return f"Where the drift before may go on instead, the effect still stands out if it changed by up to {last:g} in the log ratio from block to block."


def write_scored(score_bootstrap: pd.DataFrame) -> str:
    """Return in words what the score bootstrap says beside the resamples, and which to prefer."""
    if score_bootstrap.empty or pd.isna(score_bootstrap["p_value"].iloc[0]):
        return ""
    row = score_bootstrap.iloc[0]
    beside = f"; from resamples it runs from {interval_words(row['ci_low_resampled'], row['ci_high_resampled'], write_ratio)}" if pd.notna(row["ci_low_resampled"]) else ""
    found = f"Its p-value is {write_p(row['p_value'])}, and the interval of the ratio runs from {interval_words(row['ci_low'], row['ci_high'], write_ratio)}{beside}."
    return f"{found} So few people are behind the smaller arm that the score bootstrap is the one to read." if row["is_few"] else found


def naive_ratio(e_values: pd.DataFrame) -> float:
    """Return the naive ratio of this run, or that of the published fall where there is none or nothing fell."""
    rows = e_values[e_values["estimator"].eq("naive") & e_values["ratio"].lt(1)] if len(e_values) else e_values
    return float(rows["ratio"].iloc[0]) if len(rows) else 0.19


def show_e_values(e_values: pd.DataFrame) -> pd.DataFrame:
    """Return the E-values in words."""
    return pd.DataFrame([
        {"Estimate": NAMES[row.estimand, row.estimator], "Ratio": write_number(row.ratio, 2), "E-value": dash_if_missing(row.e_value, write_one),
         "E-value of the interval's nearer end": dash_if_missing(row.e_value_of_interval, write_one)}
        for row in e_values.itertuples()
    ])  # fmt: skip
