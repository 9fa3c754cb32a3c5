"""Linkage of records that others made: FEBRL data set 1, 500 people written down twice, the second time with errors."""

import pandas as pd
import pytest
from febrl_frames import FEBRL1, as_contacts, pair_quality, read_febrl

from pipeline.contact_identities import collapse_identities, count_terms
from pipeline.contradictions import settle_pairs
from pipeline.linkage import train_model
from pipeline.params import check_params, load_sections
from pipeline.resolution import accept_links
from pipeline.scoring import score_identities
from pipeline.tables import read_reference


@pytest.fixture(scope="module")
def records():
    return read_febrl(FEBRL1)


@pytest.fixture(scope="module")
def linked(records):
    linkage = check_params(load_sections("linkage")).linkage
    contact_identities, identities = collapse_identities(as_contacts(records), read_reference("nicknames"), linkage.shared_by_at_most)
    model = train_model(identities, count_terms(identities), linkage.seed, linkage.sure_rules_recall, linkage.sampled_pairs, linkage.training_pairs)
    scored, _ = score_identities(model, identities, linkage.floor, linkage.rare_name_at_most)
    pairs = settle_pairs(scored, identities, linkage.floor, model.has_households)
    return model, accept_links(contact_identities, pairs, linkage.accept_from, "tests")


def test_people_of_the_reference_data_are_found(records, linked):
    """As the project comes, nothing tuned for these data; recordlinkage's classifiers and Splink's tutorial are in benchmarks/."""
    person_of = records["rec_id"].map(linked[1].set_index("contact_id")["person_id"]).fillna(records["rec_id"])
    quality = pair_quality(person_of, records["true_person_id"])
    assert quality["precision"] >= 0.998 and quality["recall"] >= 0.99


def test_where_nobody_shares_a_home_a_contradiction_is_a_slip(linked):
    households = linked[0].households.iloc[0]
    assert not linked[0].has_households and households["gain"] < households["needed"] and households["n_pairs"] >= 200


def test_precision_and_recall_count_pairs():
    """Truth aa bb; found a|a bb': of one pair found one is right, of two true pairs one was found."""
    quality = pair_quality(pd.Series([1, 2, 3, 3]), pd.Series(["a", "a", "b", "b"]))
    assert (quality["precision"], quality["recall"]) == (1.0, 0.5)
