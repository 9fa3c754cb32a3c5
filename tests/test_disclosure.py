"""Disclosure control on tables small enough to check by hand: threshold 10, rounding to 5."""

import pandas as pd
import pytest

from pipeline.disclosure import control_attrition, control_percent, control_table


def test_counts_below_the_threshold_are_suppressed_and_zeros_are_counts():
    table = control_table(pd.DataFrame({"n": [0, 9, 10, 12, 13, 397]}), 10, 5, counts=["n"])
    assert table["n"].isna().tolist() == [True, True, False, False, False, False]
    assert table["n"].dropna().tolist() == [10, 10, 15, 395]


def test_the_table_handed_in_stays_as_it_was():
    table = pd.DataFrame({"n": [3, 50]})
    control_table(table, 10, 5, counts=["n"])
    assert table["n"].tolist() == [3, 50]


def test_a_single_suppressed_cell_takes_the_next_smallest_with_it():
    # North: 4 + 31 + 52 with a published total: the 31 must go too. South has no small cell and stays whole.
    table = pd.DataFrame({"area": ["N", "N", "N", "S", "S"], "n": [4, 31, 52, 40, 60]})
    controlled = control_table(table, 10, 5, counts=["n"], within=["area"])
    assert controlled["n"].isna().tolist() == [True, True, False, False, False]


def test_two_suppressed_cells_hide_each_other():
    controlled = control_table(pd.DataFrame({"n": [4, 6, 52]}), 10, 5, counts=["n"], within=[])
    assert controlled["n"].isna().tolist() == [True, True, False]


def test_a_share_goes_with_its_count():
    table = pd.DataFrame({"n": [4, 40], "share": [0.25, 0.5]})
    controlled = control_table(table, 10, 5, counts=["n"], blank=["share"])
    assert controlled["share"].isna().tolist() == [True, False]


def test_attrition_still_adds_up_after_rounding():
    attrition = pd.DataFrame(
        {
            "flow": ["claim"] * 3 + ["analysis"] * 2,
            "step": [1, 2, 3, 1, 2],
            "n_referrals": [1402, 1203, 1199, 1402, 1188],
            "n_people": [1252, 1003, 1000, 1252, 1177],
            "n_lost": [0, 249, 3, 0, 75],
        }
    )
    controlled = control_attrition(attrition, 10, 5)
    assert controlled["n_people"].tolist() == [1250, 1005, 1000, 1250, 1175]
    assert controlled["n_lost"].fillna(-1).tolist() == [-1, 245, -1, -1, 75]


@pytest.mark.parametrize("percent, n_people, expected", [(50.0, 398, 50.0), (22.0, 397, 100 * 85 / 395)])
def test_percentages_come_from_rounded_counts(percent, n_people, expected):
    assert control_percent(percent, n_people, 10, 5) == pytest.approx(expected)


@pytest.mark.parametrize("percent", [1.0, 99.0])
def test_a_percentage_on_few_people_is_not_published(percent):
    assert pd.isna(control_percent(percent, 397, 10, 5))
