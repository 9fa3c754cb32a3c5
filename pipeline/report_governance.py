"""The report's sections on governance: checklists, logs of assumptions, decisions and data, assurance, and departures from the plan.

Works on the tables of pipeline.checklists, pipeline.governance and pipeline.plan_ledger. Builds on those, pipeline.labels,
pipeline.markdown, pipeline.report_tables and pipeline.wording.
"""

import numpy as np
import pandas as pd

from pipeline.checklists import COLUMNS as CHECKLIST_COLUMNS
from pipeline.checklists import MET, NOT_MET, PERSON, count_met, reached_level, split_pointers
from pipeline.governance import ASSUMPTIONS, DATA, DECISIONS
from pipeline.labels import label, name_design, word_level
from pipeline.markdown import Markup, escape, fill_template, write_table, write_table_if_any
from pipeline.plan_ledger import COLUMNS as LEDGER_COLUMNS
from pipeline.report_tables import count_words
from pipeline.wording import write_date, write_number, write_ratio

TABLES = {
    "checklists": [*CHECKLIST_COLUMNS, "status", "missing"], "assumptions": ASSUMPTIONS, "decisions": DECISIONS, "data_log": DATA,
    "assurance": ["field", "entry", "status"], "plan_ledger": LEDGER_COLUMNS,
}  # fmt: skip
NUMBERS = {"Items", "Met", "Not met", "For a person", "Rows", "Rules", "Not met in full", "Ratio times", "Least", "Most", "Pairs"}
OF_LINKS = "Linking was done elsewhere here: entries on links say what this project does where it links itself, and nothing of how these records were linked."
FULL_NAMES = {
    "RECORD": "RECORD: studies of records kept for other reasons",
    "STROBE": "STROBE: observational studies",
    "TREND": "TREND: evaluations without randomisation",
    "GUILD": "GUILD: information about linked data",
    "EMMIE": "EMMIE: what a decision about crime prevention needs",
    "RAP": "RAP: levels of a reproducible analytical pipeline",
    "AQuA": "The AQuA Book: assurance of analysis in government",
}


def write_section(tables: dict[str, pd.DataFrame], parameters, template: str) -> Markup:
    """Return checklists, logs and assurance as Markdown from controlled `tables` (TABLES), filled into `template`.

    The ticks refer to the rest of the report, so this is written twice: without the table `checklists` everything else comes back.
    """
    found = {name: tables.get(name, pd.DataFrame(columns=columns)) for name, columns in TABLES.items()}
    threshold, held = parameters.disclosure.threshold, found["checklists"]
    shown = {
        "checklists": (show_counts(held), "Items of published checklists, and how many this report meets"),
        "assumptions": (show_assumptions(found["assumptions"]), "What is assumed, and what it is worth"),
        "decisions": (show_decisions(found["decisions"]), "What was decided, and why"),
        "data_log": (show_data(found["data_log"], threshold), "The data of this run"),
        "assurance": (show_assurance(found["assurance"]), "Who answers for what"),
    }
    context = {
        "has_checklists": len(held) > 0,
        "rap_level": reached_level(held) if len(held) else "",
        "open_items": write_open(held),
        "checklists": [
            {"name": FULL_NAMES.get(name, name), "summary": write_summary(rows), "table": write_table(show_items(rows), f"Items of {name}, and the evidence for each", name=f"checklist-{name.lower()}")}
            for name, rows in held.groupby("checklist", sort=False)
        ],
        "assumptions_day": write_day(found["assumptions"]["made_on"]), "decisions_day": write_day(found["decisions"]["decided_on"]),
        "of_links": "" if len(tables.get("link_quality", ())) else OF_LINKS,
        "standing": write_standing(found["assurance"]),
        "table": {name: write_table_if_any(table, caption, NUMBERS, name.replace("_", "-")) for name, (table, caption) in shown.items()},
    }  # fmt: skip
    return Markup(fill_template(template, context))


