"""Facts: what the later stages may know of referrals and contacts, without anything that says who a person is."""

import pandas as pd

REFERRAL_FACTS = [
    "referral_id", "client_id", "referred_on", "referral_source", "primary_need", "accepted", "first_contact_on", "closed_on", "closure_reason",
]  # fmt: skip
CONTACT_FACTS = [
    "contact_id", "incident_id", "received_at", "service", "channel", "opening_code", "closing_code", "role", "is_attended", "officer_minutes",
    "is_duplicate",
]  # fmt: skip


def take_referral_facts(referrals: pd.DataFrame) -> pd.DataFrame:
    """Return `referrals` without identifiers, sorted by referral_id."""
    return referrals[REFERRAL_FACTS].sort_values("referral_id", ignore_index=True)


def take_contact_facts(contacts: pd.DataFrame) -> pd.DataFrame:
    """Return `contacts` without identifiers, sorted by contact_id; is_duplicate marks rows that repeat another contact."""
    facts = contacts.assign(is_attended=contacts["attended"], is_duplicate=contacts["duplicate_of"].notna())
    return facts[CONTACT_FACTS].sort_values("contact_id", ignore_index=True)
