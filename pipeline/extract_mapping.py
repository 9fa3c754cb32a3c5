"""The mapping of a set of extracts: which files, whose columns, which codes and dates become ours.

It stands under `tables` in extracts.yaml, one entry per table. A table without an entry is looked for under our own name
(referrals.csv, .xlsx or .parquet) with our own column names. Every mistake is told at once, before any file is read.
"""

from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pipeline.errors import InputError
from pipeline.extract_columns import CODES, IDENTIFIED, NEEDED
from pipeline.extract_facts import MAPPING, read_entries

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
# A name for each order of day, month and year; all formats of an order agree on what a text means.
DATE_ORDERS = {
    "iso": ["%Y-%m-%d"],
    "uk": ["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y"],
    "us": ["%m/%d/%Y", "%m-%d-%Y"],
}
# One of their columns may feed both: a force whose rows have no number besides the incident's, or one code per incident.
MAY_SHARE = ({"contact_id", "incident_id"}, {"referral_id", "client_id"}, {"opening_code", "closing_code"})
# Only these may be made of several columns, joined with a blank: a day and a time of day, the lines of an address.
MAY_JOIN = ("time", "address")
FLAG_WORDS = ("true", "false")
# What the draft writes where somebody has to say.
OPEN = "?"
EITHER_ID = {"client_id", "nominal_id"}
FITTING = {"header_row": ("csv", "excel"), "sheet": ("excel",), "delimiter": ("csv",), "encoding": ("csv",)}


def listed(value):
    """Return one text as a list of one."""
    return [value] if isinstance(value, str) else value


Texts = Annotated[list[Annotated[str, Field(min_length=1)]], BeforeValidator(listed), Field(min_length=1)]


