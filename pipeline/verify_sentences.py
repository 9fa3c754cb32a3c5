"""Are the numbers in the report's sentences those of the controlled tables? Needs pandas; builds on pipeline.verify_numbers and pipeline.verify_audit.

Like the tables, sentences are not written again but explained: all numbers of a sentence by one row of one table, else by
one small table as a whole, else, which is weak, each by any table. Values of parameters and round hundreds are taken as said.
A sentence that states an interval must be explained by one row or one table.
"""

import re

import numpy as np
import pandas as pd

from pipeline.verify_audit import find_worlds
from pipeline.verify_numbers import RULES, SLACK, make_forms, values_of
from pipeline.verify_pages import Page, read_numbers

SENTENCE = re.compile(r"(?<=[.;:?!])\s+(?=[A-Z\u2018])")
# Of every 100 contacts, of 100 clients.
SAID = {100.0}
SMALL = 40
# Years of publications and of events.
YEARS = range(1900, 2100)


def verify_sentences(page: Page, tables: dict[str, pd.DataFrame]) -> list[tuple[str, int, list[str]]]:
    """Return what was checked of the sentences: name, sentences checked, failures in words; `tables` are the controlled ones."""
    said = SAID | {number for cell in tables.get("parameters", pd.DataFrame({"value": []}))["value"].fillna("").astype(str) for number, _, _ in read_numbers(cell)}
    tables = tables | derive_tables(tables)
    said |= {round(100 * number, 6) for number in said if 0 < number < 1}
    forms = [make_all(form) for table in tables.values() for form in make_forms(table)]
    wholes = [make_all(values_of(table).reshape(1, -1)) for table in tables.values() if 0 < len(table) <= SMALL]
    pool = [make_all(np.concatenate([values_of(table).ravel() for table in tables.values()]).reshape(1, -1))] if tables else []
    checked, by_row, by_table, wrong = 0, 0, 0, []
    for heading, text in page.blocks:
        for sentence in SENTENCE.split(text):
            numbers = [(number, decimals) for number, decimals, words in read_numbers(sentence) if abs(number) not in said and not (number in YEARS and words.isdigit())]
            if not numbers:
                continue
            checked += 1
            if any(explain(numbers, form) for form in forms):
                by_row += 1
            elif any(explain(numbers, form) for form in wholes):
                by_table += 1
            elif "interval" in sentence.lower() and len(numbers) > 2 or not all(explain([number], form) for number in numbers for form in pool):
                wrong.append(f"under \u201c{heading}\u201d: \u201c{sentence[:110]}\u201d holds a number that no table explains")
    name = f"numbers in sentences and descriptions of figures ({by_row} sentences by one row, {by_table} by one table, {checked - by_row - by_table - len(wrong)} number by number, which is weak)"
    return [(name, checked, wrong)]


def derive_tables(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return what sentences tell of a table as a whole: of clients without the scheme, of all specifications, of all worlds of the audit."""
    derived = {}
    if "claims" in tables:
        claims = tables["claims"]
        derived["claims without the scheme"] = claims.assign(without=claims["reproduced"] - claims["controlled"])
    if "sensitivity" in tables and len(tables["sensitivity"]):
        sides = tables["sensitivity"].groupby("is_valid")
        derived["sides"] = pd.DataFrame([describe_side(rows) for _, rows in sides])
    if "audit" in tables and len(tables["audit"]):
        held = tables["audit"][tables["audit"]["world"].isin(find_worlds(tables))]
        derived["ranges"] = pd.DataFrame([describe_worlds(rows) for _, rows in held.groupby(["estimator", "estimand"])])
    return derived


def describe_side(rows: pd.DataFrame) -> dict[str, float]:
    """Return how the specifications in `rows` lie about no effect, and their range."""
    n, estimate = len(rows), rows["estimate"].astype(float)
    counts = {"below": (estimate < 0).sum(), "below_clearly": (rows["ci_high"] < 0).sum(), "above": (estimate >= 0).sum(), "above_clearly": (rows["ci_low"] > 0).sum(), "none": estimate.isna().sum()}
    finite = estimate[np.isfinite(estimate)]
    ranges = {f"at_{share}": finite.quantile(share) for share in (0, 0.25, 0.75, 1)} | {"primary": estimate[rows["is_primary"].astype(bool)].min()}
    return {"n": n, **counts, **{f"percent_{name}": 100 * count / n for name, count in counts.items()}, **ranges}


def describe_worlds(rows: pd.DataFrame) -> dict[str, float]:
    """Return the range of each figure of the audit over the worlds in `rows`, those without effect apart."""
    without = rows[rows["truth"].abs() < 1e-9]
    figures = {"n": len(rows), "replicates": rows["n_replicates"].min()}
    for part, some in (("", rows), ("_without", without), ("_with", rows.drop(without.index))):
        for column in ("bias", "bias_se", "coverage", "coverage_se", "rejected", "truth"):
            figures |= {f"{column}{part}_{end}": getattr(some[column], end)() for end in ("min", "max")}
    return figures


def make_all(values: np.ndarray) -> np.ndarray:
    """Return what every rule makes of `values`: rows as they are, the columns of one rule beside those of the next."""
    return np.concatenate([make(values) for make in RULES.values()], axis=1)


def explain(numbers: list[tuple[float, int]], made: np.ndarray) -> bool:
    """Return whether one row of `made` (make_all) holds all `numbers` (value, decimals) to the digits shown."""
    left = np.arange(len(made))
    for number, decimals in numbers:
        left = left[(np.abs(made[left] - number) <= SLACK * 10.0**-decimals).any(axis=1)]
        if not len(left):
            return False
    return True
