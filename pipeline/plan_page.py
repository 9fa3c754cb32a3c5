"""`python -m pipeline.plan_page`: writes the audit's numbers into docs/analysis-plan.md, so that the page quotes no other.

The page is text but for what stands between two marks, which comes from params.yaml (plan, audit) and from the audit's
table data/reference/audit.csv. Run it when either changes; a test holds the page to them.
"""

import sys

import pandas as pd

from pipeline.audit_verdicts import judge_designs
from pipeline.audit_wording import describe_limits, list_limits, write_design, write_naive, write_test
from pipeline.errors import InputError, run_command
from pipeline.labels import label
from pipeline.params import check_params, load_sections
from pipeline.report_audit import show_choice, show_verdicts, write_missing, write_plan_verdict
from pipeline.tables import project_root, read_reference, replace_file
from pipeline.wording import write_date

PAGE = "docs/analysis-plan.md"
BEGIN, END = "<!-- numbers: written by python -m pipeline.plan_page -->", "<!-- end of numbers -->"


def write_numbers(audit: pd.DataFrame, plan, marks) -> str:
    """Return the page's numbers as Markdown: the plan, the marks, what the audit found of each design, and how wrong broken assumptions make it."""
    fixed = [f"| {label('plan_choice', name)} | {show_choice(name, str(value))} |" for name, value in plan.model_dump().items() if name not in ("fixed_on", "audit")]
    lines = [f"Fixed on {write_date(plan.fixed_on)}.", "", "| choice | plan |", "|---|---|", *fixed, ""]
    lines += [
        f"Held to {len(marks.worlds)} worlds, a design is valid where its mean error is at most {marks.bias_at_most:g} (log scale), coverage at least {100 * marks.coverage_at_least:g} % and false positives at most "
        f"{100 * marks.false_positives_at_most:g} %, beyond {marks.beyond_errors:g} Monte Carlo errors, with at least {marks.replicates_at_least} replicates; aimed at are {100 * marks.coverage_aim[0]:g} to "
        f"{100 * marks.coverage_aim[1]:g} % and {100 * marks.false_positives_aim:g} %.", "",
    ]  # fmt: skip
    if audit.empty:
        return "\n".join([*lines, "The audit has no results yet."])
    verdicts = judge_designs(audit, marks)
    designs = [write_design(audit, plan.estimator, plan.estimand, marks.worlds), write_design(audit, plan.engaged_by, "engaged", marks.worlds)]
    shown = show_verdicts(verdicts)
    table = [f"| {' | '.join(shown.columns)} |", f"|{'---|' * len(shown.columns)}", *(f"| {' | '.join(row)} |" for row in shown.itertuples(index=False, name=None))]
    limits = [f"- {line}" for line in list_limits(describe_limits(audit, verdicts, marks))]
    paragraphs = [write_missing(audit, marks), write_plan_verdict(verdicts, plan), *designs, write_naive(audit), write_test(audit, marks.worlds)]
    return "\n".join([*lines, *(f"{paragraph}\n" for paragraph in paragraphs if paragraph), *table, "", *limits])


def fill_page(page: str, numbers: str) -> str:
    """Return `page` with `numbers` between its two marks; raise InputError where they are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputError(f"{PAGE}: the marks between which the numbers stand are missing. Restore it with `git checkout {PAGE}`.")
    return f"{before}{BEGIN}\n{numbers}\n{END}{after}"


def main() -> None:
    """Write the audit's numbers into the page."""
    params = check_params(load_sections("plan", "audit"))
    path = project_root() / PAGE
    page = fill_page(path.read_text(encoding="utf-8"), write_numbers(read_reference("audit"), params.plan, params.audit))
    replace_file(path, lambda temporary: temporary.write_text(page, encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(run_command(main))
