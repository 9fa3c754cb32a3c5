"""The second force, under other names, codes and formats, goes from extracts to report with nothing but its mapping and parameters."""

import re
import secrets
import shutil
import sys

import pandas as pd
import pytest
import yaml
from conftest import ROOT

SIZE = 9_000
EXAMPLE = "examples/northshire"
# What keeps the test short, and what a force so small asks for.
FEW_CHOICES = [
    ("effect", "draws", 20), ("linkage", "draws", 2), ("panel", "minimum_cohort", 20),
    ("sensitivity", "months_after", [12]), ("sensitivity", "washout_days", [0]), ("sensitivity", "accept_from", [0.90]), ("sensitivity", "trigger_months", [3]),
]  # fmt: skip


def tutorial_parameters():
    """The parameters that the README's tutorial tells a new user to set."""
    tutorial = (ROOT / "README.md").read_text(encoding="utf-8").split("## Using your own extracts")[1].split("\n## ")[0]
    said = re.findall(r"""-S '?([a-z_]+)\.([a-z_]+)=(?:"([^"\n]+)"|(\S+))""", tutorial)
    return [(section, name, quoted or plain) for section, name, quoted, plain in said]


@pytest.fixture(scope="module")
def project(new_project):
    """A small Northshire, read by the mapping of the example, run once from extracts to report."""
    project = new_project()
    made = project.run(sys.executable, "-m", "pipeline.second_force", "--size", str(SIZE))
    assert made.returncode == 0, made.stderr
    folder = project.folder / "data" / "raw" / "northshire"
    shutil.copyfile(project.folder / EXAMPLE / "extracts.yaml", folder / "extracts.yaml")
    (folder / "person_key.txt").write_text(secrets.token_hex(32))
    for section, name, value in [*tutorial_parameters(), *FEW_CHOICES]:
        project.set_param(section, name, value)
    checked = project.run(sys.executable, "-m", "pipeline.check")
    assert checked.returncode == 0, checked.stderr
    # By hand, stage by stage, and not `dvc repro`, which would simulate the other demonstration first.
    for stage in ("01_validate", "02_link", "03_panel", "04_effect", "05_sensitivity", "06_report"):
        run = project.run(sys.executable, "-m", "pipeline.runner", stage)
        assert run.returncode == 0, f"{stage}: {run.stderr[-2000:]}"
    return project


def read_words(project):
    html = (project.folder / "reports/evaluation.html").read_text(encoding="utf-8")
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<(style|script).*?</\1>", "", html, flags=re.S)))


def test_the_report_is_made_and_says_that_it_shows_a_simulated_force(project):
    words = read_words(project)
    assert "Demonstration with simulated data" in words and "Evaluation of Northshire Peer Support" in words
    assert (project.folder / "reports/evaluation.pdf").read_bytes().startswith(b"%PDF")


def test_the_report_holds_the_estimates_against_the_truth_of_this_force(project):
    assert "Estimates against the truth of the simulation" in read_words(project)
    truth = pd.read_csv(project.folder / "reports/tables/linkage_truth.csv")
    assert len(truth) and truth["value"].median() > 0.9


def test_the_parameters_of_the_other_demonstrations_simulation_are_not_listed(project):
    assert "simulate.size" not in read_words(project)


def test_every_row_of_their_files_arrives_and_means_the_same(project):
    truth = pd.read_parquet(project.folder / "data/truth/northshire/contact_persons.parquet")
    contacts = pd.read_parquet(project.folder / "data/derived/contacts.parquet")
    assert sorted(contacts["contact_id"]) == sorted(truth["contact_id"])
    assert set(contacts["role"]) == {"caller", "subject", "victim"} and set(contacts["service"]) == {"police"}
    assert contacts["received_at"].is_monotonic_increasing and contacts["received_at"].dt.year.between(2015, 2021).all()
    assert contacts["sex"].dropna().isin(["F", "M", "X"]).all() and contacts["opening_code"].str.fullmatch("[A-Z]{3}").all()


def test_the_mapping_drafted_from_the_files_is_the_finished_one_but_for_what_it_asks(project):
    """Its questions: whether the set is simulated, and a type of incident that no word tells."""
    folder = project.folder / "data" / "raw" / "northshire"
    run = project.run(sys.executable, "-m", "pipeline.draft_mapping", "data/raw/northshire")
    assert run.returncode == 0, run.stderr
    drafted, finished = (yaml.load((folder / name).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["tables"] for name in ("extracts.draft.yaml", "extracts.yaml"))
    for name, table in finished.items():
        assert drafted[name]["columns"] == table["columns"], name
        assert drafted[name].get("dates") == table.get("dates") and drafted[name]["files"] == table["files"], name
        for column, codes in table.get("codes", {}).items():
            asked = {code for code, ours in drafted[name]["codes"][column].items() if ours == "?"}
            assert asked <= {"09 S.136"} and {code: codes[code] for code in drafted[name]["codes"][column] if code not in asked}.items() <= drafted[name]["codes"][column].items()


def test_the_files_are_the_same_bytes_each_time(project, new_project):
    again = new_project()
    again.run(sys.executable, "-m", "pipeline.second_force", "--size", str(SIZE), check=True)
    made = again.files("data/raw/northshire")
    there = project.files("data/raw/northshire")
    assert len(made) > 80 and {name: there[name] for name in made if not name.endswith(".xlsx")} == {name: content for name, content in made.items() if not name.endswith(".xlsx")}


def test_a_rule_that_is_broken_names_their_files_and_columns(project):
    calls = project.folder / "data" / "raw" / "northshire" / "calls"
    first = sorted(calls.iterdir())[0]
    shutil.copyfile(first, calls / "calls_2022-01.csv")
    run = project.run(sys.executable, "-m", "pipeline.runner", "01_validate")
    (calls / "calls_2022-01.csv").unlink()
    assert run.returncode == 1 and "contact_id occurs once" in run.stderr and "'Log no'" in run.stderr and "calls/calls_2015-01.csv" in run.stderr
