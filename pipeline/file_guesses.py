"""Guesses about files for the draft of a mapping: which belong together, their encoding, delimiter, sheet and header row."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from python_calamine import CalamineError, CalamineWorkbook

from pipeline.extract_facts import MAPPING, PERSON_KEY, extracts_folder
from pipeline.extract_mapping import DELIMITERS, TableMapping
from pipeline.source_encoding import CODECS, PIECE, decode_top
from pipeline.source_files import FORMATS, SourceFile, open_top, read_csv_header, tidy
from pipeline.source_sheets import write_cell

# A title above the header is looked for in the first lines; a header has hardly any digits in its names.
DEEPEST_HEADER, TOP = 20, 60
OUR_OWN = {MAPPING, PERSON_KEY, "extracts.draft.yaml"}


@dataclass(frozen=True)
class FileGroup:
    """Files with the same columns, read in the same way: a table, or the months of one."""

    paths: tuple[Path, ...]
    options: tuple[tuple[str, str | int], ...]
    sources: tuple[SourceFile, ...]

    @property
    def header(self) -> tuple[str, ...]:
        return self.sources[0].header


def group_files(folder: str) -> tuple[list[FileGroup], list[str]]:
    """Return the files in `folder` in groups, and a line for each file that could not be read."""
    root, groups, problems = extracts_folder(folder), {}, []
    for path in sorted(root.rglob("*"), key=lambda path: path.as_posix()):
        if not path.is_file() or path.name in OUR_OWN or path.name.startswith((".", "~$")):
            continue
        options = guess_options(path)
        if options is None:
            problems.append(f"{path.relative_to(root).as_posix()}: no table could be found in it.")
            continue
        source = open_top(folder, path, TableMapping(files=[path.name], **{name: str(value) for name, value in options.items()}))
        key = path.parent, path.suffix.lower(), tuple(sorted(options.items())), tuple(sorted(source.header))
        groups.setdefault(key, []).append((path, source))
    return [FileGroup(tuple(path for path, _ in files), key[2], tuple(source for _, source in files)) for key, files in groups.items()], problems


def guess_options(path: Path) -> dict | None:
    """Return how `path` is to be read, in the mapping's own words; None where it holds no table."""
    form = FORMATS.get(path.suffix.lower())
    if form == "parquet":
        return {}
    if form == "excel":
        return guess_sheet(path)
    if form != "csv":
        return None
    encoding = guess_encoding(path)
    lines = decode_top(path, encoding)[:TOP] if encoding else []
    best = max(DELIMITERS, key=lambda name: count_fields(lines, DELIMITERS[name]))
    rows = list(csv.reader(lines, delimiter=DELIMITERS[best]))
    header_row = guess_header_row(rows)
    if not header_row:
        return None
    return {"encoding": encoding, "delimiter": best} | ({"header_row": header_row} if header_row > 1 else {})


def guess_encoding(path: Path) -> str | None:
    """Return utf-8 where the whole file is, else windows-1252 where it can be; None for neither."""
    for encoding in CODECS:
        try:
            with path.open(encoding=CODECS[encoding], newline="") as text:
                while piece := text.read(PIECE):
                    if "\0" in piece:
                        return None
            return encoding
        except UnicodeDecodeError:
            continue
    return None


def count_fields(lines: list[str], delimiter: str) -> int:
    """Return the number of fields that most of `lines` have under `delimiter`; what is cut off at the end counts little."""
    widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    return max(set(widths), key=widths.count) if widths else 0


def guess_header_row(rows: list[list[str]]) -> int | None:
    """Return the number of the row that holds the column names: the first full one without dates, phones or doubles."""
    width = max((len(row) for row in rows), default=0)
    for number, row in enumerate(rows[:DEEPEST_HEADER], start=1):
        cells = [cell.strip() for cell in row]
        if len(row) == width > 1 and all(cells) and len(set(cells)) == width and not any(looks_like_data(cell) for cell in cells):
            return number
    return None


def looks_like_data(cell: str) -> bool:
    """Return whether a cell cannot be a column's name: a number, a date, a phone number."""
    return not re.search(r"[^\W\d_]", cell) or sum(letter.isdigit() for letter in cell) > 4


def guess_sheet(path: Path) -> dict | None:
    """Return the sheet with the most rows and its header row."""
    try:
        book = CalamineWorkbook.from_path(path)
        heights = {name: book.get_sheet_by_name(name).total_height for name in book.sheet_names}
    except (CalamineError, OSError):
        return None
    largest = max(heights, key=heights.get)
    rows = book.get_sheet_by_name(largest).to_python(skip_empty_area=False, nrows=TOP)
    header_row = guess_header_row([[write_cell(cell) for cell in row] for row in rows])
    return {"sheet": largest, "header_row": header_row} if header_row else None


def name_files(group: FileGroup, folder: str) -> list[str]:
    """Return the group's files as the mapping names them: one pattern where it meets just these, else their names."""
    root = extracts_folder(folder)
    names = [path.relative_to(root).as_posix() for path in group.paths]
    if len(names) == 1:
        return names
    # Digits are what differs from month to month.
    first, last = re.split(r"\d", names[0], maxsplit=1)[0], names[0].rsplit(".", 1)[-1]
    pattern = f"{first}*.{last}"
    return [pattern] if sorted(root.glob(pattern)) == sorted(group.paths) else names
