"""From the text of a file to our columns: dates and times in the order that the mapping says, numbers, flags and codes.

A value is either what the mapping says or a mistake that is counted; nothing is guessed, and no message holds a value,
except codes where a column is plainly a list of codes.
"""

from collections import Counter
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.extract_columns import CODES
from pipeline.extract_mapping import FLAG_WORDS, TableMapping, expand_order
from pipeline.source_columns import literal, open_columns
from pipeline.source_files import SourceFile

ARROW = {"text": pa.string(), "date": pa.timestamp("us"), "time": pa.timestamp("us"), "number": pa.float64(), "flag": pa.bool_()}
EXPECTED = {
    "date": "dates as YYYY-MM-DD",
    "time": "times as YYYY-MM-DD HH:MM:SS",
    "flag": "true or false in every row",
    "number": "numbers with a point for decimals",
}
NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
# A column is plainly a list of codes when it repeats few of them: only then may a message hold one.
MOST_CODES, ROWS_PER_CODE, LONGEST_CODE = 30, 10, 40


@dataclass
class Mistake:
    """Rows of one of our columns that do not hold what they should: how many, where the first is, and the codes met."""

    column: str
    where: str
    first: int
    n: int
    unmapped: Counter = field(default_factory=Counter)
    seen: Counter = field(default_factory=Counter)


def read_values(source: SourceFile, table: TableMapping, name: str, ours: dict[str, str]) -> tuple[pa.Table, list[Mistake]]:
    """Return our columns of one file, typed, and the mistakes found; rows in which every mapped column is blank are left out.

    Raises InputError for what is wrong with the file as a whole.
    """
    read = read_columns(source, table, ours)
    mistakes, columns = find_misread(read, source), {}
    for column in table.columns:
        columns[column] = read[column]
        allowed = FLAG_WORDS if ours[column] == "flag" else CODES.get(name, {}).get(column) if table.is_mapped else None
        if allowed or column in table.codes:
            columns[column], found = map_codes(read[column], read["is blank"], table.codes.get(column, {}), allowed, ours[column] == "flag")
            mistakes += [Mistake(column, source.where, *found)] if found else []
    for column, value in table.constants.items():
        columns[column] = pa.repeat(pa.scalar(value), len(read))
    for column in table.absent:
        columns[column] = pa.nulls(len(read), ARROW[ours[column]])
    typed = pa.table({column: to_flag(columns[column]) if kind == "flag" else columns[column] for column, kind in ours.items()})
    return typed.filter(pc.invert(read["is blank"])), mistakes


def read_columns(source: SourceFile, table: TableMapping, ours: dict[str, str]) -> pa.Table:
    """Return the mapped columns of one file, dates, times and numbers read, with a mask "bad <column>" for each of these, and "is blank"."""
    wanted = list(dict.fromkeys(their_column for theirs in table.columns.values() for their_column in theirs))
    dated = [their_column for column, theirs in table.columns.items() if ours[column] in ("date", "time") for their_column in theirs]
    with duckdb.connect() as con, open_columns(con, source, wanted, dated) as (origin, texts, native):
        chosen = []
        for column, theirs in table.columns.items():
            text = texts[theirs[0]] if len(theirs) == 1 else f"concat_ws(' ', {', '.join(texts[one] for one in theirs)})"
            formats = expand_order("iso", ours[column]) if native.issuperset(theirs) else table.formats(column, ours[column])
            chosen += value_sql(column, f"nullif(trim({text}), '')", ours[column], formats)
        filled = ", ".join(f"nullif(trim({texts[one]}), '')" for one in wanted)
        return con.sql(f'SELECT {", ".join(chosen)}, coalesce({filled}) IS NULL AS "is blank" FROM {origin}').to_arrow_table()


def value_sql(column: str, text: str, kind: str, formats: list[str]) -> list[str]:
    """Return the SQL of our `column` from the SQL of its text, and that of a mask of the rows that are not of its kind."""
    if kind in ("date", "time"):
        read = f"try_strptime({text}, [{', '.join(map(literal, formats))}])"
        # DuckDB reads the year of 31/03/19 as the year 19.
        value = f"CASE WHEN year({read}) >= 1000 THEN {read + '::DATE' if kind == 'date' else read} END"
    elif kind == "number":
        value = f"CASE WHEN regexp_full_match({text}, {literal(NUMBER)}) THEN {text}::DOUBLE END"
    else:
        return [f'{text} AS "{column}"']
    return [f'({value})::{"TIMESTAMP" if kind != "number" else "DOUBLE"} AS "{column}"', f'{text} IS NOT NULL AND ({value}) IS NULL AS "bad {column}"']


