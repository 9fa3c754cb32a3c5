"""The table of effects: bad worlds give flagged rows and leave the rest standing; contacts averted by hand; what is published."""

import numpy as np
import pandas as pd
import pytest
from trial_frames import random_trials

from pipeline.contrasts import PRIMARY, orthogonal
from pipeline.effect import effect_rows, fit_effects, resample_effects
from pipeline.effects_table import COLUMNS, complete_effects, control_effects
from pipeline.estimates import is_estimated
from pipeline.resampling import draw_multiplicities

NUMBERS = ["estimate", "std_error", "ci_low", "ci_high", "p_value"]
NOBODY = pd.DataFrame()


def table_of(trials, outcomes=(PRIMARY, "n_victim")):
    """The table of effects of `trials`, 20 resamples; estimator, estimand and outcome as index."""
    fits = fit_effects(trials, outcomes)
    draws = resample_effects(trials, fits, draw_multiplicities(int(trials.person.max()) + 1, 20, seed=1))
    table = complete_effects(effect_rows(trials, fits, draws, [1.0], 0.95), trials, NOBODY)
    assert list(table.columns) == COLUMNS and table["status"].notna().all()
    assert table.loc[~is_estimated(table), NUMBERS].isna().all(axis=None)
    assert np.isfinite(table.loc[is_estimated(table), "estimate"]).all()
    return table.set_index(["estimator", "estimand", "outcome"])


def with_outcome(trials, counted, name=PRIMARY):
    return trials._replace(outcomes=trials.outcomes | {name: np.asarray(counted, float)})


def test_contacts_averted_follow_from_what_the_treated_made():
    """The referred make what `random_trials` dealt them; at a ratio of one half they averted as many, the engaged likewise."""
    trials = random_trials(n=600)
    rows = pd.DataFrame([
        dict(outcome=PRIMARY, comparison="not_yet_referred", estimator=name, estimand=estimand, estimate=np.log(0.5), std_error=0.1, ci_low=np.log(0.4), ci_high=np.log(2.0), p_value=0.1, n_people=10, n_person_months=9.0)
        for name, estimand in (("sequential_trials", "referral"), ("complier", "engaged"), ("sequential_trials", "never_engaged"))
    ] + [dict(outcome=PRIMARY, comparison="none", estimator="naive", estimand="before_after", estimate=np.log(0.2), std_error=0.1, ci_low=-2.0, ci_high=-1.0, p_value=0.1, n_people=3, n_person_months=9.0)])
    clients = pd.DataFrame({f"{PRIMARY}_before": [4, 3, 3], f"{PRIMARY}_after": [0, 1, 1]})
    table = complete_effects(rows, trials, clients)
    contacts = trials.outcomes[PRIMARY]
    made = [contacts[side].sum() for side in (trials.is_referred, trials.is_engaged, trials.is_referred & ~trials.is_engaged)]
    assert table["n_counted"].tolist() == [*made, 2]
    assert table["n_averted"].tolist() == pytest.approx([*made, 8])
    assert table["n_averted_low"].tolist()[:3] == pytest.approx([-one / 2 for one in made])
    assert table["percent_change"].tolist() == pytest.approx([-50, -50, -50, -80])


def test_nobody_engaged():
    table = table_of(random_trials(n=600, share_engaged=0))
    assert table.loc[("complier", "engaged", PRIMARY), "status"] == "not estimable: nobody engaged"
    assert table.loc[("lagged_outcome", "engaged", PRIMARY), "status"] == "not estimable: nobody engaged"
    assert table.loc[("sequential_trials", "referral", PRIMARY), "status"] == "estimated"


def test_everyone_engaged():
    table = table_of(random_trials(n=600, share_engaged=1))
    assert table.loc[("sequential_trials", "never_engaged", PRIMARY), "status"] == "not estimable: everybody referred engaged"
    assert table.loc[("lagged_outcome", "engaged", PRIMARY), "status"] == "not estimable: everybody referred engaged"
    assert table.loc[("complier", "engaged", PRIMARY), "status"] == "estimated"


