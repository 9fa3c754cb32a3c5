"""A sum that ten people make is theirs, whoever else is counted with them."""

import pandas as pd
import pytest

from pipeline.dominance import hide_dominated, share_of_heaviest
from pipeline.effects_table import control_effects


def make_people(counts):
    """Return a cohort of one engaged, referred person per count, and a panel with these contacts in the month of time zero and one in the month before."""
    n = len(counts)
    cohort = pd.DataFrame({"trial_id": range(n), "person_id": [f"P{i}" for i in range(n)], "arm": "referred", "is_engaged": True, "is_triggered": True, "in_claim": True})
    panel = pd.DataFrame({"trial_id": [*range(n), *range(n)], "month": [0] * n + [-1] * n, "exposure_days": 30, "n_contacts": [*counts, *[1] * n], "n_contacts_later": 0})
    return cohort, panel


def make_effects(counted):
    return pd.DataFrame({
        "outcome": "n_contacts", "comparison": ["none", "not_yet_referred"], "estimator": ["naive", "sequential_trials"], "estimand": ["before_after", "referral"], "estimate": [-0.5, -0.4],
        "std_error": 0.1, "ci_low": [-0.7, -0.6], "ci_high": [-0.3, -0.2], "p_value": 0.0, "n_people": 60, "n_person_months": 720.0, "status": "estimated", "n_counted": float(counted),
    })  # fmt: skip


# 40 people with 1 each and 10 with 9 each: the ten make 90 of 130. With 100 each they make 1,000 of 1,040.
@pytest.mark.parametrize("heavy, share, is_hidden", [(9, 90 / 130, False), (100, 1000 / 1040, True)])
def test_a_sum_is_hidden_where_ten_people_make_more_than_the_mark(heavy, share, is_hidden):
    cohort, panel = make_people([1] * 40 + [heavy] * 10)
    assert share_of_heaviest(cohort, panel, "referred", 10, 12) == {"n_contacts": pytest.approx(share)}
    effects = make_effects(40 + 10 * heavy)
    shown = control_effects(hide_dominated(effects, cohort, panel, 10, 0.9, 12, 12), 10, 5)
    assert shown["n_counted"].isna().tolist() == [is_hidden] * 2 and shown["n_averted"].isna().tolist() == [is_hidden] * 2
    # The ratio of two plain sums would give the sum away and goes with it; a model's estimate stays.
    assert shown["estimate"].isna().tolist() == [is_hidden, False]


def test_fewer_contributors_than_ten_make_all_of_a_sum():
    cohort, panel = make_people([0] * 50 + [30] * 9)
    assert share_of_heaviest(cohort, panel, "claim", 10, 12) == {"n_contacts": 1.0}


def test_a_person_with_two_trials_is_one_contributor():
    cohort, panel = make_people([5] * 12)
    once = cohort.assign(person_id=["P0"] * 6 + cohort["person_id"].tolist()[6:])
    assert share_of_heaviest(once, panel, "referred", 1, 12) == {"n_contacts": 0.5}
