"""The plan: what the page quotes is what the audit's table says, the planned design is valid there, departures are told."""

from pathlib import Path

import pytest
import report_frames

from pipeline.analysis_plan import compare_with_plan, list_departures
from pipeline.audit_verdicts import INVALID, VALID, judge_designs, verdict_of
from pipeline.errors import InputError
from pipeline.params import check_params, load_sections
from pipeline.plan_page import BEGIN, END, PAGE, fill_page, write_numbers
from pipeline.tables import read_reference
from pipeline.validation import check_contracts

ROOT = Path(__file__).parent.parent
PARAMS = check_params(load_sections())
# A page of A4 in this type holds some 600 words of prose.
WORDS_OF_A_PAGE = 600


def page():
    return (ROOT / PAGE).read_text(encoding="utf-8")


def test_the_numbers_on_the_page_of_the_plan_are_those_of_the_audit():
    numbers = write_numbers(read_reference("audit"), PARAMS.plan, PARAMS.audit)
    assert fill_page(page(), numbers) == page(), "run `python -m pipeline.plan_page`"


def test_the_prose_of_the_plan_is_one_page_and_holds_no_result():
    before, _, rest = page().partition(BEGIN)
    prose = before + rest.partition(END)[2]
    assert len(prose.split()) < WORDS_OF_A_PAGE and "%" not in prose and PAGE in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_designs_of_the_plan_are_among_those_that_the_audit_finds_valid():
    """Once the committed audit holds every world with enough replicates; before that it must at least not find them invalid."""
    audit = read_reference("audit")
    verdicts = judge_designs(audit, PARAMS.audit)
    is_complete = set(PARAMS.audit.worlds) <= set(audit.loc[audit["n_replicates"] >= PARAMS.audit.replicates_at_least, "world"])
    for estimator, estimand in ((PARAMS.plan.estimator, PARAMS.plan.estimand), (PARAMS.plan.engaged_by, "engaged")):
        assert verdict_of(verdicts, estimator, estimand) == VALID if is_complete else verdict_of(verdicts, estimator, estimand) != INVALID


def test_the_committed_audit_meets_its_contract():
    check_contracts({"audit": read_reference("audit"), "audit_pairs": read_reference("audit_pairs")})


def test_the_parameters_as_committed_are_those_of_the_plan():
    compared = compare_with_plan(PARAMS.plan, PARAMS, report_frames.effects())
    assert compared["is_plan"].all() and list_departures(compared) == []


def test_a_changed_window_and_another_treatment_of_later_referrals_are_departures():
    panel, effect = PARAMS.panel.model_copy(update={"months_after": 6}), PARAMS.effect.model_copy(update={"later_referrals": "followed"})
    departures = list_departures(compare_with_plan(PARAMS.plan, PARAMS.model_copy(update={"panel": panel, "effect": effect}), report_frames.effects()))
    assert departures == ["months after is 6 and not 12", "later referrals is followed and not removed"]


def test_a_run_that_could_not_estimate_the_planned_design_departs_from_the_plan():
    effects = report_frames.effects()
    effects = effects[effects["estimator"].ne("sequential_trials")]
    assert "estimator is not estimated and not sequential trials" in list_departures(compare_with_plan(PARAMS.plan, PARAMS, effects))


def test_a_page_without_its_marks_is_not_written_over():
    with pytest.raises(InputError, match="marks between which the numbers stand"):
        fill_page("A page.", "Numbers.")
