"""Identities drawn again: whole groups move together, nobody is joined who was kept apart, people in no doubt stay as they are.

The world of most tests: group A (identities a1, a2) and group B (b1, b2), ten contacts each, and a person C apart. a1-a2
and b1-b2 are sure, a2-b1 is a toss-up below the threshold; C's client is found, A's client too.
"""

import numpy as np
import pandas as pd
import pytest

from pipeline.calibration import LOG_2, UNCALIBRATED, Line, span_people
from pipeline.link_draws import draw_line, draw_people, draw_shifts, people_of_draw
from pipeline.resolution import add_missing_clients, resolve_people

KEY, DRAWS = "tests", 150
LEVELS = pd.DataFrame({
    "comparison": "name", "gamma": [0, 1], "m": [0.1, 0.9], "u": [0.99, 0.01], "n_pairs_m": 1e9, "n_pairs_u": 1e9,
})  # fmt: skip
SURE = 40.0


def pairs_of(*rows):
    table = pd.DataFrame(rows, columns=["identity_id_l", "identity_id_r", "match_weight"]).assign(gamma_name=1)
    return table.assign(match_probability=1 / (1 + np.exp2(-table["match_weight"])))


def world():
    sizes = {"a1": 5, "a2": 5, "b1": 5, "b2": 5, "c1": 3}
    contact_identities = pd.DataFrame([(f"{identity}-{number}", identity) for identity, n in sizes.items() for number in range(n)], columns=["contact_id", "identity_id"])
    pairs = pairs_of(("a1", "a2", SURE), ("a2", "b1", 0.0), ("b1", "b2", SURE))
    register = pairs_of(("CA", "a1", SURE), ("CC", "c1", 0.0)).rename(columns={"identity_id_l": "client_id", "identity_id_r": "identity_id"})
    links, persons = resolve_people(contact_identities, pairs, register, 0.5 + 1e-9, KEY)
    return contact_identities, pairs, register, links, persons


def draws_of_world(draws=DRAWS, seed=1):
    contact_identities, pairs, register, links, _ = world()
    return draw_people(span_people(pairs), register, contact_identities, links, UNCALIBRATED, LEVELS, 0.5 + 1e-9, draws, seed, KEY)


def groups_of(links):
    """The sets of contacts that links give to one person."""
    return set(links.groupby("person_id")["contact_id"].agg(frozenset))


@pytest.fixture(scope="module")
def drawn():
    return draws_of_world()


def test_identities_drawn_by_group_vary_more_than_contacts_drawn_one_by_one(drawn):
    """A toss-up moves ten contacts at once: a standard deviation of 5, where ten separate tosses would have 1.6."""
    link_draws, _ = drawn
    moved = link_draws[link_draws["contact_id"].str.startswith(("a", "b"))].groupby("draw").size().reindex(range(1, DRAWS + 1), fill_value=0)
    assert set(moved) == {0, 10}
    by_group, by_contact = moved.var(ddof=1), 10 * 0.5 * 0.5
    assert by_group == pytest.approx(25, rel=0.15) and by_group > 5 * by_contact


def test_a_draw_keeps_a_link_with_its_probability(drawn):
    link_draws, _ = drawn
    share = link_draws["draw"].nunique() / DRAWS
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / DRAWS)


def test_a_draw_never_joins_people_whom_the_pairs_keep_apart(drawn):
    contact_identities, _, _, links, persons = world()
    allowed = [set("ab"), {"c"}]
    for draw in range(1, 21):
        after, _, _ = people_of_draw(draw, *drawn, links, persons.assign(sex="F"), no_exits())
        assert all(any({contact[0] for contact in group} <= some for some in allowed) for group in groups_of(after))


def test_people_in_no_doubt_are_the_same_in_every_draw(drawn):
    link_draws, _ = drawn
    assert not link_draws["contact_id"].str.startswith("c").any()


def test_joined_people_take_the_id_of_one_of_them_and_no_id_is_used_twice(drawn):
    _, _, _, links, _ = world()
    assert set(drawn[0]["person_id"]) <= set(links["person_id"])
    for draw in drawn[0]["draw"].unique()[:20]:
        after = links.set_index("contact_id")["person_id"].copy()
        after.update(drawn[0][drawn[0]["draw"] == draw].set_index("contact_id")["person_id"])
        assert after.nunique() == 2


