"""Checklists: a tick points to evidence that is there, and what leads nowhere is no tick."""

import re
from pathlib import Path

import pandas as pd
import pypandoc
import pytest

from pipeline.checklists import KINDS, MET, NOT_MET, PERSON, Evidence, count_met, find_headings, find_tests, gather_evidence, hold_to_checklists, reached_level, split_pointers
from pipeline.errors import InputError
from pipeline.figures import Picture
from pipeline.params import load_sections
from pipeline.tables import read_reference

ROOT = Path(__file__).parent.parent
CHECKLISTS = read_reference("checklists").fillna("")
POINTERS = sorted({pointer for evidence in CHECKLISTS["evidence"] for pointer in split_pointers(evidence)})
# RECORD has these items, and no others (Benchimol et al. 2015).
RECORD = "1.1 1.2 1.3 6.1 6.2 6.3 7.1 12.1 12.2 12.3 13.1 19.1 22.1".split()


def of_kind(kind):
    return [pointer.partition(":")[2] for pointer in POINTERS if pointer.startswith(f"{kind}:")]


def items(*evidence):
    rows = [("RECORD", str(place), "An item", each, "") for place, each in enumerate(evidence, 1)]
    return pd.DataFrame(rows, columns=["checklist", "item", "wording", "evidence", "note"])


def project(folder):
    """A project of one test, one file and one parameter, and a report of two sections, the second without content."""
    (folder / "tests").mkdir()
    (folder / "tests/test_sums.py").write_text("def test_rows_add_up():\n    pass\n\n\ndef helper():\n    pass\n", encoding="utf-8")
    (folder / "README.md").write_text("Read me", encoding="utf-8")
    tables = {"attrition": pd.DataFrame({"step": [1]}), "mentors": pd.DataFrame({"step": []})}
    pictures = [Picture("flow.png", "Flow", "The flow of people", b""), Picture("void.png", "Void", " ", b"")]
    markdown = "# A report\n\n## Who is in it\\?\n\nPeople linked person by person\\.\n\n## Mechanism\n\nHow it works is not reported in this run.\n\n## Void\n"
    sections = {"assurance": {"assurer": "to be named by the force", "analyst": "A. Nalyst", "assured_on": ""}}
    return gather_evidence(markdown, tables, pictures, sections, folder)


def test_every_kind_of_evidence_is_found_where_it_is_and_missed_where_it_is_not(tmp_path):
    there = ["section:who-is-in-it", "words:linked person", "words:linked by hand|linked person", "table:attrition", "figure:flow", "test:tests/test_sums.py::test_rows_add_up", "file:README.md", "parameter:assurance.analyst"]
    gone = [
        "section:elsewhere", "words:linked by hand", "table:links", "table:mentors", "figure:waterfall", "figure:void", "test:tests/test_sums.py::test_gone", "test:tests/test_sums.py::helper",
        "file:GONE.md", "parameter:assurance.assurer", "parameter:assurance.assured_on", "parameter:assurance.nobody", "section:mechanism", "section:void",
    ]  # fmt: skip
    held = hold_to_checklists(items(*there, *gone), project(tmp_path))
    assert held["status"].tolist() == [MET] * len(there) + [NOT_MET] * len(gone)
    assert held["missing"].tolist() == [""] * len(there) + gone


def test_one_pointer_that_leads_nowhere_takes_the_tick_away_and_an_item_without_evidence_has_none(tmp_path):
    held = hold_to_checklists(items("file:README.md; table:attrition", "file:README.md; table:gone", "", "person:the force", "file:README.md; person:the force", "file:gone; person:the force"), project(tmp_path))
    assert held["status"].tolist() == [MET, NOT_MET, NOT_MET, PERSON, PERSON, NOT_MET]
    assert held["missing"].iloc[1] == "table:gone"


def test_mistakes_in_the_lists_are_told_all_at_once(tmp_path):
    wrong = pd.concat([items("README.md", "page:12"), items("file:")], ignore_index=True)
    with pytest.raises(InputError) as error:
        hold_to_checklists(wrong, project(tmp_path))
    assert all(part in str(error.value) for part in ("README.md is no pointer", "page:12 is no pointer", "file: is no pointer", "stands there twice"))


