"""Sentences say what their numbers say: direction, interval, and nothing when nothing is known."""

import math

import numpy as np
import pandas as pd
import pytest
import report_frames

from pipeline import wording


def effect(estimate, low, high):
    return pd.Series({"estimate": estimate, "ci_low": low, "ci_high": high})


@pytest.mark.parametrize("estimate, words", [(math.log(0.55), "45% fewer"), (math.log(1.1), "10% more"), (0.0, "no change"), (np.inf, "more without bound"), (np.nan, "not available")])
def test_a_log_ratio_becomes_a_change_in_words(estimate, words):
    assert wording.write_change(estimate) == words


@pytest.mark.parametrize("value, words", [(13.94, "+13.9"), (-2.44, "\u22122.4"), (0.04, "0.0"), (-0.04, "0.0"), (-0.06, "\u22120.1"), (np.inf, "unbounded"), (np.nan, "not available")])
def test_a_signed_number_has_a_sign_unless_it_rounds_to_nought(value, words):
    assert wording.write_signed(value, 1) == words


def test_an_interval_without_upper_end_says_so():
    assert wording.write_interval(math.log(0.5), np.inf) == "from 50% fewer with no upper bound"
    assert wording.write_ratio(np.inf) == "unbounded"


@pytest.mark.parametrize("low, high, direction", [(-0.5, -0.1, "fewer"), (0.1, 0.5, "more"), (-0.5, 0.1, "inconclusive"), (-0.5, np.inf, "inconclusive"), (np.nan, np.nan, "inconclusive")])
def test_the_direction_is_told_only_where_the_interval_leaves_out_no_change(low, high, direction):
    assert wording.name_direction(effect(-0.2, low, high)) == direction


def test_the_answer_gives_the_engaged_their_estimate_with_its_interval():
    answer = wording.write_answer(effect(-0.3, -0.5, -0.1), effect(math.log(0.55), math.log(0.43), math.log(0.7)), 12, 0.95)
    assert "12 months" in answer and "45% fewer" in answer and "95% interval: 57% fewer to 30% fewer" in answer
    assert "inconclusive" not in answer


def test_an_inconclusive_answer_claims_neither_effect_nor_none():
    answer = wording.write_answer(None, effect(-0.1, -0.4, 0.2), 12, 0.95)
    assert answer.startswith("The result is inconclusive")
    assert "should not be taken to mean that the scheme has no effect" in wording.write_inconclusive()


def test_of_100_contacts_counts_what_was_made_with_the_scheme():
    sentence = wording.write_of_100(effect(math.log(0.55), math.log(0.43), math.log(0.7)))
    assert "an estimated 55 were made" in sentence and "43 to 70" in sentence
    assert "an unknown number" in wording.write_of_100(effect(-0.5, -1.0, np.inf))


def test_every_failed_check_is_listed_and_no_other():
    checks = report_frames.model_checks()
    assert wording.list_failures(checks, report_frames.link_quality(), report_frames.validation_results()) == []
    checks.loc[0, "passed"] = False
    links = report_frames.link_quality().assign(passed=pd.array([False, True, True, True, True, pd.NA], dtype="boolean"))
    failures = wording.list_failures(checks, links, report_frames.validation_results())
    assert [failure.partition(":")[0] for failure in failures] == ["balance", "linkage, precision, referred"]


def test_a_clear_difference_of_the_never_engaged_stands_beside_the_effect_that_rests_on_them():
    complier = effect(-0.6, -0.8, -0.4)
    caution = wording.write_caution(effect(-0.2, -0.35, -0.05), complier)
    assert "never engaged had 18% fewer contacts" in caution and "does not rest on it" in caution
    assert not wording.write_caution(effect(-0.2, -0.45, 0.05), complier)
    assert not wording.write_caution(None, complier) and not wording.write_caution(effect(-0.2, -0.35, -0.05), None)


def test_the_parts_in_the_sentence_are_the_rows_of_the_table():
    sentence = wording.write_decomposition(report_frames.decomposition(), 12)
    assert "Of these 81.0 percentage points, 0.7 are linkage" in sentence and "0.6 are less time at risk" in sentence and "18.6 are the scheme (interval: 11.0 to 25.0)" in sentence
    upwards = report_frames.decomposition().assign(percentage_points=[81.0, 0.0, -1.0, 3.4, 60.0, 18.6])
    assert "\u22121.0 are less time at risk" in wording.write_decomposition(upwards, 12) and "worked in the other direction" in wording.write_decomposition(upwards, 12)


