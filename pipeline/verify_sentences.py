"""Are the numbers in the report's sentences those of the controlled tables? Needs pandas; builds on the other verify modules.

Like the tables, sentences are not written again but explained: all numbers of a sentence by one row of one table, else by
one small table as a whole, else, which is weak, each by any table. Values of parameters and round hundreds are taken as said.
A sentence that states an interval must be explained by one row or one table.
"""

import math
import re

import numpy as np
import pandas as pd

from pipeline.verify_again import work_out_again
from pipeline.verify_forms import RULES, make_forms, values_of
from pipeline.verify_numbers import is_traced
from pipeline.verify_pages import Page, read_numbers
from pipeline.verify_tracing import SLACK

SENTENCE = re.compile(r"(?<=[.;:?!])\s+(?=[A-Z\u2018])")
# Of every 100 contacts, of 100 clients.
SAID = {100.0}
SMALL = 40
# A number with the word before it and the word after it, if there is one.
WITH_WORDS = re.compile(r"[^\W\d]+\W{1,3}(\d[\d.,]*\d|\d)(?=(\W{1,3}[^\W\d]+|\W*$))")
# Years of publications and of events.
YEARS = range(1900, 2100)


def verify_sentences(page: Page, tables: dict[str, pd.DataFrame], fixed: str = "") -> list[tuple[str, int, list[str]]]:
    """Return what was checked of the sentences: name, sentences checked, failures in words; `tables` are the controlled ones.

    `fixed` is text that says the same in every run, such as what a template cites; a number that stands there between
    the same words is no result.
    """
    said = SAID | {number for cell in tables.get("parameters", pd.DataFrame({"value": []}))["value"].fillna("").astype(str) for number, _, _ in read_numbers(cell)}
    tables = tables | work_out_again(tables)
    shares = [number for number in said if 0 < number < 1]
    # A probability is also said in percent, and as odds in bits.
    said |= {round(100 * share, 6) for share in shares} | {round(abs(math.log2(share / (1 - share))), 1) for share in shares}
    forms = [make_all(form) for table in tables.values() for form in make_forms(table)]
    wholes = [make_all(values_of(table).reshape(1, -1)) for table in tables.values() if 0 < len(table) <= SMALL]
    pool = [make_all(np.concatenate([values_of(table).ravel() for table in tables.values()]).reshape(1, -1))] if tables else []
    checked, by_row, by_table, wrong = 0, 0, 0, []
    for heading, text in page.blocks + find_wordy_cells(page):
        for sentence in SENTENCE.split(text):
            numbers = [(number, decimals) for number, decimals, words in read_numbers(drop_fixed(sentence, fixed)) if abs(number) not in said and not (number in YEARS and words.isdigit())]
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


def drop_fixed(sentence: str, fixed: str) -> str:
    """Return a sentence without the numbers that stand in `fixed` between the same words."""
    for match in reversed(list(WITH_WORDS.finditer(sentence)) if fixed else []):
        if match.group() + match.group(2) in fixed:
            sentence = sentence[: match.start(1)] + sentence[match.end(1) :]
    return sentence


def find_wordy_cells(page: Page) -> list[tuple[str, str]]:
    """Return the row headings and sentences in the report's tables, each with the name of its table: what is not looked for in a row."""
    return [(f"table {name}", cell) for name, rows in page.tables.items() for row in rows for column, cell in enumerate(row) if not is_traced(column, cell)]


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
