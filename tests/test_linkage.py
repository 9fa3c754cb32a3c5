"""Who is taken for whom: named cases, written into a simulated force's contacts, and the force itself against its truth.

A case is a few contacts of made-up people whose names nobody else in the simulated force bears.
"""

import pandas as pd
import pytest

from pipeline.cleaning import standardise_people
from pipeline.contact_identities import collapse_identities, count_terms, describe_clients
from pipeline.contradictions import settle_pairs, settle_register
from pipeline.errors import InputError
from pipeline.link_quality import describe_patterns, truth_quality
from pipeline.linkage import describe_model, train_model
from pipeline.params import check_params, load_sections
from pipeline.resolution import add_missing_clients, resolve_people
from pipeline.scoring import score_clients, score_identities
from pipeline.simulate import make_extracts, truth_tables
from pipeline.simulation import simulate_demand
from pipeline.tables import read_reference

SIZE, FLOOR, ACCEPT_FROM, SHARED_BY_AT_MOST, KEY = 12_000, 0.05, 0.95, 8, "tests"
LEARNING = {"seed": 1, "sure_rules_recall": 0.7, "sampled_pairs": 1_000_000, "training_pairs": 1_000_000}
SCORING = {"floor": FLOOR, "rare_name_at_most": 40}

FIELDS = ["forename", "surname", "date_of_birth", "sex", "phone", "address", "postcode", "nominal_id"]
BORN = "1984-03-09"
CASES = {
    "day and month exchanged": [
        ("Petra", "Quennelby", "1984-03-09", "F", None, "9 Wren Court", "DH7 7QA", None),
        ("Petra", "Quennelby", "1984-09-03", "F", None, None, "DH7 7QA", None),
    ],
    "a nickname": [
        ("Robert", "Zellathorpe", "1961-02-27", "M", "07700 111201", None, None, None),
        ("Bob", "Zellathorpe", "1961-02-27", "M", None, "3 Larch Road", "DH7 7QB", None),
    ],
    "a married name": [
        ("Yvette", "Ombersley", "1990-11-30", "F", "07700 111202", None, "DH7 7QC", None),
        ("Yvette", "Trevanion", "1990-11-30", "F", "07700 111202", None, None, None),
    ],
    "a swapped name": [
        ("Isolde", "Vantongeren", "1971-07-15", "F", "07700 111203", None, None, None),
        ("Vantongeren", "Isolde", "1971-07-15", None, "07700 111203", None, None, None),
    ],
    "a move": [
        ("Octavia", "Pellingbury", "1979-12-01", "F", "07700 111204", "1 Alder Close", "DH7 7QD", None),
        ("Octavia", "Pellingbury", "1979-12-01", "F", "07700 111204", "88 Station Road", "TS9 4ZZ", None),
    ],
    "one nominal id": [
        ("Ulric", "Snaithwaite", None, "M", None, None, None, "N-CASE-1"),
        ("Ulric", None, "1955-05-05", "M", "07700 111205", None, None, "N-CASE-1"),
    ],
    "a couple with one phone": [
        ("Leopold", "Farthingoe", "1960-01-02", "M", "07700 111301", "5 Elm Road", "DH7 7QE", None),
        ("Winifred", "Farthingoe", "1963-08-21", "F", "07700 111301", "5 Elm Road", "DH7 7QE", None),
        (None, "Farthingoe", None, None, "07700 111301", "5 Elm Road", "DH7 7QE", None),
    ],
    "father and son of one name": [
        ("Ambrose", "Hextallby", "1950-04-17", "M", "07700 111302", "6 Elm Road", "DH7 7QF", None),
        ("Ambrose", "Hextallby", "1981-10-28", "M", "07700 111302", "6 Elm Road", "DH7 7QF", None),
        ("Ambrose", "Hextallby", None, "M", "07700 111302", "6 Elm Road", "DH7 7QF", None),
    ],
    "twins": [
        ("Rowena", "Mickleover", "1995-06-19", "F", "07700 111303", "7 Elm Road", "DH7 7QG", None),
        ("Daphne", "Mickleover", "1995-06-19", "F", "07700 111303", "7 Elm Road", "DH7 7QG", None),
    ],
    "two nominal ids": [
        ("Clement", "Jarrowby", None, "M", None, None, "DH7 7QH", "N-CASE-2"),
        ("Clement", "Jarrowby", None, "M", None, None, "DH7 7QH", "N-CASE-3"),
    ],
    "nothing that identifies": [
        ("Gwendal", None, None, "F", None, None, None, None),
        (None, None, None, None, "07700 111304", None, None, None),
    ],
    "a client": [("Thaddeus", "Ollerenshaw", "1988-08-08", "M", "07700 111401", "2 Oak Road", "DH7 7QJ", None)],
}
ONE_PERSON = ["day and month exchanged", "a nickname", "a married name", "a swapped name", "a move", "one nominal id"]
TWO_PEOPLE = ["a couple with one phone", "father and son of one name", "twins", "two nominal ids"]
HOSTEL = [(f"{letter}{name}", f"{other}ostelby", None, None, "01632 960999", "1 Hostel Road", "DH7 7QK", None)
          for name, letter, other in zip(["dric", "lma", "nna", "rwin", "sther", "than", "unice", "velyn", "zra", "gan"], "ABDFGJKLMN", "QRSTVWXYZC")]  # fmt: skip
