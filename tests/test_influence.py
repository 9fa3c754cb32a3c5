"""On how many people a standard error rests: all of them where they are alike, a handful where a handful carries it."""

import numpy as np
import pytest
from trial_frames import random_trials

from pipeline.contrasts import PRIMARY, fit_contrast
from pipeline.influence import degrees_of_freedom, influence_of_people, with_draws
from pipeline.model_checks import keep_trials

# The derivative against a change by one person of 600.
TANGENT = 0.15


def test_people_who_move_an_estimate_alike_leave_no_doubt_and_normal_ones_count_each():
    assert degrees_of_freedom(np.array([1.0, -1.0] * 50)) > 1e6
    assert degrees_of_freedom(np.random.default_rng(1).normal(size=20_000)) == pytest.approx(20_000, rel=0.1)


def test_one_giant_leaves_next_to_no_freedom():
    """Squares 100 and 99 ones: 2 / ((10000 + 99) / 199^2 - 1/100) = 8.2."""
    moved = np.append(np.ones(99), 10.0)
    assert degrees_of_freedom(moved) == pytest.approx(2 / (10_099 / 199**2 - 0.01))
    assert np.isnan(degrees_of_freedom(np.zeros(5)))


def test_few_draws_leave_less():
    assert with_draws(np.inf, 101) == pytest.approx(100)
    assert with_draws(100.0, 101) == pytest.approx(50)


def test_the_influence_of_a_person_is_what_leaving_them_out_does():
    """Weights as given: the refit keeps the odds weights of the others."""
    trials = random_trials()
    fit = fit_contrast(trials, trials.is_referred, [PRIMARY])
    moved = influence_of_people(trials, fit, 600)
    person = int(np.argmax(np.abs(moved)))
    kept = trials.person != person
    without = fit_contrast(keep_trials(trials, kept), trials.is_referred[kept], [PRIMARY])
    assert fit.coefficients[PRIMARY][-1] - without.coefficients[PRIMARY][-1] == pytest.approx(moved[person], rel=TANGENT)
