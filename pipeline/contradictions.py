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

Builds on `pipeline.groups`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import numpy as np
import pandas as pd

from pipeline.groups import deal_groups, find_places, join_groups

# About so many pairs are settled together, in some 0.7 GiB; it changes no result.
SETTLED_AT_A_TIME = 1_000_000
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


def settle_pairs(
    scored: pd.DataFrame, identities: pd.DataFrame, floor: float, has_households: bool = True, pairs_at_a_time: int = SETTLED_AT_A_TIME
) -> pd.DataFrame:
    """Return those of the `scored` pairs that survive the three rules with a probability of at least `floor`.

    `scored`: identity_id_l, identity_id_r, match_weight (log2 of the odds) and any columns gamma_*, which are passed on.
    Without households (see `pipeline.households`) only nominal ids tell people apart: names and dates that contradict each other
    are then slips, which the model has weighed. The first rule looks at a pair, the others no further than the group that
    consistent pairs join, so groups are settled in batches of about `pairs_at_a_time`: that bounds the memory and changes no
    result. Result: `scored` with match_probability, sorted by both ids.
    """
    rows, weight = settle_weights(scored, identities, floor, has_households, pairs_at_a_time)
    agreements = [name for name in scored if name.startswith("gamma_")]
    columns = ["identity_id_l", "identity_id_r", "match_probability", "match_weight", *agreements]
    settled = {name: scored[name].take(rows).array for name in ("identity_id_l", "identity_id_r", *agreements)}
    del rows
    # 1 / (1 + 2 ** -weight), in one place of memory.
    probability = np.negative(weight)
    np.exp2(probability, out=probability)
    np.add(probability, 1, out=probability)
    np.divide(1, probability, out=probability)
    return pd.DataFrame({**settled, "match_probability": probability, "match_weight": weight}, columns=columns, copy=False)


