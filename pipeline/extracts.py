"""Extracts: read a set of extracts from its folder as its mapping says, and give every column its type.

A set of extracts is a folder with the files of its tables, extracts.yaml, which says what the set is and, where files,
columns or codes have other names than ours, what they are called, and person_key.txt. Messages name files, columns and
row numbers, never a value: what stands in an extract is personal.
"""

import pandas as pd
import pyarrow as pa

from pipeline.errors import InputError
from pipeline.extract_columns import IDENTIFIED, OPTIONAL
from pipeline.extract_facts import extracts_folder
from pipeline.extract_mapping import TableMapping, check_mapping, load_mapping
from pipeline.extract_values import ARROW, describe_mistakes, read_values
from pipeline.source_files import SourceFile, find_file_problems, find_files, find_header_problems_of, open_top


def find_extract_problems(folder: str, tables: dict = IDENTIFIED) -> list[str]:
    """Return every mistake in the mapping and at the top of the files in `folder`.

    Reads some lines of each file, so that it is cheap enough to ask before anything runs.
    """
    mapping, problems = check_mapping(folder, tables)
    return problems + [problem for name, table in mapping.items() for problem in find_header_problems(folder, name, table)]


def find_header_problems(folder: str, name: str, table: TableMapping) -> list[str]:
    """Return every mistake seen at the top of the files of the table `name`: absent, empty, columns missing or double."""
    is_optional = name in OPTIONAL
    problems = find_file_problems(folder, name, table, is_optional)
    if problems:
        return problems
    for path in find_files(folder, table):
        try:
            problems += find_header_problems_of(open_top(folder, path, table), table, name, is_optional)
        except InputError as error:
            problems.append(str(error))
    return problems


def read_extract(folder: str, name: str, tables: dict = IDENTIFIED) -> pd.DataFrame:
    """Return the extract `name` from `folder`: the columns that `tables` promises, in that order and typed; text trimmed, blank as missing.

    Dates and times come as datetime64, flags as bool, numbers as float; rows in the order of the files' names and of
    the rows in them. An optional extract that is absent comes back empty. Columns that the mapping does not name are
    left out (`describe_extracts` counts them). Raises InputError for every mistake in the mapping, in the headers, and
    in the values.
    """
    table, ours = load_mapping(folder, tables)[name], tables[name]
    InputError.collect(find_header_problems(folder, name, table))
    parts, mistakes = [pa.table({column: pa.array([], ARROW[kind]) for column, kind in ours.items()})], []
    for path in find_files(folder, table):
        part, found = read_values(open_top(folder, path, table), table, name, ours)
        parts.append(part)
        mistakes += found
    InputError.collect(describe_mistakes(mistakes, table, name, ours))
    return pa.concat_tables(parts).to_pandas()


def describe_extracts(folder: str, tables: dict = IDENTIFIED) -> pd.DataFrame:
    """Return one row per extract: extract, is_present, n_files, read_as, n_unknown_columns, unknown_columns.

    read_as says in words how the files are read, what was sniffed included; unknown_columns names their columns that
    become none of ours, by comma, but only where the header has all that it should: otherwise it may be a row of data.
    """
    mapping = load_mapping(folder, tables)
    return pd.DataFrame([describe_extract(name, [open_top(folder, path, mapping[name]) for path in find_files(folder, mapping[name])], mapping[name]) for name in tables])


def describe_extract(name: str, sources: list[SourceFile], table: TableMapping) -> dict:
    """Return the row of one extract."""
    wanted = {their_column for theirs in table.columns.values() for their_column in theirs}
    unknown = dict.fromkeys(column for source in sources if wanted <= set(source.header) for column in source.header if column not in wanted)
    return {
        "extract": name,
        "is_present": bool(sources),
        "n_files": len(sources),
        "read_as": "; ".join(sorted({write_reading(source) for source in sources})),
        "n_unknown_columns": len(unknown),
        "unknown_columns": ", ".join(unknown),
    }


def name_files(folder: str, tables: dict = IDENTIFIED) -> dict[str, str]:
    """Return by table which files it was read from, as a sentence for messages."""
    sentences = {}
    for name, table in load_mapping(folder, tables).items():
        files = [path.relative_to(extracts_folder(folder)).as_posix() for path in find_files(folder, table)]
        if files:
            sentences[name] = f"Read from {files[0]}{f' to {files[-1]} ({len(files)} files)' if len(files) > 1 else ''}."
    return sentences


def name_columns(folder: str, tables: dict = IDENTIFIED) -> dict[str, dict[str, str]]:
    """Return by table what those of our columns that have another name in the files are called there."""
    return {
        name: {column: " and ".join(map(repr, theirs)) for column, theirs in table.columns.items() if theirs != [column]}
        for name, table in load_mapping(folder, tables).items()
    }


def write_reading(source: SourceFile) -> str:
    """Return in words how a file is read."""
    row = f", header in row {source.header_row}" if source.header_row > 1 else ""
    if source.format == "csv":
        return f"CSV, {source.encoding}, delimiter {source.delimiter!r}{row}"
    return {"excel": "Excel", "parquet": "Parquet"}[source.format] + row
