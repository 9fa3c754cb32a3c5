"""Officer hours and pounds by hand: hours averted, prices of one year, discounting, ratio, switching values, and the simulated interval against an exact one."""

import math
from statistics import NormalDist

import economics_frames as frames
import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from pipeline.benefit_cost import NORMAL, Case, appraise, benefit_of, build_case, cost_of, degrees_of_freedom, draw_cases, find_switching_values, ratio_of, vary_one_way
from pipeline.contact_hours import control_contact_hours, find_hours, measure_contact_hours
from pipeline.economics import work_out_economics
from pipeline.errors import InputError
from pipeline.officer_hours import compare_published_hours, count_hours, fit_published_counts, published_contacts_before
from pipeline.params import load_sections
from pipeline.prices import collect_costs, deflate, price_costs, years_of_benefit
from pipeline.tables import project_root, read_reference

# A simulated quantile may lie this many of its own Monte Carlo errors from the exact one: chance allows 4 once in 16,000 times.
ERRORS_ALLOWED = 4
# By hand: 100 hours after, ratio a half, so 100 hours averted; 40 pounds an hour, a quarter off: 3,000. 1,000 a year, two years, half as much again: 3,000.
BY_HAND = Case(frames.HALF, 100.0, 40.0, 1_000.0, 2.0, 1.0, 0.25, 0.5)


def hours_of(**changes) -> pd.DataFrame:
    return count_hours(frames.effects(**changes), frames.attrition(), float("nan"))


def test_hours_averted_are_what_was_spent_times_one_over_the_ratio_less_one():
    """6,000 minutes after a halving are 100 hours averted, 50 for every 100 of 200 people; the ends of the interval change places."""
    row = hours_of().set_index("estimand").loc["referral"]
    assert row["hours_after"] == 100 and row["hours_averted"] == pytest.approx(100) and row["per_100"] == pytest.approx(50)
    assert row["per_100_low"] == pytest.approx(50 * (2 * math.exp(-0.1959964) - 1)) and row["per_100_high"] == pytest.approx(50 * (2 * math.exp(0.1959964) - 1))


def test_hours_of_the_engaged_are_per_100_who_engaged():
    assert hours_of().set_index("estimand").loc["engaged", "per_100"] == pytest.approx(200)


def test_a_ratio_without_upper_bound_can_have_cost_at_most_the_hours_that_were_counted():
    row = hours_of(ci_high=np.inf, status="estimated; interval unbounded").set_index("estimand").loc["engaged"]
    assert row["hours_averted_low"] == -100 and "unbounded" in row["status"]


def test_without_officer_minutes_hours_are_contacts_averted_at_typical_times():
    """100 contacts averted at two hours each."""
    table = frames.effects().query("outcome == 'n_contacts'")
    row = count_hours(table, frames.attrition(), 2.0).set_index("estimand").loc["referral"]
    assert row["basis"] == "typical" and row["hours_averted"] == pytest.approx(200)
    assert count_hours(table, frames.attrition(), float("nan"))["status"].str.startswith("not recorded").all()


def test_a_suppressed_count_gives_no_hours_and_says_so():
    few = frames.attrition().assign(n_people=pd.NA)
    assert count_hours(frames.effects(), few, 2.0)[["hours_averted", "status"]].values.tolist() == [[pytest.approx(np.nan, nan_ok=True), "suppressed: too few people or contacts to publish"]] * 2


def test_prices_of_another_year_are_multiplied_by_the_quotient_of_the_deflators():
    assert deflate(100, 2016, 2022, frames.DEFLATORS) == pytest.approx(125)
    assert deflate(125, 2022, 2016, frames.DEFLATORS) == pytest.approx(100)
    with pytest.raises(InputError, match="Price year 2031"):
        deflate(1, 2031, 2022, frames.DEFLATORS)


def test_the_first_year_is_not_discounted_and_later_ones_are():
    assert years_of_benefit(1, 0.5, 0.035, 12) == 1
    assert years_of_benefit(3, 0.5, 0.035, 12) == pytest.approx(1 + 0.4830918 + 0.2333777)
    assert years_of_benefit(2, 0.5, 0.25, 6) == pytest.approx(1 + 0.5 * 2 / 1.25), "a later year is a whole one where only half a year was estimated"


