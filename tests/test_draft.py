"""The draft of a mapping: what it guesses, what it leaves open, and that nothing of anybody is printed or overwritten."""

import os
import shutil

import pandas as pd
import pytest
import yaml
from small_extracts import FOLDER, ROOT, SECRET, make_contacts, make_exits, make_referrals, write_extracts, write_project

from pipeline.draft_mapping import draft_mapping, main
from pipeline.extract_mapping import check_mapping
from pipeline.extracts import find_extract_problems, read_extract

THEIR_CONTACTS = {
    "contact_id": "Log Number", "incident_id": "Incident Ref", "received_at": "Call Time", "channel": "Contact Method", "grade": "Priority", "role": "Involvement",
    "forename": "First Name", "surname": "Last Name", "date_of_birth": "DOB", "sex": "Gender", "phone": "Tel", "postcode": "PostCode", "attended": "Deployed",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_project(tmp_path)
    shutil.copytree(ROOT / "data" / "reference", tmp_path / "data" / "reference")
    monkeypatch.chdir(tmp_path)
    folder = write_extracts(tmp_path)
    contacts = make_contacts().assign(received_at=lambda table: pd.to_datetime(table["received_at"]).dt.strftime("%d/%m/%Y %H:%M"), attended=["Y", "N", "N"] * 203, role=["INF", "Witness", "INF"] * 203)
    contacts.drop(columns=["service", "duplicate_of"]).rename(columns=THEIR_CONTACTS).to_csv(folder / "contacts.csv", sep=";", index=False)
    (folder / "contacts.csv").rename(folder / "Calls export 2019.csv")
    (folder / "extracts.yaml").unlink()
    (folder / "person_key.txt").unlink()
    return folder


def read_draft(folder):
    return yaml.load((folder / "extracts.draft.yaml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)["tables"]


def test_columns_dates_and_codes_are_guessed_from_names_and_content(folder):
    assert main([FOLDER]) == 0
    contacts = read_draft(folder)["contacts"]
    assert contacts["files"] == "Calls export 2019.csv" and contacts["delimiter"] == "semicolon"
    assert {column: contacts["columns"][column] for column in THEIR_CONTACTS} == THEIR_CONTACTS
    assert contacts["dates"]["received_at"] == "uk" and contacts["dates"]["date_of_birth"] == "iso"
    assert contacts["codes"]["attended"] == {"N": "false", "Y": "true"} and contacts["codes"]["role"] == {"INF": "caller", "Witness": "?"}
    assert contacts["constants"] == {"service": "police"} and contacts["absent"] == ["duplicate_of"]


def test_what_is_missing_is_listed_and_no_value_is_printed(folder, capsys):
    assert main([FOLDER]) == 0
    printed = capsys.readouterr().out
    assert "role: 1 of 2 codes without a meaning" in printed and "duplicate_of: no column of theirs was recognised" in printed
    assert "surname" in printed and "'Last Name'" in printed
    people = pd.concat([make_contacts(), make_referrals()])
    for column in ("forename", "surname", "phone", "postcode", "date_of_birth", "address"):
        assert not [value for value in people[column].unique() if f"'{value}'" in printed], column
    assert SECRET not in printed and "Witness" not in printed


def test_a_draft_with_its_questions_answered_is_a_mapping_and_one_without_is_refused(folder):
    main([FOLDER])
    text = (folder / "extracts.draft.yaml").read_text(encoding="utf-8")
    (folder / "extracts.yaml").write_text(text)
    assert [problem.split(", ")[1] for problem in check_mapping(FOLDER)[1]] == ["tables.contacts.codes.role: still holds a \"?\". Replace it by what it should be."]
    (folder / "extracts.yaml").write_text(text.replace("Witness: '?'", "Witness: victim"))
    assert find_extract_problems(FOLDER) == []
    contacts = read_extract(FOLDER, "contacts")
    assert contacts["received_at"].equals(pd.to_datetime(make_contacts()["received_at"]).astype("datetime64[us]")) and contacts["role"].value_counts()["victim"] == 203


def test_dates_that_fit_both_orders_are_asked_for(folder, capsys):
    exits = make_exits().assign(from_on=["01/02/2018", "03/04/2018"], to_on=["25/02/2018", ""])
    exits.to_csv(folder / "exits.csv", index=False)
    main([FOLDER])
    assert read_draft(folder)["exits"]["dates"] == {"from_on": "?", "to_on": "uk"}
    assert "from_on: its dates fit uk and us. Say which order they are in." in capsys.readouterr().out


def test_nothing_that_is_there_is_overwritten(folder, capsys):
    (folder / "extracts.yaml").write_text("mine")
    (folder / "person_key.txt").write_text("my key")
    assert main([FOLDER]) == 0
    assert (folder / "extracts.yaml").read_text() == "mine" and (folder / "person_key.txt").read_text() == "my key"
    draft = (folder / "extracts.draft.yaml").read_bytes()
    assert main([FOLDER]) == 1 and "is there already" in capsys.readouterr().err
    assert (folder / "extracts.draft.yaml").read_bytes() == draft


def test_a_key_is_drawn_where_there_is_none_and_only_its_owner_can_read_it(folder, capsys):
    main([FOLDER])
    key = (folder / "person_key.txt").read_text().strip()
    assert len(key) == 64 and key not in capsys.readouterr().out
    assert os.name == "nt" or (folder / "person_key.txt").stat().st_mode & 0o077 == 0


def test_a_file_without_a_header_gives_none_of_its_rows_away(folder, capsys):
    make_referrals().to_csv(folder / "referrals.csv", index=False, header=False)
    assert main([FOLDER]) == 0
    printed = capsys.readouterr().out
    assert "referrals.csv: no table could be found in it" in printed and SECRET not in printed and "High Street" not in printed


def test_a_folder_that_is_not_there_is_told(folder, capsys):
    assert main(["data/raw/nowhere"]) == 1 and "there is no such folder" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_does_not_stop_the_draft(folder):
    (folder / "notes.xlsx").write_bytes(b"no workbook")
    (folder / "referrals.csv").write_text((folder / "referrals.csv").read_text() + "too,few\n")
    drafts, problems = draft_mapping(FOLDER)
    assert set(drafts) == {"contacts", "exits", "mentors"} and len(problems) == 2
