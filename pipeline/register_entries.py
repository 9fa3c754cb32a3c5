"""A person who stands in the register twice: found by identical details, counted once, and reported.

Two entries under two client_ids would compete for one person's contacts, and time zero, the first referral ever, could be the
later of the two. So entries that look like one person are searched, and their exits kept, under the client_id that was
referred first; the other client_ids get no row in `persons`, and leave the analysis with a row of their own in the attrition.
Nobody's register is changed: the mending is one client_id per person in the register itself.
"""

import duckdb
import pandas as pd


def find_alike_clients(clients: pd.DataFrame, referrals: pd.DataFrame) -> pd.DataFrame:
    """Return client_id, same_as: clients whose details are another's, and the client among these who was referred first.

    Alike are two clients with an entry each of one forename (or its nickname), one surname and one date of birth; where both
    entries lack the date of birth, of one phone or address. Who was referred first, and then whose client_id is the first in
    the alphabet, stands for the others. `clients` as from `contact_identities.describe_clients`. Sorted by client_id.
    """
    first = referrals.groupby("client_id", as_index=False).agg(referred_on=("referred_on", "min"))
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("clients", clients)
        con.register("first", first)
        con.execute("""
            CREATE TABLE alike AS
            SELECT DISTINCT l.client_id AS client_id, r.client_id AS other FROM clients l JOIN clients r
            ON l.forename_root = r.forename_root AND l.surname = r.surname AND l.client_id != r.client_id
            AND (l.date_of_birth = r.date_of_birth
                 OR (l.date_of_birth IS NULL AND r.date_of_birth IS NULL AND (l.phone = r.phone OR l.address = r.address)))""")
        # Likeness may be passed on (A is like B, B like C), so whoever stands for a group is sought along the chain.
        return con.sql("""
            WITH RECURSIVE chain(client_id, other) AS (
                SELECT client_id, other FROM alike UNION SELECT chain.client_id, alike.other FROM chain JOIN alike ON alike.client_id = chain.other)
            SELECT likeness.client_id, arg_min(other, (referred_on, other)) AS same_as
            FROM (SELECT * FROM chain UNION SELECT client_id, client_id FROM alike) likeness JOIN first ON first.client_id = other
            GROUP BY likeness.client_id HAVING same_as != likeness.client_id ORDER BY likeness.client_id""").df().astype("str")


def join_alike_clients(table: pd.DataFrame, alike: pd.DataFrame) -> pd.DataFrame:
    """Return `table` (register entries or exits) with the client_id that stands for those who are `alike` in place of theirs."""
    return table.assign(client_id=table["client_id"].replace(dict(zip(alike["client_id"], alike["same_as"]))))
