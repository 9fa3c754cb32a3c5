"""How personal details are written down: blank, misspelt, shortened, swapped, out of date, in every format.

The rates are those of the demonstration: date of birth missing in half of the contacts, phone in a quarter, postcode in
15 %, forename in 10 %; names wrong in some way in about 8 %. A scheme's register is better kept, and not perfect.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class RecordQuality:
    """Shares of rows in which a detail is missing or wrong; each a number, or an array with a share of its own for every row."""

    forename_missing: float = 0.095
    surname_missing: float = 0.03
    date_of_birth_missing: float = 0.495
    sex_missing: float = 0.08
    phone_missing: float = 0.205
    postcode_missing: float = 0.145
    address_missing: float = 0.06
    misspelt: float = 0.035
    nickname: float = 0.05
    swapped: float = 0.01
    initial: float = 0.005
    day_and_month: float = 0.03
    wrong_year: float = 0.007
    placeholder: float = 0.1
    another_phone: float = 0.015
    wrong_digit: float = 0.01
    nominal_id: float = 0.33


CONTACTS = RecordQuality()
REGISTER = RecordQuality(
    forename_missing=0.0, surname_missing=0.0, date_of_birth_missing=0.02, sex_missing=0.02, phone_missing=0.06, postcode_missing=0.04,
    address_missing=0.02, misspelt=0.012, nickname=0.03, swapped=0.002, initial=0.0, day_and_month=0.01, wrong_year=0.003,
    placeholder=0.0, another_phone=0.01, wrong_digit=0.004, nominal_id=0.0,
)
NAME_FORMATS = ([str, str.upper, str.lower], [0.62, 0.34, 0.04])
PHONE_FORMATS = (
    [str, lambda p: f"{p[:5]} {p[5:]}", lambda p: f"+44 {p[1:5]} {p[5:]}", lambda p: f"44{p[1:]}", lambda p: f"{p[:5]}-{p[5:8]}-{p[8:]}"],
    [0.5, 0.28, 0.12, 0.06, 0.04],
)
POSTCODE_FORMATS = ([str, lambda p: p.replace(" ", ""), str.lower, lambda p: p.replace(" ", "  ")], [0.66, 0.22, 0.1, 0.02])
SHORT_STREETS = (("Street", "St"), ("Road", "Rd"), ("Terrace", "Tce"), ("Avenue", "Ave"), ("Close", "Cl"), ("Drive", "Dr"))
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def worsen(quality: RecordQuality, times) -> RecordQuality:
    """Return `quality` with the odds of each detail being missing or wrong multiplied by `times`, and those of a nominal id divided.

    `times` is a number or one per row, so that records can get worse after a referral or in one arm only. How a missing
    detail is written (placeholder) stays as it is.
    """
    def more_often(share, factor):
        return factor * share / (1 - share + factor * share)

    names = [field.name for field in fields(quality) if field.name not in ("placeholder", "nominal_id")]
    worse = {name: more_often(getattr(quality, name), times) for name in names}
    return replace(quality, **worse, nominal_id=more_often(quality.nominal_id, 1 / times))


def write_down(person: np.ndarray, on: np.ndarray, details: pd.DataFrame, quality: RecordQuality, rng) -> pd.DataFrame:
    """Return what a record made about each `person` (position in `details`) on each day of `on` says.

    forename, surname, date_of_birth, sex, phone, address, postcode, nominal_id; missing = None or NaT. Rows as given.
    """
    n = len(person)
    is_later = on >= details["changes_on"].to_numpy()[person]
    now = person + len(details) * is_later
    forename, surname = write_names(person, details, quality, rng)
    postcode = in_formats(now, both(details, "postcode"), POSTCODE_FORMATS, rng)
    address = in_formats(now, both(details, "address"), ([str, str.upper, shorten_street], [0.6, 0.2, 0.2]), rng)
    no_postcode = rng.random(n) < quality.postcode_missing
    no_address = np.where(no_postcode, rng.random(n) < 0.7, rng.random(n) < quality.address_missing)
    sex = details["sex"].to_numpy(object)[person]
    sex = np.where(rng.random(n) < 0.004, np.where(sex == "F", "M", "F"), sex)
    return pd.DataFrame({
        "forename": forename,
        "surname": surname,
        "date_of_birth": write_births(person, details, quality, rng),
        "sex": np.where(rng.random(n) < quality.sex_missing, None, sex),
        "phone": write_phones(now, details, quality, rng),
        "address": np.where(no_address, None, address),
        "postcode": np.where(no_postcode, None, postcode),
        "nominal_id": np.where(rng.random(n) < quality.nominal_id, details["nominal_id"].to_numpy(object)[person], None),
    })


def both(details: pd.DataFrame, column: str) -> np.ndarray:
    """Return a detail as it is at first, then as it is later, person by person."""
    return np.concatenate([details[column].to_numpy(object), details[f"later_{column}"].to_numpy(object)])


def in_formats(code: np.ndarray, values: np.ndarray, formats, rng) -> np.ndarray:
    """Return `values[code]`, each written in one of the formats; each value is formatted once, however many rows hold it."""
    ways, shares = formats
    used, place = np.unique(code, return_inverse=True)
    written = np.array([[None if pd.isna(value) else way(value) for value in values[used]] for way in ways], object)
    return written[rng.choice(len(ways), len(code), p=shares), place]


def shorten_street(address: str) -> str:
    """Return an address with its street type cut short."""
    for long, short in SHORT_STREETS:
        address = address.replace(f" {long}", f" {short}")
    return address


def write_names(person, details, quality, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return forenames and surnames as written: misspelt, shortened, an initial, swapped, in any case, or missing."""
    n = len(person)
    chosen, place = np.unique(details["forename"].to_numpy(object).astype(str), return_inverse=True)
    forename = details["forename"].to_numpy(object)[person]
    nickname = details["nickname"].to_numpy(object)[person]
    takes_nickname = (rng.random(n) < quality.nickname) & ~pd.isna(nickname)
    forename = np.where(takes_nickname, nickname, forename)
    forename = misspell_some(forename, quality.misspelt / 2, rng)
    surname = misspell_some(details["surname"].to_numpy(object)[person], quality.misspelt / 2, rng)
    is_initial = np.flatnonzero(rng.random(n) < quality.initial)
    forename[is_initial] = [name[0] for name in forename[is_initial]]
    way = rng.choice(3, n, p=NAME_FORMATS[1])
    forename, surname = (recase(name, way) for name in (forename, surname))
    swapped = rng.random(n) < quality.swapped
    forename, surname = np.where(swapped, surname, forename), np.where(swapped, forename, surname)
    unknown = np.where(rng.random(n) < quality.placeholder, "UNKNOWN", None)
    return (np.where(rng.random(n) < quality.forename_missing, unknown, forename),
            np.where(rng.random(n) < quality.surname_missing, unknown, surname))