def test_benefit_cost_and_ratio_are_those_worked_out_by_hand():
    assert (benefit_of(BY_HAND), cost_of(BY_HAND), ratio_of(BY_HAND)) == (pytest.approx(3_000), 3_000, pytest.approx(1))


def test_optimism_makes_a_loss_larger_and_never_smaller():
    assert benefit_of(BY_HAND._replace(log_ratio=-frames.HALF)) == pytest.approx(-50 * 40 * 1.25)


def test_the_cost_is_that_of_all_referrals_and_the_years_are_those_of_the_register():
    parameters = frames.parameters()
    case = build_case(hours_of(), frames.costs(), parameters.economics, parameters.study, 12)
    found = appraise(case, None, frames.costs(), frames.attrition(), 0.95).set_index("measure")["value"]
    assert case.years_of_referrals == pytest.approx(730 / 365.25)
    assert found["cost_per_referral"] == pytest.approx(1_000 * 730 / 365.25 / 500)
    assert found["ratio"] == pytest.approx(100 * 40 / (1_000 * 730 / 365.25))


@pytest.mark.parametrize("name, change", [("effect", "log_ratio"), ("officer_hour", "officer_hour"), ("scheme", "cost_a_year"), ("hours_per_contact", "hours_after")])
def test_at_its_switching_value_each_input_makes_benefit_equal_cost(name, change):
    case = BY_HAND._replace(officer_hour=70.0, hours_after=130.0)
    row = find_switching_values(case, hours_of(minutes=7800.0), frames.costs()).set_index("input").loc[name]
    value = row["switching_value"]
    value = math.log(1 - value / 100) if name == "effect" else 130 * value / row["value"] if name == "hours_per_contact" else value
    assert ratio_of(case._replace(**{change: value})) == pytest.approx(1)


def test_switching_values_by_hand():
    """Twice the pounds an hour that are needed: at half of 80 pounds, at twice the cost, at half the hours, at a third fewer hours benefit equals cost."""
    rows = find_switching_values(BY_HAND._replace(officer_hour=80.0), hours_of(), frames.costs(officer_hour=(80.0, 30.0, 90.0), staff=(1_000.0, 900.0, 1_100.0))).set_index("input")
    assert rows["switching_value"].to_dict() == {"effect": pytest.approx(100 / 3), "hours_per_contact": pytest.approx(0.5), "officer_hour": pytest.approx(40), "scheme": pytest.approx(2_000)}
    assert rows["within_range"].dropna().to_dict() == {"effect": False, "officer_hour": True, "scheme": False}


def test_no_price_of_an_hour_makes_a_loss_a_gain():
    rows = find_switching_values(BY_HAND._replace(log_ratio=0.2), hours_of(estimate=0.2), frames.costs())
    assert rows["input"].tolist() == ["effect"] and rows["switching_value"].iloc[0] == pytest.approx(50)


def test_the_tornado_moves_one_input_at_a_time_and_puts_the_widest_first():
    """The ratio of the case is 4,000 ÷ 2,000 = 2: 30 to 60 pounds an hour give 1.5 to 3, cost of 800 to 1,200 gives 2.5 to 1.67."""
    case = Case(frames.HALF, 100.0, 40.0, 1_000.0, 2.0, 1.0, 0.0, 0.0)
    rows = vary_one_way(case, hours_of(), frames.costs(), frames.attrition(), frames.economics(), 12, 80.0).set_index("input")
    ends = {name: (round(row["ratio_low"], 4), round(row["ratio_high"], 4)) for name, row in rows.iterrows()}
    assert ends == {
        "effect": (round(2 * (2 * math.exp(-0.1959964) - 1), 4), round(2 * (2 * math.exp(0.1959964) - 1), 4)), "officer_hour": (1.5, 3.0), "staff": (2.5, 1.6667),
        "not_analysed": (2.0, 4.0), "blank_minutes": (2.0, 2.5), "years": (2.0, round(2 * years_of_benefit(3, 0.5, 0.035, 12), 4)),
    }  # fmt: skip
    widths = (rows["ratio_high"] - rows["ratio_low"]).abs().tolist()
    assert widths == sorted(widths, reverse=True)


