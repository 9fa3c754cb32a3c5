"""Does a text that is about to leave hold anybody's details? Whole details, and single names that are no word of the project.

A text and the details are made alike first: accents and apostrophes dropped, capitals, words cut at anything that is
no letter or digit, street words shortened (pipeline.cleaning, on which this builds). Dates, phones and postcodes are
found by their shape, however they are written, and looked up; names, addresses and keys are looked up as runs of
words, and only where their first two words begin a detail, which stays fast for a hundred thousand people. A forename
or surname alone counts where it begins with a capital and the project itself never writes it (pipeline.leak_words).
"""

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from itertools import product

import pandas as pd

from pipeline.cleaning import STREET_WORDS

KEYS = ["client_id", "nominal_id", "contact_id", "incident_id", "referral_id", "mentor_id", "person_id"]
WORD = re.compile(r"[^\W_]+")
APOSTROPHES = re.compile("['\u2019\u2018`\u00b4\u02bc]")
# Details of fewer letters and digits would be found by chance.
LEAST_LENGTH = 6
# Shorter keys of digits alone are also counts: they must stand behind a word such as "client", or in a column of keys.
LEAST_DIGITS = 9
# Shorter single names stand anywhere by chance.
LEAST_LETTERS = 3
SINGLE = "single name"
# Coded columns: what many records share there is published as a group's name. A value of fewer records never is.
CODES = ["channel", "service", "opening_code", "closing_code", "grade", "role", "referral_source", "primary_need", "closure_reason", "area"]
LEAST_RECORDS = 10
NUMBERED = re.compile(r"(?:ID|IDS|CLIENT|CONTACT|INCIDENT|NOMINAL|REFERRAL|MENTOR|PERSON|REF|REFERENCE|NO|NUMBER|KEY)[\s\"':=#.()_-]{1,6}(\d+)\b")
MONTHS = {name: number for number, names in enumerate(
    ["JAN JANUARY", "FEB FEBRUARY", "MAR MARCH", "APR APRIL", "MAY", "JUN JUNE", "JUL JULY", "AUG AUGUST", "SEP SEPT SEPTEMBER", "OCT OCTOBER", "NOV NOVEMBER", "DEC DECEMBER"], 1
) for name in names.split()}  # fmt: skip
NAMED_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
YEAR_FIRST = re.compile(r"(?<![\w.])(\d{4})([-/. ])(\d{1,2})\2(\d{1,2})(?!\d)")
# Eight digits, with a time behind them at most: the first digits of a hash are no day.
EIGHT_DIGITS = re.compile(r"(?<![\w.])(\d{4})(\d\d)(\d\d)(?=T\d|[^A-Z0-9]|$)")
YEAR_LAST = re.compile(r"(?<![\w.])(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
DAY_MONTH = re.compile(rf"(?<!\w)(\d{{1,2}})(?:ST|ND|RD|TH)?[-\s]{{1,2}}(?:OF )?({NAMED_MONTH})\.?,?[-\s]{{1,2}}(\d{{4}})(?!\d)")
MONTH_DAY = re.compile(rf"(?<!\w)({NAMED_MONTH})\.?\s(\d{{1,2}})(?:ST|ND|RD|TH)?,?\s(\d{{4}})(?!\d)")
PHONE = re.compile(r"(?<![\w.])(?:\+|00)?[(]?\d[\d ().\u00a0/-]{7,22}\d(?!\w)")
POSTCODE = re.compile(r"(?<![A-Z0-9])([A-Z]{1,2}\d[A-Z0-9]?)[\s_-]{0,3}(\d[A-Z]{2})(?![A-Z0-9])")


@dataclass
class Details:
    """What no text may hold: dates, phones and postcodes by value; other details as words, by the kinds they are of.

    `names` are single forenames and surnames, told from the project's own `words`; `keys` are all keys as they stand.
    """

    dates: set[date] = field(default_factory=set)
    phones: set[str] = field(default_factory=set)
    postcodes: set[str] = field(default_factory=set)
    runs: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    lengths: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    names: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)


