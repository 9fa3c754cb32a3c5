"""Empirical Bayes against published numbers, and against a world whose bursts do not last."""

import numpy as np
import pytest

from pipeline.empirical_bayes import estimate_with_persistence, fit_persistence, regression_to_the_mean, shape_of_counts, shrink
from pipeline.estimates import Label, NotEstimable, row_or_flag

# Hauer et al. (2002) print weights to three decimals and crashes to two, from inputs rounded on the way.
PRINTED_WEIGHT, PRINTED_CRASHES = 0.0005, 0.006
PRINTED = 0.005  # Barnett et al. (2005) print two decimals
LIKE = 0.0224 * 4000**0.564 * 1.8  # crashes a year on 1.8 km with 4,000 vehicles a day
SHAPE = 2.05 * 1.8
LABEL = Label("n_contacts", "not_yet_referred", "empirical_bayes", "referral")


def test_hauers_one_year_example_is_reproduced():
    found = shrink(LIKE, 12, SHAPE)
    assert found.weight == pytest.approx(0.460, abs=PRINTED_WEIGHT)
    assert found.expected == pytest.approx(8.48, abs=PRINTED_CRASHES)
    assert found.std_error == pytest.approx(2.14, abs=PRINTED_CRASHES)


def test_hauers_three_year_example_is_reproduced():
    found = shrink(3 * LIKE, 12 + 7 + 8, SHAPE)
    assert found.weight == pytest.approx(0.221, abs=PRINTED_WEIGHT)
    assert found.expected / 3 == pytest.approx(7.97, abs=PRINTED_CRASHES)
    assert found.std_error / 3 == pytest.approx(1.44, abs=PRINTED_CRASHES)


@pytest.mark.parametrize("correlation, published", [(0.0, 26.97), (0.5, 13.49)])
def test_barnetts_regression_to_the_mean_is_reproduced(correlation, published):
    assert regression_to_the_mean(60, 15, 40, correlation) == pytest.approx(published, abs=PRINTED)
    assert regression_to_the_mean(60, 15, 80, correlation, is_low=False) == pytest.approx(published, abs=PRINTED)


def test_a_measurement_that_never_changes_does_not_regress():
    assert regression_to_the_mean(60, 15, 40, 1.0) == 0


def bursting_world(seed, n=20_000, irr=1.0):
    """Three earlier months and the month after; a steady rate and a burst that adds 6 contacts and ends after a month.

    Referral needs four contacts in the last month, then half are referred: a spike, by construction.
    """
    rng = np.random.default_rng(seed)
    steady = rng.gamma(0.5, 1.0, n)
    months = [rng.poisson(steady + 6 * (rng.random(n) < 0.08)) for _ in range(4)]
    triggered = months[2] >= 4
    treated = triggered & (rng.random(n) < 0.5)
    after = rng.poisson((steady + 6 * (rng.random(n) < 0.08)) * np.where(treated, irr, 1.0))
    return np.column_stack(months[2::-1])[triggered] / 30, after[triggered].astype(float), treated[triggered], months[2], after


def test_the_textbook_takes_bursts_for_lasting_and_learnt_persistence_does_not():
    rates, after, treated, spike, everyone_after = bursting_world(1)
    textbook = shrink(spike.mean(), spike, shape_of_counts(spike, spike.mean())).expected[spike >= 4].mean()
    truth = after[~treated].mean()
    found = fit_persistence(rates[~treated], after[~treated], np.full((~treated).sum(), 30.0))
    learnt = (np.column_stack([np.ones(treated.sum()), rates[treated]]) @ found).mean() * 30
    assert textbook > 1.5 * truth
    assert learnt == pytest.approx(truth, rel=0.05)  # some 1,000 people a side: a standard error of 2 %


@pytest.mark.parametrize("irr", [1.0, 0.55])
def test_learnt_persistence_covers_the_truth_as_often_as_it_says(irr):
    covered = 0
    for seed in range(1, 21):
        rates, after, treated, _, _ = bursting_world(seed, 4000, irr)
        row = estimate_with_persistence(LABEL, rates, after, np.full(len(after), 30.0), treated, np.arange(len(after)), 0.95)
        covered += row["ci_low"] <= np.log(irr) <= row["ci_high"]
    assert covered >= 16  # of 20: a 95 % interval gives fewer once in 400 times


def test_nobody_treated_or_nothing_counted_is_a_flagged_row():
    rates, days = np.ones((4, 1)) * [[1.0], [2.0], [3.0], [4.0]], np.full(4, 30.0)
    sides = np.array([True, False, False, False])
    for treated, counted, words in [(np.zeros(4, bool), np.ones(4), "nobody is treated"), (~np.zeros(4, bool), np.ones(4), "nobody is untreated"),
                                    (sides, np.array([1.0, 0, 0, 0]), "untreated have no contacts"), (sides, np.array([0, 1.0, 2, 3]), "treated have no contacts")]:  # fmt: skip
        row = row_or_flag(LABEL, estimate_with_persistence, rates, counted, days, treated, np.arange(4), 0.95)
        assert words in row["status"] and np.isnan(row["estimate"])
    with pytest.raises(NotEstimable):
        fit_persistence(np.ones((4, 1)), np.ones(4), days)
