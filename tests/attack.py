"""What somebody does who wants the counts that were hidden: adds up, subtracts, inverts the rules. Used by test_attack alone.

The attacker knows every rule of the control and has every published table; what they have left of a count is the whole numbers
that are consistent with all of it. Margins are solved as integer programmes (scipy's HiGHS), formulas by trying every count.
"""

import math

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

THRESHOLD, ROUNDING = 10, 5
# A count of which the attacker has at most this many values left is taken as recovered.
RECOVERED = 2
# No count of a test is larger.
LARGEST = 10_000_000


class Puzzle:
    """Counts between bounds, and sums that must agree."""

    def __init__(self, rounding: int = ROUNDING, threshold: int = THRESHOLD):
        self.rounding, self.threshold = rounding, threshold
        self.low, self.high, self.sums, self.names = [], [], [], {}

    def count(self, name, published=None) -> int:
        """Add a count and return its number: `published` as it stands in a table, missing where hidden, None where it stands nowhere. A name is one count."""
        if name not in self.names:
            self.names[name] = len(self.low)
            self.low.append(0)
            self.high.append(LARGEST)
        at = self.names[name]
        if published is not None and not pd.isna(published):
            low = math.ceil(published - self.rounding / 2)
            self.low[at] = max(self.low[at], low, min(self.threshold, int(published)))
            self.high[at] = min(self.high[at], math.ceil(published + self.rounding / 2) - 1 if self.rounding > 1 else int(published))
        return at

    def total(self, parts: list[int], whole: int, rest: bool = False) -> None:
        """Say that `parts` add up to `whole`; with `rest`, that something may be missing from them."""
        more = [self.count(("rest", len(self.sums)))] if rest else []
        self.sums.append([*[(part, 1) for part in [*parts, *more]], (whole, -1)])

    def left(self, at: int) -> int:
        """Return how many values of the count number `at` are left."""
        least, most = (self.solve(at, sign) for sign in (1, -1))
        return most - least + 1

    def solve(self, at: int, sign: int) -> int:
        n = len(self.low)
        entries = [(row, column, value) for row, one in enumerate(self.sums) for column, value in one]
        rows, columns, values = zip(*entries)
        matrix = csr_array((values, (rows, columns)), shape=(len(self.sums), n))
        aim = np.zeros(n)
        aim[at] = sign
        found = milp(aim, constraints=LinearConstraint(matrix, 0, 0), integrality=np.ones(n), bounds=Bounds(self.low, self.high))
        assert found.success, "the published tables contradict each other"
        return round(found.x[at])


def recovered(puzzle: Puzzle, hidden: dict) -> dict:
    """Return the counts of `hidden` (name to number) of which the attacker has at most RECOVERED values left."""
    return {name: left for name, at in hidden.items() if (left := puzzle.left(at)) <= RECOVERED}


def read_margins(puzzle: Puzzle, table: pd.DataFrame, column: str, whole, rest: bool = False) -> dict:
    """Take in a table of one row per level of a characteristic whose levels add up to the count named `whole`; return the hidden ones."""
    hidden = {}
    for characteristic, rows in table.groupby("characteristic", sort=False):
        parts = [puzzle.count((column, characteristic, row.level), getattr(row, column)) for row in rows.itertuples()]
        hidden |= {(column, characteristic, row.level): part for row, part in zip(rows.itertuples(), parts) if pd.isna(getattr(row, column))}
        puzzle.total(parts, puzzle.count(whole), rest)
    return hidden


def read_comparison(puzzle: Puzzle, table: pd.DataFrame) -> dict:
    """Take in linkage_comparison: levels add up on both sides, and contacts tied to others and alone add up to those with a person."""
    hidden = {}
    for (compared, characteristic), rows in table.groupby(["compared", "characteristic"], sort=False):
        for side in ("n_linked", "n_unlinked"):
            cells = {row.level: puzzle.count((side, compared, characteristic, row.level), getattr(row, side)) for row in rows.itertuples()}
            hidden |= {(side, compared, characteristic, row.level): cells[row.level] for row in rows.itertuples() if pd.isna(getattr(row, side))}
            puzzle.total(list(cells.values()), puzzle.count((side, compared)))
    tied, person = "contacts tied to others and standing alone", "contacts with and without a person"
    for row in table[table["compared"].eq(tied)].itertuples():
        whole = puzzle.count(("n_linked", person, row.characteristic, row.level))
        puzzle.total([puzzle.count((side, tied, row.characteristic, row.level)) for side in ("n_linked", "n_unlinked")], whole)
    return hidden


def read_attrition(puzzle: Puzzle, attrition: pd.DataFrame) -> dict:
    """Take in a flow: what is left and what was lost add up to what was there; return the losses that are not shown."""
    hidden = {}
    for flow, rows in attrition.groupby("flow", sort=False):
        stages = list(rows.itertuples())
        left = [puzzle.count((flow, row.stage), row.n_people) for row in stages]
        for before, after, row in zip(left, left[1:], stages[1:]):
            lost = puzzle.count((flow, row.stage, "lost"))
            puzzle.total([after, lost], before)
            if pd.isna(row.n_lost):
                puzzle.high[lost] = min(puzzle.high[lost], THRESHOLD - 1 + ROUNDING)
                hidden[flow, row.stage, "lost"] = lost
    return hidden


def values_left(guesses: pd.DataFrame, published: pd.DataFrame, truth: int, what: str) -> set:
    """Return the values of the column `what` of `guesses` that would have been published exactly as the guess number `truth` was."""
    shown = pd.Series([repr(row) for row in published.itertuples(index=False, name=None)])
    return set(guesses.loc[shown.eq(shown.iloc[truth]).to_numpy(), what])
