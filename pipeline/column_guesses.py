"""Guesses for the draft of a mapping: which of their columns is which of ours, in which order dates stand, what codes mean.

A guess is told as sure (name and content agree), likely or doubtful, and never used without somebody having read it.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.optimize import linear_sum_assignment

from pipeline.extract_mapping import DATE_ORDERS, expand_order
from pipeline.extract_values import MOST_CODES, NUMBER, is_code_list
from pipeline.source_columns import literal, quoted

SHAPES = {
    "phone": r"\+?[0-9][0-9 ()./-]{8,19}",
    "postcode": r"[A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2}",
    "clock": r"[0-2]?[0-9]:[0-5][0-9](:[0-5][0-9])?",
    "number": NUMBER,
}
# What is tried as a date: digits first, or a day and the name of its month.
DAY = r"[0-9]{1,4}[-/. ][0-9A-Za-z]{1,9}[-/. ][0-9]{1,4}.*"
# From this score on a guess is made; from these it is told as likely and as sure.
GUESSED, LIKELY, SURE = 0.35, 0.6, 0.9
# How much of a column must have the shape that its kind asks for.
MOSTLY, HALF = 0.9, 0.5
SHORT_WORDS = {"dob": "date of birth", "tel": "telephone", "num": "number", "nr": "number", "no": "number", "n": "number", "ref": "reference", "id": "number", "urn": "number", "yn": ""}


@dataclass(frozen=True)
class Column:
    """What is known of one of their columns: how full it is, which shapes it has, its values where they are few.

    `codes` are these values where the column is plainly a list of codes; only then may they stand in the draft.
    """

    name: str
    n_filled: int
    n_distinct: int
    shares: dict[str, float]
    orders: tuple[str, ...]
    timed_orders: tuple[str, ...]
    values: tuple[str, ...]
    codes: tuple[str, ...]


def profile_columns(table: pa.Table) -> list[Column]:
    """Return what is known of every column of `table` (text, blank as missing)."""
    with duckdb.connect() as con:
        con.register("theirs", table)
        return [profile_column(con, name) for name in table.column_names]


def profile_column(con: duckdb.DuckDBPyConnection, name: str) -> Column:
    """Return what is known of the column `name` of the table `theirs`; each distinct value is looked at once."""
    con.execute(f'CREATE OR REPLACE TEMP TABLE seen AS SELECT "{quoted(name)}" AS value, count(*) AS n FROM theirs WHERE "{quoted(name)}" IS NOT NULL GROUP BY ALL')
    orders = [(order, kind) for order in DATE_ORDERS for kind in ("date", "time")]
    is_day = f"regexp_full_match(value, {literal(DAY)})"
    tests = [f"regexp_full_match(value, {literal(shape)})" for shape in SHAPES.values()]
    tests += [f"{is_day} AND year(try_strptime(CASE WHEN {is_day} THEN value END, [{', '.join(map(literal, expand_order(order, kind)))}])) >= 1000" for order, kind in orders]
    sums = ", ".join(f"coalesce(sum(n) FILTER ({test}), 0)" for test in tests)
    n, distinct, *counts = con.sql(f"SELECT coalesce(sum(n), 0), count(*), {sums} FROM seen").fetchall()[0]
    shapes, fits = counts[: len(SHAPES)], dict(zip(orders, counts[len(SHAPES) :]))
    # An order fits when no other fits more rows: the few that are no date at all contradict none.
    most = max(fits.values())
    fitting = {kind: tuple(order for order in DATE_ORDERS if most >= MOSTLY * n > 0 and fits[order, kind] == most) for kind in ("date", "time")}
    values = dict(con.sql("SELECT value, n FROM seen ORDER BY value").fetchall()) if distinct <= MOST_CODES else {}
    shares = {shape: float(count / n) if n else 0.0 for shape, count in zip(SHAPES, shapes)}
    return Column(name, int(n), int(distinct), shares, fitting["date"], fitting["time"], tuple(values), tuple(values) if is_code_list(Counter(values)) else ())


def split_words(name: str) -> list[str]:
    """Return a column's name or a code as plain words and numbers: no accents or case, short forms written out."""
    plain = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z]{2})(?=[A-Z])", " ", name)).encode("ascii", "ignore").decode().lower()
    return [word for short in re.findall(r"[a-z]+|[0-9]+", plain) for word in SHORT_WORDS.get(short, short).split()]


