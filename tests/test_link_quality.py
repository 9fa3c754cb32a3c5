"""What is said about the links, worked by hand: one client, one other person, six contacts.

Ann (client C1, referred on 1 June 2018) rang twice before and twice after; Bob, whom nobody referred, rang twice.
The linkage gives Ann's person three of her four contacts and one of Bob's.

    contact   a1  a2 | a3  a4    b1  b2
    truth     A   A  | A   A     B   B
    person    P1  P1 | P1  P3    P1  P2
"""

import numpy as np
import pandas as pd
import pytest

from pipeline.intervals import wilson_interval
from pipeline.link_quality import check_links, describe_patterns, truth_quality

LINKS = pd.DataFrame({
    "contact_id": ["a1", "a2", "a3", "a4", "b1", "b2"], "person_id": ["P1", "P1", "P1", "P3", "P1", "P2"],
    "match_probability": [1.0, 0.98, 0.98, 1.0, 0.96, 1.0],
})  # fmt: skip
PERSONS = pd.DataFrame({"person_id": ["P1", "P2", "P3"], "client_id": ["C1", None, None], "n_contacts": [4, 1, 1]})
CONTACTS = pd.DataFrame({
    "contact_id": LINKS["contact_id"], "received_at": pd.to_datetime(["2018-01-05", "2018-03-01", "2018-07-01", "2018-09-09", "2018-05-05", "2018-08-08"]),
    "forename": ["ANN", "ANN", None, None, None, "BOB"], "surname": ["ROE", "ROE", "ROE", "ROE", "ROE", "DOE"],
    "date_of_birth": pd.to_datetime(["1980-01-01", None, None, None, None, None]), "phone": ["01", None, "01", "02", "01", "03"],
    "address": None, "postcode": None, "nominal_id": None,
})  # fmt: skip
REFERRALS = pd.DataFrame({"client_id": ["C1", "C1", "C2"], "referred_on": pd.to_datetime(["2018-06-01", "2019-01-01", "2018-02-02"])})
IDENTITIES = pd.DataFrame({"contact_id": LINKS["contact_id"], "identity_id": [f"I{number}" for number in range(1, 7)]})
# a4 (I4) stays apart from P1 although the model thinks it one person with a chance of one half; it thinks less of I5 and I6.
PAIRS = pd.DataFrame({"identity_id_l": ["I1", "I1", "I3", "I5"], "identity_id_r": ["I2", "I4", "I4", "I6"], "match_probability": [0.98, 0.4, 0.5, 0.1]})
REGISTER_PAIRS = pd.DataFrame({"client_id": ["C1", "C1", "C2"], "identity_id": ["I1", "I4", "I6"], "match_probability": [0.99, 0.97, 0.5]})


@pytest.fixture(scope="module")
def link_quality():
    table = check_links(LINKS, PERSONS, IDENTITIES, PAIRS, REGISTER_PAIRS, CONTACTS, REFERRALS, 0.95, 0.85, 0.98, 0.9)
    return table.set_index(["check", "arm", "period"]).sort_index()


@pytest.fixture(scope="module")
def against_truth():
    contact_persons = pd.DataFrame({"contact_id": LINKS["contact_id"], "true_person_id": list("AAAABB")})
    client_persons = pd.DataFrame({"client_id": ["C1"], "true_person_id": ["A"]})
    table = truth_quality(LINKS, PERSONS, CONTACTS, REFERRALS, contact_persons, client_persons, describe_patterns(CONTACTS))
    return table.set_index(["measure", "arm", "period", "pattern"])["value"]


def test_the_link_rate_counts_each_client_once_and_fails_below_its_mark(link_quality):
    row = link_quality.loc[("link rate", "referred", "all")]
    assert (row["value"], row["n"], row["passed"]) == (0.5, 2, False)


def test_a_client_matched_by_two_people_is_reported(link_quality):
    assert link_quality.loc[("clients matched by several people", "referred", "all"), "value"] == 0.5


def test_expected_precision_is_the_mean_probability_by_arm_and_period(link_quality):
    expected = {("referred", "all"): 0.98, ("referred", "before"): (1 + 0.98 + 0.96) / 3, ("referred", "after"): 0.98, ("not_referred", "all"): 1.0}
    for (arm, period), value in expected.items():
        assert link_quality.loc[("expected precision", arm, period), "value"] == pytest.approx(value)


def test_expected_recall_lacks_what_the_model_holds_to_be_the_same_person(link_quality):
    # P1 holds four contacts and lacks P3's one with a chance of one half, and P2's one with a chance of one tenth.
    assert link_quality.loc[("expected recall", "referred", "all"), "value"] == pytest.approx(4 / (4 + 0.5 + 0.1))
    assert link_quality.loc[("expected recall", "not_referred", "all"), "value"] == 1


def test_a_check_without_a_mark_neither_passes_nor_fails(link_quality):
    unmarked = link_quality[link_quality["pass_mark"].isna()]
    assert len(unmarked) > 4 and unmarked["passed"].isna().all()


def test_completeness_is_shown_for_both_arms_and_periods(link_quality):
    born = link_quality.loc["completeness of date of birth", "value"]
    assert born.to_dict() == {("referred", "all"): 0.25, ("referred", "before"): pytest.approx(1 / 3), ("referred", "after"): 0.0, ("not_referred", "all"): 0.0}


def test_precision_and_recall_of_the_referred_by_period(against_truth):
    assert against_truth["precision", "referred", "all", "any"] == 3 / 4
    assert against_truth["precision", "referred", "before", "any"] == pytest.approx(2 / 3)
    assert against_truth["recall", "referred", "all", "any"] == 3 / 4
    assert against_truth["recall", "referred", "before", "any"] == 1
    assert against_truth["recall", "referred", "after", "any"] == 1 / 2


def test_those_never_referred_are_measured_on_their_largest_person(against_truth):
    # Bob's two contacts lie with P1 and P2, one each: a tie that the alphabet settles, and P1 is taken by the client.
    assert against_truth["recall", "not_referred", "all", "any"] == 1 / 2


def test_precision_and_recall_are_split_by_what_the_contact_says(against_truth):
    assert against_truth["recall", "referred", "all", "name birth phone"] == 1
    assert against_truth["recall", "referred", "all", "phone"] == 1 / 2
    assert describe_patterns(CONTACTS)["pattern"].tolist() == ["name birth phone", "name", "phone", "phone", "phone", "name phone"]


def test_a_set_without_truth_gives_an_empty_table():
    no_truth = pd.DataFrame({"contact_id": pd.Series(dtype="str"), "true_person_id": pd.Series(dtype="str")})
    no_clients = pd.DataFrame({"client_id": pd.Series(dtype="str"), "true_person_id": pd.Series(dtype="str")})
    assert truth_quality(LINKS, PERSONS, CONTACTS, REFERRALS, no_truth, no_clients, describe_patterns(CONTACTS)).empty


def test_wilsons_interval_is_that_of_the_textbook():
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 gives 0.2553 to 0.3662, 0 of 20 gives 0 to 0.1611.
    low, high = wilson_interval(np.array([81 / 263, 0.0]), np.array([263, 20]))
    assert low == pytest.approx([0.2553, 0.0], abs=5e-5) and high == pytest.approx([0.3662, 0.1611], abs=5e-5)
