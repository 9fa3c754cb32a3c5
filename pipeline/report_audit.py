"""The report's section on the audit of the method, the plan it chose and what it says of broken assumptions.

Builds on pipeline.audit_wording, pipeline.bracket_wording, pipeline.analysis_plan, pipeline.labels, pipeline.report_tables,
pipeline.wording and pipeline.markdown. The audit is of simulated worlds: its tables count replicates and hold nobody's data.
"""

import pandas as pd

from pipeline import audit_wording, bracket_wording
from pipeline.analysis_plan import COLUMNS as PLAN_COLUMNS
from pipeline.analysis_plan import list_departures
from pipeline.audit_pairs import COLUMNS as PAIR_COLUMNS
from pipeline.audit_verdicts import COLUMNS as VERDICT_COLUMNS
from pipeline.audit_verdicts import INVALID, NO_EFFECT, verdict_of
from pipeline.bracket import COLUMNS as BRACKET_COLUMNS
from pipeline.labels import label, name_design
from pipeline.markdown import Markup, fill_template, write_list, write_tables
from pipeline.report_tables import dash_if_missing, interval_words
from pipeline.wording import change_of, write_date, write_number, write_p, write_percent, write_ratio

TABLES = {
    "audit": ["world", "estimator", "estimand", "n_replicates", "truth", "bias", "bias_se", "coverage", "coverage_se", "rejected", "rejected_se"],
    "audit_pairs": PAIR_COLUMNS,
    "audit_verdicts": VERDICT_COLUMNS,
    "audit_limits": audit_wording.LIMIT_COLUMNS,
    "bracket": BRACKET_COLUMNS,
    "analysis_plan": PLAN_COLUMNS,
}
NUMBERS = {"Largest error", "Least coverage", "Most false positives", "Error", "Coverage", "Found", "Error, engaged", "Coverage, engaged", "Found, engaged", "Ratio", "p-value"}


