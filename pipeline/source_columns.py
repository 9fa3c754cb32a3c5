"""A file opened for DuckDB: where its rows come from, and how each of its columns reads as text."""

import re
from contextlib import contextmanager

import duckdb

from pipeline.errors import InputError
from pipeline.source_encoding import as_utf_8
from pipeline.source_files import SourceFile
from pipeline.source_sheets import read_sheet

# Parquet stores types; these are the ones that have a text without a guess.
WHOLE_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT")
NATIVE_TIMES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


@contextmanager
def open_columns(con: duckdb.DuckDBPyConnection, source: SourceFile, wanted: list[str], dated: list[str]):
    """Give the SQL after FROM for the rows of `source`, the SQL of each of the columns `wanted` as text, and those stored as dates.

    `dated` are the columns that should hold dates or times. Raises InputError for what makes a file unreadable, without a value.
    """
    if source.format == "csv":
        with as_utf_8(source.path, source.where, source.encoding) as path, told_by_line(source):
            yield scan_csv(path, source), {name: f"column_{source.header.index(name)}" for name in wanted}, set()
    elif source.format == "excel":
        sheet, native = read_sheet(source, wanted, dated)
        con.register("sheet", sheet)
        yield "sheet", {name: f'"{quoted(name)}"' for name in wanted}, native
    else:
        origin = f"read_parquet({literal(source.path)})"
        kinds = {name: str(kind) for name, kind in zip(source.header, con.sql(f"SELECT * FROM {origin}").types)}
        InputError.collect([problem for name in wanted for problem in find_parquet_problems(name, kinds[name], source)])
        stored = dict(zip(source.header, con.sql(f"SELECT * FROM {origin}").columns))
        yield origin, {name: parquet_text(f'"{quoted(stored[name])}"', kinds[name]) for name in wanted}, {name for name in wanted if kinds[name] in ("DATE", *NATIVE_TIMES)}


def scan_csv(path, source: SourceFile) -> str:
    """Return the SQL that reads the CSV file `path` as text columns named by their position."""
    fields = ", ".join(f"'column_{i}': 'VARCHAR'" for i in range(len(source.header)))
    return (f"read_csv({literal(path)}, columns={{{fields}}}, header=true, skip={source.header_row - 1}, delim={literal(source.delimiter)}, "
            "quote='\"', escape='\"', auto_detect=false)")  # fmt: skip


@contextmanager
def told_by_line(source: SourceFile):
    """Tell a line that is no CSV by its number: DuckDB's own message would quote it."""
    try:
        yield
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        line = re.search(r"Line: (\d+)", str(error))
        found = f", line {line[1]}: has more or fewer fields than the header, or" if line else ": a line"
        raise InputError(f"{source.where}{found} is no {source.encoding.upper()} text. Export the file again, or correct its encoding and delimiter in extracts.yaml.") from None


def find_parquet_problems(name: str, kind: str, source: SourceFile) -> list[str]:
    """Return what is wrong with a column of that stored `kind`."""
    if "TIME ZONE" in kind:
        return [f"{source.where}, {name!r}: holds times with a zone, but a day must be the local one. Export local times without a zone."]
    if kind in ("VARCHAR", "BOOLEAN", "DATE", "FLOAT", "DOUBLE", "TIME", *WHOLE_NUMBERS, *NATIVE_TIMES) or kind.startswith(("DECIMAL", "ENUM")):
        return []
    return [f"{source.where}, {name!r}: is stored as {kind.split('(')[0].lower()}, which has no text. Export it as text."]


def parquet_text(column: str, kind: str) -> str:
    """Return the SQL of a stored `column` as text: dates as ISO writes them, whole numbers without a point."""
    if kind in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN {column} = floor({column}) AND abs({column}) < 1e15 THEN {column}::BIGINT::VARCHAR ELSE {column}::VARCHAR END"
    if kind in NATIVE_TIMES:
        return f"strftime({column}::TIMESTAMP, '%Y-%m-%d %H:%M:%S.%f')"
    return f"{column}::VARCHAR"


def literal(text) -> str:
    """Return `text` as an SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def quoted(column: str) -> str:
    """Return `column` fit to stand between double quotes in SQL."""
    return column.replace('"', '""')
