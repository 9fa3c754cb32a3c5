"""Pounds worked out again from the controlled tables and the parameters: costs, benefit, switching values, intervals. Needs pandas only.

Builds on pipeline.verify_derived. The simulated interval is drawn again with other random numbers: its ends must lie
among the draws where the stated number of draws may have put them.
"""

import math

import numpy as np
import pandas as pd

from pipeline.verify_derived import NORMAL, Findings, Tables, compare, digits_of, gather, read_parameter

# Enough that our own draws add nothing to the doubt; so many standard errors that chance never fails an honest pack.
DRAWS, SEED, ERRORS = 400_000, 20_261_121, 6.0
NEEDED = {"officer_hours", "costs", "parameters", "attrition"}


def verify_economics(tables: Tables, reference: Tables) -> list[Findings]:
    """Return what was worked out again: name, numbers checked, failures in words; `reference` are the lookups of the project, the deflators among them."""
    return [check_prices(tables, reference), check_pounds(tables), check_switches(tables), check_one_way(tables), check_draws(tables)]


def number(tables: Tables, name: str, default: float = math.nan) -> float:
    """Return a parameter as a number."""
    value = pd.to_numeric(read_parameter(tables, name, default), errors="coerce")
    return float(value) if pd.notna(value) else default


def check_prices(tables: Tables, reference: Tables) -> Findings:
    """Costs in pounds of one year, by the deflators."""
    name = "costs in pounds of one year"
    if "costs" not in tables or "gdp_deflators" not in reference or tables["costs"].empty:
        return gather(name)
    costs, index = tables["costs"], reference["gdp_deflators"].set_index("year")["index"].astype(float)
    factor = float(index.get(int(number(tables, "economics.price_year", 0)), math.nan)) / costs["price_year"].map(index)
    return gather(name, *(compare(f"priced_{end}", "costs", costs[f"priced_{end}"], costs[end] * factor, digits_of(costs[f"priced_{end}"])) for end in ("value", "low", "high")))


def weigh_years(tables: Tables, horizon: float, kept: float, rate: float) -> float:
    """Return by what the benefit of the months counted is multiplied: later years keep a share of it and are discounted."""
    months = number(tables, "panel.months_after")
    return 1.0 + sum(kept**year * (12 / months) / (1 + rate) ** year for year in range(1, int(horizon)))


def read_case(tables: Tables) -> dict[str, float] | None:
    """Return what benefit and cost come from, by name; None where hours or costs are missing."""
    if not NEEDED <= tables.keys() or tables["costs"].empty or tables.get("benefit_cost", pd.DataFrame()).empty:
        return None
    row, costs = tables["officer_hours"].set_index("estimand").loc["referral"], tables["costs"].set_index("item")
    days = (pd.Timestamp(read_parameter(tables, "study.referrals_to", "")) - pd.Timestamp(read_parameter(tables, "study.referrals_from", ""))).days + 1
    paid, given = (costs.loc[costs["kind"].eq(kind), "priced_value"] for kind in ("cost", "given"))
    flow = tables["attrition"]
    referred = flow[flow["flow"].eq("analysis") & flow["stage"].eq("referred")].iloc[0]
    economics = {name: number(tables, f"economics.{name}") for name in ("horizon_years", "horizon_tried", "kept_each_year", "discount_rate", "optimism_benefits", "optimism_costs")}
    return economics | {
        "estimate": float(row["estimate"]), "hours": float(row["hours_after"]), "hour": float(costs.loc["officer_hour", "priced_value"]), "a_year": float(paid.sum()), "given": float(given.sum()) if len(given) else math.nan,
        "years": days / 365.25, "over": weigh_years(tables, economics["horizon_years"], economics["kept_each_year"], economics["discount_rate"]),
        "n_referrals": float(referred["n_referrals"]), "n_people": float(referred["n_people"]),
    }  # fmt: skip


def find_benefit(case: dict, estimate=None, hour=None):
    """Return the benefit in pounds, optimism taken off."""
    pounds = case["hours"] * np.expm1(-(case["estimate"] if estimate is None else estimate)) * (case["hour"] if hour is None else hour) * case["over"]
    return pounds - case["optimism_benefits"] * np.abs(pounds)


def find_cost(case: dict, a_year=None):
    """Return the cost in pounds of all years of referrals, optimism put on."""
    return (case["a_year"] if a_year is None else a_year) * case["years"] * (1 + case["optimism_costs"])


def blur(tables: Tables, case: dict) -> float:
    """Return by what share a benefit may be off, because the log ratio and the hours it comes from are shown rounded."""
    table = tables["officer_hours"]
    return digits_of(table["estimate"], table["ci_low"], table["ci_high"]) * math.exp(-case["estimate"]) / abs(math.expm1(-case["estimate"])) + digits_of(table["hours_after"]) / case["hours"] + 1e-6