REGISTER = [
    ("CASE-FOUND", "Thaddeus", "Ollerenshaw", "1988-08-08", "M", None, "2 Oak Road", "DH7 7QJ"),
    ("CASE-UNKNOWN", "Xanthe", "Nobodyson", "1970-01-31", "F", "07700 111499", "4 Oak Road", "DH7 7QL"),
]


def case_contacts():
    """The contacts of all cases, numbered within their case."""
    rows = [(f"{case} {number}", *details) for case, people in (CASES | {"a hostel": HOSTEL}).items() for number, details in enumerate(people, 1)]
    return pd.DataFrame(rows, columns=["contact_id", *FIELDS])


def link(contacts, referrals):
    """All of stage 02 from standardised extracts to links and persons."""
    nicknames = read_reference("nicknames")
    contact_identities, identities = collapse_identities(contacts, nicknames, SHARED_BY_AT_MOST)
    model = train_model(identities, count_terms(identities), **LEARNING)
    scored, below_floor = score_identities(model, identities, **SCORING)
    pairs = settle_pairs(scored, identities, FLOOR)
    clients = describe_clients(referrals, nicknames, SHARED_BY_AT_MOST)
    register_pairs = settle_register(score_clients(model, identities, clients, **SCORING), clients, pairs, identities, FLOOR)
    return {"model": model, "scored": scored, "below_floor": below_floor, "contact_identities": contact_identities, "identities": identities, "pairs": pairs, "register_pairs": register_pairs}


@pytest.fixture(scope="module")
def world():
    params = check_params(load_sections("study", "claim"))
    world = simulate_demand(SIZE, 1, 0.55, params.study, params.claim)
    extracts = make_extracts(world, read_reference("names"), 1, params.study)
    contacts = standardise_people(pd.concat([extracts["contacts"].astype("str"), case_contacts()], ignore_index=True))
    cases = pd.DataFrame(REGISTER, columns=["client_id", *FIELDS[:-1]])
    referrals = standardise_people(pd.concat([extracts["referrals"].astype("str"), cases], ignore_index=True))
    return {"contacts": contacts, "referrals": referrals, "truth": truth_tables(world)}


@pytest.fixture(scope="module")
def linked(world):
    return link(world["contacts"], world["referrals"])


@pytest.fixture(scope="module")
def resolved(linked, world):
    links, persons = resolve_people(linked["contact_identities"], linked["pairs"], linked["register_pairs"], ACCEPT_FROM, KEY)
    return links, add_missing_clients(persons, world["referrals"]["client_id"], KEY)


def people_of(case, links):
    """The person of each of a case's contacts that has one."""
    found = links[links["contact_id"].str.fullmatch(rf"{case} \d+")]
    return found.sort_values("contact_id")["person_id"].tolist()


@pytest.mark.parametrize("case", ONE_PERSON)
def test_one_person_written_down_in_two_ways_is_one_person(case, resolved):
    people = people_of(case, resolved[0])
    assert len(people) == 2 and len(set(people)) == 1


@pytest.mark.parametrize("case", TWO_PEOPLE)
def test_two_people_with_much_in_common_stay_two(case, resolved):
    people = people_of(case, resolved[0])
    assert people[0] != people[1]


@pytest.mark.parametrize("case", ["a couple with one phone", "father and son of one name"])
def test_a_contact_that_fits_two_people_glues_neither_to_it(case, resolved):
    people = people_of(case, resolved[0])
    assert len(people) == len(set(people)) == 3


def test_a_phone_and_an_address_that_many_people_share_link_nobody(linked, resolved):
    people = people_of("a hostel", resolved[0])
    assert len(set(people)) == len(HOSTEL)
    blanked = linked["identities"].loc[linked["identities"]["surname"].str.endswith("OSTELBY", na=False), ["phone", "address"]]
    assert len(blanked) == len(HOSTEL) and blanked.isna().all(axis=None)


def test_a_contact_that_says_too_little_belongs_to_nobody(resolved):
    assert people_of("nothing that identifies", resolved[0]) == []


def test_a_contact_is_never_linked_to_two_people(resolved, world):
    links = resolved[0]
    assert links["contact_id"].is_unique
    assert set(links["contact_id"]) <= set(world["contacts"]["contact_id"])
    assert links["match_probability"].between(ACCEPT_FROM, 1).all()


def test_a_client_has_one_person_and_a_person_one_client(resolved, world):
    persons = resolved[1]
    assert persons["person_id"].is_unique
    assert sorted(persons["client_id"].dropna()) == sorted(world["referrals"]["client_id"].unique())


def test_a_client_is_found_by_details_that_the_contacts_know(resolved):
    links, persons = resolved
    found = persons[persons["client_id"] == "CASE-FOUND"].iloc[0]
    assert [found["person_id"]] == people_of("a client", links) and found["n_contacts"] == 1 and found["register_probability"] > ACCEPT_FROM


def test_a_client_whom_nobody_finds_is_a_person_without_contacts(resolved):
    unknown = resolved[1].query("client_id == 'CASE-UNKNOWN'").iloc[0]
    assert unknown["n_contacts"] == 0 and pd.isna(unknown["register_probability"])


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
