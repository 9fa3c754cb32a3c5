"""What a notebook displays leaves with it: no table with counts is shown as it is."""

import ast
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
# Counted in draws, controls, worlds or rules, never in people or contacts.
HARMLESS = {"n_draws", "n_controls", "n_estimated", "n_replicates", "n_worlds", "n_worlds_missing", "n_off_aim", "n_designs"}
CONTROLS = ("control_", "show_", "round_")
# Summaries that count rules and specifications, not people.
SUMMARIES = {"summarise_results", "choices_that_matter"}
# Calls that show nothing, or stop with a message of their own.
SILENT = {"write_table", "check_contracts", "stop_if_critical"}


def tables_with_counts() -> set[str]:
    """Return the tables whose suite promises a column that counts people or contacts."""
    found = set()
    for path in (ROOT / "expectations").glob("*.json"):
        columns = [column for rule in json.loads(path.read_text(encoding="utf-8"))["expectations"] for column in rule["kwargs"].get("column_set", [])]
        found |= {path.stem} if any(column == "n" or column.startswith("n_") and column not in HARMLESS for column in columns) else set()
    return found


def shown_bare(source: str, tables: set[str]) -> set[str]:
    """Return the tables that the last expression of a cell shows, whole or rounded, without a control around them."""
    body = ast.parse(source).body
    if not body or not isinstance(body[-1], ast.Expr):
        return set()
    calls = [node.func.id for node in ast.walk(body[-1]) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    if any(name.startswith(CONTROLS) or name in SUMMARIES | SILENT for name in calls):
        return set()
    return {node.id for node in ast.walk(body[-1]) if isinstance(node, ast.Name) and node.id in tables}


def test_the_search_finds_a_bare_table_and_passes_a_controlled_one():
    assert shown_bare("x = 1\nlinkage.round(4)", {"linkage"}) == {"linkage"}
    assert shown_bare("control_table(linkage, 10, 5, counts=['n'])", {"linkage"}) == set()
    assert shown_bare("linkage = 1", {"linkage"}) == set()


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_no_notebook_shows_a_table_with_counts_that_is_not_controlled(path):
    tables = tables_with_counts()
    cells = [cell for cell in json.loads((ROOT / path).read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert tables and {name for cell in cells for name in shown_bare("".join(cell["source"]), tables)} == set()
