"""What the report says of hours and pounds: the right words whatever is missing, and never an empty part."""

import re

import economics_frames as frames
import numpy as np
import pandas as pd
import pytest

from pipeline.economics import work_out_economics
from pipeline.figures_economics import draw_contact_hours, draw_tornado
from pipeline.markdown import read_template, write_figure
from pipeline.prices import collect_costs, price_costs
from pipeline.report_economics import write_section
from pipeline.tables import read_reference

TEMPLATE = read_template("economics")


def write(effects=None, costs=None, model_checks=None, contact_hours=None, attrition=None, is_simulated=False, **changes) -> str:
    """Return the section as plain words, from the made-up tables where none are given."""
    parameters = frames.parameters(**changes)
    tables = {
        "effects": frames.effects() if effects is None else effects, "attrition": frames.attrition() if attrition is None else attrition, "claims": frames.claims(),
        "contact_hours": frames.contact_hours() if contact_hours is None else contact_hours, "costs": frames.costs() if costs is None else costs,
    }  # fmt: skip
    tables["model_checks"] = pd.DataFrame({"passed": [True]}) if model_checks is None else model_checks
    tables |= work_out_economics(tables, frames.published_hours(), parameters)
    drawn = {"contact_hours": draw_contact_hours(tables["contact_hours"]), "tornado": draw_tornado(tables["tornado"], tables["benefit_cost"])}
    figures = {name: write_figure(f"figures/{name}.png", name, alt) for name, (_, alt) in drawn.items()}
    text = re.sub(r"\\(.)", r"\1", write_section(tables, figures, parameters, is_simulated, TEMPLATE)).replace("\u00a0", " ")
    assert not re.search(r"\b(nan|None|NaN|inf|NaT)\b|<NA>", text), text
    assert not re.search(r"^#+ [^\n]+\n+(?=#|\Z)", text, flags=re.MULTILINE), "a heading without a word below it"
    return text


def no_costs() -> pd.DataFrame:
    return price_costs(collect_costs(frames.economics(), read_reference("unit_costs"), read_reference("illustrative_costs"), False), frames.DEFLATORS, 2022)


def test_hours_come_before_pounds_and_are_called_not_cash():
    text = write()
    assert text.index("### Officer hours") < text.index("### Pounds")
    assert "For every 100 people referred, officers spent an estimated 50 hours fewer in the 12 months after" in text and "(95% interval: 32 hours fewer to 72 hours fewer)" in text
    assert "They are not cash" in text and "No deadweight is taken off" in text


def test_every_price_is_shown_with_its_range_year_and_source():
    line = next(line for line in write().splitlines() if line.startswith("| Price of an officer hour"))
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["Price of an officer hour", "£40", "£30 to £60", "2022", "£40", "The force's accounts"]


def test_the_ratio_stands_with_its_interval_and_with_whose_cost_and_whose_hours():
    text = write()
    assert "For each pound of cost the officer hours averted are worth £2" in text and "of draws" in text
    assert "The cost is that of all 500 referrals; hours are counted only for the 200 people analysed, of 400 referred" in text
    assert "Benefit equals cost where officer hours fall by 33% (estimated: 50% fewer)" in text


def test_illustrations_are_named_in_the_first_line():
    costs = frames.costs().assign(is_illustration=True, source="Illustration, not sourced; replace")
    assert write(costs=costs, is_simulated=True).strip().startswith("**All prices and costs in this section are illustrations, not sourced.")
    assert "illustration" not in write().lower()


def test_without_costs_hours_are_reported_and_the_missing_costs_are_named():
    text = write(costs=no_costs())
    assert "50 hours fewer" in text
    assert "no price of an officer hour is given (data/reference/unit_costs.csv); no cost of the scheme is given (params.yaml, section economics)" in text
    assert "£" not in text.split("### Hours as published")[0] and "What would change" not in text


def test_a_price_without_a_cost_of_the_scheme_is_not_made_into_a_ratio():
    text = write(costs=frames.costs(officer_hour=(40.0, 30.0, 60.0)))
    assert "not worked out: no cost of the scheme is given" in text and "For each pound" not in text and "£30 to £60" in text


def test_without_officer_minutes_typical_times_are_used_and_said_to_be_typical():
    text = write(effects=frames.effects().query("outcome != 'officer_minutes'"), contact_hours=frames.contact_hours(hours=np.nan))
    assert "by typical times have spent an estimated 100 hours fewer" in text and "These extracts hold no officer minutes" in text
    assert "no officer minutes are recorded" in text and "These extracts hold nothing to set beside it" in text


