"""Shares, rates and ratios from rounded counts, on tables small enough to check by hand: threshold 10, rounding to 5."""

import numpy as np
import pandas as pd
import pytest

from pipeline.disclosure import control_claims, count_clients
from pipeline.disclosure_rates import control_balance, control_event_study, control_sensitivity, control_shares, design_effect, round_to
from pipeline.intervals import wilson_interval
from pipeline.link_quality import control_quality
from pipeline.model_checks import control_checks
from pipeline.report_tables import show_link_quality

# Splitting an interval into its design effect and back is exact but for the rounding of the effect to one decimal.
INTERVAL_TOLERANCE = 1e-3


def test_a_share_is_that_of_the_rounded_counts():
    # 1,216 of 1,265 is 0.9613; published beside 1,265 it would say 1,216 again. 1,215 of 1,265 is 0.9605.
    shown = control_shares(pd.DataFrame({"share": [1216 / 1265], "n": [1265]}), "share", "n", 10, 5)
    assert shown["share"].tolist() == [1215 / 1265]


def test_a_share_of_people_goes_where_few_are_inside_or_outside_and_a_share_of_contacts_stays():
    table = pd.DataFrame({"share": [0.0, 0.9, 0.5, 0.98, 0.98], "n": [50, 50, 50, 50, 50]})
    shown = control_shares(table, "share", "n", 10, 5, of_people=pd.Series([True, True, True, True, False]))
    assert shown["share"].isna().tolist() == [True, True, False, True, False]
    assert shown["share"].iloc[2] == 0.5 and shown["share"].iloc[4] == 1.0


def test_a_share_of_too_few_is_not_shown():
    assert control_shares(pd.DataFrame({"share": [0.5], "n": [8]}), "share", "n", 10, 5)["share"].isna().all()


@pytest.mark.parametrize("effect", [1.0, 2.5])
def test_an_interval_keeps_its_design_effect(effect):
    low, high = wilson_interval(np.array([0.76]), np.array([400 / effect]))
    assert design_effect(np.array([0.76]), low, high, np.array([400.0])) == pytest.approx([effect])
    table = pd.DataFrame({"share": [0.76], "low": low, "high": high, "n": [400]})
    shown = control_shares(table, "share", "n", 10, 5, ["low", "high"])
    # 304 of 400 rounds to 305.
    again = wilson_interval(np.array([305 / 400]), np.array([400 / effect]))
    assert shown[["low", "high"]].to_numpy()[0] == pytest.approx(np.concatenate(again), abs=INTERVAL_TOLERANCE)


def test_halves_are_rounded_upwards_as_counts_are():
    assert round_to([2, 2.5, 7.5, 12], 5).tolist() == [0, 5, 10, 10]


def test_a_month_with_few_contacts_shows_people_and_nothing_else():
    rows = [(-1, "referred", 60, 8 / 60, -0.2), (-1, "not_yet_referred", 400, 0.3, np.nan), (0, "referred", 60, 33 / 60, 0.1), (0, "not_yet_referred", 400, 0.3, np.nan)]
    table = pd.DataFrame(rows, columns=["month", "arm", "n_people", "contacts_per_person_month", "estimate"]).assign(std_error=0.2, ci_low=-0.5, ci_high=0.5)
    shown = control_event_study(table, 10, 5)
    assert shown["contacts_per_person_month"].isna().tolist() == [True, False, False, False] and shown["n_people"].tolist() == [60, 400, 60, 400]
    # 33 contacts of 60 people are published as 35.
    assert shown["contacts_per_person_month"].iloc[2] == round(35 / 60, 2) and shown["estimate"].iloc[2] == round(0.1 + np.log(35 / 33), 3)
    assert pd.isna(shown["estimate"].iloc[0])


def test_an_overlap_that_counts_the_few_left_over_is_not_shown_and_the_check_says_why():
    balance = pd.DataFrame({"covariate": ["age", "age"], "n_referred": [530, 530], "n_comparison": 4000, "n_effective": 900.0, "overlap": [0.996, 0.9]})
    assert control_balance(balance, 10, 5)["overlap"].isna().tolist() == [True, False]
    checks = pd.DataFrame({"check": ["overlap", "clusters"], "value": [0.996, 530.0], "pass_mark": [0.95, 50], "passed": True, "meaning": "A share."})
    shown = control_checks(checks, 10, 5)
    assert pd.isna(shown["value"].iloc[0]) and shown["passed"].iloc[0] and shown["meaning"].iloc[0] == "A share. Fewer than 10 people are left over, so the share is not shown."
    absent = control_checks(checks.assign(value=[np.nan, 530.0]), 10, 5)
    assert absent["meaning"].tolist() == ["A share.", "A share."]


def test_a_check_of_the_linkage_keeps_its_verdict_where_its_share_goes():
    table = pd.DataFrame({"check": ["link rate", "expected precision", "completeness of phone"], "arm": "referred", "period": "all", "value": [0.97, 0.99, 0.76], "ci_low": 0.7, "ci_high": 0.995,
                          "n": [100, 100, 100], "pass_mark": [0.85, 0.98, np.nan], "passed": pd.array([True, True, None], dtype="boolean")})  # fmt: skip
    shown = control_quality(table, 10, 5)
    assert shown["value"].isna().tolist() == [True, False, False] and shown["value"].tolist()[1:] == [0.99, 0.75]
    words = show_link_quality(shown, 10)
    assert words["Found"].iloc[0] == "fewer than 10 on one side" and words["Verdict"].iloc[0] == "met"


def test_the_fall_is_that_of_the_controlled_ratio_and_goes_with_it():
    claims = pd.DataFrame({"claim": ["fall in demand", "did not call", "clients"], "published": [81, 50, 397], "reproduced": [81.3, 50.0, 398.0]})
    effects = pd.DataFrame({"estimator": ["naive", "naive", "complier"], "estimate": [np.log(0.2), -0.1, -0.8]})
    assert count_clients(claims) == 398
    assert control_claims(claims, effects, 10, 5)["reproduced"].round(6).tolist() == [80.0, 50.0, 400.0]
    assert pd.isna(control_claims(claims, effects.assign(estimate=np.nan), 10, 5)["reproduced"].iloc[0])


def test_a_specification_shows_no_before_and_after_ratio_that_the_effects_hide():
    columns = ["estimator", "outcome", "estimate", "std_error", "ci_low", "ci_high", "n_people", "status"]
    tried = pd.DataFrame([("naive", "n_contacts", -1.2518, 0.2936, -1.8622, -0.6414, 61, "estimated"), ("naive", "n_caller", -1.2518, 0.2936, -1.8622, -0.6414, 61, "estimated"),
                          ("complier", "n_contacts", -0.2891, 0.4611, -1.2, 0.6, 185, "estimated")], columns=columns)  # fmt: skip
    effects = pd.DataFrame([("naive", "n_contacts", np.nan), ("naive", "n_caller", -1.3), ("complier", "n_contacts", -0.2891)], columns=["estimator", "outcome", "estimate"])
    shown = control_sensitivity(tried, effects, 10, 5)
    assert shown["estimate"].isna().tolist() == [True, False, False] and shown.loc[0, ["std_error", "ci_low", "ci_high"]].isna().all() and "not shown" in shown.loc[0, "status"]
    assert shown.loc[1, "estimate"] == -1.25 and shown.loc[2, "estimate"] == -0.2891 and shown["n_people"].tolist() == [60, 60, 185]
