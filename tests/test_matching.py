"""Trajectory matching: by hand, in null worlds that punish matching on a spike, and with nobody to match."""

import numpy as np
import pandas as pd
import pytest

from pipeline.estimates import Label, NotEstimable, row_or_flag
from pipeline.matching import MatchedSets, estimate_lagged_outcome, estimate_matched_sets, match_sets, trajectory, two_way_error

LABEL = Label("n_contacts", "not_yet_referred", "matched_sets", "referral")
LAGS = ["n_lag_1_1", "n_lag_2_3", "n_lag_4_6", "n_lag_7_12"]


def burst_world(seed, log_irr=0.0, n=60_000):
    """Bursts that last some months; who is in one calls 6 times a month, others at a steady rate of their own.

    Referral, by chance among those with at least four contacts in the last three months, the likelier the more contacts in
    the last month. One index month; no scheme effect unless `log_irr` says so. Returns the cohort and the contacts of a year after.
    """
    rng = np.random.default_rng(seed)
    steady, bursting = rng.gamma(0.4, 0.5, n), rng.random(n) < 0.06
    counts = np.zeros((24, n))
    for month in range(24):
        bursting = np.where(bursting, rng.random(n) > 0.3, rng.random(n) < 0.02)
        counts[month] = rng.poisson(steady + 6 * bursting)
    before, after = counts[11::-1], counts[12:].sum(axis=0)
    triggered = before[:3].sum(axis=0) >= 4
    treated = triggered & (rng.random(n) < 0.02 * np.log1p(before[0]) ** 2)
    after = np.where(treated, rng.binomial(after.astype(int), np.exp(log_irr)), after)
    cohort = pd.DataFrame({
        "arm": np.where(treated, "referred", "not_yet_referred"), "n_lag_1_1": before[0], "n_lag_2_3": before[1:3].sum(axis=0),
        "n_lag_4_6": before[3:6].sum(axis=0), "n_lag_7_12": before[6:].sum(axis=0), "n_total": before.sum(axis=0),
    })  # fmt: skip
    kept = triggered
    return cohort[kept].reset_index(drop=True), after[kept].astype(float)


def estimates(cohort, after, columns, how=estimate_matched_sets):
    treated, people = (cohort["arm"] == "referred").to_numpy(), np.arange(len(cohort))
    days = np.full(len(cohort), 365.0)
    matched = match_sets(trajectory(cohort, columns), treated, np.zeros(len(cohort), int), people, 4, 1.0)
    if how is estimate_matched_sets:
        return estimate_matched_sets(LABEL, matched, after, days, treated, people, 0.95)
    logs = np.log1p(cohort[columns].to_numpy())
    design = np.column_stack([np.ones(len(cohort)), logs, logs**2])
    return estimate_lagged_outcome(LABEL, matched, design, after, days, treated, people, 0.95)


def test_matching_on_one_total_invents_an_effect_and_matching_on_the_trajectory_does_not():
    """No effect at all. With the same total over twelve months the referred are in a burst and their matches are out of theirs."""
    on_total, on_trajectory, adjusted, covered = [], [], [], 0
    for seed in range(1, 7):
        world = burst_world(seed)
        on_total.append(estimates(*world, ["n_total"])["estimate"])
        on_trajectory.append(estimates(*world, LAGS)["estimate"])
        row = estimates(*world, LAGS, estimate_lagged_outcome)
        adjusted.append(row["estimate"])
        covered += row["ci_low"] <= 0 <= row["ci_high"]
    # Some 300 referred a world: six worlds have a standard error of about 0.02.
    assert np.mean(on_total) > 0.10
    assert abs(np.mean(on_trajectory)) < 0.06
    assert abs(np.mean(adjusted)) < 0.05
    assert covered >= 5


