"""Are the numbers in the report's tables those of the controlled tables? Needs pandas; builds on pipeline.verify_pages.

Which columns of which controlled table a shown table was written from is not declared anywhere, on purpose: it is
found out again from the numbers, so that this check shares no code with what writes the report. A row shown must be
explained by one row of one controlled table, and each column by the same column and the same rule (as it is, as a
percentage, as a ratio of a log ratio ...) in all its rows.
"""

from collections import Counter
from itertools import combinations

import numpy as np
import pandas as pd

from pipeline.verify_pages import NUMBER, Page, read_numbers

# What a report may make of a value; the signs of a change go into words such as "fewer".
RULES = {
    "as it is": lambda value: value,
    "sign dropped": np.abs,
    "sign turned": np.negative,
    "in percent": lambda value: 100 * value,
    "ratio of a log ratio": lambda value: np.exp(np.clip(value, -30, 50)),
    "change of a log ratio": lambda value: 100 * np.expm1(np.clip(value, -30, 50)),
    "size of a change": lambda value: np.abs(100 * np.expm1(np.clip(value, -30, 50))),
    "contacts of 100": lambda value: 100 * np.exp(np.clip(value, -30, 50)),
}
# Half a unit of the last digit shown, and what binary numbers add to it.
SLACK = 0.5 + 1e-6
# A shown table is taken to be written from a controlled one when this share of its rows is explained.
LEAST_SHARE = 0.7
LARGEST_WIDE = 400
# So many rows of a controlled table are set beside each other at most.
MOST_BESIDE = 120
# Of the rows of a controlled table that explain a shown row equally well, so many are looked at.
MOST_LIKELY = 8
# A table of fewer rows has too few for columns to be found out; it must agree with the controlled table of its name.
FEW_ROWS = 4
# A longer cell is a sentence.
LONGEST_CELL = 60


def verify_numbers(page: Page, tables: dict[str, pd.DataFrame]) -> list[tuple[str, int, list[str]]]:
    """Return what was checked of the report's tables: name, numbers checked, failures in words; `tables` are the controlled ones."""
    forms = {name: [{rule: make(values) for rule, make in RULES.items()} for values in make_forms(table)] for name, table in tables.items()}
    checked, failures, untraced = 0, [], []
    for name, rows in page.tables.items():
        n_numbers = sum(len(read_numbers(cell)) for row in rows for column, cell in enumerate(row) if is_traced(column, cell))
        if not n_numbers:
            continue
        source, wrong = trace(rows, order_forms(name, forms))
        if source is None and name in tables and len(rows) < FEW_ROWS:
            checked += n_numbers
            failures += [f"table {name}, row {place + 1} ({row[0][:60]}): the table as a whole does not agree with tables/{name}.csv" for place, row in enumerate(rows)]
            continue
        if source is None:
            untraced.append(f"{name} ({n_numbers} numbers)")
            continue
        checked += n_numbers
        failures += [f"table {name}, row {place + 1} ({rows[place][0][:60]}): not a row of tables/{source}.csv" for place in wrong]
    return [("numbers in the report's tables", checked, failures), ("tables of the report made from several tables, not traced: " + (", ".join(untraced) or "none"), 0, [])]


def order_forms(name: str, forms: dict[str, list]) -> list:
    """Return all forms of the controlled tables as pairs of name and what the rules make of it; those of the same name first."""
    alike = sorted(forms, key=lambda other: (other != name, not (other.startswith(name) or name.startswith(other)), other))
    return [(other, form) for other in alike for form in forms[other]]


def make_forms(table: pd.DataFrame) -> list[np.ndarray]:
    """Return the values of a table row by row, and once more with its rows side by side for each column that names them.

    A report may set the rows of one table beside each other: before and after, one arm and the other. Numbers within words
    count as values too.
    """
    if table.empty:
        return []
    numbers, words = values_of(table), [column for column in table if table[column].dtype == object or pd.api.types.is_string_dtype(table[column])]
    forms = [numbers]
    keys = [[column] for column in words] + ([list(pair) for pair in combinations(words, 2)] if len(words) <= 4 else [])
    for key in keys if len(table) <= LARGEST_WIDE else []:
        row, place = table.groupby(key, sort=False, dropna=False).ngroup().to_numpy(), find_places(table, key, words)
        if 1 < row.max() + 1 < len(table) and place.max() < MOST_BESIDE:
            wide = np.full((row.max() + 1, place.max() + 1, numbers.shape[1]), np.nan)
            wide[row, place] = numbers
            forms.append(wide.reshape(len(wide), -1))
    return forms


def find_places(table: pd.DataFrame, key: list[str], words: list[str]) -> np.ndarray:
    """Return for each row of a table its place among those that share its `key`, the same for the same other words."""
    others: list[str] = []
    for word in words:
        if word not in key and table.duplicated([*key, *others]).any():
            others.append(word)
    if others and not table.duplicated([*key, *others]).any():
        return table.groupby(others, sort=False, dropna=False).ngroup().to_numpy()
    return table.groupby(key, sort=False, dropna=False).cumcount().to_numpy()