def show_counts(held: pd.DataFrame) -> pd.DataFrame:
    """Return how many items of each checklist are met, for readers; empty without items."""
    if held.empty:
        return pd.DataFrame()
    counts = count_met(held)
    return pd.DataFrame({
        "Checklist": counts["checklist"].map(lambda name: FULL_NAMES.get(name, name)), "Items": counts["n_items"].map(write_number), "Met": counts["n_met"].map(write_number),
        "Not met": counts["n_not_met"].map(write_number), "For a person": counts["n_person"].map(write_number),
    })  # fmt: skip


def write_summary(rows: pd.DataFrame) -> str:
    """Return in words how many items of one checklist are met."""
    counts = rows["status"].value_counts()
    parts = [f"{counts[status]} {word}" for status, word in ((MET, "met"), (NOT_MET, "not met"), (PERSON, "for a person to do")) if counts.get(status, 0)]
    return f"{len(rows)} items: {', '.join(parts)}"


def write_open(held: pd.DataFrame) -> str:
    """Return in words which items are not met."""
    left = held[held["status"].ne(MET)] if len(held) else held
    if left.empty:
        return ""
    named = [f"{checklist} ({', '.join(rows['item'])})" for checklist, rows in left.groupby("checklist", sort=False)]
    return f"Not met, or left to a person: {'; '.join(named)}."


