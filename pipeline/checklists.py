"""Published checklists held against what a run really has: every tick points to its evidence, and a pointer that leads nowhere is no tick.

data/reference/checklists.csv holds one row per item: checklist, item, wording (a short paraphrase of ours), evidence, note.
Evidence is a list of pointers, parted by semicolons, all of which must hold:

    section:the-effect                        a heading of the report, by its anchor
    words:not yet referred                    words that stand in the report; of several parted by | any one
    table:attrition                           a published table that has rows
    figure:flow                               a figure of the report that shows something
    test:tests/test_attrition.py::test_name   a test of that name in that file
    file:params.yaml                          a file or folder of the project
    parameter:plan.fixed_on                   a parameter that is filled in
    person:the force                          what only people can do; never ticked by the pipeline

The state of the project (tests, files) is read as it lies there, as pipeline.provenance does. RECORD: Benchimol et al.
2015; STROBE: von Elm et al. 2007; TREND: Des Jarlais et al. 2004; GUILD: Gilbert et al. 2018; EMMIE: Johnson, Tilley &
Bowers 2015; RAP: the levels of the NHS community of practice; AQuA: the AQuA Book (2025). Builds on pipeline.provenance.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pipeline.errors import InputError
from pipeline.provenance import write_value

COLUMNS = ["checklist", "item", "wording", "evidence", "note"]
KINDS = ("section", "words", "table", "figure", "test", "file", "parameter", "person")
MET, NOT_MET, PERSON = "met", "not met", "for a person to do"
# What params.yaml holds where somebody has still to be named.
UNFILLED = re.compile(r"^\s*$|^to be ", re.IGNORECASE)
NOT_REPORTED = re.compile(r"[^\n]+ is not reported in this run\.")
HEADING = re.compile(r"^(#{1,6}) +(.+?)(?: *\{[^}]*\})?$", re.MULTILINE)


@dataclass(frozen=True)
class Evidence:
    """What a run has to show: the report's headings and text, tables with rows, figures, tests, parameters, and the project's folder."""

    sections: dict[str, str]
    text: str
    tables: frozenset[str]
    figures: frozenset[str]
    tests: frozenset[str]
    parameters: dict[str, str]
    root: Path = field(default_factory=Path)


def gather_evidence(markdown: str, tables: dict[str, pd.DataFrame], pictures: list, sections: dict, root: Path) -> Evidence:
    """Return what can be pointed to: of the report's `markdown`, of controlled `tables`, finished `pictures`, `sections` of params.yaml and the project at `root`."""
    return Evidence(
        sections=find_headings(markdown),
        text=plain(markdown),
        tables=frozenset(name for name, table in tables.items() if len(table)),
        figures=frozenset(picture.file.removesuffix(".png") for picture in pictures if picture.alt.strip()),
        tests=frozenset(find_tests(root)),
        parameters={f"{section}.{name}": write_value(value) for section, values in sections.items() for name, value in values.items()},
        root=root,
    )


def find_headings(markdown: str) -> dict[str, str]:
    """Return the text of every heading of `markdown` that something stands below, by the anchor that pandoc gives it.

    A heading followed by nothing, or by no more than the sentence that its topic is not reported, is no evidence.
    """
    headings, seen = {}, {}
    found = list(HEADING.finditer(markdown))
    ends = [after.start() for after in found[1:]] + [len(markdown)]
    for place, (heading, end) in enumerate(zip(found, ends)):
        level, text = len(heading[1]), plain(heading[2])
        anchor = name_anchor(text)
        seen[anchor] = seen.get(anchor, -1) + 1
        below = plain(markdown[heading.end() : end]).strip()
        has_parts = place + 1 < len(found) and len(found[place + 1][1]) > level
        if (below or has_parts) and not NOT_REPORTED.fullmatch(below):
            headings[f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor] = text
    return headings


def name_anchor(heading: str) -> str:
    """Return pandoc's anchor of a heading: letters, digits, underscores, hyphens and full stops in lower case, hyphens for spaces, from the first letter on."""
    kept = re.sub(r"\s+", "-", re.sub(r"[^\w\s.-]", "", heading.lower()).strip())
    return re.sub(r"^[^a-z]+", "", kept) or "section"


