"""Months around time zero: ratios by hand, reference months left out, and a joint test that keeps its size."""

from types import SimpleNamespace

import numpy as np
import pytest
from trial_frames import cohort_row, make_cohort, make_panel

from pipeline.contrasts import Fit, assemble_trials
from pipeline.effect import list_persons
from pipeline.event_study import joint_test, study_months


def small_study():
    """Referred: 2, 4 before, 1 after. Comparison: 1, 2 before and 2 after with weight 3; 9 throughout with weight 0."""
    cohort = make_cohort(cohort_row("ada"), cohort_row("bea", "not_yet_referred"), cohort_row("cleo", "not_yet_referred"))
    panel = make_panel([2, 4, 1], [1, 2, 2], [9, 9, 9], first_month=-2)
    trials = assemble_trials(cohort, panel, list_persons(cohort), 1)
    weights = np.array([1.0, 3.0, 0.0])
    draws = SimpleNamespace(weights=np.tile(weights, (4, 1)), multiplicities=np.ones((4, 3), np.uint8))
    return study_months(panel, trials, Fit(None, None, weights, {}, {}), draws, trigger_months=1, months_after=1, confidence=0.95)


def test_the_ratio_of_a_month_is_relative_to_the_months_of_the_trigger():
    """Month -2: 2 to 1, the reference 4 to 2: no difference. Month 0: 1 to 2, a quarter of the reference."""
    table, _ = small_study()
    referred = table[table["arm"] == "referred"].set_index("month")
    assert referred.loc[-2, "estimate"] == pytest.approx(0)
    assert referred.loc[0, "estimate"] == pytest.approx(np.log(1 / 4))
    assert np.isnan(referred.loc[-1, "estimate"])


def test_rates_are_weighted_and_per_person_month():
    table, _ = small_study()
    compared = table[table["arm"] == "not_yet_referred"].set_index("month")
    assert compared["contacts_per_person_month"].tolist() == pytest.approx(np.array([1, 2, 2]) / 30 * 365.25 / 12)
    assert compared["estimate"].isna().all() and (compared["n_people"] == 2).all()


def test_the_joint_test_keeps_its_size_and_finds_a_departure():
    rng = np.random.default_rng(8)
    scale = np.linspace(0.1, 0.5, 6)
    values = [joint_test(rng.normal(size=6) * scale, rng.normal(size=(60, 6)) * scale)["p_value"] for _ in range(400)]
    assert 0.02 < np.mean(np.array(values) < 0.05) < 0.09
    assert joint_test(5 * scale, rng.normal(size=(60, 6)) * scale)["p_value"] < 0.001


def test_too_few_draws_give_no_joint_test():
    found = joint_test(np.zeros(6), np.ones((10, 6)))
    assert np.isnan(found["p_value"]) and found["n_months"] == 6


def test_months_without_contacts_are_left_out_of_the_joint_test():
    drawn = np.random.default_rng(1).normal(size=(50, 3))
    assert joint_test(np.array([0.1, np.nan, 0.2]), drawn)["n_months"] == 2
