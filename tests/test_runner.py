"""The runner: what a notebook gets, what a user sees of a failure, what reaches reports/."""

import os
import stat
import subprocess
import sys

import nbformat
import pandas as pd
import pytest

SECRET = "Hephzibah Quattlebaum"
PARAMS = """\
extracts: {folder: data/raw/demo}
simulate: {size: 5000, seed: 1, true_irr: 0.55}
disclosure: {threshold: 10, rounding: 5}
"""
DVC = """\
stages:
  toy:
    desc: A toy.
    cmd: python -m pipeline.runner toy
    params: [disclosure]
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a toy notebook of the given cells as a stage in a project of its own."""
    (tmp_path / "dvc.yaml").write_text(DVC)
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "notebooks").mkdir()

    def run_cells(*cells, stage="toy"):
        parameters = nbformat.v4.new_code_cell("sections = {}", metadata={"tags": ["parameters"]})
        notebook = nbformat.v4.new_notebook(cells=[parameters, *map(nbformat.v4.new_code_cell, cells)])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, tmp_path / "notebooks" / "toy.ipynb")
        return subprocess.run([sys.executable, "-m", "pipeline.runner", stage], cwd=tmp_path, capture_output=True, text=True)

    run_cells.folder = tmp_path
    return run_cells


def published(run):
    return run.folder / "reports" / "notebooks" / "toy.ipynb"


def test_a_notebook_gets_the_declared_sections_and_no_other(run):
    result = run("assert sections == {'disclosure': {'threshold': 10, 'rounding': 5}}, sections")
    assert result.returncode == 0, result.stderr


def test_a_failing_cell_ends_in_a_plain_message_that_holds_nobodys_data(run):
    result = run("1 + 1", f"raise ValueError('no contact for {SECRET}')")
    shown = result.stdout + result.stderr
    assert result.returncode == 1
    assert "toy stopped in cell" in shown and "ValueError" in shown
    assert SECRET not in shown and "Traceback" not in shown
    assert not published(run).exists()


def test_a_mistake_that_a_user_can_mend_is_told_in_our_own_words(run):
    result = run("from pipeline.errors import InputError\nraise InputError('contacts.csv: no rows. Ask for the extract again.')")
    assert result.returncode == 1
    assert "contacts.csv: no rows. Ask for the extract again." in result.stderr
    assert "Traceback" not in result.stderr


def test_what_the_notebooks_own_process_says_while_it_ends_reaches_nobody(run):
    """Jupyter's machinery now and then logs a traceback of its own there, and nobody can say what one holds."""
    late = f"import atexit, logging\natexit.register(lambda: logging.getLogger('tornado.general').error('Traceback of {SECRET}'))"
    stopped = run(late, "from pipeline.errors import InputError\nraise InputError('contacts.csv: no rows.')")
    finished = run(late)
    assert stopped.returncode == 1 and "contacts.csv: no rows." in stopped.stderr and finished.returncode == 0
    assert SECRET not in stopped.stderr + stopped.stdout + finished.stderr + finished.stdout


def test_executed_notebooks_reach_reports_only_with_the_stage_that_makes_the_report(run):
    """A version that is stopped in the last stage must leave nothing to subtract in the notebooks of the others."""
    (run.folder / "dvc.yaml").write_text(DVC + "  last:\n    cmd: python -m pipeline.runner last\n    params: [disclosure]\n    outs:\n      - reports/page.html: {persist: true}\n")
    assert run("print('good')").returncode == 0
    assert not published(run).exists()
    (run.folder / "notebooks" / "last.ipynb").write_bytes((run.folder / "notebooks" / "toy.ipynb").read_bytes())
    assert run("print('good')", stage="last").returncode == 0
    assert published(run).exists() and published(run).with_name("last.ipynb").exists()


def test_a_failed_run_leaves_the_last_good_notebook(run):
    assert run("print('good')").returncode == 0
    before = published(run).read_bytes()
    assert run("1 / 0").returncode == 1
    assert published(run).read_bytes() == before


def test_what_is_published_holds_no_stderr_and_no_path_of_the_machine(run):
    result = run(f"import sys, warnings\nprint('{SECRET}', file=sys.stderr)\nwarnings.warn('{SECRET}')\nprint('shown')")
    assert result.returncode == 0, result.stderr
    text = published(run).read_text()
    assert "shown" in text
    outputs = [output for cell in nbformat.reads(text, as_version=4).cells for output in cell.get("outputs", [])]
    assert SECRET not in str(outputs)
    assert str(run.folder) not in text


@pytest.fixture
def run_with_extracts(run):
    """The same in a project whose first stage has read somebody's details."""
    (run.folder / "data/derived").mkdir(parents=True)
    forename, surname = SECRET.upper().split()
    pd.DataFrame([{"client_id": "C00017", "forename": forename, "surname": surname, "phone": "07700900123"}]).to_parquet(run.folder / "data/derived/referrals.parquet", index=False)
    return run


def test_a_notebook_that_shows_a_personal_detail_is_not_published(run_with_extracts):
    result = run_with_extracts(f"print('call {SECRET} on 07700 900 123')")
    assert result.returncode == 1 and "personal details (name, phone)" in result.stderr
    assert not any(part in result.stdout + result.stderr for part in (*SECRET.split(), "900 123"))
    assert not published(run_with_extracts).exists()


def test_a_message_of_our_own_that_holds_a_personal_detail_is_not_shown(run_with_extracts):
    result = run_with_extracts(f"from pipeline.errors import InputError\nraise InputError('contacts.csv: {SECRET} has no phone.')")
    assert result.returncode == 1 and "Its text may hold data and is not shown" in result.stderr
    assert not any(part in result.stdout + result.stderr for part in SECRET.split())


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps permissions otherwise")
def test_executed_notebooks_lie_where_only_their_owner_reads(run):
    assert run("1").returncode == 0
    for folder in ("data/derived", "data/derived/executed"):
        assert stat.S_IMODE((run.folder / folder).stat().st_mode) == 0o700


def test_progress_is_visible(run):
    assert "Executing" in run("1").stderr


def test_a_wrong_parameter_stops_a_stage_before_its_notebook_starts(run):
    (run.folder / "params.yaml").write_text(PARAMS.replace("threshold: 10", "threshold: -3"))
    result = run("print('never')")
    assert result.returncode == 1
    assert "disclosure.threshold" in result.stderr and "-3" in result.stderr and "Traceback" not in result.stderr


def test_an_unknown_stage_names_those_that_there_are(run):
    result = run("1", stage="tpy")
    assert result.returncode == 1 and "toy" in result.stderr and "Traceback" not in result.stderr