def test_the_simulated_interval_agrees_with_the_exact_one_where_only_the_effect_is_unsure():
    """With fixed prices 1 + ratio ÷ k is lognormal, k = 100 hours × 40 pounds ÷ cost: quantiles and the share above 1 are known."""
    case, parameters = BY_HAND._replace(optimism_benefits=0.0, optimism_costs=0.0, years_of_referrals=4.0), frames.parameters()
    hours, fixed = hours_of(std_error=0.2), frames.costs(officer_hour=(40.0, 40.0, 40.0), staff=(1_000.0, 1_000.0, 1_000.0))
    row = hours.set_index("estimand").loc["referral"]
    drawn = draw_cases(case, row, fixed, 0.95, parameters.economics.draws, parameters.economics.seed)
    found = appraise(case, drawn, fixed, frames.attrition(), 0.95).set_index("measure")
    effect, k, n = NormalDist(-frames.HALF, 0.2), 1.0, parameters.economics.draws
    for end, share in (("low", 0.025), ("high", 0.975)):
        quantile = effect.inv_cdf(share)
        density = effect.pdf(quantile) / (k * math.exp(quantile))
        assert abs(found.loc["ratio", end] - k * math.expm1(quantile)) < ERRORS_ALLOWED * math.sqrt(share * (1 - share) / n) / density
    exact = 1 - effect.cdf(math.log(1 + 1 / k))
    assert abs(found.loc["share_above_1", "value"] - exact) < ERRORS_ALLOWED * math.sqrt(exact * (1 - exact) / n)
    assert found.loc["monte_carlo_error", "value"] == pytest.approx(math.sqrt(exact * (1 - exact) / n), rel=0.05)


def test_draws_have_the_width_of_the_tables_interval_when_that_is_wider_than_a_normal_one():
    half = student.ppf(0.975, 12) * 0.1
    assert degrees_of_freedom(0.1, half, 0.95) == pytest.approx(12, rel=1e-6)
    assert degrees_of_freedom(0.1, 0.19600, 0.95) == NORMAL
    row = pd.Series({"estimate": 0.0, "std_error": 0.1, "ci_low": -half, "ci_high": half})
    drawn = draw_cases(BY_HAND, row, frames.costs(), 0.95, 20_000, 1)
    error = math.sqrt(0.025 * 0.975 / 20_000) / (student.pdf(student.ppf(0.975, 12), 12) / 0.1)
    assert abs(np.quantile(drawn.log_ratio, 0.975) - half) < ERRORS_ALLOWED * error


def test_the_same_seed_draws_the_same_and_another_does_not():
    def draw(seed: int):
        return draw_cases(BY_HAND, hours_of().iloc[0], frames.costs(), 0.95, 1_000, seed)

    assert np.array_equal(ratio_of(draw(1)), ratio_of(draw(1))) and not np.array_equal(ratio_of(draw(1)), ratio_of(draw(2)))


def test_prices_are_drawn_over_their_range_with_the_mean_of_a_triangle():
    drawn = draw_cases(BY_HAND, hours_of().iloc[0], frames.costs(), 0.95, 20_000, 1).officer_hour
    variance = (30**2 + 40**2 + 60**2 - 30 * 40 - 30 * 60 - 40 * 60) / 18
    assert drawn.min() >= 30 and drawn.max() <= 60 and abs(drawn.mean() - 130 / 3) < ERRORS_ALLOWED * math.sqrt(variance / 20_000)


def test_nothing_is_drawn_where_the_interval_has_no_end():
    assert draw_cases(BY_HAND, hours_of(ci_high=np.inf).iloc[0], frames.costs(), 0.95, 1_000, 1) is None


