"""Eligibility by hand:

Ada, Ben and Cy, seven contacts. Ada is referred on 31 May 2018, Ben on 20 August 2018, Cy never.

    Ada   30 Apr 2018   29 Apr 2018   31 May 2018 (her index day)   31 May 2016
    Ben   28 Apr 2018   1 Aug 2018
    Cy    25 Apr 2018
"""

from types import SimpleNamespace

import pandas as pd
import pytest
from panel_frames import (
    CLAIM, STUDY, cohort_of_world, contact_tables, exit_table, panel_settings, person_table, referral_table, simulated_world,
)

from pipeline.cohort import build_cohort, check_exits, first_referrals, join_arms
from pipeline.demand import incidents_of_people
from pipeline.errors import InputError

NO_EXITS = exit_table()
PEOPLE = {"ada": "A", "ben": "B", "cy": None}
CONTACTS = [
    ("ada", "2018-04-30"), ("ada", "2018-04-29"), ("ada", "2018-05-31"), ("ada", "2016-05-31"),
    ("ben", "2018-04-28"), ("ben", "2018-08-01"), ("cy", "2018-04-25"),
]
REFERRALS = [("A", "2018-05-31", False, None), ("A", "2018-09-01", True, "2018-09-10"), ("B", "2018-08-20", True, "2018-08-25")]


def cohort_of(contacts=CONTACTS, people=PEOPLE, referrals=REFERRALS, exits=NO_EXITS, study=STUDY, claim=CLAIM, **settings):
    links, contact_facts = contact_tables(*contacts)
    return build_cohort(links, person_table(people), exits, contact_facts, referral_table(*referrals), study, claim, panel_settings(**settings))


def rows(cohort, person, arm):
    return cohort[(cohort["person_id"] == person) & (cohort["arm"] == arm)]


# Demand

def test_an_incident_counts_once_per_person_and_duplicates_and_other_services_never():
    links, facts = contact_tables(
        ("ada", "2018-04-01", {"incident_id": "one", "role": "caller"}),
        ("ada", "2018-04-02", {"incident_id": "one", "role": "victim", "channel": "999", "officer_minutes": 45.0}),
        ("ben", "2018-04-01", {"incident_id": "one", "role": "subject"}),
        ("ben", "2018-04-03", {"is_duplicate": True}),
        ("cy", "2018-04-03", {"service": "ambulance"}),
    )
    incidents = incidents_of_people(links, facts).set_index("person_id")
    assert list(incidents.index) == ["ada", "ben"]
    assert incidents.loc["ada", "received_on"] == pd.Timestamp("2018-04-01")
    assert incidents.loc["ada", ["is_caller", "is_victim", "is_subject", "is_101", "is_999"]].tolist() == [True, True, False, True, True]
    assert incidents.loc["ada", "officer_minutes"] == 45


def test_a_contact_linked_to_two_people_is_refused():
    links, facts = contact_tables(("ada", "2018-04-01"))
    with pytest.raises(InputError, match="linked more than once"):
        incidents_of_people(pd.concat([links, links.assign(person_id="ben")]), facts)


# Time zero and engagement

def test_time_zero_is_the_first_referral_ever_even_when_it_was_refused():
    ada = rows(cohort_of(), "ada", "referred").iloc[0]
    assert ada["index_on"] == pd.Timestamp("2018-05-31")
    assert ada["index_month"] == pd.Timestamp("2018-05-01")


def test_engaged_is_any_first_contact_within_follow_up_whichever_referral_led_to_it():
    referrals = referral_table(
        ("A", "2018-05-31", False, None), ("A", "2018-09-01", True, "2019-05-31"),
        ("B", "2018-08-20", True, "2019-08-21"), ("D", "2018-01-01", True, None),
    )
    clients = first_referrals(referrals, claim_months=13, months_after=12).set_index("client_id")
    assert clients["is_engaged"].to_dict() == {"A": True, "B": False, "D": False}
    assert clients["is_engaged_in_claim"].to_dict() == {"A": True, "B": True, "D": False}
    assert clients["n_referrals"].to_dict() == {"A": 2, "B": 1, "D": 1}


# Covariates at index

def test_lags_count_days_back_from_the_index_day_which_itself_does_not_count():
    ada = rows(cohort_of(), "ada", "referred").iloc[0]
    # One month before 31 May is 30 April: that day is month 1, the day before month 2; 31 May 2016 is month 24.
    assert ada[["n_lag_1_1", "n_lag_2_3", "n_lag_4_6", "n_lag_7_12", "n_lag_13_24"]].tolist() == [1, 1, 0, 0, 1]
    assert (ada["n_recent"], ada["days_since_contact"], ada["age"]) == (2, 31, 38)
    # The last contact lies 31 days back: within a reach of 31 days, not within one of 30.
    assert [rows(cohort_of(last_days=reach), "ada", "referred")["n_last_days"].iloc[0] for reach in (30, 31)] == [0, 1]


