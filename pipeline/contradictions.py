"""Who cannot be one person: contradictions between two identities, and identities that fit two people at once.

A linkage model adds up evidence field by field, as if fields were independent. Within a household they are not: twins
share surname, date of birth, phone and home; father and son often the whole name. So three stated rules stand after
the model and before any pair is kept:

1. A pair whose forenames, dates of birth or nominal ids contradict each other is dropped (`is_contradiction`).
2. An identity that lacks the field in which its candidates contradict each other fits two people, and can belong to
   one: its probability is shared between them (`share_between_rivals`). Mostly neither then reaches the threshold.
3. Taken from the strongest pair down, a pair that would join two groups whose leading forenames, dates of birth or
   nominal ids contradict each other is dropped (`drop_bridges`), so no chain of half-known identities glues two people.
   As a pair's fate depends on stronger pairs only, groups at a higher threshold lie within those at a lower one.
"""

import duckdb
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Forenames that score below this in Jaro-Winkler are two names (DAVID and DANIEL 0.79; misspellings seldom below 0.87).
NAMES_ALIKE = 0.85


def forenames_differ(left: str, right: str) -> str:
    """Return SQL: both forenames are known and are two names, not a nickname, short form, initial or misspelling."""
    return f"""({left} != {right}
        AND NOT starts_with({left}, {right}) AND NOT starts_with({right}, {left})
        AND jaro_winkler_similarity({left}, {right}) < {NAMES_ALIKE})"""


def births_differ(left: str, right: str) -> str:
    """Return SQL: both dates of birth (ISO text) are known, fewer than two of year, month and day agree, and they are not exchanged."""
    return f"""({left} != {right} AND NOT (
        (left({left}, 4) = left({right}, 4))::INT + (substr({left}, 6, 2) = substr({right}, 6, 2))::INT + (right({left}, 2) = right({right}, 2))::INT >= 2
        OR (left({left}, 4) = left({right}, 4) AND substr({left}, 6, 2) = right({right}, 2) AND right({left}, 2) = substr({right}, 6, 2))))"""


def nominals_differ(left: str, right: str) -> str:
    """Return SQL: both nominal ids are known and are two."""
    return f"({left} != {right})"


# Field by which members of a group are told apart, and the rule by which two of its values contradict each other.
TELLING = {"forename_root": forenames_differ, "date_of_birth": births_differ, "nominal_id": nominals_differ}

SWAPPED_NAMES = "(l.forename = r.surname AND l.surname = r.forename)"

# A force sometimes opens a second nominal for a person, so where whole name and date of birth agree two ids do not contradict;
# and one nominal is one person, whatever else was written down.
IS_CONTRADICTION = f"""(coalesce(l.nominal_id != r.nominal_id
        AND NOT coalesce(l.forename_root = r.forename_root AND l.surname = r.surname AND l.date_of_birth = r.date_of_birth, false), false)
    OR (NOT coalesce(l.nominal_id = r.nominal_id, false) AND (
        coalesce({forenames_differ("l.forename_root", "r.forename_root")} AND {forenames_differ("l.forename", "r.forename")}
            AND NOT coalesce(jaro_winkler_similarity(l.forename, r.surname) > 0.9 OR jaro_winkler_similarity(l.surname, r.forename) > 0.9, false), false)
        OR coalesce({births_differ("l.date_of_birth", "r.date_of_birth")}, false))))"""


def settle_pairs(scored: pd.DataFrame, identities: pd.DataFrame, floor: float) -> pd.DataFrame:
    """Return those of the `scored` pairs that survive the three rules with a probability of at least `floor`.

    `scored`: identity_id_l, identity_id_r, match_weight (log2 of the odds). Result: the same with match_probability,
    sorted by both ids.
    """
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("scored", scored)
        con.register("identities", identities)
        con.execute(f"""
            CREATE TABLE consistent AS
            SELECT identity_id_l, identity_id_r, match_weight FROM scored
            JOIN identities l ON l.identity_id = identity_id_l JOIN identities r ON r.identity_id = identity_id_r
            WHERE NOT {IS_CONTRADICTION}""")
        shared = share_between_rivals(con)
    probability = 1 / (1 + np.exp2(-shared["match_weight"]))
    kept = shared.assign(match_probability=probability)[probability >= floor]
    kept = kept.sort_values(["identity_id_l", "identity_id_r"], ignore_index=True)
    kept = drop_bridges(kept, identities)
    return kept[["identity_id_l", "identity_id_r", "match_probability", "match_weight"]]


def settle_register(scored: pd.DataFrame, clients: pd.DataFrame, pairs: pd.DataFrame, identities: pd.DataFrame, floor: float) -> pd.DataFrame:
    """Return the `scored` pairs of contact identities and register entries that survive the same three rules.

    An entry counts as one more identity among those that the settled `pairs` join; the pairs of contacts stay as they
    are, so that the register helps nobody's contacts to find one another. `clients`: client_id, identity_id (entry) and details.
    Result: client_id, identity_id, match_probability, match_weight, the best entry of a client counting; sorted by both ids.
    """
    together = pd.concat([identities, clients.drop(columns="client_id")], ignore_index=True)
    graph = pd.concat([pairs[["identity_id_l", "identity_id_r", "match_weight"]], scored], ignore_index=True)
    settled = settle_pairs(graph, together, floor)
    found = settled.merge(clients[["client_id", "identity_id"]], left_on="identity_id_r", right_on="identity_id", validate="many_to_one")
    best = found.groupby(["client_id", "identity_id_l"], as_index=False)[["match_probability", "match_weight"]].max()
    return best.rename(columns={"identity_id_l": "identity_id"})


