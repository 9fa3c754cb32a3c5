"""The logs that the AQuA Book asks for: assumptions and decisions with what they move, and the data that this run was made from.

What was assumed and decided stands in data/reference (assumptions.csv, decisions.csv) in words; what each is worth is
measured here from the audit of the method and from the specification curve, so that no number is typed. Works on
controlled tables. Builds on pipeline.specification_choices.
"""

import math

import pandas as pd

from pipeline.specification_choices import choices_that_matter

ASSUMPTIONS = ["assumption", "reason", "if_wrong", "made_on", "measured_by", "log_error", "log_error_engaged"]
DECISIONS = ["decision", "reason", "decided_on", "alternative", "log_error_low", "log_error_high", "evidence"]
# The tables of rules that an extract was held to, its own first: gaps are found in counts by month.
CHECKED = {"contacts": ["contacts", "contact_months"], "referrals": ["referrals", "referral_months"], "panel": ["ready_panel", "calendar_panel"]}
DATA = ["kind", "item", "sha256", "n_rows", "n_rules", "n_rules_broken", "covers_from", "covers_to"]


def measure_assumptions(assumptions: pd.DataFrame, audit: pd.DataFrame, sensitivity: pd.DataFrame, plan, worlds: list[str]) -> pd.DataFrame:
    """Return ASSUMPTIONS: by how much the log ratio errs or moves where an assumption is wrong.

    `measured_by` is `world:<name>`, a simulated world of the `audit` that breaks the assumption (log_error for being referred,
    log_error_engaged for engaging), `design:<variant>`, a variant of the plan's design (its largest error in the audit's `worlds`), or `choice:<choice>=<level>`, another level on the specification curve `sensitivity`
    (log_error_engaged: the mean shift); empty where nothing can measure it. Errors are missing where it was not tried.
    """
    matter = choices_that_matter(sensitivity)
    rows = []
    for row in assumptions.fillna("").to_dict("records"):
        kind, _, what = row["measured_by"].partition(":")
        referral = engaged = math.nan
        if kind == "world":
            referral, engaged = (find_bias(audit, what, *design) for design in ((plan.estimator, plan.estimand), (plan.engaged_by, "engaged")))
        elif kind == "design":
            referral, engaged = (largest_bias(audit, worlds, f"{name}_{what}") for name in (plan.estimator, plan.engaged_by))
        elif kind == "choice":
            choice, _, level = what.partition("=")
            found = matter[matter["choice"].eq(choice) & matter["level"].astype(str).eq(level)]["shift"]
            engaged = float(found.iloc[0]) if len(found) else math.nan
        rows.append(row | {"log_error": referral, "log_error_engaged": engaged})
    return pd.DataFrame(rows, columns=ASSUMPTIONS)


def find_bias(audit: pd.DataFrame, world: str, estimator: str, estimand: str) -> float:
    """Return the mean error of a design in a world of the audit; NaN where it was not tried."""
    found = audit[audit["world"].eq(world) & audit["estimator"].eq(estimator) & audit["estimand"].eq(estimand)]["bias"]
    return float(found.iloc[0]) if len(found) else math.nan


def largest_bias(audit: pd.DataFrame, worlds: list[str], estimator: str) -> float:
    """Return the mean error of a design in that one of `worlds` in which it is farthest from nought; NaN where it was not tried."""
    bias = audit[audit["world"].isin(worlds) & audit["estimator"].eq(estimator)]["bias"].dropna()
    return float(bias.loc[bias.abs().idxmax()]) if len(bias) else math.nan


def measure_decisions(decisions: pd.DataFrame, audit: pd.DataFrame, worlds: list[str]) -> pd.DataFrame:
    """Return DECISIONS: least and greatest mean error of the `alternative` (estimator/estimand) over the audit's `worlds`; NaN where it was not tried."""
    rows = []
    for row in decisions.fillna("").to_dict("records"):
        estimator, _, estimand = row["alternative"].partition("/")
        bias = audit[audit["world"].isin(worlds) & audit["estimator"].eq(estimator) & audit["estimand"].eq(estimand)]["bias"]
        rows.append(row | {"log_error_low": bias.min(), "log_error_high": bias.max()})
    return pd.DataFrame(rows, columns=DECISIONS).astype({"log_error_low": float, "log_error_high": float})


def list_data(provenance: pd.DataFrame, validation_results: pd.DataFrame, study, lookups: list[tuple[str, str]]) -> pd.DataFrame:
    """Return DATA: one row per file of the extracts (of `provenance`) and per lookup (name and SHA-256).

    Rows and rules come from the controlled `validation_results` of the table that bears the file's name, rules on its months with them; missing where none does.
    covers_from and covers_to are the days that the parameters `study` promise and the contracts hold the extract to.
    """
    spans = {"contacts": (study.contacts_from, study.contacts_to), "referrals": (study.referrals_from, study.referrals_to)}
    rows = []
    for item, sha256 in provenance.loc[provenance["kind"].eq("extract"), ["item", "value"]].itertuples(index=False):
        table = item.partition(".")[0]
        checked = CHECKED.get(table, [table])
        rules = validation_results[validation_results["table"].isin(checked)]
        first, last = spans.get(table, ("", ""))
        n_rows = rules.loc[rules["table"].eq(checked[0]), "n_rows"].max() if len(rules) else pd.NA
        rows.append(("extract", item, sha256, n_rows, len(rules) or pd.NA, int((~rules["passed"].astype(bool)).sum()) if len(rules) else pd.NA, str(first), str(last)))
    rows += [("lookup", item, sha256, pd.NA, pd.NA, pd.NA, "", "") for item, sha256 in lookups]
    counts = dict.fromkeys(["n_rows", "n_rules", "n_rules_broken"], "Int64")
    return pd.DataFrame(rows, columns=DATA).astype(counts)


def list_assurance(assurance, today) -> pd.DataFrame:
    """Return field, entry, status: who answers for what, from that section of params.yaml.

    The status is "named" or "open"; that of the last day of use (sunset_on) is "in force" or, once `today` lies beyond it, "passed".
    """
    rows = []
    for name, value in assurance.model_dump().items():
        text = str(value)
        is_open = not text.strip() or text.lower().startswith("to be ")
        status = ("passed" if today > value else "in force") if name == "sunset_on" else "open" if is_open else "named"
        rows.append((name, text, status))
    return pd.DataFrame(rows, columns=["field", "entry", "status"])
