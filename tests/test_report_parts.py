"""Mechanism, rival explanations and glossary: data whose every row is answered in each run, and words that are explained."""

import re
from pathlib import Path

import pandas as pd
import pytest
import report_frames
from test_report import controlled_tables, pictures

from pipeline import report_glossary, report_mechanism, report_rivals
from pipeline.figures import finish_figure
from pipeline.figures_theory import SHOWN, draw_theory
from pipeline.markdown import TEMPLATES, read_template
from pipeline.not_shown import list_not_shown
from pipeline.params import check_params, load_sections
from pipeline.report import build_context, write_report
from pipeline.tables import read_reference

PARAMS = check_params(load_sections())
BLANK = re.compile(r"\b(nan|None|NaN|NaT|inf|<NA>)\b")
STEPS, RIVALS, GLOSSARY = (read_reference(name) for name in ("theory_of_change", "rival_explanations", "glossary"))
# A long word in a heading, or a short one of this list, is a term of the glossary unless it is plain.
LONG = 9
SHORT = set("arm arms audit bias bounds bracket coverage drift exposure linkage odds overlap power recall trend washout weights".split())
PLAIN = set("algorithm assumptions checklists decisions demonstration departures evaluation parameters probabilities published questions referrals something thresholds unmeasured".split())


def rendered():
    return write_report(build_context(controlled_tables(), pictures(), PARAMS, True)).replace("\\", "")


def forms(row):
    return [row.term, *str(row.also if isinstance(row.also, str) else "").split("|")]


def sources():
    """Every template and every sentence of the modules that write the report, without the glossary."""
    modules = [path for path in TEMPLATES.parent.glob("*.py") if re.search("report|wording|label|verdict|figures|checks|limits|bracket", path.stem)]
    return " ".join(path.read_text(encoding="utf-8") for path in [*TEMPLATES.rglob("*.j2"), *modules]).lower()


def test_every_term_of_the_glossary_occurs_in_the_report():
    text = sources()
    unused = [row.term for row in GLOSSARY.itertuples() if not any(re.search(rf"\b{re.escape(form.lower())}\b", text) for form in forms(row) if form)]
    assert not unused


def test_no_term_is_explained_twice_and_every_meaning_is_a_sentence():
    assert GLOSSARY["term"].str.lower().is_unique
    assert GLOSSARY["meaning"].str.match(r"[A-Z].*\.$").all()


def test_every_technical_word_of_a_heading_is_explained():
    headings = [re.sub(r"\{[{%].*?[}%]\}", " ", line) for path in TEMPLATES.rglob("*.j2") for line in path.read_text(encoding="utf-8").splitlines() if re.match("#{1,6} ", line)]
    words = {word for line in headings for word in re.findall(r"[a-z][a-z-]+", line.lower())}
    explained = " ".join(form.lower() for row in GLOSSARY.itertuples() for form in forms(row))
    known = set(re.findall(r"[a-z][a-z-]+", explained))
    technical = {word for word in words - PLAIN if len(word) >= LONG or word in SHORT}
    assert sorted(word for word in technical if word not in known and word.removesuffix("s") not in known) == []


def test_the_glossary_is_in_order_and_names_the_confidence_level():
    text = report_glossary.write_section({"glossary": GLOSSARY}, PARAMS).replace("\\", "")
    terms = re.findall(r"^(\S[^\n]*)\n:   ", text, flags=re.MULTILINE)
    assert terms == sorted(terms, key=str.lower) and len(terms) == len(GLOSSARY) and "in 95 of 100 such studies" in text and "{" not in text


def test_every_step_and_every_rival_has_something_that_finds_it():
    assert set(STEPS["measure"]) <= set(report_mechanism.FOUND) and set(STEPS["shows"]) <= set(SHOWN) and STEPS["step"].tolist() == list(range(1, len(STEPS) + 1))
    assert set(RIVALS["measure"]) <= set(report_rivals.FOUND)
    named = " ".join(RIVALS["explanation"])
    assert all(rival in named for rival in ("Familiar Faces", "Checkpoint", "pandemic", "101", "Referrers", "Mentors"))


def mechanism(tables):
    return report_mechanism.write_section(tables, {"theory_of_change": "THE FIGURE"}, read_template("mechanism")).replace("\\", "")


def test_the_mechanism_says_of_each_step_what_was_found():
    needs = pd.DataFrame({"characteristic": "primary_need", "level": ["loneliness", "bereavement"], "n_referred": [40, 80], "estimate": -0.3, "ci_low": -0.5, "ci_high": -0.1})
    doses = pd.DataFrame({"position": [0, 1], "median_months": [1.6, 13.3], "n_people": [150, 150]})
    text = mechanism(controlled_tables() | {"subgroups": needs, "doses": doses})
    assert "THE FIGURE" in text and "bereavement 80, loneliness 40" in text and "1.6 months (median)" in text and "13.3 months" in text
    assert "26% fewer contacts among people referred" in text and "560 of 1,015 people analysed met a mentor" in text and "and not by which of these steps" in text


