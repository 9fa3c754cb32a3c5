"""The simulated world: its published figures, its potential outcomes, and records as poor as a force's."""

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.identities import draw_identities
from pipeline.misrecording import misspell
from pipeline.params import check_params, load_sections
from pipeline.simulate import main, make_extracts, truth_tables
from pipeline.simulated_demand import CUSTODY, DEAD, HOME, DemandProcess, next_place, spells
from pipeline.simulated_records import CONTACT_TYPES, contact_rows
from pipeline.simulated_scheme import draw_engaged, expected_referrals
from pipeline.simulation import generator, naive_figures, simulate_demand, true_tables, under_the_scheme, world_size
from pipeline.tables import project_root, read_reference

TINY, SMALL = 5_000, 25_000
EXTRACT_FILES = {"referrals.csv", "contacts.csv", "exits.csv", "mentors.csv", "extracts.yaml", "person_key.txt"}
TRUTH_FILES = {"contact_persons.parquet", "client_persons.parquet", "person_outcomes.parquet"}
# A ratio of two counts of the same path, thinned: its Monte Carlo error at about 3,000 contacts is 0.009.
THREE_ERRORS = 0.03


@pytest.fixture(scope="module")
def params():
    return check_params(load_sections("simulate", "study", "claim"))


@pytest.fixture(scope="module")
def demonstration(params):
    return simulate_demand(100_000, params.simulate.seed, 0.55, params.study, params.claim)


@pytest.fixture(scope="module")
def extracts(demonstration, params):
    return make_extracts(demonstration, read_reference("names"), params.simulate.seed, params.study)


@pytest.fixture(scope="module")
def small(params):
    return simulate_demand(SMALL, 1, 0.55, params.study, params.claim)


# The published figures.


def test_the_claim_cohort_counts_exactly_397_people(demonstration):
    assert demonstration["outcomes"]["in_claim"].sum() == 397


def test_the_naive_count_shows_the_published_figures(demonstration, params):
    naive = naive_figures(demonstration, params.claim.months)
    assert naive["fall"] == pytest.approx(0.81, abs=0.01)
    assert naive["none"] == pytest.approx(0.50, abs=0.02)
    assert naive["one_or_two"] == pytest.approx(0.22, abs=0.02)


def test_the_published_figures_are_no_accident_of_one_seed(params):
    figures = [naive_figures(simulate_demand(100_000, seed, 0.55, params.study, params.claim), 12) for seed in range(101, 107)]
    mean = pd.DataFrame(figures).mean()
    # Three standard errors of a mean over six worlds, whose figures stray by about 0.025 each.
    assert mean["fall"] == pytest.approx(0.81, abs=0.03)
    assert mean["none"] == pytest.approx(0.50, abs=0.03)
    assert mean["one_or_two"] == pytest.approx(0.22, abs=0.03)


def test_without_any_effect_the_naive_count_still_shows_a_large_fall(params):
    world = simulate_demand(100_000, params.simulate.seed, 1.0, params.study, params.claim)
    assert world["outcomes"]["in_claim"].sum() == 397
    assert naive_figures(world, 12)["fall"] > 0.5


def test_the_scheme_has_its_size(demonstration):
    outcomes, referrals = demonstration["outcomes"], demonstration["referrals"]
    assert 1_150 <= len(outcomes) <= 1_350 and 1_300 <= len(referrals) <= 1_500
    assert 0.5 < outcomes["is_engaged"].mean() < 0.62
    assert 0.86 < outcomes["is_triggered"].mean() < 0.93
    assert 0.05 < 1 - referrals["accepted"].mean() < 0.15
    assert len(demonstration["contacts"]) == pytest.approx(100_000, rel=0.1)


# Potential outcomes.


def test_the_engaged_keep_the_true_share_of_their_contacts_and_the_others_keep_all(demonstration):
    totals = demonstration["outcomes"].groupby("is_engaged")[["n_after_with", "n_after_without"]].sum()
    assert totals.loc[True, "n_after_with"] / totals.loc[True, "n_after_without"] == pytest.approx(0.55, abs=THREE_ERRORS)
    assert totals.loc[False, "n_after_with"] == totals.loc[False, "n_after_without"]


