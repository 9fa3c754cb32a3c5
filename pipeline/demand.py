"""Demand: what counts as a contact of a person."""

import duckdb
import pandas as pd

from pipeline.errors import InputError

INCIDENTS = """
    SELECT person_id,
           coalesce(incident_id, contact_id) AS incident_id,
           min(received_at)::DATE AS received_on,
           bool_or(role = 'caller') AS is_caller,
           bool_or(role = 'subject') AS is_subject,
           bool_or(role = 'victim') AS is_victim,
           bool_or(channel = '101') AS is_101,
           bool_or(channel = '999') AS is_999,
           bool_or(is_attended) AS is_attended,
           max(coalesce(officer_minutes, 0)) AS officer_minutes
    FROM contact_facts JOIN links USING (contact_id)
    WHERE NOT coalesce(is_duplicate, FALSE) AND coalesce(lower(service), 'police') = 'police'
    GROUP BY ALL
    ORDER BY person_id, received_on, incident_id
"""
FLAGS = ["is_caller", "is_subject", "is_victim", "is_101", "is_999", "is_attended"]


def incidents_of_people(links: pd.DataFrame, contact_facts: pd.DataFrame) -> pd.DataFrame:
    """Return one row per person and police incident that the person had any part in, duplicates left out.

    person_id, incident_id, received_on (day of the person's first call about it), is_caller, is_subject, is_victim,
    is_101, is_999, is_attended (true where any of the person's rows of the incident says so) and officer_minutes
    (the longest of these rows: they repeat one response, they do not add up). Sorted by person and day.
    Raises InputError when a contact is linked to more than one person.
    """
    if not links["contact_id"].is_unique:
        raise InputError("Table links, contact_id: some contacts are linked more than once. Each contact belongs to one person: run the linkage again.")
    con = duckdb.connect()
    con.register("links", links[["contact_id", "person_id"]])
    con.register("contact_facts", contact_facts)
    incidents = con.sql(INCIDENTS).df()
    incidents[FLAGS] = incidents[FLAGS].fillna(False).astype(bool)
    return incidents
