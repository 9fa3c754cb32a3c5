"""The report's section on economics: officer hours first, then pounds, always with source, year and range.

Builds on pipeline.economics_wording (its sentences), pipeline.disclosure and pipeline.contact_hours (control),
pipeline.markdown, pipeline.labels and pipeline.wording.
"""

import pandas as pd

from pipeline import economics_wording as words
from pipeline.contact_hours import EVERYONE, REFERRED, find_hours
from pipeline.labels import label
from pipeline.markdown import Markup, fill_template, write_list, write_table_if_any
from pipeline.report_tables import count_words, dash_if_missing, interval_words
from pipeline.wording import has_failed, write_number, write_percent

TABLES = ["officer_hours", "contact_hours", "costs", "benefit_cost", "switching_values", "tornado", "published_hours"]
NUMBERS = {
    "People", "Hours after", "Hours averted per 100 people", "Contacts, referred", "Hours, referred", "Contacts, everyone", "Hours, everyone", "Attended, everyone", "Value", "Value in prices of the report", "As worked out",
    "Benefit equals cost at", "Ratio at the low end", "Ratio at the high end", "Clients", "Hours", "Hours per client", "Contacts per client before", "Hours per contact before", "Pounds per hour",
}  # fmt: skip
MEASURES = {
    "cost_a_year": "Cost of the scheme a year", "cost": "Cost of the scheme over all years of referrals", "cost_per_referral": "Cost per referral, all referrals", "benefit": "Benefit: officer hours averted, valued",
    "net_benefit": "Benefit less cost", "ratio": "Benefit for each pound of cost", "ratio_with_volunteers": "The same with volunteers’ time as a cost", "share_above_1": "Share of simulated draws in which benefit exceeds cost",
    "monte_carlo_error": "Monte Carlo error of that share",
}  # fmt: skip


def write_section(tables: dict[str, pd.DataFrame], figures: dict[str, Markup], parameters, is_simulated: bool, template: str) -> Markup:
    """Return the section from controlled `tables` (TABLES), every part that is missing said in a sentence; empty where nothing was worked out."""
    found = {name: tables.get(name, pd.DataFrame()) for name in TABLES}
    hours, costs, results = found["officer_hours"], found["costs"], found["benefit_cost"]
    if hours.empty:
        return Markup("")
    months, confidence = parameters.panel.months_after, f"{100 * parameters.effect.confidence:g}%"
    percent_timed = find_hours(found["contact_hours"], "percent_timed")
    has_tornado, has_channels = len(found["tornado"]) > 0, len(found["contact_hours"]) > 0 and found["contact_hours"]["hours_per_contact"].notna().any()
    context = {
        "parameters": parameters,
        "months": months,
        "illustration": words.write_illustration(costs),
        "has_hours": hours["hours_averted"].notna().any(),
        "has_failed": has_failed(tables.get("model_checks", pd.DataFrame())),
        "hours": words.write_hours(hours, months, confidence),
        "basis": words.write_basis(hours, percent_timed),
        "limits": words.write_limits(hours, tables.get("model_checks", pd.DataFrame())),
        "hours_table": write_table_if_any(show_hours(hours, parameters.disclosure.threshold), f"Officer hours averted in {months} months, by the controlled estimate; minus means more hours, intervals of {confidence}", NUMBERS, "officer-hours"),
        "contact_hours": words.write_contact_hours(found["contact_hours"]),
        "contact_hours_figure": figures.get("contact_hours", "") if has_channels else "",
        "contact_hours_table": write_table_if_any(show_contact_hours(found["contact_hours"], parameters.disclosure.threshold), "Officer hours per contact of the referred in the year before referral, and of everyone; attended is a share of everyone's contacts", NUMBERS, "contact-hours"),
        "missing": words.write_missing(hours, costs, results),
        "costs_table": write_table_if_any(show_costs(costs, parameters.economics.price_year), "Prices and costs, each with range, year and source", NUMBERS, "costs"),
        "is_drawn": "share_above_1" in set(results["measure"]) if len(results) else False,
        "ratio": words.write_ratio_sentence(results, confidence),
        "results_table": write_table_if_any(show_results(results), f"Benefits and costs in prices of {parameters.economics.price_year}; the intervals hold {confidence} of the simulated draws", NUMBERS, "benefit-cost"),
        "volunteers": words.write_volunteers(costs, results),
        "assumptions": words.write_assumptions(parameters.economics, months),
        "sources": write_sources(found["published_hours"]),
        "scope": words.write_scope(tables.get("attrition", pd.DataFrame()), hours),
        "switching": words.write_switching(found["switching_values"], results),
        "switching_table": write_table_if_any(show_switching(found["switching_values"]), "At which value of an input benefit equals cost, the others as they are", NUMBERS, "switching"),
        "tornado_figure": figures.get("tornado", "") if has_tornado else "",
        "tornado_table": write_table_if_any(show_tornado(found["tornado"]), "The benefit-cost ratio with one input at either end of its range, the others as they are", NUMBERS, "tornado"),
        "published": words.write_published(found["published_hours"], parameters.claim.months, is_simulated),
        "published_table": write_table_if_any(show_published(found["published_hours"]), "Hours as published for the scheme, and what they come to for each client and contact", NUMBERS, "published-hours"),
    }
    return Markup(fill_template(template, context))


