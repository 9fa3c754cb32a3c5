"""Excel sheets as columns of text, and what a spreadsheet does to data told instead of read: merged cells, dates half converted, lost digits.

A cell that Excel knows as a date comes out as 2019-03-31, a whole number without a point; a formula is its last result.
Rows and columns that are hidden or filtered away are read like the others.
"""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from pipeline.errors import InputError

# Excel keeps fifteen digits; the rest of a longer number is noughts.
LOST_DIGITS = 10**15
TOP_ROWS = 100


def open_sheet(path: Path, where: str, sheet: str | None):
    """Return the sheet named `sheet` of a workbook, or its only one.

    Raises InputError when there are several and none is named, or none of that name.
    """
    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names
    except (CalamineError, OSError):
        raise InputError(f"{where}: cannot be opened as an Excel workbook. Save it again as .xlsx, without a password.") from None
    if sheet is None and len(names) != 1:
        raise InputError(f"{where}: has {len(names)} sheets. Say which one under sheet in extracts.yaml.")
    if sheet is not None and sheet not in names:
        raise InputError(f"{where}: none of its {len(names)} sheets is called {sheet!r}. Correct sheet in extracts.yaml.")
    return book.get_sheet_by_name(sheet or names[0])


def read_sheet_header(path: Path, where: str, sheet: str | None, header_row: int) -> tuple[list[str], bool]:
    """Return the column names in row `header_row` of a sheet, and whether rows follow."""
    opened = open_sheet(path, where, sheet)
    rows = opened.to_python(skip_empty_area=False, nrows=header_row + TOP_ROWS)
    return name_columns(rows, opened.merged_cell_ranges or [], header_row), any(any(cell != "" for cell in row) for row in rows[header_row:])


def name_columns(rows: list[list], merged: list, header_row: int) -> list[str]:
    """Return the column names; a name merged over rows that reach down to the header's stands in the topmost of them."""
    if len(rows) < header_row:
        return []
    names = [write_cell(cell) for cell in rows[header_row - 1]]
    for (top, left), (bottom, right) in merged:
        if left == right and top < header_row - 1 <= bottom and left < len(names):
            names[left] = write_cell(rows[top][left])
    return names


def read_sheet(source, wanted: list[str], dated: list[str]) -> tuple[pa.Table, set[str]]:
    """Return the columns `wanted` of the sheet that `source` names as text, and those of them that hold dates as Excel knows them.

    `dated` are the columns that should hold dates or times. Raises InputError that lists merged cells, columns in which
    Excel took some texts for dates and left others, and numbers that lost digits.
    """
    opened = open_sheet(source.path, source.where, source.sheet)
    rows = opened.to_python(skip_empty_area=False)[source.header_row :]
    places = {name: source.header.index(name) for name in wanted}
    problems = find_merged(opened.merged_cell_ranges or [], source, places)
    columns, native = {}, set()
    for name, place in places.items():
        cells = [row[place] for row in rows]
        kinds = set(map(type, cells))
        is_dated = bool(kinds & {date, datetime})
        if datetime in kinds:
            # A time at midnight comes out as a mere date.
            cells = [datetime.combine(cell, time()) if type(cell) is date else cell for cell in cells]
        texts = cells if kinds <= {str} else [write_cell(cell) for cell in cells]
        if name in dated and is_dated and any(isinstance(cell, str) and cell.strip() for cell in cells):
            problems.append(f"{source.where}, {name!r}: some rows are dates and others text. Excel has read day and month in its own order where both fitted. Export the column again, as text or as dates throughout.")
        if float in kinds and any(isinstance(cell, float) and abs(cell) >= LOST_DIGITS for cell in cells):
            problems.append(f"{source.where}, {name!r}: holds numbers of more than 15 digits, of which Excel has dropped the last. Export the column again as text.")
        columns[name] = pa.array(texts, pa.string())
        native |= {name} if is_dated else set()
    InputError.collect(problems)
    return pa.table(columns), native


def write_cell(cell) -> str:
    """Return a cell as text: dates and times as ISO writes them, whole numbers without a point."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        # Excel counts time in fractions of days, which miss whole seconds by a little.
        return (cell + timedelta(milliseconds=500)).replace(microsecond=0).isoformat(" ")
    if isinstance(cell, time):
        return cell.replace(microsecond=0).isoformat()
    return str(cell)


def find_merged(merged: list, source, places: dict[str, int]) -> list[str]:
    """Return what is wrong where cells are merged: only one of them holds the value, and which rows it is meant for is a guess."""
    problems = []
    for name, place in places.items():
        below = sum(left <= place <= right and bottom >= source.header_row for (_, left), (bottom, right) in merged)
        across = any(left <= place <= right and left < right and top <= source.header_row - 1 <= bottom for (top, left), (bottom, right) in merged)
        if below:
            problems.append(f"{source.where}, {name!r}: {below} group{'s' if below > 1 else ''} of merged cells among the rows. Unmerge them and fill every row.")
        elif across:
            problems.append(f"{source.where}, {name!r}: its name is merged over several columns. Unmerge it and give each column a name of its own.")
    return problems
