"""Who answers for the results, what was assumed and decided, and in what a run departs from its plan."""

import ast
import copy
import math
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import report_frames

from pipeline.checklists import check_pointers, find_tests, split_pointers
from pipeline.errors import InputError
from pipeline.figures_sensitivity import draw_specifications
from pipeline.governance import list_assurance, list_data, measure_assumptions, measure_decisions
from pipeline.markdown import read_template
from pipeline.params import check_params, load_sections
from pipeline.plan_ledger import COMMIT, PLAN, list_departures, mark_planned
from pipeline.provenance import committed_parameters, hash_lookups
from pipeline.report_governance import show_assumptions, show_data, show_decisions, show_evidence, write_ledger, write_made_from, write_section, write_standing
from pipeline.specification_choices import sort_curve
from pipeline.tables import read_reference

ROOT = Path(__file__).parent.parent
SECTIONS = load_sections()
PARAMS = check_params(SECTIONS)


def assurance(**changes):
    return check_params({"assurance": SECTIONS["assurance"] | changes}).assurance


def test_nobody_assures_their_own_work():
    with pytest.raises(InputError, match="assurer must not be the analyst"):
        assurance(analyst="A. Nalyst", assurer=" a. nalyst")
    assert assurance(analyst="A. Nalyst", assurer="B. Other", assured_on="2027-03-31").assured_on == date(2027, 3, 31)


def test_a_day_of_assurance_needs_somebody_who_assured():
    with pytest.raises(InputError, match="assured_on must stay empty until the assurer is named"):
        assurance(assured_on="2027-03-31")


