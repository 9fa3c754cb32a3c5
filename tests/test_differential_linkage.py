"""Do links fade after referral? Worked by hand on one person with a new telephone, and on simulated forces in which it is known.

Ann bears number N1 in four contacts. Two of them (identities 1 and 2) agree on everything; after she changed her telephone
(identities 3 and 4) only the number ties the rest to her: 16 bits of 20.

    identity   1    2   |  3    4
    number     N1   N1  |  N1   N1     pairs: 1-2 30 bits, 3-4 30 bits, 2-3 20 bits
"""

import numpy as np
import pandas as pd
import pytest

from pipeline.differential_linkage import check_differences, compare_periods, compare_true_months, find_by_details, measure_months, months_from, place_in_months, weigh_number

IDENTITIES = pd.DataFrame({"identity_id": [1, 2, 3, 4], "nominal_id": "N1"})
PAIRS = pd.DataFrame({"identity_id_l": [1, 3, 2], "identity_id_r": [2, 4, 3], "match_weight": [30.0, 30.0, 20.0]})
CONTACT_IDENTITIES = pd.DataFrame({"contact_id": ["a", "b", "c", "d", "e"], "identity_id": [1, 1, 2, 3, 4]})
LINKS = pd.DataFrame({"contact_id": ["a", "b", "c", "d", "e"], "person_id": "P", "match_probability": 1.0})


def test_a_month_begins_on_the_day_of_referral():
    received = pd.Series(pd.to_datetime(["2019-03-09 23:59", "2019-03-10 00:01", "2019-04-09", "2019-04-10", "2019-02-10", "2018-03-10"], format="ISO8601"))
    assert months_from(received, pd.Series(pd.Timestamp("2019-03-10"), index=received.index)).tolist() == [-1, 0, 0, 1, -1, -12]


def test_contacts_that_only_the_number_ties_to_a_person_are_not_found_by_details():
    found = find_by_details(IDENTITIES, PAIRS, CONTACT_IDENTITIES, LINKS, nominal_weight=16.0, accept_from=0.95)
    assert found.set_index("contact_id")["is_found"].to_dict() == {"a": True, "b": True, "c": True, "d": False, "e": False}
    assert find_by_details(IDENTITIES, PAIRS, CONTACT_IDENTITIES, LINKS, nominal_weight=0.0, accept_from=0.95)["is_found"].all()


def test_the_weight_of_a_number_is_that_of_agreeing_on_it():
    levels = pd.DataFrame({"comparison": ["sex", "nominal_id", "nominal_id"], "gamma": [1, 1, 0], "match_weight": [1.0, 15.3, -12.1]})
    assert weigh_number(levels) == 15.3 and weigh_number(levels.iloc[:1]) == 0


def make_force(seed, lost_before, lost_after, n_people=400):
    """Return placed contacts: half of the people are referred in 2018; a share of contacts is lost, people being unlike one another."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(n_people), rng.poisson(12, n_people) + 1)
    received = pd.Timestamp("2017-01-01") + pd.to_timedelta(rng.integers(0, 1000, len(person)), unit="D")
    index_on = pd.Series(pd.Timestamp("2018-01-01") + pd.to_timedelta(rng.integers(0, 300, n_people // 2), unit="D"), index=range(n_people // 2))
    is_after = received >= pd.Series(person).map(index_on).fillna(pd.Timestamp("2100-01-01")).to_numpy()
    kept = rng.random(len(person)) < np.clip(1 - np.where(is_after, lost_after, lost_before) + rng.normal(0, 0.02, n_people)[person], 0, 1)
    rows = pd.DataFrame({"measure": "found by details alone", "contact_id": np.arange(len(person)), "person_id": person, "received_at": received, "value": kept.astype(float)})
    return place_in_months(rows, index_on, 24, 12)


def test_links_that_fade_after_referral_miss_the_pass_mark_and_others_meet_it():
    for lost_after, passes in ((0.05, True), (0.15, False)):
        check = check_differences(compare_periods(make_force(1, 0.05, lost_after)), at_most=0.05)
        assert check["passed"].tolist() == [passes] and check["value"].iloc[0] == pytest.approx(lost_after - 0.05, abs=0.03)


def test_the_interval_of_the_difference_covers_the_truth():
    """Forty forces, seeds 1 to 40, in which a tenth is lost after referral and a twentieth before: 95 % should cover, at least 34 must."""
    covers = 0
    for seed in range(1, 41):
        differences = compare_periods(make_force(seed, 0.05, 0.10)).set_index("contrast")
        row = differences.loc["difference in differences"]
        covers += row["ci_low"] <= -0.05 <= row["ci_high"]
    assert covers >= 34


def test_people_never_referred_are_measured_at_the_same_calendar_months():
    """Recording fell from all to none in the second month, where three of the referred's four contacts lie: 1/4 of 1 and 3/4 of 0."""
    days = pd.to_datetime(["2018-01-05", "2018-02-05", "2018-02-06", "2018-02-07", "2018-01-03", "2018-01-04", "2018-02-03"])
    rows = pd.DataFrame({"measure": "m", "contact_id": range(7), "person_id": ["R"] * 4 + ["A", "B", "A"], "received_at": days, "value": [1.0] * 4 + [1.0, 1.0, 0.0]})
    months = measure_months(place_in_months(rows, pd.Series({"R": pd.Timestamp("2018-01-04")}), 3, 3)).set_index(["arm", "month"])["value"]
    # Month 0 of the referred holds one contact in January and none in February; month 1 begins on 4 February.
    assert months["not_referred", 0] == 1 and months["not_referred", 1] == 0 and months["referred", 0] == 1


def test_without_a_truth_there_are_no_rows_on_true_recall():
    nothing = pd.DataFrame({"contact_id": [], "true_person_id": []})
    months, differences = compare_true_months(LINKS, nothing, nothing, nothing, nothing, 12, 12)
    assert months.empty and differences.empty
