"""How the scheme was carried out, counted by hand on six people, and what of it may be published."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.implementation import (
    DAYS_TO_CONTACT, MONTHS_OF_SUPPORT, OTHER, control_closures, control_delays, control_durations, control_referral_counts, count_closures, count_delays, count_referrals, measure_durations, survival_quartiles,
)
from pipeline.implementation_claims import NO_DATES, NO_MENTORS, NO_REGISTER, compare_with_published, control_implementation_claims
from pipeline.mentors import control_mentors, count_mentor_quarters, count_mentor_years
from pipeline.part_counts import control_parts, pool_small
from pipeline.tables import read_reference

LAST_DAY = "2019-12-31"
STUDY = SimpleNamespace(contacts_from="2016-01-01", contacts_to=LAST_DAY, referrals_from="2018-01-01", referrals_to="2019-06-30")
CLAIM = SimpleNamespace(referred_from="2018-02-01", complete_by="2019-06-30")
THRESHOLD, ROUNDING = 10, 5


def register():
    """Six clients: A and B met a mentor, B only after a second referral; C was refused; D is still supported; E is B under an earlier client_id's name; F came before the study.

    A 2018-01-10 by housing, met after 5 days, closed after 61 days. B 2018-02-01 by police, refused, and 2018-04-01 by housing, met on 2018-04-11, 69 days after the first referral, closed 2018-05-11.
    C 2018-08-01 by police. D 2019-05-01, no source on record, met after 20 days. E 2019-01-01 by police. F 2017-12-01.
    """
    rows = [
        ("R1", "A", "2018-01-10", "housing", "loneliness", True, "2018-01-15", "2018-03-17", "goals_met"),
        ("R2", "B", "2018-02-01", "police", "loneliness", False, None, "2018-02-20", "not_suitable"),
        ("R3", "B", "2018-04-01", "housing", "offending", True, "2018-04-11", "2018-05-11", "disengaged"),
        ("R4", "C", "2018-08-01", "police", "offending", False, None, "2018-09-01", None),
        ("R5", "D", "2019-05-01", None, "offending", True, "2019-05-21", None, None),
        ("R6", "E", "2019-01-01", "police", "loneliness", False, None, "2019-02-01", "not_suitable"),
        ("R7", "F", "2017-12-01", "police", "loneliness", True, "2017-12-05", "2018-01-05", "goals_met"),
    ]
    facts = pd.DataFrame(rows, columns=["referral_id", "client_id", "referred_on", "referral_source", "primary_need", "accepted", "first_contact_on", "closed_on", "closure_reason"])
    return facts.astype({name: "datetime64[us]" for name in ("referred_on", "first_contact_on", "closed_on")})


def referred():
    """The register's clients as stage 03 describes them; E is no person of its own, F was referred before the study."""
    rows = [
        ("A", "p1", "2018-01-10", "housing", "loneliness", 1, True, True, True, True), ("B", "p2", "2018-02-01", "police", "loneliness", 2, True, True, True, True),
        ("C", "p3", "2018-08-01", "police", "offending", 1, False, False, True, True), ("D", "p4", "2019-05-01", None, "offending", 1, True, True, True, True),
        ("E", None, "2019-01-01", "police", "loneliness", 1, False, False, False, True), ("F", "p6", "2017-12-01", "police", "loneliness", 1, True, True, True, False),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["client_id", "person_id", "index_on", "referral_source", "primary_need", "n_referrals", "is_accepted", "is_engaged", "is_distinct", "is_in_study"])
    return table.astype({"index_on": "datetime64[us]"})


def persons():
    return referred()[["person_id", "client_id"]].dropna()