def round_audit(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the audit's tables with four decimals; nobody stands behind a replicate, so that no count is suppressed."""
    return {name: table.round(4) for name, table in tables.items()}


def write_section(tables: dict[str, pd.DataFrame], figures: dict[str, Markup], parameters, template: str) -> Markup:
    """Return the section as Markdown from `tables` (TABLES) and finished `figures`, filled into `template`.

    Without a row of the audit it says that the audit was not run, and still shows the plan.
    """
    found = {name: tables.get(name, pd.DataFrame(columns=columns)) for name, columns in TABLES.items()}
    audit, marks, plan = found["audit"], parameters.audit, parameters.plan
    shown = {
        "analysis_plan": (show_plan(found["analysis_plan"], len(tables.get("link_quality", ())) > 0), "The plan, and what this run did"),
        "audit_verdicts": (show_verdicts(found["audit_verdicts"]), "What the audit found of each design, in the worlds that it is held to; percentages of coverage and false positives are of replicates"),
        "audit_held": (show_worlds(audit[audit["world"].isin(marks.worlds)], plan), "The design of the plan in the worlds whose assumptions it claims to survive; coverage and found are shares of replicates"),
        "audit_limits": (show_worlds(audit[~audit["world"].isin(marks.worlds)], plan), "The design of the plan in worlds that break an assumption nobody can check; coverage and found are shares of replicates"),
        "bracket": (show_bracket(found["bracket"]), "The designs found valid, on these extracts"),
    }
    context = {
        "has_audit": len(audit) > 0,
        "figure": figures,
        "marks": marks,
        "bias_percent": write_percent(change_of(marks.bias_at_most), 0),
        "coverage_aim": audit_wording.write_range(*marks.coverage_aim, audit_wording.write_share),
        "fixed_on": write_date(plan.fixed_on),
        "n_worlds": audit["world"].nunique(),
        "n_replicates": audit_wording.count_replicates(audit) if len(audit) else "",
        "missing": write_missing(audit, marks),
        "departures": write_departures(found["analysis_plan"]),
        "verdict": write_plan_verdict(found["audit_verdicts"], plan),
        "designs": write_list([line for line in (audit_wording.write_design(audit, plan.estimator, plan.estimand, marks.worlds), audit_wording.write_design(audit, plan.engaged_by, "engaged", marks.worlds)) if line]),
        "test": audit_wording.write_test(audit, marks.worlds),
        "naive": audit_wording.write_naive(audit),
        "apart": audit_wording.write_apart(found["audit_pairs"], found["bracket"], marks.worlds),
        "is_bracket": audit_wording.is_apart(found["bracket"]),
        "table": write_tables(shown, NUMBERS),
    }
    return Markup(fill_template(template, context))


def write_first_page(tables: dict[str, pd.DataFrame], parameters) -> dict:
    """Return what the audit adds to the first page and the limits, by name.

    bracket, of_100 and line are the answer where valid designs disagree, empty where they do not; reach is the row whose
    interval then decides between an effect and an inconclusive result, None where there is no bracket.
    """
    found = {name: tables.get(name, pd.DataFrame(columns=columns)) for name, columns in TABLES.items()}
    audit, designs = found["audit"], found["bracket"]
    is_bracket = audit_wording.is_apart(designs)
    limits = audit_wording.list_limits(found["audit_limits"])
    return {
        "bracket": bracket_wording.write_bracket(designs, parameters.panel.months_after, parameters.effect.confidence) if is_bracket else "",
        "of_100": bracket_wording.write_bracket_of_100(designs) if is_bracket else "",
        "line": bracket_wording.write_bracket_line(designs) if is_bracket else "",
        "reach": audit_wording.ends_of(designs) if is_bracket else None,
        "agreement": audit_wording.write_agreement(designs, found["audit_verdicts"], parameters.plan),
        "naive": audit_wording.write_naive(audit),
        "limits": write_list(limits) if limits else "",
    }


def write_missing(audit: pd.DataFrame, marks) -> str:
    """Return which worlds or replicates the audit lacks; empty where it is complete."""
    if audit.empty:
        return ""
    done = audit.groupby("world")["n_replicates"].max()
    absent = [world for world in marks.worlds if world not in done.index]
    short = [world for world in marks.worlds if world in done.index and done[world] < marks.replicates_at_least]
    parts = [f"without {'; '.join(absent)}"] if absent else []
    parts += [f"with fewer than {marks.replicates_at_least} replicates of {'; '.join(short)}"] if short else []
    return f"The audit is not complete: {' and '.join(parts)}. What it says is provisional." if parts else ""


def write_departures(analysis_plan: pd.DataFrame) -> str:
    """Return whether this run's primary analysis is the plan's."""
    if analysis_plan.empty:
        return ""
    departures = list_departures(analysis_plan)
    return f"This run departs from the analysis plan: {'; '.join(departures)}." if departures else "The primary analysis of this run is that of the plan."


def write_plan_verdict(audit_verdicts: pd.DataFrame, plan) -> str:
    """Return what the audit found of the plan's designs."""
    words = [f"{name_design(estimator)}, {label('estimand', estimand).lower()}: {audit_wording.write_verdict(audit_verdicts, estimator, estimand)}" for estimator, estimand in ((plan.estimator, plan.estimand), (plan.engaged_by, "engaged"))]
    return ". ".join(words) + "."


def list_failures(audit_verdicts: pd.DataFrame, plan) -> list[str]:
    """Return in words where the audit found the plan's own design invalid: a pass mark like any other."""
    if verdict_of(audit_verdicts, plan.estimator, plan.estimand) != INVALID:
        return []
    return [f"audit of the method: the primary design is not valid ({audit_wording.write_verdict(audit_verdicts, plan.estimator, plan.estimand)})"]


def show_plan(analysis_plan: pd.DataFrame, is_linked_here: bool = True) -> pd.DataFrame:
    """Return the plan beside the run in words; from which probability links were taken is not this run's where others linked."""
    this_run = [show_choice(row.choice, row.this_run) if is_linked_here or row.choice != "accept_from" else "linked elsewhere" for row in analysis_plan.itertuples()]
    return pd.DataFrame([{"Choice": label("plan_choice", row.choice), "Plan": show_choice(row.choice, row.plan), "This run": done} for row, done in zip(analysis_plan.itertuples(), this_run)])


def show_choice(choice: str, value: str) -> str:
    """Return the value of a choice in words."""
    return label({"engaged_by": "estimator"}.get(choice, choice), value)


def show_verdicts(audit_verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return each design's verdict with its worst bias, coverage and false positives, valid ones first; the falsification test is no design."""
    rows = audit_verdicts[audit_verdicts["estimand"].ne(audit_wording.TEST[1])]
    rows = rows.assign(order=rows["verdict"].map({"valid": 0, "undecided": 1, "invalid": 2})).sort_values(["order", "estimand", "estimator"], ascending=[True, False, True], kind="stable")
    return pd.DataFrame([
        {"Design": f"{name_design(row.estimator)} ({label('estimand', row.estimand).lower()})", "Verdict": row.verdict, "Largest error": dash_if_missing(row.largest_bias, audit_wording.write_error),
         "Least coverage": dash_if_missing(row.smallest_coverage, audit_wording.write_share), "Most false positives": dash_if_missing(row.largest_false_positives, audit_wording.write_share)}
        for row in rows.itertuples()
    ])  # fmt: skip


def show_worlds(audit: pd.DataFrame, plan) -> pd.DataFrame:
    """Return error, coverage and how often an effect is found of the plan's design, world by world, the engaged beside; errors in log points with their Monte Carlo error."""
    rows = []
    for world, group in audit.groupby("world", sort=False):
        row = {"World": world[:1].upper() + world[1:] + (" (no effect)" if group["truth"].abs().max() < NO_EFFECT and "no effect" not in world else "")}
        for suffix, estimator, estimand in (("", plan.estimator, plan.estimand), (", engaged", plan.engaged_by, "engaged")):
            found = group[group["estimator"].eq(estimator) & group["estimand"].eq(estimand)].dropna(subset=["bias"])
            one = None if found.empty else found.iloc[0]
            row |= {
                f"Error{suffix}": "–" if one is None else f"{write_number(one['bias'], 3)} ± {write_number(one['bias_se'], 3)}",
                f"Coverage{suffix}": "–" if one is None else audit_wording.write_share(one["coverage"]),
                f"Found{suffix}": "–" if one is None else audit_wording.write_share(one["rejected"]),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def show_bracket(bracket: pd.DataFrame) -> pd.DataFrame:
    """Return the valid designs' estimates on these extracts, with the smallest corrected p-value of their differences."""
    return pd.DataFrame([
        {"Design": name_design(row.estimator), "Ratio": write_ratio(row.estimate), "Interval": interval_words(row.ci_low, row.ci_high, write_ratio), "p-value": dash_if_missing(row.p_differs, write_p)}
        for row in bracket.itertuples()
    ])  # fmt: skip
