"""Who cannot be one person: contradictions between two identities, and identities that fit two people at once.

A linkage model adds up evidence field by field, as if fields were independent. Within a household they are not: twins
share surname, date of birth, phone and home; father and son often the whole name. So three stated rules stand after
the model and before any pair is kept:

They hold where people of one household are recorded at all, which the contacts themselves show (`pipeline.households`).

1. A pair whose forenames, dates of birth or nominal ids contradict each other is dropped (`is_contradiction`).
2. An identity that lacks the field in which its candidates contradict each other fits two people, and can belong to
   one: its probability is shared between them (`share_between_rivals`). Mostly neither then reaches the threshold.
3. Groups grow from the strongest pair down; where two groups' leading forenames, dates of birth or nominal ids contradict
   each other, what joins them is cut (`cuts_between_groups`), so no chain of half-known identities glues two people.
   As a cut depends on stronger pairs only, the groups at a higher threshold lie within those at a lower one.
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
NOMINALS_CONTRADICT = """coalesce(l.nominal_id != r.nominal_id
        AND NOT coalesce(l.forename_root = r.forename_root AND l.surname = r.surname AND l.date_of_birth = r.date_of_birth, false), false)"""
IS_CONTRADICTION = f"""({NOMINALS_CONTRADICT}
    OR (NOT coalesce(l.nominal_id = r.nominal_id, false) AND (
        coalesce({forenames_differ("l.forename_root", "r.forename_root")} AND {forenames_differ("l.forename", "r.forename")}
            AND NOT coalesce(jaro_winkler_similarity(l.forename, r.surname) > 0.9 OR jaro_winkler_similarity(l.surname, r.forename) > 0.9, false), false)
        OR coalesce({births_differ("l.date_of_birth", "r.date_of_birth")}, false))))"""


def settle_pairs(scored: pd.DataFrame, identities: pd.DataFrame, floor: float, has_households: bool = True) -> pd.DataFrame:
    """Return those of the `scored` pairs that survive the three rules with a probability of at least `floor`.

    `scored`: identity_id_l, identity_id_r, match_weight (log2 of the odds) and any columns gamma_*, which are passed on.
    Without households (see `pipeline.households`) only nominal ids tell people apart: names and dates that contradict each other
    are then slips, which the model has weighed. Result: `scored` with match_probability, sorted by both ids.
    """
    agreements = [name for name in scored if name.startswith("gamma_")]
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("scored_given", scored[["identity_id_l", "identity_id_r", "match_weight"]])
        con.execute("CREATE VIEW scored AS SELECT *, row_number() OVER () - 1 AS scored_row FROM scored_given")
        con.register("identities_given", identities[["identity_id", "forename", "surname", *TELLING]])
        con.execute("CREATE TABLE identities AS SELECT *, row_number() OVER () - 1 AS position FROM identities_given")
        con.execute(f"""
            CREATE TABLE consistent AS
            SELECT l.position AS left_position, r.position AS right_position, match_weight, scored_row FROM scored
            JOIN identities l ON l.identity_id = identity_id_l JOIN identities r ON r.identity_id = identity_id_r
            WHERE NOT {IS_CONTRADICTION if has_households else NOMINALS_CONTRADICT}""")
        if not has_households:
            con.execute("UPDATE identities SET forename_root = NULL, date_of_birth = NULL")
        forget_swapped_forenames(con)
        members = con.sql(f"SELECT {', '.join(TELLING)} FROM identities ORDER BY position").df()
        shared = share_between_rivals(con, np.log2(floor / (1 - floor)) if floor > 0 else -np.inf)
    kept = shared[~cuts_between_groups(shared, members)]
    ids = identities["identity_id"]
    return pd.DataFrame({
        "identity_id_l": ids.take(kept["left_position"]).array, "identity_id_r": ids.take(kept["right_position"]).array,
        "match_probability": (1 / (1 + np.exp2(-kept["match_weight"]))).array, "match_weight": kept["match_weight"].array,
        **{name: scored[name].take(kept["scored_row"]).array for name in agreements},
    })  # fmt: skip


def forget_swapped_forenames(con: duckdb.DuckDBPyConnection) -> None:
    """Blank forename_root in the table identities where forename and surname are a neighbour's the other way round.

    A surname in the forename's place must not pass for a second person in rules 2 and 3. Of the two, the one whose
    forename fewer identities bear as such has it wrong.
    """
    con.execute(f"""
        UPDATE identities SET forename_root = NULL WHERE position IN (
            WITH bearers AS (SELECT forename, count(*) AS n FROM identities GROUP BY forename)
            SELECT CASE WHEN own.n >= other.n THEN right_position ELSE left_position END
            FROM consistent JOIN identities l ON l.position = left_position JOIN identities r ON r.position = right_position
            JOIN bearers own ON own.forename = l.forename JOIN bearers other ON other.forename = r.forename
            WHERE {SWAPPED_NAMES})""")


def settle_register(
    scored: pd.DataFrame, clients: pd.DataFrame, pairs: pd.DataFrame, identities: pd.DataFrame, floor: float, has_households: bool = True
) -> pd.DataFrame:
    """Return the `scored` pairs of contact identities and register entries that survive the same three rules.

    An entry counts as one more identity among those that the settled `pairs` join to the identities it matches; the
    pairs of contacts stay as they are, so that the register helps nobody's contacts to find one another. `clients`: client_id,
    identity_id (of the entry) and details. Result: client_id, identity_id, match_probability, match_weight and any
    columns gamma_* of `scored`, the best entry of a client counting; sorted by both ids.
    """
    matched = scored["identity_id_l"].unique()
    near = pairs[pairs["identity_id_l"].isin(matched) | pairs["identity_id_r"].isin(matched)]
    graph = pd.concat([near[[name for name in scored if name in near]], scored], ignore_index=True)
    nodes = np.union1d(graph["identity_id_l"].unique().astype(object), graph["identity_id_r"].unique().astype(object))
    together = pd.concat([identities[identities["identity_id"].isin(nodes)], clients.drop(columns="client_id")], ignore_index=True)
    settled = settle_pairs(graph, together, floor, has_households)
    found = settled.merge(clients[["client_id", "identity_id"]], left_on="identity_id_r", right_on="identity_id", validate="many_to_one")
    strongest = found.sort_values(["client_id", "identity_id_l", "match_weight", "identity_id_r"], ascending=[True, True, False, True])
    best = strongest.drop_duplicates(["client_id", "identity_id_l"]).drop(columns=["identity_id_r", "identity_id"])
    best = best.rename(columns={"identity_id_l": "identity_id"}).reset_index(drop=True)
    return best[["client_id", *(name for name in best if name != "client_id")]]


def share_between_rivals(con: duckdb.DuckDBPyConnection, least_weight: float) -> pd.DataFrame:
    """Return the table consistent with match_weight lowered where an identity fits people who contradict each other.

    For identity i without forename (date of birth, nominal id), candidates fall into groups by theirs. With odds o for
    a candidate and R the sum, over the groups that contradict the candidate's, of each group's best odds, exactly one
    candidate being i gives the odds o / (1 + R). Where several fields apply, the strongest rivals count. Pairs that end
    below `least_weight` are left out; the rest is sorted by both positions.
    """
    ends = [("left_position", "right_position"), ("right_position", "left_position")]
    for field, differ in TELLING.items():
        candidates = " UNION ALL ".join(
            f"""SELECT own.position AS position, theirs.{field} AS value, max(match_weight) AS weight
                FROM consistent JOIN identities own ON own.position = {one} JOIN identities theirs ON theirs.position = {other}
                WHERE own.{field} IS NULL AND theirs.{field} IS NOT NULL GROUP BY ALL"""
            for one, other in ends
        )
        con.execute(f"CREATE OR REPLACE TABLE best AS SELECT position, value, max(weight) AS weight FROM ({candidates}) GROUP BY ALL")
        con.execute(f"""
            CREATE TABLE rivals_{field} AS SELECT a.position, a.value, sum(pow(2, b.weight) ORDER BY b.value) AS odds
            FROM best a JOIN best b USING (position) WHERE {differ("a.value", "b.value")} GROUP BY ALL""")
    odds = ", ".join(f"coalesce(one_{field}.odds, 0), coalesce(other_{field}.odds, 0)" for field in TELLING)
    joins = " ".join(
        f"""LEFT JOIN rivals_{field} one_{field} ON one_{field}.position = l.position AND one_{field}.value = r.{field}
        LEFT JOIN rivals_{field} other_{field} ON other_{field}.position = r.position AND other_{field}.value = l.{field}"""
        for field in TELLING
    )
    return con.sql(f"""
        SELECT * FROM (
            SELECT left_position, right_position, match_weight - log2(1 + greatest({odds})) AS match_weight, scored_row
            FROM consistent JOIN identities l ON l.position = left_position JOIN identities r ON r.position = right_position {joins})
        WHERE match_weight >= {least_weight if np.isfinite(least_weight) else "'-infinity'::DOUBLE"}
        ORDER BY left_position, right_position""").df()


def cuts_between_groups(pairs: pd.DataFrame, members: pd.DataFrame) -> np.ndarray:
    """Return a flag per pair (left_position, right_position, match_weight): its ends lie in groups that contradict each other.

    Groups grow pair by pair, the strongest first, as long as their leading values do not contradict each other; what
    joins two groups in the end is cut. `members` holds the fields that tell people apart, by position.
    """
    left, right, n = pairs["left_position"].to_numpy(), pairs["right_position"].to_numpy(), len(members)
    component = connected_components(coo_array((np.ones(len(pairs)), (left, right)), shape=(n, n)), directed=False)[1]
    members = members.assign(component=component)
    contradictions = {field: contradicting_values(members, field) for field in TELLING}
    torn = np.isin(component[left], [found[0] for field in TELLING for found in contradictions[field]])
    if not torn.any():
        return np.zeros(len(pairs), dtype=bool)
    strongest_first = np.flatnonzero(torn)[np.argsort(-pairs["match_weight"].to_numpy()[torn], kind="stable")]
    group = grow_groups(left[strongest_first].tolist(), right[strongest_first].tolist(), members, contradictions)
    return torn & (group[left] != group[right])


def contradicting_values(members: pd.DataFrame, field: str) -> set:
    """Return the (component, value, value) of `field` that contradict each other within a component of `members`."""
    values = members[["component", field]].dropna().drop_duplicates()
    values = values[values.duplicated("component", keep=False)].rename(columns={field: "value"})
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("distinct_values", values)
        found = con.sql(f"""
            SELECT a.component, a.value AS one, b.value AS other FROM distinct_values a JOIN distinct_values b USING (component)
            WHERE {TELLING[field]("a.value", "b.value")}""").df()
    return set(found.itertuples(index=False, name=None))


def grow_groups(left: list[int], right: list[int], members: pd.DataFrame, contradictions: dict[str, set]) -> np.ndarray:
    """Return the group of each row of `members` after joining the pairs of rows one by one where nothing contradicts."""
    leader = list(range(len(members)))
    values = {field: members[field].astype(object).where(members[field].notna(), None).tolist() for field in TELLING}
    component = members["component"].tolist()
    counts = {}

    def find(row):
        while leader[row] != row:
            leader[row] = row = leader[leader[row]]
        return row

    def tally(row):
        return counts.setdefault(row, {field: {} if values[field][row] is None else {values[field][row]: 1} for field in TELLING})

    for one, other in zip(left, right):
        one, other = find(one), find(other)
        if one == other:
            continue
        ours, theirs = tally(one), tally(other)
        if any(ours[field] and theirs[field] and (component[one], leads(ours[field]), leads(theirs[field])) in contradictions[field] for field in TELLING):
            continue
        leader[other] = one
        for field in TELLING:
            for value, times in theirs[field].items():
                ours[field][value] = ours[field].get(value, 0) + times
    return np.array([find(row) for row in range(len(members))])


def leads(times: dict) -> str:
    """Return the value seen most often, the first in the alphabet among equals."""
    return next(iter(times)) if len(times) == 1 else min(times, key=lambda value: (-times[value], value))