def settle_weights(scored: pd.DataFrame, identities: pd.DataFrame, floor: float, has_households: bool, pairs_at_a_time: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (rows, weight): the rows of the `scored` pairs that survive, by both ids, and their match weight thereafter."""
    left, right = (find_places(identities["identity_id"], scored[side]) for side in ("identity_id_l", "identity_id_r"))
    details = identities[["forename", "surname", *TELLING]].astype("str")
    details = details.assign(n_bearers=details["forename"].map(details["forename"].value_counts()).astype("float64"))
    given, is_consistent, is_swapped = scored["match_weight"].to_numpy(), np.zeros(len(scored), dtype=bool), np.zeros(len(details), dtype=bool)
    for start in range(0, len(scored), pairs_at_a_time):
        some = slice(start, start + pairs_at_a_time)
        batch, members = take_batch(left[some], right[some], given[some], len(details))
        consistent, swapped = find_consistent(batch, details.take(members), has_households)
        is_consistent[start + consistent], is_swapped[members[swapped]] = True, True
    details = details.assign(
        forename_root=details["forename_root"].mask(is_swapped | (not has_households)),
        date_of_birth=details["date_of_birth"].mask(np.full(len(details), not has_households)),
    )[list(TELLING)]
    left, right, rows = left[is_consistent], right[is_consistent], np.flatnonzero(is_consistent).astype(np.int32)
    weight = np.full(len(rows), np.nan)
    for some in deal_groups(join_groups(left, right, len(details))[left], pairs_at_a_time):
        batch, members = take_batch(left[some], right[some], given[rows[some]], len(details))
        settled = settle_batch(batch, details.take(members), floor)
        weight[some[settled["place"]]] = settled["match_weight"]
    is_kept = ~np.isnan(weight)
    left, right, rows, weight = left[is_kept], right[is_kept], rows[is_kept], weight[is_kept]
    if not is_sorted(left, right):
        order = np.lexsort((right, left))
        rows, weight = rows[order], weight[order]
    return rows, weight


def take_batch(left: np.ndarray, right: np.ndarray, match_weight: np.ndarray, n_identities: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return (batch, members): pairs of identities by their positions among `members`, the places that occur.

    batch: place (the pair's in the batch), left_position, right_position, match_weight.
    """
    is_member = np.zeros(n_identities, dtype=bool)
    is_member[left] = is_member[right] = True
    members = np.flatnonzero(is_member)
    positions = {name: np.searchsorted(members, side) for name, side in (("left_position", left), ("right_position", right))}
    return pd.DataFrame({"place": np.arange(len(left)), **positions, "match_weight": match_weight}), members


def is_sorted(left: np.ndarray, right: np.ndarray) -> bool:
    """Return whether pairs stand in the order of `left`, those of one left in the order of `right`."""
    return not ((left[1:] < left[:-1]) | ((left[1:] == left[:-1]) & (right[1:] < right[:-1]))).any()


@contextmanager
def open_batch(batch: pd.DataFrame, details: pd.DataFrame) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection with the table identities, `details` by position, and the view batch."""
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("batch", batch)
        con.register("details", details)
        con.execute("CREATE TABLE identities AS SELECT *, row_number() OVER () - 1 AS position FROM details")
        yield con


def find_consistent(batch: pd.DataFrame, details: pd.DataFrame, has_households: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return place of the pairs that do not contradict each other, and the positions whose forename and surname are swapped.

    A surname in the forename's place must not pass for a second person in rules 2 and 3. Where forename and surname are a
    neighbour's the other way round, the one of the two whose forename fewer bear as such (n_bearers, among all) has it wrong.
    """
    with open_batch(batch, details) as con:
        con.execute(f"""
            CREATE TABLE consistent AS
            SELECT place, CASE WHEN {SWAPPED_NAMES} THEN CASE WHEN l.n_bearers >= r.n_bearers THEN right_position ELSE left_position END END AS swapped
            FROM batch JOIN identities l ON l.position = left_position JOIN identities r ON r.position = right_position
            WHERE NOT {IS_CONTRADICTION if has_households else NOMINALS_CONTRADICT}""")
        found = con.sql("SELECT place FROM consistent").fetchnumpy()["place"]
        swapped = con.sql("SELECT DISTINCT swapped FROM consistent WHERE swapped IS NOT NULL").fetchnumpy()["swapped"]
    return np.asarray(found, dtype=np.int64), np.asarray(swapped, dtype=np.int64)


def settle_batch(batch: pd.DataFrame, details: pd.DataFrame, floor: float) -> pd.DataFrame:
    """Return place and match_weight of the pairs that survive rules 2 and 3, given all consistent pairs of each group."""
    with open_batch(batch, details) as con:
        con.execute("CREATE TABLE consistent AS FROM batch")
        shared = share_between_rivals(con, np.log2(floor / (1 - floor)) if floor > 0 else -np.inf)
    return shared.loc[~cuts_between_groups(shared, details.reset_index(drop=True)), ["place", "match_weight"]]


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
            SELECT left_position, right_position, match_weight - log2(1 + greatest({odds})) AS match_weight, place
            FROM consistent JOIN identities l ON l.position = left_position JOIN identities r ON r.position = right_position {joins})
        WHERE match_weight >= {least_weight if np.isfinite(least_weight) else "'-infinity'::DOUBLE"}
        ORDER BY left_position, right_position""").df()


def cuts_between_groups(pairs: pd.DataFrame, members: pd.DataFrame) -> np.ndarray:
    """Return a flag per pair (left_position, right_position, match_weight): its ends lie in groups that contradict each other.

    Groups grow pair by pair, the strongest first, as long as their leading values do not contradict each other; what
    joins two groups in the end is cut. `members` holds the fields that tell people apart, by position.
    """
    left, right = pairs["left_position"].to_numpy(), pairs["right_position"].to_numpy()
    component = join_groups(left, right, len(members))
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