def mentors():
    """M1 2018-01-10 to 2018-12-31, M2 from 2018-06-01 on, M3 from 2019-11-01 on and once a client, M4 joins after the extract."""
    rows = [("M1", "2018-01-10", "2018-12-31", True, False), ("M2", "2018-06-01", None, False, False), ("M3", "2019-11-01", None, True, True), ("M4", "2020-03-01", None, True, True)]
    return pd.DataFrame(rows, columns=["mentor_id", "joined_on", "left_on", "lived_experience", "former_client"]).astype({"joined_on": "datetime64[us]", "left_on": "datetime64[us]"})


def count_of(table, characteristic, level, column):
    return table.set_index(["characteristic", "level"]).loc[(characteristic, level), column]


def test_referrals_are_counted_where_they_fall_and_people_where_they_were_first_referred():
    counts = count_referrals(referred(), register())
    everyone = counts[counts["characteristic"].eq("everyone")].iloc[0]
    assert everyone[["n_referrals", "n_people", "n_accepted", "n_engaged", "n_again"]].tolist() == [6, 4, 3, 3, 1]
    assert [count_of(counts, "referral_source", "housing", name) for name in ("n_referrals", "n_people")] == [2, 1]
    assert count_of(counts, "referral_source", "not recorded", "n_people") == 1
    years = counts[counts["characteristic"].eq("year")].set_index("level")
    assert years["n_people"].to_dict() == {"2018": 3, "2019": 1} and years["n_referrals"].to_dict() == {"2018": 4, "2019": 2}


def test_a_quarter_without_a_referral_is_a_zero_and_no_gap():
    quarters = count_referrals(referred(), register()).query("characteristic == 'quarter'")
    assert quarters["level"].tolist() == ["2018 Q1", "2018 Q2", "2018 Q3", "2018 Q4", "2019 Q1", "2019 Q2"]
    assert quarters["n_people"].tolist() == [2, 0, 1, 0, 0, 1] and quarters["n_referrals"].tolist() == [2, 1, 1, 0, 1, 1]


def test_the_wait_runs_from_the_first_referral_whichever_referral_led_to_the_contact():
    """A after 5 days, D after 20, B after 69, C never; everybody is followed for 100 days."""
    delays = count_delays(referred(), register(), [7, 21, 100], LAST_DAY)
    assert delays["n_people"].tolist() == [4, 4, 4] and delays["n_met"].tolist() == [1, 2, 3]


def test_whoever_was_not_followed_long_enough_is_no_part_of_the_curve():
    """D was referred on 1 May 2019: 365 days later the extract has ended."""
    assert count_delays(referred(), register(), [7, 365], LAST_DAY)["n_people"].tolist() == [3, 3]


def test_open_support_is_counted_as_lasting_longer_and_is_not_dropped():
    """One, two and three months, and two still open after ten: the curve falls to 0.8, 0.6 and 0.4, so the median is 3. Without the open ones it would be 2."""
    times, is_open = pd.Series([1.0, 2, 3, 10, 10]), pd.Series([False, False, False, True, True])
    assert survival_quartiles(times, is_open)["median"] == 3 and survival_quartiles(times[:3], is_open[:3])["median"] == 2
    assert np.isnan(survival_quartiles(times, is_open)["quartile_high"])


def test_durations_are_told_by_group_with_those_still_open():
    """Support of A lasts 61 days, of B 30; D's is open."""
    found = measure_durations(referred(), register(), persons(), LAST_DAY).set_index(["measure", "characteristic", "level"])
    support, wait = found.loc[(MONTHS_OF_SUPPORT, "everyone", "everyone")], found.loc[(DAYS_TO_CONTACT, "everyone", "everyone")]
    assert support[["n_people", "n_open"]].tolist() == [3, 1] and support["median"] == pytest.approx(61 / (365.25 / 12))
    assert wait[["n_people", "median"]].tolist() == [3, 20] and found.loc[(DAYS_TO_CONTACT, "year", "2019"), "median"] == 20


