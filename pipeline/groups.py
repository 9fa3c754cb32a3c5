"""What hangs together: groups of items that many pairs join, found and dealt into batches in bounded memory.

The pairs of ten forces do not fit into a graph library's matrices at once, but a group can be grown from slices of them:
after each slice a group is one item. So memory follows the items and the slice, not the pairs.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# As many pairs are looked at together; it bounds the memory and changes no result.
PAIRS_AT_A_TIME = 4_000_000


def find_places(ids: pd.Series | pd.Index, wanted: pd.Series) -> np.ndarray:
    """Return the place of each of `wanted` among the unique `ids`, as int32; raises KeyError when one is not among them."""
    index, places = pd.Index(ids), np.empty(len(wanted), dtype=np.int32)
    for start in range(0, len(wanted), PAIRS_AT_A_TIME):
        places[start : start + PAIRS_AT_A_TIME] = index.get_indexer(wanted.iloc[start : start + PAIRS_AT_A_TIME])
    if (places < 0).any():
        raise KeyError(f"{(places < 0).sum()} of {len(places)} ids are not among the {len(index)} known.")
    return places


def join_groups(left: np.ndarray, right: np.ndarray, n_items: int) -> np.ndarray:
    """Return the group of each of `n_items` items, as int32: items that the pairs of places `left` and `right` join, directly or by others.

    Groups are numbered in the order of their first items.
    """
    group, n_groups = np.arange(n_items, dtype=np.int32), n_items
    for start in range(0, len(left), PAIRS_AT_A_TIME):
        one, other = (group[side[start : start + PAIRS_AT_A_TIME]] for side in (left, right))
        joined = coo_array((np.ones(len(one), dtype=np.int8), (one, other)), shape=(n_groups, n_groups))
        n_groups, larger = connected_components(joined, directed=False)
        group = larger[group]
    return group


def deal_groups(group_of_pair: np.ndarray, pairs_at_most: int) -> list[np.ndarray]:
    """Return batches of pairs, each the rows of whole groups: about `pairs_at_most`, more only where one group alone has more."""
    sizes = np.bincount(group_of_pair)
    batch_of_group = (np.cumsum(sizes) - sizes) // pairs_at_most
    batch = batch_of_group.astype(np.int16 if len(group_of_pair) // pairs_at_most < 30_000 else np.int32)[group_of_pair]
    rows = np.argsort(batch, kind="stable").astype(np.int32 if len(batch) < 2**31 else np.int64)
    return np.split(rows, np.cumsum(np.bincount(batch))[:-1]) if len(rows) else []


def most_frequent(rows: pd.DataFrame, key: str, value: str) -> pd.Series:
    """Return by `key` the `value` that most of its rows have, the first in order among equals; named `value`, sorted by `key`."""
    counts = rows.groupby([key, value], as_index=False).size().sort_values([key, "size", value], ascending=[True, False, True])
    return counts.drop_duplicates(key).set_index(key)[value]