def test_lag_edges_beyond_months_before_are_dropped():
    names = [name for name in cohort_of(months_before=12).columns if name.startswith("n_lag_")]
    assert names == ["n_lag_1_1", "n_lag_2_3", "n_lag_4_6", "n_lag_7_12"]


def test_the_contact_mix_is_a_share_of_contacts_before_the_index_day():
    contacts = CONTACTS[1:] + [("ada", "2018-04-30", {"role": "subject", "channel": "999"}), ("ada", "2018-06-30", {"role": "subject"})]
    ada = rows(cohort_of(contacts), "ada", "referred").iloc[0]
    assert ada["share_caller"] == ada["share_101"] == pytest.approx(2 / 3)


# The comparison

def test_people_referred_later_wait_in_the_comparison_until_then_and_people_referred_before_do_not():
    cohort = cohort_of([*CONTACTS, ("ada", "2018-07-25")])
    ben = rows(cohort, "ben", "not_yet_referred").iloc[0]
    assert ben["index_month"] == pd.Timestamp("2018-05-01")
    assert ben["next_referred_on"] == pd.Timestamp("2018-08-20")
    # Ada called in July, but by August she had been referred; in May she waits until her own day.
    assert set(rows(cohort, "ada", "not_yet_referred")["index_month"]) == {pd.Timestamp("2018-05-01")}
    waiting = cohort[cohort["arm"] == "not_yet_referred"]
    assert (waiting["next_referred_on"].isna() | (waiting["next_referred_on"] > waiting["index_on"])).all()


def test_a_comparison_person_needs_a_contact_shortly_before_their_own_day():
    cohort = cohort_of()
    assert set(rows(cohort, "cy", "not_yet_referred")["index_month"]) == {pd.Timestamp("2018-05-01")}
    assert cohort.loc[cohort["arm"] == "not_yet_referred", "days_since_contact"].between(1, 92).all()


def test_the_future_of_nobody_changes_who_is_compared():
    _, tables = simulated_world()
    until = pd.Timestamp("2018-12-31")
    early = tables | {
        "contact_facts": tables["contact_facts"][tables["contact_facts"]["received_at"] <= until + pd.Timedelta(days=1)],
        "referral_facts": tables["referral_facts"][tables["referral_facts"]["referred_on"] <= until],
    }
    columns = ["person_id", "arm", "index_on", "is_triggered", "n_lag_1_1", "n_lag_13_24", "days_since_contact", "share_caller"]
    whole, cut = [table[table["index_month"] <= until][columns].reset_index(drop=True) for table in (cohort_of_world(tables), cohort_of_world(early))]
    pd.testing.assert_frame_equal(whole, cut)


def test_one_more_person_in_the_data_changes_nobody_elses_day():
    before = cohort_of()
    after = cohort_of([*CONTACTS, ("dee", "2018-04-20")], PEOPLE | {"dee": None})
    kept = after[after["person_id"] != "dee"]
    columns = ["person_id", "arm", "index_on"]
    pd.testing.assert_frame_equal(before[columns].reset_index(drop=True), kept[columns].reset_index(drop=True))
    assert "dee" in set(after["person_id"])


def test_the_draw_takes_at_most_so_many_a_month_and_a_larger_draw_holds_the_smaller():
    _, tables = simulated_world()
    small, large = [cohort_of_world(tables, comparisons_per_month=number).query("arm == 'not_yet_referred'") for number in (20, 40)]
    assert small.groupby("index_month").size().max() == 20
    assert set(zip(small["person_id"], small["index_on"])) <= set(zip(large["person_id"], large["index_on"]))


def test_dealt_days_lie_in_the_month_and_fill_it_evenly():
    cohort = cohort_of_world(simulated_world()[1]).query("arm == 'not_yet_referred'")
    assert (cohort["index_on"].dt.to_period("M").dt.to_timestamp() == cohort["index_month"]).all()
    # About 6,600 dealt days: the mean day of the month is known to about 0.11, and 15.7 within four of these.
    assert cohort["index_on"].dt.day.mean() == pytest.approx(15.7, abs=0.5)


@pytest.mark.parametrize("reason", ["death", "moved away", "custody", "hospital"])
@pytest.mark.parametrize("person, arm", [("ada", "referred"), ("cy", "not_yet_referred")])
def test_both_arms_leave_out_whoever_cannot_make_contact_on_the_index_day(person, arm, reason):
    people = PEOPLE | {"eve": "E"}
    contacts = [*CONTACTS, ("eve", "2018-04-20")]
    referrals = [*REFERRALS, ("E", "2018-05-30", True, "2018-06-10")]
    to_on = None if reason in ("death", "moved away") else "2018-06-30"
    away = cohort_of(contacts, people, referrals, exit_table((person, "2018-05-01", to_on, reason)))
    free = cohort_of(contacts, people, referrals, exit_table((person, "2018-04-27", "2018-04-28", "custody")))
    assert rows(away, person, arm)["is_triggered"].sum() == 0
    assert rows(free, person, arm)["is_triggered"].sum() == 1


