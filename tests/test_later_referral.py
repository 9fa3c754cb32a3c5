"""Later referrals of comparison people: taken off by hand, inventing nothing, and less biased than either plain way."""

import numpy as np
import pandas as pd
import pytest
from trial_frames import cohort_row, make_cohort, make_panel

from pipeline.audit import assemble
from pipeline.audit_worlds import World, draw_sample
from pipeline.contrasts import CENSORED, PRIMARY, assemble_trials
from pipeline.effect import fit_effects, list_persons, resample_effects
from pipeline.estimates import is_estimated
from pipeline.later_referral import contacts_while_waiting, nested_ratio, nested_rows
from pipeline.resampling import draw_multiplicities


def test_the_effect_is_recovered_by_hand():
    """The referred made 60 contacts. The comparison made 80 before any referral of their own and 10 after one.
    At theta = 0.625 those 10 would have been 16 and all together 96, of which 60 is 0.625."""
    assert nested_ratio(np.log(60 / 90), 1 / 9) == pytest.approx(50 / 80)
    assert 0.625 * (80 + 10 / 0.625) == pytest.approx(60)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_no_effect_stays_none_whatever_the_share(share):
    assert nested_ratio(0.0, share) == pytest.approx(1.0)


def test_without_later_referrals_nothing_changes_and_too_many_give_no_number():
    assert nested_ratio(np.log(0.7), 0.0) == pytest.approx(0.7)
    assert np.isnan(nested_ratio(np.log(0.3), 0.4))


def test_both_rows_are_tidy_and_lie_below_the_plain_estimate():
    """A world in which a fifth are referred sooner or later, with a true IRR of 0.55: the plain contrast errs towards no effect."""
    trials, _ = assemble(draw_sample(World("many referred", n_people=2500, n_referred=500), 2))
    fits = fit_effects(trials, (PRIMARY, CENSORED))
    draws = resample_effects(trials, fits, draw_multiplicities(trials.person.max() + 1, 40, 1))
    found = nested_rows(trials, trials.outcomes[CENSORED], fits, draws, 0.95)
    assert is_estimated(found).all() and found["estimand"].tolist() == ["referral", "engaged"]
    assert found["estimate"][0] < fits.referral.coefficients[PRIMARY][-1] < 0


def test_contacts_up_to_the_month_of_the_own_referral_count_as_waiting():
    """Three months after of 1, 2 and 4 contacts: referred 40 days on (in the second month), never, and one of the referred."""
    later = cohort_row("bea", "not_yet_referred", next_referred_on=pd.Timestamp("2018-04-19"))
    cohort = make_cohort(cohort_row("ada"), later, cohort_row("cleo", "not_yet_referred"))
    panel = make_panel([1, 2, 4], [1, 2, 4], [1, 2, 4], first_month=0)
    trials = assemble_trials(cohort, panel, list_persons(cohort), 3)
    assert contacts_while_waiting(cohort, panel, trials, 3).tolist() == [7, 3, 7]
