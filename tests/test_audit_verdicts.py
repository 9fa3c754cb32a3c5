"""What the audit finds of a design: marks, Monte Carlo errors, missing worlds; and how alike two designs move."""

from types import SimpleNamespace

import audit_frames
import numpy as np
import pandas as pd
import pytest

from pipeline.audit_pairs import difference_error, pair_designs
from pipeline.audit_verdicts import judge_designs, list_valid, verdict_of
from pipeline.audit_worlds import list_worlds
from pipeline.audit_wording import describe_limits, list_limits, write_design, write_errors, write_naive
from pipeline.params import check_params, load_sections

PARAMS = check_params(load_sections())
MARKS = SimpleNamespace(worlds=["one", "one, no effect"], bias_at_most=0.1, coverage_at_least=0.9, false_positives_at_most=0.08, beyond_errors=2.0, replicates_at_least=200,
                        coverage_aim=[0.93, 0.97], false_positives_aim=0.06)  # fmt: skip


def verdict(*changes, **both):
    """The verdict on a design that is right but for what is said of its world with effect and of that without."""
    rows = [audit_frames.row(world, "d", "referral", **(both | change)) for world, change in zip(MARKS.worlds, [*changes, {}, {}])]
    return judge_designs(pd.DataFrame(rows), MARKS).iloc[0]


def test_a_design_that_meets_every_mark_is_valid():
    found = verdict()
    assert found["verdict"] == "valid" and found["reason"] == "" and found["n_worlds_missing"] == 0 and found["n_off_aim"] == 0


@pytest.mark.parametrize("change, reason", [(dict(bias=0.2), "bias in one"), (dict(bias=-0.2), "bias in one"), (dict(coverage=0.8), "coverage in one"), (dict(bias=np.nan), "no estimate in one")])
def test_a_design_that_misses_a_mark_in_a_single_world_is_invalid_and_says_which(change, reason):
    found = verdict(change)
    assert found["verdict"] == "invalid" and found["reason"] == reason


def test_false_positives_count_only_where_there_is_no_effect():
    assert verdict(dict(rejected=0.9))["verdict"] == "valid"
    found = verdict({}, dict(rejected=0.2))
    assert found["verdict"] == "invalid" and found["reason"] == "false positives in one, no effect" and found["largest_false_positives"] == 0.2


def test_a_mark_missed_by_no_more_than_chance_is_not_missed():
    # Two Monte Carlo errors of 0.01: 0.119 may be 0.1, 0.121 may not.
    assert verdict(dict(bias=0.119, bias_se=0.01))["verdict"] == "valid"
    assert verdict(dict(bias=0.121, bias_se=0.01))["verdict"] == "invalid"


def test_few_replicates_or_a_missing_world_leave_a_design_undecided_but_a_missed_mark_still_counts():
    assert verdict(n=199)["verdict"] == "undecided"
    only = pd.DataFrame([audit_frames.row("one", "d", "referral")])
    assert judge_designs(only, MARKS).loc[0, ["verdict", "n_worlds_missing"]].tolist() == ["undecided", 1]
    assert judge_designs(only.assign(coverage=0.1), MARKS).loc[0, "verdict"] == "invalid"


def test_worlds_that_break_an_assumption_find_nobody_invalid():
    rows = pd.DataFrame([audit_frames.row(world, "d", "referral") for world in MARKS.worlds] + [audit_frames.row("broken", "d", "referral", bias=2.0, coverage=0.0)])
    assert judge_designs(rows, MARKS).loc[0, "verdict"] == "valid"


def test_an_audit_without_rows_judges_nobody():
    empty = audit_frames.audit(MARKS.worlds).iloc[:0]
    assert judge_designs(empty, MARKS).empty and verdict_of(judge_designs(empty, MARKS), "d", "referral") == "undecided"


def test_the_worlds_that_designs_are_held_to_exist_and_the_others_are_named_in_the_limits():
    worlds = list_worlds()
    assert set(PARAMS.audit.worlds) < set(worlds)
    limits = pd.DataFrame([dict(world=world, estimand="referral", has_effect="no effect" not in world, n_designs=2, lowest_bias=0.1, highest_bias=0.2, direction="high",
                                smallest_coverage=0.1, largest_coverage=0.5, smallest_rejected=0.1, largest_rejected=0.2) for world in set(worlds) - set(PARAMS.audit.worlds)])  # fmt: skip
    sentences = list_limits(limits)
    assert len(sentences) == len(worlds) - len(PARAMS.audit.worlds) and all(line.startswith(("With", "Where")) for line in sentences)


