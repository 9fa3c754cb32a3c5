"""What pairs join, by hand: a chain, a triangle and one left alone; and in slices and batches as all at once."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

import pipeline.groups
from pipeline.groups import deal_groups, find_places, join_groups

LEFT, RIGHT = np.array([4, 1, 0, 5, 2]), np.array([5, 2, 3, 6, 3])


def test_items_joined_directly_or_by_others_are_one_group_numbered_by_its_first_item():
    assert join_groups(LEFT, RIGHT, 8).tolist() == [0, 0, 0, 0, 1, 1, 1, 2]
    assert join_groups(LEFT[:0], RIGHT[:0], 3).tolist() == [0, 1, 2]


def test_groups_grown_from_slices_are_those_of_all_pairs_at_once(monkeypatch):
    rng = np.random.default_rng(3)
    left, right = rng.integers(0, 300, 250), rng.integers(0, 300, 250)
    whole = connected_components(coo_array((np.ones(250), (left, right)), shape=(300, 300)), directed=False)[1]
    monkeypatch.setattr(pipeline.groups, "PAIRS_AT_A_TIME", 7)
    np.testing.assert_array_equal(join_groups(left, right, 300), whole)


@pytest.mark.parametrize("pairs_at_most", [1, 2, 3, 100])
def test_a_batch_holds_whole_groups_and_every_pair_is_in_one(pairs_at_most):
    group_of_pair = join_groups(LEFT, RIGHT, 8)[LEFT]
    batches = deal_groups(group_of_pair, pairs_at_most)
    assert sorted(np.concatenate(batches)) == [0, 1, 2, 3, 4]
    groups = [set(group_of_pair[batch]) for batch in batches]
    assert sum(len(found) for found in groups) == 2
    assert all(len(batch) < pairs_at_most + 3 for batch in batches)


def test_no_pairs_make_no_batches():
    assert deal_groups(np.array([], dtype=np.int32), 10) == []


def test_an_id_that_nobody_knows_is_an_error_and_not_the_last_place():
    assert find_places(pd.Series([7, 3, 5]), pd.Series([5, 7])).tolist() == [2, 0]
    with pytest.raises(KeyError):
        find_places(pd.Series([7, 3, 5]), pd.Series([5, 4]))
