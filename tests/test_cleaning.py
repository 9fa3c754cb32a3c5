"""Two spellings of one fact become equal, and what is no fact becomes missing."""

import pandas as pd
import pytest

from pipeline.cleaning import standardise_people


def standardised(column, *values):
    """The standardised values of one column, missing ones as None."""
    cleaned = standardise_people(pd.DataFrame({column: pd.Series(values, dtype="str")}))[column]
    return [None if pd.isna(value) else value for value in cleaned]


@pytest.mark.parametrize(
    ("column", "written", "expected"),
    [
        ("surname", ["O'Brien", "o’brien", " OBRIEN ", "O`Brien"], "OBRIEN"),
        ("surname", ["Smith-Jones", "smith  jones", "SMITH - JONES"], "SMITH JONES"),
        ("forename", ["Zoë", "ZOE", "Ms Zoe"], "ZOE"),
        ("phone", ["07700 900123", "+44 7700 900123", "+44 (0)7700 900123", "0044 7700 900123", "7700900123", "7700900123.0"], "07700900123"),
        ("postcode", ["dh1 3le", "DH13LE", " DH1  3LE ", "DH1-3LE"], "DH1 3LE"),
        ("address", ["12 High Street, Durham", "12 HIGH ST DURHAM", "12, high st. durham"], "12 HIGH ST DURHAM"),
        ("sex", ["F", "f", "Female"], "F"),
    ],
)
def test_spellings_of_one_fact_become_equal(column, written, expected):
    assert standardised(column, *written) == [expected] * len(written)


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("surname", ["", "Unknown", "not known", "N/A", "---"]),
        ("phone", ["withheld", "0000000000", "07999999999", "999", "01632"]),
        ("postcode", ["DH1", "unknown", "1DH 3LE"]),
        ("address", ["No fixed abode", "NFA", "unknown"]),
        ("sex", ["U", "?", ""]),
        ("date_of_birth", ["1900-01-01", "1980-02-30", "unknown"]),
    ],
)
def test_what_is_no_fact_becomes_missing(column, written):
    assert standardised(column, *written) == [None] * len(written)


def test_a_date_of_birth_keeps_its_day_whatever_time_was_stored_with_it():
    assert standardised("date_of_birth", "1980-05-03", "1980-05-03 00:00:00") == [pd.Timestamp("1980-05-03")] * 2


def test_rows_their_order_their_index_and_all_other_columns_are_kept():
    table = pd.DataFrame({"contact_id": ["b", "a", "c"], "surname": ["Roe", None, "Doe"], "officer_minutes": [1.0, 2.0, 3.0]}, index=[7, 3, 5])
    cleaned = standardise_people(table)
    assert cleaned["surname"].fillna("missing").to_dict() == {7: "ROE", 3: "missing", 5: "DOE"}
    pd.testing.assert_frame_equal(cleaned.drop(columns="surname"), table.drop(columns="surname"))


def test_an_empty_frame_and_an_empty_column_keep_their_types():
    empty = standardise_people(pd.DataFrame({"surname": pd.Series([], dtype="str"), "date_of_birth": pd.Series([], dtype="datetime64[us]")}))
    blank = standardise_people(pd.DataFrame({"phone": [None, None], "date_of_birth": [pd.NaT, pd.NaT]}))
    assert empty["date_of_birth"].dtype == blank["date_of_birth"].dtype == "datetime64[us]"
    assert blank["phone"].isna().all() and empty["surname"].dtype == "str"
