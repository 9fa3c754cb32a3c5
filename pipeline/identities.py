"""Who the simulated people are: names, homes, phones, moves, and the few who are easily taken for one another.

Phone numbers lie in ranges that nobody is given (07700 9 and the area code 01632); postcodes have the right form; streets
are invented. Nothing here knows how often a person calls. How details get messy in records: pipeline.misrecording.
"""

import numpy as np
import pandas as pd

RARE_SURNAME_SHARE = 0.42
HOUSEHOLD_SHARE, CARE_HOME_SHARE, RESIDENTS_PER_HOME = 0.16, 0.025, 12
TWIN_SHARE, NAMESAKE_SHARE = 0.03, 0.04
SHARED_PHONE_SHARE, NO_PHONE_SHARE = 0.35, 0.05
MOVES_ONLY, CHANGES_PHONE_ONLY, CHANGES_BOTH = 0.05, 0.04, 0.02
NOMINAL_SHARE = 0.35
MOBILES, ALL_PHONES = 100_000, 1_100_000
INWARD_LETTERS = np.array(list("ABDEFGHJLNPQRSTUWXYZ"))
HOMES_PER_POSTCODE = 3


def draw_identities(people: pd.DataFrame, names: pd.DataFrame, first_day: pd.Timestamp, last_day: pd.Timestamp, rng) -> pd.DataFrame:
    """Return the details of `people` (true_person_id, sex, born_on, area), a row each in the same order.

    true_person_id, forename, surname, nickname (missing for some), sex, date_of_birth, phone, address, postcode, and
    changes_on (missing for most) with later_phone, later_address, later_postcode; nominal_id (missing for half).
    `names` holds kind, name, sex, weight, nicknames.
    """
    n = len(people)
    home, area = draw_homes(people, rng)
    details = pd.DataFrame({
        "true_person_id": people["true_person_id"].to_numpy(),
        "forename": draw_forenames(people["sex"].to_numpy(), names, rng),
        "surname": draw_surnames(n, names, rng),
        "sex": people["sex"].to_numpy(),
        "date_of_birth": people["born_on"].to_numpy(),
        "home": home,
    })
    details = liken_relatives(details, rng)
    nicknames = names[names["kind"] == "forename"].drop_duplicates("name").set_index("name")["nicknames"]
    details["nickname"] = details["forename"].map(nicknames).str.split("|").str[0]
    places = draw_places(np.concatenate([area, area[rng.permutation(n)]]), names, rng)
    phones = draw_phones(3 * n, rng)
    shares_phone = is_shared(home) & (rng.random(n) < SHARED_PHONE_SHARE)
    phone = np.where(shares_phone, phones[home], phones[n : 2 * n])
    kind = rng.choice(4, n, p=[MOVES_ONLY, CHANGES_PHONE_ONLY, CHANGES_BOTH, 1 - MOVES_ONLY - CHANGES_PHONE_ONLY - CHANGES_BOTH])
    moves, changes_phone = np.isin(kind, [0, 2]), np.isin(kind, [1, 2])
    days = pd.to_timedelta(rng.integers(90, (last_day - first_day).days - 90, n), unit="D")
    has_no_phone = rng.random(n) < NO_PHONE_SHARE
    new_place = np.where(moves, n + np.arange(n), home)
    return details.drop(columns="home").assign(
        phone=np.where(has_no_phone, None, phone),
        address=places["address"].to_numpy()[home],
        postcode=places["postcode"].to_numpy()[home],
        changes_on=pd.Series(first_day + days).where(kind < 3),
        later_phone=np.where(changes_phone, phones[2 * n :], np.where(has_no_phone, None, phone)),
        later_address=places["address"].to_numpy()[new_place],
        later_postcode=places["postcode"].to_numpy()[new_place],
        nominal_id=pd.Series(np.char.add("N", np.char.zfill((rng.permutation(n) + 1).astype(str), 7)).astype(object)).where(rng.random(n) < NOMINAL_SHARE),
    )


def weighted(names: pd.DataFrame, n: int, rng) -> np.ndarray:
    """Return `n` of the names, drawn by weight."""
    return rng.choice(names["name"].to_numpy(object), n, p=(names["weight"] / names["weight"].sum()).to_numpy())


def draw_forenames(sex: np.ndarray, names: pd.DataFrame, rng) -> np.ndarray:
    """Return a forename for each person, common ones more often."""
    forenames = names[names["kind"] == "forename"]
    men, women = (weighted(forenames[forenames["sex"] == letter], len(sex), rng) for letter in "MF")
    takes_mens = np.where(sex == "X", rng.random(len(sex)) < 0.5, sex == "M")
    return np.where(takes_mens, men, women)


