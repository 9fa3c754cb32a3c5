"""The sentences of the economics: officer hours, pounds, what would have to be otherwise. Every number comes from a table.

Builds on pipeline.wording.
"""

import math

import pandas as pd

from pipeline.wording import has_failed, name_direction, write_number, write_percent

UNITS = {"percent fewer": lambda value: write_percent(value, 0), "hours": lambda value: write_hours_number(value), "pounds": lambda value: write_rounded(value), "pounds a year": lambda value: write_rounded(value)}
# The joiner keeps the minus with its number where a cell is narrow.
MINUS = "\u2212\u2060"
SETTINGS = {"not_analysed": {0.0: "none", 100.0: "as many per person"}, "blank_minutes": {0.0: "count as none", 100.0: "as long as the others"}, "optimism": {0.0: "none", 2.0: "twice"}}


def write_pounds(value) -> str:
    """Return pounds in words, to three figures at least: £40, £1,234, −£1.2 million."""
    if pd.isna(value):
        return "not available"
    sign, size = (MINUS if value < 0 else ""), abs(value)
    if math.isinf(size):
        return "unbounded"
    if size >= 999_500:
        return f"{sign}£{size / 1e6:,.2f} million"
    return f"{sign}£{size:,.0f}" if size >= 100 or float(size).is_integer() else f"{sign}£{size:,.2f}"


def write_rounded(value) -> str:
    """Return pounds that were worked out, to three figures: £189,862 is £190,000."""
    return write_pounds(value if pd.isna(value) or not math.isfinite(value) or abs(value) < 100 else float(f"{value:.3g}"))


def write_ratio(value) -> str:
    """Return a benefit-cost ratio with two decimals, three below a tenth."""
    return write_number(value, 3 if abs(value) < 0.1 else 2)


def write_worth(value) -> str:
    """Return the benefit for each pound of cost, in pounds: £0.054, −£0.20."""
    return f"{MINUS if value < 0 else ''}£{write_ratio(abs(value))}"


def write_hours_number(value) -> str:
    """Return hours with one decimal below ten and none from ten on."""
    return write_number(value, 1 if abs(value) < 10 else 0)


def write_fewer(value) -> str:
    """Return a change in percent in words: "32% fewer", "4% more"."""
    return f"{write_number(abs(value))}% {'fewer' if value >= 0 else 'more'}"


def write_unit(value, unit: str) -> str:
    """Return a value of a switching table in its unit."""
    return "not available" if pd.isna(value) else UNITS[unit](value)


def write_setting(name: str, value) -> str:
    """Return one end of an input of the tornado in words."""
    if name in SETTINGS:
        return SETTINGS[name][value]
    if name == "effect":
        return f"{write_fewer(value)} hours"
    return f"{value:g} {'year' if value == 1 else 'years'}" if name == "years" else write_pounds(value)


def write_illustration(costs: pd.DataFrame) -> str:
    """Return the warning that the section begins with where any of its prices is an illustration; else nothing."""
    if costs.empty or not costs["is_illustration"].any():
        return ""
    which = "All prices and costs" if costs["is_illustration"].all() else "Some prices and costs (their source says so)"
    return f"{which} in this section are illustrations, not sourced. They show how the section works and say nothing about any scheme. Replace them in params.yaml (section economics) and in data/reference/unit_costs.csv."


