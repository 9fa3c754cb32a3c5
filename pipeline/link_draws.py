"""Identities drawn again and again from calibrated probabilities, so that doubt about the links reaches the interval.

A draw redecides who is one person: each link of the maximum spanning forest (pipeline.calibration) is kept with its
calibrated probability, and people are what the kept links hold together. So a draw moves whole groups of contacts; drawn
contact by contact, mistakes would average out and say nothing (Goldstein, Harron & Wade 2012). A draw joins nobody whom
the settled pairs keep apart, so contradictions hold in every draw. Before that, m and u are drawn
(Dirichlet around their estimates, which shifts each link's weight by the levels on which its sides agree) and so is
the calibration line (normal). Then each client is attached to a drawn person anew. Builds on pipeline.calibration and
pipeline.resolution.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.calibration import Line, calibrate
from pipeline.resolution import attach_register, hash_id

# Added to each level's count: a level on which no pair was seen is still possible (Jeffreys).
UNSEEN = 0.5


def draw_people(
    forest: pd.DataFrame, register_pairs: pd.DataFrame, contact_identities: pd.DataFrame, links: pd.DataFrame, line: Line, levels: pd.DataFrame,
    accept_from: float, draws: int, seed: int, person_key: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Return (link_draws, client_draws), sorted.

    link_draws: draw (1, 2, ...), contact_id, person_id of the contacts whose person differs from that in `links`; all
    others are as in `links`. client_draws: draw, client_id, person_id of every client found in that draw. A person keeps
    the id that most of its contacts have in `links`, and each id has one heir, so that people in no doubt are the same
    in every draw. `forest` as from `calibration.span_people` of the settled pairs, with their gamma_* columns; `levels`:
    comparison, gamma, m, u, n_pairs_m and n_pairs_u of a `linkage.LinkageModel`.
    """
    people = identity_people(contact_identities, links)
    ends = [people.index.get_indexer(forest[side]) for side in ("identity_id_l", "identity_id_r")]
    accepted = forest["match_probability"].to_numpy() >= accept_from
    n_people = count_several(ends, accepted, len(people))
    registered = contact_identities[contact_identities["identity_id"].isin(register_pairs["identity_id"])]
    moved, attached = [], []
    for draw, one in enumerate(np.random.SeedSequence(seed).spawn(draws), start=1):
        rng = np.random.default_rng(one)
        shifts, drawn_line = draw_shifts(levels, n_people, rng), draw_line(line, rng)
        kept = rng.random(len(forest)) < calibrate(forest["match_weight"].to_numpy() + total_shift(forest, shifts), drawn_line)
        person_id = name_groups(people, ends, kept, accepted, person_key)
        changed = person_id != people["person_id"].to_numpy()
        moved.append(pd.DataFrame({"draw": draw, "identity_id": people.index[changed], "person_id": person_id[changed]}))
        register = draw_register(register_pairs, shifts, drawn_line, rng)
        rows = registered.assign(person_id=person_id[people.index.get_indexer(registered["identity_id"])])
        clients = attach_register(rows, register, 0.0)
        attached.append(clients[["client_id", "person_id"]].assign(draw=draw))
    by_identity = pd.concat(moved, ignore_index=True)
    link_draws = by_identity.merge(contact_identities, on="identity_id", validate="many_to_many")[["draw", "contact_id", "person_id"]]
    client_draws = pd.concat(attached, ignore_index=True)[["draw", "client_id", "person_id"]]
    return (
        link_draws.astype({"draw": "int16", "person_id": "str"}).sort_values(["draw", "contact_id"], ignore_index=True),
        client_draws.astype({"draw": "int16", "person_id": "str"}).sort_values(["draw", "client_id"], ignore_index=True),
    )