def test_with_no_effect_both_potential_outcomes_are_one(params):
    outcomes = simulate_demand(TINY, 1, 1.0, params.study, params.claim)["outcomes"]
    assert outcomes["n_after_without"].sum() > 0
    assert (outcomes["n_after_with"] == outcomes["n_after_without"]).all()


def test_a_harmful_scheme_adds_contacts(params):
    outcomes = simulate_demand(SMALL, 1, 1.5, params.study, params.claim)["outcomes"].query("is_engaged")
    assert outcomes["n_after_with"].sum() / outcomes["n_after_without"].sum() == pytest.approx(1.5, abs=0.15)


def test_another_effect_leaves_people_referrals_and_the_untreated_path_as_they_were(small, params):
    other = simulate_demand(SMALL, 1, 1.0, params.study, params.claim)
    pd.testing.assert_frame_equal(small["people"], other["people"])
    pd.testing.assert_frame_equal(small["referrals"], other["referrals"])
    pd.testing.assert_frame_equal(small["outcomes"].drop(columns="n_after_with"), other["outcomes"].drop(columns="n_after_with"))


def test_thinning_starts_on_the_day_of_the_referral_and_keeps_draws_below_the_effect():
    """Person 0 is supported from the 10th, person 1 never: of four contacts only the one on the 10th with draw 0.7 goes."""
    days = pd.to_datetime(["2020-01-09", "2020-01-10", "2020-01-11", "2020-01-11"])
    untreated = pd.DataFrame({"person": [0, 0, 0, 1], "day": days, "role": "caller", "draw": [0.7, 0.7, 0.3, 0.7]})
    supported_from = np.array(["2020-01-10", "NaT"], "datetime64[ns]")
    actual = under_the_scheme(untreated, supported_from, 0.55, np.random.default_rng(0))
    assert actual[["person", "day"]].values.tolist() == [[0, days[0]], [0, days[2]], [1, days[3]]]


def test_engaging_is_blind_to_demand(params):
    """Over ten worlds the engaged and the never engaged, among the triggered, would have called alike."""
    worlds = [simulate_demand(SMALL, seed, 1.0, params.study, params.claim)["outcomes"] for seed in range(1, 11)]
    means = pd.concat(worlds).query("is_triggered").groupby("is_engaged")["n_after_without"].mean()
    assert means[True] == pytest.approx(means[False], rel=0.25)


# Small sums done by hand.


def test_expected_referrals_are_one_less_the_chance_of_never_being_referred():
    """Person 0 has two weeks at a half (expected 0.75), person 1 one week at a fifth, person 2 none."""
    assert expected_referrals(np.array([0, 0, 1]), np.array([0.5, 0.5, 0.2]), 3) == pytest.approx(0.95)


def test_the_claim_takes_its_number_and_the_others_the_same_share():
    """Ten could be claimed, twenty could not; five of the ten means ten of the twenty; the unreachable stay out."""
    clients = pd.DataFrame({"could_be_claimed": [True] * 10 + [False] * 22, "is_reachable": [True] * 30 + [False] * 2})
    engaged = draw_engaged(clients, 5, np.random.default_rng(0))
    assert engaged[:10].sum() == 5 and engaged[10:30].sum() == 10 and not engaged[30:].any()


def test_spells_run_from_the_first_week_away_to_the_last_and_death_has_no_end():
    """Four weeks, a day later for person 1: person 0 is in custody in the second and third, person 1 dies in the fourth."""
    weeks = pd.date_range("2020-01-01", periods=4, freq="7D")
    whereabouts = np.array([[HOME, HOME], [CUSTODY, HOME], [CUSTODY, HOME], [HOME, DEAD]], np.uint8)
    table = spells(whereabouts, weeks, np.array([0, 1]), weeks[0], pd.Timestamp("2020-01-31"))
    assert table["reason"].tolist() == ["custody", "death"]
    assert table["from_on"].tolist() == [pd.Timestamp("2020-01-08"), pd.Timestamp("2020-01-23")]
    assert table.loc[0, "to_on"] == pd.Timestamp("2020-01-21") and pd.isna(table.loc[1, "to_on"])