def test_a_panel_without_contacts_and_minutes_says_that_hours_cannot_be_had():
    of_panel = frames.effects().query("outcome == 'n_contacts' and estimand == 'referral'")
    text = write(effects=of_panel, contact_hours=frames.contact_hours().iloc[:0], attrition=frames.attrition().query("flow == 'analysis'"))
    assert "cannot be said from these extracts (not recorded: the extracts hold no officer minutes" in text
    assert "no officer hours could be worked out" in text and "hold no contacts one by one" in text
    assert "fewer than 10" not in text, "that nothing says who engaged is no suppressed count"


def test_an_inconclusive_effect_is_said_to_leave_both_directions_open():
    text = write(effects=frames.effects(estimate=-0.1, std_error=0.2))
    assert "The result on officer hours is inconclusive." in text and "not the same as no effect" in text and "hours more to" in text


def test_an_effect_towards_harm_is_no_saving():
    text = write(effects=frames.effects(estimate=0.4, std_error=0.1))
    # 16.5 in the table, which reads as 17.
    assert "17 hours more" in text and "Time was not saved" in text
    assert "a loss beside the cost" in text and "only the effect has a switching value" in text
    assert "are worth" not in text


def test_an_unbounded_interval_is_not_drawn_from():
    text = write(effects=frames.effects(ci_high=np.inf, status="estimated; interval unbounded"))
    assert "How sure that is cannot be simulated" in text and "of draws" not in text and "The ratio behind it has no upper bound" in text


def test_a_tiny_cohort_shows_no_hours_and_no_pounds():
    few = frames.attrition()
    few[["n_people", "n_referrals"]] = pd.NA
    text = write(effects=frames.effects(minutes=np.nan, contacts=np.nan), attrition=few)
    assert "suppressed: too few people or contacts to publish" in text and "fewer than 10" in text and "no officer hours could be worked out" in text


def test_suppressed_referrals_leave_the_ratio_and_drop_the_cost_of_one():
    few = frames.attrition()
    few.loc[few["stage"].eq("referred"), ["n_referrals", "n_people"]] = pd.NA
    text = write(attrition=few)
    assert "For each pound of cost" in text and "Cost per referral" not in text and "The cost is that of all referrals" in text


def test_hours_of_a_model_that_failed_a_check_are_called_unsupported():
    assert "are not supported either" in write(model_checks=pd.DataFrame({"passed": pd.array([True, False, pd.NA], dtype="boolean")}))
    assert "supported" not in write() and "holds no doubt about the links" in write()
    assert "doubt about the links" not in write(effects=frames.effects().assign(includes_linkage=True))


def test_later_years_are_counted_only_when_asked_for_and_called_unmeasured():
    assert "nothing after them" in write()
    assert "discounted at 3.5% a year to the referral; nothing was measured there" in write(horizon_years=3)


def test_volunteers_time_stands_apart():
    costs = frames.costs(officer_hour=(40.0, 30.0, 60.0), staff=(1_000.0, 800.0, 1_200.0), volunteers=(1_000.0, 500.0, 1_500.0))
    assert "is not part of the cost, because nobody is paid it; with it a pound of cost would bring £1.00" in write(costs=costs)
    assert "What the volunteers’ time is worth is not given" in write()


def test_published_hours_stand_beside_those_of_the_extracts():
    text = write()
    assert "About 364 staff hours per client were published as saved. The published distribution of calls implies 13.6 contacts per client before referral, so that this would be about 27 hours" in text
    assert "all contacts of a client in the 12 months before referral 25 hours. No scheme can save more than there was." in text
    assert "minutes of simulated extracts are made up" in write(is_simulated=True) and "No scheme can save" not in write(is_simulated=True)


@pytest.mark.parametrize("rows", [slice(None), slice(0)])
def test_the_alternative_text_states_what_the_figures_show(rows):
    _, alt = draw_contact_hours(frames.contact_hours().iloc[rows])
    assert ("1.5 hours" in alt) == (rows == slice(None)) == (len(alt) > 60)
    _, alt = draw_tornado(pd.DataFrame(columns=["input", "ratio_low", "ratio_high"]), pd.DataFrame(columns=["measure", "value"]))
    assert alt == ""


def test_a_report_without_these_tables_has_no_section():
    assert write_section({}, {}, frames.parameters(), False, TEMPLATE) == ""
