"""The whole pipeline on a small simulated force: from extracts to report, again, with another parameter, with bad input."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

SMALL = 20_000
STAGES = ["simulate", "01_validate", "02_link", "03_panel", "04_effect", "05_sensitivity", "06_report"]
COLUMNS = {
    "claims": "claim published reproduced controlled ci_low ci_high",
    "effects": "outcome comparison estimator estimand estimate std_error ci_low ci_high p_value n_people n_person_months",
    "decomposition": "part",
    "attrition": "flow step n_people n_lost",
    "link_quality": "check arm period value pass_mark passed",
    "balance": "covariate smd_before smd_after",
    "model_checks": "check value pass_mark passed",
    "sensitivity": "months_after washout_days accept_from comparison estimator estimate ci_low ci_high",
}


@pytest.fixture(scope="module")
def project(new_project):
    """A small force, run once from extracts to report."""
    project = new_project()
    project.set_param("simulate", "size", SMALL)
    project.set_param("effect", "draws", 40)
    project.set_param("sensitivity", "draws", 20)
    project.commit("A small force")
    run = project.dvc("repro")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    project.commit("What was made")
    project.printed = run.stdout + run.stderr
    return project


def stages_run(run):
    return re.findall(r"Running stage '([^']+)'", run.stdout)


def table(project, name):
    return pd.read_csv(project.folder / "reports" / "tables" / f"{name}.csv")


@pytest.mark.parametrize("name", COLUMNS)
def test_the_tables_that_others_rely_on_are_there(project, name):
    frame = table(project, name)
    assert len(frame)
    wanted = COLUMNS[name].split()
    assert [column for column in wanted if column not in frame.columns] == []
    if name in ("claims", "effects"):
        assert list(frame.columns) == wanted


def test_the_report_is_one_page_one_pdf_and_one_file_of_metrics(project):
    html = (project.folder / "reports/evaluation.html").read_text(encoding="utf-8")
    assert "simulated" in html.lower() and len(html) < 5_000_000
    assert (project.folder / "reports/evaluation.pdf").read_bytes().startswith(b"%PDF")
    assert json.loads((project.folder / "reports/metrics.json").read_text())


def test_progress_was_visible(project):
    assert project.printed.count("Executing") >= len(STAGES) - 1


def test_a_second_run_does_nothing(project):
    run = project.dvc("repro")
    assert run.returncode == 0 and stages_run(run) == []


def test_git_sees_nothing_that_a_run_made_but_the_lock(project):
    assert set(project.git("ls-files").split()) & {"reports/evaluation.html", "data/raw/demo/contacts.csv"} == set()
    assert project.git("status", "--porcelain") == ""


def test_notebooks_run_by_hand_in_order_without_the_truth_and_reach_the_same_tables(project, new_project):
    """Only 06_report may need the truth; run by hand, a notebook starts in its own folder."""
    by_hand = new_project()
    shutil.copyfile(project.folder / "params.yaml", by_hand.folder / "params.yaml")
    assert by_hand.run(sys.executable, "-m", "pipeline.simulate").returncode == 0
    truth = by_hand.folder / "data" / "truth"
    truth.rename(by_hand.folder / "elsewhere")
    for stage in STAGES[1:-1]:
        run = by_hand.run(sys.executable, "-m", "jupyter", "execute", f"notebooks/{stage}.ipynb")
        assert run.returncode == 0, f"{stage}: {run.stderr[-2000:]}"
    (by_hand.folder / "elsewhere").rename(truth)
    run = by_hand.run(sys.executable, "-m", "jupyter", "execute", "notebooks/06_report.ipynb")
    assert run.returncode == 0, run.stderr[-2000:]
    derived = {name: content for name, content in project.files("data/derived").items() if name.endswith(".parquet")}
    assert derived and {name: content for name, content in by_hand.files("data/derived").items() if name.endswith(".parquet")} == derived
    unlike = {"provenance.csv"}
    tables = {name: content for name, content in project.files("reports/tables").items() if name not in unlike}
    assert {name: content for name, content in by_hand.files("reports/tables").items() if name not in unlike} == tables


def test_an_experiment_reruns_what_depends_on_it_and_the_way_back_leads_back(project):
    before = project.files("reports/tables")
    run = project.dvc("exp", "run", "-S", "effect.seed=2")
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert 2 <= len(stages_run(run)) <= 3 and set(stages_run(run)) <= {"04_effect", "05_sensitivity", "06_report"}
    shown = project.dvc("exp", "show", "--csv")
    assert shown.returncode == 0 and "complier_irr" in shown.stdout
    changes = project.dvc("metrics", "diff", "--json")
    assert changes.returncode == 0 and "complier_irr" in changes.stdout
    plots = project.dvc("plots", "show")
    assert plots.returncode == 0, plots.stderr
    project.git("checkout", "--quiet", "params.yaml")
    assert project.dvc("repro").returncode == 0
    assert project.files("reports/tables") == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to kill")
def test_killed_at_any_moment_a_rerun_reaches_the_same_result(project):
    before = project.files("reports/tables")
    project.set_param("panel", "seed", 2)
    killed = subprocess.Popen([sys.executable, "-m", "dvc", "repro"], cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=project.environment)
    time.sleep(9)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert project.files("reports/tables") == before
    project.git("checkout", "--quiet", "params.yaml")
    run = project.dvc("repro")
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert project.files("reports/tables") == before
