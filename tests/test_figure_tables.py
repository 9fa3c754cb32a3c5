"""Every figure of the report is drawn from published tables, and the list of them says which."""

import ast
import json
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.figure_tables import FIGURE_TABLES, WITHOUT_NUMBERS, list_figure_tables

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "06_report.ipynb"


def tables_in(node: ast.AST, from_tables: dict[str, set[str]]) -> set[str]:
    """Return the tables["..."] that an expression reads, also by a name that was made of them."""
    read = {child.slice.value for child in ast.walk(node) if isinstance(child, ast.Subscript) and getattr(child.value, "id", "") == "tables"}
    return read.union(*(from_tables.get(child.id, set()) for child in ast.walk(node) if isinstance(child, ast.Name)))


def drawn_figures() -> dict[str, set[str]]:
    """Return the figures that the notebook draws, each with the tables that its drawing reads."""
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    made, figures = {}, {}
    for statement in (statement for cell in cells for statement in ast.parse("".join(cell["source"])).body):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            made[statement.targets[0].id] = tables_in(statement.value, made) if statement.targets[0].id != "tables" else set()
        for call in (node for node in ast.walk(statement) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "finish_figure"):
            figures[call.args[0].value] = tables_in(call.args[2], made)
    return figures


def pictures(*names: str) -> list:
    return [SimpleNamespace(file=f"{name}.png") for name in names]


def test_every_figure_is_drawn_from_the_published_tables_that_are_listed_for_it_and_from_no_other():
    drawn = drawn_figures()
    assert drawn and {name: set(tables) for name, tables in FIGURE_TABLES.items()} == {name: tables for name, tables in drawn.items() if name not in WITHOUT_NUMBERS}
    assert all(not drawn[name] for name in WITHOUT_NUMBERS)


def test_the_list_names_figure_and_table_by_their_files():
    listed = list_figure_tables(pictures("flow", "theory_of_change"), {"attrition": pd.DataFrame()})
    assert listed.to_dict("list") == {"figure": ["flow.png"], "table": ["attrition.csv"]}


def test_a_figure_without_a_published_table_stops_the_report():
    with pytest.raises(InputError, match="Figure unheard_of: no published table"):
        list_figure_tables(pictures("unheard_of"), {})
    with pytest.raises(InputError, match="its table attrition is not published"):
        list_figure_tables(pictures("flow"), {})
