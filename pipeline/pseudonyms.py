"""A set whose linking was done elsewhere: its person_id in the place of every identifier.

Its tables go on under the names and columns of an identified set, with the identifiers blank and the set's own person_id as
client_id and nominal_id, so that the stages after linkage need not know. A person is then keyed by our own hash of that id,
like everybody else: two forces' numbers cannot meet, and no table from here on leads back to a record of theirs.
Builds on pipeline.groups and pipeline.resolution.
"""

import numpy as np
import pandas as pd

from pipeline.groups import most_frequent
from pipeline.resolution import add_missing_clients, hash_id

FACTS = ["sex", "birth_year", "area"]
REFERRALS = [
    "referral_id", "client_id", "forename", "surname", "date_of_birth", "sex", "phone", "address", "postcode", "referred_on", "referral_source",
    "primary_need", "accepted", "first_contact_on", "closed_on", "closure_reason",
]  # fmt: skip
CONTACTS = [
    "contact_id", "incident_id", "received_at", "service", "channel", "opening_code", "closing_code", "grade", "role", "forename", "surname",
    "date_of_birth", "sex", "phone", "address", "postcode", "nominal_id", "attended", "officer_minutes", "duplicate_of",
]  # fmt: skip
EXITS = ["client_id", "nominal_id", "from_on", "to_on", "reason"]


def blank_identifiers(frame: pd.DataFrame, key: str, columns: list[str]) -> pd.DataFrame:
    """Return `frame` with person_id as `key` (client_id or nominal_id) and all of `columns`, those it lacks blank."""
    named = frame.rename(columns={"person_id": key})
    lacking = {name: pd.Series(index=frame.index, dtype="datetime64[us]" if name == "date_of_birth" else "str") for name in columns if name not in named}
    return named.assign(**lacking)[columns]


def take_person_facts(contacts: pd.DataFrame) -> pd.DataFrame:
    """Return one row per person of the pseudonymised `contacts`: nominal_id (their person_id), sex, birth_year, area.

    Each is what most of the person's contacts say, the first in order where they tie, missing where none says.
    """
    known = contacts.dropna(subset=["person_id"])
    people = pd.DataFrame({"person_id": np.sort(known["person_id"].unique())}).astype("str")
    for fact in FACTS:
        people = people.merge(most_frequent(known, "person_id", fact).reset_index(), on="person_id", how="left", validate="one_to_one")
    return people.rename(columns={"person_id": "nominal_id"}).astype({"birth_year": "Int64"})


def take_people(contacts: pd.DataFrame, referrals: pd.DataFrame, exits: pd.DataFrame, person_facts: pd.DataFrame, person_key: str) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return (links, persons, person_exits) as linkage makes them, straight from the ids.

    A contact without an id belongs to nobody and has no link. match_probability is 1, because nothing here can doubt what
    was decided elsewhere; register_probability is missing. Referred people without contacts are persons with none.
    """
    known = contacts.dropna(subset=["nominal_id"])
    ids = pd.Index(known["nominal_id"].unique())
    keys = dict(zip(ids, (hash_id(one, person_key) for one in ids)))
    links = pd.DataFrame({"contact_id": known["contact_id"], "person_id": known["nominal_id"].map(keys).astype("str"), "match_probability": 1.0})
    n_contacts = known.groupby("nominal_id", as_index=False).agg(n_contacts=("contact_id", "size"))
    clients = set(referrals["client_id"])
    found = n_contacts.assign(client_id=n_contacts["nominal_id"].where(n_contacts["nominal_id"].isin(clients)), register_probability=np.nan)
    found = found.merge(person_facts, on="nominal_id", how="left", validate="one_to_one")
    found = found.assign(person_id=found["nominal_id"].map(keys)).astype({"person_id": "str", "client_id": "str"})
    persons = add_missing_clients(found[["person_id", "client_id", "register_probability", *FACTS, "n_contacts"]], referrals["client_id"], person_key)
    # Clients without contacts have an id of their own.
    by_client = persons.dropna(subset=["client_id"]).set_index("client_id")["person_id"].to_dict()
    spells = exits.assign(person_id=exits["nominal_id"].map(by_client | keys).astype("str")).dropna(subset=["person_id"])
    spells = spells[["person_id", "from_on", "to_on", "reason"]].drop_duplicates()
    return links.sort_values("contact_id", ignore_index=True), persons, spells.sort_values(["person_id", "from_on", "to_on", "reason"], ignore_index=True)
