"""Extracts: read a set of extracts from its folder, and give every column its type.

A set of extracts is a folder with referrals.csv, contacts.csv, where there are any exits.csv and
mentors.csv, and extracts.yaml, which says what the set is. Messages name files, columns and row
numbers, never a value: what stands in an extract is personal.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
import re

import duckdb
import pandas as pd
import yaml

from pipeline.errors import InputError
from pipeline.extract_columns import IDENTIFIED, OPTIONAL
from pipeline.tables import project_root

# What Python puts in the place of bytes that are no UTF-8.
UNREADABLE = "\ufffd"
FORMATS = {"date": "%Y-%m-%d", "time": "%Y-%m-%d %H:%M:%S"}
EXPECTED = {
    "date": "dates as YYYY-MM-DD",
    "time": "times as YYYY-MM-DD HH:MM:SS",
    "flag": "true or false in every row",
    "number": "numbers with a point for decimals",
}


@dataclass(frozen=True)
class ExtractFacts:
    """What a set of extracts says of itself."""

    is_simulated: bool
    person_key: str


def extracts_folder(folder: str) -> Path:
    """Return `folder` as a path; a relative one is taken from the project's folder."""
    return project_root() / folder


def load_extract_facts(folder: str) -> ExtractFacts:
    """Return what extracts.yaml in `folder` says: whether the set is simulated, and the key of its person ids.

    Raises InputError that lists every missing, unknown or unfitting entry.
    """
    path = extracts_folder(folder) / "extracts.yaml"
    where = f"{folder}/extracts.yaml"
    if not path.exists():
        raise InputError(f"{where}: missing. Write it with two lines, `simulated: false` and `person_key: <a secret text>`.")
    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise InputError(f"{where}: cannot be read as YAML. Mend it; the README shows one.") from None
    facts = facts if isinstance(facts, dict) else {}
    problems = []
    if not isinstance(facts.get("simulated"), bool):
        problems.append(f"{where}, simulated: missing or neither true nor false. Say whether the set is simulated.")
    if not (isinstance(facts.get("person_key"), str) and facts["person_key"].strip()):
        problems.append(f"{where}, person_key: missing or not a text. Write a secret text of your own, in quotes.")
    problems += [f"{where}, {key}: no such entry. Correct its name or remove it." for key in facts if key not in ("simulated", "person_key")]
    InputError.collect(problems)
    return ExtractFacts(is_simulated=facts["simulated"], person_key=facts["person_key"])


def find_header_problems(folder: str, name: str, tables: dict = IDENTIFIED) -> list[str]:
    """Return every mistake seen at the top of the extract `name`: absent, empty, columns missing or double.

    Reads two lines, so that it is cheap enough to ask before anything runs.
    """
    path, where = extracts_folder(folder) / f"{name}.csv", f"{folder}/{name}.csv"
    if not path.is_file():
        return [] if name in OPTIONAL else [f"{where}: missing. Put the extract there, or correct extracts.folder in params.yaml."]
    try:
        header, has_rows = read_top(path)
    except (OSError, csv.Error):
        header, has_rows = [UNREADABLE], True
    if UNREADABLE in "".join(header):
        return [f"{where}: the header cannot be read. Save the file as CSV with commas, encoded as UTF-8."]
    if not header or not (has_rows or name in OPTIONAL):
        return [f"{where}: empty{', it has a header only' if header else ''}. Export it again, with a header and all rows."]
    missing = [column for column in tables[name] if column not in header]
    double = [column for column in tables[name] if header.count(column) > 1]
    problems = []
    if missing:
        problems.append(
            f"{where}: {len(missing)} of {len(tables[name])} columns missing: {', '.join(missing)}. "
            "Add them to the first line (commas between, spelt like this); a column without data stays blank."
        )
    if double:
        problems.append(f"{where}: columns that occur more than once: {', '.join(double)}. Keep one of each.")
    if len(set(header)) < len(header) and not double:
        problems.append(f"{where}: {len(header) - len(set(header))} column names repeat others. Keep one of each.")
    return problems


def read_top(path: Path) -> tuple[list[str], bool]:
    """Return the column names in the first line of the CSV file `path` (none when it is empty), and whether rows follow."""
    # Letters of another encoding further down are told by their line when the rows are read.
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.reader(lines)
        header = [column.strip() for column in next(rows, [])]
        return header, any(next(rows, []))


