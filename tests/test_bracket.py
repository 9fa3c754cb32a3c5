"""One number where valid designs agree, a bracket where they do not; invalid designs span nothing."""

from types import SimpleNamespace

import audit_frames
import numpy as np
import pandas as pd
import pytest

from pipeline.audit_verdicts import judge_designs
from pipeline.audit_wording import is_apart, write_agreement
from pipeline.bracket import bracket_designs
from pipeline.bracket_wording import write_bracket, write_bracket_line, write_bracket_of_100
from pipeline.params import check_params, load_sections

PARAMS = check_params(load_sections())
WORLDS = PARAMS.audit.worlds
PLAN = SimpleNamespace(outcome="n_contacts", comparison="not_yet_referred", estimand="referral", estimator="sequential_trials", engaged_by="complier")
VERDICTS = judge_designs(audit_frames.audit(WORLDS), PARAMS.audit)


def effects(**estimates):
    """Estimates of the effect of referral by estimator, each with an error of 0.1."""
    rows = [("n_contacts", "not_yet_referred", name, "referral", value, 0.1, value - 0.196, value + 0.196) for name, value in estimates.items()]
    return pd.DataFrame(rows, columns=["outcome", "comparison", "estimator", "estimand", "estimate", "std_error", "ci_low", "ci_high"])


def bracket(correlation=0.8, **estimates):
    return bracket_designs(effects(**estimates), VERDICTS, audit_frames.pairs(WORLDS, correlation), WORLDS, PLAN, 0.95)


def test_designs_that_agree_give_one_number():
    found = bracket(sequential_trials=-0.30, matched_sets=-0.25)
    assert len(found) == 2 and not is_apart(found)
    assert "2 designs that the audit of the method found valid agree" in write_agreement(found, VERDICTS, PLAN) and "one number of the analysis plan" in write_agreement(found, VERDICTS, PLAN)


def test_designs_that_disagree_beyond_chance_give_a_bracket_with_both_intervals():
    found = bracket(sequential_trials=-0.50, matched_sets=-0.20)
    assert is_apart(found) and found.loc[found["is_lowest"], "estimator"].item() == "sequential_trials"
    answer = write_bracket(found, 12, 0.95)
    assert "39% fewer (interval: 50% fewer to 26% fewer; sequential trials) and 18% fewer (interval: 33% fewer to no change; matched sets)" in answer and "reaches from 50% fewer to no change" in answer
    assert write_agreement(found, VERDICTS, PLAN) == ""
    assert "an estimated 61 to 82 were made with it (with sampling error: 50 to 100)" in write_bracket_of_100(found)


def test_a_difference_counts_by_the_error_of_the_difference_and_not_by_whether_intervals_overlap():
    # Errors of 0.1: the difference of 0.2 has an error of 0.141 if independent (p = 0.16) and of 0.063 at a correlation of 0.8 (p = 0.0016).
    alone = bracket_designs(effects(sequential_trials=-0.5, matched_sets=-0.3), VERDICTS, audit_frames.pairs(WORLDS).iloc[:0], WORLDS, PLAN, 0.95)
    together = bracket(0.8, sequential_trials=-0.5, matched_sets=-0.3)
    assert not is_apart(alone) and alone["p_differs"].iloc[0] == pytest.approx(0.157, abs=0.001)
    assert is_apart(together) and together["p_differs"].iloc[0] == pytest.approx(0.0016, abs=0.0001)


def test_invalid_designs_span_nothing():
    found = bracket(sequential_trials=-0.30, matched_sets=-0.28, fixed_effects=-1.2)
    assert "fixed_effects" not in set(found["estimator"]) and not is_apart(found)


def test_a_design_that_could_not_be_estimated_or_has_no_error_is_left_out():
    found = bracket(sequential_trials=-0.30, matched_sets=np.nan)
    assert found["estimator"].tolist() == ["sequential_trials"] and "only one could be estimated" in write_agreement(found, VERDICTS, PLAN)


def test_without_a_finished_audit_there_is_no_bracket_and_the_report_says_why():
    undecided = judge_designs(audit_frames.audit(WORLDS[:2]), PARAMS.audit)
    found = bracket_designs(effects(sequential_trials=-0.5, matched_sets=0.5), undecided, audit_frames.pairs(WORLDS), WORLDS, PLAN, 0.95)
    assert found.empty and "has not decided on it yet" in write_agreement(found, undecided, PLAN)


def test_a_bracket_that_holds_no_effect_says_that_none_was_found():
    found = bracket(sequential_trials=-0.30, matched_sets=0.10)
    assert is_apart(found) and write_bracket(found, 12, 0.95).startswith("The result is inconclusive: no clear effect on demand was found.")
    assert write_bracket_line(found).startswith("no clear effect of being referred was found")


def test_many_pairs_are_corrected_for_their_number():
    audit = audit_frames.audit(WORLDS)
    third = audit[audit["estimator"].eq("matched_sets")].assign(estimator="empirical_bayes")
    verdicts = judge_designs(pd.concat([audit, third]), PARAMS.audit)
    rows = effects(sequential_trials=-0.5, matched_sets=-0.22, empirical_bayes=-0.36)
    found = bracket_designs(rows, verdicts, audit_frames.pairs(WORLDS).iloc[:0], WORLDS, PLAN, 0.95)
    # Three differences; the largest, 0.28 with an error of 0.141, has p = 0.0477, and 0.143 times three tests.
    assert not is_apart(found) and found["p_differs"].min() == pytest.approx(0.143, abs=0.001)
