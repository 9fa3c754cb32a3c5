"""Whole sets of made-up, controlled tables for a report: the demonstration and everything that can be missing from it or go wrong.

A world is a function that changes the tables of the demonstration; it returns them with whether they are simulated and
what could not be shown. Section tables that another topic brings enter `demonstration` here, once, for all tests of the page.
"""

import functools

import audit_frames
import numpy as np
import pandas as pd
import report_frames
import test_report_audit
import test_report_designs
import test_report_diagnostics
import test_report_implementation
import test_report_moderators
import test_report_uncertainty

from pipeline.contact_hours import EVERYONE, REFERRED, control_contact_hours
from pipeline.control_summary import summarise_controls
from pipeline.disclosure import control_table
from pipeline.empty_tables import empty_table
from pipeline.not_shown import LINKED_ELSEWHERE, NO_EXITS, OF_PANEL
from pipeline.report_implementation import control_implementation
from pipeline.report_linkage import CONTROLS
from pipeline.report_negative_controls import control_controls
from pipeline.report_uncertainty import control_uncertainty

# What only whoever links can know: all of it is empty where the linking was done elsewhere.
OF_LINKAGE = [*CONTROLS, "link_quality", "calibration", "calibration_line", "missed_links", "linkage_uncertainty", "recall_to_overturn", "linkage_truth"]
OF_MENTORS = ["mentor_years", "mentor_quarters"]
# What a register of referrals tells, which a ready panel does not have.
OF_REGISTER = ["referral_counts", "contact_delays", "durations", "closures", *OF_MENTORS]
OF_TRUTH = ["demonstration", "linkage_truth", "link_thresholds_truth"]


@functools.cache
def build() -> dict:
    """Return every table of the demonstration's report, controlled."""
    tables = test_report_audit.tables_with(audit_frames.audit(test_report_audit.WORLDS))
    tables |= test_report_diagnostics.tables() | {name: test_report_designs.tables()[name] for name in ("balance", "matched_sets")}
    tables |= control_uncertainty(
        {"calibration": calibration(), "missed_links": test_report_uncertainty.MISSED, "linkage_uncertainty": test_report_uncertainty.UNCERTAINTY, "recall_to_overturn": test_report_uncertainty.losses()}, 10, 5
    )
    controls = negative_controls()
    summary = summarise_controls(controls, tables["effects"], 0.95)
    tables |= control_controls({"negative_controls": controls, "negative_control_summary": summary}, 10, 5)
    tables |= control_implementation(test_report_implementation.raw_tables(), 10, 5) | {"subgroups": test_report_moderators.groups(), "contact_hours": control_contact_hours(contact_hours(), 10, 5)}
    tables["effects"] = complete_effects(tables["effects"])
    return tables | {"demonstration": truth(), "linkage_truth": linkage_truth(), "staggered_effects": empty_table("staggered_effects")}


def complete_effects(effects: pd.DataFrame) -> pd.DataFrame:
    """Return `effects` with every column of the stage and with officer minutes as a further outcome, in percent and averted as the ratio has it."""
    minutes = effects[effects["outcome"].eq("n_contacts") & effects["estimator"].isin(["sequential_trials", "complier"])].assign(outcome="officer_minutes")
    rows = pd.concat([effects, minutes], ignore_index=True)
    rows = rows.assign(status=rows["status"].fillna("estimated") if "status" in rows else "estimated", includes_linkage=False, n_counted=3600)
    for end, name in (("", "estimate"), ("_low", "ci_low"), ("_high", "ci_high")):
        rows[f"percent_change{end}"] = 100 * np.expm1(rows[name].astype(float))
    for end, name in (("", "estimate"), ("_low", "ci_high"), ("_high", "ci_low")):
        rows[f"n_averted{end}"] = (3600 * np.expm1(-rows[name].astype(float))).round(-1)
    return rows


def demonstration() -> dict:
    """Return a copy of every table of the demonstration's report."""
    return {name: table.copy() for name, table in build().items()}


def negative_controls() -> pd.DataFrame:
    """Return a hundred referrals dealt by lot, of whose intervals 95 hold no effect."""
    estimate = np.linspace(-0.2, 0.2, 100)
    table = pd.DataFrame({"control": np.arange(1, 101), "estimand": "referral", "estimate": estimate, "std_error": 0.1, "df": 50.0, "ci_low": estimate - 0.2, "ci_high": estimate + 0.2})
    return table.assign(p_value=0.5, covers=np.arange(100) < 95, n_people=1234, n_referred=3, status="estimated")


