"""Does a text that is about to leave hold anybody's details? Whole details are looked for, never single names.

A text and the details to look for are cut into words alike (letters and digits, upper case), so that "12, North
Road" finds "12 NORTH ROAD"; runs of words of the text are then looked up in a set, which stays fast for a hundred
thousand people.
"""

import re
from itertools import chain

import numpy as np
import pandas as pd

WORD = re.compile(r"[^\W_]+")
EMBEDDED = re.compile(r"base64,[A-Za-z0-9+/=\s]+")
PICTURE = re.compile(r'"image/png": *(\[[^]]*\]|"[^"]*")')
LEAST_LENGTH = 6
Details = dict[str, dict[int, set[str]]]


def personal_details(tables: list[pd.DataFrame]) -> Details:
    """Return what no text may hold, by kind and number of words, from the personal tables of an evaluation.

    Kinds: name (forename and surname in either order), date of birth, phone, postcode, address, person or record key.
    Details of fewer than six letters and digits are left out: they would be found by chance.
    """
    kinds = {"phone": ["phone"], "postcode": ["postcode"], "address": ["address"], "key": ["client_id", "nominal_id", "contact_id", "referral_id", "mentor_id"]}
    found = {kind: collect_values(tables, names) for kind, names in kinds.items()}
    found["date of birth"] = chain.from_iterable(write_dates(table["date_of_birth"]) for table in tables if "date_of_birth" in table)
    found["name"] = chain.from_iterable(full_names(table) for table in tables if {"forename", "surname"} <= set(table.columns))
    return {kind: group_by_words(values) for kind, values in found.items()}


def collect_values(tables: list[pd.DataFrame], names: list[str]):
    """Return the distinct texts in the columns `names` of all `tables`."""
    return chain.from_iterable(table[name].dropna().astype(str).unique() for table in tables for name in names if name in table)


def write_dates(dates: pd.Series) -> set[str]:
    """Return distinct dates as people write them: 1980-02-01, 01/02/1980 and 1 February 1980."""
    distinct = pd.to_datetime(pd.Series(dates.dropna().unique()), errors="coerce").dropna()
    return set(distinct.dt.strftime("%Y-%m-%d")) | set(distinct.dt.strftime("%d/%m/%Y")) | {f"{day.day} {day:%B %Y}" for day in distinct}


def full_names(table: pd.DataFrame) -> set[str]:
    """Return distinct full names in both orders."""
    names = table[["forename", "surname"]].dropna().drop_duplicates().astype(str)
    return set(names["forename"] + " " + names["surname"]) | set(names["surname"] + " " + names["forename"])


def group_by_words(values) -> dict[int, set[str]]:
    """Return `values` cut into words and joined again, grouped by how many words they have."""
    groups: dict[int, set[str]] = {}
    for value in values:
        words = WORD.findall(value.upper())
        if sum(map(len, words)) >= LEAST_LENGTH:
            groups.setdefault(len(words), set()).add(" ".join(words))
    return groups


def find_leaks(text: str, details: Details, public: str = "") -> list[str]:
    """Return the kinds of personal detail that `text` holds, sorted; never the details themselves.

    `public` is text known to hold nobody's details (the templates): what occurs there is no leak. A name counts only
    where both words begin with a capital, so that "may fall" is not a Ms May Fall. Embedded pictures are passed over.
    """
    known = word_runs(public, names_only=False)
    plain = PICTURE.sub("", EMBEDDED.sub("", text))
    every, names = word_runs(plain, names_only=False), word_runs(plain, names_only=True)
    return sorted(
        kind
        for kind, groups in details.items()
        if any(values & ((names if kind == "name" else every)(length) - known(length)) for length, values in groups.items())
    )


def word_runs(text: str, names_only: bool):
    """Return a function that gives all runs of a number of words in `text`, as a set, each length worked out once."""
    words = WORD.findall(text)
    is_name = np.array([word[0].isupper() for word in words], dtype=bool)
    upper = [word.upper() for word in words]
    worked_out: dict[int, set[str]] = {}

    def runs(length: int) -> set[str]:
        if length not in worked_out:
            shifted = [upper[start : len(upper) - length + 1 + start] for start in range(length)]
            joined = map(" ".join, zip(*shifted))
            keep = np.logical_and.reduce([is_name[start : len(upper) - length + 1 + start] for start in range(length)]) if len(upper) >= length else []
            worked_out[length] = {run for run, is_kept in zip(joined, keep) if is_kept or not names_only}
        return worked_out[length]

    return runs