def personal_details(tables: list[pd.DataFrame], words: set[str] | None = None) -> Details:
    """Return what no text may hold, from the personal tables of an evaluation.

    Kinds: name (forename and surname in either order), single name, date of birth, phone, postcode, address, key (of a client,
    contact, incident, referral, mentor or person). Names, addresses and keys of fewer than six letters and digits are left
    out, single names of fewer than three letters too. `words` are the project's own (project_words); without them single
    names are not looked for. The codes that many records share are words as well.
    """
    details = Details(words=set(words or ()))
    for table in tables:
        if "date_of_birth" in table:
            days = pd.to_datetime(pd.Series(table["date_of_birth"].dropna().unique()), errors="coerce", format="ISO8601").dropna()
            details.dates |= set(days.dt.date)
        details.phones |= {national(value) for value in distinct(table, "phone")}
        details.postcodes |= {"".join(WORD.findall(value.upper())) for value in distinct(table, "postcode")}
        add_runs(details, "address", distinct(table, "address"))
        for key in KEYS:
            keys = distinct(table, key)
            add_runs(details, "key", keys)
            details.keys |= set(keys)
        add_names(details, table, words is not None)
        details.words |= {part for value in shared_codes(table) for word in WORD.findall(fold(value)) for part in (word, word.lower())}
    details.phones.discard("")
    return details


def add_names(details: Details, table: pd.DataFrame, are_alone: bool) -> None:
    """Add the forenames and surnames of `table` to `details`: together, and each word of them where `are_alone`."""
    if {"forename", "surname"} <= set(table.columns):
        pairs = table[["forename", "surname"]].dropna().drop_duplicates().astype(str)
        add_runs(details, "name", [*(pairs["forename"] + " " + pairs["surname"]), *(pairs["surname"] + " " + pairs["forename"])])
    if are_alone:
        names = {name for column in ("forename", "surname") for value in distinct(table, column) for name in WORD.findall(fold(value).upper())}
        details.names |= {name for name in names if name.isalpha() and len(name) >= LEAST_LETTERS}


def shared_codes(table: pd.DataFrame) -> list[str]:
    """Return the values of coded columns that as many records share as are published together."""
    counts = [table[column].value_counts() for column in CODES if column in table]
    return [str(value) for count in counts for value in count.index[count >= LEAST_RECORDS]]


def distinct(table: pd.DataFrame, column: str) -> list[str]:
    """Return the distinct texts of a column, none where the table has no such column."""
    return [str(value) for value in table[column].dropna().unique()] if column in table else []


def add_runs(details: Details, kind: str, values: list[str]) -> None:
    """Add `values` to `details`, cut into words and joined again."""
    for value in values:
        words = cut(fold(value))
        if sum(map(len, words)) >= LEAST_LENGTH:
            details.runs[" ".join(words)].add(kind)
            details.lengths[" ".join(words[:2])].add(len(words))


def fold(text: str) -> str:
    """Return `text` without accents and apostrophes; case is kept."""
    plain = text if text.isascii() else "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    return APOSTROPHES.sub("", plain)


def cut(text: str) -> list[str]:
    """Return the words of `text` in capitals, street words shortened."""
    return [STREET_WORDS.get(word, word) for word in WORD.findall(text.upper())]


def national(phone: str) -> str:
    """Return a phone number as digits of the national form, without the leading nought; empty where it has too few."""
    digits = re.sub(r"\D", "", re.sub(r"\.0+$", "", phone))
    digits = re.sub(r"^(?:0044|44)0?(?=\d{9})", "", digits).removeprefix("0")
    return digits if len(digits) >= LEAST_DIGITS else ""


def find_leaks(text: str, details: Details, public: str = "") -> list[str]:
    """Return the kinds of personal detail that `text` holds, sorted; never the details themselves.

    `public` is text known to hold nobody's details (the templates): what occurs there is no leak. A name counts where
    all its words begin with a capital, or where one is no word of `public`, so that "may fall" is not a Ms May Fall.
    """
    return sorted({kind for kind, _ in find_details(text, details, vocabulary(public)) - find_details(public, details)})


