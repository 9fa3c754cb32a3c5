"""Benefits against costs: the ratio, how sure it is, and what would have to be otherwise for the scheme to break even.

    benefit = hours after × (1 ÷ IRR − 1) × pounds an hour × years × (1 − optimism)
    cost    = (staff + contracts + other costs) a year × years of referrals × (1 + optimism)

Hours are those of everyone referred, whoever then engaged; costs are those of all referrals, also of people who could
not be analysed and whose hours averted count as none. The interval draws the log ratio from a t distribution with the
table's estimate, error and width, and every cost from a triangular distribution over its range, independently; the
switching value of an input is the one at which benefit equals cost while the others stay (HM Treasury, Green Book).
Builds on pipeline.prices (what a benefit over several years is worth at the referral).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import t as student

from pipeline.prices import years_of_benefit

# With so many degrees of freedom a t distribution is normal for every purpose here.
NORMAL = 1e6
COST_ITEMS = ["staff", "contracts", "other_costs"]
RESULT_COLUMNS = ["measure", "unit", "value", "low", "high"]
SWITCH_COLUMNS = ["input", "unit", "value", "switching_value", "low", "high", "within_range"]
TORNADO_COLUMNS = ["input", "setting_low", "setting_high", "ratio_low", "ratio_high"]


class Case(NamedTuple):
    """What the ratio of benefit to cost is worked out from; numbers, or arrays of draws."""

    log_ratio: float
    hours_after: float
    officer_hour: float
    cost_a_year: float
    years_of_referrals: float
    years_of_benefit: float
    optimism_benefits: float
    optimism_costs: float
    people: float = 1.0  # people whose hours are counted ÷ people analysed
    recorded: float = 1.0  # minutes there were ÷ minutes on record


def benefit_of(case: Case):
    """Return the benefit in pounds: hours averted, valued, over the years, optimism taken off (a loss grows by it)."""
    pounds = case.hours_after * np.expm1(-case.log_ratio) * case.officer_hour * case.years_of_benefit * case.people * case.recorded
    return pounds - case.optimism_benefits * np.abs(pounds)


def cost_of(case: Case):
    """Return the cost in pounds of all years of referrals, raised for optimism."""
    return case.cost_a_year * case.years_of_referrals * (1 + case.optimism_costs)


def ratio_of(case: Case):
    """Return benefit ÷ cost."""
    return benefit_of(case) / cost_of(case)


def build_case(officer_hours: pd.DataFrame, costs: pd.DataFrame, economics, study, months: int) -> Case | None:
    """Return the central case from `officer_hours` (the row of referral) and priced `costs`; None where hours, the hour's price or the scheme's cost are missing."""
    row = officer_hours.set_index("estimand").loc["referral"]
    priced = costs.set_index("item")["priced_value"]
    paid = [item for item in COST_ITEMS if item in priced]
    if pd.isna(row["hours_averted"]) or "officer_hour" not in priced or not paid or priced[paid].sum() <= 0:
        return None
    years = ((study.referrals_to - study.referrals_from).days + 1) / 365.25
    over = years_of_benefit(economics.horizon_years, economics.kept_each_year, economics.discount_rate, months)
    return Case(float(row["estimate"]), float(row["hours_after"]), float(priced["officer_hour"]), float(priced[paid].sum()), years, over, economics.optimism_benefits, economics.optimism_costs)


def degrees_of_freedom(std_error: float, half_width: float, confidence: float) -> float:
    """Return the degrees of freedom whose t quantile turns `std_error` into `half_width`; NORMAL where the interval is as narrow as a normal one."""
    wanted = half_width / std_error
    # Published numbers have four decimals: a quotient within that rounding of the normal one is normal.
    if wanted <= ndtri(0.5 + confidence / 2) * (1 + 1e-3):
        return NORMAL
    def gap(df: float) -> float:
        return student.ppf(0.5 + confidence / 2, df) - wanted

    return float(brentq(gap, 1.0, NORMAL)) if gap(1.0) > 0 else 1.0


def draw_cases(case: Case, row: pd.Series, costs: pd.DataFrame, confidence: float, draws: int, seed: int) -> Case | None:
    """Return `case` with arrays of `draws` values for the ratio and every cost; None where the interval of the ratio has an end missing."""
    if not np.isfinite([row["ci_low"], row["ci_high"], row["std_error"]]).all():
        return None
    rng = np.random.default_rng(seed)
    df = degrees_of_freedom(row["std_error"], (row["ci_high"] - row["ci_low"]) / 2, confidence)
    log_ratio = row["estimate"] + row["std_error"] * (rng.standard_normal(draws) if df == NORMAL else rng.standard_t(df, draws))
    priced = costs.set_index("item")
    drawn = {item: draw_triangular(rng, priced.loc[item], draws) for item in ["officer_hour", *COST_ITEMS] if item in priced.index}
    return case._replace(log_ratio=log_ratio, officer_hour=drawn["officer_hour"], cost_a_year=sum(values for item, values in drawn.items() if item in COST_ITEMS))


def draw_triangular(rng: np.random.Generator, cost: pd.Series, draws: int) -> np.ndarray:
    """Return draws over a cost's range, the value most likely; all alike where there is no range."""
    low, value, high = (float(cost[f"priced_{name}"]) for name in ("low", "value", "high"))
    return rng.triangular(low, value, high, draws) if high > low else np.full(draws, value)


