"""Person-months by hand: whoever makes contact every day has as many contacts as exposed days in every month."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from panel_frames import STUDY, cohort_of_world, contact_tables, exit_table, simulated_world

from pipeline.demand import incidents_of_people
from pipeline.panel import OUTCOMES, build_panel, describe_before

# Days on which a month before or after is shorter or longer than the month itself, leap days among them.
AWKWARD_DAYS = ["2017-05-31", "2018-01-31", "2018-08-30", "2018-12-29", "2019-02-28", "2020-02-29", "2019-03-31", "2018-06-15"]


def trials_on(*index_days, person="ada"):
    return pd.DataFrame({"trial_id": np.arange(1, len(index_days) + 1, dtype="int32"), "person_id": person, "index_on": pd.to_datetime(list(index_days))})


def panel_of(contacts, trials, exits=exit_table(), study=STUDY, months_before=24, months_after=12, washout_days=0):
    return build_panel(trials, *contact_tables(*contacts), exits, study, months_before, months_after, washout_days)


def every_day(start="2014-01-01", end="2022-04-30"):
    return [("ada", day) for day in pd.date_range(start, end)]


def days_by_the_definition(index_on, month):
    """Return the days of a person-month, straight from the sentence that defines it."""
    start, end = index_on + pd.DateOffset(months=month), index_on + pd.DateOffset(months=month + 1)
    window = pd.date_range(start, end)
    return window[1:] if month >= 0 else window[:-1]


@pytest.fixture(scope="module")
def daily():
    trials = trials_on(*AWKWARD_DAYS)
    return trials, panel_of(every_day(), trials)


def test_months_tile_the_window_without_gap_or_overlap_and_leave_out_the_index_day(daily):
    trials, panel = daily
    for trial in trials.itertuples():
        days = [day for month in range(-24, 12) for day in days_by_the_definition(trial.index_on, month)]
        window = pd.date_range(trial.index_on - pd.DateOffset(months=24), trial.index_on + pd.DateOffset(months=12))
        assert sorted(days) == list(window.drop(trial.index_on))
        months = panel[panel["trial_id"] == trial.trial_id]
        assert months["month"].tolist() == list(range(-24, 12))
        assert months["exposure_days"].tolist() == [len(days_by_the_definition(trial.index_on, month)) for month in range(-24, 12)]


def test_a_contact_a_day_is_counted_in_the_month_that_holds_the_day(daily):
    _, panel = daily
    assert (panel["n_contacts"] == panel["exposure_days"]).all()
    assert (panel["officer_minutes"] == 10 * panel["exposure_days"]).all()


@pytest.mark.parametrize("washout_days", [1, 30, 45])
def test_the_washout_takes_days_and_their_contacts_away(washout_days):
    trials = trials_on(*AWKWARD_DAYS)
    panel = panel_of(every_day(), trials, washout_days=washout_days)
    plain = panel_of(every_day(), trials)
    assert (panel["n_contacts"] == panel["exposure_days"]).all()
    lost = (plain["exposure_days"] - panel["exposure_days"]).groupby(panel["trial_id"]).sum()
    assert (lost == washout_days).all()
    assert (panel["exposure_days"] == plain["exposure_days"])[panel["month"] < 0].all()


@pytest.mark.parametrize("reason", ["death", "moved away"])
def test_exposure_ends_with_death_or_moving_away(reason):
    # Twenty exposed days of the third month: 11 to 30 August.
    panel = panel_of(every_day(), trials_on("2018-06-10"), exit_table(("ada", "2018-08-31", None, reason))).set_index("month")
    assert panel.loc[[0, 1, 2, 3, 11], "exposure_days"].tolist() == [30, 31, 20, 0, 0]
    assert (panel["n_contacts"] == panel["exposure_days"]).all()


@pytest.mark.parametrize("reason", ["custody", "hospital"])
def test_custody_and_hospital_stay_exposed(reason):
    trials = trials_on("2018-06-10")
    spell = exit_table(("ada", "2018-08-31", "2018-12-31", reason))
    pd.testing.assert_frame_equal(panel_of(every_day(), trials, spell), panel_of(every_day(), trials))


def test_an_exit_before_time_zero_leaves_the_months_as_they_are():
    trials = trials_on("2018-06-10")
    pd.testing.assert_frame_equal(panel_of(every_day(), trials, exit_table(("ada", "2015-01-01", "2015-03-01", "moved away"))), panel_of(every_day(), trials))


def test_days_outside_the_contact_extract_are_not_exposed():
    study = SimpleNamespace(contacts_from="2017-01-01", contacts_to="2018-12-31")
    panel = panel_of(every_day(), trials_on("2018-06-10"), study=study)
    assert panel["exposure_days"].sum() == 365 + 365 - 1
    assert (panel["n_contacts"] == panel["exposure_days"]).all()


def test_each_outcome_counts_its_own_contacts():
    panel = panel_of(
        [
            ("ada", "2018-06-11", {"role": "victim", "channel": "999", "is_attended": True, "officer_minutes": 90.5}),
            ("ada", "2018-06-12", {"role": "subject", "channel": "online", "officer_minutes": float("nan")}),
            ("ada", "2018-06-12", {"incident_id": "one"}),
            ("ada", "2018-06-12", {"incident_id": "one", "is_attended": True}),
        ],
        trials_on("2018-06-10"),
    )
    assert panel.loc[panel["month"] == 0, OUTCOMES].iloc[0].tolist() == [3, 1, 1, 1, 1, 1, 2, 100.5]
    assert panel.loc[panel["month"] != 0, OUTCOMES].to_numpy().sum() == 0


def test_what_follows_the_own_referral_is_counted_to_the_day():
    """Index day 10 June, a contact a day, referred on 20 August, whose own contacts still belong to before: 21 days of
    the third month and all of the others are later. Gone on 1 November, later ends too."""
    trials = trials_on("2018-06-10").assign(next_referred_on=pd.Timestamp("2018-08-20"))
    panel = panel_of(every_day(), trials).set_index("month")
    assert panel.loc[[-1, 0, 1, 2, 3], "n_contacts_later"].tolist() == [0, 0, 0, 21, 30]
    assert (panel["n_contacts_later"] == panel["exposure_days_later"]).all() and (panel["n_caller_later"] == panel["n_contacts_later"]).all()
    left = panel_of(every_day(), trials, exit_table(("ada", "2018-11-01", None, "death"))).set_index("month")
    assert left["n_contacts_later"].sum() == (pd.Timestamp("2018-10-31") - pd.Timestamp("2018-08-20")).days == left["exposure_days_later"].sum()
    assert panel_of(every_day(), trials_on("2018-06-10")).filter(like="_later").to_numpy().sum() == 0


def test_the_panel_counts_as_many_contacts_as_the_links_it_came_from():
    _, tables = simulated_world()
    cohort = cohort_of_world(tables)
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], exit_table(), STUDY, 24, 12, 0)
    contacts = tables["contact_facts"].query("not is_duplicate").merge(tables["links"], on="contact_id", validate="one_to_one")
    contacts = contacts.assign(day=contacts["received_at"].dt.normalize()).drop_duplicates(["person_id", "incident_id"])
    pairs = cohort[["trial_id", "person_id", "index_on"]].merge(contacts[["person_id", "day"]], on="person_id", validate="many_to_many")
    before = pairs["day"].between(pairs["index_on"] - pd.DateOffset(months=24), pairs["index_on"], inclusive="left")
    after = pairs["day"].between(pairs["index_on"], pairs["index_on"] + pd.DateOffset(months=12), inclusive="right")
    expected = pairs[before | after].groupby("trial_id").size().reindex(cohort["trial_id"], fill_value=0)
    assert (panel.groupby("trial_id")["n_contacts"].sum() == expected).all()


def test_lags_of_the_cohort_are_sums_of_the_panels_months():
    _, tables = simulated_world()
    cohort = cohort_of_world(tables)
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], tables["person_exits"], STUDY, 24, 12, 0)
    counts = panel.pivot(index="trial_id", columns="month", values="n_contacts")
    for first, last in [(1, 1), (2, 3), (4, 6), (7, 12), (13, 24)]:
        assert (counts.loc[:, -last:-first].sum(axis=1).to_numpy() == cohort[f"n_lag_{first}_{last}"].to_numpy()).all()


def test_contacts_after_referral_are_those_of_the_simulated_truth():
    simulated, tables = simulated_world()
    cohort = cohort_of_world(tables)
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], tables["person_exits"], STUDY, 24, 12, 0)
    after = panel[panel["month"] >= 0].groupby("trial_id")["n_contacts"].sum()
    referred = cohort[cohort["arm"] == "referred"]
    truth = simulated["outcomes"].set_index("true_person_id")["n_after_with"]
    assert (after[referred["trial_id"]].to_numpy() == truth[referred["person_id"]].to_numpy()).all()


def test_incidents_are_sorted_and_one_per_person():
    _, tables = simulated_world()
    incidents = incidents_of_people(tables["links"], tables["contact_facts"])
    assert not incidents.duplicated(["person_id", "incident_id"]).any()
    assert incidents.sort_values(["person_id", "received_on", "incident_id"], kind="stable").index.is_monotonic_increasing


def test_the_months_before_are_described_per_arm_under_the_weights():
    cohort = trials_on("2018-06-10", "2018-06-11", "2018-06-12").assign(
        person_id=["ada", "ben", "cy"], arm=["referred", "not_yet_referred", "not_yet_referred"], is_triggered=True, weight=[1.0, 3.0, 1.0]
    )
    panel = panel_of([("ada", "2018-06-01"), ("ben", "2018-06-01"), ("ben", "2018-06-20")], cohort, months_before=2, months_after=1)
    arms = describe_before(cohort, panel).set_index("arm")
    assert arms.loc["not_yet_referred", ["n_people", "n_trials", "n_contacts"]].tolist() == [2, 2, 1]
    # Three eighths: 3 x 1 contact over 2 months of weight 3 and 2 of weight 1.
    assert arms["contacts_per_month"].to_dict() == {"not_yet_referred": 3 / 8, "referred": 1 / 2}