def identity_people(contact_identities: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Return by identity_id, sorted: person_id in `links`, n_contacts and first_contact (the smallest contact_id)."""
    rows = contact_identities.merge(links[["contact_id", "person_id"]], on="contact_id", validate="one_to_one")
    return rows.groupby("identity_id").agg(person_id=("person_id", "first"), n_contacts=("contact_id", "size"), first_contact=("contact_id", "min"))


def groups_of(ends: list[np.ndarray], kept: np.ndarray, n: int) -> np.ndarray:
    """Return the group of each of `n` identities when the `kept` links between `ends` hold them together."""
    left, right = (end[kept] for end in ends)
    return connected_components(coo_array((np.ones(len(left)), (left, right)), shape=(n, n)), directed=False)[1]


def count_several(ends: list[np.ndarray], accepted: np.ndarray, n: int) -> int:
    """Return how many people have several identities: what m was learnt from, one person counting once."""
    return int((np.bincount(groups_of(ends, accepted, n)) > 1).sum())


def draw_shifts(levels: pd.DataFrame, n_people: int, rng) -> dict[str, np.ndarray]:
    """Return per comparison the bits that a draw of m and u adds to each level (by gamma; the last entry, for -1, is 0).

    u counts as learnt from its pairs, m from no more than `n_people`: the pairs of one person resemble each other.
    """
    shifts = {}
    for comparison, learnt in levels.groupby("comparison", sort=True):
        learnt = learnt.sort_values("gamma")
        change = np.zeros(len(learnt))
        for sign, name, most in ((1, "m", n_people), (-1, "u", np.inf)):
            alpha = learnt[name].to_numpy() * min(learnt[f"n_pairs_{name}"].max(), most) + UNSEEN
            change += sign * (np.log2(rng.dirichlet(alpha).clip(1e-12)) - np.log2(alpha / alpha.sum()))
        by_gamma = np.zeros(learnt["gamma"].max() + 2)
        by_gamma[learnt["gamma"]] = change
        shifts[comparison] = by_gamma
    return shifts


def total_shift(pairs: pd.DataFrame, shifts: dict[str, np.ndarray]) -> np.ndarray:
    """Return the bits by which the drawn m and u move the weight of each of `pairs`."""
    return np.sum([by_gamma[pairs[f"gamma_{comparison}"].to_numpy(np.int64)] for comparison, by_gamma in shifts.items()], axis=0)


def draw_line(line: Line, rng) -> Line:
    """Return a calibration line drawn from the normal around `line`, rising in any case."""
    if not line.is_fitted:
        return line
    intercept, slope = rng.multivariate_normal([line.intercept, line.slope], line.covariance)
    return line._replace(intercept=intercept, slope=max(slope, 0.0))


def name_groups(people: pd.DataFrame, ends: list[np.ndarray], kept: np.ndarray, accepted: np.ndarray, person_key: str) -> np.ndarray:
    """Return the person_id of each identity of `people` under the `kept` links.

    Only groups that a changed link touches are looked at. An id goes to the group with most of its contacts; a
    group that inherits several takes that of most contacts, one that inherits none a new id of its own.
    """
    touched = groups_of(ends, kept | accepted, len(people))
    touched = np.isin(touched, touched[ends[0][kept != accepted]])
    if not touched.any():
        return people["person_id"].to_numpy()
    table = people[touched].assign(group=groups_of(ends, kept, len(people))[touched])
    cells = table.groupby(["group", "person_id"], as_index=False)["n_contacts"].sum()
    cells = cells.sort_values(["n_contacts", "group", "person_id"], ascending=[False, True, True])
    inherited = cells.drop_duplicates("person_id").drop_duplicates("group").set_index("group")["person_id"]
    first = table.groupby("group")["first_contact"].min()
    orphans = first[~first.index.isin(inherited.index)]
    named = pd.concat([inherited, orphans.map(lambda contact_id: hash_id(f"{contact_id} apart", person_key))])
    person_id = people["person_id"].to_numpy(object, copy=True)
    person_id[touched] = table["group"].map(named).to_numpy(object)
    return person_id


def draw_register(register_pairs: pd.DataFrame, shifts: dict[str, np.ndarray], line: Line, rng) -> pd.DataFrame:
    """Return the pairs of register entries and identities that hold in a draw, with their calibrated probability.

    A client's pairs stand or fall together, the weaker first: all rest on the same entry.
    """
    clients, place = np.unique(register_pairs["client_id"].to_numpy(object).astype(str), return_inverse=True)
    probability = calibrate(register_pairs["match_weight"].to_numpy() + total_shift(register_pairs, shifts), line)
    held = rng.random(len(clients))[place] < probability
    return register_pairs.assign(match_probability=probability)[held]


def people_of_draw(draw: int, link_draws: pd.DataFrame, client_draws: pd.DataFrame, links: pd.DataFrame, persons: pd.DataFrame, person_exits: pd.DataFrame) -> tuple:
    """Return links, persons and person_exits as draw number `draw` has them, in the shape in which stage 02 leaves them.

    Sex, birth year, area and exits follow the contacts: a drawn person has those of the planned person who held most of
    its contacts, and a planned person's exits go to whoever holds most of theirs. A client whom a draw does not find has a
    row without contacts.
    """
    moved = link_draws[link_draws["draw"] == draw].set_index("contact_id")["person_id"]
    after = links["contact_id"].map(moved).astype("str").fillna(links["person_id"])
    new_links = links.assign(person_id=after)
    touched = set(links.loc[links["contact_id"].isin(moved.index), "person_id"]) | set(moved)
    rows = pd.DataFrame({"person_id": after, "before": links["person_id"]})[links["person_id"].isin(touched) | after.isin(touched)]
    cells = rows.groupby(["person_id", "before"], as_index=False).size().sort_values(["size", "person_id", "before"], ascending=[False, True, True])
    source = cells.drop_duplicates("person_id").set_index("person_id")["before"]
    heir = cells.drop_duplicates("before").set_index("before")["person_id"]
    facts = persons.drop(columns=["client_id", "register_probability", "n_contacts"])
    untouched = facts[~facts["person_id"].isin(touched) & (persons["n_contacts"] > 0)]
    drawn = source.rename("before").reset_index().merge(facts.rename(columns={"person_id": "before"}), on="before", validate="many_to_one").drop(columns="before")
    clients = client_draws[client_draws["draw"] == draw].set_index("person_id")["client_id"]
    found = pd.concat([untouched, drawn], ignore_index=True)
    found = found.assign(client_id=found["person_id"].map(clients), n_contacts=found["person_id"].map(after.value_counts()))
    lost = persons[persons["client_id"].notna() & ~persons["client_id"].isin(clients)]
    lost = lost.assign(n_contacts=0, person_id="lost " + lost["client_id"].astype("str"))
    everyone = pd.concat([found, lost], ignore_index=True).drop(columns="register_probability").sort_values("person_id", ignore_index=True)
    exits = person_exits.assign(person_id=person_exits["person_id"].map(heir).astype("str").fillna(person_exits["person_id"]))
    return new_links, everyone, exits.drop_duplicates().sort_values(["person_id", "from_on", "reason"], ignore_index=True)
