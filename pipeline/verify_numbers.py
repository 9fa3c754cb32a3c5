"""Are the numbers in the report's tables those of the controlled tables? Needs pandas; builds on the other verify modules.

Which columns of which controlled tables a shown table was written from is not declared anywhere, on purpose: it is
found out again from the numbers (pipeline.verify_tracing), so that this check shares no code with what writes the
report. Looked at in turn: one controlled table; several, a part of the columns each, among them what can be worked out
again from them (pipeline.verify_again) and their groups summed up; and last, which is weak, each number by any table.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

from pipeline.verify_again import work_out_again
from pipeline.verify_forms import RULES, is_word, make_forms, make_summaries, values_of
from pipeline.verify_pages import Page, read_numbers
from pipeline.verify_tracing import LEAST_SHARE, SLACK, Shown, trace, trace_parts

# A table of fewer rows has too few for columns to be found out; it must agree with the controlled table of its name.
FEW_ROWS = 4
# A longer cell is a sentence.
LONGEST_CELL = 60


def verify_numbers(page: Page, tables: dict[str, pd.DataFrame]) -> list[tuple[str, int, list[str]]]:
    """Return what was checked of the report's tables: name, numbers checked, failures in words; `tables` are the controlled ones."""
    forms = {name: [apply_rules(values) for values in make_forms(table)] for name, table in tables.items()}

    @cache
    def others() -> dict[str, list]:
        summed = {name: [apply_rules(values_of(summary)) for summary in make_summaries(table)] for name, table in tables.items()}
        worked_out = {name: [apply_rules(values) for values in make_forms(table)] for name, table in work_out_again(tables).items()}
        return worked_out | {name: found for name, found in summed.items() if found}

    checked, failures, in_parts, singly = 0, [], 0, []
    for name, rows in page.tables.items():
        n_numbers = sum(map(len, read_rows(rows)))
        if not n_numbers:
            continue
        sources, wrong = explain_table(name, rows, tables, forms, others)
        checked, in_parts = checked + n_numbers, in_parts + (len(sources) > 1)
        singly += [] if sources else [f"{name} ({n_numbers})"]
        told = " with ".join(dict.fromkeys(sources)) or "any table"
        failures += [f"table {name}, row {place + 1} ({rows[place][0][:60]}): not a row of {told}" for place in wrong]
    how = f"{in_parts} tables from several at once; number by number, which is weak: {', '.join(singly) or 'none'}"
    return [(f"numbers in the report's tables ({how})", checked, failures)]


def explain_table(name: str, rows: list[list[str]], tables: dict[str, pd.DataFrame], forms: dict[str, list], others: Callable[[], dict[str, list]]) -> tuple[list[str], list[int]]:
    """Return from which tables a shown table was written, none where only each number for itself is found, and the places of its wrong rows.

    `forms` are those of the controlled `tables`, `others` makes those of what is worked out or summed up from them. A
    table of the same name is the source as soon as it explains most rows, and always, alone or with others, of a table of few rows; others
    vie with each other.
    """
    shown, own = read_rows(rows), name.replace("-", "_")
    every = order_forms(own, forms) + order_forms(own, others())
    source, wrong = trace(shown, [(other, made) for other, made in every if is_alike(own, other)])
    if source is None and own in tables and sum(map(bool, shown)) < FEW_ROWS:
        sources, wrong = trace_parts(shown, every)
        return (sources, wrong) if own in sources and not wrong else ([own], [place for place, row in enumerate(shown) if row])
    for some in (forms, others()) if source is None else ():
        if source is None or wrong:
            other, still = trace(shown, order_forms(own, some))
            source, wrong = (other, still) if other and (source is None or len(still) < len(wrong)) else (source, wrong)
    if source is not None:
        return [source], sorted({*wrong, *(find_misplaced(rows, shown, tables[source]) if source in tables else ())})
    sources, wrong = trace_parts(shown, every)
    if len(sources) == 1 and sum(map(bool, shown)) < FEW_ROWS and not is_alike(own, sources[0]):
        # Too few rows to tell a wrong number from one that another table holds alone.
        sources = []
    return sources, wrong if sources else find_unknown(shown, [made for _, made in every])


def read_rows(rows: list[list[str]]) -> Shown:
    """Return the numbers of a shown table that are looked for in rows, by column and place in the cell."""
    return [[(column, place, *number[:2]) for column, cell in enumerate(row) if is_traced(column, cell) for place, number in enumerate(read_numbers(cell))] for row in rows]


def is_traced(column: int, cell: str) -> bool:
    """Return whether the numbers of a cell are looked for in a row: those of row headings and of sentences are read with the prose."""
    return len(cell) <= LONGEST_CELL and not cell.endswith(".") and (column > 0 or not any(letter.isalpha() for letter in cell))


def apply_rules(values: np.ndarray) -> dict[str, np.ndarray]:
    """Return what every rule makes of the values of a table."""
    with np.errstate(invalid="ignore", over="ignore"):
        return {rule: make(values) for rule, make in RULES.items()}


def order_forms(name: str, forms: dict[str, list]) -> list:
    """Return all forms of the controlled tables as pairs of name and what the rules make of it; those of the same name first."""
    alike = sorted(forms, key=lambda other: (other != name, not is_alike(name, other), other))
    return [(other, form) for other in alike for form in forms[other]]


def is_alike(name: str, other: str) -> bool:
    """Return whether one name begins with the other."""
    return other.startswith(name) or name.startswith(other)


def find_misplaced(rows: list[list[str]], shown: Shown, table: pd.DataFrame) -> list[int]:
    """Return the rows whose heading stands word by word in a column of their source, and whose numbers do not stand beside it there."""
    headings, misplaced = [plain(row[0]) if row else "" for row in rows], []
    for column in [column for column in table if is_word(table[column])]:
        names = set(table[column].map(plain))
        if sum(heading in names for heading in headings) < max(LEAST_SHARE * len(rows), FEW_ROWS):
            continue
        beside = [one for one in (table, *make_summaries(table)) if column in one]
        for place in [place for place, heading in enumerate(headings) if heading in names]:
            forms = [apply_rules(values_of(one[one[column].map(plain) == headings[place]])) for one in beside]
            misplaced += [place] if find_unknown([shown[place]], forms) else []
    return misplaced


def plain(words) -> str:
    """Return words as they are compared: small letters, spaces between them."""
    return str(words).replace("_", " ").casefold()


def find_unknown(shown: Shown, forms: list[dict[str, np.ndarray]]) -> list[int]:
    """Return the rows shown that hold a number which no value of any table explains."""
    def is_known(number: float, decimals: int) -> bool:
        return any((np.abs(values - number) <= SLACK * 10.0**-decimals).any() for made in forms for values in made.values())

    return [place for place, row in enumerate(shown) if not all(is_known(number, decimals) for *_, number, decimals in row)]