def test_closures_are_told_apart_for_those_who_met_a_mentor_and_an_open_one_is_a_reason():
    closures = count_closures(referred(), register(), LAST_DAY).set_index(["is_met", "closure_reason"])["n_referrals"].to_dict()
    assert closures == {(True, "disengaged"): 1, (True, "goals_met"): 1, (True, "still open"): 1, (False, "not_suitable"): 2, (False, "not recorded"): 1}


def test_a_register_that_never_says_when_anybody_was_met_counts_nobody_as_not_engaged():
    silent = register().assign(first_contact_on=pd.NaT)
    counts = count_referrals(referred().assign(is_engaged=False), silent)
    assert counts["n_engaged"].isna().all() and counts["n_people"].notna().all()
    assert count_delays(referred(), silent, [7], LAST_DAY).empty and measure_durations(referred(), silent, persons(), LAST_DAY).empty
    assert count_closures(referred(), silent, LAST_DAY)["is_met"].eq(False).all()


def test_mentors_are_counted_when_they_joined_and_while_they_stayed():
    years = count_mentor_years(mentors(), LAST_DAY)
    assert years.to_dict("list") == {"year": [2018, 2019], "n_joined": [2, 1], "n_lived": [1, 1]}
    quarters = count_mentor_quarters(mentors(), "2019-12-15")
    assert quarters["n_active"].tolist() == [1, 2, 2, 1, 1, 1, 1, 2] and quarters["n_lived"].tolist() == [1, 1, 1, 0, 0, 0, 0, 1]
    assert quarters["ends_on"].iloc[-1] == pd.Timestamp("2019-12-15")


def published(*claims):
    rows = [(claim, 10.0, "over", "percent" if claim == "lived_experience" else "people", year, "a source") for claim, year in claims]
    return pd.DataFrame(rows, columns=["claim", "published", "qualifier", "unit", "as_of", "source"])


def test_published_figures_stand_beside_the_same_counts_on_these_extracts():
    """By the end of 2018 M1 has left, so that one mentor is active; a year later two are, one of them with lived experience."""
    asked = published(("referrals_in_period", 2018), ("referrals_on_register", 2018), ("people_helped", 2019), ("mentors_recruited", 2019), ("former_clients", 2019), ("active_mentors", 2018), ("lived_experience", 2019), ("staff", 2019))
    found = compare_with_published(asked, referred(), register(), mentors(), STUDY, CLAIM)
    assert found["computed"].tolist()[:7] == [5, 5, 4, 3, 1, 1, 50] and np.isnan(found["computed"].iloc[7])
    assert found["counted"].iloc[7] == "cannot be counted: no extract holds staff"


def test_what_the_extracts_do_not_hold_is_said_figure_by_figure():
    asked = published(("referrals_in_period", 2018), ("people_helped", 2019), ("mentors_recruited", 2019), ("lived_experience", 2019))
    nothing = compare_with_published(asked, pd.DataFrame(), register().iloc[:0], mentors().iloc[:0], STUDY, CLAIM)
    assert nothing["computed"].isna().all() and nothing["counted"].tolist() == [NO_REGISTER, NO_REGISTER, NO_MENTORS, NO_MENTORS]
    undated = compare_with_published(asked, referred(), register(), mentors().assign(joined_on=pd.NaT), STUDY, CLAIM)
    assert undated["counted"].tolist()[2:] == [NO_DATES, NO_DATES] and undated["computed"].notna().tolist() == [True, True, False, False]


def test_every_published_figure_has_a_source_and_is_known_to_the_count():
    figures = read_reference("published_implementation")
    assert figures["source"].str.len().gt(20).all() and not figures.duplicated(["claim", "as_of"]).any()
    counted = compare_with_published(figures, referred(), register(), mentors(), STUDY, CLAIM)["counted"]
    assert not counted.eq("cannot be counted: nothing in these extracts says it").any()


