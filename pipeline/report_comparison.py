"""The page that sets two runs side by side: sentences and tables from pipeline.comparison.

Builds on pipeline.comparison, pipeline.labels, pipeline.markdown, pipeline.report_tables and pipeline.wording.
"""

import math

import pandas as pd

from pipeline import comparison
from pipeline.comparison import BEYOND, ONE_SIDED, SAME, WITHIN, Run
from pipeline.labels import label
from pipeline.markdown import Markup, fill_template, read_template, write_figure, write_tables
from pipeline.report_tables import name_estimate, write_points
from pipeline.wording import PRIMARY, write_number, write_ratio

VERDICTS = {BEYOND: "beyond it", WITHIN: "within it", SAME: "no change", ONE_SIDED: "in one run only", "": "no interval"}
MAIN = ["naive", "sequential_trials", "complier", "lagged_outcome"]
CLAIMS = "The published figures: counted again, and the controlled effect of engaging; the fall in percent of contacts, the others in percent of clients"
KEEP = "Keep this page on the secure disk: one run subtracted from the other tells few people apart, so only one of them can be given out."
FIGURES = {"reproduced": "counted again", "controlled": "controlled"}
PEOPLE = {"n_people_claim": "Clients behind the published figures", "n_people_analysis": "People in the analysis"}
NUMBERS = {"Old", "New", "Ratio times", "Change"}


def write_part(value) -> str:
    """Return percent or percentage points without their unit, which the caption names."""
    return write_number(value, 1)


def name_moves(moves: pd.DataFrame) -> pd.DataFrame:
    """Return the main estimates of the primary outcome in either run, with a column `name`."""
    rows = moves[moves["outcome"].eq(PRIMARY) & moves["estimator"].isin(MAIN)]
    return rows.assign(name=[name_estimate(row) for row in rows.itertuples()])


def write_page(old: Run, new: Run, moves: pd.DataFrame, figure_alt: str, threshold: int, is_near: bool = False) -> Markup:
    """Return the page as Markdown; `moves` are those of compare_effects, `figure_alt` describes figures/comparison.png.

    `is_near` says that both runs together tell fewer people apart than may be told.
    """
    parameters, stages, checks = comparison.compare_parameters(old, new), comparison.explain_stages(old, new), comparison.compare_checks(old, new)
    claims, parts, people = comparison.compare_claims(old, new), comparison.compare_parts(old, new), comparison.compare_people(old, new, threshold)
    main = name_moves(moves)
    others = moves[moves["verdict"].isin([BEYOND, ONE_SIDED]) & ~moves.index.isin(main.index)]
    shown = {
        "parameters": (show_parameters(parameters), "Parameters that differ"),
        "stages": (show_stages(stages), "Stages with a cause to run again, and the cause"),
        "effects": (show_moves(main, write_ratio, "ratio"), "Main estimates, all police contacts"),
        "others": (show_moves(others.assign(name=[f"{label('outcome', row.outcome)}: {name_estimate(row)}" for row in others.itertuples()]), write_ratio, "ratio"), "Other estimates that moved beyond sampling error, or stand in one run only"),
        "claims": (show_moves(claims.assign(name=[f"{row.claim.capitalize()}, {FIGURES[row.figure]}" for row in claims.itertuples()]), write_part, "points"), CLAIMS),
        "parts": (show_moves(parts.assign(name=[label("part", part) for part in parts["part"]]), write_part, "points"), "Parts of the fall as published, in percentage points"),
        "checks": (show_checks(checks), "Checks that changed"),
        "people": (show_people(people, threshold), "People, rounded"),
    }
    context = {
        "old": old.name, "new": new.name, "title": "Two runs side by side",
        "summary": write_summary(parameters, main, others, claims, parts, checks), "why": write_why(parameters, stages),
        "has_same_extracts": "extracts.folder" not in set(parameters["parameter"]), "keep": KEEP if is_near else "", "figure": write_figure("figures/comparison.png", "Main estimates of both runs with their intervals", figure_alt),
        "table": write_tables(shown, NUMBERS),
    }  # fmt: skip
    return Markup(fill_template(read_template("comparison"), context))