def test_the_referred_without_a_recent_contact_are_kept_apart():
    cohort = cohort_of([("ada", "2018-02-27"), *CONTACTS[4:]])
    assert rows(cohort, "ada", "referred")["is_triggered"].tolist() == [False]
    assert rows(cohort, "ben", "referred")["is_triggered"].tolist() == [True]


def test_the_cohort_of_a_simulated_force_is_the_one_its_truth_tells():
    simulated, tables = simulated_world()
    referred = cohort_of_world(tables).query("arm == 'referred'")
    both = simulated["outcomes"].merge(referred, left_on="true_person_id", right_on="person_id", suffixes=("_true", ""), validate="one_to_one")
    assert len(both) == len(referred) > 300
    for name in ["index_on", "is_engaged", "is_triggered", "in_claim"]:
        assert (both[name] == both[f"{name}_true"]).all(), name
    assert both["in_claim"].sum() == simulated["outcomes"]["in_claim"].sum() > 100


@pytest.mark.parametrize(("birth_year", "age"), [(1903, 115), (2018, 0), (1902, None), (2019, None), (9999, None)])
def test_an_age_that_nobody_can_have_is_missing(birth_year, age):
    """All are looked at in 2018."""
    conditions = dict.fromkeys(["is_in_study", "is_observed", "is_linked", "is_at_risk", "is_recent", "is_triggered"], True)
    referred = pd.DataFrame({
        "person_id": ["ada"], "index_on": pd.Timestamp("2018-05-31"), **conditions, "is_engaged": False, "in_claim": False,
        "primary_need": None, "referral_source": None,
    })  # fmt: skip
    nobody = pd.DataFrame({"person_id": pd.Series(dtype="str"), "index_month": pd.Series(dtype="datetime64[us]"), "index_on": pd.Series(dtype="datetime64[us]")})
    incidents = pd.DataFrame({"person_id": ["ada"], "received_on": pd.Timestamp("2018-05-01"), "is_caller": True, "is_101": True})
    persons = person_table({"ada": "A"}).assign(birth_year=pd.array([birth_year], dtype="Int64"))
    found = join_arms(referred, nobody, incidents, persons, panel_settings())["age"].tolist()
    assert found == [age] if age is not None else pd.isna(found).all()


def test_the_same_tables_give_the_same_cohort_in_any_order():
    _, tables = simulated_world()
    shuffled = {name: table.sample(frac=1, random_state=1) for name, table in tables.items()}
    pd.testing.assert_frame_equal(cohort_of_world(tables), cohort_of_world(shuffled))


# What bad input gets

def test_a_window_outside_the_contact_extract_is_refused_in_one_message():
    with pytest.raises(InputError, match="outside the contact extract") as caught:
        cohort_of(months_before=60)
    assert len(str(caught.value).splitlines()) == 1 and "2019-01-01" in str(caught.value)


def test_a_study_without_referrals_is_refused():
    with pytest.raises(InputError, match="nobody was first referred"):
        cohort_of(study=SimpleNamespace(**(vars(STUDY) | {"referrals_to": "2017-01-01"})))


def test_a_cohort_too_small_is_refused_without_telling_how_small():
    with pytest.raises(InputError, match=r"fewer than 50 people \(panel.minimum_cohort\)") as caught:
        cohort_of(minimum_cohort=50)
    assert " 2 " not in str(caught.value)


def test_an_empty_claim_cohort_is_refused():
    with pytest.raises(InputError, match="first_contact_on"):
        cohort_of(claim=SimpleNamespace(referred_from="2020-01-01", complete_by="2021-04-30", months=12))


@pytest.mark.parametrize("known, found", [("client", "on the referral register"), ("other", "not on the referral register")])
def test_exits_known_for_one_arm_only_are_refused(known, found):
    people = pd.DataFrame({"person_id": [f"{kind}{number}" for kind in ("client", "other") for number in range(25)]})
    persons = people.assign(client_id=people["person_id"].where(people["person_id"].str.startswith("client")))
    exits = exit_table(*[(f"{known}{number}", "2018-01-01", None, "death") for number in range(20)])
    with pytest.raises(InputError, match=found):
        check_exits(people, exits, persons)
    check_exits(people, pd.concat([exits, exit_table(("client24", "2018-01-01", None, "death"), ("other24", "2018-01-01", None, "death"))]), persons)
