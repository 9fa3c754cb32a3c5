"""The check before anything runs: every mistake at once, one message, exit code 1, no traceback."""

import subprocess
import sys

import pytest
from small_extracts import ROOT, SECRET, make_contacts, make_referrals, set_param, write_extracts, write_project

import pipeline.spark
from pipeline.check import main


@pytest.fixture
def project(tmp_path, monkeypatch):
    write_project(tmp_path)
    write_extracts(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys):
    """What the check says of a project with mistakes, after its exit code 1."""
    assert main() == 1
    said = capsys.readouterr()
    assert SECRET not in said.out + said.err and "Traceback" not in said.err
    return said.err


def test_a_project_without_mistakes_passes_in_silence(project, capsys):
    assert main() == 0
    assert capsys.readouterr() == ("", "")


def test_the_command_ends_with_exit_code_1_and_one_message_without_a_traceback(project):
    set_param(project, "panel.months_afer", 12)
    result = subprocess.run([sys.executable, "-m", "pipeline.check"], cwd=project, capture_output=True, text=True)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "panel.months_afer: no such parameter" in result.stderr


def test_values_out_of_range_are_told_together(project, capsys):
    set_param(project, "linkage.accept_from", 1.5)
    set_param(project, "simulate.true_irr", -1)
    message = told(capsys)
    assert "linkage.accept_from" in message and "simulate.true_irr" in message


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("panel.months_after", True, "panel.months_after: input should be a valid integer. Found True."),
        ("panel.months_after", "12", "panel.months_after: input should be a valid integer. Found '12'."),
        ("panel.lag_edges", 24, "panel.lag_edges"),
        ("study.contacts_from", "01/01/2014", 'study.contacts_from: must be a day as "2019-03-31", in quotes. Found \'01/01/2014\'.'),
        ("study.contacts_from", "2014-13-01", "study.contacts_from: must be a day"),
        ("study.contacts_from", 20140101, "study.contacts_from: must be a day"),
    ],
)
def test_a_value_of_another_type_is_told(project, capsys, name, value, problem):
    set_param(project, name, value)
    assert problem in told(capsys)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: "", "holds no sections"),
        (lambda text: "- a\n- b\n", "holds no sections"),
        (lambda text: text.replace("seed: 13", "seed: [13"), "cannot be read"),
        (lambda text: text.encode() + b"\n# \xe9\n", "cannot be read"),
        (lambda text: text.replace('"2014-01-01"', "2014-01-01"), 'Write "2014-01-01"'),
        (lambda text: text.split("report:")[0], "the section report is missing or empty"),
        (lambda text: text.split("report:")[0] + "report:\n", "the section report is missing or empty"),
        (lambda text: text.replace("  months_after: 12\n", "  months_after: 12\n  months_after: 6\n"), "panel.months_after: stands there 2 times"),
        (lambda text: text + "\nreport:\n  scheme: Another\n", "report: stands there 2 times"),
    ],
)
def test_a_params_file_that_cannot_be_what_it_should_is_told(project, capsys, change, problem):
    changed = change((ROOT / "params.yaml").read_text(encoding="utf-8"))
    (project / "params.yaml").write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    assert problem in told(capsys)


def test_missing_extracts_and_missing_columns_are_told_together(project, capsys):
    folder = write_extracts(project, contacts=make_contacts().drop(columns=["role", "channel"]))
    (folder / "referrals.csv").unlink()
    (folder / "extracts.yaml").unlink()
    message = told(capsys)
    assert "referrals.csv: missing" in message and "extracts.yaml: missing" in message and "columns missing: channel, role" in message


def test_an_empty_extract_is_told(project, capsys):
    write_extracts(project, referrals=make_referrals().head(0))
    assert "referrals.csv: empty" in told(capsys)


def test_a_folder_that_is_not_there_is_told(project, capsys):
    set_param(project, "extracts.folder", "data/raw/forse")
    assert "there is no folder data/raw/forse" in told(capsys)


def test_the_demonstration_need_not_be_there_yet(project):
    set_param(project, "extracts.folder", "data/raw/demo")
    assert main() == 0


def test_extracts_that_git_would_see_are_refused(project, capsys):
    (project / "extracts").mkdir()
    set_param(project, "extracts.folder", "extracts")
    assert "git ignores it" in told(capsys)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("panel.months_after", 60, "panel.months_after: a window outside the data"),
        ("sensitivity.months_after", [6, 60], "sensitivity.months_after: a window outside the data"),
        ("panel.months_before", 60, "panel.months_after: a window outside the data"),
        ("study.contacts_from", "2015-12-31", "panel.months_after: a window outside the data"),
        ("claim.referred_from", "2012-01-01", "claim.referred_from: 2012-01-01 is outside the data"),
        ("claim.complete_by", "2030-04-30", "claim.complete_by: 2030-04-30 is outside the data"),
        ("claim.complete_by", "2017-06-30", "claim.months"),
        ("claim.months", 36, "claim.months: 36 is more than panel.months_before"),
        ("panel.lag_edges", [1, 36], "panel.lag_edges: ends at 36"),
        ("sensitivity.accept_from", [0.01], "sensitivity.accept_from: 0.01 lies below linkage.floor"),
        ("sensitivity.lag_edges", [[1, 3], [1, 36]], "sensitivity.lag_edges: ends at 36"),
        ("sensitivity.trigger_months", [3, 30], "sensitivity.trigger_months: 30 is more than panel.months_before"),
        ("sensitivity.washout_days", [300], "sensitivity.washout_days: 300 days leave nothing"),
    ],
)
def test_parameters_that_contradict_each_other_or_the_data_are_told(project, capsys, name, value, problem):
    set_param(project, "panel.minimum_observed", 0.7)
    assert main() == 0
    set_param(project, name, value)
    assert problem in told(capsys)


@pytest.mark.parametrize(("version", "found"), [(None, "none was found"), (11, "version 11 was found")])
def test_spark_without_pyspark_or_java_is_told_before_anything_runs(project, capsys, monkeypatch, version, found):
    monkeypatch.setattr(pipeline.spark, "find_spec", lambda name: None)
    monkeypatch.setattr(pipeline.spark, "java_version", lambda: version)
    set_param(project, "linkage.engine", "spark")
    message = told(capsys)
    assert "spark needs pyspark" in message and f"spark needs Java 17 or later; {found}" in message
    assert message.count("set linkage.engine to duckdb") == 2


def test_an_engine_of_another_name_is_told(project, capsys):
    set_param(project, "linkage.engine", "oracle")
    assert "linkage.engine: input should be 'duckdb' or 'spark'. Found 'oracle'." in told(capsys)


def test_java_is_looked_for_where_spark_looks(tmp_path, monkeypatch):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert pipeline.spark.java_version() is None
