"""From contact rows to distinct identities: who appears in the records, before anyone is taken for anyone.

An identity is one set of personal details. Rows with identical details are one identity only where the details
could hardly be two people's; every other row stands alone, and the linkage model decides about it.

**What many share links nobody.** A phone or address that more than `linkage.shared_by_at_most` differently named people
use (a care home, a hostel, a switchboard, a probation office) is blanked before anything is compared, among the contacts
and among the register's entries, each counted by itself. Counted are people by their initials, never rows: a person who
rings a thousand times has one, and a force fifteen times as large has no more people to a household. What at most so
many share (a family's phone) stays, and counts the less the more people use it (`count_terms`).
"""

import pandas as pd

from pipeline.engines import THIS_MACHINE, Engine, Tables

DETAILS = ["forename", "surname", "date_of_birth", "sex", "phone", "address", "postcode", "nominal_id"]

# Two people are "differently named" when their initials differ: misspellings of one name seldom touch an initial,
# and a person who rings often must not wear out their own phone number. Sorted, so that swapped names count once.
INITIALS = "least(left(forename, 1), left(surname, 1)) || greatest(left(forename, 1), left(surname, 1))"

# How many of five facts identify somebody: forename, surname, date of birth, phone, place.
N_FACTS = """((forename IS NOT NULL)::INT + (surname IS NOT NULL)::INT + (date_of_birth IS NOT NULL)::INT
    + (phone IS NOT NULL)::INT + (postcode IS NOT NULL OR address IS NOT NULL)::INT)"""
# Fewer than two facts and no nominal id: nobody can say whose contact it is.
IS_LINKABLE = f"(nominal_id IS NOT NULL OR {N_FACTS} >= 2)"
# Three facts, one of which tells members of a household apart: identical details are then one person's.
IS_SURE = f"(nominal_id IS NOT NULL OR ({N_FACTS} >= 3 AND (forename IS NOT NULL OR date_of_birth IS NOT NULL)))"


def collapse_identities(
    contacts: pd.DataFrame, nicknames: pd.DataFrame, shared_by_at_most: int, engine: Engine = THIS_MACHINE
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (contact_identities, identities) of standardised `contacts`.

    contact_identities: contact_id, identity_id; contacts without two facts that identify somebody are left out, as
    they could be anybody's. identities: identity_id (numbered in the order of their first contacts), the eight details (date of birth as ISO text; phone and address
    missing where more than `shared_by_at_most` differently named people use them), forename_root (the name behind a
    nickname; `nicknames` has nickname, forename), district (of the postcode) and n_contacts. Both sorted by their first column.
    """
    with engine.open_tables() as tables:
        tables.add("contact_rows", contacts[["contact_id", *DETAILS]])
        tables.add("nicknames", nicknames)
        tables.make("details", f"SELECT contact_id, {comparable_details('contact_rows')}")
        blank_shared(tables, shared_by_at_most)
        # A row that could be several people's brings its own contact_id into the grouping, so it stands alone.
        tables.make("identities", f"""
            SELECT (row_number() OVER (ORDER BY min(contact_id)))::INTEGER AS identity_id,
                   {", ".join(DETAILS)}, forename_root, district, count(*) AS n_contacts, list(contact_id) AS contact_ids
            FROM people WHERE {IS_LINKABLE}
            GROUP BY {", ".join(DETAILS)}, forename_root, district, CASE WHEN NOT {IS_SURE} THEN contact_id END""")
        contact_identities = tables.read("SELECT unnest(contact_ids) AS contact_id, identity_id FROM identities ORDER BY contact_id")
        identities = tables.read("SELECT * EXCLUDE contact_ids FROM identities ORDER BY identity_id")
    return contact_identities, identities


def describe_clients(referrals: pd.DataFrame, nicknames: pd.DataFrame, shared_by_at_most: int) -> pd.DataFrame:
    """Return the distinct details of each client in standardised `referrals`, comparable with the contacts' identities.

    Columns: client_id, then those of identities, with the client's entries numbered in identity_id. A client whose
    referrals differ has several rows, so that an old phone number still finds old contacts. nominal_id is missing.
    A phone or address of more than `shared_by_at_most` differently named clients (that of the office which refers them) is
    blanked; those that too many share among the contacts were blanked there, so here they find no partner.
    """
    with THIS_MACHINE.open_tables() as tables:
        tables.add("register", referrals[["client_id", *DETAILS[:-1]]].assign(nominal_id=None))
        tables.add("nicknames", nicknames)
        tables.make("details", f"SELECT client_id, {comparable_details('register')}")
        blank_shared(tables, shared_by_at_most)
        tables.make("entries", "SELECT DISTINCT * FROM people")
        return tables.read(f"""
            SELECT client_id, (-row_number() OVER (ORDER BY client_id, {", ".join(DETAILS)}))::INTEGER AS identity_id,
                   * EXCLUDE client_id, 0 AS n_contacts
            FROM entries ORDER BY identity_id DESC""")


def comparable_details(table: str) -> str:
    """Return the SELECT list and FROM clause that bring the details of `table` into the form in which they are compared."""
    texts = ", ".join(
        "strftime(details.date_of_birth::DATE, '%Y-%m-%d') AS date_of_birth" if detail == "date_of_birth"
        else f"details.{detail}::VARCHAR AS {detail}" for detail in DETAILS
    )  # fmt: skip
    first_word = "split_part(details.forename, ' ', 1)"
    return f"""{texts}, coalesce(whole.forename, part.forename, {first_word}) AS forename_root,
        split_part(details.postcode, ' ', 1) AS district
        FROM {table} AS details LEFT JOIN nicknames AS whole ON whole.nickname = details.forename
        LEFT JOIN nicknames AS part ON part.nickname = {first_word}"""


def blank_shared(tables: Tables, shared_by_at_most: int) -> None:
    """Make the table people: details without the phones and addresses that more than `shared_by_at_most` differently named people use."""
    for detail in ("phone", "address"):
        tables.make(f"shared_{detail}", f"""
            SELECT {detail} FROM details WHERE {detail} IS NOT NULL
            GROUP BY {detail} HAVING count(DISTINCT {INITIALS}) > {int(shared_by_at_most)}""")
    tables.make("people", """
        SELECT details.* EXCLUDE (phone, address),
               CASE WHEN shared_phone.phone IS NULL THEN details.phone END AS phone,
               CASE WHEN shared_address.address IS NULL THEN details.address END AS address
        FROM details LEFT JOIN shared_phone ON shared_phone.phone = details.phone
        LEFT JOIN shared_address ON shared_address.address = details.address""")


def count_terms(identities: pd.DataFrame, engine: Engine = THIS_MACHINE) -> dict[str, pd.DataFrame]:
    """Return the term frequencies of forename, surname and phone: for each a frame of its terms and tf_<name>.

    Names are counted once for each distinct name and date of birth, a phone once for each differently named user:
    counted by row, the many records of a frequent caller would make their own rare name look common.
    """
    counted = {name: f"SELECT DISTINCT forename_root, surname, date_of_birth, {name} FROM identities WHERE {name} IS NOT NULL"
               for name in ("forename", "surname")}  # fmt: skip
    counted["phone"] = f"SELECT DISTINCT phone, coalesce({INITIALS}, '') FROM identities WHERE phone IS NOT NULL"
    with engine.open_tables() as tables:
        tables.add("identities", identities)
        return {name: tables.read(f"""
            SELECT {name}, count(*) / sum(count(*)) OVER () AS tf_{name} FROM ({rows}) GROUP BY {name} ORDER BY {name}""")
            for name, rows in counted.items()}  # fmt: skip