def write_hours(hours: pd.DataFrame, months: int, confidence: str) -> str:
    """Return how many officer hours every 100 people referred averted, with interval, or why that is not known; then the engaged."""
    rows = hours.set_index("estimand")
    row = rows.loc["referral"]
    if pd.isna(row["hours_averted"]):
        return f"How many officer hours the scheme averted cannot be said from these extracts ({row['status']})."
    interval = f"{confidence} interval: {write_span(row['per_100_low'], row['per_100_high'])}"
    time = "officers spent" if row["basis"] == "recorded" else "officers would by typical times have spent"
    sentence = f"For every 100 people referred, {time} an estimated {write_signed_hours(row['per_100'])} in the {months} months after than they would have without the scheme ({interval})."
    if name_direction(row) == "inconclusive":
        sentence = f"The result on officer hours is inconclusive. {sentence} So the scheme may have saved officers’ time, cost it or made no difference; that is not the same as no effect."
    elif name_direction(row) == "more":
        sentence += " Time was not saved: there is no benefit in officer hours to set against the cost."
    engaged = rows.loc["engaged"]
    if pd.isna(engaged["hours_averted"]):
        return sentence
    bound = " The ratio behind it has no upper bound, so that its first end is everything that was counted." if "unbounded" in engaged["status"] else ""
    return f"{sentence} For every 100 who engaged it is {write_signed_hours(engaged['per_100'])} ({confidence} interval: {write_span(engaged['per_100_low'], engaged['per_100_high'])}).{bound}"


def write_signed_hours(value: float) -> str:
    """Return hours averted in words: "181 hours fewer", "20 hours more"."""
    return f"{count_hours(abs(value))} {'fewer' if value >= 0 else 'more'}"


def count_hours(value: float) -> str:
    """Return whole hours with their unit: "1 hour", "181 hours"."""
    number = write_number(value)
    return f"{number} hour" if number == "1" else f"{number} hours"


def write_span(low: float, high: float) -> str:
    """Return an interval of hours averted in words."""
    return f"{write_signed_hours(low)} to {write_signed_hours(high)}" if pd.notna(low) and pd.notna(high) else "not available"


def write_limits(hours: pd.DataFrame, model_checks: pd.DataFrame) -> str:
    """Return what the interval of the hours leaves out, and that they are not supported where a check of the model failed."""
    row = hours.set_index("estimand").loc["referral"]
    if pd.isna(row["hours_averted"]):
        return ""
    links = "" if row["includes_linkage"] else " and holds no doubt about the links"
    secondary = "Officer hours are a secondary outcome: the interval is not corrected for the number of outcomes" if row["basis"] == "recorded" else "The interval takes the typical times as known"
    return f"{secondary}{links}.{' A check of the model failed (see the first page): hours and pounds rest on the same model and are not supported either.' if has_failed(model_checks) else ''}"


def write_note(row) -> str:
    """Return what a reader must know of a row of hours: the basis, or why it is empty."""
    if pd.isna(row.hours_averted):
        return str(row.status)
    return ("minutes as recorded" if row.basis == "recorded" else "contacts averted at typical times") + ("; interval unbounded" if "unbounded" in row.status else "")


def write_basis(hours: pd.DataFrame, percent_timed: float) -> str:
    """Return what the hours rest on: recorded minutes and how many are blank, or the lookup of typical ones."""
    row = hours.set_index("estimand").loc["referral"]
    if pd.isna(row["hours_averted"]):
        return ""
    if row["basis"] == "typical":
        return "These extracts hold no officer minutes. Hours are contacts averted times the typical minutes of their type (data/reference/contact_types.csv), which nobody measured in this force; whether times changed is not seen."
    blank = "" if math.isnan(percent_timed) else f" Minutes are on record for {write_percent(percent_timed)} of the referred’s contacts in the year before; blank ones count as none in both arms, so that the hours are too few rather than too many."
    return f"Hours are the minutes that officers were recorded at incidents.{blank} The time of those who answer the telephone is not in the extracts and not counted."


def write_contact_hours(contact_hours: pd.DataFrame) -> str:
    """Return hours per contact of the referred beside everyone's, or that these extracts do not hold them."""
    if contact_hours.empty:
        return "These extracts hold no contacts one by one, so that hours by channel and type of contact cannot be shown."
    whole = contact_hours[contact_hours["grouping"].eq("all")].set_index("people")["hours_per_contact"].dropna()
    if whole.empty:
        return "Hours by channel and type of contact cannot be shown: no officer minutes are recorded, or too few contacts to publish."
    parts = [f"{'a contact of anybody' if people == 'everyone' else 'a contact of people referred, in the year before,'} took officers {write_hours_number(value)} hours" for people, value in whole.items()]
    return f"On average {' and '.join(parts)}; one to which nobody was sent counts as none."


