"""Safety outcomes counted by hand, shown uncorrected, and said to be absent where the extracts do not hold them; doses by hand."""

import numpy as np
import pandas as pd
import pytest
from trial_frames import cohort_row, make_cohort, make_panel, random_trials

from pipeline.contrasts import PRIMARY
from pipeline.doses import control_doses, describe_doses, support_of_people
from pipeline.effect import fit_effects
from pipeline.empty_tables import empty_table
from pipeline.safety import control_safety, count_safety, estimate_safety, list_recorded
from pipeline.tables import read_reference

CODES = read_reference("safety_codes")
NOBODY = pd.DataFrame({"person_id": pd.Series(dtype=str), "from_on": pd.Series(dtype="datetime64[us]"), "to_on": pd.Series(dtype="datetime64[us]"), "reason": pd.Series(dtype=str)})


def contact(number, day, code, role="subject", **values):
    plain = dict(contact_id=f"k{number}", incident_id=f"i{number}", received_at=pd.Timestamp(day), service="police", channel="101", opening_code="WEL", closing_code=code, role=role, is_attended=True, officer_minutes=1.0, is_duplicate=False)
    return plain | values


def counted(*contacts, exits=NOBODY):
    """Ann is referred on 10 March 2018; Bea, not yet referred, has the same day and is referred on 1 June. Odd contacts are Ann's."""
    cohort = make_cohort(cohort_row("ann"), cohort_row("bea", "not_yet_referred", next_referred_on=pd.Timestamp("2018-06-01")))
    facts = pd.DataFrame(contacts) if contacts else empty_table("contact_facts")
    links = pd.DataFrame({"contact_id": facts["contact_id"], "person_id": np.where(np.arange(len(facts)) % 2 == 0, "ann", "bea")})
    found = count_safety(cohort, links, facts, exits, CODES, 12, 0)
    return [tuple(row) for row in found.itertuples(index=False)]


def test_incidents_count_once_after_the_index_day_in_the_roles_that_the_reference_names():
    """Ann is missing twice in one incident and once on the index day, Bea twice, the second after her own referral; a caller reports another."""
    found = counted(
        contact(1, "2018-04-01", "MIS"), contact(2, "2018-05-01", "MIS"), contact(3, "2018-04-02", "MIS", "victim", incident_id="i1"), contact(4, "2018-07-01", "MIS"),
        contact(5, "2018-03-10", "MIS"), contact(6, "2018-07-02", "MIS", "caller"), contact(7, "2018-05-01", "DAI", "victim"), contact(8, "2019-04-01", "MHD"),
        contact(9, "2018-05-02", "MHD", is_duplicate=True),
    )  # fmt: skip
    assert found == [(1, "n_domestic_victim", 1, 0), (1, "n_missing", 1, 0), (2, "n_missing", 2, 1)]


def test_death_comes_from_the_exits_and_only_after():
    exits = pd.DataFrame({"person_id": ["ann", "bea"], "from_on": pd.to_datetime(["2018-08-01", "2018-08-01"]), "to_on": pd.to_datetime([None, None]), "reason": ["death", "custody"]})
    assert counted(contact(1, "2018-04-01", "WEL"), exits=exits) == [(1, "n_deaths", 1, 0)]


def test_extracts_without_codes_say_so_and_count_nothing():
    assert counted() == []
    trials = random_trials(n=200)
    facts = empty_table("contact_facts")
    found = estimate_safety(trials, fit_effects(trials, (PRIMARY,), with_groups=False), pd.DataFrame(columns=["trial_id", "outcome", "n", "n_later"]), list_recorded(facts, NOBODY, CODES), 0.95)
    assert (found["status"] == "not recorded in these extracts").all() and len(found) == 4
    assert control_safety(found, 10, 5)["estimate"].isna().all()


def test_the_ratio_is_that_of_the_weighted_rates_and_small_counts_leave_nothing():
    """30 of the referred and every third comparison person went missing once; nobody among the referred was detained."""
    trials = random_trials(n=600, seed=8)
    fits = fit_effects(trials, (PRIMARY,), with_groups=False)
    missing = np.where(trials.is_referred, np.cumsum(trials.is_referred) <= 30, np.arange(600) % 3 == 0)
    rows = pd.DataFrame({"trial_id": trials.trial_id[missing], "outcome": "n_missing", "n": 1, "n_later": 0})
    others = pd.DataFrame({"trial_id": trials.trial_id[~trials.is_referred][:40], "outcome": "n_mental_health", "n": 1, "n_later": 0})
    found = estimate_safety(trials, fits, pd.concat([rows, others]), ["n_missing", "n_mental_health"], 0.95).set_index("outcome")
    missed = found.loc["n_missing"]
    assert missed["estimate"] == pytest.approx(np.log(missed["rate_referred"] / missed["rate_comparison"])) and missed["ci_low"] < missed["estimate"] < missed["ci_high"]
    assert found.loc["n_mental_health", "status"] == "not estimable: one arm has none, or nobody can be compared"
    controlled = control_safety(found.reset_index(), 10, 5).set_index("outcome")
    assert controlled.loc["n_missing", "n_events"] == 30 and pd.isna(controlled.loc["n_mental_health", "rate_comparison"])


def test_support_runs_from_first_contact_to_its_end_and_quarters_are_described():
    """Four engaged people supported for 1, 2, 3 and 4 times 30.4375 days, the last without an end; two contacts a month before, one after."""
    names = ["ann", "bea", "cai", "dot"]
    cohort = make_cohort(*(cohort_row(name, is_engaged=True) for name in names), cohort_row("eve", "not_yet_referred"))
    first = pd.Timestamp("2018-04-01")
    closed = [first + pd.Timedelta(days=days) for days in (30.4375, 60.875, 91.3125)] + [pd.NaT]
    referrals = pd.DataFrame({"referral_id": ["r1", "r2", "r3", "r4"], "client_id": ["c1", "c2", "c3", "c4"], "first_contact_on": first, "closed_on": closed})
    persons = pd.DataFrame({"person_id": [*names, "eve"], "client_id": ["c1", "c2", "c3", "c4", None]})
    support = support_of_people(referrals, persons, first + pd.Timedelta(days=121.75))
    assert support["months"].round(1).tolist() == [1.0, 2.0, 3.0, 4.0] and support["is_open"].tolist() == [False, False, False, True]
    doses = describe_doses(cohort, make_panel(*[[2, 2, 1, 1]] * 5, first_month=-2), support, 2)
    assert doses["n_people"].tolist() == [1, 1, 1, 1] and doses["share_open"].tolist() == [0, 0, 0, 1]
    assert doses["contacts_before"].to_numpy() == pytest.approx(2 * doses["contacts_after"].to_numpy())
    assert control_doses(doses, 10, 5)[["median_months", "contacts_after", "share_open"]].isna().all(axis=None)


def test_without_referrals_on_record_no_dose_is_described():
    cohort = make_cohort(cohort_row("ann"), cohort_row("eve", "not_yet_referred"))
    support = support_of_people(empty_table("referral_facts"), empty_table("persons"), "2020-01-01")
    doses = describe_doses(cohort, make_panel([1, 1], [1, 1], first_month=-1), support, 1)
    assert doses.empty and control_doses(doses, 10, 5).empty
