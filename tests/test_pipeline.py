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
FEW_CHOICES = {"months_after": [12], "washout_days": [0], "accept_from": [0.90, 0.99], "trigger_months": [3], "lag_edges": [[1, 3, 6, 12, 24]]}
# What turns on the last commit, and nothing else: where the tables come from, and which parameters differ from those committed.
OF_THE_COMMIT = {"provenance.csv", "plan_ledger.csv"}
STAGES = ["simulate", "01_validate", "02_link", "03_panel", "04_effect", "05_sensitivity", "06_report"]
COLUMNS = {
    "claims": "claim published reproduced controlled ci_low ci_high",
    "effects": "outcome comparison estimator estimand estimate std_error ci_low ci_high p_value n_people n_person_months status"
    " includes_linkage n_counted percent_change percent_change_low percent_change_high n_averted n_averted_low n_averted_high",
    "decomposition": "part",
    "attrition": "flow step n_people n_lost",
    "link_quality": "check arm period value pass_mark passed",
    "balance": "covariate smd_before smd_after",
    "model_checks": "check value pass_mark passed",
    "sensitivity": "outcome months_after washout_days accept_from comparison estimator estimate ci_low ci_high",
}


@pytest.fixture(scope="module")
def project(new_project):
    """A small force, run once from extracts to report."""
    project = new_project()
    project.set_param("simulate", "size", SMALL)
    project.set_param("effect", "draws", 40)
    for name, value in FEW_CHOICES.items():
        project.set_param("sensitivity", name, value)
    project.commit("A small force")
    run = project.dvc("repro")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    project.commit("What was made")
    project.printed = run.stdout + run.stderr
    return project


def stages_run(run):
    return re.findall(r"Running stage '([^']+)'", run.stdout)


def published(project):
    """The published tables with their bytes, but for the commit they were made from."""
    return {name: content for name, content in project.files("reports/tables").items() if name not in OF_THE_COMMIT}


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
    assert published(by_hand) == published(project)


@pytest.fixture
def without_one_person(project):
    """The project after its version was given out, with one referred person fewer in the tables that 06_report reads; put back afterwards."""
    derived, released = project.folder / "data/derived", project.folder / "data/released/2026-12"
    kept = {name: (derived / f"{name}.parquet").read_bytes() for name in ("cohort", "panel")}
    recorded = project.run(sys.executable, "-m", "pipeline.release", released.name)
    assert recorded.returncode == 0, recorded.stderr
    cohort, panel = (pd.read_parquet(derived / f"{name}.parquet") for name in kept)
    one = cohort.loc[cohort["arm"].eq("referred"), "person_id"].iloc[0]
    for name, table in (("cohort", cohort), ("panel", panel)):
        table[~table["trial_id"].isin(cohort.loc[cohort["person_id"].eq(one), "trial_id"])].to_parquet(derived / f"{name}.parquet", index=False)
    yield one
    for name, content in kept.items():
        (derived / f"{name}.parquet").write_bytes(content)
    shutil.rmtree(released)


def test_a_version_that_tells_one_person_by_subtraction_from_one_given_out_is_stopped_and_the_report_stays(project, without_one_person):
    before = project.files("reports")
    run = project.run(sys.executable, "-m", "pipeline.runner", "06_report")
    told = run.stderr[run.stderr.index("06_report stopped.") :]
    assert run.returncode == 1 and "Traceback" not in run.stdout + run.stderr
    assert "Against the version 2026-12: The records of fewer than 10 people differ" in told and told.count("Nothing was published.") == 1
    assert without_one_person not in run.stdout + run.stderr
    assert project.files("reports") == before