def test_the_sentence_on_the_order_says_how_far_the_scheme_s_part_turns_on_it():
    sentence = wording.write_orders(report_frames.decomposition())
    assert "between 15.2 and 44.9 percentage points" in sentence and "mean 29.6" in sentence and "36%" in sentence
    unknown = report_frames.decomposition().assign(points_low=float("nan"), points_high=float("nan"), points_mean=float("nan"))
    assert wording.write_orders(unknown) == "" == wording.write_orders(unknown.iloc[:0])


def test_a_fall_that_rests_on_links_made_elsewhere_is_not_said_to_be_searched_by_the_register():
    table = report_frames.decomposition()
    assert wording.write_decomposition(table, 12).startswith("Found by their register details, clients")
    assert wording.write_decomposition(table[table["part"] != "linkage"], 12).startswith("Clients of the claim had")


def test_contacts_per_client_follow_from_the_fall():
    # 10.9 contacts are 81.0% of those before: 13.5 before, 2.6 after, and 2.5 more than that without the scheme.
    sentence = wording.write_decomposition(report_frames.decomposition(), 12)
    assert "13.5 contacts each in the 12 months before" in sentence and "2.6 in the 12 months after" in sentence and "an estimated 5.1 contacts each" in sentence


def test_the_share_who_did_not_call_is_divided_into_those_who_would_not_have_and_the_scheme():
    # 50.5% did not call and engaging raised that by 9.1 points: about 41 of 100 would not have called in any case.
    sentence = wording.write_shares(report_frames.claims())
    assert "Of 396 clients, 50.5% did not call" in sentence and "about 41 would not have called in any case, and 9 more did not" in sentence
    unclear = report_frames.claims().assign(ci_low=-3.0)
    assert "left it unchanged" in wording.write_shares(unclear) and "because of the scheme" not in wording.write_shares(unclear)


def test_a_fall_below_zero_is_called_a_rise():
    null = report_frames.claims().assign(controlled=-3.1, ci_low=-34.2, ci_high=20.1)
    sentence = wording.write_claim(null)
    assert "no clear fall is left: an estimated rise of 3.1% in contacts (interval: a rise of 34.2% to a fall of 20.1%)" in sentence


def test_an_inconclusive_result_stands_beside_the_naive_fall():
    assert "gives a fall of 80.9%" in wording.write_naive_beside(report_frames.claims())


def test_a_value_and_its_pass_mark_have_the_same_decimals():
    assert wording.write_beside(0.0585, 0.1) == ("0.059", "0.100")
    assert wording.write_beside(1265.0, 100.0) == ("1,265", "100") and wording.write_beside(1.0, 1.0) == ("1", "1")
    assert wording.write_beside(0.997, 1.0) == ("0.997", "1.000") and wording.write_beside(14.2, np.nan) == ("14.2", "–")


def test_a_check_that_could_not_be_worked_out_says_so():
    checks = report_frames.model_checks()
    checks.loc[2, ["value", "passed"]] = [np.nan, False]
    assert wording.list_failures(checks, report_frames.link_quality(), report_frames.validation_results())[0].startswith("pre-trend: could not be worked out (pass mark 0.050)")


def test_dates_are_written_in_words():
    assert wording.write_date("2017-01-01") == "1 January 2017"


def test_the_claim_sentence_holds_the_four_numbers():
    sentence = wording.write_claim(report_frames.claims())
    assert all(number in sentence for number in ("81%", "80.9%", "42.3%", "22.6%", "57.0%"))
    assert "could not be estimated" in wording.write_claim(report_frames.claims().assign(controlled=np.nan))


@pytest.mark.parametrize("make", [float, np.float64])
def test_a_share_and_its_percentage_round_alike_whatever_kind_of_number_they_are(make):
    """0.65 lies above its half as a float and 96.05 below; numpy and Python round them differently, and a table and a sentence then disagree."""
    assert wording.write_number(make(0.9605), 3) == "0.961" and wording.write_percent(make(100 * 0.9605)) == "96.1%"
    assert wording.write_number(make(0.65), 1) == "0.7" and wording.write_number(make(-0.65), 1) == "\u22120.7"
    assert wording.write_number(make(-0.04), 1) == "0.0" and wording.write_number(make(1234.5)) == "1,235"


def test_a_difference_of_the_never_engaged_comes_with_its_p_value_and_without_a_verdict():
    found = wording.write_falsification(pd.Series({"estimate": -0.21, "ci_low": -0.40, "ci_high": -0.01, "p_value": 0.039}))
    assert "19% fewer" in found and "(p = 0.039)" in found and "clear difference" not in found