def calibration() -> pd.DataFrame:
    """Return match probabilities as promised and as kept, the last bin with too few links to be shown."""
    rows = [("nominal ids", 0.5, 0.69, 0.85, 0.61, 0.46, 0.74, 40), ("nominal ids", 0.9, 0.97, 0.98, 0.99, 0.97, 0.999, 4)]
    return pd.DataFrame(rows, columns=["basis", "bin", "expected", "calibrated", "share_right", "ci_low", "ci_high", "n"])


def contact_hours() -> pd.DataFrame:
    """Return officer hours per contact of the referred and of everyone, one channel with too few contacts to be shown."""
    rows = [(people, *level, n_people, n_people * n, n_people * n // 2, n_people * n // 3, 0.4, 0.6) for people, n_people, n in ((REFERRED, 400, 10), (EVERYONE, 40000, 2)) for level in (("all", "all"), ("channel", "999"), ("channel", "101"), ("type", "concern_for_safety"))]
    rows.append((REFERRED, "channel", "online", 4, 4, 2, 1, 0.4, 0.6))
    return pd.DataFrame(rows, columns=["people", "grouping", "level", "n_people", "n_contacts", "n_attended", "n_timed", "hours_per_contact", "typical_hours_per_contact"])


def truth() -> pd.DataFrame:
    """Return three quantities held against the truth, one of each kind of unit but one that could not be estimated."""
    rows = [("Effect of engaging with the scheme", "ratio", 0.55, 0.58, 0.43, 0.77, True), ("The scheme's part of the published fall", "points", 15.4, 18.6, 11.0, 25.0, True), ("Fall in demand", "percent", 80.0, np.nan, np.nan, np.nan, pd.NA)]
    return pd.DataFrame(rows, columns=["quantity", "unit", "truth", "estimate", "ci_low", "ci_high", "covers"])


def linkage_truth() -> pd.DataFrame:
    """Return precision and recall by arm and period, one too small to be shown, and recall by what a contact holds."""
    rows = [(measure, arm, period, "any", 0.99, 0.98, 1.0, n) for measure in ("precision", "recall") for arm, period, n in (("referred", "before", 5000), ("referred", "after", 4), ("not_referred", "all", 40000))]
    rows += [("recall", arm, "all", "birth phone", 0.98, 0.97, 0.99, 4000) for arm in ("referred", "not_referred")]
    table = pd.DataFrame(rows, columns=["measure", "arm", "period", "pattern", "value", "ci_low", "ci_high", "n"])
    return control_table(table, 10, 5, counts=["n"], blank=["value", "ci_low", "ci_high"])


def empty(tables: dict, names: list) -> dict:
    """Return `tables` with those of these `names` emptied, columns kept."""
    return tables | {name: tables[name].iloc[:0] for name in names if name in tables}


def without_effect(tables: dict) -> dict:
    """Return the tables of a world in which the scheme does nothing: a steep naive fall, intervals about none."""
    claims = report_frames.claims().assign(controlled=[-3.0, 0.1, 0.1, np.nan], ci_low=[-40.0, -8.0, -8.0, np.nan], ci_high=[25.0, 8.0, 8.0, np.nan])
    return tables | {"effects": complete_effects(test_report_audit.null_effects(0.06)), "claims": claims}


def suppressed(tables: dict) -> dict:
    """Return the tables of a tiny cohort: every count suppressed, every share that stands on one too, most estimates not to be had."""
    small = {}
    for name, table in tables.items():
        counts = [column for column in table if column.startswith("n_") or column == "n"]
        hidden = {column: np.nan if column.startswith("n_averted") else pd.array([pd.NA] * len(table), dtype="Int64") for column in counts}
        small[name] = table if name.startswith("audit") else table.assign(**hidden)
    small["claims"] = tables["claims"].assign(reproduced=np.nan, controlled=np.nan, ci_low=np.nan, ci_high=np.nan)
    effects = tables["effects"]
    is_left = effects["estimator"].isin(["naive", "sequential_trials"]) & effects["estimand"].isin(["before_after", "referral"])
    small["effects"] = small["effects"].assign(**{column: effects[column].where(is_left).astype(float) for column in ("estimate", "std_error", "ci_low", "ci_high", "p_value")})
    small["effects"].loc[effects["estimand"].eq("referral"), ["ci_low", "ci_high"]] = [-np.inf, np.inf]
    blank = {"contact_hours": ["hours_per_contact", "typical_hours_per_contact", "percent_attended", "percent_timed"], "link_quality": ["value", "ci_low", "ci_high"], "event_study": ["contacts_per_person_month", "estimate", "std_error", "ci_low", "ci_high"], "linkage_months": ["value", "ci_low", "ci_high"], "linkage_differences": ["estimate", "std_error", "ci_low", "ci_high"]}
    for name, columns in blank.items():
        small[name] = small[name].assign(**{column: np.nan for column in columns})
    return empty(small, ["decomposition", "subgroups", "doses", "honest_bounds", "negative_controls", "negative_control_summary"])


def linked_elsewhere(tables: dict) -> dict:
    """Return the tables of a pseudonymised set."""
    return empty(tables, [*OF_LINKAGE, *OF_TRUTH])


def panel_only(tables: dict) -> dict:
    """Return the tables of a ready panel that does not say who engaged: no claim, no parts, nobody's safety."""
    claims = tables["claims"].assign(reproduced=np.nan, controlled=np.nan, ci_low=np.nan, ci_high=np.nan)
    effects = tables["effects"]
    effects = effects[~effects["estimand"].isin(["engaged", "never_engaged"]) & effects["outcome"].eq("n_contacts")]
    return empty(linked_elsewhere(tables), ["decomposition", "doses", "subgroups", "safety", "contact_hours", *OF_REGISTER]) | {"claims": claims, "effects": effects, "implementation_gaps": pd.DataFrame({"gap": ["register", "mentors"]})}


def failed(tables: dict) -> dict:
    """Return the tables with a check missed, and one that could not be worked out."""
    checks = tables["model_checks"].copy()
    checks.loc[0, ["value", "passed"]] = [0.31, False]
    checks.loc[1, ["value", "passed"]] = [np.nan, False]
    return tables | {"model_checks": checks}


def one_group(tables: dict) -> dict:
    """Return the tables where the only comparison is with people not yet referred."""
    against = {name: tables[name][tables[name]["comparison"].isin(["not_yet_referred", "none"])] for name in ("effects", "balance")}
    return tables | against


def hidden_headline(tables: dict) -> dict:
    """Return the tables with the headline's cells suppressed: clients, and the shares of clients."""
    claims = tables["claims"].copy()
    claims.loc[claims["claim"].ne("fall in demand"), "reproduced"] = np.nan
    effects = tables["effects"].assign(n_people=pd.array([pd.NA] * len(tables["effects"]), dtype="Int64"))
    return tables | {"claims": claims, "effects": effects}


def without_exits(tables: dict) -> dict:
    """Return the tables of a set without deaths and moves: no part of the fall is less time at risk, no other choice of exposure, no deaths."""
    parts = tables["decomposition"].copy()
    counted = [column for column in parts if column not in ("part", "position")]
    parts.loc[parts["part"].eq("exposure"), counted] = 0.0
    sensitivity, safety = tables["sensitivity"], tables["safety"]
    return tables | {"decomposition": parts, "sensitivity": sensitivity[sensitivity["exposure"].eq("in_area")], "safety": safety[safety["outcome"].ne("n_deaths") | safety["n_people"].isna()]}


WORLDS = {
    "demonstration": (lambda tables: tables, True, []),
    "inconclusive": (without_effect, True, []),
    "tiny": (suppressed, True, []),
    "panel only": (panel_only, False, LINKED_ELSEWHERE + OF_PANEL),
    "pseudonymised": (linked_elsewhere, False, LINKED_ELSEWHERE),
    "failed check": (failed, True, []),
    "failed and inconclusive": (lambda tables: failed(without_effect(tables)), True, []),
    "one comparison group": (one_group, True, []),
    "hidden headline": (hidden_headline, True, []),
    "no mentors": (lambda tables: empty(tables, OF_MENTORS), True, []),
    "no officer time": (lambda tables: empty(tables, ["contact_hours"]), True, []),
    "no exits": (without_exits, True, [NO_EXITS]),
    # No cost of the scheme and no price of an hour is given in params.yaml: what is illustrative is for a demonstration alone.
    "real": (lambda tables: empty(tables, OF_TRUTH), False, []),
}


def make_world(name: str) -> tuple[dict, bool, list[str]]:
    """Return the tables of a world, whether they are simulated, and the sentences on what they could not show."""
    change, is_simulated, not_shown = WORLDS[name]
    return change(demonstration()), is_simulated, not_shown