def draw_surnames(n: int, names: pd.DataFrame, rng) -> np.ndarray:
    """Return surnames: common ones by weight, rare ones put together from a beginning and an ending, a few with a hyphen."""
    common = weighted(names[names["kind"] == "surname"], n, rng)
    rare = weighted(names[names["kind"] == "surname_start"], n, rng) + weighted(names[names["kind"] == "surname_end"], n, rng)
    surname = np.where(rng.random(n) < RARE_SURNAME_SHARE, rare, common)
    return np.where(rng.random(n) < 0.01, surname + "-" + common[::-1], surname)


def draw_homes(people: pd.DataFrame, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return the position of the person at whose home each person lives (mostly their own), and each person's area.

    Households join two people next to each other in a random order; care homes join a dozen of the older people.
    """
    n = len(people)
    home = np.arange(n)
    order = rng.permutation(n)
    pairs = order[: 2 * round(n * HOUSEHOLD_SHARE / 2)].reshape(-1, 2)
    home[pairs[:, 1]] = pairs[:, 0]
    free = order[2 * len(pairs) :]
    oldest = free[np.argsort(people["born_on"].to_numpy()[free], kind="stable")][: round(n * CARE_HOME_SHARE)]
    n_homes = max(1, len(oldest) // RESIDENTS_PER_HOME)
    home[oldest] = oldest[:n_homes][rng.integers(0, n_homes, len(oldest))] if len(oldest) else home[oldest]
    home[oldest[:n_homes]] = oldest[:n_homes]
    return home, people["area"].to_numpy(object)[home]


def is_shared(home: np.ndarray) -> np.ndarray:
    """Return whether anybody else lives at each person's home."""
    return np.bincount(home, minlength=len(home))[home] > 1


def liken_relatives(details: pd.DataFrame, rng) -> pd.DataFrame:
    """Return `details` with one surname in most households of two, a few twins, and a few parents and children of one name."""
    home = details["home"].to_numpy()
    lives_with = np.flatnonzero((home != np.arange(len(home))) & (np.bincount(home, minlength=len(home))[home] == 2))
    host = home[lives_with]
    lot = rng.random(len(lives_with))
    related = lot < 0.75
    twin, namesake = lot < TWIN_SHARE, (lot >= TWIN_SHARE) & (lot < TWIN_SHARE + NAMESAKE_SHARE)
    table = {column: details[column].to_numpy(copy=True) for column in ("surname", "forename", "sex", "date_of_birth")}
    table["surname"][lives_with[related]] = table["surname"][host[related]]
    table["date_of_birth"][lives_with[twin]] = table["date_of_birth"][host[twin]]
    for column in ("forename", "sex"):
        table[column][lives_with[namesake]] = table[column][host[namesake]]
    return details.assign(**table)


def draw_places(area: np.ndarray, names: pd.DataFrame, rng) -> pd.DataFrame:
    """Return an invented address and a postcode in each `area`; about three homes share a postcode and so a street."""
    n = len(area)
    areas, code = np.unique(area.astype(str), return_inverse=True)
    n_units = max(2, n // (HOMES_PER_POSTCODE * len(areas)))
    unit = code * n_units + rng.integers(0, n_units, n)
    total = n_units * len(areas)
    letters = INWARD_LETTERS[rng.integers(0, len(INWARD_LETTERS), (2, total))]
    inward = np.char.add(np.char.add(rng.integers(1, 10, total).astype(str), letters[0]), letters[1])
    postcode = np.char.add(np.char.add(np.repeat(areas, n_units), " "), inward)
    streets = weighted(names[names["kind"] == "street"], total, rng) + " " + weighted(names[names["kind"] == "street_type"], total, rng)
    number = rng.integers(1, 120, n).astype(str).astype(object)
    flat = np.where(rng.random(n) < 0.12, "Flat " + rng.integers(1, 20, n).astype(str).astype(object) + " ", "")
    return pd.DataFrame({"address": flat + number + " " + streets[unit], "postcode": postcode[unit].astype(object)})


def draw_phones(n: int, rng) -> np.ndarray:
    """Return `n` different numbers in national digits, from ranges that nobody is given."""
    n_mobiles = min(round(0.8 * n), MOBILES)
    mobiles = rng.choice(MOBILES, n_mobiles, replace=False) + 900_000
    n_lines = n - n_mobiles
    lines = rng.choice(ALL_PHONES - MOBILES, n_lines, replace=False)
    numbers = [f"07700{number:06d}" for number in mobiles] + [f"01632{number:06d}" for number in lines]
    return np.array(numbers, object)[rng.permutation(n)]
