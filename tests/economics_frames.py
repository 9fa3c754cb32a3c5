"""Made-up tables for the tests of the economics, round enough to work out on paper."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from pipeline.contact_hours import COLUMNS as CONTACT_HOURS
from pipeline.economics import work_out_economics
from pipeline.estimates import describe_change
from pipeline.params import check_params
from pipeline.prices import KINDS

HALF = float(np.log(0.5))
DEFLATORS = pd.DataFrame({"year": [2016, 2020, 2022], "index": [80.0, 96.0, 100.0], "source": "made up"})
NOTHING_GIVEN = dict(
    price_year=2022, discount_rate=0.035, horizon_years=1, horizon_tried=3, kept_each_year=0.5, optimism_benefits=0.0, optimism_costs=0.0, draws=20_000, seed=1,
    **{f"{item}_{what}": [] if what == "a_year" else "" for item in ("staff", "contracts", "other_costs", "volunteers") for what in ("a_year", "source")},
)  # fmt: skip


def economics(**changes):
    """Return the section economics of params.yaml, checked, with nothing given but `changes`."""
    return check_params({"economics": NOTHING_GIVEN | changes}).economics


def parameters(**changes) -> SimpleNamespace:
    """Return the parameters that the economics read: two whole years of referrals, 12 months, 95 %."""
    study = SimpleNamespace(referrals_from=pd.Timestamp("2018-01-01").date(), referrals_to=pd.Timestamp("2019-12-31").date())
    return SimpleNamespace(
        economics=economics(**changes), study=study, panel=SimpleNamespace(months_after=12), effect=SimpleNamespace(confidence=0.95),
        disclosure=SimpleNamespace(threshold=10, rounding=5), claim=SimpleNamespace(months=12),
    )  # fmt: skip


def effects(estimate: float = HALF, std_error: float = 0.1, minutes: float = 6000.0, contacts: float = 100.0, **changes) -> pd.DataFrame:
    """Return controlled effects on contacts and officer minutes, of the referred and of the engaged, with normal intervals; and the naive rows.

    `changes` overwrite columns of the rows of officer minutes.
    """
    designs = [("not_yet_referred", "sequential_trials", "referral"), ("not_yet_referred", "complier", "engaged")]
    rows = [(outcome, *design, estimate, std_error, counted) for outcome, counted in (("n_contacts", contacts), ("officer_minutes", minutes)) for design in designs]
    rows += [("n_contacts", "none", "naive", "before_after", np.log(0.2), 0.1, 200.0), ("officer_minutes", "none", "naive", "before_after", np.log(0.2), 0.1, 12_000.0)]
    table = pd.DataFrame(rows, columns=["outcome", "comparison", "estimator", "estimand", "estimate", "std_error", "n_counted"]).assign(status="estimated")
    table = table.assign(ci_low=table["estimate"] - 1.959964 * table["std_error"], ci_high=table["estimate"] + 1.959964 * table["std_error"])
    is_minutes = table["outcome"].eq("officer_minutes") & table["estimator"].ne("naive")
    for name, value in changes.items():
        table.loc[is_minutes, name] = value
    return describe_change(table, table["n_counted"])


def attrition() -> pd.DataFrame:
    """Return 500 referrals of 400 people, 200 of them analysed and 50 engaged."""
    rows = [("analysis", "referred", 500, 400), ("analysis", "analysed", 250, 200), ("uptake", "analysed", 250, 200), ("uptake", "engaged", 60, 50)]
    return pd.DataFrame(rows, columns=["flow", "stage", "n_referrals", "n_people"]).astype({"n_referrals": "Int64", "n_people": "Int64"})


def claims() -> pd.DataFrame:
    """Return the published figures; 40 clients on these extracts."""
    rows = [("fall in demand", 81.0, 80.0), ("did not call", 50.0, 50.0), ("called once or twice", 22.0, 22.0), ("clients", 397.0, 40.0)]
    return pd.DataFrame(rows, columns=["claim", "published", "reproduced"])


def contact_hours(hours: float = 1.5, typical: float = 2.0, percent_timed: float = 80.0) -> pd.DataFrame:
    """Return controlled hours per contact of the referred and of everyone, all contacts and two channels."""
    rows = [(people, grouping, level, 150, 900, hours, typical, 50.0, percent_timed) for people in ("referred, year before", "everyone") for grouping, level in (("all", "all"), ("channel", "101"), ("channel", "999"))]
    columns = [name for name in CONTACT_HOURS if name not in ("n_attended", "n_timed")] + ["percent_attended", "percent_timed"]
    return pd.DataFrame(rows, columns=columns)


def costs(year: int = 2022, **ranges) -> pd.DataFrame:
    """Return priced costs from item=(value, low, high), all in the report's prices."""
    given = ranges or {"officer_hour": (40.0, 30.0, 60.0), "staff": (1_000.0, 800.0, 1_200.0)}
    rows = [(item, KINDS[item], "an hour", *ends, year, "The force's accounts", False, *ends) for item, ends in given.items()]
    return pd.DataFrame(rows, columns=["item", "kind", "unit", "value", "low", "high", "price_year", "source", "is_illustration", "priced_value", "priced_low", "priced_high"])


def published_hours() -> pd.DataFrame:
    """Return one publication of 40,000 hours of 110 clients, valued at a million pounds."""
    return pd.DataFrame([{"study": "Analysis of 110 clients", "n_clients": 110, "hours": 40_000, "pounds": 1_000_000.0, "says": "around 40,000 hours", "source": "A page"}])


def tables(**given) -> dict:
    """Return every controlled table of the economics by name; `given` take the place of the made-up ones they are worked out from."""
    inputs = {"effects": effects(), "attrition": attrition(), "claims": claims(), "contact_hours": contact_hours(), "costs": costs()} | given
    made = work_out_economics(inputs, published_hours(), parameters())
    return made | {name: inputs[name] for name in ("contact_hours", "costs")}