def write_missing(hours: pd.DataFrame, costs: pd.DataFrame, results: pd.DataFrame) -> str:
    """Return why no pounds are worked out, and what to give; nothing where they are."""
    if len(results):
        return ""
    items = set(costs["item"]) if len(costs) else set()
    lacking = [words for words, is_missing in (
        ("no officer hours could be worked out", hours.set_index("estimand")["hours_averted"].isna().loc["referral"]),
        ("no price of an officer hour is given (data/reference/unit_costs.csv)", "officer_hour" not in items),
        ("no cost of the scheme is given (params.yaml, section economics)", not items & {"staff", "contracts", "other_costs"}),
    ) if is_missing]  # fmt: skip
    return f"Benefits in pounds, a benefit-cost ratio and switching values are not worked out: {'; '.join(lacking)}."


def value_of(results: pd.DataFrame, measure: str, column: str = "value") -> float:
    """Return one number of `results`; NaN where it is missing."""
    rows = results.loc[results["measure"].eq(measure), column] if len(results) else []
    return float(rows.iloc[0]) if len(rows) else float("nan")


def write_ratio_sentence(results: pd.DataFrame, confidence: str) -> str:
    """Return the benefit-cost ratio in a sentence with interval and the share of draws above 1; nothing where there is none."""
    ratio, low, high, share = value_of(results, "ratio"), value_of(results, "ratio", "low"), value_of(results, "ratio", "high"), value_of(results, "share_above_1")
    if math.isnan(ratio):
        return ""
    if ratio < 0:
        opening = f"The estimate is of more officer hours, not fewer, so that there is a loss beside the cost: {write_worth(ratio)} for each pound"
    else:
        opening = f"For each pound of cost the officer hours averted are worth {write_worth(ratio)}"
    if math.isnan(low):
        return f"{opening}. How sure that is cannot be simulated, because the interval of the effect has no end on one side."
    if low <= 1 <= high:
        verdict = " The interval includes 1, so it cannot be told whether the hours alone are worth the cost."
    else:
        verdict = "" if ratio < 0 else f" The hours alone are worth {'more' if low > 1 else 'less'} than the cost."
    draws = "none of the draws" if share == 0 else "every draw" if share == 1 else f"{write_percent(100 * share)} of draws (Monte Carlo error {write_number(100 * value_of(results, 'monte_carlo_error'), 1)} percentage points)"
    return f"{opening} ({confidence} of simulated draws: {write_worth(low)} to {write_worth(high)}).{verdict} Benefit exceeds cost in {draws}."


def write_volunteers(costs: pd.DataFrame, results: pd.DataFrame) -> str:
    """Return that volunteers' time is stated apart, and the ratio with it; or that it is not given."""
    ratio = value_of(results, "ratio_with_volunteers")
    if costs.empty or "volunteers" not in set(costs["item"]):
        return "What the volunteers’ time is worth is not given; it would stand apart, because nobody is paid it."
    if math.isnan(ratio):
        return "The volunteers’ time is stated in the table and is not part of the cost."
    return f"Volunteers’ time is stated apart and is not part of the cost, because nobody is paid it; with it a pound of cost would bring {write_worth(ratio)}."


def write_scope(attrition: pd.DataFrame, hours: pd.DataFrame) -> str:
    """Return whose hours stand against whose cost: all referrals cost, only the analysed have an estimate."""
    n_people = hours.set_index("estimand")["n_people"].loc["referral"]
    rows = attrition[attrition["flow"].eq("analysis") & attrition["stage"].eq("referred")] if len(attrition) else attrition
    if rows.empty or pd.isna(rows["n_referrals"].iloc[0]) or pd.isna(n_people):
        return "The cost is that of all referrals; hours are counted for those analysed only."
    return (
        f"The cost is that of all {write_number(rows['n_referrals'].iloc[0])} referrals; hours are counted only for the {write_number(n_people)} people analysed, of {write_number(rows['n_people'].iloc[0])} referred. "
        "For the others nothing is known, and nothing is counted."
    )


