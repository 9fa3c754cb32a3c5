"""The score bootstrap: p-values by hand, an interval that the test itself draws, and its size with twelve referred people."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from trial_frames import random_trials

from pipeline.contrasts import PRIMARY, fit_contrast
from pipeline.effect import fit_effects
from pipeline.score_bootstrap import count_people, deal_signs, score_interval, score_p_value, score_table, score_test

# 200 worlds without effect, named beforehand: at a size of 5 % more than 18 rejections come about in 1 of 100 such sets.
NULL_SEEDS, MOST_REJECTED = range(1, 201), 18


def test_the_p_value_counts_the_deals_that_pull_as_far():
    """Scores 1, 2, 3 pull by 6: of the eight deals of signs only +++ and --- pull as far, and the sample counts as one: 3 of 9."""
    every = np.array(list(product([1, -1], repeat=3)))
    assert score_p_value(np.array([1.0, 2.0, 3.0]), every) == pytest.approx(3 / 9)
    assert score_p_value(np.array([1.0, 1.0, -2.0]), every) == 1.0


def test_the_interval_holds_what_the_test_does_not_reject():
    trials = random_trials(n=400, log_irr=-0.5, seed=4)
    fit = fit_contrast(trials, trials.is_referred, [PRIMARY])
    signs = deal_signs(count_people(trials, fit), 299, 1)
    low, high = score_interval(trials, fit, 0.12, 0.95, signs)
    assert low < fit.coefficients[PRIMARY][-1] < high
    assert score_test(trials, fit, low, signs) <= 0.05 < score_test(trials, fit, low + 0.03, signs)
    assert score_test(trials, fit, high, signs) <= 0.05 < score_test(trials, fit, high - 0.03, signs)


def test_it_does_not_reject_more_than_it_should_with_a_dozen_referred_and_still_finds_a_large_effect():
    def rejected(seed, log_irr):
        trials = random_trials(n=60, log_irr=log_irr, seed=seed)
        fit = fit_contrast(trials, trials.is_referred, [PRIMARY])
        return fit is not None and score_test(trials, fit, 0.0, deal_signs(count_people(trials, fit), 199, seed)) < 0.05

    assert 1 <= sum(rejected(seed, 0.0) for seed in NULL_SEEDS) <= MOST_REJECTED
    assert sum(rejected(seed, -1.5) for seed in range(1, 21)) >= 10


def test_later_referrals_are_taken_off_the_ends_only_where_asked():
    """With no later contacts both agree; with a tenth of the comparison's contacts later, the ends are those of (R - s) / (1 - s)."""
    trials = random_trials(n=400)
    later = trials._replace(later={name: 0.1 * values * ~trials.is_referred for name, values in trials.outcomes.items()} | {"exposure_days": np.zeros(400)})
    chosen = SimpleNamespace(score_deals=199, few_people=30)
    resampled = dict(std_error=0.1, p_value=0.5, ci_low=-1.0, ci_high=0.0)
    plain = score_table(trials, fit_effects(trials, (PRIMARY,), with_groups=False), resampled, chosen, 1, 0.95).iloc[0]
    net = score_table(later, fit_effects(later, (PRIMARY,), with_groups=False), resampled, chosen, 1, 0.95).iloc[0]
    assert net["ci_low"] == pytest.approx(np.log((np.exp(plain["ci_low"]) - 0.1) / 0.9))
    assert net["p_value"] == plain["p_value"] and not net["is_few"]