def test_every_public_function_says_what_comes_back():
    """Functions that others may call have a docstring; those of a method module begin with what they return or do."""
    silent = [
        f"{path.name}: {node.name}"
        for path in (ROOT / "pipeline").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert not silent


def test_the_standing_says_who_assured_and_whether_the_last_day_of_use_has_passed():
    named = assurance(analyst="A. Nalyst", assurer="B. Other", assured_on="2027-03-31", sunset_on="2028-01-31")
    assert write_standing(list_assurance(named, date(2028, 1, 31))) == "Assured by B. Other on 31 March 2027. Its results are not to be used after 31 January 2028 without a new run."
    late = write_standing(list_assurance(assurance(sunset_on="2028-01-31"), date(2028, 2, 1)))
    assert late.startswith("Nobody but those who made it has assured this analysis yet.") and "31 January 2028, has passed: run it again" in late
    assert write_standing(pd.DataFrame()) == ""


@pytest.mark.parametrize(("kind", "said"), [("identified", "linked person by person"), ("pseudonymised", "linked elsewhere before they came here"), ("panel", "a table of people and months")])
def test_the_first_page_says_what_the_report_was_made_from(kind, said):
    parameters = PARAMS.model_copy(update={"extracts": PARAMS.extracts.model_copy(update={"kind": kind})})
    assert said in write_made_from(parameters, {}) and "1 January 2014 to 30 April 2022" in write_made_from(parameters, {})


# Logs.

AUDIT = pd.DataFrame(
    [("hidden state", "sequential_trials", "referral", 0.10), ("hidden state", "complier", "engaged", 0.25), ("short", "sequential_trials_followed", "referral", 0.02), ("long", "sequential_trials_followed", "referral", -0.08), ("apart", "sequential_trials_followed", "referral", 3.0)],
    columns=["world", "estimator", "estimand", "bias"],
)  # fmt: skip


def assumed(*measured_by):
    return pd.DataFrame({"assumption": "It is so", "reason": "It seems so", "if_wrong": "The answer errs", "measured_by": list(measured_by), "made_on": "2026-11-21"})


def test_an_assumption_is_worth_what_the_audit_and_the_curve_say():
    """A hidden state moves exp(0.25) = 1.28; half a year instead of a year moves the log ratio by -0.2 (report_frames); -0.08 is farther from nought than 0.02."""
    rows = assumed("world:hidden state", "choice:months_after=6", "design:followed", "world:not tried", np.nan)
    worth = measure_assumptions(rows, AUDIT, report_frames.sensitivity(), PARAMS.plan, ["short", "long"])
    assert worth["log_error_engaged"].round(3).tolist()[:2] == [0.25, -0.2] and worth["log_error"].round(3).tolist()[0::2][:2] == [0.1, -0.08]
    said = [words.removeprefix("The answer errs. ") for words in show_assumptions(worth)["If it is wrong"]]
    assert said[0] == "In simulated worlds the ratio comes out so: being referred 11% too high, engaging 28% too high (audit: hidden state)"
    assert "ratio times 0.82" in said[1] and "8% too low" in said[2] and "Not tried yet" in said[3] and said[4] == "Cannot be measured from these data"


def test_a_decision_stands_beside_the_errors_of_what_was_not_chosen():
    rows = pd.DataFrame({"decision": ["One", "Two"], "reason": "So", "alternative": ["sequential_trials_followed/referral", np.nan], "evidence": "", "decided_on": "2026-11-21"})
    measured = measure_decisions(rows, AUDIT, ["short", "long"])
    assert measured["log_error_low"].tolist()[0] == -0.08 and measured["log_error_high"].tolist()[0] == 0.02 and math.isnan(measured["log_error_low"].tolist()[1])
    assert "from 8% too low to 2% too high" in show_decisions(measured)["Why"][0] and show_decisions(measured)["Why"][1] == "So"
    assert "Since" not in show_decisions(measured) and "Since" in show_decisions(measured.assign(decided_on=["2026-11-21", "2027-01-02"]))


def test_every_committed_assumption_names_something_that_measures_it_or_none_and_every_decision_its_evidence():
    audit, assumptions, decisions = read_reference("audit"), read_reference("assumptions").fillna(""), read_reference("decisions").fillna("")
    worlds = [what.removeprefix("world:") for what in assumptions["measured_by"] if what.startswith("world:")]
    assert set(worlds) <= set(audit["world"])
    choices = [what.removeprefix("choice:").partition("=")[0] for what in assumptions["measured_by"] if what.startswith("choice:")]
    assert set(choices) <= set(report_frames.sensitivity().columns)
    check_pointers(decisions.assign(checklist="decisions", item=decisions["decision"]))
    pointers = [one for evidence in decisions["evidence"] for one in split_pointers(evidence)]
    assert {one.partition(":")[2] for one in pointers if one.startswith("test:")} <= set(find_tests(ROOT))
    assert not [one for one in pointers if one.startswith("file:") and not (ROOT / one.partition(":")[2]).exists()]
    alternatives = {tuple(one.split("/")) for one in decisions["alternative"] if one}
    assert alternatives <= set(audit[["estimator", "estimand"]].itertuples(index=False, name=None))


def test_the_data_log_has_every_file_with_its_hash_and_what_its_contract_found():
    provenance = pd.DataFrame([("extract", "contacts.csv", "ab" * 32), ("extract", "calls/ (84 files)", "cd" * 32), ("lock", "requirements.lock", "x")], columns=["kind", "item", "value"])
    log = list_data(provenance, report_frames.validation_results(), PARAMS.study, [("codes.csv", "ef" * 32)])
    assert log["item"].tolist() == ["contacts.csv", "calls/ (84 files)", "codes.csv"] and log["sha256"].str.len().eq(64).all()
    assert log.loc[0, ["n_rows", "n_rules", "n_rules_broken"]].tolist() == [101000, 2, 1] and log.loc[1:, "n_rows"].isna().all()
    monthly = pd.DataFrame([("contact_months", "R", "Why", "warning", False, 15, 100)], columns=["table", "rule", "reason", "severity", "passed", "n_unexpected", "n_rows"])
    both = list_data(provenance, pd.concat([report_frames.validation_results(), monthly]), PARAMS.study, [])
    assert both.loc[0, ["n_rows", "n_rules", "n_rules_broken"]].tolist() == [101000, 3, 2]
    shown = show_data(log, 10)
    assert shown.loc[0, "Covers"] == "1 January 2014 to 30 April 2022" and shown.loc[0, "Rows"] == "101,000" and shown.loc[1, "Rows"] == "–"
    assert {"audit.csv", "checklists.csv"} <= {name for name, _ in hash_lookups(ROOT / "data/reference")}


# The ledger of departures.


def departures(changes, committed=SECTIONS):
    sections = copy.deepcopy(SECTIONS)
    for parameter, value in changes.items():
        section, _, name = parameter.partition(".")
        sections[section][name] = value
    return list_departures(PARAMS.plan, sections, committed, report_frames.sensitivity()).set_index("parameter")


def test_a_run_with_the_committed_parameters_departs_from_nothing():
    assert departures({}).empty
    assert "Every parameter has the value of the analysis plan and of the last commit." in write_ledger({"plan_ledger": departures({}).reset_index()}, read_template("ledger"))


def test_a_departure_names_plan_and_commit_and_what_it_moves():
    """Six months in place of twelve move the log ratio by -0.2 in all twelve pairs of report_frames."""
    ledger = departures({"panel.months_after": 6, "effect.seed": 2})
    assert ledger.loc["panel.months_after", ["planned", "committed", "this_run", "differs_from"]].tolist() == ["12", "12", "6", f"{PLAN} and {COMMIT}"]
    assert ledger.loc["panel.months_after", "n_pairs"] == 12 and ledger.loc["panel.months_after", ["shift", "shift_low", "shift_high"]].astype(float).round(6).tolist() == [-0.2] * 3
    assert ledger.loc["effect.seed", "differs_from"] == COMMIT and ledger.loc["effect.seed", "n_pairs"] == 0
    words = write_ledger({"plan_ledger": ledger.reset_index()}, read_template("ledger")).replace("\\", "")
    assert "in 2 parameters" in words and "0.82" in words and "not tried" in words


def test_a_plan_that_was_committed_otherwise_is_still_departed_from():
    committed = copy.deepcopy(SECTIONS)
    committed["panel"]["months_after"] = 6
    assert departures({"panel.months_after": 6}, committed).loc["panel.months_after", "differs_from"] == PLAN


def test_without_version_control_only_the_plan_is_compared(tmp_path):
    assert committed_parameters(tmp_path) is None
    assert departures({"effect.seed": 2, "linkage.accept_from": 0.8}, None).index.tolist() == ["linkage.accept_from"]


def test_names_of_people_and_places_are_no_departures():
    assert departures({"assurance.analyst": "A. Nalyst", "report.scheme": "Northshire", "extracts.folder": "data/raw/ours"}).empty


def test_the_planned_specification_is_found_where_the_run_is_another():
    """The run of report_frames is the plan's; one of six months has the plan's own among its rows."""
    sensitivity = report_frames.sensitivity()
    assert mark_planned(sensitivity, PARAMS.plan).tolist() == sensitivity["is_primary"].tolist()
    of_six = sensitivity.assign(is_primary=sensitivity["is_valid"] & sensitivity["outcome"].eq("n_contacts") & sensitivity["estimator"].eq("doubly_robust") & sensitivity["months_after"].eq(6) & sensitivity["washout_days"].eq(0))
    marked = mark_planned(of_six, PARAMS.plan)
    assert marked.sum() == 1 and sensitivity.loc[marked, "is_primary"].all()
    nine = PARAMS.plan.model_copy(update={"months_after": 9})
    assert not mark_planned(of_six, nine).any() and not mark_planned(sensitivity.assign(is_primary=False), PARAMS.plan).any()


def test_the_curve_tells_the_plan_from_this_run_and_words_say_how_far_they_lie_apart():
    sensitivity = report_frames.sensitivity()
    same = draw_specifications(sensitivity.assign(is_planned=sensitivity["is_primary"]))[1]
    assert "The primary one is 0.54, which is what the plan asks for." in same
    first = sensitivity["is_primary"]
    other = sensitivity.assign(is_planned=first, is_primary=sensitivity.index == 0)
    assert "; what the plan asks for is another, 0.54." in draw_specifications(other)[1]
    words = write_ledger({"plan_ledger": departures({"panel.months_after": 6}).reset_index(), "sensitivity": other}, read_template("ledger")).replace("\\", "")
    assert "the plan's own specification gives a ratio of 0.54" in words and "18% lower than the plan's; it lies within the planned interval" in words


def test_the_curve_is_sorted_and_counted_from_one():
    curve = sort_curve(report_frames.sensitivity())
    assert curve["place"].tolist() == list(range(1, len(curve) + 1)) and curve["estimate"].is_monotonic_increasing and curve["is_valid"].all()


# The section.


def test_a_section_without_tables_is_empty_and_one_with_them_names_what_is_missing():
    assert write_section({}, PARAMS, read_template("governance")).strip() == ""
    held = pd.DataFrame(
        [("RAP", "Baseline 1", "Open <script>", "file:README.md; section:the-effect", "", "met", ""), ("RAP", "Baseline 2", "Reviewed", "parameter:assurance.code_reviewed_by", "", "not met", "parameter:assurance.code_reviewed_by"), ("RAP", "Gold 3", "Runs by itself", "person:the force", "", "for a person to do", "person:the force")],
        columns=["checklist", "item", "wording", "evidence", "note", "status", "missing"],
    )  # fmt: skip
    page = write_section({"checklists": held, "assurance": list_assurance(PARAMS.assurance, date(2026, 12, 1))}, PARAMS, read_template("governance"))
    text = page.replace("\\", "")
    assert "3 items: 1 met, 1 not met, 1 for a person to do" in text and "Not met, or left to a person: RAP (Baseline 2, Gold 3)." in text
    assert "README\\.md; [The effect](#the-effect) |" in page
    assert "missing: parameter assurance.code_reviewed_by" in text and "does not reach the baseline" in text and "<script>" not in page.replace("\\<", "")


def test_a_section_that_is_there_is_a_link_and_one_that_is_not_is_no_link():
    shown = show_evidence("section:the-effect; section:gone; test:tests/test_a.py::test_rows_add_up", "section:gone")
    assert "[The effect](#the-effect)" in shown and "#gone" not in shown and "test ‘rows add up’" in shown