def test_contacts_lead_to_custody_and_the_dead_stay_dead():
    process = DemandProcess(custody_enter=0.1, custody_per_contact=0.1)
    places = next_place(np.array([HOME, HOME, DEAD], np.uint8), np.array([0, 5, 0]), process, np.array([0.3, 0.3, 0.0]))
    assert places.tolist() == [HOME, CUSTODY, DEAD]


@pytest.mark.parametrize(
    ("lots", "written"),
    [((0.1, 0.3, 0.0), "Jhn"), ((0.3, 0.3, 0.0), "Joohn"), ((0.6, 0.3, 0.0), "Jhon"), ((0.9, 0.3, 0.0), "Jahn")],
)  # fmt: skip
def test_a_slip_drops_doubles_swaps_or_changes_a_letter(lots, written):
    assert misspell("John", *lots) == written


def test_a_single_letter_name_survives_a_slip():
    assert len(misspell("J", 0.6, 0.5, 0.5)) >= 1


# Records.


def test_rows_never_change_how_many_incidents_a_person_has():
    days = np.repeat(np.array(["2020-01-01", "2020-01-02"], "datetime64[D]").astype("datetime64[ns]"), 100)
    roles = np.tile(["caller", "caller", "subject", "victim"], 50)
    events = pd.DataFrame({"person": np.tile(np.arange(20), 10), "day": days, "role": roles, "draw": 0.5})
    rows = contact_rows(events, np.random.default_rng(1))
    counted = rows[rows["duplicate_of"].isna()].groupby("person")["incident_id"].nunique()
    assert len(rows) > len(events) and rows["incident_id"].nunique() < len(events)
    assert (counted == 10).all()


def test_an_incident_lies_on_one_day_and_a_person_has_one_role_in_it(demonstration):
    rows = demonstration["contacts"]
    assert (rows.groupby("incident_id")["received_at"].agg(lambda times: times.dt.normalize().nunique()) == 1).all()
    assert (rows.groupby(["incident_id", "true_person_id"])["role"].nunique() == 1).all()
    assert rows["contact_id"].is_unique and rows["received_at"].is_monotonic_increasing


def test_a_duplicate_names_an_earlier_row_of_the_same_person_and_incident(demonstration):
    rows = demonstration["contacts"]
    columns = ["contact_id", "incident_id", "true_person_id", "received_at"]
    doubled = rows.dropna(subset=["duplicate_of"]).merge(rows[columns], left_on="duplicate_of", right_on="contact_id", suffixes=("", "_first"), validate="many_to_one")
    assert len(doubled) == rows["duplicate_of"].notna().sum() > 0
    assert (doubled["true_person_id"] == doubled["true_person_id_first"]).all()
    assert (doubled["incident_id"] == doubled["incident_id_first"]).all()
    assert (doubled["received_at"] >= doubled["received_at_first"]).all()


def test_nobody_calls_while_away(demonstration):
    joined = demonstration["contacts"].merge(demonstration["exits"], on="true_person_id")
    day = joined["received_at"].dt.normalize()
    assert not ((day >= joined["from_on"]) & ~(day > joined["to_on"])).any()


def test_every_contact_code_stands_in_the_reference():
    reference = read_reference("contact_types")
    assert reference["code"].tolist() == CONTACT_TYPES["code"].tolist()
    assert reference["officer_minutes_typical"].tolist() == CONTACT_TYPES["officer_minutes_typical"].tolist()