@pytest.mark.parametrize("is_silent, words", [(True, "the referred have no such contacts"), (False, "the comparison people have no such contacts")])
def test_an_arm_with_all_zero_counts(is_silent, words):
    trials = random_trials(n=600)
    table = table_of(with_outcome(trials, np.where(trials.is_referred == is_silent, 0, trials.outcomes[PRIMARY])))
    assert words in table.loc[("sequential_trials", "referral", PRIMARY), "status"]
    assert not table.loc[("complier", "engaged", PRIMARY), "status"].startswith("estimated")
    assert table.loc[("sequential_trials", "referral", "n_victim"), "status"] == "estimated"


def test_nobody_contacts_anybody():
    assert not is_estimated(table_of(with_outcome(random_trials(n=600), np.zeros(600)), (PRIMARY,)).reset_index()).any()


def test_arms_that_can_be_told_apart_completely():
    """No overlap: the referred all lie above the others on the one covariate."""
    trials = random_trials(n=600)
    x = trials.design[:, 1] + 100 * trials.is_referred
    apart = trials._replace(design=orthogonal(np.column_stack([np.ones(600), x])), columns=["intercept", "x"])
    table = table_of(apart)
    against = table[table["comparison"] == "not_yet_referred"]
    assert not is_estimated(against).any() and against["status"].str.contains("not estimable: ").all()
    assert "told apart completely" in table.loc[("sequential_trials", "referral", PRIMARY), "status"]
    assert table.loc[("lagged_outcome", "engaged", PRIMARY), "status"] == "estimated"  # needs no comparison people


def test_one_giant_caller_widens_the_interval_and_passes_for_no_effect():
    """Ten thousand contacts of one referred person: no number is hidden, and the interval says how little is known."""
    trials = random_trials(n=600)
    giant = trials.outcomes[PRIMARY].copy()
    giant[np.flatnonzero(trials.is_engaged)[0]] = 10_000
    plain, heavy = (table_of(one).loc[("sequential_trials", "referral", PRIMARY)] for one in (trials, with_outcome(trials, giant)))
    assert heavy["status"].startswith("estimated")
    width = heavy["ci_high"] - heavy["ci_low"]
    assert np.isnan(width) or width > 5 * (plain["ci_high"] - plain["ci_low"])


def test_one_contact_in_an_arm_is_no_silent_number():
    """Resamples without that person give nothing: an estimate without an interval, and it says so."""
    trials = random_trials(n=600)
    one = np.where(trials.is_referred, 0, trials.outcomes[PRIMARY])
    one[np.flatnonzero(trials.is_engaged)[0]] = 1
    row = table_of(with_outcome(trials, one), (PRIMARY,)).loc[("sequential_trials", "referral", PRIMARY)]
    assert np.isnan(row["ci_low"]) and row["status"] != "estimated"


def test_published_counts_are_rounded_and_contacts_averted_do_not_give_them_away():
    """1,627 contacts at a ratio of one tenth: unrounded, 14,643 averted would say 1,627 again."""
    row = dict(zip(COLUMNS, [PRIMARY, "not_yet_referred", "matched_sets", "referral", np.log(0.1), 0.1, np.log(0.08), np.log(0.13), 0.0, 397, 4000.0, "estimated; 57 referred without a match left out", False, 1627.0]))
    table = pd.DataFrame([row, row | dict(status="estimated; 3 referred without a match left out"), row | dict(n_people=7), row | dict(status="not estimable: nobody engaged", n_counted=np.nan)]).reindex(columns=COLUMNS)
    shown = control_effects(table, 10, 5)
    assert shown.loc[0, ["n_counted", "n_averted", "n_people"]].tolist() == [1625, 14625, 395]
    assert shown["status"].tolist()[:2] == ["estimated; 55 referred without a match left out", "estimated; fewer than 10 referred without a match left out"]
    assert shown.loc[[1, 2, 3], ["n_counted", "n_averted", "n_averted_low"]].isna().all(axis=None)
