"""Two versions beside each other: what a tweak would reveal by subtraction stops the second, and nothing else does."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from small_extracts import set_param, write_extracts, write_project

from pipeline.difference import Version, count_changed, digest_people, find_differences
from pipeline.errors import InputError
from pipeline.release import check_differences, read_published, read_releases, record_release

# Half of a table's counts, as params.yaml has it.
HALF = 0.5


def make_tables(total=1140, ages=(250, 470, 410), names=("under 35 years", "35 to 49 years", "50 years and more")):
    """Return a flow of three totals and the same people by age, as published."""
    attrition = pd.DataFrame({"flow": "analysis", "step": [1, 2, 3], "stage": ["referred", "linked", "analysed"], "n_people": [1265, 1195, total], "n_lost": [np.nan, 70, 1195 - total]})
    groups = pd.DataFrame({"characteristic": "age", "level": list(names), "estimate": [-0.294, -0.468, -0.416], "n_referred": list(ages), "status": "estimated"})
    return {"attrition": attrition, "subgroups": groups}


def make_version(tables=None, threshold=10, rounding=5, digests=()):
    return Version("first", threshold, rounding, make_tables() if tables is None else tables, pd.DataFrame({"digest": list(digests)}))


def differ(**changed):
    """Return what is found between the first version and one with other tables."""
    return find_differences(make_version(), make_version(make_tables(**changed)), HALF)


def make_people(n=60):
    """Return a cohort of n people with one trial each, and two months of counts."""
    cohort = pd.DataFrame({"trial_id": range(n), "person_id": [f"P{i}" for i in range(n)], "arm": ["referred", "not_yet_referred"] * (n // 2), "weight": 1.0, "age": 40.0})
    panel = pd.DataFrame({"trial_id": np.repeat(range(n), 2), "month": [-1, 0] * n, "n_contacts": np.arange(2 * n) % 7})
    return cohort, panel


def test_the_same_version_again_is_let_through():
    assert differ() == []
    people = digest_people(*make_people())
    version = make_version(digests=people["digest"])
    assert find_differences(version, version, HALF) == []


def test_a_total_that_moved_by_five_is_stopped_because_one_to_nine_people_lie_between():
    assert differ(total=1135) == ["attrition, n_people, analysis / analysed: moved by fewer people than the threshold."]


def test_totals_that_moved_by_ten_may_be_fourteen_people_apart_and_pass():
    assert differ(total=1130) == []


def test_a_big_change_is_let_through_though_a_small_group_moved_by_five():
    # Another year: two of three ages moved by far more than ten, one by five.
    assert differ(total=1440, ages=(390, 640, 415)) == []


def test_a_boundary_that_moved_by_a_year_is_stopped():
    found = differ(ages=(255, 465, 410), names=("under 36 years", "36 to 49 years", "50 years and more"))
    assert found == ["subgroups, n_referred, age / under 36 years: its boundary moved past fewer people than the threshold."]


def test_a_boundary_that_moved_far_is_let_through():
    assert differ(ages=(480, 240, 410), names=("under 45 years", "45 to 49 years", "50 years and more")) == []


@pytest.mark.parametrize("hidden, shown", [((250, np.nan, np.nan), (250, 470, np.nan)), ((250, 470, 410), (250, np.nan, np.nan))])
def test_a_count_hidden_in_one_version_and_shown_in_the_other_is_stopped(hidden, shown):
    old, new = make_version(make_tables(ages=hidden)), make_version(make_tables(ages=shown))
    assert "subgroups, n_referred, age / 35 to 49 years: hidden in one version and shown in the other." in find_differences(old, new, HALF)


@pytest.mark.parametrize("rules", [dict(threshold=5), dict(rounding=3), dict(rounding=1)])
def test_other_rules_for_the_same_counts_are_stopped(rules):
    found = find_differences(make_version(), make_version(**rules), HALF)
    assert len(found) == 1 and found[0].startswith("Counts below 10 were hidden and the others rounded to 5; now ")


def test_other_rules_for_other_people_are_let_through():
    other = make_tables(total=2140, ages=(550, 870, 720))
    other["attrition"]["n_people"] += 900
    assert find_differences(make_version(), make_version(other, rounding=10), HALF) == []


def test_counts_of_no_real_person_are_not_compared():
    dealt = {"negative_controls": pd.DataFrame({"estimand": ["referral"], "n_referred": [1125]})}
    other = {"negative_controls": pd.DataFrame({"estimand": ["referral"], "n_referred": [1120]})}
    assert find_differences(make_version(dealt), make_version(other), HALF) == []


@pytest.mark.parametrize("n_changed, is_stopped", [(0, False), (1, True), (9, True), (10, False)])
def test_records_of_one_to_nine_people_stop_a_version_though_no_published_count_of_people_moved(n_changed, is_stopped):
    cohort, panel = make_people()
    corrected = panel.assign(n_contacts=panel["n_contacts"].where(panel["trial_id"] >= n_changed, 50))
    old, new = (make_version(digests=digest_people(cohort, counts)["digest"]) for counts in (panel, corrected))
    assert bool(find_differences(old, new, HALF)) == is_stopped


def test_people_who_left_are_counted_and_new_keys_or_weights_for_the_same_records_are_not():
    cohort, panel = make_people()
    people = digest_people(cohort, panel)
    without = cohort[cohort["trial_id"] >= 3]
    assert count_changed(people, digest_people(without, panel)) == 3
    renamed = cohort.assign(person_id="Q" + cohort["person_id"], weight=np.linspace(0.1, 3, len(cohort)))
    assert count_changed(people, digest_people(renamed, panel.sample(frac=1, random_state=1))) == 0


def test_no_value_of_a_person_stands_in_what_is_kept_of_their_records():
    people = digest_people(*make_people())
    assert list(people) == ["digest"] and people["digest"].str.fullmatch("[0-9a-f]{16}").all()
    assert people["digest"].is_monotonic_increasing


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose reports/ holds the tables of make_tables, with nothing given out yet."""
    write_project(tmp_path)
    write_extracts(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "derived").mkdir(parents=True)
    digest_people(*make_people()).to_parquet(tmp_path / "data" / "derived" / "released_people.parquet")
    publish(tmp_path, make_tables())
    return tmp_path