@pytest.mark.parametrize(
    ("table", "column", "name"),
    [("referrals", "referral_source", "referral_source"), ("referrals", "primary_need", "primary_need"), ("referrals", "closure_reason", "closure_reason"),
     ("contacts", "channel", "channel"), ("contacts", "role", "role"), ("contacts", "grade", "grade"), ("exits", "reason", "exit_reason")],
)  # fmt: skip
def test_every_code_in_the_extracts_stands_in_the_code_lists(extracts, table, column, name):
    codes = read_reference("code_lists")
    listed = set(codes[codes["list"] == name]["code"].astype(str))
    assert set(extracts[table][column].dropna()) == listed


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [("date_of_birth", 0.47, 0.53), ("phone", 0.22, 0.28), ("postcode", 0.13, 0.17), ("forename", 0.08, 0.12)],
)  # fmt: skip
def test_details_are_missing_as_often_as_in_real_contacts(extracts, column, low, high):
    values = extracts["contacts"][column]
    missing = values.isna() | values.astype(str).str.upper().isin(["UNKNOWN", "WITHHELD"])
    assert low < missing.mean() < high


def test_six_to_ten_names_in_a_hundred_are_wrong(demonstration, extracts, params):
    study = params.study
    first, last = pd.Timestamp(study.contacts_from), pd.Timestamp(study.contacts_to)
    details = draw_identities(demonstration["people"], read_reference("names"), first, last, generator(params.simulate.seed, "identities"))
    names = details.set_index("true_person_id")[["forename", "surname"]]
    true = names.loc[demonstration["contacts"]["true_person_id"]].apply(lambda column: column.str.upper())
    written = extracts["contacts"][["forename", "surname"]].apply(lambda column: column.str.upper().mask(column.str.upper() == "UNKNOWN"))
    whole = written.notna().all(axis=1).to_numpy()
    wrong = (written.to_numpy()[whole] != true.to_numpy()[whole]).any(axis=1).mean()
    assert 0.06 < wrong < 0.10
    assert 0.08 < details["changes_on"].notna().mean() < 0.13
    assert details["phone"].duplicated().sum() > 50 and details.duplicated(["address", "postcode"]).sum() > 200
    assert details.duplicated(["forename", "surname"], keep=False).mean() > 0.05


def test_the_register_is_better_kept_than_the_contacts(extracts):
    register, contacts = extracts["referrals"], extracts["contacts"]
    assert register["date_of_birth"].isna().mean() < 0.05
    assert 0.05 < register["phone"].isna().mean() < contacts["phone"].isna().mean()


def test_a_nominal_id_is_one_persons_and_often_blank(extracts, demonstration):
    contacts = extracts["contacts"].assign(true_person_id=demonstration["contacts"]["true_person_id"].to_numpy())
    known = contacts.dropna(subset=["nominal_id"])
    assert (known.groupby("nominal_id")["true_person_id"].nunique() == 1).all()
    assert 0.15 < len(known) / len(contacts) < 0.35


def test_referrals_have_their_dates_in_order(extracts):
    table = extracts["referrals"]
    assert (table["date_of_birth"].dropna() < table.loc[table["date_of_birth"].notna(), "referred_on"]).all()
    assert not (table["first_contact_on"] < table["referred_on"]).any()
    assert not (table["closed_on"] < table["referred_on"]).any()
    assert not (table["closed_on"] < table["first_contact_on"]).any()


def test_referrals_lie_in_the_study_and_only_accepted_ones_are_met(extracts, params):
    table = extracts["referrals"]
    assert table["referred_on"].between(pd.Timestamp(params.study.referrals_from), pd.Timestamp(params.study.referrals_to)).all()
    assert table.loc[table["first_contact_on"].notna(), "accepted"].all()


def test_nobody_is_referred_while_away_or_after_leaving(demonstration):
    clients = demonstration["outcomes"][["true_person_id", "index_on"]].merge(demonstration["exits"], on="true_person_id")
    assert not ((clients["index_on"] >= clients["from_on"]) & ~(clients["index_on"] > clients["to_on"])).any()


def test_exits_of_referred_and_others_are_recorded_alike(extracts, demonstration):
    exits = demonstration["exits"].merge(demonstration["people"][["true_person_id", "client_id"]], on="true_person_id", validate="many_to_one")
    has_contact = exits["true_person_id"].isin(demonstration["contacts"]["true_person_id"])
    assert len(extracts["exits"]) == (has_contact | exits["client_id"].notna()).sum()


