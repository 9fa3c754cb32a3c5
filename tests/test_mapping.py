"""Extracts as forces send them: what a mapping turns into ours, and what it must refuse instead of guessing."""

import datetime

import duckdb
import pandas as pd
import pytest
import yaml
from openpyxl import Workbook
from small_extracts import EXTRACTS, FOLDER, SECRET, make_contacts, make_exits, make_referrals, write_extracts, write_project

from pipeline.errors import InputError
from pipeline.extract_columns import CODES, IDENTIFIED, NEEDED
from pipeline.extract_mapping import check_mapping
from pipeline.extracts import describe_extracts, find_extract_problems, read_extract
from pipeline.validation import load_suite


@pytest.fixture
def project(tmp_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    write_extracts(tmp_path)
    return tmp_path


def map_table(project, name, entry, **changed):
    """Write the mapping of one table; columns it does not speak of have our own names."""
    entry = {"files": f"{name}.csv"} | entry
    given = {*entry.get("columns", {}), *entry.get("constants", {}), *entry.get("absent", [])}
    entry["columns"] = {column: column for column in IDENTIFIED[name] if column not in given} | entry.get("columns", {})
    text = yaml.safe_dump({"simulated": "false", "tables": {name: entry}} | changed, sort_keys=False)
    (project / FOLDER / "extracts.yaml").write_text(text, encoding="utf-8")


def write_table(project, name, table, file=None, **options):
    path = project / FOLDER / (file or f"{name}.csv")
    path.parent.mkdir(exist_ok=True)
    table.to_csv(path, index=False, **options)
    return path


def write_sheet(project, rows, file="exits.xlsx", merged=(), title=()):
    book = Workbook()
    sheet = book.active
    for row in [*title, *rows]:
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    book.save(project / FOLDER / file)
    (project / FOLDER / "exits.csv").unlink(missing_ok=True)


def message(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert SECRET not in str(caught.value)
    return str(caught.value)


EXIT_COLUMNS = list(IDENTIFIED["exits"])
EXIT = ["C1", None, "2018-01-01", "2018-02-01", "death"]


def test_lists_of_codes_and_needed_columns_are_those_of_the_suites():
    for name in IDENTIFIED:
        rules = load_suite(name)["expectations"]
        lists = {rule["kwargs"]["column"]: tuple(rule["kwargs"]["value_set"]) for rule in rules if rule["type"] == "expect_column_values_to_be_in_set"}
        assert lists == CODES[name]
        whole = [rule["kwargs"] for rule in rules if rule["type"] == "expect_column_values_to_not_be_null" and rule["meta"]["severity"] == "critical"]
        assert {kwargs["column"] for kwargs in whole if not {"mostly", "row_condition"} & set(kwargs)} == set(NEEDED[name])


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_any_delimiter_is_sniffed_and_shown(project, delimiter):
    before = read_extract(FOLDER, "contacts")
    write_table(project, "contacts", make_contacts(), sep=delimiter)
    pd.testing.assert_frame_equal(read_extract(FOLDER, "contacts"), before)
    assert describe_extracts(FOLDER).set_index("extract").loc["contacts", "read_as"] == f"CSV, utf-8, delimiter {delimiter!r}"


def test_monthly_files_with_their_columns_in_any_order_make_one_table(project):
    before, contacts = read_extract(FOLDER, "contacts"), make_contacts()
    (project / FOLDER / "contacts.csv").unlink()
    for month, rows in contacts.groupby(contacts["received_at"].str[:4]):
        write_table(project, "contacts", rows[rows.columns[:: 1 if month < "2018" else -1]], f"calls/calls_{month}.csv")
    map_table(project, "contacts", {"files": "calls/calls_*.csv"})
    pd.testing.assert_frame_equal(read_extract(FOLDER, "contacts"), before)
    assert describe_extracts(FOLDER).set_index("extract").loc["contacts", "n_files"] == 9


def test_parquet_and_excel_give_what_csv_gives(project):
    before = read_extract(FOLDER, "exits")
    exits = make_exits().replace("", None)
    (project / FOLDER / "exits.csv").unlink()
    exits.assign(from_on=pd.to_datetime(exits["from_on"]), to_on=pd.to_datetime(exits["to_on"]).dt.date).to_parquet(project / FOLDER / "exits.parquet")
    pd.testing.assert_frame_equal(read_extract(FOLDER, "exits"), before)
    (project / FOLDER / "exits.parquet").unlink()
    dated = exits.assign(from_on=[datetime.date(2018, 1, 1), datetime.datetime(2018, 3, 1)], to_on=[None, datetime.date(2018, 4, 1)])
    write_sheet(project, [EXIT_COLUMNS, *dated.astype(object).where(dated.notna(), None).values.tolist()])
    pd.testing.assert_frame_equal(read_extract(FOLDER, "exits"), before)


@pytest.mark.parametrize("encoding, stated", [("utf-8", None), ("utf-8-sig", None), ("utf-8-sig", "utf-8"), ("cp1252", "windows-1252")])
def test_letters_outlive_their_encoding(project, encoding, stated):
    write_table(project, "referrals", make_referrals().assign(forename="Zoë", address="7 O’Connell’s Yard £"), encoding=encoding)
    map_table(project, "referrals", {"encoding": stated} if stated else {})
    read = read_extract(FOLDER, "referrals")
    assert read["forename"].eq("Zoë").all() and read["address"].eq("7 O’Connell’s Yard £").all()
    assert not [path for path in (project / "data" / "derived").rglob("*") if path.is_file()]


@pytest.mark.parametrize("stated, other", [("utf-8", "cp1252"), ("windows-1252", "utf-8")])
def test_encodings_mixed_in_one_file_are_told_by_the_line(project, stated, other):
    first, second = (make_referrals().assign(forename="Zoë", address=SECRET).head(3).to_csv(index=False).encode(code) for code in ({"utf-8": "utf-8", "windows-1252": "cp1252"}[stated], other))
    (project / FOLDER / "referrals.csv").write_bytes(first + second.split(b"\n", 1)[1])
    map_table(project, "referrals", {"encoding": stated})
    assert "referrals.csv, line 5:" in message(read_extract, FOLDER, "referrals")


def test_a_header_below_title_rows_is_found_where_the_mapping_says_and_missed_elsewhere(project):
    path = project / FOLDER / "referrals.csv"
    path.write_text("Register of referrals\nConfidential\n" + path.read_text())
    assert "columns missing" in message(read_extract, FOLDER, "referrals")
    map_table(project, "referrals", {})
    assert "or header_row when the header stands in another row" in message(read_extract, FOLDER, "referrals")
    map_table(project, "referrals", {"header_row": "3"})
    assert len(read_extract(FOLDER, "referrals")) == len(make_referrals())


def test_uk_dates_codes_flags_constants_and_joined_columns_become_ours(project):
    contacts = make_contacts().assign(role=["INF", "AGG"] * 304 + ["INF"], attended="Y", date_of_birth="17/05/1980")
    contacts.insert(0, "Day", pd.to_datetime(contacts["received_at"]).dt.strftime("%d/%m/%Y"))
    contacts.insert(1, "Clock", "10:00")
    write_table(project, "contacts", contacts.drop(columns=["received_at", "service", "nominal_id"]), sep=";")
    codes = {"role": {"INF": "caller", "AGG": "victim"}, "attended": {"Y": "true", "N": "false"}}
    map_table(project, "contacts", {"columns": {"received_at": ["Day", "Clock"]}, "constants": {"service": "police"}, "absent": ["nominal_id"], "codes": codes, "dates": "uk"})
    assert find_extract_problems(FOLDER) == []
    read = read_extract(FOLDER, "contacts")
    assert read["received_at"].equals(pd.to_datetime(make_contacts()["received_at"]).astype("datetime64[us]"))
    assert read["date_of_birth"].eq(pd.Timestamp("1980-05-17")).all() and read["attended"].all() and read["service"].eq("police").all()
    assert read["role"].value_counts().to_dict() == {"caller": 305, "victim": 304} and read["nominal_id"].isna().all()
    assert list(read) == list(IDENTIFIED["contacts"])


@pytest.mark.parametrize(
    "written, order",
    [("04/03/2019", "uk"), ("4-3-2019", "uk"), ("04 Mar 2019", "uk"), ("04/03/2019 00:00", "uk"), ("03/04/2019", "us"), ("2019-03-04T00:00:00", "iso"), ("04032019", "%d%m%Y")],
)
def test_a_date_is_read_in_the_order_that_the_mapping_says(project, written, order):
    write_table(project, "mentors", EXTRACTS["mentors"]().assign(joined_on=written, left_on=""))
    map_table(project, "mentors", {"dates": {"joined_on": order}})
    assert read_extract(FOLDER, "mentors")["joined_on"].tolist() == [pd.Timestamp("2019-03-04")]


@pytest.mark.parametrize("written", ["04/03/2019", "31/03/19", "2019-03-04 10:00:00+01:00", "20190304", "31.02.2019"])
def test_a_date_whose_order_nobody_stated_is_never_guessed(project, written):
    write_table(project, "mentors", EXTRACTS["mentors"]().assign(joined_on=written))
    assert "joined_on: rows of another format: 1" in message(read_extract, FOLDER, "mentors")


def test_dates_of_two_orders_in_one_column_are_told(project):
    contacts = make_contacts()
    contacts["received_at"] = pd.to_datetime(contacts["received_at"]).dt.strftime("%d/%m/%Y %H:%M")
    contacts.loc[[7, 8], "received_at"] = ["2014-02-05 10:00:00", "02/25/2014 10:00"]
    write_table(project, "contacts", contacts)
    map_table(project, "contacts", {"dates": {"received_at": "uk"}})
    assert "received_at: rows of another format: 2, the first in row 8" in message(read_extract, FOLDER, "contacts")


def test_a_code_without_a_mapping_is_named_with_its_rows_and_with_the_name_of_their_column(project):
    write_table(project, "contacts", make_contacts().rename(columns={"role": "Involvement"}).assign(Involvement=["INF", "WIT", "AGG"] * 203))
    map_table(project, "contacts", {"columns": {"role": "Involvement"}, "codes": {"role": {"INF": "caller"}}})
    assert "contacts.csv, 'Involvement' (role): a code without a mapping in 406 rows, the first in row 2 below the header: 'AGG', 'WIT'" in message(read_extract, FOLDER, "contacts")


def test_values_of_a_column_that_is_no_list_of_codes_are_never_named(project):
    write_table(project, "contacts", make_contacts().assign(role=[f"{SECRET} {i}" for i in range(609)]))
    map_table(project, "contacts", {})
    assert "role: a code without a mapping in 609 rows, the first in row 1 below the header. Add" in message(read_extract, FOLDER, "contacts")


def test_a_blank_flag_counts_only_as_the_mapping_says(project):
    write_table(project, "contacts", make_contacts().assign(attended=["Y", "", "N"] * 203))
    codes = {"Y": "true", "N": "false"}
    map_table(project, "contacts", {"codes": {"attended": codes}})
    assert "attended: a code without a mapping in 203 rows" in message(read_extract, FOLDER, "contacts")
    map_table(project, "contacts", {"codes": {"attended": codes | {"": "false"}}})
    assert read_extract(FOLDER, "contacts")["attended"].sum() == 203


MISTAKES = {
    "a column of ours that nobody mentions": ({"files": "contacts.csv", "columns": {}}, "tables.contacts.contact_id: not mapped"),
    "a name that is not ours": ({"columns": {"fornames": "x"}}, "columns.fornames: contacts has no such column. Did you mean forename?"),
    "two of ours from one of theirs": ({"columns": {"forename": "Name", "surname": "Name"}}, "'Name' is mapped to forename and surname"),
    "two of theirs to one of ours": ({"columns": {"phone": ["Mobile", "Landline"]}}, "columns.phone: 2 of their columns are mapped to one"),
    "a column both mapped and constant": ({"columns": {"service": "Service"}, "constants": {"service": "police"}}, "service: stands under columns and constants"),
    "a needed column declared absent": ({"absent": ["received_at"]}, "absent.received_at: contacts cannot do without it"),
    "a flag declared absent": ({"absent": ["attended"]}, "absent.attended"),
    "a code for what no list holds": ({"codes": {"role": {"W": "witness"}}}, "codes.role: witness is none of caller, subject, victim"),
    "a constant that no list holds": ({"constants": {"service": "plumbers"}}, "constants.service: must be one of police"),
    "an unknown order of dates": ({"dates": "french"}, "dates: must be iso, uk, us or a format"),
    "years of birth of two digits": ({"dates": {"date_of_birth": "%d/%m/%y"}}, "two digits cannot tell a birth in 1925"),
    "a question the draft left open": ({"codes": {"role": {"W": "?"}}}, 'codes.role: still holds a "?"'),
    "a file outside the folder": ({"files": "../secret.csv"}, "lies outside the folder"),
    "a delimiter of two letters": ({"delimiter": "::"}, "delimiter: must be one character"),
    "an unknown encoding": ({"encoding": "latin-1"}, "encoding: must be 'utf-8' or 'windows-1252'"),
    "an unknown entry": ({"colums": {}}, "colums: no such entry"),
    "a header row that is no number": ({"header_row": "three"}, "header_row: is not of the form"),
    "a sheet in a CSV file": ({"format": "csv", "sheet": "Calls"}, "sheet: has no meaning for csv"),
    "a file that is not there": ({"files": "calls_*.csv"}, "calls_*.csv: missing"),
    "their column that is not there": ({"columns": {"phone": "Telephone"}}, "1 of 20 columns that extracts.yaml names for contacts are not in row 1: 'Telephone' (phone)"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_mapping_is_told_before_anything_is_read(project, mistake):
    entry, told = MISTAKES[mistake]
    map_table(project, "contacts", entry)
    if "columns" in entry and not entry["columns"]:
        (project / FOLDER / "extracts.yaml").write_text(yaml.safe_dump({"simulated": "false", "tables": {"contacts": entry}}))
    assert [problem for problem in find_extract_problems(FOLDER) if told in problem]


def test_all_mistakes_of_a_mapping_are_told_at_once(project):
    map_table(project, "contacts", {"columns": {"forename": "Name", "surname": "Name"}, "dates": "french", "codes": {"role": {"W": "witness"}}}, tables_={})
    assert len(check_mapping(FOLDER)[1]) == 3


def test_a_column_named_twice_in_the_mapping_is_told(project):
    (project / FOLDER / "extracts.yaml").write_text("simulated: false\ntables:\n  contacts:\n    files: contacts.csv\n    columns:\n      phone: Mobile\n      phone: Landline\n")
    from pipeline.extract_facts import load_extract_facts

    assert "tables.contacts.columns: phone is given 2 times, so two of their columns are mapped to one" in message(load_extract_facts, FOLDER)


def test_codes_that_yaml_would_read_as_something_else_stay_what_they_are(project):
    write_table(project, "contacts", make_contacts().assign(grade=["01", "NO", "2019-03-31"] * 203))
    (project / FOLDER / "extracts.yaml").write_text(
        "simulated: false\ntables:\n  contacts:\n    files: contacts.csv\n    columns: {" + ", ".join(f"{column}: {column}" for column in IDENTIFIED["contacts"]) + "}\n"
        "    codes:\n      grade: {01: 1, NO: 2, 2019-03-31: 3}\n"
    )
    assert read_extract(FOLDER, "contacts")["grade"].value_counts().to_dict() == {"1": 203, "2": 203, "3": 203}


def test_merged_cells_among_the_rows_are_told_and_in_a_title_they_do_no_harm(project):
    rows = [EXIT_COLUMNS, EXIT, ["C2", *EXIT[1:]], ["C3", *EXIT[1:]]]
    write_sheet(project, rows, title=[["Spells"], []], merged=["A1:E1"])
    map_table(project, "exits", {"files": "exits.xlsx", "header_row": "3"})
    assert read_extract(FOLDER, "exits")["client_id"].tolist() == ["C1", "C2", "C3"]
    write_sheet(project, rows, title=[["Spells"], []], merged=["A1:E1", "C4:C6"])
    assert "'from_on': 1 group of merged cells among the rows. Unmerge them" in message(read_extract, FOLDER, "exits")
    write_sheet(project, rows, title=[["Spells"], []], merged=["A3:B3"])
    assert "not in row 3: 'nominal_id'" in message(read_extract, FOLDER, "exits")


def test_a_header_merged_over_two_rows_is_read(project):
    write_sheet(project, [[*EXIT_COLUMNS], [None] * 5, EXIT], merged=["A1:A2", "B1:B2", "C1:C2", "D1:D2", "E1:E2"])
    map_table(project, "exits", {"files": "exits.xlsx", "header_row": "2"})
    assert read_extract(FOLDER, "exits")["reason"].tolist() == ["death"]


def test_dates_of_which_excel_converted_only_some_are_refused(project):
    write_sheet(project, [EXIT_COLUMNS, ["C1", None, datetime.date(2018, 1, 4), None, "death"], ["C2", None, "13/04/2018", None, "death"]])
    map_table(project, "exits", {"files": "exits.xlsx", "dates": "uk"})
    assert "'from_on': some rows are dates and others text" in message(read_extract, FOLDER, "exits")


def test_numbers_of_which_excel_dropped_digits_are_refused(project):
    write_sheet(project, [EXIT_COLUMNS, [12345678901234567, *EXIT[1:]]])
    map_table(project, "exits", {"files": "exits.xlsx"})
    assert "more than 15 digits" in message(read_extract, FOLDER, "exits")


def test_a_workbook_of_several_sheets_must_name_one_and_no_sheet_is_named_to_the_reader(project):
    book = Workbook()
    book.active.title = SECRET
    book.create_sheet("Other")
    book.save(project / FOLDER / "exits.xlsx")
    (project / FOLDER / "exits.csv").unlink()
    assert "has 2 sheets. Say which one" in message(read_extract, FOLDER, "exits")


def test_a_column_of_times_with_a_zone_is_refused(project):
    (project / FOLDER / "exits.csv").unlink()
    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT 'C1' AS client_id, NULL::VARCHAR AS nominal_id, now() AS from_on, NULL::DATE AS to_on, 'death' AS reason) TO '{project / FOLDER / 'exits.parquet'}'")
    assert "'from_on': holds times with a zone" in message(read_extract, FOLDER, "exits")


def test_rows_that_are_blank_throughout_are_left_out(project):
    path = project / FOLDER / "contacts.csv"
    path.write_text(path.read_text() + "," * 19 + "\n" + "," * 19 + "\n")
    assert len(read_extract(FOLDER, "contacts")) == len(make_contacts())


def test_a_table_in_two_formats_without_a_mapping_is_told(project):
    make_exits().to_parquet(project / FOLDER / "exits.parquet")
    assert "exits.csv and exits.parquet are one table twice" in message(read_extract, FOLDER, "exits")


def test_a_ragged_line_is_told_by_file_and_line_below_a_title_too(project):
    path = project / FOLDER / "referrals.csv"
    path.write_text("Register\n\n" + path.read_text() + f"{SECRET},too,few\n")
    map_table(project, "referrals", {"header_row": "3"})
    assert "referrals.csv, line 16:" in message(read_extract, FOLDER, "referrals")
