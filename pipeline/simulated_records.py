"""From what simulated people do to the rows that a force records: incidents, repeat calls, roles, codes, channels, minutes."""

import numpy as np
import pandas as pd

# Code, category, share among callers' / subjects' / victims' incidents, typical officer minutes, safety outcome.
CONTACT_TYPES = pd.DataFrame(
    [
        ("VAP", "violence against the person", 0.05, 0.14, 0.25, 150, False),
        ("DAI", "domestic abuse incident", 0.08, 0.16, 0.30, 180, True),
        ("THF", "theft", 0.04, 0.06, 0.10, 90, False),
        ("CDM", "criminal damage", 0.04, 0.06, 0.08, 70, False),
        ("ASB", "rowdy or nuisance behaviour", 0.14, 0.20, 0.05, 40, False),
        ("NEI", "neighbour dispute", 0.10, 0.04, 0.04, 45, False),
        ("WEL", "concern for safety or welfare", 0.20, 0.10, 0.06, 110, True),
        ("MIS", "missing person", 0.03, 0.08, 0.01, 300, True),
        ("MHD", "mental health detention", 0.01, 0.06, 0.00, 360, True),
        ("SUI", "threat of suicide or self-harm", 0.08, 0.06, 0.00, 200, True),
        ("DRG", "drugs or alcohol", 0.03, 0.03, 0.00, 60, False),
        ("NUI", "nuisance or repeated call", 0.08, 0.00, 0.00, 15, False),
        ("ENQ", "enquiry or advice", 0.10, 0.00, 0.05, 10, False),
        ("HOX", "hoax or abandoned call", 0.02, 0.01, 0.06, 10, False),
    ],
    columns=["code", "category", "caller", "subject", "victim", "officer_minutes_typical", "is_safety"],
)
CHANNELS = {
    "caller": (["999", "101", "online", "front_desk", "other_agency"], [0.36, 0.55, 0.03, 0.04, 0.02]),
    "subject": (["999", "101", "online", "front_desk", "other_agency"], [0.48, 0.36, 0.02, 0.02, 0.12]),
    "victim": (["999", "101", "online", "front_desk", "other_agency"], [0.45, 0.42, 0.04, 0.04, 0.05]),
}
HOURS = np.array([3.6, 3.0, 2.5, 2.0, 1.7, 1.5, 1.8, 2.5, 3.4, 4.2, 4.6, 4.7, 4.8, 4.8, 4.9, 5.2, 5.6, 5.9, 6.0, 5.9, 5.7, 5.5, 5.2, 5.0])
SHARED_SHARE, REPEAT_SHARE, DUPLICATE_SHARE = 0.7, 0.08, 0.05
CHANGED_CODE_SHARE = 0.2


def times_within_days(days: np.ndarray, rng) -> np.ndarray:
    """Return a time of day on each of `days` (datetime64[D]), more often in the afternoon and evening."""
    hour = rng.choice(24, len(days), p=HOURS / HOURS.sum())
    return days.astype("datetime64[s]") + (hour * 3600 + rng.integers(0, 3600, len(days))).astype("timedelta64[s]")


def contact_rows(events: pd.DataFrame, rng) -> pd.DataFrame:
    """Return the rows that the force records for `events` (person, day, role), in order of time.

    Columns of the extract without the personal details, and person. Every event is one incident of its person: two people
    may share an incident (one calls, the other is its subject or victim), and a caller may ring again or be entered twice
    on the same day; none of this changes anybody's number of incidents. Minutes stand in a person's first row of an incident.
    """
    incidents = share_incidents(events.assign(at=times_within_days(events["day"].to_numpy(), rng)), rng)
    rows = describe_incidents(incidents, rng)
    rows = pd.concat([rows, *more_rows(rows, rng)], ignore_index=True)
    rows = rows.sort_values(["at", "incident", "person", "copy_of"], na_position="first", ignore_index=True)
    names = numbered("K", len(rows))
    position = pd.Series(names, index=rows["row"])
    return pd.DataFrame({
        "person": rows["person"],
        "contact_id": names,
        "incident_id": numbered("I", int(rows["incident"].max()) + 1)[renumber(rows["incident"].to_numpy())],
        "received_at": rows["at"].astype("datetime64[s]"),
        "service": "police",
        "channel": rows["channel"],
        "opening_code": rows["opening_code"],
        "closing_code": rows["closing_code"],
        "grade": rows["grade"],
        "role": rows["role"],
        "attended": rows["attended"],
        "officer_minutes": rows["officer_minutes"],
        "duplicate_of": rows["copy_of"].map(position),
    })


def numbered(letter: str, n: int) -> np.ndarray:
    """Return the ids <letter>00000001 and on, `n` of them."""
    return np.char.add(letter, np.char.zfill(np.arange(1, n + 1).astype(str), 8)).astype(object)


