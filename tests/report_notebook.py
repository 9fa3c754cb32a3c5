"""notebooks/06_report.ipynb on other tables: its own statements turn them into figures and a report, so that what is added there is tested without being named here.

Statements whose inputs are not given (tables of persons, the truth) are passed over, and so is whatever reads or writes files of a run.
"""

import ast
import builtins
import json
from pathlib import Path
from types import SimpleNamespace

from pipeline import figures
from pipeline.params import load_sections

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "06_report.ipynb"
# What touches a run's own files: not for tables that are made up.
OF_A_RUN = {"load_sections", "check_params", "read_table", "read_truth", "private_folder", "extracts_folder", "load_extract_facts", "check_leaks", "personal_details", "report_path"}


def statements():
    """Every statement of the notebook that gives a name a value, in order, with the imports before them."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    body = ast.parse("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")).body
    return [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom, ast.Assign, ast.AugAssign))]


def names(node, kind):
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name) and isinstance(found.ctx, kind)}


def make_report(tables, parameters, is_simulated=True, not_shown=(), dpi=None, draw=True):
    """Return what the notebook makes of `tables`: pictures, context, markdown and the tables that it works out from them.

    Pictures are empty unless `dpi` is given; the figures themselves stand under `drawn`, by name. Without `draw` nothing
    is drawn, and every picture claims to show something: for tests that look at words only.
    """
    given = {"tables": dict(tables), "params": parameters, "threshold": parameters.disclosure.threshold, "rounding": parameters.disclosure.rounding}
    given |= {"sections": load_sections(), "facts": SimpleNamespace(is_simulated=is_simulated), "not_shown": list(not_shown)}
    known, drawn, real = dict(given), {}, figures.finish_figure

    def finish(name, title, drawing):
        drawn[name] = drawing[0]
        return figures.Picture(f"{name}.png", title, drawing[1], b"") if dpi is None else real(name, title, drawing, dpi)

    wanted = statements()
    if not draw:
        calls = [node for statement in wanted for node in ast.walk(statement) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "finish_figure"]
        given["pictures"] = known["pictures"] = [figures.Picture(f"{call.args[0].value}.png", f"Caption of {call.args[0].value}", "It shows 1 thing", b"") for call in calls]
        wanted = [node for node in wanted if "finish_figure" not in names(node, ast.Load)]
    loads = set().union(*(names(node, ast.Load) for node in wanted if not isinstance(node, (ast.Import, ast.ImportFrom))))
    for node in wanted:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            node.names = [alias for alias in node.names if (alias.asname or alias.name) in loads - OF_A_RUN]
            if node.names:
                run(node, known)
                known |= {"finish_figure": finish} if "finish_figure" in known else {}
        elif (isinstance(node.targets[0] if isinstance(node, ast.Assign) else node.target, ast.Subscript) or isinstance(node, ast.AugAssign) or not names(node, ast.Store) & set(given)) and names(node, ast.Load) <= {*known, *dir(builtins)}:
            run(node, known)
    return SimpleNamespace(**{name: known[name] for name in ("pictures", "context", "markdown", "tables")}, drawn=drawn)


def run(node, known):
    exec(compile(ast.Module([node], []), str(NOTEBOOK), "exec"), known)  # noqa: S102 - the project's own notebook