def read_extract(folder: str, name: str, tables: dict = IDENTIFIED) -> pd.DataFrame:
    """Return the extract `name` from `folder`: the columns that `tables` promises, in that order and typed; text trimmed, blank as missing.

    Dates and times come as datetime64, flags as bool, numbers as float.

    An optional extract that is absent comes back empty. Columns that we do not know are left out
    (`describe_extracts` names them). Raises InputError for a missing or empty file, missing or double
    columns, and lines that are no CSV.
    """
    InputError.collect(find_header_problems(folder, name, tables))
    path = extracts_folder(folder) / f"{name}.csv"
    if not path.is_file():
        return type_extract(pd.DataFrame({column: pd.Series(dtype="str") for column in tables[name]}), name, tables)
    return type_extract(read_text_columns(path, f"{folder}/{name}.csv"), name, tables)


def read_text_columns(path: Path, where: str) -> pd.DataFrame:
    """Return the CSV file `path` as text columns. DuckDB's own message would quote the line, so only its number is told."""
    names, _ = read_top(path)
    columns = ", ".join(f"nullif(trim(column_{i}), '') as \"{quoted(column)}\"" for i, column in enumerate(names))
    fields = ", ".join(f"'column_{i}': 'VARCHAR'" for i in range(len(names)))
    source = f"read_csv(?, columns={{{fields}}}, header=true, delim=',', quote='\"', escape='\"', auto_detect=false)"
    con = duckdb.connect()
    try:
        return con.sql(f"select {columns} from {source}", params=[str(path)]).to_arrow_table().to_pandas()
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        line = re.search(r"Line: (\d+)", str(error))
        found = f", line {line[1]}: has more or fewer fields than the header, or" if line else ": a line"
        raise InputError(f"{where}{found} is no UTF-8 text. Save the file as CSV with commas, encoded as UTF-8.") from None
    finally:
        con.close()


def quoted(column: str) -> str:
    """Return `column` fit to stand between double quotes in SQL."""
    return column.replace('"', '""')


def type_extract(frame: pd.DataFrame, name: str, tables: dict) -> pd.DataFrame:
    """Return the text columns of the extract `name` typed: dates and times as datetime64, flags bool, numbers float.

    Raises InputError that lists every column with values of another format: how many, the first row
    (counted below the header) and the format expected.
    """
    kinds = tables[name]
    typed = {column: type_column(frame[column], kind) for column, kind in kinds.items()}
    problems = [describe_bad_rows(name, column, kinds[column], bad) for column, (_, bad) in typed.items() if bad.any()]
    InputError.collect(problems)
    return pd.DataFrame({column: values.astype("bool") if kinds[column] == "flag" else values for column, (values, _) in typed.items()})


def type_column(text: pd.Series, kind: str) -> tuple[pd.Series, pd.Series]:
    """Return the typed values of `text`, and a mask of the rows whose text is not of that `kind`."""
    if kind in FORMATS:
        values = pd.to_datetime(text, format=FORMATS[kind], errors="coerce").astype("datetime64[us]")
    elif kind == "number":
        values = pd.to_numeric(text, errors="coerce").astype("float64")
    elif kind == "flag":
        values = text.str.lower().map({"true": True, "false": False})
        return values, values.isna()
    else:
        return text, pd.Series(False, index=text.index)
    return values, values.isna() & text.notna()


def describe_bad_rows(name: str, column: str, kind: str, bad: pd.Series) -> str:
    """Return one line about the rows marked in `bad`, without their values."""
    first = int(bad.to_numpy().argmax()) + 1
    return f"{name}.csv, {column}: rows of another format: {int(bad.sum())}, the first in row {first} below the header. Export {EXPECTED[kind]}."


def describe_extracts(folder: str, tables: dict = IDENTIFIED) -> pd.DataFrame:
    """Return one row per extract: extract, is_present, n_unknown_columns, unknown_columns (their names, by comma).

    Column names are told only where the header has all of ours: otherwise it may be a row of data.
    """
    rows = []
    for name, ours in tables.items():
        path = extracts_folder(folder) / f"{name}.csv"
        header = read_top(path)[0] if path.is_file() else []
        unknown = [column for column in header if column not in ours] if set(ours) <= set(header) else []
        rows.append({"extract": name, "is_present": path.is_file(), "n_unknown_columns": len(unknown), "unknown_columns": ", ".join(unknown)})
    return pd.DataFrame(rows)
