"""Economics of a run: officer hours first, then pounds, worked out from controlled tables alone.

Builds on pipeline.officer_hours (hours), pipeline.prices (pounds of one year) and pipeline.benefit_cost (ratio, interval, switching values).
"""

import pandas as pd

from pipeline.benefit_cost import appraise, build_case, draw_cases, find_switching_values, vary_one_way
from pipeline.contact_hours import find_hours
from pipeline.officer_hours import compare_published_hours, count_hours


def work_out_economics(tables: dict[str, pd.DataFrame], published_hours: pd.DataFrame, parameters) -> dict[str, pd.DataFrame]:
    """Return officer_hours, benefit_cost, switching_values, tornado and published_hours from controlled `tables`.

    `tables` holds effects, attrition, claims, contact_hours (pipeline.contact_hours) and priced costs (pipeline.prices);
    `parameters` are the checked parameters. Tables of pounds have no rows where hours or costs are missing.
    """
    effects, attrition, costs = tables["effects"], tables["attrition"], tables["costs"]
    economics, months, confidence = parameters.economics, parameters.panel.months_after, parameters.effect.confidence
    hours = count_hours(effects, attrition, find_hours(tables["contact_hours"], "typical_hours_per_contact"))
    case = build_case(hours, costs, economics, parameters.study, months)
    drawn = draw_cases(case, hours.set_index("estimand").loc["referral"], costs, confidence, economics.draws, economics.seed) if case else None
    timed = find_hours(tables["contact_hours"], "percent_timed")
    return {
        "officer_hours": round_hours(hours),
        "benefit_cost": appraise(case, drawn, costs, attrition, confidence).round(4),
        "switching_values": find_switching_values(case, hours, costs).round(4),
        "tornado": vary_one_way(case, hours, costs, attrition, economics, months, timed).round(4),
        "published_hours": compare_published_hours(published_hours, tables["claims"], effects),
    }


def round_hours(hours: pd.DataFrame) -> pd.DataFrame:
    """Return `officer_hours` with hours to one decimal: they come from rounded counts, and more would promise more."""
    return hours.round({name: 1 for name in hours.columns if name.startswith(("hours_", "per_100"))} | {name: 4 for name in ("estimate", "std_error", "ci_low", "ci_high")})
