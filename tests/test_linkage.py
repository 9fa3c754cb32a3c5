"""Who is taken for whom: the named cases of named_cases.py, written into a simulated force's contacts, and the force itself against its truth."""

import numpy as np
import pandas as pd
import pytest
from named_cases import CASES, case_contacts, case_referrals, expected_people, sort_people

from pipeline.cleaning import standardise_people
from pipeline.contact_identities import collapse_identities, count_terms, describe_clients
from pipeline.contradictions import settle_pairs, settle_register
from pipeline.errors import InputError
from pipeline.large_people import part_large_people
from pipeline.link_quality import describe_patterns, truth_quality
from pipeline.linkage import describe_model, train_model
from pipeline.linkage_inputs import require_people
from pipeline.model_examples import find_unlinkables, score_examples
from pipeline.params import check_params, load_sections
from pipeline.register_entries import find_alike_clients, join_alike_clients
from pipeline.resolution import add_missing_clients, resolve_people
from pipeline.scoring import score_clients, score_identities
from pipeline.simulate import make_extracts, truth_tables
from pipeline.simulation import simulate_demand
from pipeline.tables import read_reference

SIZE, FLOOR, ACCEPT_FROM, SHARED_BY_AT_MOST, NAMES_AT_MOST, KEY = 12_000, 0.05, 0.95, 8, 8, "tests"
LEARNING = {"seed": 1, "sure_rules_recall": 0.7, "sampled_pairs": 1_000_000, "training_pairs": 1_000_000}
SCORING = {"floor": FLOOR, "rare_name_at_most": 40}

def link(contacts, referrals):
    """All of stage 02 from standardised extracts to links and persons."""
    nicknames = read_reference("nicknames")
    contact_identities, identities = collapse_identities(contacts, nicknames, SHARED_BY_AT_MOST)
    model = train_model(identities, count_terms(identities), **LEARNING)
    scored, below_floor = score_identities(model, identities, **SCORING)
    pairs, cut = part_large_people(settle_pairs(scored, identities, FLOOR), identities, NAMES_AT_MOST)
    entries = describe_clients(referrals, nicknames, SHARED_BY_AT_MOST)
    alike = find_alike_clients(entries, referrals)
    clients = join_alike_clients(entries, alike)
    register_pairs = settle_register(score_clients(model, identities, clients, **SCORING), clients, pairs, identities, FLOOR)
    return {
        "model": model, "scored": scored, "below_floor": below_floor, "contact_identities": contact_identities, "identities": identities,
        "pairs": pairs, "cut": cut, "alike": alike, "clients": clients, "register_pairs": register_pairs,
    }  # fmt: skip


@pytest.fixture(scope="module")
def world():
    params = check_params(load_sections("study", "claim"))
    world = simulate_demand(SIZE, 1, 0.55, params.study, params.claim)
    extracts = make_extracts(world, read_reference("names"), 1, params.study)
    contacts = standardise_people(pd.concat([extracts["contacts"].astype("str"), case_contacts()], ignore_index=True))
    referrals = standardise_people(pd.concat([extracts["referrals"].astype("str"), case_referrals()], ignore_index=True))
    return {"contacts": contacts, "referrals": referrals, "truth": truth_tables(world)}


@pytest.fixture(scope="module")
def linked(world):
    return link(world["contacts"], world["referrals"])


@pytest.fixture(scope="module")
def resolved(linked):
    links, persons = resolve_people(linked["contact_identities"], linked["pairs"], linked["register_pairs"], ACCEPT_FROM, KEY)
    return links, add_missing_clients(persons, linked["clients"]["client_id"], KEY)


def people_of(case, links):
    """The person of each of a case's contacts, missing for a contact that belongs to nobody."""
    contact_ids = [f"{case} {number:02}" for number in range(1, len(CASES[case]) + 1)]
    return links.set_index("contact_id")["person_id"].reindex(contact_ids).tolist()


@pytest.mark.parametrize("case", CASES)
def test_a_named_case_is_resolved_as_its_table_says(case, resolved):
    assert sort_people(people_of(case, resolved[0])) == expected_people(case)


def test_a_contact_is_never_linked_to_two_people(resolved, world):
    links = resolved[0]
    assert links["contact_id"].is_unique
    assert set(links["contact_id"]) <= set(world["contacts"]["contact_id"])
    assert links["match_probability"].between(ACCEPT_FROM, 1).all()


def test_a_client_has_one_person_and_a_person_one_client(resolved, world):
    persons = resolved[1]
    assert persons["person_id"].is_unique
    assert sorted(persons["client_id"].dropna()) == sorted(set(world["referrals"]["client_id"]) - {"CASE-AGAIN"})


def test_a_client_is_found_by_details_that_the_contacts_know(resolved):
    links, persons = resolved
    found = persons[persons["client_id"] == "CASE-FOUND"].iloc[0]
    assert [found["person_id"]] == people_of("a client", links) and found["n_contacts"] == 1 and found["register_probability"] > ACCEPT_FROM


