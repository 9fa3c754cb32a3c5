"""The report's section on who is compared with whom: three questions in their order, other designs, matched sets.

Builds on pipeline.report_tables, pipeline.labels, pipeline.wording and pipeline.markdown.
"""

import numpy as np
import pandas as pd

from pipeline.labels import LABELS, label
from pipeline.markdown import Markup, fill_template, write_table_if_any
from pipeline.report_tables import count_words, dash_if_missing, interval_words, note_of, write_averted, write_ratio
from pipeline.wording import PRIMARY, write_number, write_percent

# Designs that stand in a table of their own, with how each is known to err.
DESIGNS = ["matched_sets", "lagged_outcome_matched", "empirical_bayes", "fixed_effects", "fixed_effects_quiet", "interrupted_series"]
# Question, then treated and comparison as in balance, then estimator and estimand of the row of effects that answers it.
QUESTIONS = [
    ("(a) Everyone referred, against people not yet referred", ("referred", "not_yet_referred"), ("sequential_trials", "referral")),
    ("(b) Referred but never engaged, against people not yet referred", ("never_engaged", "not_yet_referred"), ("sequential_trials", "never_engaged")),
    ("(c) The engaged, worked out from (a)", ("referred", "not_yet_referred"), ("complier", "engaged")),
    ("(c) The engaged alone, against people not yet referred", ("engaged", "not_yet_referred"), ("sequential_trials", "engaged")),
    ("(c) The engaged alone, against referred who never engaged", ("engaged", "never_engaged"), ("lagged_outcome", "engaged")),
]
NUMBERS = {"Ratio", "Contacts averted", "People", "Treated", "Compared with", "Worth", "Difference before", "Difference after", "Overlap", "Near twins", "Sets for the regression"}


def is_other_design(effects: pd.DataFrame) -> pd.Series:
    """Return which rows of `effects` belong to the table of other designs."""
    return effects["estimator"].isin(DESIGNS)


def write_section(tables: dict[str, pd.DataFrame], parameters, template: str) -> Markup:
    """Return the section as Markdown from the controlled `tables` effects, balance and matched_sets, filled into `template`."""
    effects, threshold = tables["effects"], parameters.disclosure.threshold
    matched = tables.get("matched_sets", pd.DataFrame(columns=["estimator", "measure", "value", "is_count"]))
    shown = {
        "questions": (show_questions(tables["balance"], effects, threshold), "Three questions, in their order, with how alike the sides are before and after weighting; overlap is the share of the treated for whom somebody compared was as likely to be treated"),
        "other_designs": (show_designs(effects, threshold), "The effect of being referred by other designs"),
        "matched_sets": (show_matches(matched, threshold), "Sizes of the matched sets"),
    }
    interval = f"{100 * parameters.effect.confidence:g}% interval"
    written = {
        name: write_table_if_any(table.rename(columns={"Interval": interval}), caption, NUMBERS, name)
        for name, (table, caption) in shown.items()
    }
    return Markup(fill_template(template, {"table": written, "parameters": parameters}))


def show_questions(balance: pd.DataFrame, effects: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the three questions with their estimates, people on both sides, what the comparison is worth, balance and overlap."""
    rows = []
    for question, (treated, comparison), (estimator, estimand) in QUESTIONS:
        sides = balance[balance["treated"].eq(treated) & balance["comparison"].eq(comparison)]
        found = effects[effects["outcome"].eq(PRIMARY) & effects["estimator"].eq(estimator) & effects["estimand"].eq(estimand)]
        if sides.empty or found.empty:
            continue
        side, row = sides.iloc[0], found.iloc[0]
        rows.append({
            "Question": question, "Ratio": dash_if_missing(row["estimate"], write_ratio), "Interval": interval_words(row["ci_low"], row["ci_high"], write_ratio),
            "Treated": count_words(side["n_referred"], threshold), "Compared with": count_words(side["n_comparison"], threshold), "Worth": count_words(side["n_effective"], threshold),
            "Difference before": largest(sides["smd_before"]), "Difference after": largest(sides["smd_after"]),
            "Overlap": f"all but fewer than {threshold}" if pd.isna(side["overlap"]) and pd.notna(side["n_referred"]) else dash_if_missing(side["overlap"], lambda share: write_percent(100 * share)),
        })  # fmt: skip
    return pd.DataFrame(rows)


def largest(differences: pd.Series) -> str:
    """Return the largest absolute standardised difference, a dash where none is known."""
    return dash_if_missing(differences.abs().max(), lambda value: write_number(value, 2))


def show_designs(effects: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the other designs with how each is known to err, and in words what could not be estimated or was left out."""
    rows = effects[effects["outcome"].eq(PRIMARY) & is_other_design(effects)]
    return pd.DataFrame([
        {"Design": label("estimator", row.estimator) + note_of(row), "Ratio": dash_if_missing(row.estimate, write_ratio), "Interval": interval_words(row.ci_low, row.ci_high, write_ratio),
         "Contacts averted": write_averted(row), "People": "–" if str(row.status).startswith("not estimable") else count_words(row.n_people, threshold), "How it errs": LABELS["errs"].get(row.estimator, "–")}
        for row in rows.itertuples()
    ])  # fmt: skip


def show_matches(matched_sets: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the sizes of both kinds of sets side by side; empty where nobody found a match."""
    if matched_sets.empty:
        return pd.DataFrame()
    names = {"matched_sets": "Near twins", "lagged_outcome_matched": "Sets for the regression"}
    cells = [count_words(row.value, threshold) if row.is_count else write_measure(row) for row in matched_sets.itertuples()]
    wide = matched_sets.assign(cell=cells).pivot(index="measure", columns="estimator", values="cell").reindex(matched_sets["measure"].unique())
    shown = {names[name]: wide[name].fillna("–").tolist() if name in wide else ["–"] * len(wide) for name in names}
    return pd.DataFrame({"Measure": [words[0].upper() + words[1:] for words in wide.index], **shown})


def write_measure(row) -> str:
    """Return a share in percent, anything else with two decimals."""
    if not np.isfinite(row.value):
        return "–"
    return write_percent(100 * row.value, 0) if row.measure.startswith("share") else write_number(row.value, 2)
