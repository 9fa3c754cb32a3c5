"""The event study in blocks: ratios by hand, bounds that hold a known effect, and what cannot be said."""

from types import SimpleNamespace

import numpy as np
import pytest
from trial_frames import cohort_row, make_cohort, make_panel

from pipeline.contrasts import Fit, assemble_trials
from pipeline.effect import Draws, list_persons
from pipeline.estimates import NotEstimable
from pipeline.event_blocks import bound_effect, bounds_table, study_blocks
from pipeline.resampling import draw_multiplicities


def study(counts_referred, counts_compared, n_each=150, n_draws=60, seed=1, noise=True, give="blocks"):
    """Both arms with the given mean contacts per month from month -4 on, two months after; weights all one."""
    rng = np.random.default_rng(seed)
    arms = ["referred"] * n_each + ["not_yet_referred"] * n_each
    means = [counts_referred] * n_each + [counts_compared] * n_each
    cohort = make_cohort(*(cohort_row(f"p{number:03}", arm) for number, arm in enumerate(arms)))
    panel = make_panel(*(rng.poisson(mean) if noise else mean for mean in means), first_month=-4)
    trials = assemble_trials(cohort, panel, list_persons(cohort), 2)
    weights = np.ones(len(arms))
    often = draw_multiplicities(len(arms), n_draws, seed)
    draws = Draws(often, np.tile(weights, (n_draws, 1)), {}, np.array([]), np.array([]), np.array([]))
    if give == "arguments":
        return panel, trials, Fit(None, None, weights, {}, {}), draws
    return study_blocks(panel, trials, Fit(None, None, weights, {}, {}), draws, block_months=2, months_after=2)


def test_a_block_is_the_sum_of_its_months_relative_to_the_last_before():
    """Referred 3 + 1, 4 + 4, 1 + 3; comparison 2 + 2, 4 + 4, 4 + 4: log of (4/4) / (8/8) before and of (4/8) / (8/8) after."""
    found = study([3, 1, 4, 4, 1, 3], [2, 2, 4, 4, 4, 4], n_each=20, noise=False)
    assert found.first_month.tolist() == [-4, 0] and found.n_before == 1
    assert found.estimates == pytest.approx([0.0, np.log(0.5)])
    assert found.shares == pytest.approx([1.0])


def test_bounds_hold_a_true_effect_and_widen_with_weaker_assumptions():
    found = bound_effect(study([4, 4, 4, 4, 2, 2], [4, 4, 4, 4, 4, 4]), [0.0, 1.0, 2.0], [0.0, 0.1], 0.95)
    assert (found["ci_low"] <= np.log(0.5)).all() and (found["ci_high"] >= np.log(0.5)).all()
    relative = found[found["restriction"] == "relative_magnitudes"]
    assert (np.diff(relative["ci_high"] - relative["ci_low"]) > 0).all()


def test_a_silent_block_or_too_few_draws_are_said():
    with pytest.raises(NotEstimable, match="no contacts in one arm"):
        study([1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], n_each=10)
    with pytest.raises(NotEstimable, match="too few resamples"):
        study([4] * 6, [4] * 6, n_draws=4)


def test_bounds_that_cannot_be_had_are_rows_that_say_why():
    """With four draws there is no covariance; every bound asked for stays, without an interval."""
    asked = SimpleNamespace(block_months=2, relative_magnitudes=[0.0, 0.5], smoothness=[0.1])
    arguments = study([4] * 6, [4] * 6, n_each=20, n_draws=4, give="arguments")
    found = bounds_table(*arguments, asked, 2, 0.95)
    assert found["ci_low"].isna().all() and not found["excludes_no_effect"].any() and found["status"].str.contains("too few resamples").all() and len(found) == 3
    arguments = study([4] * 6, [4] * 6, n_each=20, give="arguments")
    assert (bounds_table(*arguments, asked, 2, 0.95)["status"] == "estimated").all()