def test_an_experiment_reruns_what_depends_on_it_and_the_way_back_leads_back(project):
    before = published(project)
    run = project.dvc("exp", "run", "-S", "effect.seed=2")
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert 2 <= len(stages_run(run)) <= 3 and set(stages_run(run)) <= {"04_effect", "05_sensitivity", "06_report"}
    shown = project.dvc("exp", "show", "--csv")
    assert shown.returncode == 0 and "complier_irr" in shown.stdout
    changes = project.dvc("metrics", "diff", "--json")
    assert changes.returncode == 0 and "complier_irr" in changes.stdout
    plots = project.dvc("plots", "diff", "HEAD")
    assert plots.returncode == 0, plots.stderr
    assert "The answer under other choices, sorted" in (project.folder / "dvc_plots" / "index.html").read_text(encoding="utf-8")
    compared = project.run(sys.executable, "-m", "pipeline.compare")
    assert compared.returncode == 0, compared.stderr
    page = (project.folder / "reports" / "comparison.html").read_text(encoding="utf-8")
    assert "effect.seed" in page and "04_effect" in page and "02_link" not in page
    plots = project.dvc("plots", "show")
    assert plots.returncode == 0, plots.stderr
    assert "What the fall as published is made of" in (project.folder / "dvc_plots" / "index.html").read_text(encoding="utf-8")
    project.git("checkout", "--quiet", "params.yaml")
    assert project.dvc("repro").returncode == 0
    assert published(project) == before


def break_contacts(folder, change):
    """Write contacts.csv of a copied set of extracts anew, changed by `change`."""
    path = folder / "contacts.csv"
    change(pd.read_csv(path, dtype=str)).to_csv(path, index=False)


MISTAKES = {
    "a missing column": (lambda contacts: contacts.drop(columns=["channel"]), "channel"),
    "a wrong date format": (lambda contacts: contacts.assign(received_at="31/12/2019 10:00"), "received_at"),
    "an empty extract": (lambda contacts: contacts.head(0), "contacts"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_broken_extract_ends_in_one_message_and_leaves_earlier_results(project, mistake):
    change, named = MISTAKES[mistake]
    before, derived = published(project), project.files("data/derived")
    broken = project.folder / "data" / "raw" / "broken"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(project.folder / "data" / "raw" / "demo", broken)
    break_contacts(broken, change)
    secrets = set(pd.read_csv(broken / "referrals.csv", dtype=str)["phone"].dropna())
    project.set_param("extracts", "folder", "data/raw/broken")
    run = project.dvc("repro")
    project.git("checkout", "--quiet", "params.yaml")
    shown = run.stdout + run.stderr
    assert run.returncode != 0 and named in shown and "Traceback" not in shown
    assert not [secret for secret in secrets if secret in shown]
    assert published(project) == before
    tables = {name: content for name, content in derived.items() if name.endswith(".parquet")}
    assert {name: content for name, content in project.files("data/derived").items() if name.endswith(".parquet")} == tables


@pytest.mark.parametrize(
    "section, name, value, named",
    [("panel", "months_after", 0, "panel.months_after"), ("panel", "monts_after", 12, "panel.monts_after"), ("extracts", "folder", "data/raw/nowhere", "nowhere"), ("panel", "months_after", 48, "months_after")],
)
def test_a_wrong_parameter_is_told_before_anything_runs(project, section, name, value, named):
    before = published(project)
    project.set_param(section, name, value)
    run = project.run(sys.executable, "-m", "pipeline.check")
    project.git("checkout", "--quiet", "params.yaml")
    assert run.returncode == 1 and named in run.stderr and "Traceback" not in run.stderr
    assert published(project) == before


def test_a_cohort_too_small_to_analyse_is_refused(project):
    before = published(project)
    project.set_param("panel", "minimum_cohort", 100_000)
    run = project.dvc("repro")
    project.git("checkout", "--quiet", "params.yaml")
    assert run.returncode != 0 and "minimum_cohort" in run.stderr and "Traceback" not in run.stderr
    assert published(project) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to kill")
def test_killed_at_any_moment_a_rerun_reaches_the_same_result(project):
    before, cohort = published(project), project.folder / "data/derived/cohort.parquet"
    untouched = cohort.read_bytes()
    project.set_param("panel", "seed", 2)
    killed = subprocess.Popen([sys.executable, "-m", "dvc", "repro"], cwd=project.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=project.environment)
    while cohort.read_bytes() == untouched and killed.poll() is None:
        time.sleep(0.05)
    assert killed.poll() is None, "it ended before the first table of 03_panel was written"
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert published(project) == before
    project.git("checkout", "--quiet", "params.yaml")
    run = project.dvc("repro")
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    assert "03_panel" in stages_run(run)
    assert published(project) == before and cohort.read_bytes() == untouched
