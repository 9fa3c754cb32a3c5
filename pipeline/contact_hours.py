"""Officer time per contact: as the extracts record it, and as the lookup of contact types would have it.

A contact is an incident of a person, duplicates left out, as everywhere in the project; its officer minutes are the
longest of the person's rows, because they repeat one response. Builds on pipeline.disclosure.
"""

import duckdb
import numpy as np
import pandas as pd

from pipeline.disclosure import control_percent, control_table

EVERYONE, REFERRED = "everyone", "referred, year before"
COUNTS = ["n_people", "n_contacts", "n_attended", "n_timed"]
COLUMNS = ["people", "grouping", "level", *COUNTS, "hours_per_contact", "typical_hours_per_contact"]
INCIDENTS = """
    SELECT person_id,
           min(received_at)::DATE AS received_on,
           arg_min(channel, received_at) AS channel,
           arg_min(category, received_at) AS type,
           bool_or(coalesce(is_attended, FALSE)) AS is_attended,
           max(officer_minutes) AS officer_minutes,
           max(CASE WHEN is_attended THEN officer_minutes_typical ELSE 0 END) AS typical_minutes
    FROM contact_facts JOIN links USING (contact_id)
    LEFT JOIN contact_types ON code = coalesce(closing_code, opening_code)
    WHERE NOT coalesce(is_duplicate, FALSE) AND coalesce(lower(service), 'police') = 'police'
    GROUP BY person_id, coalesce(incident_id, contact_id)
"""
GROUPED = """
    SELECT people, grouping_name AS grouping, level,
           count(DISTINCT person_id) AS n_people, count(*) AS n_contacts,
           count(*) FILTER (is_attended) AS n_attended, count(officer_minutes) AS n_timed,
           CASE WHEN count(officer_minutes) > 0 THEN sum(officer_minutes::DECIMAL(12, 2))::DOUBLE / 60 / count(*) END AS hours_per_contact,
           CASE WHEN count(typical_minutes) > 0 THEN avg(typical_minutes::DECIMAL(12, 2))::DOUBLE / 60 END AS typical_hours_per_contact
    FROM placed, LATERAL (VALUES ('all', 'all'), ('channel', channel), ('type', type)) AS levels (grouping_name, level)
    WHERE level IS NOT NULL
    GROUP BY ALL
    ORDER BY ALL
"""


def measure_contact_hours(contact_facts: pd.DataFrame, links: pd.DataFrame, cohort: pd.DataFrame, contact_types: pd.DataFrame, days: int = 365) -> pd.DataFrame:
    """Return `contact_hours` (COLUMNS): officer hours per contact by people, channel and type of contact.

    `people` is everyone in the extracts, or the referred in the `days` before time zero. hours_per_contact is what was
    recorded, blank minutes counting as none as in the outcome officer_minutes, NaN where nothing was recorded; n_timed
    says for how many contacts minutes are on record. typical_hours_per_contact takes the minutes of `contact_types`
    (data/reference/contact_types.csv) for attended contacts and none for others. No rows where there are no contacts.
    """
    if contact_facts.empty or links.empty:
        return pd.DataFrame({name: pd.Series(dtype="str" if name in COLUMNS[:3] else "int64" if name in COUNTS else float) for name in COLUMNS})
    con = duckdb.connect()
    con.register("contact_facts", contact_facts)
    con.register("links", links[["contact_id", "person_id"]])
    con.register("contact_types", contact_types)
    con.register("referred", cohort.loc[cohort["arm"].eq("referred") & cohort["is_triggered"], ["person_id", "index_on"]].drop_duplicates("person_id"))
    con.execute(f"CREATE TEMP TABLE incidents AS {INCIDENTS}")
    con.execute(f"""
        CREATE TEMP TABLE placed AS
        SELECT '{EVERYONE}' AS people, * FROM incidents
        UNION ALL
        SELECT '{REFERRED}', incidents.* FROM incidents JOIN referred USING (person_id)
        WHERE received_on < index_on AND received_on >= index_on - {int(days)} * INTERVAL 1 DAY
    """)
    return con.sql(GROUPED).df()[COLUMNS]


def control_contact_hours(contact_hours: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `contact_hours` fit for publication: counts rounded or suppressed, shares from rounded counts.

    percent_attended and percent_timed take the place of their counts; a level of few people or few contacts loses its
    hours too, and where one level of a grouping is suppressed the next smallest goes with it.
    """
    controlled = control_table(contact_hours, threshold, rounding, counts=["n_people", "n_contacts"], within=["people", "grouping"], blank=["hours_per_contact", "typical_hours_per_contact"])
    is_hidden = controlled[["n_people", "n_contacts"]].isna().any(axis=1)
    for name in ("n_people", "n_contacts"):
        controlled[name] = controlled[name].mask(is_hidden)
    for name, count in (("percent_attended", "n_attended"), ("percent_timed", "n_timed")):
        shares = [control_percent(100 * part / whole, whole, threshold, rounding) for part, whole in zip(contact_hours[count], contact_hours["n_contacts"])]
        controlled[name] = pd.Series(shares, index=controlled.index, dtype=float).mask(is_hidden).round(1)
    return controlled.drop(columns=["n_attended", "n_timed"]).round({"hours_per_contact": 2, "typical_hours_per_contact": 2})


def find_hours(contact_hours: pd.DataFrame, column: str, people: str = REFERRED) -> float:
    """Return `column` of the row of all contacts of `people`; NaN where there is none."""
    rows = contact_hours.loc[contact_hours["people"].eq(people) & contact_hours["grouping"].eq("all"), column] if len(contact_hours) else []
    return float(rows.iloc[0]) if len(rows) and pd.notna(rows.iloc[0]) else np.nan