def publish(project, tables, rounding=5):
    rules = pd.DataFrame({"parameter": ["disclosure.threshold", "disclosure.rounding"], "value": ["10", str(rounding)]})
    shutil.rmtree(project / "reports" / "tables", ignore_errors=True)
    (project / "reports" / "tables").mkdir(parents=True)
    for name, table in (tables | {"parameters": rules}).items():
        table.to_csv(project / "reports" / "tables" / f"{name}.csv", index=False)


def test_a_version_given_out_is_recorded_and_the_next_is_held_to_it(project):
    assert read_releases(is_simulated=False) == []
    record_release("2026-12")
    folder = project / "data" / "released" / "2026-12"
    assert json.loads((folder / "release.json").read_text())["rounding"] == 5
    assert (folder / "people.parquet").stat().st_mode & 0o077 == 0
    record_release("2026-12-again")
    publish(project, make_tables(total=1135))
    with pytest.raises(InputError) as stopped:
        record_release("2027-01")
    message = str(stopped.value)
    assert "Against the version 2026-12: attrition, n_people, analysis / analysed" in message and "Nothing was published" in message
    assert "1135" not in message and "1140" not in message
    assert sorted(path.name for path in (project / "data" / "released").iterdir()) == ["2026-12", "2026-12-again"]


def test_the_rules_recorded_are_those_the_tables_were_made_by(project):
    set_param(project, "disclosure.rounding", 3)
    record_release("2026-12")
    assert read_releases(is_simulated=False)[0].rounding == 5


def test_simulated_and_real_versions_are_never_compared(project):
    record_release("2026-12")
    assert read_releases(is_simulated=True) == []


@pytest.mark.parametrize("name", ["../elsewhere", ".hidden", "a/b", ""])
def test_a_name_that_is_no_folders_name_is_refused(project, name):
    with pytest.raises(InputError, match="letters, digits"):
        record_release(name)


def test_what_was_given_out_is_never_overwritten(project):
    record_release("2026-12")
    with pytest.raises(InputError, match="recorded already"):
        record_release("2026-12")


def test_a_record_that_cannot_be_read_stops_rather_than_counting_as_none(project):
    record_release("2026-12")
    (project / "data" / "released" / "2026-12" / "release.json").write_text("{")
    with pytest.raises(InputError, match="2026-12: cannot be read"):
        read_releases(is_simulated=False)


def test_without_the_rows_of_people_the_published_counts_are_still_compared(project):
    record_release("2026-12")
    (project / "data" / "released" / "2026-12" / "people.parquet").unlink()
    new = Version("this one", 10, 5, make_tables(total=1135), digest_people(*make_people()))
    with pytest.raises(InputError, match="fewer people than the threshold"):
        check_differences(new, read_releases(is_simulated=False), HALF)


def test_published_tables_without_a_row_are_read_as_such(tmp_path):
    (tmp_path / "empty.csv").write_text("\n")
    pd.DataFrame(columns=["a"]).to_csv(tmp_path / "columns.csv", index=False)
    assert list(read_published(tmp_path)) == ["columns"]