def plain(markdown: str) -> str:
    """Return `markdown` without the backslashes of escaping, on lines of single spaces."""
    return re.sub(r"[ \t]+", " ", re.sub(r"\\([^\w\s])", r"\1", markdown))


def find_tests(root: Path) -> list[str]:
    """Return every test of the project at `root` as `tests/file.py::name`, read from its code without running it."""
    paths = sorted([*(root / "tests").glob("test_*.py"), *(root / "tests_spark").glob("test_*.py")])
    return [
        f"{path.relative_to(root).as_posix()}::{node.name}"
        for path in paths
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def hold_to_checklists(checklists: pd.DataFrame, evidence: Evidence) -> pd.DataFrame:
    """Return one row per item of `checklists` (COLUMNS) with `status` (MET, NOT_MET, PERSON) and `missing`, the pointers that lead nowhere.

    An item is met when all its pointers hold, for a person to do when nothing but a person's part is missing, and else
    not met; so is an item without evidence. Raises InputError that lists every pointer of an unknown kind and every item that stands twice.
    """
    check_pointers(checklists)
    pointers = checklists["evidence"].fillna("").map(split_pointers)
    missing = [[one for one in each if not holds(one, evidence)] for each in pointers]
    status = [judge(each, left) for each, left in zip(pointers, missing)]
    return checklists[COLUMNS].fillna("").assign(status=status, missing=["; ".join(left) for left in missing])


def split_pointers(evidence: str) -> list[str]:
    """Return the pointers of an item."""
    return [one.strip() for one in evidence.split(";") if one.strip()]


def judge(pointers: list[str], missing: list[str]) -> str:
    """Return the status of an item from its pointers and those of them that lead nowhere."""
    if pointers and not missing:
        return MET
    return PERSON if missing and all(one.startswith("person:") for one in missing) else NOT_MET


def holds(pointer: str, evidence: Evidence) -> bool:
    """Return whether what `pointer` names is there; what a person has to do never is."""
    kind, _, what = pointer.partition(":")
    found = {
        "section": lambda: what in evidence.sections,
        "words": lambda: any(words in evidence.text.lower() for words in what.lower().split("|")),
        "table": lambda: what in evidence.tables,
        "figure": lambda: what in evidence.figures,
        "test": lambda: what in evidence.tests,
        "file": lambda: (evidence.root / what).exists(),
        "parameter": lambda: what in evidence.parameters and not UNFILLED.match(evidence.parameters[what]),
        "person": lambda: False,
    }
    return found[kind]()


def check_pointers(checklists: pd.DataFrame) -> None:
    """Raise InputError that names every pointer of an unknown kind and every item that stands twice."""
    where = "data/reference/checklists.csv"
    problems = [
        f"{where}, {row.checklist} {row.item}: {pointer} is no pointer. Begin it with one of {', '.join(KINDS)}, then a colon."
        for row in checklists.fillna("").itertuples()
        for pointer in split_pointers(row.evidence)
        if pointer.partition(":")[0] not in KINDS or not pointer.partition(":")[2]
    ]
    twice = checklists[checklists.duplicated(["checklist", "item"])]
    InputError.collect(problems + [f"{where}, {row.checklist} {row.item}: stands there twice. Keep one." for row in twice.itertuples()])


def count_met(held: pd.DataFrame) -> pd.DataFrame:
    """Return one row per checklist, in its order: n_items, n_met, n_not_met, n_person."""
    counts = held.groupby("checklist", sort=False)["status"]
    return pd.DataFrame({
        "n_items": counts.size(), "n_met": counts.agg(lambda status: status.eq(MET).sum()),
        "n_not_met": counts.agg(lambda status: status.eq(NOT_MET).sum()), "n_person": counts.agg(lambda status: status.eq(PERSON).sum()),
    }).reset_index()  # fmt: skip


def reached_level(held: pd.DataFrame) -> str:
    """Return the highest RAP level whose items, and those of the levels below, are all met; "none" where the baseline is not."""
    reached = "none"
    rap = held[held["checklist"].eq("RAP")]
    for level in ("Baseline", "Silver", "Gold"):
        items = rap[rap["item"].str.startswith(level)]
        if items.empty or not items["status"].eq(MET).all():
            break
        reached = level.lower()
    return reached
