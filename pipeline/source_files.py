"""The files that a force sends: which there are, how their first lines read, and each opened for DuckDB as columns of text.

A file is opened under its own column names; what they mean is said by the mapping. Excel is the business of
pipeline.source_sheets, other encodings than UTF-8 that of pipeline.source_encoding.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipeline.extract_facts import extracts_folder
from pipeline.extract_mapping import DELIMITERS, TableMapping
from pipeline.source_encoding import UNREADABLE, decode_top
from pipeline.source_sheets import read_sheet_header

FORMATS = {".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xlsx": "excel", ".xlsm": "excel", ".xlsb": "excel", ".xls": "excel", ".parquet": "parquet"}


@dataclass(frozen=True)
class SourceFile:
    """A file of a table: where it lies, how messages name it, and how it is to be read."""

    path: Path
    where: str
    format: str
    header: tuple[str, ...]
    has_rows: bool
    header_row: int = 1
    delimiter: str = ""
    encoding: str = "utf-8"
    sheet: str | None = None


def find_files(folder: str, table: TableMapping) -> list[Path]:
    """Return the files of `table` in `folder`, in order of name, each once; hidden ones and Excel's own lock files left out."""
    found = {path for name in table.files for path in extracts_folder(folder).glob(name) if path.is_file() and not path.name.startswith((".", "~$"))}
    return sorted(found, key=lambda path: path.as_posix())


def find_file_problems(folder: str, name: str, table: TableMapping, is_optional: bool) -> list[str]:
    """Return which files of the table `name` are missing, of no known format, or one too many."""
    paths, root = find_files(folder, table), extracts_folder(folder)
    if not table.is_mapped:
        if len(paths) > 1:
            return [f"{folder}: {' and '.join(path.name for path in paths)} are one table twice. Keep one, or say which under tables in extracts.yaml."]
        missing = [] if paths or is_optional else [f"{folder}/{name}.csv: missing. Put the extract there, correct extracts.folder in params.yaml, or say under tables in extracts.yaml what it is called."]
        return missing
    problems = [f"{folder}/{pattern}: missing. Put the extract there, or correct tables.{name}.files in extracts.yaml." for pattern in table.files if not any(root.glob(pattern))]
    problems += [
        f"{folder}/{path.name}: of no known format. Say csv, excel or parquet under tables.{name}.format in extracts.yaml."
        for path in paths
        if not table.format and path.suffix.lower() not in FORMATS
    ]
    return problems


def open_top(folder: str, path: Path, table: TableMapping) -> SourceFile:
    """Return the file `path` with its column names, as far as its first lines tell; a header that cannot be read is `UNREADABLE`.

    Where the mapping names no delimiter, it is the one under which most of the columns it names are found.
    """
    form = table.format or FORMATS[path.suffix.lower()]
    where, wanted = f"{folder}/{path.relative_to(extracts_folder(folder)).as_posix()}", {name for theirs in table.columns.values() for name in theirs}
    try:
        if form == "excel":
            header, has_rows = read_sheet_header(path, where, table.sheet, table.header_row)
            return SourceFile(path, where, form, tidy(header), has_rows, table.header_row, sheet=table.sheet)
        if form == "parquet":
            header, has_rows = read_parquet_header(path)
            return SourceFile(path, where, form, tidy(header), has_rows)
        encoding = table.encoding or "utf-8"
        lines = decode_top(path, encoding)
        delimiter = table.separator() or sniff_delimiter(lines, table.header_row, wanted)
        header, has_rows = read_csv_header(lines, table.header_row, delimiter)
        return SourceFile(path, where, form, tidy(header), has_rows, table.header_row, delimiter, encoding)
    except (OSError, csv.Error, duckdb.Error):
        return SourceFile(path, where, form, (UNREADABLE,), True)


def tidy(header: list[str]) -> tuple[str, ...]:
    """Return column names with single blanks between words, as the mapping writes them."""
    return tuple(" ".join(name.split()) for name in header)


def sniff_delimiter(lines: list[str], header_row: int, wanted: set[str]) -> str:
    """Return the delimiter under which most of the columns `wanted` are found in the header; the comma where none is."""
    return max(DELIMITERS.values(), key=lambda delimiter: len(wanted & set(tidy(read_csv_header(lines, header_row, delimiter)[0]))))


def read_csv_header(lines: list[str], header_row: int, delimiter: str) -> tuple[list[str], bool]:
    """Return the column names in line `header_row` (none when there is none), and whether rows follow."""
    rows = csv.reader(lines[header_row - 1 :], delimiter=delimiter)
    return next(rows, []), any(any(row) for row in rows)


def read_parquet_header(path: Path) -> tuple[list[str], bool]:
    """Return the column names of a Parquet file, and whether it has rows."""
    with duckdb.connect() as con:
        columns = con.sql("SELECT * FROM read_parquet(?)", params=[str(path)]).columns
        return columns, bool(con.sql("SELECT 1 FROM read_parquet(?) LIMIT 1", params=[str(path)]).fetchall())


def find_header_problems_of(source: SourceFile, table: TableMapping, name: str, is_optional: bool) -> list[str]:
    """Return every mistake seen at the top of `source`: unreadable, empty, columns missing or double."""
    where, header = source.where, source.header
    if UNREADABLE in "".join(header):
        hint = "Save the file as CSV, encoded as UTF-8, or say its encoding in extracts.yaml." if source.format == "csv" else f"It is no {source.format.capitalize()} file that can be opened. Export it again, without a password."
        return [f"{where}: the header cannot be read. {hint}"]
    if not any(header) or not (source.has_rows or is_optional):
        return [f"{where}: empty{', it has a header only' if any(header) else ''}. Export it again, with a header and all rows."]
    wanted = [(column, their_column) for column, theirs in table.columns.items() for their_column in theirs]
    missing = [(ours, theirs) for ours, theirs in wanted if theirs not in header]
    double = sorted({theirs for _, theirs in wanted if header.count(theirs) > 1})
    problems = []
    if missing and table.is_mapped:
        named = ", ".join(f"{theirs!r} ({ours})" for ours, theirs in missing)
        problems.append(
            f"{where}: {len(missing)} of {len(wanted)} columns that extracts.yaml names for {name} are not in row {source.header_row}: {named}. "
            f"Correct their names under tables.{name}.columns, or header_row when the header stands in another row."
        )
    elif missing:
        problems.append(
            f"{where}: {len(missing)} of {len(wanted)} columns missing: {', '.join(ours for ours, _ in missing)}. "
            "Add them to the header (spelt like this; a column without data stays blank), or map your own columns to them in extracts.yaml."
        )
    if double:
        problems.append(f"{where}: columns that occur more than once: {', '.join(double)}. Keep one of each.")
    if len(set(header)) < len(header) and not double and not table.is_mapped:
        problems.append(f"{where}: {len(header) - len(set(header))} column names repeat others. Keep one of each.")
    return problems
