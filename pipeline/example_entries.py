"""Small examples of the two ways to enter after the linkage: `python -m pipeline.example_entries`, once the demonstration has run.

Makes from the demonstration's own derived tables `data/raw/pseudonymised_example` (contacts and referrals with a person_id and
no identifiers) and `data/raw/panel_example` (a panel of calendar months). Both carry the demonstration's linkage, wrong and
missed links included, as a set from elsewhere would.
"""

import sys
from pathlib import Path

import duckdb
import pandas as pd

from pipeline.demand import incidents_of_people
from pipeline.errors import InputError, run_command
from pipeline.params import check_params, load_sections
from pipeline.tables import RAW, project_root, read_table

# A simulated set's key guards nobody.
KEY = "an example keeps no secret"


def write_set(name: str, **tables: pd.DataFrame) -> Path:
    """Write `tables` as the set data/raw/<name>, as CSV, and return its folder."""
    folder = project_root() / RAW / name
    folder.mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        rows.to_csv(folder / f"{table}.csv", index=False, lineterminator="\n")
    (folder / "extracts.yaml").write_text("simulated: true\n", encoding="utf-8")
    (folder / "person_key.txt").write_text(f"{KEY}\n", encoding="utf-8")
    return folder


def make_contacts(contact_facts: pd.DataFrame, links: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    """Return the contacts of a pseudonymised set: each with its person, blank where linkage found none, and what is known of the person."""
    people = persons[["person_id", "sex", "birth_year", "area"]]
    contacts = contact_facts.merge(links[["contact_id", "person_id"]], on="contact_id", how="left", validate="one_to_one")
    contacts = contacts.merge(people, on="person_id", how="left", validate="many_to_one")
    contacts["attended"] = contacts["is_attended"].map({True: "true", False: "false"})
    contacts["duplicate_of"] = original_of(contacts)
    return contacts.drop(columns=["is_attended", "is_duplicate"])


def original_of(contacts: pd.DataFrame) -> pd.Series:
    """Return for each duplicate another row of its incident that is none; missing for all other rows."""
    originals = contacts[~contacts["is_duplicate"]].drop_duplicates("incident_id").set_index("incident_id")["contact_id"]
    return contacts["incident_id"].map(originals).where(contacts["is_duplicate"])


def make_referrals(referral_facts: pd.DataFrame, persons: pd.DataFrame) -> pd.DataFrame:
    """Return the referrals of a pseudonymised set."""
    people = persons.loc[persons["client_id"].notna(), ["client_id", "person_id"]]
    referrals = referral_facts.merge(people, on="client_id", validate="many_to_one").drop(columns="client_id")
    return referrals.assign(accepted=referrals["accepted"].map({True: "true", False: "false"}))


MONTHS = """
    WITH months AS (SELECT unnest(generate_series(DATE '{first}', DATE '{last}', INTERVAL 1 MONTH))::DATE AS month),
    ends AS (
        SELECT person_id, min(from_on)::DATE AS ended_on FROM person_exits
        WHERE replace(lower(reason), '_', ' ') IN ('death', 'moved away') GROUP BY person_id
    ),
    counted AS (
        SELECT person_id, date_trunc('month', received_on)::DATE AS month, count(*) AS n_contacts, count(*) FILTER (is_caller) AS n_caller,
               count(*) FILTER (is_101) AS n_101, count(*) FILTER (is_999) AS n_999, count(*) FILTER (is_attended) AS n_attended
        FROM incidents LEFT JOIN ends USING (person_id) WHERE received_on < coalesce(ended_on, DATE '9999-12-31') GROUP BY ALL
    )
    SELECT person_id, CASE WHEN index_month IS NULL THEN 'never_referred' ELSE 'referred' END AS arm, is_engaged,
           strftime(index_month, '%Y-%m') AS index_month, strftime(month, '%Y-%m') AS month,
           greatest(0, date_diff('day', month, least(month + INTERVAL 1 MONTH, coalesce(ended_on, DATE '9999-12-31'))::DATE)) AS exposure_days,
           coalesce(n_contacts, 0) AS n_contacts, coalesce(n_caller, 0) AS n_caller, coalesce(n_101, 0) AS n_101,
           coalesce(n_999, 0) AS n_999, coalesce(n_attended, 0) AS n_attended, sex, birth_year, area
    FROM people CROSS JOIN months LEFT JOIN counted USING (person_id, month) LEFT JOIN ends USING (person_id)
    ORDER BY person_id, month
"""


def make_panel(links, contact_facts, persons, person_exits, referral_facts, study) -> pd.DataFrame:
    """Return a panel of calendar months: one row per person and month, everyone in the contact records, referred or not."""
    first = referral_facts.sort_values("referred_on").groupby("client_id", as_index=False).agg(referred_on=("referred_on", "min"), is_engaged=("first_contact_on", "count"))
    first = first.assign(index_month=first["referred_on"].dt.to_period("M").dt.to_timestamp(), is_engaged=first["is_engaged"] > 0)
    people = persons.merge(first[["client_id", "index_month", "is_engaged"]], on="client_id", how="left", validate="many_to_one")
    con = duckdb.connect()
    con.register("people", people[["person_id", "index_month", "is_engaged", "sex", "birth_year", "area"]].astype({"is_engaged": "boolean", "sex": "str", "area": "str"}))
    con.register("person_exits", person_exits.astype({"reason": "str"}))
    con.register("incidents", incidents_of_people(links, contact_facts))
    first_month, last_month = (day.replace(day=1) for day in (study.contacts_from, study.contacts_to))
    return con.sql(MONTHS.format(first=first_month, last=last_month)).df()


def write_examples() -> None:
    """Write both examples and print how to enter with each. Raises InputError where the demonstration has not run."""
    study = check_params(load_sections("study")).study
    links, persons, person_exits = (read_table(name) for name in ("links", "persons", "person_exits"))
    contact_facts, referral_facts = read_table("contact_facts"), read_table("referral_facts")
    if contact_facts.empty:
        raise InputError("Table contact_facts: has no rows, so the last run was of a ready panel. Run the demonstration first.")
    exits = person_exits.assign(reason=person_exits["reason"].astype("str"))
    written = [
        write_set("pseudonymised_example", referrals=make_referrals(referral_facts, persons), contacts=make_contacts(contact_facts, links, persons), exits=exits, mentors=read_table("mentors")),
        write_set("panel_example", panel=make_panel(links, contact_facts, persons, person_exits, referral_facts, study)),
    ]
    for folder in written:
        print(f"{folder.relative_to(project_root()).as_posix()}: set extracts.folder to it, and extracts.kind to {folder.name.removesuffix('_example')}.")


def main() -> int:
    """Write both examples and return the exit code, 1 after telling what is missing."""
    return run_command(write_examples)


if __name__ == "__main__":
    sys.exit(main())