def test_the_part_of_a_split_with_most_contacts_keeps_the_id():
    """One person of three and one contacts, whose only link is a toss-up: where it falls, the single contact gets a new id."""
    contact_identities = pd.DataFrame({"contact_id": ["0", "1", "2", "3"], "identity_id": ["i1", "i2", "i2", "i2"]})
    pairs = pairs_of(("i1", "i2", 0.0))
    register = pairs_of().rename(columns={"identity_id_l": "client_id", "identity_id_r": "identity_id"}).astype({"client_id": "str", "identity_id": "str", "gamma_name": "int8"})
    links, _ = resolve_people(contact_identities, pairs, register, 0.5, KEY)
    assert links["person_id"].nunique() == 1
    link_draws, _ = draw_people(span_people(pairs), register, contact_identities, links, UNCALIBRATED, LEVELS, 0.5, 40, 1, KEY)
    assert set(link_draws["contact_id"]) == {"0"} and not set(link_draws["person_id"]) & set(links["person_id"])


def test_the_register_is_attached_anew_in_each_draw(drawn):
    """A's client is found in every draw, C's in about half of them; joined with B, A's client has all twenty contacts."""
    _, _, _, links, persons = world()
    found = drawn[1].groupby("client_id").size()
    assert found["CA"] == DRAWS and abs(found["CC"] / DRAWS - 0.5) < 4 * np.sqrt(0.25 / DRAWS)
    sizes = set()
    for draw in range(1, 21):
        _, people, _ = people_of_draw(draw, *drawn, links, add_missing_clients(persons, pd.Series(["CA", "CC"]), KEY).assign(sex="F"), no_exits())
        assert sorted(people["client_id"].dropna()) == ["CA", "CC"] and people["person_id"].is_unique
        assert people["n_contacts"].sum() == len(links)
        sizes.add(int(people.set_index("client_id").loc["CA", "n_contacts"]))
    assert sizes == {10, 20}


def test_exits_follow_the_contacts(drawn):
    _, _, _, links, persons = world()
    exits = no_exits().reindex(range(len(persons))).assign(person_id=persons["person_id"].to_numpy(), reason="death", from_on=pd.Timestamp("2020-01-01"))
    draw = drawn[0]["draw"].iloc[0]
    after, people, spells = people_of_draw(draw, *drawn, links, persons.assign(sex="F"), exits)
    assert set(spells["person_id"]) <= set(after["person_id"])


def test_the_same_seed_gives_the_same_draws(drawn):
    first, again, other = draws_of_world(20), draws_of_world(20), draws_of_world(20, seed=2)
    pd.testing.assert_frame_equal(first[0], again[0])
    pd.testing.assert_frame_equal(first[0], drawn[0][drawn[0]["draw"] <= 20])
    assert not other[0].equals(first[0])


def test_the_line_is_drawn_around_its_estimate_and_never_falls():
    rng = np.random.default_rng(7)
    wide = Line(1.0, 0.1, np.array([[0.04, -0.006], [-0.006, 0.01]]), 9, 9, True)
    lines = np.array([draw_line(wide, rng)[:2] for _ in range(4000)])
    assert lines[:, 0].std() == pytest.approx(0.2, rel=0.1) and (lines[:, 1] >= 0).all()
    assert np.corrcoef(lines.T)[0, 1] < -0.1
    assert draw_line(UNCALIBRATED, rng) == UNCALIBRATED


def test_m_and_u_are_drawn_around_their_estimates():
    """Learnt from a hundred pairs the bits of a level vary by about their delta-method deviation, and not on average."""
    rng = np.random.default_rng(6)
    learnt = LEVELS.assign(n_pairs_m=100, n_pairs_u=1e9)
    shifts = np.array([draw_shifts(learnt, 10**6, rng)["name"] for _ in range(4000)])
    assert (shifts[:, -1] == 0).all()
    expected = np.sqrt(0.1 / 0.9 / 101) / LOG_2
    assert shifts[:, 1].std() == pytest.approx(expected, rel=0.1) and abs(shifts[:, 1].mean()) < expected / 10


def no_exits():
    return pd.DataFrame({"person_id": pd.Series([], dtype="str"), "from_on": pd.Series([], dtype="datetime64[us]"), "to_on": pd.Series([], dtype="datetime64[us]"), "reason": pd.Series([], dtype="str")})