def check_pounds(tables: Tables) -> Findings:
    """Benefit, cost, and their ratio."""
    name, case = "benefit against cost", read_case(tables)
    if case is None:
        return gather(name)
    benefit, cost, share = find_benefit(case), find_cost(case), blur(tables, case)
    table = tables["benefit_cost"]
    above = float(table.set_index("measure")["value"].get("share_above_1", math.nan))
    again = {
        "cost_a_year": (case["a_year"], 1e-9), "cost": (cost, 1e-9), "cost_per_referral": (cost / case["n_referrals"], 1e-9), "benefit": (benefit, share), "net_benefit": (benefit - cost, share * abs(benefit / (benefit - cost))),
        "ratio": (benefit / cost, share), "ratio_with_volunteers": (benefit / cost * case["a_year"] / (case["a_year"] + case["given"]), share),
        "monte_carlo_error": (math.sqrt(above * (1 - above) / number(tables, "economics.draws")), 1e-3),
    }  # fmt: skip
    expected = table["measure"].map({measure: value for measure, (value, _) in again.items()})
    return gather(name, compare("value", "benefit_cost", table["value"], expected, expected.abs() * table["measure"].map({measure: part for measure, (_, part) in again.items()}) + 1e-4))


def check_switches(tables: Tables) -> Findings:
    """The value of each input at which benefit equals cost, and whether its range holds it."""
    name, case = "switching values", read_case(tables)
    if case is None or tables.get("switching_values", pd.DataFrame()).empty:
        return gather(name)
    table, ratio, row = tables["switching_values"], find_benefit(case) / find_cost(case), tables["officer_hours"].set_index("estimand").loc["referral"]
    paid = tables["costs"][tables["costs"]["kind"].eq("cost")]
    price = tables["costs"].set_index("item").loc["officer_hour"]
    halved = find_benefit(case, estimate=-math.log(2))
    per_contact = row["hours_averted"] / row["n_averted"] if row["n_averted"] else math.nan
    fewer = [-100 * math.expm1(value) for value in (case["estimate"], -math.log1p(find_cost(case) / halved), row["ci_high"], row["ci_low"])]
    again = {
        "effect": fewer, "hours_per_contact": [per_contact, per_contact / ratio, math.nan, math.nan], "officer_hour": [case["hour"], case["hour"] / ratio, price["priced_low"], price["priced_high"]],
        "scheme": [case["a_year"], case["a_year"] * ratio, paid["priced_low"].sum(), paid["priced_high"].sum()],
    }  # fmt: skip
    parts, share = [], blur(tables, case)
    for place, column in enumerate(("value", "switching_value", "low", "high")):
        expected = table["input"].map({one: values[place] for one, values in again.items()})
        parts.append(compare(column, "switching_values", table[column], expected, expected.abs() * share + 2e-2 * table["input"].eq("effect") + 1e-4))
    has_range = table[["low", "high"]].notna().all(axis=1)
    held = table["within_range"].map({True: 1.0, False: 0.0, "True": 1.0, "False": 0.0}).where(has_range)
    parts.append(compare("within_range", "switching_values", held, table["switching_value"].between(table["low"], table["high"]).astype(float), 0))
    return gather(name, *parts)


def check_one_way(tables: Tables) -> Findings:
    """The ratio with one input at either end of its range and the others as they are."""
    name, case = "one input changed at a time", read_case(tables)
    if case is None or tables.get("tornado", pd.DataFrame()).empty:
        return gather(name)
    table, row, costs = tables["tornado"], tables["officer_hours"].set_index("estimand").loc["referral"], tables["costs"].set_index("item")
    ratio, cost, months = find_benefit(case) / find_cost(case), find_cost(case), number(tables, "panel.months_after")
    timed = tables.get("contact_hours", pd.DataFrame(columns=["people", "grouping", "percent_timed"]))
    percent = timed.loc[timed["people"].str.startswith("referred") & timed["grouping"].eq("all"), "percent_timed"]
    longer = weigh_years(tables, case["horizon_tried"], case["kept_each_year"], case["discount_rate"])
    twice = {"optimism_benefits": min(1.0, 2 * case["optimism_benefits"]), "optimism_costs": 2 * case["optimism_costs"]}
    bare, doubled = case | {"optimism_benefits": 0.0, "optimism_costs": 0.0}, case | twice
    ends = {
        "effect": [find_benefit(case, estimate=row[end]) / cost for end in ("ci_high", "ci_low")],
        "officer_hour": [find_benefit(case, hour=costs.loc["officer_hour", f"priced_{end}"]) / cost for end in ("low", "high")],
        "not_analysed": [ratio, ratio * case["n_people"] / row["n_people"]], "blank_minutes": [ratio, ratio * 100 / percent.iloc[0] if len(percent) else math.nan],
        "optimism": [find_benefit(one) / find_cost(one) for one in (bare, doubled)], "years": [ratio / case["over"], ratio / case["over"] * (longer if months else math.nan)],
    }  # fmt: skip
    for item in costs.index[costs["kind"].eq("cost")]:
        others = case["a_year"] - costs.loc[item, "priced_value"]
        ends[item] = [find_benefit(case) / find_cost(case, others + costs.loc[item, f"priced_{end}"]) for end in ("low", "high")]
    # The share of minutes that are recorded is shown in percent with few digits.
    rough = blur(tables, case) + np.where(table["input"].eq("blank_minutes"), 1e-3, 0) + np.where(table["input"].eq("effect"), 10 * blur(tables, case), 0)
    parts = []
    for place, column in enumerate(("ratio_low", "ratio_high")):
        expected = table["input"].map({one: values[place] for one, values in ends.items()}).astype(float)
        parts.append(compare(column, "tornado", table[column], expected, expected.abs() * rough + 1e-4))
    return gather(name, *parts)


