"""Extracts that make linking hard: what stops with a message, and what is counted and goes on."""

import pandas as pd
import pytest
from named_cases import FIELDS

from pipeline.cleaning import standardise_people
from pipeline.contact_identities import collapse_identities, describe_clients
from pipeline.contradictions import settle_register
from pipeline.errors import InputError
from pipeline.linkage_inputs import check_inputs, require_identifiers, require_people
from pipeline.register_entries import find_alike_clients, join_alike_clients
from pipeline.resolution import add_missing_clients, assign_exits, resolve_people
from pipeline.tables import read_reference

ANN = ("Ann", "Ark", "1980-01-02", "F", "07700 900001", "1 Elm Road", "DH1 1AA")
BOB = ("Bob", "Bell", "1970-03-04", "M", "07700 900002", "2 Elm Road", "DH1 1AB")
CAL = ("Cal", "Coe", None, "M", "07700 900003", "3 Elm Road", "DH1 1AC")


def extract(key, *rows):
    """Standardised people: their id, then the fields; a nominal id may follow."""
    table = pd.DataFrame([(*row, *[None] * (9 - len(row))) for row in rows], columns=[key, *FIELDS])
    return standardise_people(table.astype("str"))


def register(*rows):
    """Standardised referrals: client_id, then the fields; each referred a year after the one above."""
    dates = pd.to_datetime([f"{2016 + place}-01-01" for place in range(len(rows))])
    return extract("client_id", *rows).assign(referred_on=dates)


def alike_in(*rows):
    referrals = register(*rows)
    return find_alike_clients(describe_clients(referrals, read_reference("nicknames"), 8), referrals).to_numpy().tolist()


CONTACTS = extract("contact_id", ("K1", *ANN), ("K2", *BOB))


@pytest.mark.parametrize(
    ("contacts", "referrals", "told"),
    [
        (extract("contact_id", ("K1", *[None] * 7, "N1"), ("K2", *[None] * 7, "N2")), register(("C1", *ANN)), "a nominal_id and no other personal detail"),
        (CONTACTS.assign(forename=None, surname=None), register(("C1", *ANN)), "no forename or surname can be read"),
        (CONTACTS, register(("C1", *[None] * 7)), "nothing can be read"),
        (CONTACTS, register(("C1", "Ann", *[None] * 6)), "forename can be read; a client is found by a name and one more"),
        (CONTACTS, register(("C1", None, None, *ANN[2:])), "date of birth and phone and place can be read"),
    ],
    ids=["only nominal ids", "contacts without names", "an empty register", "a register of forenames", "a register without names"],
)  # fmt: skip
def test_extracts_that_say_too_little_are_told(contacts, referrals, told):
    with pytest.raises(InputError, match=told) as told_all:
        require_identifiers(contacts, referrals)
    assert not [value for value in ("ANN", "ARK", "N1", "C1", "K1", "900001") if value in str(told_all.value)]


def test_mistakes_in_both_extracts_are_told_at_once():
    with pytest.raises(InputError) as told:
        require_identifiers(CONTACTS.assign(forename=None, surname=None), register(("C1", *[None] * 7)))
    assert len(str(told.value).splitlines()) == 2


def test_a_register_without_phones_goes_on_and_is_told_as_a_check():
    referrals = register(("C1", *ANN[:4], None, *ANN[5:]))
    require_identifiers(CONTACTS, referrals)
    found = checks_of(CONTACTS, referrals)
    assert found["completeness of phone in the register"] == 0 and found["completeness of place in the register"] == 1


