"""The drawing cells of notebooks/06_report.ipynb, run on other tables: a figure that is added to the notebook is tested without being named here."""

import ast
import json
from pathlib import Path

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "06_report.ipynb"


def statements():
    """Every statement of the notebook in order, without what only shows a value."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ast.parse("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")).body


def names(node, kind):
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name) and isinstance(found.ctx, kind)}


def work_out(wanted, given):
    """Return the value of the name `wanted` as the notebook works it out from the `given` names, running only what that needs."""
    needed, chosen = {wanted}, []
    for statement in reversed(statements()):
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            statement.names = [alias for alias in statement.names if (alias.asname or alias.name) in needed]
            chosen += [statement] if statement.names else []
        elif isinstance(statement, ast.Assign) and names(statement, ast.Store) & needed - set(given):
            chosen.append(statement)
            needed |= names(statement, ast.Load)
    values = dict(given)
    exec(compile(ast.Module(chosen[::-1], []), str(NOTEBOOK), "exec"), values)  # noqa: S102 - the project's own notebook
    return values[wanted]


def draw_pictures(tables, parameters, dpi=50):
    """Return every picture of the report, drawn from `tables`; coarse, because tests look at words and not at dots."""
    from pipeline import figures

    real = figures.finish_figure
    figures.finish_figure = lambda name, title, drawing, dpi=dpi: real(name, title, drawing, dpi)
    try:
        return work_out("pictures", {"tables": tables, "params": parameters, "threshold": parameters.disclosure.threshold, "rounding": parameters.disclosure.rounding})
    finally:
        figures.finish_figure = real