def write_switching(switching: pd.DataFrame, results: pd.DataFrame) -> str:
    """Return in a sentence what would have to be otherwise for benefit to equal cost; nothing where that is not worked out."""
    rows = switching.set_index("input") if len(switching) else switching
    if rows.empty:
        return ""
    effect = rows.loc["effect"]
    opening = f"Benefit equals cost where officer hours fall by {write_number(effect['switching_value'])}% (estimated: {write_fewer(effect['value'])})"
    if "officer_hour" not in rows.index:
        return f"{opening}. No price of an hour and no cost makes good a rise in hours, so that only the effect has a switching value."
    others = [f"{words} {write_unit(rows.loc[name, 'switching_value'], rows.loc[name, 'unit'])}{unit} rather than {write_unit(rows.loc[name, 'value'], rows.loc[name, 'unit'])}" for name, words, unit in (
        ("officer_hour", "where an officer hour costs", ""), ("hours_per_contact", "where each contact averted saves", " hours"), ("scheme", "where the scheme costs", " a year"),
    ) if name in rows.index and pd.notna(rows.loc[name, "value"])]  # fmt: skip
    return f"{opening}; or, all else as it is, {'; '.join(others)}."


def write_assumptions(economics, months: int) -> str:
    """Return the optimism taken off, the years counted and the rate of discount, all of the section economics of params.yaml."""
    bias = f"For optimism, benefits are lowered by {write_share(economics.optimism_benefits)} and costs raised by {write_share(economics.optimism_costs)}: assumptions of params.yaml, section economics."
    if economics.horizon_years == 1:
        return f"{bias} Counted are the {months} months that were estimated, undiscounted, and nothing after them."
    return (
        f"{bias} Counted are {economics.horizon_years} years, of which only the first {months} months were estimated. Each year after is taken to avert {write_share(economics.kept_each_year)} "
        f"of the hours of the year before it, discounted at {write_share(economics.discount_rate)} a year to the referral; nothing was measured there."
    )


def write_share(share: float) -> str:
    """Return a share as a percentage with no more decimals than it has: 0.035 is 3.5%, 0.15 is 15%."""
    return f"{100 * share:.4g}%"


def write_published(published: pd.DataFrame, months: int, is_simulated: bool) -> str:
    """Return what the published hours come to per client and contact, beside these extracts; nothing where none were published."""
    rows, own = (published[published["is_published"]], published[~published["is_published"]]) if len(published) else (published, published)
    if rows.empty:
        return ""
    clients = " and ".join(write_number(value) for value in rows["hours_per_client"])
    sentence = f"About {clients} staff hours per client were published as saved."
    contacts = rows["contacts_per_client"].iloc[0]
    if pd.notna(contacts):
        per_contact = " and ".join(write_hours_number(value) for value in rows["hours_per_contact"])
        sentence += f" The published distribution of calls implies {write_number(contacts, 1)} contacts per client before referral, so that this would be about {per_contact} hours for every contact there was."
    if own.empty:
        return f"{sentence} These extracts hold nothing to set beside it."
    mine = own.iloc[0]
    sentence += f" In these extracts a contact of such clients took officers {write_hours_number(mine['hours_per_contact'])} hours, and all contacts of a client in the {months} months before referral {write_hours_number(mine['hours_per_client'])} hours."
    if is_simulated:
        return f"{sentence} The minutes of simulated extracts are made up, so that this shows how the comparison is made and says nothing about the published hours."
    return f"{sentence} No scheme can save more than there was." if (rows["hours_per_client"] > mine["hours_per_client"]).any() else sentence
