"""From scored pairs to people: who each contact belongs to at a threshold, and which of them are clients.

Everyone, referred or not, is resolved from the contacts alone; the register is attached last and joins nobody's contacts
together, so both arms are measured alike. All of it works on ids, so another threshold needs no new scoring.
"""

import hashlib

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def accept_links(contact_identities: pd.DataFrame, pairs: pd.DataFrame, accept_from: float, person_key: str) -> pd.DataFrame:
    """Return contact_id (unique), person_id, match_probability, identity_id, sorted by contact_id.

    A person is a group of identities joined by `pairs` of at least `accept_from`; its id is the hash of its first
    contact_id under `person_key`, so that a person keeps it for as long as that contact is theirs, whoever else comes or
    goes. match_probability is that of the strongest pair that ties the contact's identity to
    the person, 1 where the person has only that identity.
    """
    first_contacts = contact_identities.sort_values("contact_id").drop_duplicates("identity_id")
    identity_ids = pd.Index(first_contacts["identity_id"])
    accepted = pairs[pairs["match_probability"] >= accept_from]
    left, right = (identity_ids.get_indexer(accepted[side]) for side in ("identity_id_l", "identity_id_r"))
    n = len(identity_ids)
    group = connected_components(coo_array((np.ones(len(accepted)), (left, right)), shape=(n, n)), directed=False)[1]
    first = np.unique(group, return_index=True)[1]
    person_ids = np.array([hash_id(f"I{contact_id}", person_key) for contact_id in first_contacts["contact_id"].iloc[first]], dtype=object)
    probability = np.zeros(n)
    for side in (left, right):
        np.maximum.at(probability, side, accepted["match_probability"].to_numpy())
    people = pd.DataFrame({
        "identity_id": identity_ids, "person_id": person_ids[group], "match_probability": np.where(probability > 0, probability, 1.0),
    }).astype({"person_id": "str"})  # fmt: skip
    links = contact_identities.merge(people, on="identity_id", validate="many_to_one")
    return links[["contact_id", "person_id", "match_probability", "identity_id"]].sort_values("contact_id", ignore_index=True)


def hash_id(text: str, person_key: str) -> str:
    """Return the keyed hash (BLAKE2b, 8 bytes) of `text`: without the key nobody can tell whose it is."""
    return "P" + hashlib.blake2b(text.encode(), key=person_key.encode()[:64], digest_size=8).hexdigest()


def attach_register(links: pd.DataFrame, register_pairs: pd.DataFrame, accept_from: float) -> pd.DataFrame:
    """Return client_id, person_id, register_probability, n_people: each client found, with one person each.

    A client belongs to the person who holds most of the contacts that the client's details match (each identity of at
    least `accept_from` counts with its probability and its contacts). A person has one client at most, the one with most; the
    other clients then take their next best. n_people is the number of people that the client's details match: more
    than one means that some of the client's contacts stayed apart, which is reported, not mended.
    `links` as from `accept_links`.
    """
    contacts = links.groupby("identity_id", as_index=False).agg(person_id=("person_id", "first"), n_contacts=("contact_id", "size"))
    matched = register_pairs[register_pairs["match_probability"] >= accept_from].merge(contacts, on="identity_id", validate="many_to_one")
    matched["n_expected"] = matched["match_probability"] * matched["n_contacts"]
    candidates = matched.groupby(["client_id", "person_id"], as_index=False).agg(
        register_probability=("match_probability", "max"), n_expected=("n_expected", "sum")
    )
    candidates["n_people"] = candidates.groupby("client_id")["person_id"].transform("size")
    candidates = candidates.sort_values(["n_expected", "client_id", "person_id"], ascending=[False, True, True])
    attached = []
    while len(candidates):
        # Best for the client and best for the person at once; whoever lost tries again among the rest.
        chosen = candidates[~candidates.duplicated("client_id") & ~candidates.duplicated("person_id")]
        attached.append(chosen)
        candidates = candidates[~candidates["client_id"].isin(chosen["client_id"]) & ~candidates["person_id"].isin(chosen["person_id"])]
    columns = ["client_id", "person_id", "register_probability", "n_people"]
    return (pd.concat(attached) if attached else candidates)[columns].sort_values("client_id", ignore_index=True)


