"""What readers are told of how the scheme was carried out, from made-up tables: in words, never as a gap."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.empty_tables import empty_table
from pipeline.figures import finish_figure
from pipeline.figures_implementation import draw_delays, draw_mentors, draw_referrals
from pipeline.implementation import DAYS_TO_CONTACT, MONTHS_OF_SUPPORT
from pipeline.implementation_claims import NO_MENTORS, NO_REGISTER
from pipeline.markdown import read_template
from pipeline.report_implementation import GAPS, control_implementation, write_section

STUDY = SimpleNamespace(contacts_to="2020-10-31", referrals_from="2018-01-01", referrals_to="2019-10-31")
PARAMETERS = SimpleNamespace(disclosure=SimpleNamespace(threshold=10, rounding=5), panel=SimpleNamespace(months_after=12), study=STUDY)
TABLES = ["referral_counts", "contact_delays", "durations", "closures", "mentor_years", "mentor_quarters"]


def referral_counts():
    rows = [
        ("everyone", "everyone", 420, 400, 360, 200, 40), ("year", "2018", 230, 220, 200, 110, 25), ("year", "2019", 190, 180, 160, 90, 15),
        *[("quarter", f"{year} Q{quarter}", 55, 50, 45, 25, 5) for year in (2018, 2019) for quarter in (1, 2, 3, 4)],
        ("referral_source", "<script>alert(1)</script>", 400, 382, 345, 190, 30), ("referral_source", "self", 20, 18, 15, 10, 10),
        ("primary_need", "loneliness", 220, 205, 185, 103, 20), ("primary_need", "offending", 200, 195, 175, 97, 20),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["characteristic", "level", "n_referrals", "n_people", "n_accepted", "n_engaged", "n_again"]).assign(position=lambda table: range(len(table)))


def raw_tables():
    """Exact tables of 400 people and 120 mentors."""
    claims = [("referrals_in_period", 1400.0, "over", "referrals", 2019, 400.0, pd.NA, "referrals within the dates"), ("former_clients", 10.0, np.nan, "mentors", 2019, 4.0, pd.NA, "mentors marked"),
              ("active_mentors", 100.0, "over", "mentors", 2020, 112.0, pd.NA, "joined by then and not left"), ("lived_experience", 70.0, "over", "percent", 2020, 75.0, 112, "of the mentors active then"),
              ("contract", 85000.0, np.nan, "pounds", 2020, np.nan, pd.NA, "cannot be counted: no extract holds contracts")]  # fmt: skip
    durations = [(measure, characteristic, level, 0, n, 1, low, low * 2, high) for measure, low, high in ((DAYS_TO_CONTACT, 7.0, 21.0), (MONTHS_OF_SUPPORT, 2.5, np.nan)) for characteristic, level, n in (("everyone", "everyone", 200), ("year", "2018", 110), ("year", "2019", 90))]
    return {
        "referral_counts": referral_counts(),
        "contact_delays": pd.DataFrame({"days": [7, 28, 91], "n_people": 400, "n_met": [60, 180, 200]}),
        "durations": pd.DataFrame(durations, columns=["measure", "characteristic", "level", "position", "n_people", "n_open", "quartile_low", "median", "quartile_high"]),
        "closures": pd.DataFrame({"is_met": [True, True, False], "closure_reason": ["goals_met", "still open", "no_response"], "n_referrals": [150, 50, 220]}),
        "mentor_years": pd.DataFrame({"year": [2018, 2019, 2020], "n_joined": [60, 40, 20], "n_lived": pd.array([45, 30, 10], dtype="Int64")}),
        "mentor_quarters": pd.DataFrame({"ends_on": pd.to_datetime(["2018-12-31", "2019-12-31", "2020-10-31"]), "n_active": [8, 90, 112], "n_lived": pd.array([6, 65, 84], dtype="Int64")}),
        "implementation_claims": pd.DataFrame(claims, columns=["claim", "published", "qualifier", "unit", "as_of", "computed", "n_of", "counted"]).astype({"n_of": "Int64"}),
    }


def section(parameters=PARAMETERS, **changed):
    tables = control_implementation(raw_tables() | changed, 10, 5)
    return write_section(tables, {"referrals": "FIGURE"}, parameters, read_template("implementation")).replace("\\", "")


def assert_sound(text):
    """No gap, and no heading without a word below it."""
    assert not re.search(r"(?<![A-Za-z])(nan|None|NaT|<NA>|inf)(?![A-Za-z])", text)
    blocks = [block for block in text.split("\n\n") if block.strip()]
    assert not [first for first, second in zip(blocks, [*blocks[1:], "### "]) if first.startswith("#") and second.startswith("#")]


def test_the_section_says_who_was_referred_who_engaged_and_how_soon():
    text = section()
    assert "holds 420 referrals of 400 people first referred between 1 January 2018 and 31 October 2019" in text
    assert "360 (90%) were accepted, 200 (50%) met a mentor within 12 months of their first referral and 40 (10%) were referred more than once" in text
    assert "15% had met a mentor 7 days after their first referral, and 50% after 91 days" in text
    assert "a median of 14 days among 200 people who met a mentor; for the middle half it was 7 to 21 days" in text
    assert "Support lasted a median of 5.0 months" in text and "| 2019, to 31 October |" in text
    assert "### Mentors" in text and "On 31 October 2020 110 mentors were active, 85 (77%) of them with lived experience" in text
    assert_sound(text)


def test_published_figures_stand_beside_the_counted_ones_and_what_is_not_borne_out_is_named():
    text = section()
    assert "| over 1,400 | 400 |" in text and "| over 70% | 77% |" in text and "£85,000 | – | Cannot be counted: no extract holds contracts" in text
    assert "| 10 | suppressed |" in text
    assert "Of 3 figures that can be counted here, 2 bear out what was published; these do not: referrals, within the claim's dates (2019: 400 counted, 1,400 published)" in text


def test_text_from_the_register_stays_text():
    assert "<script>" not in write_section(control_implementation(raw_tables(), 10, 5), {}, PARAMETERS, read_template("implementation")).replace("\\<", "")


def test_extracts_without_mentors_say_so_and_show_no_part_on_mentors():
    claims = raw_tables()["implementation_claims"].assign(computed=np.nan, counted=NO_MENTORS)
    text = section(mentor_years=empty_table("mentor_years"), mentor_quarters=empty_table("mentor_quarters"), implementation_claims=claims)
    assert GAPS["mentors"] in text and "### Mentors" not in text and "### Referrals and engagement" in text
    assert "No published figure can be counted on these extracts" in text
    assert_sound(text)


def test_a_register_without_first_contacts_says_so_and_shows_no_share_of_engaged():
    silent = referral_counts().assign(n_engaged=pd.array([pd.NA] * len(referral_counts()), dtype="Int64"))
    closures = raw_tables()["closures"].assign(is_met=False).iloc[:1]
    text = section(referral_counts=silent, contact_delays=empty_table("contact_delays"), durations=empty_table("durations"), closures=closures)
    assert GAPS["first_contact"] in text and "| Met a mentor |" not in text and "met a mentor within 12 months of their" not in text
    assert "### Time to first contact" not in text and "### Length of support" not in text
    assert_sound(text)


def test_a_register_that_never_says_who_referred_whom_for_what_or_when_support_ended_says_so():
    counts = referral_counts()
    counts = pd.concat([counts[~counts["characteristic"].isin(["referral_source", "primary_need"])], counts.iloc[[0, 0]].assign(characteristic=["referral_source", "primary_need"], level="not recorded")], ignore_index=True)
    closures = pd.DataFrame({"is_met": [True, False], "closure_reason": "still open", "n_referrals": [200, 220]})
    text = section(referral_counts=counts, closures=closures)
    assert all(GAPS[gap] in text for gap in ("referral_source", "primary_need", "closing")) and "Not recorded" not in text and "| 2018 |" in text
    assert_sound(text)


def test_a_panel_without_a_register_is_a_sentence_and_the_published_figures():
    claims = raw_tables()["implementation_claims"].assign(computed=np.nan, counted=NO_REGISTER)
    text = section(**{name: empty_table(name) for name in TABLES}, implementation_claims=claims)
    assert GAPS["register"] in text and GAPS["mentors"] in text and "### Published figures beside counted ones" in text
    assert "### Referrals" not in text and "### Mentors" not in text
    assert_sound(text)


def test_a_tiny_register_shows_nothing_but_says_what_is_withheld():
    """Seven people: nothing of them may be shown, and nothing is called missing that is on record."""
    counts = referral_counts()
    counts[["n_referrals", "n_people", "n_accepted", "n_engaged", "n_again"]] = [8, 7, 6, 4, 1]
    durations = raw_tables()["durations"].assign(n_people=4)
    closures = raw_tables()["closures"].assign(n_referrals=[2, 2, 4])
    mentors = {"mentor_years": raw_tables()["mentor_years"].assign(n_joined=3, n_lived=2), "mentor_quarters": raw_tables()["mentor_quarters"].assign(n_active=4, n_lived=2)}
    text = section(referral_counts=counts, contact_delays=raw_tables()["contact_delays"].assign(n_people=7, n_met=[1, 2, 4]), durations=durations, closures=closures, **mentors)
    assert "Too few people were referred for their number to be shown" in text and "Too few mentors were active" in text and "too few people are behind it" in text and "is withheld: too few people" not in text
    assert not any(gap in text for gap in GAPS.values())
    assert_sound(text)


def test_people_who_may_still_engage_are_named_where_the_extract_ends_too_soon():
    short = SimpleNamespace(**vars(PARAMETERS) | {"study": SimpleNamespace(**vars(STUDY) | {"contacts_to": "2019-12-31"})})
    assert "first referred after 31 December 2018 were not yet followed for 12 months" in section(short) and "not yet followed" not in section()


def test_without_any_of_its_tables_the_section_is_left_to_the_report():
    assert not write_section({}, {}, PARAMETERS, "x").strip()


def test_figures_are_drawn_from_controlled_tables_and_say_what_they_show():
    tables = control_implementation(raw_tables(), 10, 5)
    referrals = finish_figure("referrals", "", draw_referrals(tables["referral_counts"], STUDY.referrals_from, STUDY.referrals_to), dpi=40).alt
    assert "Referrals: 55 in 2018 Q1, at most 55 in 2018 Q1, 55 in 2019 Q3." in referrals and "2019 Q4" not in referrals
    assert "15% by 7 days; 45% by 28 days; 50% by 91 days." in finish_figure("contact_delays", "", draw_delays(tables["contact_delays"]), dpi=40).alt
    assert "Active mentors: 90 in December 2019, at most 110 in October 2020, 110 in October 2020; 1 point suppressed." in finish_figure("mentors", "", draw_mentors(tables["mentor_quarters"]), dpi=40).alt


@pytest.mark.parametrize("drawing", [
    lambda: draw_referrals(empty_table("referral_counts"), STUDY.referrals_from, STUDY.referrals_to),
    lambda: draw_delays(empty_table("contact_delays").assign(share=pd.Series(dtype=float))),
    lambda: draw_mentors(empty_table("mentor_quarters")),
])  # fmt: skip
def test_a_figure_of_nothing_is_no_error(drawing):
    assert finish_figure("empty", "", drawing(), dpi=40).alt == ""
