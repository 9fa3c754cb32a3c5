"""The claim's count as a register-driven search would make it: contacts that match a client's own register entry, and no others.

A force that counts "its" clients looks their details up in the contact records. Whoever has changed telephone, address or
name since is then found less, and found less after referral than before, which looks like success. The pipeline resolves
everyone from the contacts alone and attaches the register last (pipeline.resolution); what the one finds beyond the other
is what linkage has of the published fall. It is counted, not modelled: the same clients, the same scored pairs and
the same threshold, only the route differs. What neither finds is in neither figure (pipeline.missed_links bounds it).
Builds on pipeline.panel and pipeline.naive.
"""

import pandas as pd

from pipeline.contrasts import PRIMARY
from pipeline.naive import sum_before_after
from pipeline.panel import build_panel

BEFORE, AFTER = "n_register_before", "n_register_after"


def link_by_register(contact_identities: pd.DataFrame, register_pairs: pd.DataFrame, persons: pd.DataFrame, accept_from: float) -> pd.DataFrame:
    """Return contact_id, person_id of each contact whose own details match a client's register entry at `accept_from` or more.

    A contact that matches several clients belongs to the one it matches best.
    """
    matched = register_pairs.loc[register_pairs["match_probability"] >= accept_from, ["client_id", "identity_id", "match_probability"]]
    best = matched.sort_values(["identity_id", "match_probability", "client_id"], ascending=[True, False, True]).drop_duplicates("identity_id")
    people = persons.loc[persons["client_id"].notna(), ["client_id", "person_id"]]
    found = contact_identities.merge(best, on="identity_id", how="inner", validate="many_to_one").merge(people, on="client_id", how="inner", validate="many_to_one")
    return found[["contact_id", "person_id"]].sort_values("contact_id", ignore_index=True)


def add_register_counts(clients: pd.DataFrame, cohort: pd.DataFrame, scored: tuple, records: tuple, study, accept_from: float, months: int) -> pd.DataFrame:
    """Return `clients` (pipeline.naive.sum_before_after) with n_register_before and n_register_after, the contacts a search by the register finds.

    `scored` are contact_identities and register_pairs, `records` persons, contact_facts and person_exits. Without the
    columns where linking was done elsewhere or nobody belongs to the claim.
    """
    if clients.empty or any(table.empty for table in scored):
        return clients
    persons, contact_facts, person_exits = records
    members = cohort[cohort["in_claim"]]
    links = link_by_register(*scored, persons, accept_from)
    found = sum_before_after(members, build_panel(members, links, contact_facts, person_exits, study, months, months, 0), months, [PRIMARY])
    counts = found[["person_id", f"{PRIMARY}_before", f"{PRIMARY}_after"]].set_axis(["person_id", BEFORE, AFTER], axis=1)
    return clients.merge(counts, on="person_id", how="left", validate="one_to_one").fillna({BEFORE: 0, AFTER: 0})
