"""What could be found: the power of the pre-trend test by simulation, smallest effects by hand, E-values as published."""


import numpy as np
import pandas as pd
import pytest
from trial_frames import random_trials

from pipeline.contrasts import PRIMARY
from pipeline.detectable_effects import check_pre_trend_power, find_detectable, find_e_values
from pipeline.effect import fit_effects, resample_effects
from pipeline.event_study import joint_test
from pipeline.pretrend_power import violations_found
from pipeline.resampling import draw_multiplicities

# 400 studies: a share of 0.5 or 0.8 has a standard error of 0.025 at most.
STUDIES, TOLERANCE = 400, 0.07


def made_test(estimates, months, n_draws, rng):
    """A joint test of made-up monthly estimates whose errors are 0.1, each from draws of its own."""
    return joint_test(estimates, rng.normal(0, 0.1, (n_draws, len(months))), months)


def test_the_slope_is_found_as_often_as_said():
    """Months -9 to -4, trigger of three months: the line is k + 2, at -7 to -2. Seed named beforehand."""
    rng, months = np.random.default_rng(5), np.arange(-9, -3)
    found = violations_found(made_test(np.zeros(6), months, 5000, rng), 3, 12, 0.05)
    for row in found.itertuples():
        tests = [made_test(row.slope * (months + 2) + rng.normal(0, 0.1, 6), months, 100, rng)["p_value"] < 0.05 for _ in range(STUDIES)]
        assert np.mean(tests) == pytest.approx(row.power, abs=TOLERANCE)
    # After: months 0 to 11 lie 7.5 months from the middle of the reference on average.
    assert found["log_ratio_after"].to_numpy() == pytest.approx(found["slope"].to_numpy() * 7.5)


def test_a_test_that_could_not_be_made_is_said_and_fails_nothing():
    rows = check_pre_trend_power(joint_test(np.zeros(6), np.zeros((4, 6)), np.arange(-9, -3)), 3, 12, 0.05)
    assert rows["value"].isna().all() and rows["passed"].all() and rows["meaning"].str.contains("cannot be said").all()


def test_the_smallest_effect_is_eight_tenths_of_the_power_and_says_nothing_of_the_estimate():
    """exp(-2.80 SE) of the resamples moved to no effect; the engaged are fewer, so that less is found of them."""
    trials = random_trials(n=600, log_irr=-0.5)
    fits = fit_effects(trials, (PRIMARY,))
    draws = resample_effects(trials, fits, draw_multiplicities(300, 40, 1))
    found = find_detectable(trials, fits, draws).set_index(["estimand", "estimator"])
    error = draws.referral[PRIMARY].std(ddof=1)
    assert found.loc[("referral", "sequential_trials"), "ratio_below"] == pytest.approx(np.exp(-2.80 * error))
    assert found.loc[("engaged", "complier"), "ratio_below"] < found.loc[("referral", "sequential_trials"), "ratio_below"]
    unknown = find_detectable(trials._replace(knows_engaged=False), fits, draws)
    assert unknown["estimand"].tolist() == ["referral"]


def test_e_values_are_those_published_and_the_naive_ratio_has_the_largest():
    """VanderWeele and Ding (2017): 3.9 has an E-value of 7.26, and its lower limit of 1.8 one of 3.0."""
    rows = [(PRIMARY, "referral", "sequential_trials", np.log(1 / 3.9), np.log(1 / 8.7), np.log(1 / 1.8)), (PRIMARY, "before_after", "naive", np.log(0.19), np.log(0.17), np.log(0.21)), (PRIMARY, "engaged", "complier", np.nan, np.nan, np.nan)]
    found = find_e_values(pd.DataFrame(rows, columns=["outcome", "estimand", "estimator", "estimate", "ci_low", "ci_high"])).set_index("estimator")
    assert found.loc["sequential_trials", "e_value"] == pytest.approx(7.26, abs=0.01)
    assert found.loc["sequential_trials", "e_value_of_interval"] == pytest.approx(3.0, abs=0.01)
    assert found["e_value"].idxmax() == "naive" and "complier" not in found.index
    assert found.loc["naive", "e_value"] == pytest.approx(10.0, abs=0.05)