def test_the_published_figures_imply_27_and_23_hours_for_every_contact_there_was():
    assert fit_published_counts(0.50, 0.22) == (pytest.approx(2.58, abs=0.005), pytest.approx(0.311, abs=0.0005))
    assert published_contacts_before(frames.claims()) == pytest.approx(13.56, abs=0.005)
    rows = compare_published_hours(read_reference("published_hours"), frames.claims(), frames.effects())
    published = rows[rows["is_published"]]
    assert published["hours_per_client"].round().tolist() == [364, 313] and published["hours_per_contact"].round().tolist() == [27, 23]
    assert published["pounds_per_hour"].tolist()[0] == 25


def test_the_own_row_holds_what_clients_took_before():
    """A fall to a fifth: 200 contacts and 12,000 minutes after are 1,000 contacts and 1,000 hours before, of 40 clients."""
    own = compare_published_hours(frames.published_hours(), frames.claims(), frames.effects()).query("not is_published").iloc[0]
    assert (own["hours"], own["hours_per_client"], own["contacts_per_client"], own["hours_per_contact"]) == (1_000, 25, 25, 1)


def facts() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """A is referred on 1 June 2018 and has two incidents before, one seen twice, and one after; B has one, without minutes, and a duplicate; one row is a hospital's."""
    rows = [
        ("c1", "i1", "2018-05-01", "police", "101", "DAI", True, 60.0, False), ("c2", "i1", "2018-05-01", "police", "101", "DAI", True, 90.0, False), ("c3", "i2", "2018-03-01", "police", "999", "ENQ", False, 0.0, False),
        ("c4", "i3", "2018-07-01", "police", "999", "DAI", True, 120.0, False), ("c5", "i4", "2018-05-02", "police", "101", "ENQ", False, None, False), ("c6", "i4", "2018-05-02", "police", "101", "ENQ", True, 500.0, True),
        ("c7", "i5", "2018-05-03", "hospital", "999", "ENQ", True, 500.0, False),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["contact_id", "incident_id", "received_at", "service", "channel", "closing_code", "is_attended", "officer_minutes", "is_duplicate"])
    table = table.assign(received_at=pd.to_datetime(table["received_at"]), opening_code=table["closing_code"], role="caller")
    links = pd.DataFrame({"contact_id": table["contact_id"], "person_id": ["A", "A", "A", "A", "B", "B", "A"]})
    cohort = pd.DataFrame({"person_id": ["A", "B"], "arm": ["referred", "not_yet_referred"], "is_triggered": True, "index_on": pd.to_datetime(["2018-06-01", "2018-06-01"])})
    return table, links, cohort


def test_hours_per_contact_count_an_incident_of_a_person_once_by_its_longest_row():
    hours = measure_contact_hours(*facts(), read_reference("contact_types")).set_index(["people", "grouping", "level"])
    everyone, before = hours.loc[("everyone", "all", "all")], hours.loc[("referred, year before", "all", "all")]
    assert (everyone["n_people"], everyone["n_contacts"], everyone["n_attended"], everyone["n_timed"]) == (2, 4, 2, 3)
    assert everyone["hours_per_contact"] == pytest.approx((90 + 0 + 120) / 60 / 4) and everyone["typical_hours_per_contact"] == pytest.approx(2 * 180 / 60 / 4)
    assert before["n_contacts"] == 2 and before["hours_per_contact"] == pytest.approx(0.75)
    assert hours.loc[("everyone", "type", "domestic abuse incident"), "hours_per_contact"] == pytest.approx(1.75)


def test_hours_that_nobody_recorded_are_missing_and_not_nought():
    table, links, cohort = facts()
    hours = measure_contact_hours(table.assign(officer_minutes=np.nan), links, cohort, read_reference("contact_types"))
    assert hours["hours_per_contact"].isna().all() and hours["typical_hours_per_contact"].notna().all()
    assert measure_contact_hours(table.iloc[:0], links.iloc[:0], cohort, read_reference("contact_types")).empty