def test_an_estimate_without_an_interval_stands_in_no_sentence_on_roles():
    row = report_frames.effects().query("outcome == 'n_101'")
    roles = pd.concat([row.assign(outcome="n_caller"), row.assign(outcome="n_victim", estimate=-1.27, ci_low=float("nan"), ci_high=float("nan"))])
    assert report_mechanism.write_roles(roles).startswith("One role only is known well enough, among people referred: calls by the person 20% fewer")
    assert report_mechanism.write_roles(roles.tail(1)).startswith("Roles are told apart, but no effect")


def bare():
    """Tables of a run in which almost nothing could be had."""
    tables = {name: table.iloc[:0] for name, table in controlled_tables().items()}
    return tables | {"theory_of_change": STEPS, "rival_explanations": RIVALS}


def test_where_nothing_was_found_it_is_said_row_by_row():
    text, rivals = mechanism(bare()), report_rivals.write_section(bare()).replace("\\", "")
    assert "No list of mentors was given" in text and "Could not be compared" in text and "hold no main need" in text
    assert rivals.count("Not checked in this run.") >= 9 and "| – |" not in rivals
    assert not BLANK.search(text) and not BLANK.search(rivals)


def rivals(**tables):
    return report_rivals.write_section(controlled_tables() | tables).replace("\\", "")


def test_a_rival_is_answered_with_the_numbers_of_this_run():
    text = rivals()
    assert "57.7 of the 81.0 percentage points" in text and "2% fewer contacts than people not yet referred" in text and "no clear difference" in text
    assert "101 calls 0.80 (0.61 to 1.06); 999 calls 0.70" in text


def test_one_other_choice_is_told_beside_the_primary_estimate():
    # The primary log ratio is -0.62; one that differs in the duplicates rule alone is -0.70, and one in two choices does not count.
    plan = report_frames.sensitivity().query("is_primary")
    other = plan.assign(duplicates="counted", is_primary=False, estimate=-0.7, ci_low=-1.0, ci_high=-0.4)
    found = rivals(sensitivity=pd.concat([plan, other.assign(months_after=6, estimate=-2.0), other]))
    assert "With duplicates counted ratio 0.50 (0.37 to 0.67) instead of 0.54." in found
    assert "With duplicates counted" not in rivals(sensitivity=pd.concat([plan, other.assign(months_after=6)]))


def test_harm_that_rose_is_counted():
    safety = pd.DataFrame({"outcome": ["n_missing", "n_deaths"], "estimate": [0.5, -0.1], "ci_low": [0.1, -0.9], "ci_high": [0.9, 0.7]})
    assert "Of 2 such outcomes 1 rose clearly and none fell clearly" in rivals(safety=safety)


def test_the_figure_says_of_each_step_whether_the_data_show_it():
    picture = finish_figure("theory_of_change", "", draw_theory(STEPS), dpi=30)
    assert f"Chain of {len(STEPS)} steps" in picture.alt and "2 A referral (the data show it)" in picture.alt and "6 Another way to cope (not in the data)" in picture.alt
    assert "no steps" in draw_theory(STEPS.iloc[:0])[1]


@pytest.mark.parametrize("part", sorted(path.name for path in (Path(TEMPLATES) / "parts").glob("*.j2")))
def test_every_part_is_included_once(part):
    assert read_template("report").count(f"parts/{part}") == 1


def test_the_parts_stand_in_the_order_of_emmie():
    text = rendered()
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert headings[:6] == ["The question and the answer", "Effect", "Mechanism", "Moderators", "Implementation", "Economics"]
    assert headings[-1] == "Glossary" and headings.index("Data") < headings.index("Linkage") < headings.index("Method") < headings.index("Diagnostics") < headings.index("Sensitivity") < headings.index("Audit") < headings.index("Limits")


def not_shown(kind="identified", needs_recent_contact=True, exits=1):
    cohort = pd.DataFrame({"arm": ["referred"], "is_engaged": [True], "age": [40]})
    return list_not_shown(kind, cohort, pd.DataFrame(), [], needs_recent_contact, pd.DataFrame({"person_id": ["a"] * exits}), False)


def test_an_identified_set_says_only_what_it_lacks():
    assert not_shown() == []
    assert [line.partition(".")[0] for line in not_shown(exits=0)] == ["Whether exposure is right"]
    assert [line.partition(".")[0] for line in not_shown(needs_recent_contact=False)] == ["The trigger"]


def test_a_line_of_prose_that_ends_in_a_condition_keeps_its_end():
    """A block tag swallows the end of its line; the blank line after it then parts nothing, and a list runs into the paragraph."""
    swallowed = [f"{path.name}:{number}" for path in sorted(TEMPLATES.rglob("*.j2")) for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
                 if line.endswith("%}") and not line.endswith("+%}") and not line.lstrip().startswith("{%")]  # fmt: skip
    assert not swallowed