def vocabulary(public: str) -> set[str]:
    """Return the words of a public text, in capitals."""
    return set(cut(fold(public)))


def find_details(text: str, details: Details, ordinary: set[str] = frozenset()) -> set[tuple[str, str]]:
    """Return the personal details in `text` as pairs of kind and detail; for this module's callers, never to be shown.

    `ordinary` are words of which a name written without capitals must not wholly consist.
    """
    plain = fold(text)
    upper = plain.upper()
    found = {("date of birth", str(day)) for day in find_dates(upper) if day in details.dates}
    found |= {("postcode", "".join(parts)) for parts in POSTCODE.findall(upper) if "".join(parts) in details.postcodes}
    found |= {("phone", phone) for match in PHONE.findall(upper) for phone in split_phones(match) if phone in details.phones}
    return found | find_runs(plain, details, ordinary) | find_single_names(plain, details) | {("key", key) for key in NUMBERED.findall(upper) if "key" in details.runs.get(key, ())}


def find_dates(upper: str) -> set[date]:
    """Return every day that a text in capitals may name: ISO, day first, month first, with the month's name, two-digit years."""
    days = [(year, month, day) for year, _, month, day in YEAR_FIRST.findall(upper)] + EIGHT_DIGITS.findall(upper)
    for one, _, other, year in YEAR_LAST.findall(upper):
        years = [year] if len(year) == 4 else [f"19{year}", f"20{year}"]
        days += [(full, *pair) for full, pair in product(years, [(other, one), (one, other)])]
    days += [(year, MONTHS[month], day) for day, month, year in DAY_MONTH.findall(upper)]
    days += [(year, MONTHS[month], day) for month, day, year in MONTH_DAY.findall(upper)]
    return {date(*map(int, day)) for day in set(days) if is_day(*map(int, day))}


def is_day(year: int, month: int, day: int) -> bool:
    """Return whether the calendar has such a day."""
    return 1900 <= year and 1 <= month <= 12 and 1 <= day <= (29 if month == 2 and year % 4 == 0 else [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1])


def split_phones(match: str) -> set[str]:
    """Return the phone numbers that a stretch of digits may hold: the whole, and each run of its parts."""
    parts = re.findall(r"\d+", match)
    runs = ("".join(parts[start:end]) for start in range(len(parts)) for end in range(start + 1, min(start + 6, len(parts)) + 1))
    return {national(run) for run in runs if len(run) <= 15} - {""}


def find_runs(plain: str, details: Details, ordinary: set[str]) -> set[tuple[str, str]]:
    """Return the names, addresses and keys in a folded text whose case is kept."""
    written = WORD.findall(plain)
    words = [STREET_WORDS.get(word, word) for word in map(str.upper, written)]
    # Keys of digits alone are looked for behind a word that says so (NUMBERED).
    found = {("key", word) for word in set(words) & details.runs.keys() if "key" in details.runs[word] and not (word.isdigit() and len(word) < LEAST_DIGITS)}
    starts = [place for place, pair in enumerate(map(" ".join, zip(words, words[1:]))) if pair in details.lengths]
    for place in starts:
        for length in details.lengths[f"{words[place]} {words[place + 1]}"]:
            run = " ".join(words[place : place + length])
            for kind in details.runs.get(run, ()):
                if kind != "name" or is_name(written[place : place + length], ordinary):
                    found.add((kind, run))
    return found


def find_single_names(plain: str, details: Details) -> set[tuple[str, str]]:
    """Return the forenames and surnames in a folded text that begin with a capital and are no word of the project's own.

    A word wholly in capitals must stand so in the project, any other in whatever letters.
    """
    if not details.names:
        return set()
    written = {word for word in set(WORD.findall(plain)) if word[0].isupper() and word.upper() in details.names}
    return {(SINGLE, word.upper()) for word in written if (word if word.isupper() else word.lower()) not in details.words}


def is_name(written: list[str], ordinary: set[str]) -> bool:
    """Return whether words that make up somebody's name are meant as one."""
    return all(word[0].isupper() for word in written) or bool(ordinary) and not {word.upper() for word in written} <= ordinary