def test_a_client_whom_nobody_finds_is_a_person_without_contacts(resolved):
    unknown = resolved[1].query("client_id == 'CASE-UNKNOWN'").iloc[0]
    assert unknown["n_contacts"] == 0 and pd.isna(unknown["register_probability"])


def test_a_client_in_the_register_twice_is_found_under_the_client_id_referred_first(linked, resolved):
    assert linked["alike"].to_numpy().tolist() == [["CASE-AGAIN", "CASE-FIRST"]]
    links, persons = resolved
    holder = persons[persons["client_id"].isin(["CASE-AGAIN", "CASE-FIRST"])]
    assert holder["client_id"].tolist() == ["CASE-FIRST"] and holder["n_contacts"].tolist() == [2]
    assert set(people_of("a client in the register twice", links)) == set(holder["person_id"])


def attach(referrals, linked):
    """Links and everyone, with another register attached to the people already resolved."""
    clients = describe_clients(referrals, read_reference("nicknames"), SHARED_BY_AT_MOST)
    scored = score_clients(linked["model"], linked["identities"], clients, **SCORING)
    register_pairs = settle_register(scored, clients, linked["pairs"], linked["identities"], FLOOR)
    links, persons = resolve_people(linked["contact_identities"], linked["pairs"], register_pairs, ACCEPT_FROM, KEY)
    return links, add_missing_clients(persons, clients["client_id"], KEY)


def test_a_register_without_any_phone_still_finds_most_of_its_clients(linked, world):
    links, persons = attach(world["referrals"].assign(phone=None), linked)
    require_people(links, persons, 0.25)
    found = persons.dropna(subset=["client_id"])["n_contacts"].gt(0)
    assert found.mean() > 0.85


def test_a_register_of_another_place_stops_with_a_message(linked, world):
    """The same number of clients, none of whom ever lived here."""
    strangers = world["referrals"].assign(
        forename=[f"QX{letter}ZW" for letter in world["referrals"]["client_id"].str[-1]], surname="VVXQ" + world["referrals"]["surname"].str[::-1],
        date_of_birth=world["referrals"]["date_of_birth"] - pd.Timedelta(40_000, "D"), phone=None, address=None, postcode=None,
    )  # fmt: skip
    with pytest.raises(InputError, match="the details of no client match any contact"):
        require_people(*attach(strangers, linked), 0.25)


def test_the_register_joins_nobodys_contacts(linked, resolved):
    links, persons = resolve_people(linked["contact_identities"], linked["pairs"], linked["register_pairs"].iloc[:0], ACCEPT_FROM, KEY)
    pd.testing.assert_frame_equal(links, resolved[0])
    assert persons["client_id"].isna().all()


def test_a_higher_threshold_only_parts_people(linked):
    low, high = (resolve_people(linked["contact_identities"], linked["pairs"], linked["register_pairs"], at, KEY)[0] for at in (0.8, 0.99))
    both = low.merge(high, on="contact_id", validate="one_to_one", suffixes=("_low", "_high"))
    assert len(both) == len(low)
    assert both.groupby("person_id_high")["person_id_low"].nunique().max() == 1
    assert high["person_id"].nunique() > low["person_id"].nunique()


def test_another_key_gives_other_ids_to_the_same_people(linked, resolved):
    other = resolve_people(linked["contact_identities"], linked["pairs"], linked["register_pairs"], ACCEPT_FROM, "another key")[0]
    both = resolved[0].merge(other, on="contact_id", validate="one_to_one")
    assert not set(both["person_id_x"]) & set(both["person_id_y"])
    assert both.drop_duplicates(["person_id_x", "person_id_y"])["person_id_x"].is_unique


def test_one_more_contact_leaves_everybody_else_s_person_id_as_it_was(resolved, linked):
    """Comparison days are dealt by person_id, so a number that shifted with every new contact would deal all of them anew."""
    more = linked["contact_identities"].assign(identity_id=lambda all: all["identity_id"] + 1)
    more = pd.concat([pd.DataFrame({"contact_id": ["0 first of all"], "identity_id": [1]}), more], ignore_index=True)
    pairs = linked["pairs"].assign(identity_id_l=lambda all: all["identity_id_l"] + 1, identity_id_r=lambda all: all["identity_id_r"] + 1)
    register_pairs = linked["register_pairs"].assign(identity_id=lambda all: all["identity_id"] + 1)
    links, persons = resolve_people(more, pairs, register_pairs, ACCEPT_FROM, KEY)
    others = links[links["contact_id"] != "0 first of all"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, resolved[0])
    assert len(persons) == others["person_id"].nunique() + 1


def test_the_same_extracts_give_the_same_tables_whatever_their_order(linked, world):
    again = link(world["contacts"].sample(frac=1, random_state=5), world["referrals"].sample(frac=1, random_state=5))
    for name in ("contact_identities", "pairs", "register_pairs"):
        pd.testing.assert_frame_equal(again[name], linked[name], check_exact=True)