def write_summary(parameters: pd.DataFrame, main: pd.DataFrame, others: pd.DataFrame, claims: pd.DataFrame, parts: pd.DataFrame, checks: pd.DataFrame) -> str:
    """Return in words how many parameters differ, how many main estimates moved, what else did beyond sampling error, and whether a check turned."""
    count = len(parameters)
    said = "No parameter differs." if count == 0 else f"{count} {'parameter differs' if count == 1 else 'parameters differ'}."
    moved = main["verdict"].isin([WITHIN, BEYOND]).sum()
    beyond = main["verdict"].eq(BEYOND).sum()
    estimates = "No main estimate moved." if not moved else f"{moved} of {len(main)} main estimates moved, {'none' if not beyond else beyond} beyond sampling error."
    elsewhere = [(int(rows["verdict"].eq(BEYOND).sum()), one, many) for one, many, rows in (("other estimate", "other estimates", others), ("published figure", "published figures", claims), ("part of the fall", "parts of the fall", parts))]
    further = [f"{n} {one if n == 1 else many}" for n, one, many in elsewhere if n]
    estimates += f" Beyond it moved {', '.join(further)}{' too' if beyond else ''}." if further else ""
    turned = checks[checks["old_passed"].ne(checks["new_passed"])]
    lost = turned[turned["new_passed"].eq(False) & turned["old_passed"].eq(True)]["check"].unique()
    won = turned[turned["new_passed"].eq(True) & turned["old_passed"].eq(False)]["check"].unique()
    words = [f"No longer met: {', '.join(lost)}."] if len(lost) else []
    words += [f"Met now: {', '.join(won)}."] if len(won) else []
    return " ".join([said, estimates, *(words or ["Every pass mark is met or missed as before."])])


def write_why(parameters: pd.DataFrame, stages: pd.DataFrame) -> str:
    """Return in words which stages had a cause to run again, and what began it."""
    reran = stages[stages["reran"]]
    if reran.empty:
        return "No stage had a cause to run again: both runs read the same."
    first = reran.iloc[0]
    causes = [f"{word} ({first[column]})" for column, word in (("parameters", "parameters"), ("code", "code"), ("tables", "tables of earlier stages"), ("other", "other files")) if first[column]]
    return f"{len(reran)} of {len(stages)} stages had a cause to run again. It began in {first['stage']}, where these differ: {'; '.join(causes)}."


def show_parameters(parameters: pd.DataFrame) -> pd.DataFrame:
    """Return the parameters that differ, for readers."""
    return parameters.replace("", "empty").rename(columns={"parameter": "Parameter", "old": "Before", "new": "After"})


def show_stages(stages: pd.DataFrame) -> pd.DataFrame:
    """Return the stages that had a cause to run again, for readers."""
    rows = stages[stages["reran"]]
    names = {"stage": "Stage", "parameters": "Parameters", "code": "Code", "tables": "Tables of earlier stages", "other": "Other"}
    return rows[list(names)].rename(columns=names).replace("", "–").reset_index(drop=True)


def show_moves(moves: pd.DataFrame, write, unit: str) -> pd.DataFrame:
    """Return what moved, for readers: old, new, change (a factor for ratios, points otherwise) and where it lies against sampling error."""
    def value(estimate, low, high) -> str:
        if pd.isna(estimate):
            return "not available"
        return write(estimate) if pd.isna(low) or pd.isna(high) else f"{write(estimate)} ({write(low)} to {write(high)})"

    def change(shift) -> str:
        if pd.isna(shift):
            return "–"
        if shift == 0:
            return "–"
        return write_ratio(shift) if unit == "ratio" else write_points(shift)

    return pd.DataFrame([
        {
            "What": row.name,
            "Old": value(row.old, row.old_low, row.old_high),
            "New": value(row.new, row.new_low, row.new_high),
            ("Ratio times" if unit == "ratio" else "Change"): change(row.change),
            "Sampling error": VERDICTS[row.verdict],
        }
        for row in moves.itertuples(index=False)
    ])  # fmt: skip


def show_checks(checks: pd.DataFrame) -> pd.DataFrame:
    """Return the checks whose value or verdict changed, for readers."""
    def word(passed) -> str:
        return "not in this run" if pd.isna(passed) else "met" if passed else "not met"

    def value(number) -> str:
        return "–" if pd.isna(number) else f"{number:.4g}"

    same = checks["old"].eq(checks["new"]) | checks["old"].isna() & checks["new"].isna()
    rows = checks[~same | checks["old_passed"].ne(checks["new_passed"])]
    return pd.DataFrame([
        {
            "Check": row.check.capitalize() + (f" ({row.where.replace('_', ' ')})" if row.where else ""),
            "Old": value(row.old), "New": value(row.new), "Was": word(row.old_passed), "Is": word(row.new_passed),
        }
        for row in rows.itertuples()
    ])  # fmt: skip


def show_people(people: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return counts of people, for readers; where fewer than `threshold` lie between them only that is said."""
    def count(number) -> str:
        return "not available" if number is None or (isinstance(number, float) and math.isnan(number)) else write_number(number)

    return pd.DataFrame([
        {"What": PEOPLE.get(row.metric, row.metric.replace("_", " ")), "Old": count(row.old), "New": f"within {threshold} of it" if row.is_near else count(row.new)} for row in people.itertuples()
    ])
