"""Officer hours worked out again from the controlled tables: averted, and as published. Needs pandas only; builds on pipeline.verify_derived."""

import math

import numpy as np
import pandas as pd

from pipeline.verify_derived import Findings, Tables, compare, digits_of, gather

ENDS = {"": "estimate", "_low": "ci_high", "_high": "ci_low"}
DESIGNS = [("sequential_trials", "referral"), ("complier", "engaged")]
# Between these the shape of a negative binomial is looked for.
SHAPES = (0.05, 50.0)


def verify_hours(tables: Tables, reference: Tables) -> list[Findings]:
    """Return what was worked out again: name, numbers checked, failures in words; `reference` are the lookups of the project."""
    return [check_hours(tables), check_published(tables, reference)]


def check_hours(tables: Tables) -> Findings:
    """Hours averted: what was counted after time zero, times 1 / ratio - 1, and the same for every 100 people."""
    if not {"officer_hours", "effects"} <= tables.keys():
        return gather("officer hours averted")
    table, effects, parts = tables["officer_hours"], tables["effects"], []
    designs = pd.Series(list(zip(effects["estimator"], effects["estimand"])), index=effects.index, dtype=object)
    minutes = effects[effects["outcome"].eq("officer_minutes") & designs.isin(DESIGNS)].groupby("estimand")["n_counted"].first().astype(float)
    recorded = table["hours_after"].where(table["basis"].eq("recorded"))
    parts.append(compare("hours_after", "officer_hours", recorded, table["estimand"].map(minutes) / 60, digits_of(table["hours_after"])))
    half = digits_of(table["estimate"], table["ci_low"], table["ci_high"])
    for end, log in ENDS.items():
        inverse = np.exp(-table[log].astype(float))
        slack = digits_of(table[f"hours_averted{end}"]) + table["hours_after"] * inverse * half + digits_of(table["hours_after"]) * (inverse - 1).abs()
        parts.append(compare(f"hours_averted{end}", "officer_hours", table[f"hours_averted{end}"], table["hours_after"] * (inverse - 1), slack))
        again = 100 * table[f"hours_averted{end}"] / table["n_people"]
        parts.append(compare(f"per_100{end}", "officer_hours", table[f"per_100{end}"], again, digits_of(table[f"per_100{end}"]) + 100 * digits_of(table[f"hours_averted{end}"]) / table["n_people"]))
    return gather("officer hours averted", *parts)


def check_published(tables: Tables, reference: Tables) -> Findings:
    """Hours per client and contact of the publications, and of the claim's clients on these extracts."""
    name = "officer hours as published"
    if not {"published_hours", "claims", "effects"} <= tables.keys():
        return gather(name)
    table, claims = tables["published_hours"], tables["claims"].set_index("claim")
    is_published = table["is_published"].astype(str).eq("True")
    naive = tables["effects"][tables["effects"]["estimator"].eq("naive")].groupby("outcome")[["n_counted", "n_averted"]].first()
    before = naive["n_counted"].astype(float) + naive["n_averted"].astype(float)
    own = {"n_clients": claims["reproduced"].get("clients", math.nan), "hours": before.get("officer_minutes", math.nan) / 60}
    own["contacts_per_client"] = before.get("n_contacts", math.nan) / own["n_clients"]
    implied = fit_contacts(claims["published"].astype(float) / 100)
    cited = reference.get("published_hours", pd.DataFrame(columns=["study", "n_clients", "hours", "pounds"])).set_index("study")
    parts = []
    for column in ("n_clients", "hours"):
        expected = table["study"].map(cited[column].astype(float)).where(is_published, own[column])
        parts.append(compare(column, "published_hours", table[column], expected, 0.5))
    contacts = pd.Series(implied, table.index).where(is_published, own["contacts_per_client"])
    per_client = table["hours"] / table["n_clients"]
    pounds = table["study"].map(cited["pounds"].astype(float)) / table["hours"]
    for column, expected, slack in (
        ("contacts_per_client", contacts, 0.005), ("hours_per_client", per_client, 0.05 + 0.5 / table["n_clients"]),
        ("hours_per_contact", per_client / contacts, 0.005 + 0.5 / table["n_clients"] / contacts), ("pounds_per_hour", pounds, 0.05),
    ):  # fmt: skip
        parts.append(compare(column, "published_hours", table[column], expected, slack))
    return gather(name, *parts)


def fit_contacts(published: pd.Series) -> float:
    """Return contacts per client before referral that the published shares imply, after referral a negative binomial with the shares at nought and at one or two; NaN where none fits."""
    zero, few, fall = (published.get(name, math.nan) for name in ("did not call", "called once or twice", "fall in demand"))

    def describe(shape: float) -> tuple[float, float]:
        mean = shape * (zero ** (-1 / shape) - 1)
        odds = mean / (shape + mean)
        return mean, zero * (shape * odds + shape * (shape + 1) / 2 * odds**2) - few

    low, high = SHAPES
    if not (0 < zero < 1 and fall < 1 and describe(low)[1] * describe(high)[1] < 0):
        return math.nan
    sign = np.sign(describe(low)[1])
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if np.sign(describe(middle)[1]) == sign else (low, middle)
    return describe(low)[0] / (1 - fall)
