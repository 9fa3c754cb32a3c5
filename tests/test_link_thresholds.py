"""What another threshold would cost, by hand: three identities of Ann (five contacts), one of Bob (two), tied by three pairs.

    1 (Ann, 2 contacts) --0.99-- 2 (Ann, 2)    2 --0.90-- 3 (Ann, 1)    3 --0.60-- 4 (Bob, 2)
"""

import numpy as np
import pandas as pd
import pytest

from pipeline.intervals import cluster_shares, wilson_interval
from pipeline.link_thresholds import estimate_thresholds, true_thresholds

CONTACT_IDENTITIES = pd.DataFrame({"contact_id": list("abcdefg"), "identity_id": [1, 1, 2, 2, 3, 4, 4]})
PAIRS = pd.DataFrame({"identity_id_l": [1, 2, 3], "identity_id_r": [2, 3, 4], "match_probability": [0.99, 0.90, 0.60]})
TRUTH = pd.DataFrame({"contact_id": list("abcdefg"), "true_person_id": ["Ann"] * 5 + ["Bob"] * 2})


def test_estimates_by_hand():
    table = estimate_thresholds(CONTACT_IDENTITIES, PAIRS, [0.5, 0.95], 0.80).set_index("accept_from")
    assert table["n_people"].to_dict() == {0.5: 1, 0.8: 2, 0.95: 3} and table["n_pairs"].to_dict() == {0.5: 3, 0.8: 2, 0.95: 1}
    assert table.index[table["is_chosen"]].tolist() == [0.8]
    # Each contact is tied by its identity's strongest pair, at 0.8 Bob's two by none: they stand alone.
    assert table.loc[0.8, "precision"] == pytest.approx((4 * 0.99 + 1 * 0.90 + 2) / 7)
    # Ann's five are held to lack Bob's two with a probability of 0.6.
    assert table.loc[0.8, "recall"] == pytest.approx(7 / (7 + 0.6 * 2))


def test_truth_by_hand():
    table = true_thresholds(CONTACT_IDENTITIES, PAIRS, TRUTH, [0.5, 0.8, 0.95]).set_index(["accept_from", "measure"])["value"]
    # At 0.5 all seven are Ann's person: five are hers, and Bob has none.
    assert table[0.5, "precision"] == pytest.approx(5 / 7) and table[0.5, "recall"] == pytest.approx(5 / 7)
    assert table[0.8].to_dict() == {"precision": 1, "recall": 1, "f1": 1}
    # At 0.95 Ann's fifth contact stands alone: precision 6/6, recall 6/7, F1 12/13.
    assert table[0.95, "precision"] == 1 and table[0.95, "recall"] == pytest.approx(6 / 7) and table[0.95, "f1"] == pytest.approx(12 / 13)


def test_a_set_without_truth_gives_no_rows():
    assert true_thresholds(CONTACT_IDENTITIES, PAIRS, TRUTH.iloc[:0], [0.5]).empty


def test_people_and_not_rows_are_the_witnesses():
    """Twenty people with fifty like rows each are worth twenty rows; a thousand people with one row each a thousand."""
    alike = pd.DataFrame({"group": "g", "person": np.repeat(np.arange(20), 50), "value": np.repeat(np.arange(20) < 15, 50).astype(float)})
    apart = alike.assign(person=np.arange(1000))
    for rows, n in ((alike, 20), (apart, 1000)):
        found = cluster_shares(rows, ["group"], "value", "person").iloc[0]
        low, high = wilson_interval(np.array([0.75]), np.array([n]))
        assert found["n"] == 1000 and found["ci_low"] == pytest.approx(low[0], abs=0.02) and found["ci_high"] == pytest.approx(high[0], abs=0.02)


def test_the_clustered_interval_covers_the_truth():
    """Sixty draws of a hundred people, seeds 1 to 60, each with a share of their own around 0.8: at least 53 must cover."""
    covers = 0
    for seed in range(1, 61):
        rng = np.random.default_rng(seed)
        person = np.repeat(np.arange(100), 1 + rng.poisson(10, 100))
        rows = pd.DataFrame({"group": "g", "person": person, "value": (rng.random(len(person)) < rng.beta(8, 2, 100)[person]).astype(float)})
        found = cluster_shares(rows, ["group"], "value", "person").iloc[0]
        covers += found["ci_low"] <= 0.8 <= found["ci_high"]
    assert covers >= 53