def checks_of(contacts, referrals, cut=None):
    """The values of the checks, where K1 is the only contact that a client's details match."""
    contact_identities, identities = collapse_identities(contacts, read_reference("nicknames"), 1)
    pairs = pd.DataFrame({"identity_id_l": [], "identity_id_r": [], "match_probability": [], "match_weight": []}).astype({"identity_id_l": int, "identity_id_r": int})
    entries = describe_clients(referrals, read_reference("nicknames"), 8)
    alike = find_alike_clients(entries, referrals)
    clients = join_alike_clients(entries, alike)
    register_pairs = pd.DataFrame({"client_id": clients["client_id"].unique(), "identity_id": 1, "match_probability": 0.99, "match_weight": 7.0})
    links, persons = resolve_people(contact_identities, pairs, register_pairs, 0.95, "tests")
    persons = add_missing_clients(persons, clients["client_id"], "tests")
    table = check_inputs(links, persons, contact_identities, identities, register_pairs, pairs if cut is None else cut, alike, contacts, referrals, 0.95)
    return table.set_index("check")["value"].to_dict()


def test_what_many_share_what_was_parted_and_who_stands_twice_is_counted():
    """Ann and Bob have one phone, which may be one person's only; Ann stands in the register twice, and Bob's details match her too."""
    contacts = extract("contact_id", ("K1", *ANN), ("K2", *BOB[:4], ANN[4], *BOB[5:]), ("K3", *CAL[:4], None, *CAL[5:]))
    cut = pd.DataFrame({"identity_id_l": [1, 1], "identity_id_r": [2, 3], "match_probability": [0.96, 0.9], "match_weight": [4.6, 3.2]})
    found = checks_of(contacts, register(("C1", *ANN), ("C2", *ANN), ("C3", *BOB), ("C4", *BOB[:2], "1970-03-05", *BOB[3:])), cut)
    assert found["register entries that look like one person"] == 1 / 4
    assert found["clients who match another client's person only"] == 2 / 4
    assert found["contacts of people parted for too many names"] == pytest.approx(2 / 3)
    assert found["contacts whose phone too many share"] == 1 and found["contacts whose address too many share"] == 0


@pytest.mark.parametrize(
    ("one", "other", "are_alike"),
    [
        (ANN, ANN, True),
        (ANN, ("Annie", *ANN[1:4], None, None, None), True),
        (ANN, (*ANN[:2], "1980-01-03", *ANN[3:]), False),
        (CAL, CAL, True),
        (CAL, (*CAL[:4], "07700 900009", None, None), False),
        (CAL, (*CAL[:2], "1990-09-09", *CAL[3:]), False),
        (ANN, ("Beth", *ANN[1:]), False),
    ],
    ids=["the same details", "a nickname, nothing else known", "another date of birth", "no date of birth, one phone", "no date of birth, another phone",
         "father and son, one date of birth known", "twins"],
)  # fmt: skip
def test_register_entries_look_like_one_person_by_name_and_birth_only(one, other, are_alike):
    assert alike_in(("C2", *one), ("C1", *other)) == ([["C1", "C2"]] if are_alike else [])


def test_whoever_was_referred_first_stands_for_all_entries_of_a_chain():
    """C3 was referred first; C1 shares its date of birth, C2 only a phone with an entry of C1 that lacks one."""
    undated = (*ANN[:2], None, *ANN[3:])
    assert alike_in(("C3", *ANN), ("C1", *ANN), ("C1", *undated), ("C2", *undated)) == [["C1", "C3"], ["C2", "C3"]]


def test_a_spell_in_custody_follows_the_client_who_stands_for_its_own():
    referrals = register(("C2", *ANN), ("C1", *ANN))
    alike = find_alike_clients(describe_clients(referrals, read_reference("nicknames"), 8), referrals)
    exits = pd.DataFrame({"client_id": ["C1"], "nominal_id": [None], "from_on": pd.to_datetime(["2018-01-01"]), "to_on": pd.NaT, "reason": ["custody"]})
    persons = pd.DataFrame({"person_id": ["P1"], "client_id": ["C2"], "n_contacts": [1]})
    links = pd.DataFrame({"contact_id": ["K1"], "person_id": ["P1"]})
    assert assign_exits(join_alike_clients(exits, alike), persons, links, CONTACTS)["person_id"].tolist() == ["P1"]