def test_matching_on_the_spike_alone_invents_an_effect():
    """With the same last month, the referred were chosen for nothing else here; who has no earlier contacts is out of the burst sooner."""
    found = []
    for seed in range(1, 7):
        cohort, after = burst_world(seed)
        # Officers know the months before too: only the ones with contacts in months 2 and 3 are referred.
        known = (cohort["arm"] == "not_yet_referred") | (cohort["n_lag_2_3"] > 3)
        world = cohort[known].reset_index(drop=True), after[known.to_numpy()]
        found.append((estimates(*world, ["n_lag_1_1"])["estimate"], estimates(*world, LAGS, estimate_lagged_outcome)["estimate"]))
    on_spike, adjusted = np.mean(found, axis=0)
    assert on_spike > 0.10 and abs(adjusted) < 0.06


def test_a_true_effect_is_found():
    rows = [estimates(*burst_world(seed, np.log(0.55)), LAGS, estimate_lagged_outcome) for seed in range(11, 21)]
    assert sum(row["ci_low"] <= np.log(0.55) <= row["ci_high"] for row in rows) >= 7  # of 10: fewer once in 1,000 times
    assert np.mean([row["estimate"] for row in rows]) == pytest.approx(np.log(0.55), abs=0.06)


def hand_made():
    """Two referred (rows 0, 1) in month 0 and one (row 5) in month 1; row 3 is the same person as row 0."""
    treated = np.array([True, True, False, False, False, True, False])
    places = np.array([[0.0], [1.0], [0.1], [0.0], [1.2], [0.0], [9.0]])
    month, person = np.array([0, 0, 0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 3, 4, 5])
    return places, treated, month, person


def test_matches_are_of_the_same_month_near_enough_and_never_the_person_themselves():
    places, treated, month, person = hand_made()
    matched = match_sets(places, treated, month, person, 1, 0.5)
    assert matched.row.tolist() == [0, 2, 1, 4] and matched.weight.tolist() == [1, 1, 1, 1]
    assert matched.n_unmatched == 1  # nobody near row 5 in month 1


def test_the_ratio_of_matched_sets_is_a_sum_by_hand():
    """Set 1: 2 contacts against 4 and 8; set 2: 6 against 6. Rates 8 / 2 years against (6 + 6) / 2 years."""
    matched = MatchedSets(np.array([0, 2, 3, 1, 4]), np.array([0, 0, 0, 1, 1]), np.array([1, 0.5, 0.5, 1, 1]), 0)
    counted, treated = np.array([2.0, 6, 4, 8, 6]), np.array([True, True, False, False, False])
    row = estimate_matched_sets(LABEL, matched, counted, np.full(5, 365.0), treated, np.arange(5), 0.95)
    assert np.exp(row["estimate"]) == pytest.approx(8 / 12)


def test_a_control_who_serves_twice_counts_as_one_person():
    influence, person = np.array([1.0, -1.0, 1.0, -1.0]), np.array([0, 2, 1, 2])
    apart = two_way_error(influence, np.array([0, 2, 1, 3]), np.array([0, 0, 1, 1]))
    assert two_way_error(influence, person, np.array([0, 0, 1, 1])) > apart


@pytest.mark.parametrize("counted, words", [([0, 0, 1, 1, 1, 0, 1], "the referred have no contacts"), ([1, 1, 0, 0, 0, 1, 0], "comparison people have no contacts")])
def test_a_silent_side_is_a_flagged_row(counted, words):
    places, treated, month, person = hand_made()
    matched = match_sets(places, treated, month, person, 2, 5.0)
    for estimate, extra in ((estimate_matched_sets, ()), (estimate_lagged_outcome, (np.ones((7, 1)),))):
        row = row_or_flag(LABEL, estimate, matched, *extra, np.array(counted, float), np.full(7, 365.0), treated, person, 0.95)
        assert words in row["status"] and np.isnan(row["estimate"])


def test_nobody_near_enough_is_said():
    places, treated, month, person = hand_made()
    with pytest.raises(NotEstimable, match="no referred person has a comparison person"):
        match_sets(places + 100 * treated[:, None], treated, month, person, 2, 0.5)
