"""Calibrated probabilities against the truth of simulated forces, seeds 301 to 303, named beforehand; 25,000 contact rows each.

Only the forces' own nominal ids calibrate; the truth is looked at afterwards. What the three worlds saw is put together,
because one of them holds some 25 wrong links.
"""

import numpy as np
import pandas as pd
import pytest

from pipeline.calibration import around_known, describe_line, draw_known, fit_line, hold_against_truth, label_links, span_people
from pipeline.cleaning import standardise_people
from pipeline.contact_identities import collapse_identities, count_terms
from pipeline.contradictions import settle_pairs
from pipeline.linkage import train_model
from pipeline.misrecording import CONTACTS, worsen
from pipeline.params import check_params, load_sections
from pipeline.scoring import score_clients, score_identities
from pipeline.simulate import make_extracts, truth_tables
from pipeline.simulation import simulate_demand
from pipeline.tables import read_reference

SEEDS, SIZE = (301, 302, 303), 25_000
# A line has two parameters and the truth more: so far may a bin's calibrated probability lie from the share that is right.
TOLERANCE = 0.06
ENOUGH_LINKS = 100


def calibrated(seed, quality=CONTACTS):
    """The reliability of one world's links against its truth, and its line."""
    params = check_params(load_sections("study", "claim", "linkage"))
    linkage = params.linkage
    world = simulate_demand(SIZE, seed, 0.55, params.study, params.claim)
    contacts = standardise_people(make_extracts(world, read_reference("names"), seed, params.study, quality)["contacts"].astype("str"))
    contact_identities, identities = collapse_identities(contacts, read_reference("nicknames"), linkage.shared_by_at_most)
    model = train_model(identities, count_terms(identities), linkage.seed, linkage.sure_rules_recall, linkage.sampled_pairs, linkage.training_pairs)
    scoring = (linkage.floor, linkage.rare_name_at_most)
    pairs = settle_pairs(score_identities(model, identities, *scoring)[0], identities, linkage.floor, model.has_households)
    known = draw_known(identities, linkage.silver_people, linkage.seed)
    blind = around_known(identities, known, score_clients(model, identities, known, *scoring))
    silver = label_links(span_people(settle_pairs(score_identities(model, blind, *scoring)[0], blind, linkage.floor, model.has_households)), identities)
    line = fit_line(silver)
    return hold_against_truth(pairs, contact_identities, truth_tables(world)["contact_persons"], describe_line(line)), line


@pytest.fixture(scope="module")
def bins():
    """The bins of all worlds together: n, and expected, calibrated and right links."""
    tables = []
    for seed in SEEDS:
        table, line = calibrated(seed)
        tables.append(table.assign(is_fitted=line.is_fitted))
    together = pd.concat(tables, ignore_index=True)
    for name in ("expected", "calibrated", "share_right"):
        together[name] = together[name] * together["n"]
    return together.groupby("bin", as_index=False)[["n", "expected", "calibrated", "share_right", "is_fitted"]].sum()


def test_calibrated_probabilities_keep_their_word(bins):
    enough = bins[bins["n"] >= ENOUGH_LINKS]
    assert len(enough) >= 4
    assert ((enough["calibrated"] - enough["share_right"]).abs() / enough["n"] <= TOLERANCE).all()


def test_calibration_promises_as_many_wrong_links_as_there_are_within_a_factor_of_three(bins):
    """The model itself promises far fewer wrong links among the sure ones than there are."""
    sure = bins[bins["bin"] >= 0.95].sum()
    wrong, promised, calibrated_wrong = sure["n"] - sure["share_right"], sure["n"] - sure["expected"], sure["n"] - sure["calibrated"]
    assert wrong / 3 <= calibrated_wrong <= 3 * wrong
    assert abs(np.log(calibrated_wrong / wrong)) < abs(np.log(promised / wrong))


def test_records_get_worse_by_the_odds_and_row_by_row():
    """Half missing at twice the odds is two thirds; a row with factor 1 stays as it was."""
    worse = worsen(CONTACTS, np.array([1.0, 2.0]))
    missing = CONTACTS.date_of_birth_missing
    assert worse.date_of_birth_missing == pytest.approx([missing, 2 * missing / (1 + missing)])
    assert worse.nominal_id == pytest.approx([CONTACTS.nominal_id, CONTACTS.nominal_id / (2 - CONTACTS.nominal_id)])
    assert worse.placeholder == CONTACTS.placeholder


def test_rows_of_usual_quality_are_written_as_ever_beside_rows_that_are_worse():
    """Quality given row by row at its usual value makes the very same extracts; worse after referral, later rows lose details and no others."""
    params = check_params(load_sections("study", "claim"))
    world = simulate_demand(5_000, 1, 0.55, params.study, params.claim)
    names = read_reference("names")
    usual = make_extracts(world, names, 1, params.study)["contacts"]
    pd.testing.assert_frame_equal(usual, make_extracts(world, names, 1, params.study, worsen(CONTACTS, np.ones(len(usual))))["contacts"])
    first = world["referrals"].groupby("true_person_id")["referred_on"].min()
    is_after = (world["contacts"]["received_at"] > world["contacts"]["true_person_id"].map(first)).to_numpy()
    decayed = make_extracts(world, names, 1, params.study, worsen(CONTACTS, np.where(is_after, 4.0, 1.0)))["contacts"]
    blank, blank_before = decayed["phone"].isna(), usual["phone"].isna()
    assert blank[is_after].mean() > 1.5 * blank_before[is_after].mean()
    assert abs(blank[~is_after].mean() - blank_before[~is_after].mean()) < 0.03