def test_mentors_are_as_many_as_published(extracts):
    mentors = extracts["mentors"]
    assert len(mentors) == 300 and mentors["left_on"].isna().sum() > 100 and mentors["lived_experience"].mean() > 0.7
    assert mentors.loc[mentors["former_client"], "joined_on"].dt.year.eq(2021).all() and mentors["former_client"].sum() == 10


# True tables, sizes, files.


def test_true_tables_link_every_contact_once(small):
    tables = true_tables(small)
    assert set(tables) == {"contact_facts", "links", "persons", "person_exits", "referral_facts"}
    assert tables["links"]["contact_id"].tolist() == tables["contact_facts"]["contact_id"].tolist()
    assert set(tables["links"]["person_id"]) <= set(tables["persons"]["person_id"])
    assert tables["persons"]["n_contacts"].sum() == len(tables["links"])
    assert set(tables["referral_facts"]["client_id"]) == set(tables["persons"]["client_id"].dropna())


def test_small_worlds_keep_enough_referred_people_and_large_ones_no_more():
    assert 450 <= world_size(SMALL)[1] <= 650 and world_size(TINY)[1] >= 120
    assert world_size(1_500_000)[1:] == world_size(100_000)[1:]


def write_world(folder, monkeypatch, size, true_irr=0.55):
    """Run the stage in a project of its own; return its files as bytes by their path."""
    root = project_root()
    (folder / "data").mkdir(parents=True)
    (folder / "data/reference").symlink_to(root / "data/reference")
    (folder / "dvc.yaml").write_text("stages: {}\n")
    sections = load_sections()
    sections["simulate"] |= {"size": size, "true_irr": true_irr}
    (folder / "params.yaml").write_text(yaml.safe_dump(sections), encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        main()
    written = [path for top in ("data/raw", "data/truth") for path in sorted((folder / top).rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in written}


def test_the_same_seed_gives_the_same_bytes_and_truth_stays_outside_the_extracts(tmp_path, monkeypatch):
    first = write_world(tmp_path / "first", monkeypatch, TINY)
    assert first == write_world(tmp_path / "second", monkeypatch, TINY)
    assert set(first) == {f"data/raw/demo/{name}" for name in EXTRACT_FILES} | {f"data/truth/demo/{name}" for name in TRUTH_FILES}
    extract_text = b"".join(content for path, content in first.items() if path.startswith("data/raw"))
    assert b"true_person_id" not in extract_text and b"T000001" not in extract_text


def test_the_smallest_world_that_parameters_allow_can_be_written(tmp_path, monkeypatch):
    files = write_world(tmp_path / "smallest", monkeypatch, 1000, true_irr=1.5)
    assert all(len(content) > 0 for content in files.values())
    referrals = pd.read_csv(tmp_path / "smallest/data/raw/demo/referrals.csv")
    assert len(referrals) >= 10 and set(referrals["accepted"]) <= {True, False}


def test_truth_knows_every_contact_and_every_client(small, params):
    truth = truth_tables(small)
    extracts = make_extracts(small, read_reference("names"), 1, params.study)
    assert set(truth["contact_persons"]["contact_id"]) == set(extracts["contacts"]["contact_id"])
    assert set(truth["client_persons"]["client_id"]) == set(extracts["referrals"]["client_id"])
    assert set(truth["person_outcomes"]["true_person_id"]) == set(truth["client_persons"]["true_person_id"])


@pytest.mark.parametrize("days", [("2005-01-01", "2007-12-31", "2006-01-01", "2006-12-31"), ("2022-01-01", "2023-06-30", "2022-07-01", "2023-01-31")])
def test_the_dates_of_other_extracts_do_not_stop_the_demonstration_from_being_made(params, days):
    """The stage runs whatever extracts the study is of; a study as short as these leaves too few for all referrals, and that is all."""
    study = params.study.model_copy(update=dict(zip(("contacts_from", "contacts_to", "referrals_from", "referrals_to"), map(pd.Timestamp, days))))
    made = make_extracts(simulate_demand(TINY, 13, 0.55, study, params.claim), read_reference("names"), 13, study)
    assert all(len(table) for table in made.values())