def test_hours_of_few_people_are_suppressed_and_a_second_level_with_them():
    rows = [("everyone", "all", "all", 300, 1000, 500, 1000, 1.0, 1.0), ("everyone", "channel", "101", 200, 600, 300, 600, 1.1, 1.0), ("everyone", "channel", "999", 90, 394, 197, 300, 0.9, 1.0), ("everyone", "channel", "online", 4, 6, 3, 6, 0.3, 1.0)]
    table = pd.DataFrame(rows, columns=["people", "grouping", "level", "n_people", "n_contacts", "n_attended", "n_timed", "hours_per_contact", "typical_hours_per_contact"])
    controlled = control_contact_hours(table, 10, 5).set_index("level")
    for level in ("online", "999"):
        assert controlled.loc[level, ["n_people", "n_contacts", "hours_per_contact", "percent_attended", "percent_timed"]].isna().all(), level
    assert controlled.loc["101", "n_contacts"] == 600 and find_hours(controlled.reset_index(), "hours_per_contact", "everyone") == 1.0
    assert not {"n_attended", "n_timed"} & set(controlled.columns)


def test_illustrations_fill_what_is_missing_on_simulated_extracts_only():
    given = frames.economics(staff_a_year=[100_000.0, 90_000.0, 120_000.0, 2020.0], staff_source="Accounts")
    units, made_up = read_reference("unit_costs"), read_reference("illustrative_costs")
    real, simulated = (collect_costs(given, units, made_up, is_simulated) for is_simulated in (False, True))
    assert real["item"].tolist() == ["staff"] and not real["is_illustration"].any()
    assert simulated.set_index("item")["is_illustration"].to_dict() == {"officer_hour": True, "staff": False, "contracts": True, "volunteers": True}
    assert simulated.loc[simulated["is_illustration"], "source"].str.startswith("Illustration, not sourced").all()
    assert collect_costs(frames.economics(), units, made_up, False).empty


def test_costs_are_brought_to_the_price_year():
    given = frames.economics(staff_a_year=[96_000.0, 48_000.0, 192_000.0, 2020.0], staff_source="Accounts")
    priced = price_costs(collect_costs(given, read_reference("unit_costs"), read_reference("illustrative_costs"), False), frames.DEFLATORS, 2022).iloc[0]
    assert priced[["priced_value", "priced_low", "priced_high"]].tolist() == [pytest.approx(value) for value in (100_000, 50_000, 200_000)]


def test_no_price_comes_without_source_year_and_range():
    units = pd.DataFrame([{"unit": "officer_hour", "value": 40.0, "low": 50.0, "high": 60.0, "price_year": 2022, "source": "", "note": ""}])
    with pytest.raises(InputError) as error:
        collect_costs(frames.economics(), units, read_reference("illustrative_costs"), False)
    assert "low ≤ value ≤ high" in str(error.value) and "no source" in str(error.value)
    with pytest.raises(InputError, match="staff_source must say"):
        frames.economics(staff_a_year=[1.0, 1.0, 1.0, 2022.0])
    with pytest.raises(InputError, match="value, low, high and year"):
        frames.economics(staff_a_year=[1.0, 1.0], staff_source="Accounts")


def test_the_lookups_that_come_with_the_project_are_whole():
    assert read_reference("unit_costs")["value"].isna().all(), "no price is sourced for sure: the force gives its own"
    assert read_reference("gdp_deflators")[["year", "index", "source"]].notna().all(axis=None)
    assert (project_root() / "data/reference/published_hours.csv").exists() and read_reference("published_hours")[["says", "source"]].notna().all(axis=None)
    shipped = load_sections("economics")["economics"]
    assert not any(shipped[name] for name in shipped if name.endswith(("_a_year", "_source")))


def test_the_tables_of_a_run_can_be_worked_out_again_from_the_published_ones():
    """From the table's own numbers: hours and price, cost and years give the ratio that is printed."""
    tables = {"effects": frames.effects(), "attrition": frames.attrition(), "claims": frames.claims(), "contact_hours": frames.contact_hours(), "costs": frames.costs()}
    made = work_out_economics(tables, frames.published_hours(), frames.parameters())
    found = made["benefit_cost"].set_index("measure")["value"]
    hours = made["officer_hours"].set_index("estimand").loc["referral", "hours_averted"]
    assert found["benefit"] == pytest.approx(hours * 40, rel=1e-3) and found["ratio"] == pytest.approx(found["benefit"] / found["cost"], rel=1e-3)
