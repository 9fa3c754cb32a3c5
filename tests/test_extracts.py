"""Reading extracts: types, and messages that name the mistake and never a value."""

import pandas as pd
import pytest
from small_extracts import FOLDER, KEY, SECRET, make_contacts, make_referrals, write_extracts, write_project

from pipeline.errors import InputError
from pipeline.extract_columns import IDENTIFIED
from pipeline.extract_facts import load_extract_facts
from pipeline.extracts import describe_extracts, read_extract


@pytest.fixture
def project(tmp_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def message(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_every_column_of_a_contact_comes_back_typed_in_the_order_of_the_file(project):
    write_extracts(project)
    contacts = read_extract(FOLDER, "contacts")
    assert list(contacts) == list(IDENTIFIED["contacts"])
    assert contacts["contact_id"].tolist() == make_contacts()["contact_id"].tolist()
    first = contacts.iloc[0]
    assert (first["received_at"], first["date_of_birth"]) == (pd.Timestamp("2014-01-01 10:00"), pd.Timestamp("1980-05-17"))
    assert (bool(first["attended"]), first["officer_minutes"], first["phone"]) == (False, 30.0, "+44 7700 900123")
    assert contacts["duplicate_of"].isna().all()
    kinds = {"text": "str", "date": "datetime64[us]", "time": "datetime64[us]", "flag": "bool", "number": "float64"}
    assert {column: str(kind) for column, kind in contacts.dtypes.items()} == {column: kinds[kind] for column, kind in IDENTIFIED["contacts"].items()}


def test_text_is_trimmed_and_blanks_are_missing_even_within_quotes(project):
    referrals = make_referrals().assign(address='  2, "The Green"  ', postcode="   ")
    write_extracts(project, referrals=referrals)
    read = read_extract(FOLDER, "referrals")
    assert read["address"].eq('2, "The Green"').all() and read["postcode"].isna().all()


def test_a_byte_order_mark_windows_line_ends_and_quoted_line_breaks_do_no_harm(project):
    folder = write_extracts(project)
    text = make_referrals().assign(address="1 High Street\nDurham").to_csv(index=False, lineterminator="\r\n")
    (folder / "referrals.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert len(read_extract(FOLDER, "referrals")) == len(make_referrals())


@pytest.mark.parametrize("name", ["exits", "mentors"])
def test_an_optional_extract_that_is_absent_is_an_empty_table_with_typed_columns(project, name):
    write_extracts(project)
    with_rows = read_extract(FOLDER, name)
    write_extracts(project, **{name: None})
    (project / FOLDER / f"{name}.csv").unlink()
    absent = read_extract(FOLDER, name)
    assert absent.empty and absent.dtypes.to_dict() == with_rows.dtypes.to_dict()


def test_a_missing_extract_is_told_with_what_to_do(project):
    (write_extracts(project) / "contacts.csv").unlink()
    assert f"{FOLDER}/contacts.csv: missing" in message(read_extract, FOLDER, "contacts")


@pytest.mark.parametrize("text", ["", ",".join(IDENTIFIED["contacts"]) + "\n", ",".join(IDENTIFIED["contacts"])])
def test_an_extract_without_rows_is_told_to_be_empty(project, text):
    (write_extracts(project) / "contacts.csv").write_text(text)
    assert "contacts.csv: empty" in message(read_extract, FOLDER, "contacts")


def test_all_missing_columns_are_told_at_once(project):
    write_extracts(project, contacts=make_contacts().drop(columns=["received_at", "role", "attended"]))
    assert "3 of 20 columns missing: received_at, role, attended" in message(read_extract, FOLDER, "contacts")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_file_in_another_encoding_is_told(project, encoding):
    path = write_extracts(project) / "referrals.csv"
    path.write_bytes(path.read_text().encode(encoding))
    assert "referrals.csv" in message(read_extract, FOLDER, "referrals")


def test_a_file_without_a_header_gives_none_of_its_first_row_away(project):
    write_extracts(project)
    make_referrals().to_csv(project / FOLDER / "referrals.csv", index=False, header=False)
    assert "16 of 16 columns missing" in message(read_extract, FOLDER, "referrals")
    assert SECRET not in describe_extracts(FOLDER).to_csv()


def test_a_column_that_occurs_twice_is_told(project):
    referrals = make_referrals()
    write_extracts(project, referrals=pd.concat([referrals, referrals[["phone"]]], axis="columns"))
    assert "occur more than once: phone" in message(read_extract, FOLDER, "referrals")


def test_columns_that_are_not_ours_are_left_out_and_named(project):
    write_extracts(project, referrals=make_referrals().assign(worker=SECRET))
    assert "worker" not in read_extract(FOLDER, "referrals")
    described = describe_extracts(FOLDER).set_index("extract")
    assert described.loc["referrals", ["n_unknown_columns", "unknown_columns"]].tolist() == [1, "worker"]
    assert described.loc["contacts", "n_unknown_columns"] == 0


def test_wrong_formats_of_several_columns_are_told_at_once_by_row_and_not_by_value(project):
    contacts = make_contacts()
    contacts.loc[[4, 9], "date_of_birth"] = f"17/05/1980 {SECRET}"
    contacts.loc[7, "received_at"] = "2014-02-30 10:00:00"
    contacts.loc[2, "attended"] = ""
    contacts.loc[3, "officer_minutes"] = "half an hour"
    write_extracts(project, contacts=contacts)
    lines = message(read_extract, FOLDER, "contacts").splitlines()
    assert len(lines) == 4
    assert any(line.startswith(f"{FOLDER}/contacts.csv, date_of_birth: rows of another format: 2, the first in row 5 below the header. Export dates as YYYY-MM-DD") for line in lines)
    assert any("received_at" in line and "row 8" in line and "YYYY-MM-DD HH:MM:SS" in line for line in lines)
    assert any("attended" in line and "row 3" in line and "true or false" in line for line in lines)
    assert any("officer_minutes" in line and "row 4" in line for line in lines)


@pytest.mark.parametrize("line", [f"{SECRET},too,few\n".encode(), f"{SECRET},".encode() * 30 + b"\n", SECRET.encode() + b"\xe9" + b"," * 15 + b"\n"])
def test_a_line_that_is_no_csv_is_told_by_its_number(project, line):
    path = write_extracts(project) / "referrals.csv"
    path.write_bytes(path.read_bytes() + line)
    assert "referrals.csv, line 14:" in message(read_extract, FOLDER, "referrals")


def test_extracts_say_of_themselves_what_they_are(project):
    write_extracts(project)
    facts = load_extract_facts(FOLDER)
    assert (facts.is_simulated, facts.person_key) == (False, KEY)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "extracts.yaml: missing"),
        ("", "simulated: missing"),
        ("simulated: perhaps\n", "simulated: missing or neither"),
        ("simulated: true\nperson_key: x\n", "person_key: stands in a file of its own"),
        ("simulated: true\ncolour: red\n", "colour: no such entry"),
        ("simulated: [true\n", "cannot be read as YAML"),
        ("simulated: true\nsimulated: false\n", "simulated is given 2 times"),
    ],
)
def test_mistakes_in_what_extracts_say_of_themselves_are_told(project, text, told):
    path = write_extracts(project) / "extracts.yaml"
    path.unlink() if text is None else path.write_text(text)
    assert told in message(load_extract_facts, FOLDER)


@pytest.mark.parametrize("text", [None, "", "short", b"\xff\xfe\x00"])
def test_a_key_that_is_missing_or_could_be_guessed_is_refused(project, text):
    path = write_extracts(project) / "person_key.txt"
    path.unlink() if text is None else path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert "person_key.txt" in message(load_extract_facts, FOLDER)
