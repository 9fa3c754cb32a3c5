"""Are the numbers in the report's tables those of the controlled tables? Needs pandas; builds on the other verify modules.

Which columns of which controlled tables a shown table was written from is not declared anywhere, on purpose: it is
found out again from the numbers (pipeline.verify_tracing), so that this check shares no code with what writes the
report. Looked at in turn: one controlled table; several, a part of the columns each, among them what can be worked out
again from them (pipeline.verify_again) and their groups summed up; and last, which is weak, each number by any table.
"""

from functools import cache

import numpy as np
import pandas as pd

from pipeline.verify_again import work_out_again
from pipeline.verify_forms import RULES, make_forms, make_summaries, values_of
from pipeline.verify_pages import Page, read_numbers
from pipeline.verify_tracing import SLACK, Shown, trace, trace_parts

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
        shown = read_rows(rows)
        n_numbers = sum(map(len, shown))
        if not n_numbers:
            continue
        checked += n_numbers
        source, wrong = trace(shown, order_forms(name, forms))
        if source is None and name in tables and len(rows) < FEW_ROWS:
            failures += [f"table {name}, row {place + 1} ({row[0][:60]}): the table as a whole does not agree with tables/{name}.csv" for place, row in enumerate(rows)]
            continue
        if source is None or wrong:
            other, still = trace(shown, order_forms(name, others()))
            source, wrong = (other, still) if other and (source is None or len(still) < len(wrong)) else (source, wrong)
        sources = [source] if source else []
        if source is None:
            every = order_forms(name, forms) + order_forms(name, others())
            sources, wrong = trace_parts(shown, every)
            in_parts += bool(sources)
        if not sources:
            singly.append(f"{name} ({n_numbers})")
            wrong = find_unknown(shown, [made for _, made in every])
        told = " with ".join(dict.fromkeys(sources)) or "any table"
        failures += [f"table {name}, row {place + 1} ({rows[place][0][:60]}): not a row of {told}" for place in wrong]
    how = f"{in_parts} tables from several at once; number by number, which is weak: {', '.join(singly) or 'none'}"
    return [(f"numbers in the report's tables ({how})", checked, failures)]


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
    alike = sorted(forms, key=lambda other: (other != name, not (other.startswith(name) or name.startswith(other)), other))
    return [(other, form) for other in alike for form in forms[other]]


def find_unknown(shown: Shown, forms: list[dict[str, np.ndarray]]) -> list[int]:
    """Return the rows shown that hold a number which no value of any table explains."""
    def is_known(number: float, decimals: int) -> bool:
        return any((np.abs(values - number) <= SLACK * 10.0**-decimals).any() for made in forms for values in made.values())

    return [place for place, row in enumerate(shown) if not all(is_known(number, decimals) for *_, number, decimals in row)]
