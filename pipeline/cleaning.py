"""Standardising personal details, so that two spellings of one fact become equal and a non-fact becomes missing.

One rule per field, each stated in `FIELD_RULES` beside what is unsure about the source. Nothing is guessed: a value
that cannot be read as what its column promises becomes missing, which the linkage treats as "no evidence".
"""

import duckdb
import pandas as pd

# Words that recording systems hold in place of a name or an address; they would make strangers look alike.
NOT_A_NAME = ("UNKNOWN", "NOT KNOWN", "NK", "NOT GIVEN", "NOT STATED", "REFUSED", "ANON", "ANONYMOUS", "WITHHELD",
              "NA", "N A", "NONE", "NULL", "NOT RECORDED", "MALE", "FEMALE", "CALLER", "TEST")
NOT_AN_ADDRESS = NOT_A_NAME + ("NFA", "NO FIXED ABODE", "NO FIXED ADDRESS", "HOMELESS", "OF NO FIXED ABODE", "NO ADDRESS")
TITLES = "MR|MRS|MS|MISS|MX|DR|REV|SIR"
STREET_WORDS = {"STREET": "ST", "ROAD": "RD", "AVENUE": "AVE", "TERRACE": "TER", "TCE": "TER", "TERR": "TER", "AV": "AVE", "CLOSE": "CL", "DRIVE": "DR", "LANE": "LN",
                "COURT": "CT", "CRESCENT": "CRES", "GARDENS": "GDNS", "PLACE": "PL", "SQUARE": "SQ", "APARTMENT": "FLAT", "APT": "FLAT"}
POSTCODE_SHAPE = "^[A-Z]{1,2}[0-9][A-Z0-9]?[0-9][A-Z]{2}$"


def name_sql(column: str) -> str:
    """Return SQL for a name in plain capitals: no accents, apostrophes, titles; hyphens as spaces; initials kept."""
    letters = f"regexp_replace(upper(strip_accents(\"{column}\"::VARCHAR)), '[''’`.]', '', 'g')"
    words = f"trim(regexp_replace({letters}, '[^A-Z]+', ' ', 'g'))"
    untitled = f"regexp_replace({words}, '^({TITLES}) ', '')"
    return blank_words(untitled, NOT_A_NAME)


def date_sql(column: str) -> str:
    """Return SQL for a date; 1900-01-01, which systems store for "unknown", and impossible dates become missing."""
    day = f"try_cast(left(\"{column}\"::VARCHAR, 10) AS DATE)"
    return f"CASE WHEN {day} > DATE '1900-01-01' THEN {day}::TIMESTAMP END"


def sex_sql(column: str) -> str:
    """Return SQL for M, F or X from the first letter; anything else is missing."""
    letter = f"left(upper(trim(\"{column}\"::VARCHAR)), 1)"
    return f"CASE WHEN {letter} IN ('M', 'F', 'X') THEN {letter} END"


def phone_sql(column: str) -> str:
    """Return SQL for a phone number in national digits.

    Spreadsheets drop the leading nought, so ten digits beginning with 1, 2 or 7 get it back. Numbers of the wrong
    length, and numbers whose last six digits are all one digit, are what operators type when there is none.
    """
    digits = f"regexp_replace(\"{column}\"::VARCHAR, '(\\.0+$)|[^0-9]', '', 'g')"
    national = f"regexp_replace({digits}, '^(0044|44)0?', '0')"
    whole = f"CASE WHEN regexp_matches({national}, '^[127][0-9]{{9}}$') THEN '0' || {national} ELSE {national} END"
    return (f"CASE WHEN length({whole}) BETWEEN 10 AND 15 "
            f"AND NOT regexp_matches({whole}, '(0{{6}}|1{{6}}|2{{6}}|3{{6}}|4{{6}}|5{{6}}|6{{6}}|7{{6}}|8{{6}}|9{{6}})$') THEN {whole} END")


def address_sql(column: str) -> str:
    """Return SQL for an address line in capitals, street words shortened; only equal texts count as one address."""
    text = f"' ' || trim(regexp_replace(replace(upper(strip_accents(\"{column}\"::VARCHAR)), '''', ''), '[^A-Z0-9]+', ' ', 'g')) || ' '"
    for word, short in STREET_WORDS.items():
        text = f"replace({text}, ' {word} ', ' {short} ')"
    return blank_words(f"trim({text})", NOT_AN_ADDRESS)


def postcode_sql(column: str) -> str:
    """Return SQL for a postcode as 'DH1 3LE'; what has not the shape of a full postcode is missing."""
    packed = f"regexp_replace(upper(\"{column}\"::VARCHAR), '[^A-Z0-9]', '', 'g')"
    return (f"CASE WHEN regexp_matches({packed}, '{POSTCODE_SHAPE}') "
            f"THEN left({packed}, length({packed}) - 3) || ' ' || right({packed}, 3) END")


def blank_words(text: str, words: tuple[str, ...]) -> str:
    """Return SQL for `text`, missing where it is empty or one of `words`."""
    listed = ", ".join(f"'{word}'" for word in ("", *words))
    return f"CASE WHEN {text} NOT IN ({listed}) THEN {text} END"


FIELD_RULES = {
    "forename": name_sql,
    "surname": name_sql,
    "date_of_birth": date_sql,
    "sex": sex_sql,
    "phone": phone_sql,
    "address": address_sql,
    "postcode": postcode_sql,
}


def standardise_people(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with its personal columns standardised; rows, order, index and other columns are kept.

    Standardised are those of forename, surname, date_of_birth (datetime64 at midnight), sex (M, F, X), phone (national
    digits), address and postcode ('DH1 3LE') that `table` has; what cannot be read becomes missing.
    """
    columns = [column for column in FIELD_RULES if column in table.columns]
    with duckdb.connect(config={"threads": 1}) as con:
        return table.assign(**{column: standardise_column(con, table[column]) for column in columns})


def standardise_column(con: duckdb.DuckDBPyConnection, values: pd.Series) -> pd.Series:
    """Return `values` standardised by the rule of its name; each distinct value is read once, which is what makes it fast."""
    codes, distinct = pd.factorize(values)
    con.register("distinct_values", pd.DataFrame({values.name: pd.Series(distinct).astype("str")}))
    rule = FIELD_RULES[values.name](values.name)
    standardised = con.sql(f"SELECT {rule} AS standardised FROM distinct_values").df()["standardised"]
    standardised = standardised.astype("datetime64[us]" if values.name == "date_of_birth" else "str")
    # Code -1 (missing) has no row among the distinct values, so it comes out missing.
    return standardised.reindex(codes).set_axis(values.index)
