"""The demonstration against its truth: what a simulated set allows and a real one never does.

The only method module that is given truth frames: who every contact belongs to, and each person's contacts in the
12 months after time zero with and without the scheme (paired potential outcomes). Where the truth is empty, as for
real extracts, every function returns its table empty. Builds on pipeline.link_quality (precision and recall) and
pipeline.wording (which finds rows).
"""

import duckdb
import numpy as np
import pandas as pd

from pipeline.link_quality import describe_patterns, truth_quality
from pipeline.wording import find_claim, find_effect

COLUMNS = ["quantity", "unit", "truth", "estimate", "ci_low", "ci_high", "covers"]


def true_effects(person_outcomes: pd.DataFrame) -> dict[str, float]:
    """Return the true ratios of contacts with to without the scheme: engaging, being referred, and the scheme on the claim.

    The first two are of people with a trigger, the third, `claim_averted`, counts contacts averted in the claim cohort.
    """
    triggered = person_outcomes[person_outcomes["is_triggered"]]
    engaged, claim = triggered[triggered["is_engaged"]], person_outcomes[person_outcomes["in_claim"]]
    return {
        "engaged": engaged["n_after_with"].sum() / engaged["n_after_without"].sum(),
        "referral": triggered["n_after_with"].sum() / triggered["n_after_without"].sum(),
        "claim_averted": float((claim["n_after_without"] - claim["n_after_with"]).sum()),
    }


def true_claim(contact_facts: pd.DataFrame, contact_persons: pd.DataFrame, person_outcomes: pd.DataFrame, months: int) -> dict[str, float]:
    """Return the claim's figures counted on the true links, `months` before and after: n_before, n_after, none, few, clients.

    Incidents count once per person, duplicates not at all; `none` and `few` are shares of clients who called never, and
    once or twice, in the caller role.
    """
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    for name, table in (("contact_facts", contact_facts), ("contact_persons", contact_persons), ("person_outcomes", person_outcomes)):
        connection.register(name, table)
    query = f"""
        WITH clients AS (SELECT true_person_id, CAST(index_on AS DATE) AS index_on FROM person_outcomes WHERE in_claim),
        near AS (
            SELECT client.true_person_id, incident_id, role = 'caller' AS is_caller, CAST(received_at AS DATE) < index_on AS is_before
            FROM contact_facts
            JOIN contact_persons USING (contact_id)
            JOIN clients AS client USING (true_person_id)
            WHERE NOT is_duplicate AND CAST(received_at AS DATE) <> index_on
              AND CAST(received_at AS DATE) >= index_on - INTERVAL {int(months)} MONTH AND CAST(received_at AS DATE) <= index_on + INTERVAL {int(months)} MONTH
        )
        SELECT clients.true_person_id, count(DISTINCT incident_id) FILTER (is_before) AS n_before,
               count(DISTINCT incident_id) FILTER (NOT is_before) AS n_after, count(DISTINCT incident_id) FILTER (NOT is_before AND is_caller) AS n_called
        FROM clients LEFT JOIN near USING (true_person_id) GROUP BY ALL ORDER BY ALL
    """
    people = connection.sql(query).df()
    return {
        "n_before": float(people["n_before"].sum()),
        "n_after": float(people["n_after"].sum()),
        "none": 100 * float(people["n_called"].eq(0).mean()),
        "few": 100 * float(people["n_called"].between(1, 2).mean()),
        "clients": float(len(people)),
    }


def compare_with_truth(
    person_outcomes: pd.DataFrame, contact_persons: pd.DataFrame, contact_facts: pd.DataFrame, effects: pd.DataFrame, claims: pd.DataFrame, decomposition: pd.DataFrame, months: int
) -> pd.DataFrame:
    """Return quantity, unit (ratio, percent, points, people), truth, estimate, ci_low, ci_high, covers (NA without an interval).

    `effects`, `claims` and `decomposition` are what this run found, controlled or not; `months` is the claim's period.
    """
    if person_outcomes.empty:
        return pd.DataFrame(columns=COLUMNS)
    effect, claim = true_effects(person_outcomes), true_claim(contact_facts, contact_persons, person_outcomes, months)
    fall = 100 * (1 - claim["n_after"] / claim["n_before"])
    scheme, linkage = (decomposition[decomposition["part"].str.contains(part)] for part in ("scheme", "linkage"))
    searched = decomposition.loc[decomposition["part"].eq("naive fall"), "percentage_points"].sum()
    rows = [
        ratio_row("Effect of engaging with the scheme", effect["engaged"], find_effect(effects, "complier", "engaged")),
        ratio_row("Effect of being referred", effect["referral"], find_effect(effects, "sequential_trials", "referral")),
        *[points_row("The scheme's part of the published fall", 100 * effect["claim_averted"] / claim["n_before"], row) for _, row in scheme.iterrows()],
        # The truth of linkage's part: what the search by the register counts beyond the true links.
        *[points_row("Linkage's part of the published fall", searched - fall, row) for _, row in linkage.iterrows()],
        plain_row("Fall before to after, as published", "percent", fall, find_claim(claims, "fall in demand", "reproduced")),
        plain_row("Did not call", "percent", claim["none"], find_claim(claims, "did not call", "reproduced")),
        plain_row("Called once or twice", "percent", claim["few"], find_claim(claims, "called once or twice", "reproduced")),
        plain_row("Clients of the claim", "people", claim["clients"], find_claim(claims, "clients", "reproduced")),
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(covers=table["covers"].astype("boolean")).round(4)


def ratio_row(quantity: str, truth: float, row: pd.Series | None) -> dict:
    """Return a row on a ratio whose estimate is a log ratio."""
    if row is None:
        return plain_row(quantity, "ratio", truth, float("nan"))
    low, high = np.exp(row["ci_low"]), np.exp(row["ci_high"])
    return {"quantity": quantity, "unit": "ratio", "truth": truth, "estimate": np.exp(row["estimate"]), "ci_low": low, "ci_high": high, "covers": low <= truth <= high}


def points_row(quantity: str, truth: float, row: pd.Series) -> dict:
    """Return a row on a part of the decomposition, in percentage points."""
    low, high = row["ci_low"], row["ci_high"]
    return {"quantity": quantity, "unit": "points", "truth": truth, "estimate": row["percentage_points"], "ci_low": low, "ci_high": high, "covers": low <= truth <= high}


def plain_row(quantity: str, unit: str, truth: float, estimate: float) -> dict:
    """Return a row without an interval."""
    return {"quantity": quantity, "unit": unit, "truth": truth, "estimate": estimate, "ci_low": np.nan, "ci_high": np.nan, "covers": pd.NA}


def compare_links_with_truth(links, persons, contacts, contact_facts, referral_facts, contact_persons, client_persons) -> pd.DataFrame:
    """Return pipeline.link_quality.truth_quality of these links; its columns without rows where the truth is empty."""
    if contact_persons.empty:
        return pd.DataFrame(columns=["measure", "arm", "period", "pattern", "value", "ci_low", "ci_high", "n"])
    return truth_quality(links, persons, contact_facts, referral_facts, contact_persons, client_persons, describe_patterns(contacts))