def recase(names: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Return names as they are, in capitals or in small letters."""
    code, distinct = pd.factorize(names)
    return np.array([[change(name) for name in distinct] for change in NAME_FORMATS[0]], object)[way, code]


def misspell_some(names: np.ndarray, share: float, rng) -> np.ndarray:
    """Return names, a share of them with one letter dropped, doubled, changed or swapped with the next."""
    names = names.copy()
    chosen = np.flatnonzero(rng.random(len(names)) < share)
    lots = rng.random((len(chosen), 3))
    names[chosen] = [misspell(name, *lot) for name, lot in zip(names[chosen], lots)]
    return names


def misspell(name: str, which: float, where: float, letter: float) -> str:
    """Return `name` with one slip; the first letter is kept, as it mostly is."""
    at = 1 + int(where * (len(name) - 1)) if len(name) > 1 else 0
    if which < 0.25 and len(name) > 3:
        return name[:at] + name[at + 1 :]
    if which < 0.5:
        return name[:at] + name[at] + name[at:]
    if which < 0.75 and at + 1 < len(name):
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    return name[:at] + LETTERS[int(letter * 26)] + name[at + 1 :]


def write_births(person, details, quality, rng) -> pd.Series:
    """Return dates of birth as written: missing, day and month exchanged where that gives a date, or a year off by one."""
    born = pd.DatetimeIndex(details["date_of_birth"])
    exchangeable = (born.day <= 12) & (born.day != born.month)
    exchanged = pd.to_datetime({"year": born.year, "month": np.where(exchangeable, born.day, born.month), "day": np.where(exchangeable, born.month, born.day)})
    n = len(person)
    lot = rng.random(n)
    date = np.where(lot < quality.day_and_month, exchanged.to_numpy()[person], born.to_numpy()[person])
    off_by_a_year = (lot > 1 - quality.wrong_year)
    date = np.where(off_by_a_year, date - np.timedelta64(365, "D"), date)
    return pd.Series(date).mask(rng.random(n) < quality.date_of_birth_missing)


def write_phones(now, details, quality, rng) -> np.ndarray:
    """Return phone numbers as written: withheld, somebody else's, with a wrong digit, in any format."""
    n = len(now)
    strangers = rng.integers(0, 2 * len(details), n)
    code = np.where(rng.random(n) < quality.another_phone, strangers, now)
    phone = in_formats(code, both(details, "phone"), PHONE_FORMATS, rng)
    wrong = np.flatnonzero((rng.random(n) < quality.wrong_digit) & ~pd.isna(phone))
    phone[wrong] = [f"{number[:-1]}{digit}" for number, digit in zip(phone[wrong], rng.integers(0, 10, len(wrong)))]
    withheld = np.where(rng.random(n) < quality.placeholder / 4, "Withheld", None)
    return np.where(rng.random(n) < quality.phone_missing, withheld, phone)
