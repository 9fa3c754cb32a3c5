"""dvc.yaml, the notebooks and the imports must tell one story."""

import ast
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
NOTEBOOK_STAGES = [stage for stage in STAGES if stage != "simulate"]
PLUMBING = {"tables", "params", "param_types", "params_assurance", "params_economics", "validation", "extracts", "extract_columns", "extract_kinds", "empty_tables", "example_entries", "extract_facts", "extract_mapping", "extract_values", "source_columns", "source_encoding", "source_files", "source_sheets", "file_guesses", "column_guesses", "draft_mapping", "second_force", "runner", "check", "clerical_review", "plan_page", "compare", "release", "simulate", "leak_check", "pack", "pack_contents"}
LOCK = "requirements.lock"


# A stage whose story differs for a kind of extracts has a notebook of its own in a folder of that name.
KINDS = ["pseudonymised", "panel"]
NOTEBOOKS = [path for stage in NOTEBOOK_STAGES for path in [f"{stage}.ipynb", *(f"{kind}/{stage}.ipynb" for kind in KINDS)] if (ROOT / "notebooks" / path).is_file()]


def notebooks_of(stage):
    return [path for path in NOTEBOOKS if Path(path).stem == stage]


def notebook(path):
    return json.loads((ROOT / "notebooks" / path).read_text(encoding="utf-8"))


def code_cells(path):
    return ["".join(cell["source"]) for cell in notebook(path)["cells"] if cell["cell_type"] == "code"]


def source(stage):
    """The code of a stage, of all its notebooks together."""
    if stage == "simulate":
        return (ROOT / "pipeline/simulate.py").read_text(encoding="utf-8")
    return "\n".join(cell for path in notebooks_of(stage) for cell in code_cells(path))


def pipeline_imports(text):
    """The modules of pipeline/ that a text imports."""
    modules = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline."):
            modules.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "pipeline":
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("pipeline.")}
    return modules


def all_imports(text):
    """The modules that a text imports, and those that these import in turn."""
    found, left = set(), pipeline_imports(text)
    while left:
        module = left.pop()
        found.add(module)
        left |= pipeline_imports((ROOT / "pipeline" / f"{module}.py").read_text(encoding="utf-8")) - found
    return found


def named(text, function):
    """The literal first arguments with which `function` is called in a text."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call) and getattr(node.func, "id", None) == function]
    return [argument.value for call in calls for argument in call.args if isinstance(argument, ast.Constant)]


def paths(entries):
    return {next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries or []}


def declared(stage, *kinds):
    return set().union(*(paths(STAGES[stage].get(kind)) for kind in kinds))


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_described_in_one_sentence(stage):
    assert re.fullmatch(r"[A-Z][^\n]+[.?]", STAGES[stage]["desc"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_parameters_it_loads(stage):
    texts = ["\n".join(code_cells(path)) for path in notebooks_of(stage)] or [source(stage)]
    for text in texts:
        assert STAGES[stage].get("params", []) == named(text, "load_sections")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_modules_it_imports_and_on_no_other(stage):
    modules = {f"pipeline/{module}.py" for module in all_imports(source(stage))}
    if stage == "simulate":
        modules.add("pipeline/simulate.py")
    assert {dep for dep in declared(stage, "deps") if dep.endswith(".py")} == modules


@pytest.mark.parametrize("stage", NOTEBOOK_STAGES)
def test_a_stage_depends_on_the_tables_it_reads(stage):
    text = source(stage)
    read = {f"data/derived/{name}.parquet" for name in named(text, "read_table")}
    read |= {f"data/reference/{name}.csv" for name in named(text, "read_reference")}
    data = {dep for dep in declared(stage, "deps") if dep.startswith(("data/derived/", "data/reference/"))}
    assert data == read


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_every_notebook_of_a_stage_makes_the_tables_that_the_stage_makes(path):
    written = {f"data/derived/{name}.parquet" for name in named("\n".join(code_cells(path)), "write_table")}
    assert {out for out in declared(Path(path).stem, "outs", "plots", "metrics") if out.startswith("data/derived/") and out.endswith(".parquet")} == written


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_its_notebook_and_the_lock(stage):
    assert LOCK in declared(stage, "deps")
    assert {f"notebooks/{path}" for path in notebooks_of(stage)} == {dep for dep in declared(stage, "deps") if dep.startswith("notebooks/")}


@pytest.mark.parametrize("stage", NOTEBOOK_STAGES)
def test_a_stage_with_a_notebook_for_a_kind_is_told_the_kind(stage):
    has_own = len(notebooks_of(stage)) > 1
    assert STAGES[stage]["cmd"] == f"python -m pipeline.runner {stage}" + (" ${extracts.kind}" if has_own else "")


@pytest.mark.parametrize("stage", STAGES)
def test_outputs_stay_until_they_are_replaced_and_personal_data_is_never_cached(stage):
    for kind in ("outs", "metrics", "plots"):
        for entry in STAGES[stage].get(kind, []):
            assert isinstance(entry, dict), entry
            (path, options), = entry.items()
            assert options.get("persist"), path
            if path.startswith("data/"):
                assert options.get("cache") is False, path


def test_only_simulation_and_the_reports_demonstration_box_touch_the_truth():
    assert [stage for stage in STAGES if any("data/truth" in dep for dep in declared(stage, "deps"))] == ["06_report"]
    assert [stage for stage in STAGES if any("data/truth" in out for out in declared(stage, "outs"))] == ["simulate"]
    for stage in NOTEBOOK_STAGES:
        assert ("truth" in " ".join(named(source(stage), "read_truth")) or "read_truth" in source(stage)) == (stage == "06_report"), stage
    readers = [path.name for path in (ROOT / "pipeline").glob("*.py") if re.search(r"\bTRUTH\b|data/truth", path.read_text(encoding="utf-8"))]
    assert sorted(readers) == ["second_force.py", "simulate.py", "tables.py"]


def test_method_modules_import_no_plumbing():
    for path in (ROOT / "pipeline").glob("*.py"):
        if path.stem not in PLUMBING:
            assert not pipeline_imports(path.read_text(encoding="utf-8")) & PLUMBING, path.name


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_notebook_orchestrates_and_computes_nothing_itself(path):
    loops = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.ListComp, ast.DictComp, ast.SetComp, ast.Lambda)
    for cell in code_cells(path):
        assert not [node for node in ast.walk(ast.parse(cell)) if isinstance(node, loops)], cell


@pytest.mark.parametrize("path", NOTEBOOKS)
def test_a_notebook_has_one_parameters_cell_and_stores_no_output(path):
    cells = notebook(path)["cells"]
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    assert len(tagged) == 1 and "load_sections" in "".join(tagged[0]["source"])
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]


def test_modules_can_be_read_at_one_sitting():
    long = {path.name: lines for path in (ROOT / "pipeline").glob("*.py") if (lines := path.read_text(encoding="utf-8").count("\n")) > 400}
    assert not long


def test_notebooks_are_committed_as_the_filter_leaves_them(tmp_path):
    """Otherwise git would call every notebook changed as soon as the set-up installs the filter."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    copies = [tmp_path / "notebooks" / path for path in NOTEBOOKS]
    subprocess.run([sys.executable, "-m", "nbstripout", *map(str, copies)], check=True, capture_output=True)
    changed = [path for path, copy in zip(NOTEBOOKS, copies) if json.loads(copy.read_text(encoding="utf-8")) != json.loads((ROOT / "notebooks" / path).read_text(encoding="utf-8"))]
    assert not changed