def test_another_scheme_may_have_published_other_figures_or_none():
    other = compare_with_published(published(("dogs_walked", 2019)), referred(), register(), mentors(), STUDY, CLAIM)
    assert other["counted"].tolist() == ["cannot be counted: nothing in these extracts says it"]
    none = compare_with_published(other.iloc[:0].assign(source=""), referred(), register(), mentors(), STUDY, CLAIM)
    assert none.empty and control_implementation_claims(none, THRESHOLD, ROUNDING).empty


def test_a_part_says_as_much_about_those_outside_it():
    """Forty of 43 engaged: three did not, so the part is hidden, and so is the next, or the total would tell."""
    table = pd.DataFrame({"level": ["a", "b", "c"], "n_people": [43, 60, 80], "n_engaged": [40, 30, 40]})
    found = control_parts(table, "n_people", ["n_engaged"], [], THRESHOLD, ROUNDING)
    assert found["n_people"].tolist() == [45, 60, 80] and found["n_engaged"].isna().tolist() == [True, True, False]


def test_a_part_is_never_shown_where_its_whole_is_not():
    table = pd.DataFrame({"level": ["a", "b", "c"], "n_people": [9, 25, 80], "n_engaged": [0, 12, 40]})
    found = control_parts(table, "n_people", ["n_engaged"], [], THRESHOLD, ROUNDING)
    assert found["n_people"].isna().tolist() == [True, True, False] and found["n_engaged"].isna().tolist() == [True, True, False]


def planted(seed):
    """A large register with planted small cells: six levels and five years of four quarters, some with a handful of people."""
    rng = np.random.default_rng(seed)
    rows = []
    for characteristic, levels in (("referral_source", [f"s{i}" for i in range(6)]), ("quarter", [f"{year} Q{quarter}" for year in range(2015, 2020) for quarter in range(1, 5)])):
        n_people = rng.choice([0, 3, 9, 12, 30, 80], len(levels))
        rows += [(characteristic, level, n + int(rng.integers(0, 12)), n, *rng.integers(0, n + 1, 3)) for level, n in zip(levels, n_people)]
    table = pd.DataFrame(rows, columns=["characteristic", "level", "n_referrals", "n_people", "n_accepted", "n_engaged", "n_again"])
    years = table[table["characteristic"].eq("quarter")].assign(characteristic="year", level=lambda quarters: quarters["level"].str[:4])
    years = years.groupby(["characteristic", "level"], as_index=False).sum()
    return pd.concat([table, years], ignore_index=True).assign(position=lambda every: range(len(every)))


@pytest.mark.parametrize("seed", range(1, 13))
def test_no_hidden_cell_stands_alone_beside_a_total_that_is_known(seed):
    """Seeds 1 to 12, named beforehand. Everybody's total is known from the flow, a year's where it is shown."""
    exact, shown = planted(seed), control_referral_counts(planted(seed), THRESHOLD, ROUNDING)
    years = shown[shown["characteristic"].eq("year")].set_index("level")
    for column in ("n_people", "n_referrals", "n_engaged"):
        small = exact[column] < THRESHOLD
        assert shown.loc[small, column].isna().all()
        for characteristic in ("referral_source", "year"):
            assert shown.loc[shown["characteristic"].eq(characteristic), column].isna().sum() != 1
        for year, quarters in shown[shown["characteristic"].eq("quarter")].groupby(shown["level"].str[:4]):
            n_hidden = quarters[column].isna().sum()
            assert n_hidden == 4 if pd.isna(years.loc[year, column]) else n_hidden != 1
    rest = exact["n_people"] - exact["n_engaged"]
    assert shown.loc[rest < THRESHOLD, "n_engaged"].isna().all()
    assert not (shown["n_engaged"].notna() & shown["n_people"].isna()).any()