def renumber(incident: np.ndarray) -> np.ndarray:
    """Return incident numbers in order of first appearance, counted from nought."""
    return pd.factorize(incident)[0]


def share_incidents(events: pd.DataFrame, rng) -> pd.DataFrame:
    """Return `events` with an incident number each, some shared by a caller and somebody else on the same day."""
    events = events.assign(incident=np.arange(len(events)))
    is_caller = (events["role"] == "caller").to_numpy()
    shuffled = events.iloc[rng.permutation(len(events))]
    shuffled = shuffled.assign(is_caller=is_caller[shuffled["incident"]])
    shuffled["rank"] = shuffled.groupby(["day", "is_caller"]).cumcount()
    keys = ["day", "rank"]
    pairs = shuffled[~shuffled["is_caller"]].merge(shuffled[shuffled["is_caller"]], on=keys, suffixes=("", "_of_caller"), validate="one_to_one")
    pairs = pairs[(pairs["person"] != pairs["person_of_caller"]) & (rng.random(len(pairs)) < SHARED_SHARE)].sort_values("incident")
    incident, at = events["incident"].to_numpy().copy(), events["at"].to_numpy().copy()
    incident[pairs["incident"]] = pairs["incident_of_caller"]
    at[pairs["incident"]] = pairs["at_of_caller"]
    return events.assign(incident=incident, at=at)


def describe_incidents(events: pd.DataFrame, rng) -> pd.DataFrame:
    """Return one row per event with codes, channel, grade, attendance and minutes, alike for all people of an incident.

    An incident that people share is described from its caller's row.
    """
    n = len(events)
    code, channel = np.empty(n, np.int64), np.empty(n, object)
    for role, (channels, shares) in CHANNELS.items():
        of_role = (events["role"] == role).to_numpy()
        code[of_role] = rng.choice(len(CONTACT_TYPES), of_role.sum(), p=CONTACT_TYPES[role] / CONTACT_TYPES[role].sum())
        channel[of_role] = rng.choice(np.array(channels, object), of_role.sum(), p=shares)
    closing = np.where(rng.random(n) < CHANGED_CODE_SHARE, rng.integers(0, len(CONTACT_TYPES), n), code)
    typical = CONTACT_TYPES["officer_minutes_typical"].to_numpy()
    urgency = np.digitize(typical[code] + rng.normal(0, 50, n), [25, 60, 110, 200])
    grade = np.array(["5", "4", "3", "2", "1"], object)[urgency]
    attended = rng.random(n) < np.array([0.05, 0.35, 0.6, 0.8, 0.95])[urgency]
    minutes = np.where(attended, np.ceil(typical[closing] * rng.gamma(3, 1 / 3, n)), 0.0)
    described_by = events["incident"].to_numpy()
    codes = CONTACT_TYPES["code"].to_numpy(object)
    return pd.DataFrame({
        "row": np.arange(n),
        "person": events["person"].to_numpy(),
        "at": events["at"].to_numpy(),
        "incident": described_by,
        "role": events["role"].to_numpy(object),
        "channel": channel[described_by],
        "opening_code": codes[code][described_by],
        "closing_code": codes[closing][described_by],
        "grade": grade[described_by],
        "attended": attended[described_by],
        "officer_minutes": minutes[described_by],
        "copy_of": pd.array([pd.NA] * n, "Int64"),
    })


def more_rows(rows: pd.DataFrame, rng) -> list[pd.DataFrame]:
    """Return repeat calls about the same incident, and rows entered twice (copy_of says of which row), without minutes."""
    callers = rows[rows["role"] == "caller"]
    n_repeats = np.where(rng.random(len(callers)) < REPEAT_SHARE, 1 + rng.poisson(0.6, len(callers)), 0)
    repeats = callers.loc[callers.index.repeat(n_repeats)].assign(officer_minutes=np.nan)
    repeats = repeats.assign(at=later_that_day(repeats["at"], rng.exponential(5400, len(repeats))))
    doubled = callers[rng.random(len(callers)) < DUPLICATE_SHARE].assign(officer_minutes=np.nan)
    doubled = doubled.assign(at=later_that_day(doubled["at"], rng.exponential(240, len(doubled))), copy_of=doubled["row"].astype("Int64"))
    n, n_more = len(rows), len(repeats)
    return [repeats.assign(row=np.arange(n, n + n_more)), doubled.assign(row=np.arange(n + n_more, n + n_more + len(doubled)))]


def later_that_day(at: pd.Series, seconds: np.ndarray) -> pd.Series:
    """Return the times `seconds` later, but never on the next day."""
    last_second = at.dt.normalize() + pd.Timedelta(seconds=86399)
    return (at + pd.to_timedelta(seconds.astype(int), unit="s")).where(lambda later: later <= last_second, last_second)
