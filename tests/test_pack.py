"""A reviewer pack holds the release and what it takes to make it again, never a person, and any change to it is found."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from rocrate.rocrate import ROCrate
from small_release import METADATA, ROOT, forge, make_project, page, record_run, tables, unpack, write

from pipeline.errors import InputError
from pipeline.pack import make_pack, write_zip
from pipeline.pack_contents import collect_contents
from pipeline.verify_numbers import verify_numbers
from pipeline.verify_pack import main, verify_pack
from pipeline.verify_pages import read_numbers, read_page
from pipeline.verify_sentences import verify_sentences


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("one") / "clone")


@pytest.fixture(scope="module")
def pack(project):
    return make_pack(project)


def failures(pack, folder):
    """The failures that the check of a pack tells, as one text."""
    (folder / "pack.zip").write_bytes(pack)
    return "\n".join(failure for _, _, told in verify_pack(folder / "pack.zip") for failure in told)


def test_the_same_files_give_the_same_bytes(project, pack):
    assert make_pack(project) == pack


def test_a_pack_made_on_one_clone_verifies_on_another(pack, tmp_path, capsys):
    (tmp_path / "reviewer-pack.zip").write_bytes(pack)
    assert main([str(tmp_path / "reviewer-pack.zip")]) == 0
    told = capsys.readouterr().out
    assert "Everything agrees." in told and "SHA-256" in told and "FAILED" not in told


def test_a_pack_verifies_with_nothing_but_itself(pack, tmp_path):
    for name, content in unpack(pack).items():
        write(tmp_path / name, content)
    run = subprocess.run([sys.executable, "-m", "pipeline.verify_pack", ".."], cwd=tmp_path / "project", capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_checking_needs_pandas_and_nothing_else_that_must_be_installed():
    for path in (ROOT / "pipeline").glob("verify_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "pandas", "numpy"} or name.startswith("pipeline.verify_"), (path.name, name)


def test_a_pack_is_an_ro_crate_that_describes_every_file(pack, tmp_path):
    for name, content in unpack(pack).items():
        write(tmp_path / name, content)
    crate = ROCrate(tmp_path)
    described = {entity.id for entity in crate.data_entities}
    assert set(unpack(pack)) - described == {METADATA, "manifest-sha256.txt"}
    assert all(entity.get("description") for entity in crate.data_entities)
    assert crate.root_dataset["license"] and crate.root_dataset["datePublished"] == "2020-01-02"


def test_a_pack_holds_what_a_rerun_needs_and_no_table_with_persons(pack):
    names = set(unpack(pack))
    assert {"README.md", "release/evaluation.html", "release/tables/effects.csv", "project/params.yaml", "project/dvc.lock", "project/data/raw/demo/contacts.csv"} <= names
    assert not [name for name in names if "data/derived" in name or "truth" in name]


def test_a_page_of_two_runs_stays_out_of_the_pack(project):
    (project / "reports/comparison.html").write_text("two runs", encoding="utf-8")
    names = set(collect_contents(project))
    (project / "reports/comparison.html").unlink()
    assert "release/evaluation.html" in names and "release/comparison.html" not in names


TAMPERED = {
    "a number in the report": ("release/evaluation.html", lambda text: text.replace("55% fewer contacts", "65% fewer contacts")),
    "a number in a table": ("release/tables/effects.csv", lambda text: text.replace("0.15", "0.05")),
    "a line of the code": ("project/params.yaml", lambda text: text + "# more\n"),
    "the description": (METADATA, lambda text: text.replace("Part of the project", "A part")),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_changed_file_is_found(pack, tmp_path, what):
    name, change = TAMPERED[what]
    contents = unpack(pack)
    changed = change(contents[name].decode())
    assert changed != contents[name].decode()
    assert f"{name}: changed" in failures(write_zip(contents | {name: changed.encode()}), tmp_path)


def test_a_missing_and_an_added_file_are_found(pack, tmp_path):
    contents = unpack(pack)
    del contents["release/figures/effects.png"]
    told = failures(write_zip(contents | {"release/tables/new.csv": b"a\n1\n"}), tmp_path)
    assert "release/figures/effects.png: missing" in told and "release/tables/new.csv: added" in told


def test_an_entry_that_stands_twice_is_found(pack, tmp_path):
    import zipfile

    path = tmp_path / "pack.zip"
    path.write_bytes(pack)
    with pytest.warns(UserWarning), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("release/metrics.json", "{}")
    assert "more than once" in "\n".join(failure for _, _, told in verify_pack(path) for failure in told)


FORGED = {
    "a number in the answer": ("release/evaluation.html", "55% fewer contacts", "65% fewer contacts", "that no table explains"),
    "a ratio in a table of the report": ("release/evaluation.html", "<td>0.45</td>", "<td>0.35</td>", "table effects, row 2"),
    "a count in a table of the report": ("release/evaluation.html", "<td>490</td>", "<td>495</td>", "table effects, row 1"),
    "a controlled percentage": ("release/tables/effects.csv", "-55.0671", "-56.0671", "percent_change"),
    "a controlled interval": ("release/tables/effects.csv", "-1.094", "-1.294", "middle of the interval"),
    "a number of contacts averted": ("release/tables/effects.csv", ",490,", ",590,", "n_averted"),
    "a loss": ("release/tables/attrition.csv", "linked,450,50", "linked,450,45", "n_lost"),
    "a share of clients": ("release/tables/claims.csv", "did not call,50.0,50.0", "did not call,50.0,50.4", "the share"),
    "a part of the fall": ("release/tables/decomposition.csv", "4.53,45.22", "4.53,47.22", "percentage_points"),
    "a column that a check needs": ("release/tables/attrition.csv", "n_lost", "lost", "cannot be checked: KeyError"),
    "a figure of the metrics": ("release/metrics.json", "0.4493", "0.3493", "complier_irr"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_forged_number_is_found_though_every_hash_is_fresh(pack, tmp_path, what):
    name, true, false, told = FORGED[what]
    contents = unpack(pack)
    text = contents[name].decode()
    assert true in text, text
    found = failures(forge(contents | {name: text.replace(true, false, 1).encode()}), tmp_path)
    assert told in found and "changed" not in found


def test_nothing_is_found_wrong_in_what_is_right(pack, tmp_path):
    assert failures(forge(unpack(pack)), tmp_path) == ""


LEAKS = {
    "an executed notebook": ("reports/notebooks/04_effect.ipynb", b'{"cells": [{"outputs": [{"text": ["near\\n", "DL9 8ZQ"]}]}]}', "postcode"),
    "the metrics": ("reports/metrics.json", b'{"client": "C00017"}', "key"),
    "a figure": ("reports/figures/effects.png", b"\x89PNG\r\n\x1a\n\0\0\0\x0ftEXtborn 1961-02-03\0\0\0\0", "date of birth"),
    "the parameters": ("params.yaml", b"# ask Hephzibah Quattlebaum\n", "name"),
}


@pytest.mark.parametrize("where", LEAKS)
def test_no_pack_is_made_that_holds_a_personal_detail(project, where):
    name, content, kind = LEAKS[where]
    before = (project / name).read_bytes()
    try:
        write(project / name, content)
        record_run(project)
        with pytest.raises(InputError) as caught:
            make_pack(project)
    finally:
        write(project / name, before)
        record_run(project)
    assert f"({kind})" in str(caught.value) and "DL9" not in str(caught.value) and "uattle" not in str(caught.value)


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("reports/evaluation.html", b"<html>another</html>", "not the file that dvc.lock records"),
        ("params.yaml", b"extracts: {folder: data/raw/ours}\n", "not the file that dvc.lock records"),
        ("data/raw/demo/contacts.csv", b"contact_id,surname\nK1,SOMEBODY\n", "stays out of any pack"),
    ],
)
def test_no_pack_is_made_of_files_that_do_not_belong_together(project, name, content, told):
    before = (project / name).read_bytes()
    try:
        write(project / name, content)
        with pytest.raises(InputError, match=told):
            make_pack(project)
    finally:
        write(project / name, before)


def test_a_project_without_a_report_is_told_to_make_one(tmp_path):
    with pytest.raises(InputError, match="Make the report first"):
        make_pack(tmp_path)


def test_what_is_no_pack_is_told_with_an_exit_code_of_its_own(tmp_path, capsys):
    assert main([str(tmp_path / "none.zip")]) == 2
    assert "Usage" in capsys.readouterr().err


@pytest.mark.parametrize("text, numbers", [("\u22121,234.5 to +3", [-1234.5, 3.0]), ("on 3 May 2020, fewer than 10, p < 0.001", []), ("n_lag_1_1, v3.12.1, 2021-04-30", []), ("67% fewer (12 months).", [67.0, 12.0])])
def test_numbers_are_read_as_they_are_written(text, numbers):
    assert [number for number, _, _ in read_numbers(text)] == numbers


def test_a_column_is_explained_by_one_rule_in_all_its_rows():
    """Ratios of log ratios: a row that shows the log itself is wrong, though the number stands in the table."""
    shown = page(tables()["effects"]).replace("<td>0.45</td>", "<td>\u22120.80</td>")
    ((_, _, wrong),) = verify_numbers(read_page(shown.encode()), {"effects": tables()["effects"]})
    assert wrong


def test_the_last_report_agrees_with_its_tables():
    report = ROOT / "reports/evaluation.html"
    if not report.exists():
        pytest.skip("no report has been made yet")
    found = {path.stem: pd.read_csv(path) for path in (ROOT / "reports/tables").glob("*.csv")}
    read = read_page(report.read_bytes())
    assert [wrong for _, _, wrong in verify_numbers(read, found) + verify_sentences(read, found) if wrong] == []