def appraise(case: Case | None, drawn: Case | None, costs: pd.DataFrame, attrition: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return `benefit_cost` (RESULT_COLUMNS): pounds, ratio and share of draws above 1, with the interval of the draws.

    No rows where there is no case; low and high are missing where nothing could be drawn. monte_carlo_error is that of
    the share.
    """
    if case is None:
        return pd.DataFrame(columns=RESULT_COLUMNS)
    n_referrals, n_people = find_referred(attrition)
    ratio, benefit, cost = ratio_of(case), benefit_of(case), cost_of(case)
    given = costs.set_index("item")["priced_value"].get("volunteers", np.nan)
    rows = [
        ("cost_a_year", "pounds", case.cost_a_year, drawn and drawn.cost_a_year),
        ("cost", "pounds", cost, drawn and cost_of(drawn)),
        ("cost_per_referral", "pounds", cost / n_referrals, drawn and cost_of(drawn) / n_referrals),
        ("benefit", "pounds", benefit, drawn and benefit_of(drawn)),
        ("net_benefit", "pounds", benefit - cost, drawn and benefit_of(drawn) - cost_of(drawn)),
        ("ratio", "ratio", ratio, drawn and ratio_of(drawn)),
        ("ratio_with_volunteers", "ratio", ratio * case.cost_a_year / (case.cost_a_year + given), None),
    ]
    found = [(measure, unit, value, *interval_of(draws, confidence)) for measure, unit, value, draws in rows]
    if drawn is not None:
        share = float(np.mean(ratio_of(drawn) > 1))
        found += [("share_above_1", "share", share, np.nan, np.nan), ("monte_carlo_error", "share", float(np.sqrt(share * (1 - share) / len(drawn.log_ratio))), np.nan, np.nan)]
    return pd.DataFrame(found, columns=RESULT_COLUMNS).astype({"value": float, "low": float, "high": float})


def interval_of(draws, confidence: float) -> tuple[float, float]:
    """Return the percentiles of `draws` that hold `confidence` of them; NaN where there are none."""
    if draws is None:
        return np.nan, np.nan
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def find_referred(attrition: pd.DataFrame) -> tuple[float, float]:
    """Return how many referrals and how many people were referred within the study's dates, from the controlled `attrition`; NaN where suppressed."""
    rows = attrition[attrition["flow"].eq("analysis") & attrition["stage"].eq("referred")]
    found = rows[["n_referrals", "n_people"]].iloc[0].astype("Float64").astype(float) if len(rows) else pd.Series([np.nan, np.nan])
    return float(found.iloc[0]), float(found.iloc[1])


def find_switching_values(case: Case | None, officer_hours: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """Return `switching_values` (SWITCH_COLUMNS): each input's value now, and the one at which benefit equals cost.

    The effect as percent fewer hours, officer hours per contact averted, pounds per officer hour, pounds of scheme a
    year. `low` and `high` are the interval or range now, within_range whether it holds the switching value. Where no
    hours are averted only the effect has one: no price of an hour makes a loss a gain.
    """
    if case is None:
        return pd.DataFrame(columns=SWITCH_COLUMNS)
    row, priced, ratio = officer_hours.set_index("estimand").loc["referral"], costs.set_index("item"), ratio_of(case)
    needed = -np.log1p(cost_of(case) / benefit_of(case._replace(log_ratio=-np.log(2.0))))
    paid = priced.loc[[item for item in COST_ITEMS if item in priced.index], ["priced_low", "priced_high"]].sum()
    fewer = [-100 * np.expm1(value) for value in (case.log_ratio, needed, row["ci_high"], row["ci_low"])]
    rows = [("effect", "percent fewer", *fewer)]
    if ratio > 0:
        per_contact = row["hours_averted"] / row["n_averted"] if row["n_averted"] > 0 else np.nan
        hour = priced.loc["officer_hour"]
        rows += [
            ("hours_per_contact", "hours", per_contact, per_contact / ratio, np.nan, np.nan),
            ("officer_hour", "pounds", case.officer_hour, case.officer_hour / ratio, hour["priced_low"], hour["priced_high"]),
            ("scheme", "pounds a year", case.cost_a_year, case.cost_a_year * ratio, paid["priced_low"], paid["priced_high"]),
        ]
    table = pd.DataFrame(rows, columns=SWITCH_COLUMNS[:-1]).astype({name: float for name in ("value", "switching_value", "low", "high")})
    has_range = table[["low", "high"]].notna().all(axis=1)
    return table.assign(within_range=table["switching_value"].between(table["low"], table["high"]).where(has_range).astype("boolean"))


def vary_one_way(case: Case | None, officer_hours: pd.DataFrame, costs: pd.DataFrame, attrition: pd.DataFrame, economics, months: int, percent_timed: float) -> pd.DataFrame:
    """Return `tornado` (TORNADO_COLUMNS): the ratio with one input at either end and the others as they are, the widest first.

    Inputs: the effect over its interval, every cost over its range, hours averted among those referred but not analysed
    (none, or as many per person), minutes left blank (none, or as long as the others), optimism (none, or twice), and the
    years counted (one, or economics.horizon_tried). An end that is missing or unbounded leaves its input out.
    """
    if case is None:
        return pd.DataFrame(columns=TORNADO_COLUMNS)
    row, priced, referred = officer_hours.set_index("estimand").loc["referral"], costs.set_index("item"), find_referred(attrition)[1]
    longer = years_of_benefit(economics.horizon_tried, economics.kept_each_year, economics.discount_rate, months)
    swings = [
        ("effect", {"log_ratio": row["ci_high"]}, {"log_ratio": row["ci_low"]}, -100 * np.expm1(row["ci_high"]), -100 * np.expm1(row["ci_low"])),
        ("officer_hour", {"officer_hour": priced.loc["officer_hour", "priced_low"]}, {"officer_hour": priced.loc["officer_hour", "priced_high"]}, *priced.loc["officer_hour", ["priced_low", "priced_high"]]),
        ("not_analysed", {"people": 1.0}, {"people": referred / row["n_people"]}, 0.0, 100.0),
        ("blank_minutes", {"recorded": 1.0}, {"recorded": 100 / percent_timed if percent_timed > 0 and row["basis"] == "recorded" else np.nan}, 0.0, 100.0),
        ("optimism", {"optimism_benefits": 0.0, "optimism_costs": 0.0}, {"optimism_benefits": min(1.0, 2 * case.optimism_benefits), "optimism_costs": 2 * case.optimism_costs}, 0.0, 2.0),
        ("years", {"years_of_benefit": years_of_benefit(1, 1.0, 0.0, months)}, {"years_of_benefit": longer}, 1.0, float(economics.horizon_tried)),
    ]
    for item in [name for name in COST_ITEMS if name in priced.index]:
        others = case.cost_a_year - priced.loc[item, "priced_value"]
        ends = priced.loc[item, ["priced_low", "priced_high"]].astype(float)
        swings.append((item, {"cost_a_year": others + ends.iloc[0]}, {"cost_a_year": others + ends.iloc[1]}, *ends))
    rows = [(name, low, high, ratio_of(case._replace(**at_low)), ratio_of(case._replace(**at_high))) for name, at_low, at_high, low, high in swings]
    table = pd.DataFrame(rows, columns=TORNADO_COLUMNS).astype({name: float for name in TORNADO_COLUMNS[1:]})
    table = table[np.isfinite(table[["ratio_low", "ratio_high"]]).all(axis=1)]
    width = (table["ratio_high"] - table["ratio_low"]).abs()
    return table.assign(width=width)[width > 0].sort_values(["width", "input"], ascending=[False, True], ignore_index=True)[TORNADO_COLUMNS]