def check_draws(tables: Tables) -> Findings:
    """The ends of the simulated intervals lie where so many draws put them."""
    name, case = "simulated intervals, drawn again", read_case(tables)
    row = tables["officer_hours"].set_index("estimand").loc["referral"] if case else None
    if case is None or not np.isfinite([row["ci_low"], row["ci_high"]]).all():
        return gather(name)
    rng, costs = np.random.default_rng(SEED), tables["costs"].set_index("item")
    level, draws = number(tables, "effect.confidence", 0.95), number(tables, "economics.draws", 1000)
    freedom = find_freedom((row["ci_high"] - row["ci_low"]) / 2 / row["std_error"], level)
    logs = case["estimate"] + row["std_error"] * (rng.standard_t(freedom, DRAWS) if math.isfinite(freedom) else rng.standard_normal(DRAWS))
    drawn = {item: draw_cost(rng, costs.loc[item]) for item in ["officer_hour", *costs.index[costs["kind"].eq("cost")]]}
    benefit, a_year = find_benefit(case, logs, drawn.pop("officer_hour")), sum(drawn.values())
    cost = find_cost(case, a_year)
    values = {"cost_a_year": a_year, "cost": cost, "cost_per_referral": cost / case["n_referrals"], "benefit": benefit, "net_benefit": benefit - cost, "ratio": benefit / cost}
    table, wrong, checked, share = tables["benefit_cost"], [], 0, blur(tables, case)
    for place, found in enumerate(table.itertuples(), 2):
        for end, tail in (("low", (1 - level) / 2), ("high", (1 + level) / 2)):
            stated = getattr(found, end)
            if found.measure not in values or pd.isna(stated):
                continue
            error, checked = ERRORS * math.sqrt(tail * (1 - tail) * (1 / draws + 1 / DRAWS)), checked + 1
            low, high = np.quantile(values[found.measure], [max(tail - error, 0), min(tail + error, 1)])
            slack = share * abs(stated) + 1e-4
            if not low - slack <= stated <= high + slack:
                wrong.append(f"tables/benefit_cost.csv, row {place}: {end} of {found.measure} is {stated:g}, drawn again {low:g} to {high:g}")
    above = table.set_index("measure")["value"].get("share_above_1", math.nan)
    again = float(np.mean(values["ratio"] > 1))
    if pd.notna(above) and abs(above - again) > ERRORS * math.sqrt(max(again * (1 - again), 1 / draws) / draws) + 1e-4:
        wrong.append(f"tables/benefit_cost.csv: the share of draws above 1 is {above:g}, drawn again {again:g}")
    return name, checked + int(pd.notna(above)), wrong


def draw_cost(rng: np.random.Generator, cost: pd.Series) -> np.ndarray:
    """Return draws over a cost's range, the value most likely."""
    low, value, high = (float(cost[f"priced_{end}"]) for end in ("low", "value", "high"))
    return rng.triangular(low, value, high, DRAWS) if high > low else np.full(DRAWS, value)


def find_freedom(wanted: float, level: float) -> float:
    """Return the degrees of freedom at which a t distribution holds `level` within `wanted` errors of its middle; infinite where a normal one does."""
    if wanted <= NORMAL(0.5 + level / 2) * (1 + 1e-3):
        return math.inf

    def held(freedom: float) -> float:
        # With t = sqrt(freedom) tan(angle) the density becomes a power of the cosine.
        angles = np.linspace(0, math.pi / 2, 20_001)
        heights = np.cumsum(np.cos(angles) ** (freedom - 1))
        return float(np.interp(math.atan(wanted / math.sqrt(freedom)), angles, heights) / heights[-1])

    low, high = 0.0, math.log(1e4)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if held(math.exp(middle)) > level else (middle, high)
    return math.exp(low)