def share_between_rivals(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return the table consistent with match_weight lowered where an identity fits people who contradict each other.

    For identity i without forename (date of birth, nominal id), candidates fall into groups by theirs. With odds o for
    a candidate and R the sum, over the groups that contradict the candidate's, of each group's best odds, exactly one
    candidate being i gives the odds o / (1 + R). Where several fields apply, the strongest rivals count.
    """
    ends = [("identity_id_l", "identity_id_r"), ("identity_id_r", "identity_id_l")]
    rivals = []
    for field, differ in TELLING.items():
        con.execute(f"""
            CREATE OR REPLACE TABLE candidates AS {" UNION ALL ".join(f'''
            SELECT consistent.{one} AS identity_id, theirs.{field} AS value, max(match_weight) AS match_weight
            FROM consistent JOIN identities own ON own.identity_id = consistent.{one}
            JOIN identities theirs ON theirs.identity_id = consistent.{other}
            WHERE own.{field} IS NULL AND theirs.{field} IS NOT NULL GROUP BY ALL''' for one, other in ends)}""")
        con.execute("CREATE OR REPLACE TABLE best AS SELECT identity_id, value, max(match_weight) AS match_weight FROM candidates GROUP BY ALL")
        con.execute(f"""
            CREATE OR REPLACE TABLE rivals_{field} AS
            SELECT a.identity_id, a.value, sum(pow(2, b.match_weight) ORDER BY b.value) AS odds
            FROM best a JOIN best b USING (identity_id) WHERE {differ("a.value", "b.value")} GROUP BY ALL""")
        rivals.append(field)
    shares = ", ".join(
        f"coalesce(one_{field}.odds, 0), coalesce(other_{field}.odds, 0)" for field in rivals
    )
    joins = " ".join(
        f"""LEFT JOIN rivals_{field} one_{field} ON one_{field}.identity_id = l.identity_id AND one_{field}.value = r.{field}
        LEFT JOIN rivals_{field} other_{field} ON other_{field}.identity_id = r.identity_id AND other_{field}.value = l.{field}"""
        for field in rivals
    )
    return con.sql(f"""
        SELECT identity_id_l, identity_id_r, match_weight - log2(1 + greatest({shares})) AS match_weight
        FROM consistent JOIN identities l ON l.identity_id = identity_id_l JOIN identities r ON r.identity_id = identity_id_r {joins}
        """).df()


def drop_bridges(pairs: pd.DataFrame, identities: pd.DataFrame) -> pd.DataFrame:
    """Return `pairs` without those that would join two groups that contradict each other, strongest pairs taken first."""
    if pairs.empty:
        return pairs
    row_of = pd.Series(np.arange(len(identities)), index=identities["identity_id"].to_numpy())
    left, right = row_of[pairs["identity_id_l"]].to_numpy(), row_of[pairs["identity_id_r"]].to_numpy()
    n = len(identities)
    component = connected_components(coo_array((np.ones(len(pairs)), (left, right)), shape=(n, n)), directed=False)[1]
    members = identities[list(TELLING)].assign(component=component)
    contradictions = {field: contradicting_values(members, field) for field in TELLING}
    torn = np.isin(component[left], np.unique(np.concatenate([[group for group, _, _ in found] for found in contradictions.values()]).astype(int)))
    order = np.flatnonzero(torn)
    order = order[np.lexsort((right[order], left[order], -pairs["match_weight"].to_numpy()[order]))]
    dropped = bridging_pairs(order, left, right, component, members, contradictions)
    return pairs[~np.isin(np.arange(len(pairs)), dropped)].reset_index(drop=True)


def contradicting_values(members: pd.DataFrame, field: str) -> set:
    """Return the (component, value, value) of `field` that contradict each other within a component of `members`."""
    values = members[["component", field]].dropna().drop_duplicates()
    values = values[values.duplicated("component", keep=False)].rename(columns={field: "value"})
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("the_values", values)
        found = con.sql(f"""
            SELECT a.component, a.value AS one, b.value AS other FROM the_values a JOIN the_values b USING (component)
            WHERE {TELLING[field]("a.value", "b.value")}""").df()
    return set(found.itertuples(index=False, name=None))


def bridging_pairs(order, left, right, component, members, contradictions) -> list[int]:
    """Return which pairs of `order` (strongest first) would join two groups whose leading values contradict each other."""
    group, counts, dropped = {}, {}, []
    values = {field: members[field].to_numpy(object) for field in TELLING}

    def leader(node):
        while group.get(node, node) != node:
            group[node] = group.get(group[node], group[node])
            node = group[node]
        return node

    def tally(node):
        if node not in counts:
            counts[node] = {field: {} if pd.isna(values[field][node]) else {values[field][node]: 1} for field in TELLING}
        return counts[node]

    for pair in order:
        one, other = leader(left[pair]), leader(right[pair])
        if one == other:
            continue
        ours, theirs = tally(one), tally(other)
        if any(leads(ours[field]) and leads(theirs[field]) and (component[one], leads(ours[field]), leads(theirs[field])) in contradictions[field]
               for field in TELLING):
            dropped.append(pair)
            continue
        group[other] = one
        for field in TELLING:
            for value, times in theirs[field].items():
                ours[field][value] = ours[field].get(value, 0) + times
    return dropped


def leads(times: dict) -> str | None:
    """Return the value seen most often, the first in the alphabet among equals; None where none was seen."""
    return min(times, key=lambda value: (-times[value], value)) if times else None
