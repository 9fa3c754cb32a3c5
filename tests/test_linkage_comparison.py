"""Linked against unlinked, by hand: four contacts, three of them with a person, two clients, one of them found."""

import pandas as pd
import pytest

from pipeline.figures_linkage import draw_linkage_comparison
from pipeline.linkage_comparison import compare_linked, control_comparison, standardise_differences
from pipeline.report_linkage import show_comparison

CONTACTS = pd.DataFrame({
    "contact_id": list("abcd"), "received_at": pd.to_datetime(["2018-01-05", "2018-06-01", "2019-07-01", "2019-09-09"]), "channel": ["999", "101", "101", "101"],
    "role": "caller", "opening_code": ["X", "X", "Y", "Z"], "forename": ["ANN", "ANN", "BOB", None], "surname": ["ROE", "ROE", "DOE", None],
    "date_of_birth": pd.to_datetime(["1980-01-01", "1980-01-01", None, None]), "sex": ["F", "F", "M", None], "phone": ["01", None, "02", None],
    "address": None, "postcode": None, "nominal_id": None,
})  # fmt: skip
LINKS = pd.DataFrame({"contact_id": list("abc"), "person_id": ["P", "P", "Q"], "match_probability": 1.0})
PERSONS = pd.DataFrame({"person_id": ["P", "Q", "R"], "client_id": ["C1", None, "C2"], "n_contacts": [2, 1, 0]})
REFERRALS = pd.DataFrame({
    "referral_id": ["R1", "R2", "R3"], "client_id": ["C1", "C1", "C2"], "referred_on": pd.to_datetime(["2018-01-01", "2019-01-01", "2019-02-02"]), "referral_source": ["health", "police", "health"],
    "primary_need": "debt", "accepted": True, "first_contact_on": pd.to_datetime(["2018-02-01", None, None]), "forename": "X", "surname": "Y", "date_of_birth": pd.to_datetime(["1980-01-01"] * 3),
    "sex": "F", "phone": None, "address": None, "postcode": None,
})  # fmt: skip
TYPES = pd.DataFrame({"code": ["X", "Y", "X"], "category": ["noise", "theft", "noise"]})


@pytest.fixture(scope="module")
def compared():
    return compare_linked(CONTACTS, LINKS, PERSONS, REFERRALS, TYPES).set_index(["compared", "characteristic", "level"])


def test_contacts_are_counted_on_the_side_where_they_are(compared):
    row = compared.loc[("contacts with and without a person", "channel", "101")]
    assert (row["n_linked"], row["n_unlinked"]) == (2, 1) and row["share_linked"] == pytest.approx(2 / 3) and row["share_unlinked"] == 1
    # Austin (2009): (2/3 - 1) / sqrt((2/3 * 1/3 + 0) / 2) = -1.
    assert row["difference"] == pytest.approx(-1.0)
    alone = compared.loc[("contacts tied to others and standing alone", "kind of contact", "theft")]
    assert (alone["n_linked"], alone["n_unlinked"]) == (0, 1)


def test_a_code_without_a_category_and_a_missing_sex_are_unknown(compared):
    assert compared.loc[("contacts with and without a person", "kind of contact", "unknown"), "n_unlinked"] == 1
    assert compared.loc[("contacts with and without a person", "sex", "unknown"), "n_unlinked"] == 1


def test_a_client_counts_once_by_the_first_referral(compared):
    row = compared.loc[("clients found and not found", "source", "health")]
    assert (row["n_linked"], row["n_unlinked"], row["difference"]) == (1, 1, 0)
    assert ("clients found and not found", "source", "police") not in compared.index


def test_figure_and_table_show_the_same_difference_where_rounding_parts_yes_from_no():
    counts = pd.DataFrame([("contacts with and without a person", "holds phone", level, linked, unlinked) for level, linked, unlinked in (("no", 9292, 128), ("yes", 83578, 27))], columns=["compared", "characteristic", "level", "n_linked", "n_unlinked"])
    published = control_comparison(standardise_differences(counts), 10, 5)
    assert published["difference"].abs().nunique() == 2
    shown = show_comparison(published)["Difference"].item().removeprefix("+")
    assert f"({shown})" in draw_linkage_comparison(published)[1]