PERSONS = pd.DataFrame({"person_id": ["P1", "P2"], "client_id": ["C1", None], "n_contacts": [3, 7]})
LINKS = pd.DataFrame({"contact_id": [f"K{number}" for number in range(10)], "person_id": ["P1"] * 3 + ["P2"] * 7})


@pytest.mark.parametrize(
    ("links", "persons", "told"),
    [
        (LINKS, PERSONS, "one person would hold more than 60% of all contacts"),
        (LINKS.iloc[:0], PERSONS.iloc[:0], "no contact says enough"),
        (LINKS, PERSONS.assign(n_contacts=[5, 5], client_id=None), "the details of no client match any contact"),
        (LINKS, PERSONS.assign(n_contacts=[0, 10], client_id=["C1", None]).assign(n_contacts=[0, 5]), "the details of no client match any contact"),
    ],
    ids=["all contacts one person's", "no contact linked", "no client", "a client without contacts"],
)
def test_links_that_would_make_every_number_meaningless_stop(links, persons, told):
    with pytest.raises(InputError, match=told):
        require_people(links, persons, 0.6)


def test_links_of_ordinary_people_pass():
    require_people(LINKS, PERSONS, 0.7)


def test_a_register_that_matches_no_contact_leaves_empty_pairs_and_clients_without_contacts():
    contact_identities, identities = collapse_identities(CONTACTS, read_reference("nicknames"), 8)
    clients = describe_clients(register(("C1", *CAL)), read_reference("nicknames"), 8)
    nothing = pd.DataFrame({"identity_id_l": [], "identity_id_r": [], "match_weight": []}).astype({"identity_id_l": "int32", "identity_id_r": "int32"})
    pairs = nothing.assign(match_probability=pd.Series(dtype=float))
    register_pairs = settle_register(nothing, clients, pairs, identities, 0.05)
    links, persons = resolve_people(contact_identities, pairs, register_pairs, 0.95, "tests")
    assert len(register_pairs) == 0 and len(links) == 2 and persons["client_id"].isna().all()


@pytest.mark.parametrize("shared", ["phone", "address"])
def test_what_many_share_is_blanked_by_the_number_of_differently_named_people_and_never_of_rows(shared):
    """Nine residents of a home and a man who rang a hundred times; of a force fifteen times as large, the same is blanked."""
    at = {"phone": 4, "address": 5}[shared]
    value = {"phone": "07700 90{:04}", "address": "{} Home Road"}[shared]

    def person(copy, first, last, own):
        row = [first, last, "1950-01-01", "F", None, None, "DH1 1AA"]
        row[at] = value.format(own + 100 * copy)
        return tuple(row)

    letters = "ABCDEFGHI"
    rows = [(f"{copy:02} home {letter}", *person(copy, f"{letter}nn", f"{letter}rk", 1)) for copy in range(15) for letter in letters]
    rows += [(f"{copy:02} caller {number:03}", *person(copy, "Cal" if number % 3 else "Cale", "Coe", 2)) for copy in range(15) for number in range(100)]
    for copies in (1, 15):
        kept = [row for row in rows if int(row[0][:2]) < copies]
        _, identities = collapse_identities(extract("contact_id", *kept), read_reference("nicknames"), 8)
        blanked = identities[identities[shared].isna()]
        assert set(blanked["forename"]) == {f"{letter}NN" for letter in letters}
        assert blanked["n_contacts"].sum() == 9 * copies and identities["n_contacts"].sum() == 109 * copies


def test_a_phone_of_the_office_that_refers_many_finds_none_of_its_clients():
    many = [(f"C{letter}", f"{letter}nn", f"{letter}rk", "1950-01-01", "F", "01632 960111", None, None) for letter in "ABCDEFGHI"]
    entries = describe_clients(register(*many, ("CX", *ANN)), read_reference("nicknames"), 8)
    assert entries.loc[entries["client_id"] != "CX", "phone"].isna().all()
    assert entries.loc[entries["client_id"] == "CX", "phone"].tolist() == ["07700900001"]
