"""What the linkage cannot do without, and what it found odd about the extracts: stopped with a message, or counted as a check.

The line between the two: what would make every later number meaningless stops (nobody can be told apart, the register finds
nobody, one person holds most contacts); what touches some people only is a row of link_quality.
"""

import pandas as pd

from pipeline.errors import InputError
from pipeline.intervals import wilson_interval
from pipeline.link_quality import COLUMNS

FACTS = {"forename": ["forename"], "surname": ["surname"], "date of birth": ["date_of_birth"], "phone": ["phone"], "place": ["address", "postcode"]}


def require_identifiers(contacts: pd.DataFrame, referrals: pd.DataFrame) -> None:
    """Raise InputError where standardised `contacts` or `referrals` hold too little to tell people apart or to find them."""
    known = {fact for fact, columns in FACTS.items() if contacts[columns].notna().any(axis=None)}
    in_register = {fact for fact, columns in FACTS.items() if referrals[columns].notna().any(axis=None)}
    problems = []
    if not known and contacts["nominal_id"].notna().any():
        problems.append(
            "Linkage, contacts: holds a nominal_id and no other personal detail, so the register cannot be found in it. Bring names, dates of birth, "
            "phones or addresses, or link in the force and bring a pseudonymised set (README, Using your own extracts)."
        )
    elif not known & {"forename", "surname"}:
        problems.append("Linkage, contacts: no forename or surname can be read. Check that these columns are exported and named in extracts.yaml.")
    if len(in_register) < 2 or not in_register & {"forename", "surname"}:
        found = " and ".join(sorted(in_register)) or "nothing"
        problems.append(
            f"Linkage, referrals: of forename, surname, date of birth, phone and place, {found} can be read; a client is found by a name and one more. "
            "Check that these columns are exported and named in extracts.yaml."
        )
    elif not known & in_register:
        problems.append(
            f"Linkage: referrals hold {' and '.join(sorted(in_register))}, contacts {' and '.join(sorted(known)) or 'none of these'}, and nothing in common. "
            "Bring a column that both have."
        )
    InputError.collect(problems)


def require_people(links: pd.DataFrame, persons: pd.DataFrame, largest_share: float) -> None:
    """Raise InputError where no contact has a person, no client was found, or one person holds more than `largest_share` of the contacts."""
    if links.empty:
        raise InputError("Linkage: no contact says enough to tell whose it is. Check that names, dates of birth, phones and addresses are exported whole.")
    if (persons["n_contacts"].max() / len(links)) > largest_share:
        raise InputError(
            f"Linkage: one person would hold more than {largest_share:.0%} of all contacts. Check whether contacts hold a placeholder (the station's "
            "own name, phone or nominal_id) in place of people's details, and blank it; linkage.largest_share in params.yaml sets the limit."
        )
    if not (persons["client_id"].notna() & (persons["n_contacts"] > 0)).any():
        raise InputError(
            "Linkage: the details of no client match any contact. Check that register and contacts are of one area and one period, and that forename, "
            "surname and date of birth are not exchanged in extracts.yaml."
        )


def check_inputs(
    links: pd.DataFrame, persons: pd.DataFrame, contact_identities: pd.DataFrame, identities: pd.DataFrame, register_pairs: pd.DataFrame,
    cut: pd.DataFrame, alike: pd.DataFrame, contacts: pd.DataFrame, referrals: pd.DataFrame, accept_from: float,
) -> pd.DataFrame:  # fmt: skip
    """Return rows of link_quality on what the extracts made hard; none has a pass mark, each is a reason to look.

    Checks: register entries that look like one person (`alike`, see `pipeline.register_entries`); clients whose details match
    another client's person only; contacts of people that were parted because they bore too many names (`cut`, see
    `pipeline.large_people`); contacts whose phone, or address, so many use that it links nobody; completeness of each
    detail in the register, client by client.
    """
    n_clients = referrals["client_id"].nunique()
    attached = persons.loc[persons["n_contacts"] > 0, "client_id"].dropna()
    matched = register_pairs.loc[register_pairs["match_probability"] >= accept_from, "client_id"].drop_duplicates()
    parted = cut.loc[cut["match_probability"] >= accept_from, ["identity_id_l", "identity_id_r"]].stack().unique()
    people = contact_identities.merge(links[["contact_id", "person_id"]], on="contact_id", validate="one_to_one")
    touched = people["person_id"].isin(people.loc[people["identity_id"].isin(parted), "person_id"])
    checks = [
        ("register entries that look like one person", "referred", len(alike) / max(n_clients, 1), n_clients),
        ("clients who match another client's person only", "referred", (~matched.isin(attached)).sum() / max(n_clients, 1), n_clients),
        ("contacts of people parted for too many names", "all", touched.sum() / max(len(people), 1), len(people)),
    ]
    rows = contact_identities.merge(identities[["identity_id", "phone", "address"]], on="identity_id", validate="many_to_one")
    rows = rows.merge(contacts[["contact_id", "phone", "address"]], on="contact_id", validate="one_to_one", suffixes=("_compared", ""))
    for detail in ("phone", "address"):
        given = rows[rows[detail].notna()]
        checks.append((f"contacts whose {detail} too many share", "all", given[f"{detail}_compared"].isna().sum() / max(len(given), 1), len(given)))
    for fact, columns in FACTS.items():
        has = referrals[columns].notna().any(axis=1).groupby(referrals["client_id"]).any()
        checks.append((f"completeness of {fact} in the register", "referred", has.mean(), len(has)))
    table = pd.DataFrame(checks, columns=["check", "arm", "value", "n"]).assign(period="all", pass_mark=float("nan"))
    table["ci_low"], table["ci_high"] = wilson_interval(table["value"], table["n"])
    return table.assign(passed=pd.array([pd.NA] * len(table), "boolean")).astype({"n": "int64"})[COLUMNS]
