"""Linked against unlinked, as GUILD asks (Gilbert et al. 2018): are those whom linking loses unlike those it keeps?

Three comparisons: contacts with a person against contacts without; contacts tied to others of their person against
contacts that stand alone; clients found in the contact records against clients not found. The difference of a share is
standardised as Austin (2009) does, so that it does not depend on how many there are. Builds on pipeline.disclosure and
pipeline.disclosure_rates for what may be published of it.
"""

import duckdb
import numpy as np
import pandas as pd

from pipeline.disclosure import control_table
from pipeline.disclosure_rates import round_to

COLUMNS = ["compared", "characteristic", "level", "n_linked", "n_unlinked", "share_linked", "share_unlinked", "difference"]
# The first of each pair is taken as linked.
COMPARISONS = ["contacts with and without a person", "contacts tied to others and standing alone", "clients found and not found"]
HELD = {
    "forename": "forename IS NOT NULL", "surname": "surname IS NOT NULL", "date of birth": "date_of_birth IS NOT NULL", "phone": "phone IS NOT NULL",
    "address or postcode": "(address IS NOT NULL OR postcode IS NOT NULL)", "nominal id": "nominal_id IS NOT NULL",
}  # fmt: skip
AGE_BAND = """CASE WHEN date_of_birth IS NULL THEN 'unknown' WHEN age < 18 THEN 'under 18' WHEN age < 30 THEN '18 to 29' WHEN age < 45 THEN '30 to 44'
    WHEN age < 60 THEN '45 to 59' ELSE '60 and over' END"""
OF_CONTACTS = {
    "year": "year(received_at)::VARCHAR", "season": "'months ' || (3 * quarter(received_at) - 2) || ' to ' || 3 * quarter(received_at)", "channel": "channel", "role": "role",
    "kind of contact": "coalesce(category, 'unknown')", "sex": "coalesce(sex, 'unknown')", "age": AGE_BAND,
}  # fmt: skip
OF_CLIENTS = {"year": "year(received_at)::VARCHAR", "source": "referral_source", "need": "primary_need", "accepted": "CASE WHEN accepted THEN 'yes' ELSE 'no' END",
              "engaged": "CASE WHEN first_contact_on IS NOT NULL THEN 'yes' ELSE 'no' END", "sex": "coalesce(sex, 'unknown')", "age": AGE_BAND}  # fmt: skip


def compare_linked(contacts: pd.DataFrame, links: pd.DataFrame, persons: pd.DataFrame, referrals: pd.DataFrame, contact_types: pd.DataFrame) -> pd.DataFrame:
    """Return `linkage_comparison`: compared, characteristic, level, n_linked, n_unlinked, share_linked, share_unlinked, difference.

    n_* count contacts or clients (by their first referral) of this level, share_* is their share of all linked or unlinked
    ones; difference is the standardised difference, missing where either side has nobody. `contact_types`: code, category.
    """
    with duckdb.connect(config={"threads": 1}) as con:
        for name, table in (("contacts", contacts), ("links", links), ("persons", persons), ("referrals", referrals), ("contact_types", contact_types)):
            con.register(name, table)
        con.execute("""
            CREATE TABLE contact_rows AS
            SELECT contacts.*, category, date_diff('day', date_of_birth, received_at) / 365.25 AS age, person_id IS NOT NULL AS is_linked, n_contacts > 1 AS is_tied
            FROM contacts LEFT JOIN links USING (contact_id) LEFT JOIN persons USING (person_id)
            LEFT JOIN (SELECT DISTINCT code, category FROM contact_types) ON code = opening_code""")
        con.execute("""
            CREATE TABLE client_rows AS
            SELECT DISTINCT ON (client_id) referrals.*, referred_on AS received_at, date_diff('day', date_of_birth, referred_on) / 365.25 AS age,
                   coalesce(n_contacts > 0, false) AS is_linked
            FROM referrals LEFT JOIN persons USING (client_id) ORDER BY client_id, referred_on, referral_id""")
        counts = [
            *count_levels(con, COMPARISONS[0], "contact_rows", "is_linked", OF_CONTACTS, list(HELD)),
            *count_levels(con, COMPARISONS[1], "(SELECT * FROM contact_rows WHERE is_linked)", "is_tied", OF_CONTACTS, list(HELD)),
            *count_levels(con, COMPARISONS[2], "client_rows", "is_linked", OF_CLIENTS, [name for name in HELD if name != "nominal id"]),
        ]
    return standardise_differences(pd.concat(counts, ignore_index=True))


def count_levels(con: duckdb.DuckDBPyConnection, compared: str, table: str, is_linked: str, of: dict[str, str], held: list[str]) -> list[pd.DataFrame]:
    """Return one frame per characteristic of `table`: compared, characteristic, level, n_linked, n_unlinked, sorted by level."""
    levels = {**{f"holds {name}": f"CASE WHEN {HELD[name]} THEN 'yes' ELSE 'no' END" for name in held}, **of}
    return [
        con.sql(f"""
            SELECT '{compared}' AS compared, '{characteristic}' AS characteristic, coalesce({level}, 'unknown') AS level,
                   count(*) FILTER ({is_linked}) AS n_linked, count(*) FILTER (NOT {is_linked}) AS n_unlinked
            FROM {table} GROUP BY 3 ORDER BY 3""").df()
        for characteristic, level in levels.items()
    ]  # fmt: skip


def standardise_differences(counts: pd.DataFrame) -> pd.DataFrame:
    """Return `counts` with shares within each characteristic and their standardised difference, linked less unlinked."""
    table = counts.copy()
    for side in ("linked", "unlinked"):
        totals = table.groupby(["compared", "characteristic"])[f"n_{side}"].transform("sum")
        table[f"share_{side}"] = table[f"n_{side}"] / totals.where(totals > 0)
    return add_difference(table).astype({"n_linked": "int64", "n_unlinked": "int64"})[COLUMNS]


def add_difference(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with the standardised difference of share_linked and share_unlinked."""
    one, other = table["share_linked"], table["share_unlinked"]
    spread = np.sqrt((one * (1 - one) + other * (1 - other)) / 2)
    return table.assign(difference=((one - other) / spread.where(spread > 0)).mask(one.eq(other), 0.0))


def leave_out_echoes(linkage_comparison: pd.DataFrame) -> pd.DataFrame:
    """Return `linkage_comparison` without the level "no" of what is yes or no: it says what "yes" says, but for rounding."""
    return linkage_comparison[linkage_comparison["level"].ne("no")]


def control_comparison(linkage_comparison: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `linkage_comparison` fit for publication: counts rounded or suppressed, a second one beside a single suppressed one, shares and differences from rounded counts.

    The contacts that stand alone are those with a person less those tied to others; as both are rounded, the difference leaves
    as many values open as rounding does.
    """
    within = ["compared", "characteristic"]
    controlled = control_table(linkage_comparison, threshold, rounding, counts=["n_linked", "n_unlinked"], within=within)
    for side in ("linked", "unlinked"):
        totals = round_to(linkage_comparison.groupby(within)[f"n_{side}"].transform("sum"), rounding)
        share = controlled[f"n_{side}"].astype(float) / np.where(totals > 0, totals, np.nan)
        controlled[f"share_{side}"] = share.clip(upper=1)
    hidden = controlled[["n_linked", "n_unlinked"]].isna().any(axis=1)
    blank = ["share_linked", "share_unlinked", "difference"]
    controlled = add_difference(controlled)
    controlled[blank] = controlled[blank].mask(hidden)
    return controlled
