"""Officer hours averted, before any pound is put on them.

Hours come from the controlled estimate: what was counted after time zero and what would have been counted without the
scheme, ratio by ratio. There is no deadweight to take off, because the comparison people already show what would have
happened anyway. Everything is worked out from controlled tables, so that a reader can do it again.
Builds on pipeline.estimates (which rows hold an estimate).
"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from pipeline.estimates import is_estimated

# By estimand: the estimator, and the flow and stage of the table attrition that count its people.
DESIGNS = {"referral": ("sequential_trials", "analysis", "analysed"), "engaged": ("complier", "uptake", "engaged")}
RECORDED, TYPICAL = "recorded", "typical"
COLUMNS = [
    "estimand", "basis", "n_people", "estimate", "std_error", "ci_low", "ci_high", "hours_after", "n_averted", "hours_averted", "hours_averted_low", "hours_averted_high",
    "per_100", "per_100_low", "per_100_high", "includes_linkage", "status",
]  # fmt: skip
PUBLISHED_COLUMNS = ["study", "is_published", "n_clients", "hours", "hours_per_client", "contacts_per_client", "hours_per_contact", "pounds_per_hour", "says", "source"]


def count_hours(effects: pd.DataFrame, attrition: pd.DataFrame, typical_hours: float) -> pd.DataFrame:
    """Return `officer_hours` (COLUMNS), one row for everyone referred and one for the engaged, from controlled tables.

    hours_averted is hours_after × (1 ÷ ratio − 1), per_100 the same for every 100 people. The basis is `recorded` where
    officer minutes are an outcome; else `typical`: contacts averted × `typical_hours` per contact. n_averted are
    contacts; includes_linkage says whether the interval holds doubt about the links. A row that holds no hours says why in `status`. Where the ratio has no upper bound, hours_averted_low is
    everything that was counted, with a minus.
    """
    return pd.DataFrame([count_row(effects, attrition, estimand, typical_hours) for estimand in DESIGNS], columns=COLUMNS)


def count_row(effects: pd.DataFrame, attrition: pd.DataFrame, estimand: str, typical_hours: float) -> dict:
    """Return the row of `officer_hours` of an estimand."""
    estimator, *place = DESIGNS[estimand]
    row = dict.fromkeys(COLUMNS, np.nan) | {"estimand": estimand, "basis": RECORDED, "includes_linkage": False, "n_people": find_people(attrition, *place)}
    rows = effects[effects["estimator"].eq(estimator) & effects["estimand"].eq(estimand)].set_index("outcome")
    contacts = rows.loc["n_contacts"] if "n_contacts" in rows.index and is_estimated(rows.loc[["n_contacts"]]).all() else None
    row["n_averted"] = np.nan if contacts is None else contacts["n_averted"]
    minutes = rows.loc["officer_minutes"] if "officer_minutes" in rows.index else None
    if minutes is not None and str(minutes["status"]).startswith("estimated"):
        return row | put_hours(minutes, minutes["n_counted"] / 60 if pd.notna(minutes["n_counted"]) else np.nan, row["n_people"])
    if contacts is None:
        return row | {"status": "not estimable: this effect could not be had from these extracts" if minutes is None else str(minutes["status"])}
    if np.isnan(typical_hours):
        return row | {"status": "not recorded: the extracts hold no officer minutes, and no types of contact from which to take typical ones"}
    return row | {"basis": TYPICAL} | put_hours(contacts, contacts["n_counted"] * typical_hours if pd.notna(contacts["n_counted"]) else np.nan, row["n_people"])


def put_hours(effect: pd.Series, hours_after: float, n_people: float) -> dict:
    """Return the hours of an estimate whose treated took `hours_after` after time zero; a suppressed count leaves none."""
    if pd.isna(hours_after) or pd.isna(n_people):
        return {"status": "suppressed: too few people or contacts to publish"}
    logs = {name: float(effect[name]) for name in ("estimate", "std_error", "ci_low", "ci_high")}
    averted = {end: float(hours_after * np.expm1(-logs[log])) for end, log in (("", "estimate"), ("_low", "ci_high"), ("_high", "ci_low"))}
    found = {f"hours_averted{end}": value for end, value in averted.items()} | {f"per_100{end}": 100 * value / n_people for end, value in averted.items()}
    return logs | found | {"hours_after": float(hours_after), "includes_linkage": bool(effect.get("includes_linkage", False)), "status": str(effect["status"])}


def find_people(attrition: pd.DataFrame, flow: str, stage: str) -> float:
    """Return how many people are left at a stage of a flow; NaN where that is suppressed or unknown."""
    rows = attrition.loc[attrition["flow"].eq(flow) & attrition["stage"].eq(stage), "n_people"]
    return float(rows.iloc[0]) if len(rows) and pd.notna(rows.iloc[0]) else np.nan


def fit_published_counts(zero_share: float, low_share: float) -> tuple[float, float]:
    """Return mean and shape of the negative binomial with `zero_share` of people at nought and `low_share` at one or two.

    With variance m + m² ÷ k: P(0) = (k ÷ (k + m))^k gives m for every shape k, and P(1) + P(2) then gives k. NaN where no
    shape between 0.05 and 50 fits.
    """
    def mean_of(shape: float) -> float:
        return shape * (zero_share ** (-1 / shape) - 1)

    def excess(shape: float) -> float:
        odds = mean_of(shape) / (shape + mean_of(shape))
        return zero_share * (shape * odds + shape * (shape + 1) / 2 * odds**2) - low_share

    low, high = 0.05, 50.0
    if not (0 < zero_share < 1 and excess(low) * excess(high) < 0):
        return np.nan, np.nan
    shape = brentq(excess, low, high)
    return float(mean_of(shape)), float(shape)


def published_contacts_before(claims: pd.DataFrame) -> float:
    """Return contacts per client before referral that the published figures imply: the mean after ÷ (1 − the fall); NaN where they say too little."""
    published = claims.set_index("claim")["published"].astype(float) / 100
    shares = [published.get(name, np.nan) for name in ("did not call", "called once or twice", "fall in demand")]
    if np.isnan(shares).any() or not 0 <= shares[2] < 1:
        return np.nan
    return fit_published_counts(*shares[:2])[0] / (1 - shares[2])


def compare_published_hours(published_hours: pd.DataFrame, claims: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Return `published_hours` (PUBLISHED_COLUMNS): what was published per client and per contact, and what these extracts hold.

    Per contact is per contact before referral that the published figures imply (pipeline.claims). The last row is this
    run's: officer hours of the published claim's clients in the months before referral, from the before-and-after rows
    of the controlled `effects` (counted after, plus the fall); it is left out where no minutes are recorded.
    """
    before = published_contacts_before(claims)
    rows = published_hours.assign(is_published=True, contacts_per_client=before)
    own = rows.iloc[:0] if effects.empty else own_hours(claims, effects)
    table = pd.concat([rows, own], ignore_index=True) if len(own) else rows
    table = table.assign(hours_per_client=table["hours"] / table["n_clients"], pounds_per_hour=table["pounds"] / table["hours"])
    table = table.assign(hours_per_contact=table["hours_per_client"] / table["contacts_per_client"])
    return table[PUBLISHED_COLUMNS].round({"hours": 0, "contacts_per_client": 2, "hours_per_client": 1, "hours_per_contact": 2, "pounds_per_hour": 1})


def own_hours(claims: pd.DataFrame, effects: pd.DataFrame) -> pd.DataFrame:
    """Return the row of these extracts for compare_published_hours; no row where clients or minutes are not counted."""
    naive = effects[effects["estimator"].eq("naive")].dropna(subset=["n_counted", "n_averted"]).set_index("outcome")
    before = (naive["n_counted"] + naive["n_averted"]).astype(float)
    clients = claims.set_index("claim")["reproduced"].astype(float).get("clients", np.nan)
    if not (before.get("n_contacts", 0) > 0 and before.get("officer_minutes", 0) > 0 and clients > 0):
        return pd.DataFrame()
    row = {"study": "These extracts: clients of the published claim, before referral", "n_clients": clients, "hours": before["officer_minutes"] / 60, "pounds": np.nan, "says": "officer minutes as recorded", "source": "Tables claims and effects of this run"}
    return pd.DataFrame([row | {"is_published": False, "contacts_per_client": before["n_contacts"] / clients}])
