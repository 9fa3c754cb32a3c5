"""Other reasonable choices: one table, the plan's own row first, invalid designs marked."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import report_frames
from panel_frames import CLAIM, STUDY, exit_table, simulated_world

from pipeline.cohort import build_cohort
from pipeline.contrasts import PRIMARY, assemble_trials
from pipeline.effect import complier_inverse, fit_effects, group_totals, list_persons, log_irr
from pipeline.figures_sensitivity import draw_specifications
from pipeline.invalid_designs import INVALID
from pipeline.panel import build_panel
from pipeline.params import Panel, check_params, load_sections
from pipeline.report_specifications import show_choices, show_sensitivity, write_choices, write_sides
from pipeline.sensitivity import TOO_FEW, carry_verdicts, estimate_specifications, leave_out_months, show_specifications
from pipeline.sources import sources_of
from pipeline.specification_choices import choices_that_matter, count_sides, differ_in_one
from pipeline.specifications import list_levels, list_specifications, planned, void_choices
from pipeline.thresholds import carry_exits, resolve_thresholds, share_contacts
from pipeline.time_away import days_at_liberty

PLAN = Panel(months_before=24, months_after=12, washout_days=0, trigger_months=3, needs_recent_contact=True, lag_edges=[1, 3, 6, 12, 24], last_days=7, comparisons_per_month=2000, minimum_cohort=50, minimum_observed=0.5, seed=1)
EFFECT = SimpleNamespace(later_referrals="removed", unengaged_irr=[1.0, 0.9], confidence=0.95)
CHOICES = SimpleNamespace(
    months_after=[6, 60], washout_days=[30], outcomes=["n_contacts", "n_caller"], pandemic_months=["in", "out"], pandemic=["2020-03-01", "2021-07-18"],
    exposure=["in_area", "at_liberty"], accept_from=[], trigger_months=[3], lag_edges=[[3, 12, 24]], duplicates=["counted"], later_referrals=["followed"],
)  # fmt: skip
# The issue asks for this many valid specifications under the plan's lists of choices.
AT_LEAST = 200


@pytest.fixture(scope="module")
def tables():
    return simulated_world()[1]


@pytest.fixture(scope="module")
def sensitivity(tables):
    resolved = {0.95: (tables["links"], tables["persons"], tables["person_exits"])}
    sources = sources_of(resolved, tables["contact_facts"], tables["referral_facts"], STUDY, CLAIM)
    return estimate_specifications(sources, PLAN, 0.95, CHOICES, EFFECT, processes=1)


def test_the_first_row_is_the_plans_and_equals_the_effect_itself(tables, sensitivity):
    names = ["links", "persons", "person_exits", "contact_facts", "referral_facts"]
    cohort = build_cohort(*[tables[name] for name in names], STUDY, CLAIM, PLAN)
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], tables["person_exits"], STUDY, 24, 12, 0)
    persons = list_persons(cohort)
    trials = assemble_trials(cohort, panel, persons, 12)
    totals = group_totals(trials, PRIMARY, np.ones((1, len(persons))))
    expected = log_irr(complier_inverse(*totals, fit_effects(trials, (PRIMARY,)).ratios.referral[PRIMARY]))
    assert sensitivity["is_primary"].sum() == 1 and sensitivity["is_primary"][0]
    assert sensitivity["estimate"][0] == pytest.approx(expected[0])
    assert sensitivity.loc[0, ["months_after", "washout_days", "accept_from", "estimator", "outcome"]].tolist() == [12, 0, 0.95, "doubly_robust", "n_contacts"]


def test_the_plan_in_params_yaml_asks_for_hundreds_of_valid_specifications():
    params = check_params(load_sections("linkage", "panel", "effect", "sensitivity"))
    plan = planned(params.panel, params.effect, params.linkage.accept_from, PRIMARY)
    found = list_specifications(plan, list_levels(plan, params.sensitivity, params.effect.unengaged_irr))
    assert len(found) == len(set(found)) >= AT_LEAST and found[0] == plan


def test_crossed_choices_meet_in_every_way_and_the_others_change_one_at_a_time(sensitivity):
    crossed = sensitivity[sensitivity["is_valid"] & (sensitivity["lag_edges"] == "1, 3, 6, 12, 24") & (sensitivity["duplicates"] == "left_out")]
    crossed = crossed[(crossed["later_referrals"] == "removed") & (crossed["unengaged_irr"] == 1) & ~crossed["estimator"].isin(["engaged_only", "lagged_outcome"])]
    assert len(crossed) == 2 * 3 * 3 * 2 * 2 * 2  # outcomes, estimators, windows, washouts, pandemic, exposure
    alone = sensitivity[sensitivity["is_valid"] & (sensitivity["duplicates"] == "counted")]
    assert len(alone) == 2 * 3 and set(alone["months_after"]) == {12} and set(alone["washout_days"]) == {0}


def test_a_window_that_cannot_be_followed_is_a_row_that_says_so(sensitivity):
    flagged = sensitivity[sensitivity["months_after"] == 60]
    assert len(flagged) and (flagged["status"] == TOO_FEW).all() and flagged["estimate"].isna().all()
    assert (sensitivity.loc[sensitivity["months_after"] != 60, "status"] == "estimated").all()


def test_invalid_designs_are_marked_and_say_what_the_audit_said(sensitivity):
    """Before/after and fixed effects inherit the spike: far below every valid estimate of the same window."""
    invalid = sensitivity[~sensitivity["is_valid"]]
    assert set(invalid["estimator"]) == set(INVALID) and not invalid["is_primary"].any()
    for months, rows in sensitivity[sensitivity["months_after"] != 60].groupby("months_after"):
        inherited = rows[rows["estimator"].isin(["naive", "fixed_effects"])]
        assert inherited["estimate"].max() < rows.loc[rows["is_valid"], "estimate"].min(), months


def test_intervals_hold_their_estimate(sensitivity):
    found = sensitivity.dropna(subset=["ci_low"])
    assert len(found) >= 0.6 * len(sensitivity)
    assert (found["ci_low"] <= found["estimate"]).all() and (found["estimate"] <= found["ci_high"]).all()


def test_readers_see_ratios(sensitivity):
    shown = show_specifications(sensitivity, is_valid=True)
    assert shown["ratio"].iloc[0] == pytest.approx(np.exp(sensitivity["estimate"].iloc[0]), abs=0.005)
    assert len(shown) + len(show_specifications(sensitivity, is_valid=False)) == len(sensitivity)


def test_what_the_audit_found_invalid_is_shown_apart_and_nothing_else_changes():
    table = report_frames.sensitivity()
    table.loc[3, "later_referrals"] = "followed"
    verdicts = pd.DataFrame({
        "estimator": ["complier_followed", "lagged_outcome", "naive", "complier"], "estimand": "engaged", "verdict": ["invalid", "undecided", "valid", "valid"],
    })  # fmt: skip
    carried = carry_verdicts(table, verdicts)
    assert carried.index[carried["is_valid"] != table["is_valid"]].tolist() == [3]
    assert not carried.loc[carried["estimator"] == "naive", "is_valid"].any()
    assert carry_verdicts(table, verdicts.iloc[:0]).equals(table)
    # And where the primary is found invalid it is no primary among the valid ones: the figure and the report still stand.
    none = carry_verdicts(table, verdicts.assign(verdict="invalid"))
    assert draw_specifications(none)[1] and write_sides(none) and show_sensitivity(none)["What differs"].str.contains("invalid").any()


def test_choices_that_mean_nothing_for_the_extracts_are_not_tried():
    plan = planned(PLAN, EFFECT, 0.95, PRIMARY)
    levels = list_levels(plan, CHOICES, EFFECT.unengaged_irr, void_choices(is_linked_here=False, has_records=False))
    assert levels["duplicates"] == ["left_out"] and levels["exposure"] == ["in_area"] and levels["accept_from"] == [0.95] and levels["washout_days"] == [0, 30]


def test_days_in_custody_are_taken_out_by_hand():
    """Time zero 10 March 2018; held from 5 to 14 April: 5 to 10 April lie in month 0 (11 March to 10 April), 11 to 14 April in month 1. Death does not count."""
    cohort = pd.DataFrame({"trial_id": [1], "person_id": ["ada"], "index_on": pd.to_datetime(["2018-03-10"])})
    months = pd.DataFrame({"trial_id": 1, "month": [-1, 0, 1, 2], "exposure_days": [28, 31, 30, 3]})
    exits = exit_table(("ada", "2018-04-05", "2018-04-14", "custody"), ("ada", "2018-03-20", None, "death"), ("bea", "2018-03-20", None, "custody"))
    assert days_at_liberty(months, cohort, exits).tolist() == [28, 25, 26, 3]
    # Held without a known end, and already before time zero: nothing is left, and never less than nothing.
    assert days_at_liberty(months, cohort, exit_table(("ada", "2018-01-01", None, "Hospital"))).tolist() == [28, 0, 0, 0]


def test_months_of_the_pandemic_are_left_out_by_hand():
    """Time zero 10 January 2020: month 2 begins on 10 March and is out; months 0, 1 and everything before stay."""
    cohort = pd.DataFrame({"trial_id": [1], "index_on": pd.to_datetime(["2020-01-10"])})
    months = pd.DataFrame({"trial_id": 1, "month": [-1, 0, 1, 2], "exposure_days": 30, "n_contacts": 4})
    kept = leave_out_months(months, cohort, ["2020-03-01", "2021-07-18"])
    assert kept["n_contacts"].tolist() == [4, 4, 4, 0] and kept["exposure_days"].tolist() == [30, 30, 30, 0]


def test_the_table_of_other_choices_changes_one_at_a_time():
    # Beside the primary one: 6 months, 30 days, calls, two estimators, two thresholds, a trigger, a theta, a comparison; and three invalid designs.
    shown = differ_in_one(report_frames.sensitivity())
    assert len(shown) == 1 + 10 + 3 and shown["is_primary"].sum() == 1 and (shown["differs"] == "").sum() == 1


def test_what_a_choice_moves_is_taken_from_pairs_that_differ_in_it_alone():
    """In the made-up table half a year moves the log ratio by -0.2, a washout by 0.05, weights alone by 0.03, whatever else is chosen."""
    found = choices_that_matter(report_frames.sensitivity()).set_index(["choice", "level"])
    assert found.loc[("months_after", "6"), ["n_pairs", "shift", "shift_low", "shift_high"]].tolist() == pytest.approx([12, -0.2, -0.2, -0.2])
    assert found.loc[("washout_days", "30"), "shift"] == pytest.approx(0.05) and found.loc[("estimator", "weights_only"), "shift"] == pytest.approx(0.03)
    # Variances of the levels: 0.1 squared, 0.025 squared, and thirds of 0.03 (0.0002).
    assert found.loc[("months_after", "6"), "share_of_spread"] == pytest.approx(0.01 / (0.01 + 0.000625 + 0.0002))
    assert np.isnan(found.loc[("accept_from", "0.8"), "share_of_spread"])


def test_the_shares_on_each_side_add_up_and_read_as_a_sentence():
    table = report_frames.sensitivity()
    table.loc[0, ["estimate", "ci_low", "ci_high"]] = [0.2, -0.1, 0.5]
    table.loc[1, ["estimate", "ci_low", "ci_high"]] = [0.4, 0.1, 0.7]
    table.loc[2, ["estimate", "ci_low", "ci_high"]] = np.nan
    sides = count_sides(table)
    assert sides["n"] == 29 == sum(sides[name] for name in ("below_clearly", "below", "above", "above_clearly", "none"))
    assert sides["above"] == 1 and sides["above_clearly"] == 1 and sides["none"] == 1
    words = write_sides(table)
    assert "Of 29 valid specifications" in words and "1 could not be estimated" in words and "nan" not in words
    choices = choices_that_matter(report_frames.sensitivity())
    assert "follow-up (6 months after" in write_choices(choices) and len(show_choices(choices)) == len(choices)
    assert show_sensitivity(report_frames.sensitivity())["What differs"].iloc[0] == "Nothing (primary)"


def known_people():
    """Ada (contacts 1-3 by identities a, b) is client C1 and died; Bea has contact 4 (identity c). A weak pair joins b and c."""
    identities = pd.DataFrame({"contact_id": ["1", "2", "3", "4"], "identity_id": ["a", "a", "b", "c"]})
    pairs = pd.DataFrame({"identity_id_l": ["a", "b"], "identity_id_r": ["b", "c"], "match_probability": [0.97, 0.6], "match_weight": [5.0, 1.0]})
    register_pairs = pd.DataFrame({"client_id": ["C1"], "identity_id": ["a"], "match_probability": [0.999], "match_weight": [10.0]})
    links = pd.DataFrame({"contact_id": ["1", "2", "3", "4"], "person_id": ["ada", "ada", "ada", "bea"], "match_probability": 1.0})
    persons = pd.DataFrame({"person_id": ["ada", "bea", "gus"], "client_id": ["C1", None, "C2"], "sex": ["F", "M", "X"], "birth_year": [1980, 1990, 2000], "area": ["DH1", "DH2", "DH3"]})
    exits = pd.DataFrame({"person_id": ["ada"], "from_on": pd.to_datetime(["2019-01-01"]), "to_on": pd.to_datetime([None]), "reason": ["death"]})
    return (links, persons, exits), (identities, pairs, register_pairs)


def test_the_planned_threshold_keeps_the_planned_people():
    planned, scored = known_people()
    assert resolve_thresholds(planned, scored, [0.95], 0.95, "key")[0.95] is planned


def test_another_threshold_splits_or_joins_people_and_carries_over_what_is_known():
    """At 0.99 Ada falls apart into contacts 1, 2 and 3; at 0.5 Bea joins her. The client, her sex and her death follow most contacts."""
    planned, scored = known_people()
    resolved = resolve_thresholds(planned, scored, [0.5, 0.99], 0.95, "key")
    assert [links["person_id"].nunique() for links, _, _ in (resolved[0.5], resolved[0.99])] == [1, 3]
    for threshold in (0.5, 0.99):
        links, persons, exits = resolved[threshold]
        client = persons.set_index("client_id").loc["C1"]
        assert client["person_id"] == links.set_index("contact_id").loc["1", "person_id"] == exits["person_id"].item()
        assert [client["sex"], client["birth_year"], client["area"]] == ["F", 1980, "DH1"]
        nobody = persons.set_index("client_id").loc["C2"]
        assert [nobody["n_contacts"], nobody["sex"]] == [0, "X"]


def test_exits_of_a_person_without_contacts_are_left_out():
    (links, _, exits), _ = known_people()
    assert carry_exits(exits.assign(person_id="nobody"), share_contacts(links, links)).empty