def test_a_small_force_is_linked_with_precision_and_recall_alike_in_both_arms(resolved, world):
    links, persons = resolved
    truth, contacts, referrals = world["truth"], world["contacts"], world["referrals"]
    facts = contacts.assign(received_at=pd.to_datetime(contacts["received_at"]))
    register = referrals.assign(referred_on=pd.to_datetime(referrals["referred_on"]))
    table = truth_quality(links, persons, facts, register, truth["contact_persons"], truth["client_persons"], describe_patterns(contacts))
    whole = table[(table["pattern"] == "any") & (table["period"] == "all")].set_index(["measure", "arm"])["value"]
    assert whole["precision"].min() >= 0.98 and whole["recall"].min() >= 0.90
    assert abs(whole["recall", "referred"] - whole["recall", "not_referred"]) < 0.05


def test_the_contacts_of_a_force_show_that_households_are_among_them(linked):
    households = linked["model"].households.iloc[0]
    assert linked["model"].has_households and households["gain"] > households["needed"]


def test_levels_of_the_model_add_up_and_say_what_they_were_learnt_from(linked):
    model = describe_model(linked["model"])
    shares = linked["model"].levels.groupby("comparison")[["m", "u"]].sum()
    assert shares["m"].between(0.95, 1.05).all() and shares["u"].between(0.95, 1.05).all()
    assert (model["n_pairs_u"] > 0).all() and (model.loc[model["comparison"] != "nominal_id", "n_pairs_m"] > 100).all()


def test_the_agreement_levels_and_the_rarity_of_names_make_up_the_match_weight(linked):
    """Sex, place, nominal id and date of birth count by their level alone: two pairs that differ in these only differ by their weights."""
    scored, levels = linked["scored"], linked["model"].levels.set_index(["comparison", "gamma"])["match_weight"]
    plain = scored[(scored[["gamma_forename", "gamma_surname", "gamma_phone"]] < 3).all(axis=1) & (scored["gamma_phone"] != 3) & (scored["gamma_forename"] >= 0)].head(50)
    prior = linked["model"].settings["probability_two_random_records_match"]
    assert len(plain) == 50
    for pair in plain.to_dict("records"):
        known = [(name.removeprefix("gamma_"), value) for name, value in pair.items() if name.startswith("gamma_") and value >= 0]
        assert pair["match_weight"] == pytest.approx(np.log2(prior / (1 - prior)) + sum(levels[part] for part in known))


def test_what_lies_below_the_floor_is_counted(linked):
    below = linked["below_floor"].iloc[0]
    assert below["n_pairs"] > 0 and 0 < below["expected_matches"] < FLOOR * below["n_pairs"]


def test_too_few_identities_to_learn_from_say_so(linked):
    few = linked["identities"].head(50)
    with pytest.raises(InputError, match="fewer than 100 distinct identities"):
        train_model(few, count_terms(few), **LEARNING)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda all: all.assign(phone=None), "no contact has a phone"),
        (lambda all: all.assign(date_of_birth=None, postcode=None), "no contact has a date_of_birth or a postcode"),
        (lambda all: all.assign(phone=[f"07700{row:06}" for row in range(len(all))]), "agree on forename_root and phone or on date_of_birth and phone"),
        (lambda all: all.assign(forename=all["forename"].where(all["phone"].isna())), "fewer than 100 differently named people"),
    ],
)
def test_contacts_that_say_too_little_to_learn_from_are_told(linked, change, told):
    """Without this Splink stops with an error of its own, whose text nobody sees."""
    poor = change(linked["identities"].head(2000))
    with pytest.raises(InputError, match=told):
        train_model(poor, count_terms(poor), **LEARNING)


def test_a_made_up_pair_is_weighed_step_by_step_and_a_contradiction_is_told(linked):
    steps = score_examples(linked["model"], read_reference("example_pairs"), read_reference("nicknames"))
    for _, rows in steps.groupby("example"):
        assert rows["match_weight"].iloc[:-1].sum() == pytest.approx(rows["total"].iloc[-1]) and rows["step"].iloc[-1] == "altogether"
    last = steps[steps["step"].eq("altogether")].set_index("example")
    assert last.loc["Nickname and new phone", "total"] > np.log2(ACCEPT_FROM / (1 - ACCEPT_FROM)) > last.loc["Married and moved", "total"]
    assert last["level"].str.startswith("ruled out").to_dict() == {name: name in ("Twins at home", "Father and son") for name in last.index}


def test_who_says_too_little_to_be_linked_is_counted_and_the_curve_only_rises(linked):
    curve = find_unlinkables(linked["model"], linked["identities"], 7, SCORING["rare_name_at_most"])
    assert curve["share_contacts"].is_monotonic_increasing and curve["n_contacts"].iloc[0] == 7 and curve["n_identities"].iloc[0] == 0
    assert curve["share_contacts"].iloc[-1] <= 1