def test_items_are_counted_by_hand():
    held = pd.DataFrame({"checklist": ["A", "A", "A", "B"], "status": [MET, NOT_MET, PERSON, MET]})
    assert count_met(held).to_numpy().tolist() == [["A", 3, 1, 1, 1], ["B", 1, 1, 0, 0]]


def test_a_level_is_reached_only_over_those_below_it():
    def rap(*status):
        return pd.DataFrame({"checklist": "RAP", "item": ["Baseline 1", "Silver 1", "Gold 1"], "status": status})

    assert [reached_level(rap(*status)) for status in ((MET, MET, MET), (MET, MET, PERSON), (MET, NOT_MET, MET), (NOT_MET, MET, MET))] == ["gold", "silver", "baseline", "none"]


def test_anchors_are_those_that_pandoc_gives():
    markdown = "# Evaluation of Durham\\'s Peers\n\ntext\n\n## What you can say, and what you cannot\n\ntext\n\n### 12 months \\(or 6\\)\\?\n\ntext\n\n## Limits\n\ntext\n\n## Limits\n\ntext\n"
    html = pypandoc.convert_text(markdown, "html5", format="markdown-smart")
    assert list(find_headings(markdown)) == re.findall(r'<h\d\s+id="([^"]+)"', html)


# What the committed lists promise, held to the project as it is.


def test_the_lists_hold_every_item_of_record_and_known_kinds_of_evidence():
    assert CHECKLISTS.loc[CHECKLISTS["checklist"].eq("RECORD"), "item"].tolist() == RECORD
    assert {pointer.partition(":")[0] for pointer in POINTERS} <= set(KINDS)
    assert {"RECORD", "GUILD", "STROBE", "TREND", "EMMIE", "RAP", "AQuA"} == set(CHECKLISTS["checklist"])
    assert CHECKLISTS["evidence"].str.strip().ne("").all() and CHECKLISTS["wording"].str.strip().ne("").all()


def test_no_tick_points_to_a_test_or_a_file_that_is_not_there():
    assert set(of_kind("test")) <= set(find_tests(ROOT))
    assert not [path for path in of_kind("file") if not (ROOT / path).exists()]


def test_no_tick_points_to_a_parameter_that_is_not_there():
    sections = load_sections()
    assert not [name for name in of_kind("parameter") if name.partition(".")[2] not in sections.get(name.partition(".")[0], {})]


def test_no_tick_points_to_a_heading_that_no_template_has():
    templates = "\n\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipeline/templates").rglob("*.j2"))
    anchors = set(find_headings(re.sub(r"^(#.*)$", r"\1\n\ntext", templates, flags=re.MULTILINE)))
    assert not [anchor for anchor in of_kind("section") if anchor not in anchors]


def test_no_tick_points_to_a_table_a_figure_or_words_that_nothing_makes():
    code = "\n".join(path.read_text(encoding="utf-8") for path in [*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "pipeline").rglob("*.j2")])
    notebook = (ROOT / "notebooks/06_report.ipynb").read_text(encoding="utf-8")
    assert not [name for name in of_kind("table") if f'\\"{name}\\"' not in notebook]
    assert not [name for name in of_kind("figure") if f'finish_figure(\\"{name}\\"' not in notebook]
    assert not [words for words in of_kind("words") if not all(one.lower() in code.lower() for one in words.split("|"))]


def test_a_tick_goes_when_its_test_goes():
    """Every committed item that rests on a test is not met in a project without tests."""
    nothing = Evidence(sections={}, text="", tables=frozenset(), figures=frozenset(), tests=frozenset(), parameters={}, root=ROOT)
    held = hold_to_checklists(CHECKLISTS, nothing)
    assert held.loc[CHECKLISTS["evidence"].str.contains("test:"), "status"].eq(NOT_MET).all()