def find_misread(read: pa.Table, source: SourceFile) -> list[Mistake]:
    """Return the columns of `read` with values of another kind."""
    masks = {name.removeprefix("bad "): read[name] for name in read.column_names if name.startswith("bad ")}
    return [Mistake(column, source.where, first_row(mask), pc.sum(mask).as_py()) for column, mask in masks.items() if pc.any(mask).as_py()]


def first_row(mask) -> int:
    """Return the number of the first row that `mask` marks, counted from 1 below the header."""
    return pc.index(mask, True).as_py() + 1


def map_codes(text: pa.ChunkedArray, is_blank: pa.ChunkedArray, codes: dict[str, str], allowed: tuple | None, is_flag: bool):
    """Return their codes in `text` as ours, and (first row, number of rows, unmapped codes, all codes) where some have none.

    A code that is already one of ours stays; a blank stays blank, unless `codes` says what it means or it is a flag.
    Each distinct code is looked up once.
    """
    coded = pc.dictionary_encode(text, null_encoding="encode").combine_chunks() if text.num_chunks != 1 else pc.dictionary_encode(text.chunk(0), null_encoding="encode")
    theirs = coded.dictionary.to_pylist()
    ours_already = set(allowed or ()) | set(codes.values())
    mapped, is_unmapped = [], []
    for code in theirs:
        own = code.lower() if is_flag and code else code
        mapped.append(codes.get(code or "", own if own in ours_already else None))
        is_unmapped.append(mapped[-1] is None and (code is not None or is_flag))
    bad = pc.and_(pc.take(pa.array(is_unmapped, pa.bool_()), coded.indices), pc.invert(is_blank.combine_chunks()))
    found = None
    if pc.any(bad).as_py():
        counts = Counter({theirs[row["values"]]: row["counts"] for row in pc.value_counts(coded.indices).to_pylist()})
        unmapped = Counter({code: counts[code] for code, is_bad in zip(theirs, is_unmapped) if is_bad and code is not None})
        found = first_row(bad), pc.sum(bad).as_py(), unmapped, Counter({code: n for code, n in counts.items() if code is not None})
    return pc.take(pa.array(mapped, pa.string()), coded.indices), found


def to_flag(words) -> pa.Array:
    """Return the words true and false as flags."""
    return pc.equal(words, "true")


def describe_mistakes(mistakes: list[Mistake], table: TableMapping, name: str, ours: dict[str, str]) -> list[str]:
    """Return one line for each of our columns with mistakes, over all files of the table `name`."""
    lines = []
    for column in dict.fromkeys(mistake.column for mistake in mistakes):
        of_column = [mistake for mistake in mistakes if mistake.column == column]
        n, first = sum(mistake.n for mistake in of_column), of_column[0]
        files = f", in {len(of_column)} files" if len(of_column) > 1 else ""
        where = f"{first.where}, {table.name(column)}"
        if ours[column] in ("text", "flag") and table.is_mapped:
            lines.append(f"{where}: a code without a mapping in {n:,} rows{files}, the first in row {first.first} below the header{name_codes(of_column)}. Add it under tables.{name}.codes.{column} in extracts.yaml{blank_hint(ours[column])}.")
            continue
        advice = f"Export {EXPECTED[ours[column]]}"
        if ours[column] in ("date", "time"):
            order = table.dates if isinstance(table.dates, str) else table.dates.get(column, "iso")
            advice += f", or say their order under tables.{name}.dates in extracts.yaml (now {order})" if table.is_mapped else ", or map the table in extracts.yaml and say their order there"
        lines.append(f"{where}: rows of another format: {n}{files}, the first in row {first.first} below the header. {advice}.")
    return lines


def blank_hint(kind: str) -> str:
    """Return what to do about blanks in a flag."""
    return '; "" stands for a blank' if kind == "flag" else ""


def name_codes(mistakes: list[Mistake]) -> str:
    """Return the unmapped codes for a message, or nothing where the column does not look like a list of codes."""
    seen, unmapped = sum((mistake.seen for mistake in mistakes), Counter()), sum((mistake.unmapped for mistake in mistakes), Counter())
    if not is_code_list(seen) or not unmapped:
        return ""
    return ": " + ", ".join(repr(code) for code in sorted(unmapped))


def is_code_list(counts: Counter) -> bool:
    """Return whether values with these `counts` are plainly codes: few, short and repeated."""
    return 0 < len(counts) <= MOST_CODES and counts.total() >= ROWS_PER_CODE * len(counts) and all(len(code) <= LONGEST_CODE for code in counts)
