"""The same people under other accept thresholds: resolved again from scored pairs, without any personal detail.

What is known of a person (sex, birth year, area, exits) is carried over from the planned threshold through the
contacts that both share, because names and addresses end at stage 02. Builds on pipeline.resolution.
"""

import pandas as pd

from pipeline.resolution import add_missing_clients, resolve_people

FACTS = ["sex", "birth_year", "area"]


def resolve_thresholds(planned: tuple, scored: tuple, thresholds: list[float], accept_from: float, person_key: str) -> dict[float, tuple]:
    """Return, per threshold, links, persons and person_exits; for the plan's `accept_from` just the `planned` ones.

    `planned` holds links, persons and person_exits of stage 02, `scored` its contact_identities, pairs and
    register_pairs. Where linking was done elsewhere nothing is scored, and the planned people are the only ones.
    """
    wanted = sorted({*thresholds, accept_from}) if len(scored[0]) else [accept_from]
    return {threshold: planned if threshold == accept_from else resolve_again(planned, scored, threshold, person_key) for threshold in wanted}


def resolve_again(planned: tuple, scored: tuple, threshold: float, person_key: str) -> tuple:
    """Return links, persons and person_exits at another `threshold`."""
    links, persons, person_exits = planned
    new_links, found = resolve_people(*scored, threshold, person_key)
    new_persons = add_missing_clients(found, persons["client_id"], person_key)
    shared = share_contacts(links, new_links)
    main = shared.sort_values(["person_id", "n_contacts", "person_id_before"], ascending=[True, False, True]).drop_duplicates("person_id")
    described = new_persons.merge(main[["person_id", "person_id_before"]], on="person_id", how="left", validate="one_to_one")
    # A client without contacts has no contact to carry facts over; the client's own planned row has them.
    by_client = persons.dropna(subset=["client_id"]).set_index("client_id")["person_id"]
    described["person_id_before"] = described["person_id_before"].fillna(described["client_id"].map(by_client))
    facts = persons[["person_id", *FACTS]].rename(columns={"person_id": "person_id_before"})
    described = described.merge(facts, on="person_id_before", how="left", validate="many_to_one").drop(columns="person_id_before")
    return new_links, described.sort_values("person_id", ignore_index=True), carry_exits(person_exits, shared)


def share_contacts(links: pd.DataFrame, new_links: pd.DataFrame) -> pd.DataFrame:
    """Return person_id, person_id_before, n_contacts: how many contacts each new person shares with each planned one."""
    both = new_links[["contact_id", "person_id"]].merge(links[["contact_id", "person_id"]], on="contact_id", suffixes=("", "_before"), validate="one_to_one")
    return both.groupby(["person_id", "person_id_before"], as_index=False).agg(n_contacts=("contact_id", "size"))


def carry_exits(person_exits: pd.DataFrame, shared: pd.DataFrame) -> pd.DataFrame:
    """Return the spells of `person_exits` under the new person who holds most of the planned person's contacts."""
    heirs = shared.sort_values(["person_id_before", "n_contacts", "person_id"], ascending=[True, False, True]).drop_duplicates("person_id_before")
    spells = person_exits.rename(columns={"person_id": "person_id_before"}).merge(heirs, on="person_id_before", how="inner", validate="many_to_one")
    kept = spells[["person_id", "from_on", "to_on", "reason"]].drop_duplicates()
    return kept.sort_values(["person_id", "from_on", "reason"], ignore_index=True)