def values_of(table: pd.DataFrame) -> np.ndarray:
    """Return the numbers of a table, a column each; words with numbers in them give a column for each place."""
    columns = []
    for column in table:
        values = pd.to_numeric(table[column], errors="coerce")
        if table[column].dtype != bool and values.notna().any():
            columns.append(values.astype(float).to_numpy())
        found = [[number for number, _, _ in read_numbers(str(cell))] if NUMBER.search(str(cell)) else [] for cell in table[column]] if values.isna().any() else []
        for place in range(min(max(map(len, found), default=0), 12)):
            columns.append(np.array([one[place] if place < len(one) else np.nan for one in found], dtype=float))
    return np.column_stack(columns) if columns else np.full((len(table), 1), np.nan)


def trace(rows: list[list[str]], forms: list) -> tuple[str | None, list[int]]:
    """Return from which controlled table the shown `rows` were written, and which rows it does not explain; None where it is unknown."""
    shown = [[(column, place, *number[:2]) for column, cell in enumerate(row) if is_traced(column, cell) for place, number in enumerate(read_numbers(cell))] for row in rows]
    best, left = None, len([row for row in shown if row])
    for name, values in forms:
        if not may_explain(shown, values):
            continue
        wrong = find_unexplained(shown, values)
        if len(wrong) < left and (best is None or len(wrong) < len(best[1])):
            best = (name, wrong)
        if not wrong:
            break
    if best is None or len(best[1]) > (1 - LEAST_SHARE) * left:
        return None, []
    return best


def may_explain(shown: list, made: dict[str, np.ndarray]) -> bool:
    """Return whether one of the first shown rows has all its numbers in one row of a table: a quick look before the long one."""
    for row in [row for row in shown if row][:3]:
        left = np.arange(len(made["as it is"]))
        for _, _, number, decimals in row:
            left = left[np.any([(np.abs(values[left] - number) <= SLACK * 10.0**-decimals).any(axis=1) for values in made.values()], axis=0)] if len(left) else left
        if len(left):
            return True
    return False


def is_traced(column: int, cell: str) -> bool:
    """Return whether the numbers of a cell are looked for in a row: those of row headings and of sentences are read with the prose."""
    return len(cell) <= LONGEST_CELL and (column > 0 or not any(letter.isalpha() for letter in cell))


def find_unexplained(shown: list, made: dict[str, np.ndarray]) -> list[int]:
    """Return the places of the shown rows that no row of a table explains, each column by few columns and rules; `made` is the table by rule."""
    values = made["as it is"]
    fits = [[{rule: np.abs(made[rule] - number) <= SLACK * 10.0**-decimals for rule in RULES} for _, _, number, decimals in row] for row in shown]
    votes: dict[tuple, list[set]] = {}
    for row, fit in zip(shown, fits):
        score = sum((np.any([one[rule].any(axis=1) for rule in RULES], axis=0).astype(int) for one in fit), np.zeros(len(values), dtype=int))
        likely = np.flatnonzero(score == score.max())[:MOST_LIKELY] if row and score.max() else []
        for (column, place, *_), one in zip(row, fit):
            votes.setdefault((column, place), []).append({(rule, at) for rule in RULES for at in np.flatnonzero(one[rule][likely].any(axis=0)).tolist()})
    chosen = {where: choose(options) for where, options in votes.items()}
    return [place for place, (row, fit) in enumerate(zip(shown, fits)) if row and not is_explained(row, fit, chosen, len(values))]


def choose(options: list[set]) -> set:
    """Return the columns and rules that explain a column of numbers; `options` are those that would do, number by number.

    First those that explain most numbers, then those that explain at least two of what is left, then the same columns by
    a like rule: a report may write a count in one row and a percentage in another.
    """
    chosen, left = set(), [option for option in options if option]
    while left:
        counted = Counter(choice for option in left for choice in option)
        most = max(counted.values())
        known = {(is_log(rule), at) for rule, at in chosen}
        is_shared = most > 1 or len(options) == 1
        new = {choice for choice, n in counted.items() if n == most} if is_shared else {choice for choice in counted if (is_log(choice[0]), choice[1]) in known}
        if not new:
            break
        chosen |= new
        left = [option for option in left if not option & chosen]
    return chosen


def is_log(rule: str) -> bool:
    """Return whether a rule takes a value for a log ratio."""
    return rule in ("ratio of a log ratio", "change of a log ratio", "size of a change", "contacts of 100")


def is_explained(row: list, fit: list, chosen: dict, n_rows: int) -> bool:
    """Return whether one row of the values explains every number of a shown row by the chosen columns and rules."""
    every = np.ones(n_rows, dtype=bool)
    for (column, place, *_), one in zip(row, fit):
        choices = chosen.get((column, place))
        if not choices:
            return False
        every &= np.any([one[rule][:, at] for rule, at in choices], axis=0)
    return bool(every.any())
