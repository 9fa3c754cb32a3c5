"""Rubin's rules by hand, and where they must end up in the limit."""

import numpy as np
import pytest

from pipeline.multiple_imputation import pool_draws, t_interval


def test_the_rules_of_rubin_by_hand():
    """Five draws 1, 2, 3, 4, 5 with variances of 2: within 2, between 2.5, total 2 + 6/5 * 2.5 = 5, three fifths of it from the draws.

    Degrees of freedom: old 4 / 0.6**2 = 11.11; of 99 complete ones 100/102 * 99 * 0.4 = 38.82 are observed; together 8.64.
    """
    found = pool_draws([1, 2, 3, 4, 5], [2] * 5, 99)
    assert (found["estimate"], found["within"], found["between"], found["total"]) == pytest.approx((3, 2, 2.5, 5))
    assert found["share_from_draws"] == pytest.approx(0.6)
    assert found["df"] == pytest.approx(1 / (1 / (4 / 0.36) + 1 / (100 / 102 * 99 * 0.4)))
    # Increase in variance r = 1.5; fraction of missing information (r + 2 / (df + 3)) / (r + 1).
    assert found["missing_information"] == pytest.approx((1.5 + 2 / (found["df"] + 3)) / 2.5)


def test_draws_that_agree_change_nothing_but_the_small_sample_factor():
    found = pool_draws([0.3] * 4, [0.04] * 4, 50)
    assert found["between"] == 0 and found["total"] == pytest.approx(0.04) and found["share_from_draws"] == 0
    assert found["df"] == pytest.approx(51 / 53 * 50)


def test_degrees_of_freedom_never_exceed_those_of_complete_data():
    rng = np.random.default_rng(1)
    for complete in (3, 30, 3000):
        assert pool_draws(rng.normal(0, 0.01, 20), [1] * 20, complete)["df"] < complete


def test_many_draws_leave_within_and_between_alone():
    """As m grows the total tends to within plus between, here 1 + 4."""
    drawn = np.random.default_rng(2).normal(0, 2, 200_000)
    assert pool_draws(drawn, np.ones(len(drawn)), 1e9)["total"] == pytest.approx(5, rel=0.02)


def test_a_draw_without_an_estimate_leaves_nothing_known():
    assert np.isnan(pool_draws([1, np.nan], [1, 1], 10)["total"])


def test_the_interval_is_students():
    """Ten degrees of freedom: 2.228 standard errors to either side."""
    found = t_interval(1.0, 0.25, 10, 0.95)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((1 - 2.228 * 0.5, 1 + 2.228 * 0.5), abs=1e-3)