class TableMapping(BaseModel):
    """The entry of one table; refuses names it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: Texts
    format: Literal["csv", "excel", "parquet"] | None = None
    delimiter: str | None = None
    encoding: Literal["utf-8", "windows-1252"] | None = None
    sheet: str | None = None
    header_row: Annotated[int, Field(ge=1, le=1000)] = 1
    columns: dict[str, Texts] = {}
    constants: dict[str, str] = {}
    absent: Annotated[list[str], BeforeValidator(listed)] = []
    codes: dict[str, dict[str, str]] = {}
    dates: str | dict[str, str] = "iso"
    # False for a table without an entry, whose columns have our names.
    is_mapped: Annotated[bool, Field(exclude=True)] = True

    def separator(self) -> str | None:
        """Return the delimiter as the character it is, or None where the file shall tell."""
        return DELIMITERS.get(self.delimiter, self.delimiter) if self.delimiter else None

    def formats(self, column: str, kind: str) -> list[str]:
        """Return the formats that a date or time in our `column` may have."""
        order = self.dates if isinstance(self.dates, str) else self.dates.get(column, "iso")
        return expand_order(order, kind)

    def name(self, column: str) -> str:
        """Return our `column` as a message names it: with theirs where it has another name."""
        theirs = self.columns.get(column, [column])
        return column if theirs == [column] else f"{' and '.join(f'{name!r}' for name in theirs)} ({column})"


def expand_order(order: str, kind: str) -> list[str]:
    """Return the formats of `order` for a `kind` (date or time); a time has a time of day, the time of day of a date is left out."""
    if order not in DATE_ORDERS:
        return [order]
    clocks = [" %H:%M:%S", " %H:%M", " %H:%M:%S.%f"] + (["T%H:%M:%S", "T%H:%M"] if order == "iso" else [])
    timed = [day + clock for day in DATE_ORDERS[order] for clock in clocks]
    return timed if kind == "time" else DATE_ORDERS[order] + timed


def load_mapping(folder: str, tables: dict = IDENTIFIED) -> dict[str, TableMapping]:
    """Return the mapping of each of `tables`, read from extracts.yaml in `folder`; our own names where there is no entry.

    Raises InputError that lists every mistake in the mapping.
    """
    mapping, problems = check_mapping(folder, tables)
    InputError.collect(problems)
    return mapping


def check_mapping(folder: str, tables: dict = IDENTIFIED) -> tuple[dict[str, TableMapping], list[str]]:
    """Return the mapping of each of `tables` whose files can be looked at, and every mistake in all of them."""
    entries, _ = read_entries(folder)
    given, where = entries.get("tables") or {}, f"{folder}/{MAPPING}"
    if not isinstance(given, dict):
        return {}, [f"{where}, tables: has no table below it. Name each table, its files and its columns; the README shows one."]
    problems = [f"{where}, tables.{name}: no such table. The tables are {', '.join(tables)}." for name in given if name not in tables]
    mapping = {}
    for name, columns in tables.items():
        if name not in given:
            mapping[name] = TableMapping(files=[f"{name}.{suffix}" for suffix in ("csv", "xlsx", "parquet")], columns={column: [column] for column in columns}, is_mapped=False)
            continue
        try:
            table = TableMapping.model_validate(given[name])
        except ValidationError as error:
            problems += [describe_mistake(f"{where}, tables.{name}", mistake) for mistake in error.errors()]
            continue
        problems += [f"{where}, tables.{name}{problem}" for problem in find_mistakes(name, table, columns)]
        if not find_file_mistakes(table):
            mapping[name] = table
    return mapping, problems


def describe_mistake(where: str, mistake: dict) -> str:
    """Return one line about a mistake that pydantic found; its own words would quote what stands in the file."""
    place = ".".join([where, *(str(part) for part in mistake["loc"] if not isinstance(part, int) and "[" not in str(part))])
    if mistake["type"] == "extra_forbidden":
        return f"{place}: no such entry. A table has {', '.join(name for name in TableMapping.model_fields if name != 'is_mapped')}."
    if mistake["type"] == "missing":
        return f"{place}: missing. Name the file, the files or a pattern such as calls_*.csv."
    if mistake["type"] == "literal_error":
        return f"{place}: must be {mistake['ctx']['expected']}. Correct it, or leave it out."
    return f"{place}: is not of the form it should have. Correct it; the README shows one."


def find_mistakes(name: str, table: TableMapping, ours: dict[str, str]) -> list[str]:
    """Return what contradicts itself in the entry of the table `name`, whose columns should be `ours`."""
    return [*find_open_questions(table), *find_file_mistakes(table), *find_column_mistakes(name, table, ours), *find_code_mistakes(name, table, ours), *find_date_mistakes(table, ours)]


def find_open_questions(table: TableMapping) -> list[str]:
    """Return what the draft left open and nobody has answered."""
    asked = [f".columns.{column}" for column, theirs in table.columns.items() if OPEN in theirs]
    asked += [f".codes.{column}" for column, codes in table.codes.items() if OPEN in codes.values()]
    asked += [f".dates.{column}" for column, order in table.dates.items() if order == OPEN] if isinstance(table.dates, dict) else [".dates"] * (table.dates == OPEN)
    return [f"{place}: still holds a \"?\". Replace it by what it should be." for place in asked]


def find_file_mistakes(table: TableMapping) -> list[str]:
    """Return mistakes in how the files are to be read."""
    problems = [
        f".files: {name} lies outside the folder of the extracts. Put the file there and name it without its path."
        for name in table.files
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name or ":" in name
    ]
    if table.delimiter is not None and len(table.separator()) != 1:
        problems.append(f".delimiter: must be one character or one of {', '.join(DELIMITERS)}. Correct it, or leave it out and let the file tell.")
    given = table.model_fields_set
    if table.format:
        problems += [f".{field}: has no meaning for {table.format}. Remove it." for field, formats in FITTING.items() if field in given and table.format not in formats]
    return problems


def find_column_mistakes(name: str, table: TableMapping, ours: dict[str, str]) -> list[str]:
    """Return mistakes in which of our columns comes from where: each exactly once, and one source each."""
    problems = []
    for entry in ("columns", "constants", "absent", "codes", *(["dates"] if isinstance(table.dates, dict) else [])):
        for column in getattr(table, entry):
            if column not in ours:
                near = get_close_matches(column, ours, n=1)
                problems.append(f".{entry}.{column}: {name} has no such column. {f'Did you mean {near[0]}?' if near else 'Remove it.'}")
    for column, kind in ours.items():
        places = [entry for entry in ("columns", "constants", "absent") if column in getattr(table, entry)]
        if len(places) > 1:
            problems.append(f".{column}: stands under {' and '.join(places)}. Keep one.")
        if not places:
            problems.append(f".{column}: not mapped. Name their column under columns, a fixed value under constants, or list it under absent.")
        if "absent" in places and (column in NEEDED.get(name, ()) or kind == "flag"):
            problems.append(f".absent.{column}: {name} cannot do without it. Name their column, or give a fixed value under constants.")
    if name == "exits" and EITHER_ID <= set(table.absent):
        problems.append(".absent: exits need client_id or nominal_id. Name one of their columns.")
    return problems + find_shared_sources(table, ours)


def find_shared_sources(table: TableMapping, ours: dict[str, str]) -> list[str]:
    """Return where one of their columns feeds two of ours, or several of theirs are mapped to one of ours."""
    problems, readers = [], {}
    for column, theirs in table.columns.items():
        if len(theirs) > 1 and not {column, ours.get(column)} & set(MAY_JOIN):
            problems.append(f".columns.{column}: {len(theirs)} of their columns are mapped to one. Keep the better one; only times and addresses may be joined.")
        for their_column in theirs:
            readers.setdefault(their_column, []).append(column)
    for their_column, columns in readers.items():
        if their_column != OPEN and len(columns) > 1 and set(columns) not in MAY_SHARE:
            problems.append(f".columns: {their_column!r} is mapped to {' and '.join(columns)}. Keep one, and list the other under absent.")
    return problems


def find_code_mistakes(name: str, table: TableMapping, ours: dict[str, str]) -> list[str]:
    """Return codes that are mapped to what a closed list does not hold, and codes for columns that have none."""
    problems = []
    for column, codes in table.codes.items():
        allowed = FLAG_WORDS if ours.get(column) == "flag" else CODES.get(name, {}).get(column)
        if ours.get(column) in ("date", "time", "number"):
            problems.append(f".codes.{column}: holds no codes but a {ours[column]}. Remove it.")
        unknown = sorted(set(codes.values()) - {OPEN, *allowed}) if allowed else []
        if unknown:
            problems.append(f".codes.{column}: {', '.join(unknown)} is none of {', '.join(allowed)}. Correct it.")
    for column, value in table.constants.items():
        if ours.get(column) in ("date", "time", "number"):
            problems.append(f".constants.{column}: a {ours[column]} cannot be the same in every row. Name their column, or list it under absent.")
        allowed = FLAG_WORDS if ours.get(column) == "flag" else CODES.get(name, {}).get(column)
        if allowed and value not in allowed:
            problems.append(f".constants.{column}: must be one of {', '.join(allowed)}. Correct it.")
    return problems


def find_date_mistakes(table: TableMapping, ours: dict[str, str]) -> list[str]:
    """Return orders of day, month and year that are unknown or cannot tell a date."""
    orders = {"": table.dates} if isinstance(table.dates, str) else {f".{column}": order for column, order in table.dates.items()}
    problems = []
    for place, order in orders.items():
        if order == OPEN:
            continue
        if order not in DATE_ORDERS and "%" not in order:
            problems.append(f".dates{place}: must be {', '.join(DATE_ORDERS)} or a format such as %d%m%Y. Correct it.")
        elif "%z" in order or "%Z" in order:
            problems.append(f".dates{place}: times with an offset are not read, because a day must be the local one. Export local times.")
        elif "%y" in order and (place in ("", ".date_of_birth") and "date_of_birth" in ours):
            problems.append(f".dates{place}: two digits cannot tell a birth in 1925 from one in 2025. Export dates of birth with four digits of the year.")
        elif order not in DATE_ORDERS and not ("%d" in order and ("%m" in order or "%b" in order.lower())):
            problems.append(f".dates{place}: the format lacks day or month. Correct it.")
    if isinstance(table.dates, dict):
        problems += [f".dates.{column}: holds no date. Remove it." for column in table.dates if ours.get(column) not in ("date", "time", None)]
    return problems
