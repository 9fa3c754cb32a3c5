"""Later referrals of comparison people: counted to the day, taken off by hand, inventing nothing, less biased than either plain way."""

import numpy as np
import pandas as pd
import pytest
from trial_frames import cohort_row, make_cohort, make_panel

from pipeline.audit import assemble
from pipeline.audit_worlds import World, draw_sample, no_effect
from pipeline.contrasts import PRIMARY, assemble_trials
from pipeline.effect import complier_draws, effect_rows, fit_effects, list_persons, resample_effects
from pipeline.later_referral import CENSORED, FOLLOWED, add_censored, later_shares, net_against, net_ratio
from pipeline.month_grid import Grid, build_month_panel
from pipeline.resampling import draw_multiplicities

MANY_REFERRED = World("many referred", n_people=2500, n_referred=500)
# Twelve worlds' mean log IRR of referral has an error of about 0.05; the plain contrast errs there by about 0.1.
WITHIN_TWELVE_WORLDS = 0.11


def test_the_effect_is_recovered_by_hand():
    """The referred made 60 contacts. The comparison made 80 before any referral of their own and 10 after one.
    At theta = 0.625 those 10 would have been 16 and all together 96, of which 60 is 0.625. Of 48 contacts of
    the never-engaged, held against those 96, half is left."""
    assert np.exp(net_ratio(np.log(60 / 90), 1 / 9)) == pytest.approx(50 / 80)
    assert 0.625 * (80 + 10 / 0.625) == pytest.approx(60)
    assert np.exp(net_against(np.log(48 / 90), 1 / 9, np.log(0.625))) == pytest.approx(0.5)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_no_effect_stays_none_whatever_the_share(share):
    assert net_ratio(0.0, share) == pytest.approx(0.0)
    assert net_against(0.3, share, 0.0) == pytest.approx(0.3)


def test_without_later_referrals_nothing_changes_and_too_many_give_no_number():
    assert net_ratio(np.log(0.7), 0.0) == pytest.approx(np.log(0.7))
    assert np.isnan(net_ratio(np.log(0.3), 0.4))
    assert np.isnan(net_ratio(np.log(0.3), 1.0))


def trials_of_three():
    """Three months after of 1, 2 and 4 contacts: one of the referred; one referred 40 days on, 5 contacts and 50 days after that; one never."""
    later = cohort_row("bea", "not_yet_referred", next_referred_on=pd.Timestamp("2018-04-19"))
    cohort = make_cohort(cohort_row("ada"), later, cohort_row("cleo", "not_yet_referred"))
    panel = make_panel([1, 2, 4], [1, 2, 4], [1, 2, 4], first_month=0)
    panel = panel.assign(n_contacts_later=0, exposure_days_later=0)
    panel.loc[panel["trial_id"] == 2, "n_contacts_later"] = [0, 1, 4]
    panel.loc[panel["trial_id"] == 2, "exposure_days_later"] = [0, 20, 30]
    return assemble_trials(cohort, panel, list_persons(cohort), 3)


def test_shares_and_the_cut_by_hand():
    trials = trials_of_three()
    assert later_shares(trials, np.ones(3), [PRIMARY, "n_caller"]).tolist() == [5 / 14, 0]
    assert later_shares(trials, np.array([1, 3, 1.0]), [PRIMARY]).tolist() == [15 / 28]
    cut = add_censored(trials)
    assert cut.outcomes[CENSORED].tolist() == [7, 2, 7] and cut.exposure[CENSORED].tolist() == [90, 40, 90]


def test_a_ready_panel_counts_the_months_after_the_month_of_the_own_referral():
    """One contact a month; time zero ends month 3 of the grid, the own referral comes in month 5: months 6 and 7 are later."""
    grid = Grid(np.full((1, 8), 30.0), {PRIMARY: np.ones((1, 8))})
    trials = pd.DataFrame({"trial_id": [1], "row": [0], "before": [3], "after": [4], "own": [5.0]})
    panel = build_month_panel(trials, grid, 2, 4, 0)
    assert panel["n_contacts"].sum() == 6 and panel.loc[panel["n_contacts_later"] > 0, "month"].tolist() == [2, 3]
    assert panel["exposure_days_later"].sum() == 60


def found_in(world, seed):
    trials, _ = assemble(sample := draw_sample(world, seed))
    return fit_effects(trials, with_groups=False).ratios.referral, sample.truth["referral"]


def test_the_net_contrast_is_near_the_truth_where_the_plain_one_errs_towards_no_effect():
    """A fifth are referred sooner or later, true IRR of engaging 0.55; seeds 1 to 12."""
    errors = [(found[PRIMARY] - truth, found[FOLLOWED] - truth) for found, truth in (found_in(MANY_REFERRED, seed) for seed in range(1, 13))]
    net, plain = np.mean(errors, axis=0)
    assert abs(net) < WITHIN_TWELVE_WORLDS and plain > net + 0.03


def test_where_nothing_works_the_net_contrast_finds_nothing():
    net = np.mean([found_in(no_effect(MANY_REFERRED), seed)[0][PRIMARY] for seed in range(1, 13)])
    assert abs(net) < WITHIN_TWELVE_WORLDS


@pytest.fixture(scope="module")
def world():
    trials, _ = assemble(draw_sample(MANY_REFERRED, 2))
    fits = fit_effects(trials)
    return trials, fits, resample_effects(trials, fits, draw_multiplicities(trials.person.max() + 1, 40, 1))


def test_the_rows_of_both_ways_stand_side_by_side(world):
    rows = effect_rows(*world, [1.0], 0.95).set_index(["estimator", "estimand"])["estimate"]
    assert rows["sequential_trials", "referral"] < rows["sequential_trials_followed", "referral"] < 0
    assert rows["complier", "engaged"] < rows["complier_followed", "engaged"] < 0
    assert rows["complier_followed", "engaged"] == pytest.approx(-np.log(complier_draws(*world, FOLLOWED)[0]))


def test_as_it_comes_the_primary_is_the_followed_one(world):
    trials, fits, _ = world
    plain = fit_effects(trials, is_net=False)
    assert plain.ratios.referral[PRIMARY] == fits.ratios.referral[FOLLOWED] and FOLLOWED not in plain.ratios.referral
    assert plain.ratios.never_engaged > fits.ratios.never_engaged


def test_every_draw_is_net_of_its_own_share(world):
    trials, fits, draws = world
    for number in range(3):
        share = later_shares(trials, draws.weights[number] * draws.multiplicities[number][trials.person], [PRIMARY])[0]
        assert draws.referral[PRIMARY][number] == pytest.approx(net_ratio(draws.referral[FOLLOWED][number], share), abs=1e-5)
