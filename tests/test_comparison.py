"""Two runs side by side: what differs, what moved by more than chance, and why; nothing on the page says more of few people than each run did."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from compared_runs import SECTIONS, run, shifted
from small_extracts import write_project
from small_release import SECRET

from pipeline.comparison import BEYOND, ONE_SIDED, SAME, WITHIN, compare_checks, compare_claims, compare_effects, compare_parameters, compare_parts, compare_people, compare_values, explain_stages
from pipeline.compare import compare, find_commit, make_comparison, read_workspace, tell_few_apart
from pipeline.errors import InputError
from pipeline.figures_comparison import draw_moves
from pipeline.params import Disclosure
from pipeline.report_comparison import KEEP, name_moves, show_checks, write_page

def verdict(moves, **keys):
    rows = moves
    for key, value in keys.items():
        rows = rows[rows[key].eq(value)]
    return rows["verdict"].item()


def test_parameters_that_differ_are_listed_and_others_are_not():
    assert compare_parameters(run(), shifted()).to_numpy().tolist() == [["panel.months_after", "12", "6"], ["record.team", "not there", ""]]
    assert compare_parameters(run(), run()).empty


def test_a_shift_is_beyond_sampling_error_where_either_estimate_lies_outside_the_other_interval():
    """By hand: 0 (-1 to 1) against 0.5 (0.1 to 0.9) holds 0.5 but 0 lies outside the new interval."""
    old = pd.DataFrame({"key": ["a", "b", "c", "d", "e"], "value": [0.0, 0.0, 0.0, 1.0, 2.0], "ci_low": [-1, -1, -1, np.nan, 0], "ci_high": [1, 1, 1, np.nan, 3]})
    new = pd.DataFrame({"key": ["a", "b", "c", "d", "f"], "value": [0.0, 0.4, 0.5, 2.0, 2.0], "ci_low": [-1, -0.6, 0.1, np.nan, 0], "ci_high": [1, 1.4, 0.9, np.nan, 3]})
    moves = compare_values(old, new, ["key"], "value")
    assert dict(zip(moves["key"], moves["verdict"])) == {"a": SAME, "b": WITHIN, "c": BEYOND, "d": "", "e": ONE_SIDED, "f": ONE_SIDED}
    assert moves["change"].tolist()[:4] == [0.0, 0.4, 0.5, 1.0]


def test_effects_claims_and_parts_are_compared_row_by_row():
    effects = compare_effects(run(), shifted())
    assert verdict(effects, estimator="sequential_trials", estimand="referral", outcome="n_contacts") == WITHIN
    assert verdict(effects, estimator="complier", outcome="n_contacts") == BEYOND
    assert verdict(effects, estimator="lagged_outcome") == ONE_SIDED
    assert verdict(effects, estimator="sequential_trials", estimand="referral", outcome="n_101") == SAME
    assert set(compare_claims(run(), shifted())["verdict"]) == {SAME} and "clients" not in set(compare_claims(run(), shifted())["claim"])
    assert set(compare_parts(run(), shifted())["verdict"]) == {SAME}


def test_a_check_that_turned_is_told():
    checks = compare_checks(run(), shifted()).set_index(["check", "where"])
    assert checks.loc[("pre-trend", ""), ["old", "new", "old_passed", "new_passed"]].tolist() == [0.41, 0.01, True, False]
    assert len(checks) == len(checks.index.unique())


def test_a_check_without_a_value_in_either_run_is_told_only_where_it_turned():
    old, new = run(), run("new")
    for one, passed in ((old, True), (new, False)):
        one.tables["model_checks"] = one.tables["model_checks"].assign(value=np.nan, passed=lambda checks, passed=passed: checks["check"].ne("pre-trend") | passed)
    assert show_checks(compare_checks(old, new))["Check"].tolist() == ["Pre-trend"]


def test_what_moved_beyond_sampling_error_beside_the_main_estimates_stands_in_the_first_lines():
    new = shifted()
    new.tables["claims"] = new.tables["claims"].assign(**{name: new.tables["claims"][name] + 50 for name in ("controlled", "ci_low", "ci_high")})
    page = write_page(run(), new, compare_effects(run(), new), "What it shows", 10).replace("\\", "")
    assert "1 beyond sampling error. Beyond it moved 3 published figures too." in page


def test_counts_of_people_that_lie_close_are_not_set_side_by_side():
    people = compare_people(run(), shifted(), 10).set_index("metric")
    assert people.loc["n_people_analysis", "is_near"] and people.loc["n_people_analysis", "new"] is None or np.isnan(people.loc["n_people_analysis", "new"])
    assert not people.loc["n_people_claim", "is_near"] and people.loc["n_people_claim", "new"] == 350
    page = write_page(run(), shifted(), compare_effects(run(), shifted()), "What it shows", 10)
    assert "within 10 of it" in page and "1,020" not in page


@pytest.mark.parametrize("moved, is_near", [(0, False), (5, True), (15, False)])
def test_runs_that_tell_few_people_apart_are_to_stay_on_the_secure_disk(moved, is_near):
    """Of two runs on 1,140 and 1,135 people fewer than ten were in one alone; a count that moved by fifteen says nothing of the kind."""
    old, new = (run(tables={"attrition": pd.DataFrame({"flow": "analysis", "stage": ["linked", "analysed"], "n_people": [1195 - gone, 1140 - gone]})}) for gone in (0, moved))
    assert tell_few_apart(old, new, Disclosure(threshold=10, rounding=5), 0.5) == is_near
    assert (KEEP in make_comparison(old, new, 10, is_near).decode()) == is_near
    assert not tell_few_apart(run(tables={}), new, Disclosure(threshold=10, rounding=5), 0.5)


def test_stages_name_the_parameter_the_code_and_the_table_that_made_them_run_again():
    stages = explain_stages(run(), shifted()).set_index("stage")
    assert stages.loc["03_panel", ["reran", "parameters", "code", "tables"]].tolist() == [True, "panel.months_after", "", ""]
    assert stages.loc["04_effect", ["reran", "parameters", "code", "tables"]].tolist() == [True, "", "effect", "panel"]
    assert not explain_stages(run(), run())["reran"].any()


def test_the_page_says_what_moved_and_why_in_words():
    page = write_page(run(), shifted(), compare_effects(run(), shifted()), "What it shows", 10).replace("\\", "")
    assert "2 parameters differ. 2 of 6 main estimates moved, 1 beyond sampling error. No longer met: pre-trend." in page
    assert "2 of 2 stages had a cause to run again. It began in 03_panel, where these differ: parameters (panel.months_after)." in page
    assert "nan" not in re.findall(r"[a-z]+", page) and "None" not in page


def test_runs_on_different_extracts_are_not_said_to_rest_on_the_same_people():
    folder = {"extracts": {"folder": "data/raw/demo"}}
    other = run("other", sections=SECTIONS | {"extracts": {"folder": "data/raw/northshire"}})
    same, different = (write_page(run(sections=SECTIONS | folder), new, compare_effects(run(), new), "What it shows", 10) for new in (run(sections=SECTIONS | folder), other))
    assert "the same people" in same and "different extracts" not in same
    assert "different extracts" in different and "the same people" not in different


def test_a_run_beside_itself_says_that_nothing_differs():
    page = write_page(run(), run("the same"), compare_effects(run(), run()), "What it shows", 10).replace("\\", "")
    assert "No parameter differs. No main estimate moved. Every pass mark is met or missed as before." in page
    assert "No stage had a cause to run again" in page and "No check changed." in page


def test_runs_without_tables_make_a_page_that_says_so():
    empty = run(tables={}, metrics={}, stages={})
    page = make_comparison(empty, empty, 10).decode()
    assert "Neither run has estimates." in page and "No estimate is in both runs." in page


def test_the_page_is_one_file_with_captions_and_a_described_figure():
    page = make_comparison(run(), shifted(), 10).decode()
    assert page.count("<table") == page.count("<caption") >= 6 and not re.findall(r'(?:src|href)="(?!#|data:)', page)
    assert "Incidence rate ratios of two runs, with intervals. " in page and len(page) < 500_000


def test_the_figure_tells_both_runs_in_words():
    figure, alt = draw_moves(name_moves(compare_effects(run(), shifted())), "old", "six-months")
    assert "Being referred: old 0.74, six-months 0.67" in alt and "six-months not estimated" in alt


def project(folder):
    """A project under version control with one commit and one experiment."""
    def git(*arguments):
        return subprocess.run(["git", "-C", folder, "-c", "user.name=A", "-c", "user.email=a@example.org", *arguments], check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    (folder / "params.yaml").write_text(yaml.safe_dump(SECTIONS), encoding="utf-8")
    git("add", "-A")
    git("commit", "--quiet", "-m", "A run")
    commit = git("rev-parse", "HEAD")
    git("update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/six-months", commit)
    return commit


def test_a_run_is_found_by_commit_and_by_the_name_of_its_experiment_and_else_the_message_says_where_to_look(tmp_path):
    commit = project(tmp_path)
    assert find_commit(tmp_path, "HEAD") == find_commit(tmp_path, "six-months") == find_commit(tmp_path, commit[:8]) == commit
    for name in ("nobody", "--all"):
        with pytest.raises(InputError, match="neither a commit nor an experiment"):
            find_commit(tmp_path, name)


def test_a_project_without_a_report_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match="make report"):
        read_workspace(tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/metrics.json").write_text(json.dumps({"complier_irr": None}), encoding="utf-8")
    assert read_workspace(tmp_path).tables == {}


def test_a_page_that_holds_a_personal_detail_is_not_written_and_the_last_one_stays(tmp_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports/tables").mkdir(parents=True)
    (tmp_path / "reports/metrics.json").write_text("{}", encoding="utf-8")
    (tmp_path / "reports/comparison.html").write_text("the last one", encoding="utf-8")
    (tmp_path / "data/derived").mkdir(parents=True)
    pd.DataFrame([SECRET]).to_parquet(tmp_path / "data/derived/referrals.parquet")
    table = pd.DataFrame({"claim": [f"near {SECRET['postcode']}"], "published": 1.0, "reproduced": 2.0, "controlled": 3.0, "ci_low": 2.0, "ci_high": 4.0})
    table.to_csv(tmp_path / "reports/tables/claims.csv", index=False)
    with pytest.raises(InputError, match=r"reports/comparison.html: holds personal details \(postcode\)"):
        compare(["workspace", "workspace"])
    assert (tmp_path / "reports/comparison.html").read_text(encoding="utf-8") == "the last one"
    table.assign(claim="near nobody").to_csv(tmp_path / "reports/tables/claims.csv", index=False)
    compare(["workspace", "workspace"])
    assert "Near nobody" in (tmp_path / "reports/comparison.html").read_text(encoding="utf-8")


def test_three_names_are_refused_with_the_usage():
    done = subprocess.run([sys.executable, "-m", "pipeline.compare", "a", "b", "c"], capture_output=True, text=True)
    assert done.returncode == 1 and "Usage" in done.stderr and "Traceback" not in done.stderr