def show_items(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the items of a checklist for readers, each with its evidence in words and what is missing."""
    # As objects: a column of text would forget that its cells are Markdown already.
    evidence = pd.Series([show_evidence(row.evidence, row.missing) for row in rows.itertuples()], dtype=object)
    asks = [row.wording + (f". {row.note}" if row.note else "") for row in rows.itertuples()]
    return pd.DataFrame({"Item": rows["item"].to_list(), "What it asks": asks, "Here": rows["status"].str.capitalize().to_list(), "Evidence": evidence})


def show_evidence(evidence: str, missing: str) -> Markup:
    """Return the pointers of an item as Markdown: sections as links, the others named; those that lead nowhere are said to be missing."""
    left = split_pointers(missing)
    words = [f"missing: {name_pointer(one, False)}" if one in left and not one.startswith("person:") else name_pointer(one) for one in split_pointers(evidence)]
    return Markup("; ".join(words)) if words else escape("none")


def name_pointer(pointer: str, is_there: bool = True) -> Markup:
    """Return one pointer in words; a section that is there is a link, because only such links lead somewhere."""
    kind, _, what = pointer.partition(":")
    if kind == "section":
        words = what.replace("-", " ").capitalize()
        return Markup(f"[{escape(words)}](#{what})") if is_there else escape(f"a section ‘{words}’")
    if kind == "test":
        path, _, name = what.partition("::")
        return escape(f"test ‘{name.removeprefix('test_').replace('_', ' ')}’ ({path})")
    named = {"words": "the words ‘{}’", "table": "table {}", "figure": "figure {}", "file": "{}", "parameter": "parameter {}", "person": "left to {}"}
    return escape(named[kind].format(what.replace("|", "’ or ‘")))


def show_assumptions(assumptions: pd.DataFrame) -> pd.DataFrame:
    """Return the assumptions for readers, with what the answer would err by; the day only where they were not all made on one."""
    rows = [
        {"Assumption": row.assumption, "Why": row.reason, "If it is wrong": f"{row.if_wrong}. {write_worth(row)}", "Since": write_date(row.made_on)}
        for row in assumptions.itertuples()
    ]
    return leave_out_one_day(pd.DataFrame(rows))


def leave_out_one_day(shown: pd.DataFrame) -> pd.DataFrame:
    """Return a log without its column Since where that would say the same in every row: a sentence says it then (write_day)."""
    return shown.drop(columns="Since") if len(shown) and shown["Since"].nunique() == 1 else shown


def write_day(days: pd.Series) -> str:
    """Return in words when all entries of a log were made; empty where they were made on several days, which the log shows."""
    return f"All entries are of {write_date(days.iloc[0])}." if days.nunique() == 1 else ""


def write_worth(row) -> str:
    """Return in words by how much the answer errs or moves where an assumption is wrong."""
    kind, _, what = row.measured_by.partition(":")
    if not kind:
        return "Cannot be measured from these data"
    if kind in ("world", "design"):
        where = f"audit: {what}" if kind == "world" else "audit: the world in which it is worst"
        parts = [f"{who} {write_factor(error)}" for who, error in (("being referred", row.log_error), ("engaging", row.log_error_engaged)) if np.isfinite(error)]
        return f"In simulated worlds the ratio comes out so: {', '.join(parts)} ({where})" if parts else f"Not tried yet ({where})"
    choice, _, level = what.partition("=")
    if not np.isfinite(row.log_error_engaged):
        return "Not tried on these extracts"
    return f"{word_level(choice, level)}: ratio times {write_ratio(row.log_error_engaged)} on these extracts"


def write_factor(log_error: float) -> str:
    """Return an error of the log ratio as a percentage of the ratio, with its side."""
    percent = round(100 * (np.exp(log_error) - 1))
    return f"{abs(percent)}% too {'high' if percent > 0 else 'low'}" if percent else "right"


def show_decisions(decisions: pd.DataFrame) -> pd.DataFrame:
    """Return the decisions for readers, with how far the alternative errs in the audit, where it was tried; the day only where it differs."""
    rows = [
        {"Decision": row.decision, "Why": ". ".join(filter(None, [row.reason, write_otherwise(row)])), "Since": write_date(row.decided_on)} for row in decisions.itertuples()
    ]
    return leave_out_one_day(pd.DataFrame(rows))


def write_otherwise(row) -> str:
    """Return in words how far the design that was not chosen errs over the audit's worlds; empty where it was not tried."""
    if not np.isfinite(row.log_error_low):
        return ""
    return f"In the audit the ratio of ‘{name_design(row.alternative.partition('/')[0])}’ comes out from {write_factor(row.log_error_low)} to {write_factor(row.log_error_high)}"


def show_data(data_log: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the data log for readers; of a hash the first sixteen characters, table data_log holds them all."""
    return pd.DataFrame([
        {
            "File": row.item,
            "Kind": row.kind.capitalize(),
            "Covers": f"{write_date(row.covers_from)} to {write_date(row.covers_to)}" if row.covers_from else "–",
            "Rows": "–" if row.kind == "lookup" or pd.isna(row.n_rules) else count_words(row.n_rows, threshold),
            "Rules": "–" if pd.isna(row.n_rules) else write_number(row.n_rules),
            "Not met in full": "–" if pd.isna(row.n_rules_broken) else write_number(row.n_rules_broken),
            "SHA-256 begins": row.sha256[:16],
        }
        for row in data_log.itertuples()
    ])


def show_assurance(assurance: pd.DataFrame) -> pd.DataFrame:
    """Return who answers for what, for readers."""
    rows = assurance[assurance["field"].ne("sunset_on")]
    entries = [write_date(row.entry) if row.field == "assured_on" and row.status == "named" else row.entry or "not yet" for row in rows.itertuples()]
    return pd.DataFrame({"Part": [label("assurance", field) for field in rows["field"]], "Entry": entries})


def write_standing(assurance: pd.DataFrame) -> str:
    """Return in words whether the analysis was assured, by whom and when, and until when it may be used; empty without the table."""
    if assurance.empty:
        return ""
    field = assurance.set_index("field")
    if field.loc["assured_on", "status"] == "named":
        text = f"Assured by {field.loc['assurer', 'entry']} on {write_date(field.loc['assured_on', 'entry'])}."
    else:
        text = "Nobody but those who made it has assured this analysis yet."
    day = write_date(field.loc["sunset_on", "entry"])
    is_past = field.loc["sunset_on", "status"] == "passed"
    return f"{text} " + (f"The last day on which it was to be used, {day}, has passed: run it again on new extracts before using it." if is_past else f"Its results are not to be used after {day} without a new run.")


def write_made_from(parameters, tables: dict[str, pd.DataFrame]) -> str:
    """Return in two sentences what the report was made from (kinds of data, scheme, years and linkage: RECORD 1.1 to 1.3) and whether it was assured."""
    study, scheme = parameters.study, parameters.report.scheme
    years = f"{write_date(study.contacts_from)} to {write_date(study.contacts_to)}"
    linked = {
        "identified": f"Made from records of contacts with the police, {years}, and the register of {scheme}, linked person by person.",
        "pseudonymised": f"Made from records of contacts with the police, {years}, and the register of {scheme}, which were linked elsewhere before they came here without names.",
        "panel": f"Made from a table of people and months, {years}, that was linked and counted elsewhere.",
    }
    return f"{linked[parameters.extracts.kind]} {write_standing(tables.get('assurance', pd.DataFrame()))}".strip()


def write_ledger(tables: dict[str, pd.DataFrame], template: str) -> Markup:
    """Return the departures of this run from the plan and from the committed parameters as Markdown, filled into `template`."""
    ledger = tables.get("plan_ledger", pd.DataFrame(columns=LEDGER_COLUMNS))
    planned = tables.get("sensitivity", pd.DataFrame())
    return Markup(fill_template(template, {
        "has_ledger": "plan_ledger" in tables,
        "n": len(ledger),
        "answers": write_planned(planned),
        "table": write_table_if_any(show_ledger(ledger), "Parameters of this run that differ from the plan or from the last commit", NUMBERS, "plan-ledger"),
    }))  # fmt: skip


def show_ledger(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the ledger for readers: values, and the factor by which a departure moves the ratio where the specification curve tried both."""
    tried = ledger["n_pairs"].gt(0)
    factors = {name: [write_ratio(shift) if has else "not tried" for shift, has in zip(ledger[column], tried)] for name, column in (("Ratio times", "shift"), ("Least", "shift_low"), ("Most", "shift_high"))}
    values = {name: ledger[column].replace("", "–") for name, column in (("Plan", "planned"), ("Last commit", "committed"), ("This run", "this_run"))}
    return pd.DataFrame({"Parameter": ledger["parameter"], **values, **factors, "Pairs": ledger["n_pairs"].map(write_number)})


def write_shift(shift) -> str:
    """Return in words by how much of the plan's ratio another one is lower or higher."""
    percent = round(100 * (np.exp(shift) - 1))
    return f"{abs(percent)}% {'lower' if percent < 0 else 'higher'} than the plan's" if percent else "the same but for rounding"


def write_planned(sensitivity: pd.DataFrame) -> str:
    """Return in words what the plan's own specification gives beside this run's, where they differ."""
    if "is_planned" not in sensitivity or sensitivity.empty:
        return ""
    planned, ran = sensitivity[sensitivity["is_planned"].astype(bool)], sensitivity[sensitivity["is_primary"].astype(bool)]
    if len(ran) == 0 or planned.index.equals(ran.index):
        return ""
    if planned.empty or not np.isfinite(planned["estimate"].iloc[0]):
        return "What the plan asks for is not among the specifications that this run tried: run it with the plan's parameters to see what they give."
    plan, this = planned.iloc[0], ran.iloc[0]
    inside = plan["ci_low"] <= this["estimate"] <= plan["ci_high"]
    return (
        f"On the same extracts the plan's own specification gives a ratio of {write_ratio(plan['estimate'])} ({write_ratio(plan['ci_low'])} to {write_ratio(plan['ci_high'])}), this run's {write_ratio(this['estimate'])}, "
        f"{write_shift(this['estimate'] - plan['estimate'])}; it lies {'within' if inside else 'outside'} the planned interval."
    )