def resolve_people(
    contact_identities: pd.DataFrame, pairs: pd.DataFrame, register_pairs: pd.DataFrame, accept_from: float, person_key: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (links, persons) at the threshold `accept_from`, from scored pairs, without any rescoring.

    links: contact_id, person_id, match_probability. persons: person_id, client_id (missing unless a client),
    register_probability, n_contacts; sorted by their first column. Clients nobody finds: `add_missing_clients`.
    """
    links = accept_links(contact_identities, pairs, accept_from, person_key)
    clients = attach_register(links, register_pairs, accept_from)
    persons = links.groupby("person_id", as_index=False).agg(n_contacts=("contact_id", "size"))
    persons = persons.merge(clients[["client_id", "person_id", "register_probability"]], on="person_id", how="left", validate="one_to_one")
    persons = persons[["person_id", "client_id", "register_probability", "n_contacts"]]
    return links.drop(columns="identity_id"), persons.sort_values("person_id", ignore_index=True)


def add_missing_clients(persons: pd.DataFrame, client_ids: pd.Series, person_key: str) -> pd.DataFrame:
    """Return `persons` with a row for every one of `client_ids` whom no contact matches: n_contacts 0, no register_probability."""
    missing = np.setdiff1d(client_ids.dropna().unique().astype(object), persons["client_id"].dropna().to_numpy(object))
    # R for the register, so that the id can be that of no contact.
    rows = pd.DataFrame({"person_id": [hash_id(f"R{client_id}", person_key) for client_id in missing], "client_id": missing})
    rows = rows.astype("str").assign(register_probability=np.nan, n_contacts=0)
    together = pd.concat([persons, rows], ignore_index=True) if len(rows) else persons
    return together.sort_values("person_id", ignore_index=True)


def describe_people(persons: pd.DataFrame, links: pd.DataFrame, contacts: pd.DataFrame, referrals: pd.DataFrame) -> pd.DataFrame:
    """Return `persons` with sex, birth_year and area (postcode district) as most of their contacts have them.

    Clients without contacts have theirs from the register; for everyone else the register is not asked, because only the
    referred have one. Ties go to the first in the alphabet; missing where no contact says.
    """
    facts = contacts[["contact_id", "sex", "date_of_birth", "postcode"]].merge(links[["contact_id", "person_id"]], on="contact_id", validate="one_to_one")
    alone = persons.loc[persons["n_contacts"] == 0, ["person_id", "client_id"]]
    register = alone.merge(referrals[["client_id", "sex", "date_of_birth", "postcode"]], on="client_id", validate="one_to_many")
    facts = pd.concat([facts, register], ignore_index=True)
    facts = pd.DataFrame({
        "person_id": facts["person_id"], "sex": facts["sex"], "birth_year": facts["date_of_birth"].dt.year,
        "area": facts["postcode"].str.split(" ").str[0],
    })  # fmt: skip
    described = persons
    for fact in ("sex", "birth_year", "area"):
        described = described.merge(most_frequent(facts, fact), on="person_id", how="left", validate="one_to_one")
    columns = ["person_id", "client_id", "register_probability", "sex", "birth_year", "area", "n_contacts"]
    return described.astype({"birth_year": "Int64"})[columns]


def most_frequent(facts: pd.DataFrame, fact: str) -> pd.DataFrame:
    """Return person_id and the value of `fact` that occurs most often for each person."""
    counts = facts.groupby(["person_id", fact], as_index=False).size()
    ranked = counts.sort_values(["person_id", "size", fact], ascending=[True, False, True])
    return ranked.drop_duplicates("person_id")[["person_id", fact]]


def assign_exits(exits: pd.DataFrame, persons: pd.DataFrame, links: pd.DataFrame, contacts: pd.DataFrame) -> pd.DataFrame:
    """Return the spells of `exits` by person: person_id, from_on, to_on, reason; those of unknown people are left out.

    A spell's client_id leads to the client's person, its nominal_id to the person with most contacts under that id.
    """
    nominals = contacts[["contact_id", "nominal_id"]].dropna().merge(links[["contact_id", "person_id"]], on="contact_id", validate="one_to_one")
    counts = nominals.groupby(["nominal_id", "person_id"], as_index=False).size()
    ranked = counts.sort_values(["nominal_id", "size", "person_id"], ascending=[True, False, True])
    by_nominal = ranked.drop_duplicates("nominal_id").set_index("nominal_id")["person_id"]
    by_client = persons.dropna(subset=["client_id"]).set_index("client_id")["person_id"]
    person_id = exits["client_id"].map(by_client).fillna(exits["nominal_id"].map(by_nominal))
    spells = exits.assign(person_id=person_id.astype("str"))[["person_id", "from_on", "to_on", "reason"]]
    return spells.dropna(subset=["person_id"]).drop_duplicates().sort_values(["person_id", "from_on", "to_on", "reason"], ignore_index=True)
