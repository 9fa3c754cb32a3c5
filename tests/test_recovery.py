"""Twenty small worlds with a known effect, and twenty without one: seeds 1 to 20, named beforehand and never chosen.

A world has some 25,000 contact rows and 500 referred people. True links lead straight to cohort, panel and effect; the
truth is that of the paired potential outcomes of the people who engaged. A right 95 % interval covers in at least 16 of
20 worlds with a probability above 0.99; one that covers half the time gets there with 0.006.
"""

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from panel_frames import CLAIM, STUDY, panel_settings, with_dates

from pipeline.cohort import build_cohort
from pipeline.contrasts import PRIMARY, assemble_trials
from pipeline.effect import complier_draws, complier_interval, fit_effects, list_persons, resample_effects
from pipeline.influence import with_draws
from pipeline.naive import claim_figures, sum_before_after
from pipeline.panel import OUTCOMES, build_panel
from pipeline.resampling import draw_multiplicities
from pipeline.simulation import simulate_demand, true_tables

SEEDS = range(1, 21)
SIZE, DRAWS, CONFIDENCE = 25_000, 80, 0.95
TRUE_IRR = 0.55
COVERING_AT_LEAST = 16


def recover(seed, true_irr):
    """Return the truth of one world, the complier interval that the pipeline finds, and its naive fall in percent."""
    world = simulate_demand(SIZE, seed, true_irr, with_dates(STUDY), with_dates(CLAIM))
    tables = true_tables(world)
    settings = panel_settings()
    cohort = build_cohort(*[tables[name] for name in ("links", "persons", "person_exits", "contact_facts", "referral_facts")], STUDY, CLAIM, settings)
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], tables["person_exits"], STUDY, 24, 12, 0)
    persons = list_persons(cohort)
    trials = assemble_trials(cohort, panel, persons, 12)
    fits = fit_effects(trials, (PRIMARY,))
    draws = resample_effects(trials, fits, draw_multiplicities(len(persons), DRAWS, seed))
    outcomes = world["outcomes"][world["outcomes"]["is_engaged"] & world["outcomes"]["is_triggered"]]
    truth = np.log(outcomes["n_after_with"].sum() / outcomes["n_after_without"].sum())
    fall = claim_figures(sum_before_after(cohort, panel, 12, OUTCOMES)).set_index("claim").loc["fall in demand", "reproduced"]
    return dict(seed=seed, truth=truth, fall=fall) | complier_interval(*complier_draws(trials, fits, draws), CONFIDENCE, with_draws(fits.df.referral[PRIMARY], DRAWS))


def recover_all(true_irr):
    found = pd.DataFrame(Parallel(n_jobs=2)(delayed(recover)(seed, true_irr) for seed in SEEDS))
    return found.assign(is_covered=(found["ci_low"] <= found["truth"]) & (found["truth"] <= found["ci_high"]))


@pytest.fixture(scope="module")
def worlds_with_effect():
    return recover_all(TRUE_IRR)


@pytest.fixture(scope="module")
def worlds_without_effect():
    return recover_all(1.0)


def test_the_interval_covers_the_true_effect(worlds_with_effect):
    assert worlds_with_effect["is_covered"].sum() >= COVERING_AT_LEAST


def test_the_interval_covers_one_where_there_is_no_effect(worlds_without_effect):
    assert (worlds_without_effect["truth"] == 0).all()
    assert worlds_without_effect["is_covered"].sum() >= COVERING_AT_LEAST


def test_the_naive_figure_shows_a_large_fall_without_any_effect(worlds_without_effect):
    """Regression to the mean alone: by half in the typical world, by more than a third in nearly every one."""
    assert worlds_without_effect["fall"].median() > 50
    assert (worlds_without_effect["fall"] > 33).sum() >= 18


def test_intervals_are_narrow_enough_to_say_something(worlds_with_effect):
    """An interval that covers everything covers the truth as well. Where a third of so small a force is referred sooner or later, what
    comparison people owe to their own referral costs width: most intervals are bounded, a third or more exclude no effect."""
    width = (worlds_with_effect["ci_high"] - worlds_with_effect["ci_low"]).fillna(np.inf)
    assert np.isfinite(width).sum() >= 15
    assert (worlds_with_effect["ci_high"] < 0).sum() >= 7
    assert np.median(width) < 2.0
