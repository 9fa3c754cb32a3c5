"""Runs one notebook as a stage: `python -m pipeline.runner 03_panel`, or `python -m pipeline.runner 03_panel panel`.

The second argument is extracts.kind. A kind for which a stage has another story to tell has a notebook of its own,
notebooks/<kind>/<stage>.ipynb; else notebooks/<stage>.ipynb runs, for every kind.
The notebook gets exactly the sections of params.yaml that its stage declares in dvc.yaml. It is executed
into a folder that only its owner can read, because a failed notebook and its traceback hold data; the copy
reaches reports/ only on success, without what was printed to stderr, only when it holds nobody's details, and together with the report.
"""

import os
import shutil
import sys
from pathlib import Path

import nbformat
import yaml

from pipeline.errors import InputError, run_command, withhold
from pipeline.params import check_params, load_sections
from pipeline.tables import DERIVED, REPORTS, private_folder, project_root, replace_file

EXECUTED = DERIVED / "executed"
FINISHED = DERIVED / "finished"
PUBLISHED = REPORTS / "notebooks"


def declared_sections(stage: str) -> list[str]:
    """Return the sections of params.yaml that `stage` declares in dvc.yaml.

    Raises InputError when there is no such stage.
    """
    stages = yaml.safe_load((project_root() / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    if stage not in stages:
        raise InputError(f"Stage {stage}: not in dvc.yaml. The stages are {', '.join(stages)}.")
    return stages[stage].get("params", [])


def find_notebook(stage: str, kind: str) -> str:
    """Return the notebook of `stage` for extracts of this `kind`, from the project's folder."""
    own = f"notebooks/{kind}/{stage}.ipynb"
    return own if (project_root() / own).is_file() else f"notebooks/{stage}.ipynb"


def execute_stage(stage: str, kind: str = "identified") -> Path:
    """Execute the notebook of `stage` for extracts of this `kind` and return where the executed copy lies, on the secure disk.

    Raises InputError with our own message, or with the exception's type and cell but never its text.
    """
    # Imported here: papermill takes a second, and a mistake in the parameters should be told at once.
    from papermill import execute_notebook
    from papermill.exceptions import PapermillExecutionError

    sections = load_sections(*declared_sections(stage))
    check_params(sections)
    private_folder("executed")
    executed, notebook = EXECUTED / f"{stage}.ipynb", find_notebook(stage, kind)
    # Warnings of the kernel print temporary paths and, at worst, values.
    os.environ["PYTHONWARNINGS"] = "ignore"
    # What the kernel says outside its cells, as while it ends, goes nowhere: no-stderr leaves what cells print to the notebook.
    try:
        execute_notebook(
            notebook, executed, parameters={"sections": sections}, kernel_name="python3", extra_arguments=["--log-level=ERROR", "--no-stderr"]
        )
    except PapermillExecutionError as error:
        raise InputError(describe_failure(stage, error, notebook)) from None
    return executed


def describe_failure(stage: str, error, notebook: str) -> str:
    """Return what a user may see of a failed notebook.

    `error` is papermill's: its ename and evalue are the exception's type and text, cell_index the cell counted from 0.
    """
    if error.ename == InputError.__name__ and not find_leaks_here(stage, error.evalue.encode()):
        return f"{stage} stopped.\n{withhold(error.evalue)}"
    return (
        f"{stage} stopped in cell {error.cell_index} of {notebook} with {error.ename}. Its text may hold data and is not shown; "
        f"whoever may see the data finds it in {(EXECUTED / stage).as_posix()}.ipynb."
    )


def publish_notebook(stage: str, executed: Path) -> None:
    """Keep an executed notebook, without stderr, on the secure disk; all that are kept reach reports/ with the stage that makes the report.

    A version that is stopped because it would give people away beside an earlier one then leaves nothing of itself there.

    Raises InputError where it holds a personal detail of the extracts; the copy in reports/ is then the last good one.
    """
    notebook = nbformat.read(executed, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    InputError.collect(find_leaks_here(f"reports/notebooks/{stage}.ipynb", nbformat.writes(notebook).encode()))
    private_folder("finished")
    replace_file(FINISHED / f"{stage}.ipynb", lambda temporary: nbformat.write(notebook, temporary))
    for path in sorted(FINISHED.glob("*.ipynb")) if makes_reports(stage) else []:
        replace_file(PUBLISHED / path.name, lambda temporary, path=path: shutil.copyfile(path, temporary))


def makes_reports(stage: str) -> bool:
    """Return whether `stage` is the one of dvc.yaml that makes what lies under reports/, or none does."""
    stages = yaml.safe_load((project_root() / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    outs = {name: [next(iter(out)) if isinstance(out, dict) else out for out in one.get("outs", [])] for name, one in stages.items()}
    last = {name for name, paths in outs.items() if any(path.startswith(f"{REPORTS.as_posix()}/") for path in paths)}
    return not last or stage in last


def find_leaks_here(name: str, content: bytes) -> list[str]:
    """Return what is wrong where `content`, which is to leave under `name`, holds a personal detail of the extracts."""
    # Imported here: pandas takes a second, and a mistake in the parameters should be told at once.
    from pipeline.leak_check import load_details
    from pipeline.leak_search import public_text, search_files

    return search_files({name: content}, load_details(project_root()), public_text())


def run_stage(stage: str, kind: str) -> None:
    """Execute `stage` from the project's root and publish its notebook."""
    os.chdir(project_root())
    publish_notebook(stage, execute_stage(stage, kind))


def main(stage: str, kind: str = "identified") -> int:
    """Run `stage` for extracts of this `kind` from the project's root and return the exit code."""
    return run_command(lambda: run_stage(stage, kind), "\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("Usage: python -m pipeline.runner STAGE [KIND], for example 03_panel identified.")
    sys.exit(main(*sys.argv[1:]))