def compare_names(theirs: str, spellings: list[str]) -> float:
    """Return how alike `theirs` is to one of our `spellings`: 1 for the same words, less for some of them; a number before it may be left out."""
    words = set(split_words(theirs))
    readings = [words, {word for word in words if not word.isdigit()}]
    alike = 0.0
    for spelling in spellings:
        known = set(split_words(spelling))
        for reading in readings:
            if reading and known:
                shared = len(reading & known) / len(reading | known)
                alike = max(alike, 1.0 if shared == 1 else 0.85 * shared)
    return alike


def fits_content(column: str, kind: str, theirs: Column) -> float:
    """Return how well what stands in `theirs` fits our `column` of that `kind`: 0 excludes it, 0.2 speaks against it, 0.5 says nothing."""
    if not theirs.n_filled:
        return 0.5
    if kind == "date":
        return 1.0 if theirs.orders else 0.0
    if kind == "time":
        return 1.0 if theirs.timed_orders else 0.0
    if kind == "number":
        return 0.7 if theirs.shares["number"] >= MOSTLY else 0.0
    if kind == "flag":
        return 0.8 if theirs.n_distinct <= 3 else 0.0
    if column in ("phone", "postcode"):
        return 1.0 if theirs.shares[column] >= HALF else 0.0
    if theirs.orders or theirs.shares["postcode"] >= HALF:
        return 0.0
    return 0.2 if column in ("forename", "surname", "address") and (theirs.codes or theirs.shares["number"] >= HALF) else 0.5


def score_columns(ours: dict[str, str], theirs: list[Column], words: dict[str, list[str]]) -> pd.DataFrame:
    """Return a score between 0 and 1 for each of `ours` (rows) and `theirs` (columns): by name, raised by content that only it has."""
    scores = np.zeros((len(ours), len(theirs)))
    for i, (column, kind) in enumerate(ours.items()):
        for j, candidate in enumerate(theirs):
            content = fits_content(column, kind, candidate)
            alike = compare_names(candidate.name, [column, *words.get(column, [])])
            # Only a phone or a postcode is known by its shape alone; dates are many.
            by_shape = 0.3 if content == 1.0 and column in ("phone", "postcode") else 0.0
            scores[i, j] = min(1.0, alike + by_shape) * (0.7 if content == 0.2 else 1.0) if content else 0.0
    return pd.DataFrame(scores, index=list(ours), columns=[candidate.name for candidate in theirs])


def match_columns(scores: pd.DataFrame) -> dict[str, tuple[str, float]]:
    """Return for each of our columns with a guess: their column and its score; one to one, the best sum of scores."""
    rows, columns = linear_sum_assignment(-scores.to_numpy())
    chosen = {scores.index[i]: (scores.columns[j], float(scores.iat[i, j])) for i, j in zip(rows, columns)}
    return {column: guess for column, guess in chosen.items() if guess[1] >= GUESSED}


def find_clock(matched: dict[str, tuple[str, float]], scores_as_date: pd.Series, theirs: list[Column]) -> list[str]:
    """Return the day and the time of day of a received_at that stands in two columns; empty where there are no such two."""
    taken = {name for name, _ in matched.values()}
    days = [column.name for column in theirs if column.orders and not column.timed_orders and column.name not in taken and scores_as_date.get(column.name, 0) >= GUESSED]
    clocks = [column.name for column in theirs if column.shares["clock"] >= MOSTLY and column.name not in taken]
    return [max(days, key=scores_as_date.get), clocks[0]] if days and len(clocks) == 1 else []


def guess_codes(codes: tuple[str, ...], spellings: dict[str, list[str]]) -> dict[str, str]:
    """Return ours for each of their `codes`, "?" where none is alike; `spellings` are the words for each of ours."""
    guesses = {}
    for code in codes:
        alike = {ours: compare_names(code, [ours, *words]) for ours, words in spellings.items()}
        best = max(alike, key=alike.get, default="?")
        guesses[code] = best if alike.get(best, 0) >= LIKELY and list(alike.values()).count(alike[best]) == 1 else "?"
    return guesses


def say_how_sure(score: float) -> str:
    """Return the word for a score."""
    return "sure" if score >= SURE else "likely" if score >= LIKELY else "doubtful"
