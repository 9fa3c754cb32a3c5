"""People under too many names: groups of identities that a chain of links has glued together, parted where they are weakest.

The rules of `pipeline.contradictions` keep two people apart who contradict each other; a chain through half-known records
(a shared phone, a common surname) need not contradict anywhere. What gives it away is the number of names in it: one person is
written down under few initials, misspellings and a married name included. So people grow from the strongest pair down, and two
groups that would together bear more than `linkage.names_at_most` different initials stay apart: what joins them is cut, the
weakest ties by construction. A cut depends on stronger pairs only, and a group that is full stays full, so the people at
a higher threshold lie within those at a lower one.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def part_large_people(pairs: pd.DataFrame, identities: pd.DataFrame, names_at_most: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (kept, cut): the settled `pairs` without, and those that are, ties within groups of more than `names_at_most` initials.

    Both have the columns and the order of `pairs`. Initials are those of forename and surname in any order, of nicknames
    those of the forename behind them; identities with half a name count for none, they only tie others together.
    """
    ids = pd.Index(identities["identity_id"])
    left, right, n = ids.get_indexer(pairs["identity_id_l"]), ids.get_indexer(pairs["identity_id_r"]), len(ids)
    group = connected_components(coo_array((np.ones(len(pairs)), (left, right)), shape=(n, n)), directed=False)[1]
    initials = name_initials(identities)
    names = pd.DataFrame({"group": group, "initials": initials.to_numpy()}).dropna().groupby("group")["initials"].nunique()
    is_large = np.isin(group[left], names.index[names > names_at_most])
    strongest_first = np.flatnonzero(is_large)[np.argsort(-pairs["match_weight"].to_numpy()[is_large], kind="stable")]
    grown = grow_people(left[strongest_first].tolist(), right[strongest_first].tolist(), initials.tolist(), names_at_most)
    is_cut = np.zeros(len(pairs), dtype=bool)
    is_cut[strongest_first] = [grown.get(one, one) != grown.get(other, other) for one, other in zip(left[strongest_first], right[strongest_first])]
    return pairs[~is_cut].reset_index(drop=True), pairs[is_cut].reset_index(drop=True)


def name_initials(identities: pd.DataFrame) -> pd.Series:
    """Return the initials of each of `identities`, the first in the alphabet first; missing where a forename or a surname is."""
    one, other = identities["forename_root"].str[0], identities["surname"].str[0]
    return (one.where(one <= other, other) + other.where(one <= other, one)).astype(object).where(one.notna() & other.notna(), None)


def grow_people(left: list[int], right: list[int], initials: list, names_at_most: int) -> dict[int, int]:
    """Return the group of each row that the pairs name, joined pair by pair as long as a group bears at most `names_at_most` initials."""
    leader, names = {}, {}

    def find(row):
        leader.setdefault(row, row)
        while leader[row] != row:
            leader[row] = row = leader[leader[row]]
        return row

    def named(row):
        return names.setdefault(row, {initials[row]} - {None})

    for one, other in zip(left, right):
        one, other = find(one), find(other)
        if one != other and len(named(one) | named(other)) <= names_at_most:
            leader[other] = one
            names[one] = named(one) | named(other)
    return {row: find(row) for row in leader}
