"""Entering after the linkage: what a pseudonymised set and a ready panel may hold, and what becomes of them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_extracts import FOLDER, set_param, write_extracts, write_project

from pipeline.check import check_project
from pipeline.empty_tables import empty_table
from pipeline.errors import InputError
from pipeline.extract_kinds import tables_of_kind
from pipeline.panel_forms import panel_columns, sort_forms
from pipeline.pseudonyms import blank_identifiers, take_people
from pipeline.ready_panel import describe_panel_people, draw_panel_comparisons, join_panel_arms, months_around, take_panel

STUDY = SimpleNamespace(contacts_from="2017-01-01", contacts_to="2017-06-30", referrals_from="2017-03-01", referrals_to="2017-05-31")
CLAIM = SimpleNamespace(referred_from="2017-01-01", complete_by="2017-12-31", months=1)
PANEL = SimpleNamespace(
    months_before=2, months_after=2, washout_days=0, trigger_months=1, needs_recent_contact=True, lag_edges=[1, 2], last_days=7, comparisons_per_month=100, minimum_cohort=1, minimum_observed=0.0, seed=1
)
MONTHS = ["2017-01", "2017-02", "2017-03", "2017-04", "2017-05", "2017-06"]


def person(name, counts, index_month=None, arm=None, **more):
    """The rows of one person, as text like the reader gives them: a count for each of six months."""
    arm = arm or ("referred" if index_month else "never_referred")
    return pd.DataFrame({"person_id": name, "arm": arm, "index_month": index_month, "month": MONTHS, "exposure_days": 30.0, "n_contacts": [float(n) for n in counts]} | more)


def calendar(*people):
    return sort_forms(pd.concat(people, ignore_index=True), [], [])[1]


def trials_of(table, panel=PANEL, **relative):
    ready = take_panel(relative.get("ready_panel", table.head(0)), table, STUDY)
    referred = describe_panel_people(ready, STUDY, CLAIM, panel)
    cohort = join_panel_arms(ready, referred, draw_panel_comparisons(ready, referred, panel), panel)
    return cohort, months_around(cohort, ready, 2, 2, 0), referred


def test_a_trial_by_hand():
    """Ada is referred in March; Bea never; Cay in April, so that until March Cay waits. March counts on neither side.

    ada  1 2 [9] 3 4 .      month  -2 -1  0  1
    bea  5 6 [9] 7 8 .
    cay  1 1 [1] 1 1 .
    """
    table = calendar(person("ada", [1, 2, 9, 3, 4, 5], "2017-03"), person("bea", [5, 6, 9, 7, 8, 9]), person("cay", [1] * 6, "2017-04"))
    cohort, panel, _ = trials_of(table)
    march = cohort[cohort["index_month"] == "2017-03-01"]
    assert dict(zip(march["person_id"], march["arm"])) == {"ada": "referred", "bea": "not_yet_referred", "cay": "not_yet_referred"}
    ada, bea = (march.set_index("person_id").loc[name, "trial_id"] for name in ("ada", "bea"))
    counts = panel.set_index(["trial_id", "month"])["n_contacts"]
    assert counts[ada].tolist() == [1, 2, 3, 4] and counts[bea].tolist() == [5, 6, 7, 8]
    assert march.set_index("person_id").loc["ada", ["n_lag_1_1", "n_lag_2_2", "n_recent"]].tolist() == [2, 1, 2]
    assert march.set_index("person_id")["next_referred_on"].loc["cay"] == pd.Timestamp("2017-04-01")
    april = cohort[cohort["index_month"] == "2017-04-01"]
    assert dict(zip(april["person_id"], april["arm"])) == {"cay": "referred", "bea": "not_yet_referred"}


def test_nobody_is_compared_after_a_referral_or_without_the_trigger_unless_it_is_not_asked_for():
    table = calendar(person("ada", [1] * 6, "2017-04"), person("early", [1] * 6, "2017-03"), person("quiet", [0] * 6), person("bea", [1] * 6))
    april = lambda cohort: set(cohort.loc[(cohort["index_month"] == "2017-04-01") & (cohort["arm"] == "not_yet_referred"), "person_id"])  # noqa: E731
    assert april(trials_of(table)[0]) == {"bea"}
    assert april(trials_of(table, SimpleNamespace(**vars(PANEL) | {"needs_recent_contact": False}))[0]) == {"bea", "quiet"}


def test_whoever_leaves_ends_exposure_and_whoever_comes_late_is_not_observed():
    gone = person("gone", [1, 1, 1, 1, 0, 0], "2017-03").head(4)
    table = calendar(gone, person("late", [1] * 6, "2017-03").tail(5), person("bea", [1] * 6))
    cohort, panel, referred = trials_of(table)
    assert referred.set_index("person_id")["is_observed"].to_dict() == {"gone": True, "late": False}
    trial = cohort.set_index("person_id").loc["gone", "trial_id"]
    assert panel.set_index(["trial_id", "month"]).loc[trial, "exposure_days"].tolist() == [30, 30, 30, 0]


def test_months_from_time_zero_and_calendar_months_give_the_same_trial():
    table = calendar(person("ada", [1, 2, 9, 3, 4, 5], "2017-03"), person("bea", [5, 6, 9, 7, 8, 9]))
    cohort, panel, _ = trials_of(table)
    rows = panel.merge(cohort[["trial_id", "person_id", "arm"]], on="trial_id", validate="many_to_one")
    relative = rows.assign(index_month="2017-03", month=rows["month"].astype("str"))[["person_id", "arm", "index_month", "month", "exposure_days", "n_contacts"]]
    ready_panel, empty = sort_forms(relative, [], [])
    again, months, _ = trials_of(empty, ready_panel=ready_panel)
    same = ["person_id", "arm", "index_month", "n_lag_1_1", "n_lag_2_2", "n_recent", "days_since_contact"]
    pd.testing.assert_frame_equal(cohort[same], again[same])
    pd.testing.assert_frame_equal(panel, months)


def test_a_panel_with_one_outcome_of_another_name_and_no_engagement_is_known_by_it():
    rows = person("ada", [1, 2, 9, 3, 4, 5], "2017-03").rename(columns={"n_contacts": "complaints"})
    columns = panel_columns([*rows, "rank"], ["complaints"], ["rank"])
    assert columns["complaints"] == "number" and columns["rank"] == "text"
    table = sort_forms(rows.assign(rank="sergeant"), ["complaints"], ["rank"])[1]
    assert table["n_contacts"].tolist() == [1, 2, 9, 3, 4, 5] and table["is_engaged"].isna().all() and set(table["covariate_rank"]) == {"sergeant"}
    with pytest.raises(InputError, match="extracts.outcomes"):
        panel_columns(["person_id", "index_month", "month", "complaints"], [], [])


ADA, BEA = person("ada", [1, 2, 9, 3, 4, 5], "2017-03"), person("bea", [5, 6, 9, 7, 8, 9])
BAD = {
    "a month twice": (pd.concat([ADA, ADA.head(1), BEA]), "already"),
    "a month missing": (pd.concat([ADA.drop(index=2), BEA]), "months missing"),
    "an arm nobody knows": (pd.concat([ADA, BEA.assign(arm="control")]), "arm"),
    "two referrals of a person": (pd.concat([ADA.assign(index_month=["2017-03"] * 5 + ["2017-04"]), BEA]), "index_month"),
    "a referral without a month": (pd.concat([ADA.assign(index_month=None), BEA]), "index_month: blank"),
    "a month for somebody never referred": (pd.concat([ADA, BEA.assign(index_month="2017-03")]), "never referred"),
    "no exposure with contacts": (pd.concat([ADA.assign(exposure_days=0.0), BEA]), "without exposure"),
    "negative exposure": (pd.concat([ADA.assign(exposure_days=-1.0), BEA]), "exposure_days: below zero"),
    "a blank count": (pd.concat([ADA.assign(n_contacts=np.nan), BEA]), "n_contacts: blank"),
    "two forms of month": (pd.concat([ADA, BEA.assign(month=["-2", "-1", "0", "1", "2", "3"])]), "month"),
    "engagement known for some": (pd.concat([ADA.assign(is_engaged="true"), person("cay", [1] * 6, "2017-03").assign(is_engaged=None), BEA]), "is_engaged"),
}


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_in_a_panel_is_one_message_without_a_value(mistake):
    rows, named = BAD[mistake]
    with pytest.raises(InputError, match=named) as error:
        sort_forms(rows.reset_index(drop=True), [], [])
    assert "ada" not in str(error.value) and len(str(error.value).splitlines()) <= 2


def test_a_panel_that_does_not_reach_as_far_as_the_study_says_which_dates_to_set():
    with pytest.raises(InputError, match='"2017-01-01" and "2017-06-30"'):
        take_panel(BEA.head(0), calendar(ADA, BEA), SimpleNamespace(**vars(STUDY) | {"contacts_to": "2018-01-31"}))


def test_a_pseudonymised_set_with_identifiers_is_refused_before_anything_runs(tmp_path, monkeypatch):
    write_project(tmp_path)
    write_extracts(tmp_path)
    set_param(tmp_path, "extracts.kind", "pseudonymised")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="holds identifiers .*date_of_birth") as error:
        check_project()
    assert "Quattlebaum" not in str(error.value)
    with pytest.raises(InputError, match="surname"):
        tables_of_kind(FOLDER, SimpleNamespace(kind="pseudonymised", outcomes=[], covariates=[]))


def test_people_come_from_their_ids_and_a_contact_without_one_is_nobodys():
    contacts = blank_identifiers(pd.DataFrame({"contact_id": ["k1", "k2", "k3"], "person_id": ["a", None, "a"]}), "nominal_id", ["contact_id", "nominal_id"])
    referrals = blank_identifiers(pd.DataFrame({"referral_id": ["r1", "r2"], "person_id": ["a", "b"]}), "client_id", ["referral_id", "client_id"])
    exits = pd.DataFrame({"client_id": [None, None], "nominal_id": ["b", "nobody"], "from_on": pd.Timestamp("2018-01-01"), "to_on": pd.NaT, "reason": "death"})
    facts = pd.DataFrame({"nominal_id": ["a"], "sex": ["F"], "birth_year": pd.array([1980], "Int64"), "area": ["DH1"]})
    links, persons, person_exits = take_people(contacts, referrals, exits, facts, "key")
    assert links["contact_id"].tolist() == ["k1", "k3"] and links["person_id"].nunique() == 1
    by_client = persons.set_index("client_id")
    assert by_client["n_contacts"].to_dict() == {"a": 2, "b": 0} and by_client.loc["a", "sex"] == "F"
    assert person_exits["person_id"].tolist() == [by_client.loc["b", "person_id"]]
    assert not set(persons["person_id"]) & {"a", "b"}


def test_an_empty_table_has_the_columns_that_its_suite_promises():
    assert empty_table("links").columns.tolist() == ["contact_id", "person_id", "match_probability"] and empty_table("links").empty
