"""The two flows by hand.

Eight clients, each lost at another step:

    A  in the claim and in the analysis
    B  referred before the study               (in no flow)
    C  never accepted                          (lost to the claim, in the analysis)
    D  no contact on record before             (lost to both)
    E  in custody on the day of referral       (in the claim, lost to the analysis)
    F  last contact eight months before        (in the claim, untriggered)
    G  referred before the claim begins        (lost to the claim, in the analysis), referred twice
    H  is A under another client_id            (lost to both: the linkage gives H no person)
"""

import pandas as pd
import pytest
from panel_frames import CLAIM, STUDY, contact_tables, exit_table, panel_settings, person_table, referral_table, simulated_world

from pipeline.attrition import attrition_table
from pipeline.cohort import build_cohort, describe_referred
from pipeline.demand import incidents_of_people

REFERRALS = referral_table(
    ("A", "2018-06-10", True, "2018-07-01"), ("B", "2015-06-10", True, "2018-07-01"), ("C", "2018-06-10", False, None),
    ("D", "2018-06-10", True, "2018-07-01"), ("E", "2018-06-10", True, "2018-07-01"), ("F", "2018-06-10", True, "2018-07-01"),
    ("G", "2016-06-10", True, "2016-07-01"), ("G", "2018-06-10", True, "2018-07-01"), ("H", "2019-06-10", True, "2019-07-01"),
)
PERSONS = person_table({name.lower(): name for name in "ABCDEFG"})
CONTACTS = contact_tables(*[(person, "2018-06-01") for person in "abce"], ("f", "2017-10-01"), ("g", "2016-06-01"), ("d", "2018-06-11"))
EXITS = exit_table(("e", "2018-06-01", "2018-07-01", "custody"))


@pytest.fixture
def attrition():
    referred = describe_referred(REFERRALS, PERSONS, EXITS, incidents_of_people(*CONTACTS), STUDY, CLAIM, panel_settings())
    return attrition_table(referred)


def people_left(attrition, flow):
    return attrition[attrition["flow"] == flow].set_index("stage")["n_people"].to_dict()


def adds_up(attrition):
    return all(
        (rows["n_people"].shift() - rows["n_lost"])[1:].eq(rows["n_people"][1:]).all() and rows["n_lost"].iloc[0] == 0
        for _, rows in attrition.groupby("flow")
    )


def test_each_client_is_lost_where_the_rule_says(attrition):
    assert people_left(attrition, "claim") == {"referred": 7, "distinct": 6, "accepted": 5, "engaged": 5, "claim_period": 4, "observed": 4, "linked": 3, "analysed": 3}
    assert people_left(attrition, "analysis") == {"referred": 7, "distinct": 6, "observed": 6, "linked": 5, "at_risk": 4, "analysed": 3}


def test_not_accepted_and_not_engaged_people_stay_in_the_analysis(attrition):
    assert people_left(attrition, "uptake") == {"analysed": 3, "accepted": 2, "engaged": 2}


def test_people_without_a_recent_contact_are_stated_apart(attrition):
    assert people_left(attrition, "untriggered") == {"untriggered": 1, "accepted": 1, "engaged": 1}


def test_the_overlap_of_claim_and_analysis_is_stated(attrition):
    assert people_left(attrition, "overlap") == {"either": 5, "analysis": 3, "both": 1}


def test_referrals_are_counted_beside_people(attrition):
    assert attrition.query("flow == 'analysis'")["n_referrals"].tolist() == [8, 7, 7, 6, 5, 4]


def test_rows_add_up(attrition):
    assert adds_up(attrition)


def test_attrition_of_a_simulated_force_adds_up_and_ends_in_its_cohort():
    _, tables = simulated_world()
    incidents = incidents_of_people(tables["links"], tables["contact_facts"])
    referred = describe_referred(tables["referral_facts"], tables["persons"], tables["person_exits"], incidents, STUDY, CLAIM, panel_settings())
    table = attrition_table(referred)
    cohort = build_cohort(
        tables["links"], tables["persons"], tables["person_exits"], tables["contact_facts"], tables["referral_facts"], STUDY, CLAIM, panel_settings()
    )
    compared = cohort[(cohort["arm"] == "referred") & cohort["is_triggered"]]
    assert adds_up(table)
    assert people_left(table, "analysis")["analysed"] == compared["person_id"].nunique()
    assert people_left(table, "claim")["analysed"] == cohort["in_claim"].sum()
    assert people_left(table, "overlap")["both"] == compared["in_claim"].sum()
    assert people_left(table, "uptake")["engaged"] == compared["is_engaged"].sum()


def test_a_client_whom_the_linkage_does_not_know_is_lost_as_not_linked():
    referred = describe_referred(REFERRALS, PERSONS[PERSONS["client_id"] != "A"], EXITS, incidents_of_people(*CONTACTS), STUDY, CLAIM, panel_settings())
    assert referred.set_index("client_id").loc["A", ["is_linked", "is_triggered", "in_claim"]].tolist() == [False, False, False]
    assert pd.isna(referred.set_index("client_id").loc["A", "person_id"])
