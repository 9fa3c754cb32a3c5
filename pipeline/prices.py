"""Pounds of different years: deflated to one price year and discounted to one day.

Deflating takes out general inflation (GDP deflator); discounting then takes account of people valuing the near more
than the far. Both as in the Green Book of HM Treasury, which discounts at 3.5 % a year in real terms.
"""

import pandas as pd

from pipeline.errors import InputError

# What a cost is for: time that officers are spared, what the scheme is paid, and time that is given to it.
KINDS = {"officer_hour": "benefit", "staff": "cost", "contracts": "cost", "other_costs": "cost", "volunteers": "given"}
UNITS = {"officer_hour": "an hour"}
COLUMNS = ["item", "kind", "unit", "value", "low", "high", "price_year", "source", "is_illustration"]


def collect_costs(economics, unit_costs: pd.DataFrame, illustrative_costs: pd.DataFrame, is_simulated: bool) -> pd.DataFrame:
    """Return `costs` (COLUMNS): every cost of the appraisal with value, range, price year and source; only those that are given.

    The scheme's are of the section economics of params.yaml, the unit costs of data/reference/unit_costs.csv. On
    simulated extracts, and only there, illustrative_costs fill what is not given: nobody may take them for findings.
    Raises InputError for a value without range, year or source.
    """
    scheme = [(item, *getattr(economics, f"{item}_a_year"), getattr(economics, f"{item}_source")) for item in ("staff", "contracts", "other_costs", "volunteers") if getattr(economics, f"{item}_a_year")]
    named = ["item", "value", "low", "high", "price_year", "source"]
    units = unit_costs.rename(columns={"unit": "item"})[named].dropna(subset=["value"])
    given = pd.concat([units, pd.DataFrame(scheme, columns=named)]) if scheme else units
    check_costs(given)
    given = given.assign(is_illustration=False)
    if is_simulated:
        missing = illustrative_costs[~illustrative_costs["item"].isin(given["item"])]
        given = pd.concat([given, missing[named].assign(is_illustration=True)]) if len(given) else missing[named].assign(is_illustration=True)
    given = given[given["item"].isin(list(KINDS))]
    given = given.assign(kind=given["item"].map(KINDS), unit=[UNITS.get(item, "a year") for item in given["item"]])
    order = given["item"].map({item: at for at, item in enumerate(KINDS)})
    return given.assign(order=order).sort_values("order", ignore_index=True)[COLUMNS].astype({"value": float, "low": float, "high": float, "price_year": "int64", "is_illustration": bool})


def check_costs(costs: pd.DataFrame) -> None:
    """Raise InputError that lists every cost whose range, price year or source is missing or out of order."""
    mistakes = []
    for row in costs.itertuples():
        where = f"Cost {row.item}"
        if pd.isna([row.value, row.low, row.high, row.price_year]).any():
            mistakes.append(f"{where}: value, low, high and price_year belong together. Give all four, or leave all empty.")
        elif not 0 <= row.low <= row.value <= row.high:
            mistakes.append(f"{where}: must be low ≤ value ≤ high, none below nought. Correct the range.")
        if pd.isna(row.source) or not str(row.source).strip():
            mistakes.append(f"{where}: no source. Say where the figure comes from, or leave it empty: no cost is shown without its source.")
    InputError.collect(mistakes)


def deflate(amount: float, from_year: int, to_year: int, gdp_deflators: pd.DataFrame) -> float:
    """Return `amount` of `from_year` in prices of `to_year`: amount × index(to) ÷ index(from).

    `gdp_deflators` holds year and index. Raises InputError for a year that it does not hold.
    """
    index = gdp_deflators.set_index("year")["index"]
    InputError.collect([f"Price year {year}: not in data/reference/gdp_deflators.csv ({index.index.min()} to {index.index.max()}). Add it there, or choose another year." for year in sorted({int(from_year), int(to_year)}) if year not in index])
    return amount * float(index[int(to_year)]) / float(index[int(from_year)])


def price_costs(costs: pd.DataFrame, gdp_deflators: pd.DataFrame, price_year: int) -> pd.DataFrame:
    """Return `costs` with priced_value, priced_low and priced_high, in prices of `price_year`."""
    return costs.assign(**{
        f"priced_{name}": [deflate(amount, year, price_year, gdp_deflators) for amount, year in zip(costs[name], costs["price_year"])] for name in ("value", "low", "high")
    }).astype({f"priced_{name}": float for name in ("value", "low", "high")})


def years_of_benefit(horizon: int, kept: float, rate: float, months: int) -> float:
    """Return by what the benefit counted in the first `months` is multiplied over `horizon` years, discounted to the referral.

    The first year is what was estimated and not discounted (year nought of the Green Book). Year t after it counts with
    `kept` ** t of a whole year's benefit ÷ (1 + rate) ** t: 1 + Σ kept^t · (12 ÷ months) ÷ (1 + rate)^t.
    """
    return 1.0 + sum(kept**year * (12 / months) / (1 + rate) ** year for year in range(1, horizon))
