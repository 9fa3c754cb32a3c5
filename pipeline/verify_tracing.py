"""From which controlled tables were the rows of a shown table written? Needs numpy only; builds on pipeline.verify_forms.

Each column must be explained by few columns of a table and few rules (as it is, as a percentage, as a ratio of a log
ratio ...) in all its rows, and all numbers of a shown row by one row of the table. Where no table explains all columns,
several do, a part of the columns each.
"""

from collections import Counter

import numpy as np

from pipeline.verify_forms import RULES

# Half a unit of the last digit shown, and what binary numbers add to it.
SLACK = 0.5 + 1e-6
# A shown table is taken to be written from a controlled one when this share of its rows is explained.
LEAST_SHARE = 0.7
# Of the rows of a controlled table that explain a shown row equally well, so many are looked at.
MOST_LIKELY = 8
# A shown table is put together from so many controlled ones at most.
MOST_PARTS = 4
# A number shown: its column, its place in the cell, its value and decimals; a row shown: its numbers.
Shown = list[list[tuple[int, int, float, int]]]


def trace(shown: Shown, forms: list) -> tuple[str | None, list[int]]:
    """Return from which controlled table the rows `shown` were written, and which rows it does not explain; None where it is unknown."""
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


def may_explain(shown: Shown, made: dict[str, np.ndarray]) -> bool:
    """Return whether one of the first shown rows has all its numbers in one row of a table: a quick look before the long one."""
    for row in [row for row in shown if row][:3]:
        left = np.arange(len(made["as it is"]))
        for _, _, number, decimals in row:
            left = left[np.any([(np.abs(values[left] - number) <= SLACK * 10.0**-decimals).any(axis=1) for values in made.values()], axis=0)] if len(left) else left
        if len(left):
            return True
    return False


def trace_parts(shown: Shown, forms: list) -> tuple[list[str], list[int]]:
    """Return from which controlled tables the rows `shown` were put together, a part of the columns each, and which rows they do not explain.

    The table that explains most comes first; the next are held to the row's heading too where they have it. A single
    number of a row would be found by chance: no part is that small. Where columns remain that no table explains, the
    first table is the source if it explains most numbers, and the rows are wrong; else no table comes back.
    """
    left, sources, wrong = sorted({column for row in shown for column, *_ in row}), [], set()
    explained = 0
    while left and len(sources) < MOST_PARTS:
        best, most = None, 0.0
        for name, made in forms:
            columns, unexplained = explain_columns(shown, {0, *left}, made)
            part = keep_columns(shown, columns)
            size = sum(column in left for row in part for column, *_ in row) - sum(len(part[place]) for place in unexplained) + 0.5 * (0 in columns)
            if size > most and columns & set(left) and max(map(len, part)) > 1:
                best, most = (name, columns, unexplained), size
            if best and not unexplained and columns >= set(left):
                break
        if best is None:
            break
        explained += int(most) if not sources else 0
        sources.append(best[0])
        left = [column for column in left if column not in best[1]]
        wrong |= set(best[2])
    if not left:
        return sources, sorted(wrong)
    if explained < LEAST_SHARE * sum(map(len, shown)):
        return [], []
    return sources[:1], [place for place, row in enumerate(shown) if place in wrong or keep_columns([row], set(left))[0]]


def explain_columns(shown: Shown, columns: set[int], made: dict[str, np.ndarray]) -> tuple[set[int], list[int]]:
    """Return which of `columns` one row of a table explains together, in most rows shown, and the rows in which it does not."""
    kept = {column for column in columns if may_explain([row for row in keep_columns(shown, {column}) if row][:1], made)}
    kept = {column for column in kept if is_mostly_explained(*find_part(shown, {column}, made))}
    unexplained, n_rows = find_part(shown, kept, made)
    while kept and not is_mostly_explained(unexplained, n_rows):
        less = [(len(find_part(shown, kept - {column}, made)[0]), column == 0, column) for column in kept]
        kept = kept - {min(less)[2]}
        unexplained, n_rows = find_part(shown, kept, made)
    return kept, unexplained


def find_part(shown: Shown, columns: set[int], made: dict[str, np.ndarray]) -> tuple[list[int], int]:
    """Return which rows a table does not explain in some `columns`, and how many have numbers there."""
    part = keep_columns(shown, columns)
    return find_unexplained(part, made), sum(bool(row) for row in part)


def is_mostly_explained(unexplained: list[int], n_rows: int) -> bool:
    """Return whether so few rows are unexplained that a table is taken for the source of the others."""
    return n_rows > 0 and len(unexplained) <= (1 - LEAST_SHARE) * n_rows


def keep_columns(shown: Shown, columns: set[int]) -> Shown:
    """Return the numbers of some columns."""
    return [[number for number in row if number[0] in columns] for row in shown]


def find_unexplained(shown: Shown, made: dict[str, np.ndarray]) -> list[int]:
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
