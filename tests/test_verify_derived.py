"""Hours, pounds and the bracket's p-values are worked out again from what a release holds: right ones agree, each wrong one is found."""

import math

import audit_frames
import economics_frames
import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from test_bracket import PLAN, VERDICTS, WORLDS, effects

from pipeline.bracket import bracket_designs
from pipeline.verify_audit import check_differences
from pipeline.verify_derived import check_controls
from pipeline.verify_economics import find_freedom, verify_economics
from pipeline.verify_hours import verify_hours

REFERENCE = {"gdp_deflators": economics_frames.DEFLATORS, "published_hours": economics_frames.published_hours()}


def release(**given):
    """The tables of a release with economics, through the rounding of a CSV."""
    given = {"effects": economics_frames.effects(estimate=-0.4137, minutes=61_300.0)} | given
    made = economics_frames.tables(**given) | {"attrition": economics_frames.attrition(), "claims": economics_frames.claims()} | given
    stated = {f"economics.{name}": value for name, value in economics_frames.NOTHING_GIVEN.items() if not isinstance(value, list)}
    stated |= {"study.referrals_from": "2018-01-01", "study.referrals_to": "2019-12-31", "panel.months_after": 12, "effect.confidence": 0.95}
    return made | {"parameters": pd.DataFrame(list(stated.items()), columns=["parameter", "value"]).astype(str)}


def find_wrong(tables):
    """The failures of hours and pounds together."""
    found = verify_hours(tables, REFERENCE) + verify_economics(tables, REFERENCE)
    return "\n".join(failure for _, _, failures in found for failure in failures)


def test_hours_and_pounds_of_an_honest_release_agree():
    tables = release()
    found = verify_hours(tables, REFERENCE) + verify_economics(tables, REFERENCE)
    assert [failures for _, _, failures in found] == [[]] * len(found)
    assert min(checked for _, checked, _ in found) >= 6


@pytest.mark.parametrize("given", [{"costs": economics_frames.costs().iloc[:0]}, {"effects": economics_frames.effects(status="not estimable: void", n_counted=np.nan)}, {"effects": economics_frames.effects().query("outcome == 'n_contacts'")}])
def test_a_release_without_costs_or_hours_has_nothing_wrong(given):
    assert find_wrong(release(**given)) == ""


# Table, row and column of a number that is changed by so much, and what is told of it.
FORGED = [
    ("officer_hours", 0, "hours_averted", 1.01, "hours_averted"), ("officer_hours", 1, "per_100_low", 1.02, "per_100_low"), ("officer_hours", 0, "hours_after", 1.01, "hours_after"),
    ("costs", 1, "priced_high", 1.1, "priced_high"), ("published_hours", 0, "hours_per_contact", 1.01, "hours_per_contact"), ("published_hours", 1, "hours", 1.1, "hours is"),
    ("benefit_cost", 1, "value", 1.001, "value"), ("benefit_cost", 5, "value", 1.01, "value"), ("benefit_cost", 5, "high", 1.1, "high of ratio"), ("benefit_cost", 3, "low", 0.8, "low of benefit"),
    ("switching_values", 0, "switching_value", 1.01, "switching_value"), ("switching_values", 2, "switching_value", 1.01, "switching_value"), ("tornado", 0, "ratio_high", 1.05, "ratio_high"), ("tornado", 1, "ratio_low", 1.05, "ratio_low"),
]  # fmt: skip


@pytest.mark.parametrize("table, row, column, factor, told", FORGED)
def test_a_wrong_number_of_hours_or_pounds_is_found(table, row, column, factor, told):
    tables = release()
    changed = tables[table].copy()
    changed[column] = changed[column].astype(float)
    changed.iloc[row, changed.columns.get_loc(column)] *= factor
    found = find_wrong(tables | {table: changed})
    assert f"tables/{table}.csv, row {row + 2}: {told}" in found


@pytest.mark.parametrize("freedom", [3, 12, 60])
def test_degrees_of_freedom_are_read_off_an_interval_as_the_t_distribution_has_them(freedom):
    assert find_freedom(student.ppf(0.975, freedom), 0.95) == pytest.approx(freedom, rel=0.02)
    assert math.isinf(find_freedom(1.9601, 0.95))


def bracket(**estimates):
    """A release with the bracket of these designs, all taken for valid, estimates and intervals to four digits."""
    pairs = audit_frames.pairs(WORLDS, 0.8)
    found = bracket_designs(effects(**estimates), VERDICTS.assign(verdict="valid"), pairs, WORLDS, PLAN, 0.95).round(4)
    stated = pd.DataFrame([("audit.worlds", ", ".join(WORLDS)), ("effect.confidence", "0.95")], columns=["parameter", "value"])
    return {"bracket": found, "audit_pairs": pairs.round(4), "audit": audit_frames.audit(WORLDS), "parameters": stated}


def test_the_brackets_p_values_agree_and_a_wrong_one_is_found():
    tables = bracket(sequential_trials=-0.5, matched_sets=-0.42, fixed_effects=-0.38)
    assert check_differences(tables)[1:] == (6, [])
    assert tables["bracket"]["p_differs"].between(0.01, 0.99).all()
    wrong = tables["bracket"].assign(p_differs=tables["bracket"]["p_differs"] * 1.1)
    assert len(check_differences(tables | {"bracket": wrong})[2]) == 3
    assert "apart or not" in check_differences(tables | {"bracket": tables["bracket"].assign(is_apart=~tables["bracket"]["is_apart"])})[2][0]


def test_a_control_without_an_estimate_covers_nothing_when_controls_are_summarised_again():
    controls = pd.DataFrame({"estimand": "engaged", "estimate": [0.1, -0.1, None, 0.3], "covers": [True, True, False, False], "p_value": [0.9, 0.4, None, 0.01]})
    summary = pd.DataFrame({"estimand": ["engaged"], "mean_estimate": [0.1], "sd": [0.2], "coverage": [0.5], "rejected": [0.25]})
    assert check_controls({"negative_controls": controls, "negative_control_summary": summary})[2] == []
    assert len(check_controls({"negative_controls": controls, "negative_control_summary": summary.assign(coverage=2 / 3)})[2]) == 1
