"""Hand-made tables for the tests of cohort, panel, attrition and weighting, each from a few words per row."""

from datetime import date
from functools import cache
from types import SimpleNamespace

import pandas as pd

from pipeline.cohort import build_cohort
from pipeline.simulation import simulate_demand, true_tables

STUDY = SimpleNamespace(contacts_from="2014-01-01", contacts_to="2022-04-30", referrals_from="2016-01-01", referrals_to="2021-04-30")
CLAIM = SimpleNamespace(referred_from="2017-01-01", complete_by="2021-04-30", months=12)


def panel_settings(**changes) -> SimpleNamespace:
    """Return the plan's panel settings with some of them changed, for cohorts of any size."""
    plan = {
        "months_before": 24, "months_after": 12, "washout_days": 0, "trigger_months": 3, "needs_recent_contact": True, "lag_edges": [1, 3, 6, 12, 24], "last_days": 7,
        "comparisons_per_month": 2000, "minimum_cohort": 1, "minimum_observed": 0.5, "seed": 1,
    }
    return SimpleNamespace(**(plan | changes))


def contact_tables(*rows) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return links and contact_facts; a row is (person, day) or (person, day, what differs from a plain 101 call)."""
    plain = {"service": "police", "channel": "101", "role": "caller", "is_attended": False, "officer_minutes": 10.0, "is_duplicate": False}
    contacts = []
    for number, (person, day, *changes) in enumerate(rows):
        contacts.append({
            "contact_id": f"c{number:05}", "incident_id": f"i{number:05}", "received_at": pd.Timestamp(day) + pd.Timedelta(hours=9),
            "person_id": person, "match_probability": 1.0,
        } | plain | (changes[0] if changes else {}))
    table = pd.DataFrame(contacts)
    return table[["contact_id", "person_id", "match_probability"]], table.drop(columns=["person_id", "match_probability"])


def referral_table(*rows) -> pd.DataFrame:
    """Return referral_facts; a row is (client, referred on, accepted, first contact on or None)."""
    return pd.DataFrame({
        "referral_id": [f"r{number}" for number in range(len(rows))],
        "client_id": [row[0] for row in rows],
        "referred_on": pd.to_datetime([row[1] for row in rows]),
        "referral_source": "gp", "primary_need": "loneliness",
        "accepted": [row[2] for row in rows],
        "first_contact_on": pd.to_datetime([row[3] for row in rows]),
    })


def person_table(people: dict) -> pd.DataFrame:
    """Return persons; `people` maps a person to their client_id or None."""
    return pd.DataFrame({
        "person_id": list(people), "client_id": pd.array(list(people.values()), dtype="string"), "sex": "F",
        "birth_year": pd.array([1980] * len(people), dtype="Int64"), "area": "DH1",
    })


def exit_table(*rows) -> pd.DataFrame:
    """Return person_exits; a row is (person, from, to or None, reason)."""
    return pd.DataFrame({
        "person_id": pd.Series([row[0] for row in rows], dtype="str"),
        "from_on": pd.to_datetime(pd.Series([row[1] for row in rows], dtype="str")),
        "to_on": pd.to_datetime(pd.Series([row[2] for row in rows], dtype="str")),
        "reason": pd.Series([row[3] for row in rows], dtype="str"),
    })


@cache
def simulated_world() -> tuple[dict, dict]:
    """Return a small simulated force and the tables that a perfect linkage would make of it."""
    world = simulate_demand(25000, 4, 0.55, with_dates(STUDY), with_dates(CLAIM))
    return world, true_tables(world)


def with_dates(settings: SimpleNamespace) -> SimpleNamespace:
    """Return settings with their ISO texts as dates."""
    return SimpleNamespace(**{name: value if isinstance(value, int) else date.fromisoformat(value) for name, value in vars(settings).items()})


def cohort_of_world(tables: dict, **settings) -> pd.DataFrame:
    """Return the cohort of a simulated force's tables under the plan's settings, some of them changed."""
    names = ["links", "persons", "person_exits", "contact_facts", "referral_facts"]
    return build_cohort(*[tables[name] for name in names], STUDY, CLAIM, panel_settings(**settings))