def write_sources(published: pd.DataFrame) -> Markup:
    """Return what each publication says and where, as a list; empty text where there is none."""
    rows = published[published["is_published"]] if len(published) else published
    return write_list([f"{row.study}: {row.says} ({row.source})." for row in rows.itertuples()]) if len(rows) else Markup("")


def write_share(percent: float) -> str:
    """Return a percentage without decimals."""
    return write_percent(percent, 0)


def show_hours(hours: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return hours averted per 100 people in words, one row per estimand; a row without hours says why."""
    return pd.DataFrame(
        [
            {
                "Of": label("estimand", row.estimand),
                "People": "–" if pd.isna(row.n_people) and not row.status.startswith("suppressed") else count_words(row.n_people, threshold),
                "Hours after": dash_if_missing(row.hours_after, write_number),
                "Hours averted per 100 people": dash_if_missing(row.per_100, write_number),
                "Interval": interval_words(row.per_100_low, row.per_100_high, write_number),
                "Note": words.write_note(row),
            }
            for row in hours.itertuples()
        ]
    )


def show_contact_hours(contact_hours: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return hours per contact in words: all contacts, then by channel and type, the referred beside everyone."""
    if contact_hours.empty:
        return pd.DataFrame()
    keys = ["grouping", "level"]
    referred, everyone = (contact_hours[contact_hours["people"].eq(people)] for people in (REFERRED, EVERYONE))
    both = everyone.merge(referred, on=keys, how="left", suffixes=("", "_referred"), validate="one_to_one")
    return pd.DataFrame(
        [
            {
                "Contact": "All contacts" if row.grouping == "all" else f"{row.grouping.capitalize()}: {label(row.grouping, row.level)}",
                "Contacts, referred": count_words(row.n_contacts_referred, threshold),
                "Hours, referred": dash_if_missing(row.hours_per_contact_referred, lambda value: write_number(value, 2)),
                "Contacts, everyone": count_words(row.n_contacts, threshold),
                "Hours, everyone": dash_if_missing(row.hours_per_contact, lambda value: write_number(value, 2)),
                "Attended, everyone": dash_if_missing(row.percent_attended, write_share),
            }
            for row in both.sort_values(keys, key=lambda values: values.map({"all": " "}).fillna(values), kind="stable").itertuples()
        ]
    )


def show_costs(costs: pd.DataFrame, price_year: int) -> pd.DataFrame:
    """Return every price and cost in words, with range, year and source, and its value in prices of `price_year`."""
    return pd.DataFrame(
        [
            {
                "Cost": label("input", row.item) + ("" if row.kind == "benefit" else f", {row.unit}"),
                "Value": words.write_pounds(row.value),
                "Range": f"{words.write_pounds(row.low)} to {words.write_pounds(row.high)}",
                "Prices of": str(row.price_year),
                f"In prices of {price_year}": words.write_pounds(row.priced_value),
                "Source": row.source,
            }
            for row in costs.itertuples()
        ]
    )


def show_results(results: pd.DataFrame) -> pd.DataFrame:
    """Return benefits, costs and their ratio in words; measures that could not be had are left out."""
    writers = {"pounds": words.write_rounded, "ratio": words.write_worth, "share": lambda value: write_percent(100 * value, 1)}
    known = results.dropna(subset=["value"]) if len(results) else results
    return pd.DataFrame(
        [{"Quantity": MEASURES[row.measure], "Value": writers[row.unit](row.value), "Interval": interval_words(row.low, row.high, writers[row.unit])} for row in known.itertuples()]
    )


def show_switching(switching: pd.DataFrame) -> pd.DataFrame:
    """Return the switching values in words, and whether the input's range holds them; a rise in hours has a minus."""
    known = switching.dropna(subset=["value", "switching_value"]) if len(switching) else switching
    return pd.DataFrame(
        [
            {
                "Input": label("switch", row.input),
                "As worked out": words.write_unit(row.value, row.unit),
                "Range": interval_words(row.low, row.high, lambda value: words.write_unit(value, row.unit)),
                "Benefit equals cost at": words.write_unit(row.switching_value, row.unit),
                "In the range": "–" if pd.isna(row.within_range) else "yes" if row.within_range else "no",
            }
            for row in known.itertuples()
        ]
    )


def show_tornado(tornado: pd.DataFrame) -> pd.DataFrame:
    """Return each input's two settings and the ratio at each, in words."""
    return pd.DataFrame(
        [
            {
                "Input": label("input", row.input),
                "From": words.write_setting(row.input, row.setting_low),
                "To": words.write_setting(row.input, row.setting_high),
                "Ratio at the low end": words.write_ratio(row.ratio_low),
                "Ratio at the high end": words.write_ratio(row.ratio_high),
            }
            for row in tornado.itertuples()
        ]
    )


def show_published(published: pd.DataFrame) -> pd.DataFrame:
    """Return the published hours in words, per client, per contact before and pounds per hour, with their source."""
    return pd.DataFrame(
        [
            {
                "Published": row.study,
                "Clients": write_number(row.n_clients),
                "Hours": write_number(row.hours),
                "Hours per client": write_number(row.hours_per_client),
                "Contacts per client before": dash_if_missing(row.contacts_per_client, lambda value: write_number(value, 1)),
                "Hours per contact before": dash_if_missing(row.hours_per_contact, words.write_hours_number),
                "Pounds per hour": dash_if_missing(row.pounds_per_hour, words.write_pounds),
            }
            for row in published.itertuples()
        ]
    )