def test_neighbouring_days_never_differ_by_few_people():
    """Ten, then four and nine more, then thirteen: the four and nine are put together; the last twelve leave three who met nobody, so that row goes."""
    delays = pd.DataFrame({"days": [7, 14, 21, 28, 365], "n_people": 50, "n_met": [10, 14, 23, 35, 47]})
    found = control_delays(delays, THRESHOLD, ROUNDING)
    assert found["days"].tolist() == [7, 21, 28] and found["n_met"].tolist() == [10, 25, 35]


def test_a_quartile_is_shown_only_with_enough_people_on_either_side():
    """A median needs twice the threshold, a quartile four times."""
    rows = [(MONTHS_OF_SUPPORT, "year", str(2010 + place), place, n, 0, 1.0, 2.0, 3.0) for place, n in enumerate([19, 20, 39, 40, 300])]
    durations = pd.DataFrame(rows, columns=["measure", "characteristic", "level", "position", "n_people", "n_open", "quartile_low", "median", "quartile_high"])
    counts = durations.assign(n_engaged=durations["n_people"])[["characteristic", "level", "n_engaged"]]
    found = control_durations(durations, counts, THRESHOLD, ROUNDING)
    assert found["median"].notna().tolist() == [False, True, True, True, True] and found["quartile_low"].notna().tolist() == [False, False, False, True, True]


def test_a_count_that_one_table_hides_is_not_shown_by_another():
    """Of 43 people from housing 40 met a mentor: the table of people hides the forty, and the table of durations must not tell them."""
    rows = [(DAYS_TO_CONTACT, "referral_source", level, place, n, 0, 1.0, 2.0, 3.0) for place, (level, n) in enumerate([("housing", 40), ("police", 90), ("health", 200)])]
    durations = pd.DataFrame(rows, columns=["measure", "characteristic", "level", "position", "n_people", "n_open", "quartile_low", "median", "quartile_high"])
    counts = pd.DataFrame({"characteristic": "referral_source", "level": ["housing", "police", "health"], "n_referrals": [43, 150, 400], "n_people": [43, 150, 400], "n_accepted": [20, 90, 200], "n_engaged": [40, 90, 200], "n_again": [20, 50, 90]})
    shown = control_referral_counts(counts.assign(position=[0, 1, 2]), THRESHOLD, ROUNDING)
    found = control_durations(durations, shown, THRESHOLD, ROUNDING)
    assert shown["n_engaged"].isna().tolist() == [True, True, False] == found["n_people"].isna().tolist() and found["median"].notna().tolist() == [False, False, True]


def test_rare_reasons_are_put_together_until_they_are_enough():
    closures = pd.DataFrame({"is_met": [True] * 4 + [False] * 2, "closure_reason": list("abcdab"), "n_referrals": [100, 40, 12, 3, 9, 60]})
    found = control_closures(closures, THRESHOLD, ROUNDING)
    assert list(zip(found["is_met"], found["closure_reason"], found["n_referrals"])) == [(True, "a", 100), (True, "b", 40), (True, OTHER, 15), (False, OTHER, 70)]
    assert pool_small(pd.DataFrame({"one": ["a", "b"], "n": [3, 4]}), "one", "n", THRESHOLD, OTHER)["n"].tolist() == [7]


def test_few_mentors_are_not_counted_aloud():
    shown = control_mentors(count_mentor_years(mentors(), LAST_DAY), count_mentor_quarters(mentors(), LAST_DAY), THRESHOLD, ROUNDING)
    assert shown["mentor_years"]["n_joined"].isna().all() and shown["mentor_quarters"][["n_active", "n_lived"]].isna().all(axis=None)


def test_a_published_figure_with_few_people_behind_it_is_withheld_and_not_called_uncountable():
    asked = published(("mentors_recruited", 2019), ("lived_experience", 2019), ("staff", 2019))
    found = control_implementation_claims(compare_with_published(asked, referred(), register(), mentors(), STUDY, CLAIM), THRESHOLD, ROUNDING)
    assert found["computed"].isna().all() and found["is_suppressed"].tolist() == [True, True, False]