def test_a_hidden_state_is_told_with_its_direction_and_size():
    table = audit_frames.audit(PARAMS.audit.worlds)
    verdicts = judge_designs(table, PARAMS.audit)
    assert list_valid(verdicts, "referral") == ["matched_sets", "sequential_trials"] and list_valid(verdicts, "engaged") == ["complier"]
    lines = list_limits(describe_limits(table, verdicts, PARAMS.audit))
    hidden, null, _, selective = lines
    # exp(0.26) is 30 % and exp(0.28) 32 % too high; exp(0.11) and exp(0.13) are 12 and 14 %; exp(-0.28) is 24 % too low.
    assert hidden.startswith("With selection on a hidden state that officers see and records do not, all 2 designs for the effect of being referred understate a fall (ratios 30% to 32% too high), with 95% intervals that hold the truth in 40% to 50% of replicates; the one design for the effect on those who engaged understates a fall")
    assert "all 2 designs for the effect of being referred find a rise where there is none (ratios 12% to 14% too high)" in null and "and a finding in 5% of them." in null
    assert "the one design for the effect on those who engaged overstates a fall (ratios 24% too low)" in selective


def test_errors_on_both_sides_are_not_told_as_one_side():
    table = audit_frames.audit(PARAMS.audit.worlds)
    table.loc[table["world"].eq("hidden state") & table["estimator"].eq("matched_sets"), "bias"] = -0.2
    line = next(line for line in list_limits(describe_limits(table, judge_designs(table, PARAMS.audit), PARAMS.audit)) if "records do not" in line)
    assert "the 2 designs for the effect of being referred do not err on one side (ratios 18% too low to 30% too high)" in line


def test_an_error_that_is_none_at_one_end_is_up_to_the_other():
    assert (write_errors(0.0, 0.1), write_errors(-0.2, 0.001), write_errors(0.0, 0.0)) == ("up to 11% too high", "up to 18% too low", "right")


def test_an_error_within_the_mark_is_told_as_such_and_with_its_size():
    table = audit_frames.audit(PARAMS.audit.worlds)
    table.loc[table["world"].eq("links differ by arm"), "bias"] = 0.03
    line = next(line for line in list_limits(describe_limits(table, judge_designs(table, PARAMS.audit), PARAMS.audit)) if "found less often" in line)
    assert "all 2 designs for the effect of being referred stay within the mark for the mean error (ratios 3% too high)" in line and "the one design for the effect on those who engaged stays within" in line


def test_the_naive_count_and_the_primary_are_told_from_the_rows():
    table = audit_frames.audit(PARAMS.audit.worlds)
    assert "finds a clear change in 100% of replicates: a fall of 63% in contacts on average" in write_naive(table)
    found = write_design(table, "sequential_trials", "referral", PARAMS.audit.worlds)
    assert f"in {len(PARAMS.audit.worlds)} worlds (200 replicates each)" in found and "1% too high" in found and "one is found in 5.0% of replicates" in found and "A true ratio of 0.74 is found in 80% of replicates" in found


def test_the_correlation_of_two_designs_is_that_over_the_draws_in_which_both_answered():
    estimates = {"sequential_trials": [0.1, 0.3, 0.2, 0.5], "matched_sets": [0.2, 0.6, 0.4, np.nan]}
    rows = pd.DataFrame([dict(world="w", replicate=k, estimator=name, estimand="referral", estimate=value, std_error=0.1) for name, values in estimates.items() for k, value in enumerate(values)])
    found = pair_designs(rows).iloc[0]
    # The second is twice the first: a correlation of 1, and differences of 0.1, 0.3 and 0.2.
    assert found["n_replicates"] == 3 and found["correlation"] == pytest.approx(1) and found["mean_difference"] == pytest.approx(0.2) and found["sd_difference"] == pytest.approx(0.1)


def test_the_error_of_a_difference_by_hand():
    assert difference_error(0.3, 0.4, 0.0) == pytest.approx(0.5)
    assert difference_error(0.3, 0.4, 1.0) == pytest.approx(0.1)
