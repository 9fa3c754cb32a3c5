"""The tidy row: what it derives, and that nothing without a meaning passes for a number."""

import numpy as np
import pandas as pd
import pytest

from pipeline.estimates import COLUMNS, Label, Size, add_status, clustered_error, describe_change, flagged_row, is_estimated, result_row, tidy
from pipeline.robustness import detectable_ratios, e_value, e_value_of_interval, e_value_remark

LABEL = Label("n_contacts", "not_yet_referred", "sequential_trials", "referral")
SIZE = Size(100, 1200.0)
PRINTED = 0.005  # VanderWeele & Ding (2017) print two decimals


@pytest.mark.parametrize("ratio, published", [(10.73, 20.95), (3.9, 7.26), (1 / 3.9, 7.26), (1.0, 1.0)])
def test_published_e_values_are_reproduced(ratio, published):
    assert e_value(ratio) == pytest.approx(published, abs=PRINTED)


def test_an_interval_that_holds_one_has_an_e_value_of_one():
    assert e_value_of_interval(0.8, 1.2) == 1
    assert e_value_of_interval(0.5, 0.9) == e_value(0.9)
    assert e_value_of_interval(1.1, 1.5) == e_value(1.1)
    assert np.isnan(e_value_of_interval(0.0, 0.5))


def test_the_remark_shows_what_the_naive_fall_would_score():
    assert "10.0" in e_value_remark() and "regression to the mean" in e_value_remark()


def test_the_detectable_ratio_is_the_plans():
    assert detectable_ratios(0.1124)[0] == pytest.approx(0.73, abs=PRINTED)


def test_a_fall_by_half_is_minus_fifty_per_cent_and_averts_what_was_counted():
    table = tidy([result_row(LABEL, np.log(0.5), 0.1, SIZE, 0.95)])
    row = describe_change(table, pd.Series([40])).iloc[0]
    assert row["percent_change"] == pytest.approx(-50)
    assert row["n_averted"] == pytest.approx(40)
    assert row["n_averted_low"] < row["n_averted"] < row["n_averted_high"]
    assert row["p_value"] < 0.001


@pytest.mark.parametrize("estimate, std_error, words", [(np.nan, 0.1, "finite"), (np.inf, 0.1, "finite"), (-40.0, 30.0, "separation"), (0.1, 0.0, "no variation")])
def test_what_is_no_estimate_is_flagged_and_the_table_stays(estimate, std_error, words):
    table = tidy([result_row(LABEL, estimate, std_error, SIZE, 0.95), result_row(LABEL, 0.1, 0.1, SIZE, 0.95), flagged_row(LABEL, "nobody engaged")])
    assert list(table.columns) == COLUMNS and is_estimated(table).tolist() == [False, True, False]
    assert words in table["status"][0] and table.loc[[0, 2], ["estimate", "std_error", "ci_low", "ci_high", "p_value"]].isna().all(axis=None)


def test_rows_without_a_status_are_given_one():
    rows = tidy([result_row(LABEL, -0.5, 0.1, SIZE, 0.95)] * 4).drop(columns="status")
    rows.loc[1, "ci_high"] = np.inf
    rows.loc[2, ["std_error", "ci_low", "ci_high", "p_value"]] = np.nan
    rows.loc[3, "estimate"] = np.inf
    table = add_status(rows)
    assert [words.split(":")[0] for words in table["status"]] == [
        "estimated", "estimated; interval unbounded", "estimated; without an interval, because some resamples give none", "not estimable",
    ]  # fmt: skip
    assert list(table.columns) == COLUMNS and np.isnan(table.loc[3, "ci_low"])


def test_influences_of_one_person_are_added_before_they_are_squared():
    assert clustered_error(np.array([1.0, -1.0, 2.0, 0.0]), np.array([0, 0, 1, 1]), correct=False) == 2.0
