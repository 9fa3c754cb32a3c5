"""How often simulated people contact the police: weekly paths of counts, with no scheme in sight.

For person i in week w, while at home,

    n[i, w] ~ Poisson( (b[i] + a[i] B[i, w]) * level[w] * exp(z[i, w] - sd^2 / 2) )

    b[i] ~ Gamma(base_shape), mean base_mean          a steady rate, near nought for most people
    a[i] ~ Gamma(burst_shape), mean burst_mean        what a burst adds
    B[i, w] in {0, 1}                                 a burst begins with burst_enter, ends with burst_leave a week
    z[i, w] = k z[i, w-1] + noise, sd(z) = noise_sd   a lognormal AR(1): good and bad spells
    level[w]                                          season (summer peak) x pandemic

A burst has no memory, so a trajectory counted back from any day looks alike for people who are referred on that day
and for people who are not. Away from home nobody calls: custody (entered the sooner, the more contacts last week),
hospital, moved away and dead, the last two for good. Custody follows the contacts that a person would have made
without the scheme, so that both potential outcomes share one path of exits.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

HOME, CUSTODY, HOSPITAL, MOVED, DEAD = range(5)


@dataclass(frozen=True)
class DemandProcess:
    """The rates of the process, a week each; calibrated to the published figures (see pipeline.simulation)."""

    base_shape: float = 0.144
    base_mean: float = 0.0182
    burst_enter: float = 0.0018
    burst_leave: float = 0.5
    burst_shape: float = 1.1
    burst_mean: float = 5.4
    noise_kept: float = 0.95
    noise_sd: float = 0.55
    season: float = 0.12
    lockdown_level: float = 0.72
    after_lockdown_level: float = 0.9
    custody_enter: float = 0.0006
    custody_per_contact: float = 0.003
    custody_leave: float = 0.047
    hospital_enter: float = 0.0004
    hospital_leave: float = 0.25
    moving: float = 0.0002
    death: float = 0.00018


LOCKDOWN_FROM, LOCKDOWN_TO = pd.Timestamp("2020-03-23"), pd.Timestamp("2020-07-23")
MOST_CONTACTS_THAT_COUNT_FOR_CUSTODY = 5


def weeks_of(first_day: pd.Timestamp, last_day: pd.Timestamp) -> pd.DatetimeIndex:
    """Return the first day of each week, the first a week before `first_day`, the last week reaching to `last_day` or beyond.

    Everybody's weeks begin on a weekday of their own, up to six days after these: nobody's are all the same Wednesday.
    """
    return pd.date_range(first_day - pd.Timedelta(days=7), last_day, freq="7D")


def calendar_level(weeks: pd.DatetimeIndex, process: DemandProcess) -> np.ndarray:
    """Return the factor by which season and pandemic move everybody's rate in each week."""
    season = 1 + process.season * np.cos(2 * np.pi * (weeks.day_of_year - 196) / 365.25)
    in_lockdown = (weeks >= LOCKDOWN_FROM) & (weeks < LOCKDOWN_TO)
    pandemic = np.select([in_lockdown, weeks >= LOCKDOWN_TO], [process.lockdown_level, process.after_lockdown_level], 1.0)
    return np.asarray(season * pandemic)


def weekly_paths(n_people: int, level: np.ndarray, process: DemandProcess, rng: np.random.Generator, rates: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return counts and whereabouts, each an array of weeks x people.

    counts: contacts that each person makes without the scheme; whereabouts: HOME, CUSTODY, HOSPITAL, MOVED or DEAD.
    `rates` (weeks x people), when given, is filled with the rates behind the counts, which no record shows.
    """
    base = rng.gamma(process.base_shape, process.base_mean / process.base_shape, n_people)
    amplitude = rng.gamma(process.burst_shape, process.burst_mean / process.burst_shape, n_people)
    bursting = rng.random(n_people) < process.burst_enter / (process.burst_enter + process.burst_leave)
    noise = rng.normal(0, process.noise_sd, n_people)
    fresh_sd = process.noise_sd * np.sqrt(1 - process.noise_kept**2)
    counts = np.zeros((len(level), n_people), np.uint16)
    whereabouts = np.zeros((len(level), n_people), np.uint8)
    last, place = np.zeros(n_people, np.uint16), np.full(n_people, HOME, np.uint8)
    for week, factor in enumerate(level):
        chance = rng.random(n_people)
        bursting = np.where(bursting, chance >= process.burst_leave, chance < process.burst_enter)
        noise = process.noise_kept * noise + fresh_sd * rng.standard_normal(n_people, dtype=np.float32)
        place = next_place(place, last, process, rng.random(n_people))
        rate = (base + amplitude * bursting) * np.exp(noise) * (factor * np.exp(-process.noise_sd**2 / 2))
        last = rng.poisson(np.where(place == HOME, rate, 0.0)).astype(np.uint16)
        counts[week], whereabouts[week] = last, place
        if rates is not None:
            rates[week] = rate
    return counts, whereabouts


def next_place(place: np.ndarray, contacts: np.ndarray, process: DemandProcess, chance: np.ndarray) -> np.ndarray:
    """Return where each person is in the next week, given `place`, last week's `contacts` and a uniform `chance`."""
    to_custody = process.custody_enter + process.custody_per_contact * np.minimum(contacts, MOST_CONTACTS_THAT_COUNT_FOR_CUSTODY)
    to_hospital = to_custody + process.hospital_enter
    to_moved = to_hospital + process.moving
    chances = [chance < to_custody, chance < to_hospital, chance < to_moved, chance < to_moved + process.death]
    from_home = np.select(chances, [CUSTODY, HOSPITAL, MOVED, DEAD], HOME)
    moved_on = np.where(place == HOME, from_home, place)
    released = ((place == CUSTODY) & (chance < process.custody_leave)) | ((place == HOSPITAL) & (chance < process.hospital_leave))
    return np.where(released, HOME, moved_on).astype(np.uint8)


def spells(whereabouts: np.ndarray, weeks: pd.DatetimeIndex, phase: np.ndarray, first_day: pd.Timestamp, last_day: pd.Timestamp) -> pd.DataFrame:
    """Return the spells away from home between the two days: person (position), from_on, to_on (missing = open, for ever), reason.

    `phase` says by how many days each person's weeks begin after `weeks`.
    """
    before = np.vstack([np.zeros((1, whereabouts.shape[1]), np.uint8), whereabouts[:-1]])
    after = np.vstack([whereabouts[1:], np.full((1, whereabouts.shape[1]), 255, np.uint8)])
    away = whereabouts != HOME
    person, start = np.nonzero((away & (whereabouts != before)).T)
    end = np.nonzero((away & (whereabouts != after)).T)[1]
    reasons = np.array(["", "custody", "hospital", "moved away", "death"], object)[whereabouts[start, person]]
    days = pd.to_timedelta(phase[person], unit="D")
    table = pd.DataFrame({"person": person, "from_on": weeks[start] + days, "to_on": weeks[end] + days + pd.Timedelta(days=6), "reason": reasons})
    is_open = (end == len(weeks) - 1) | table["reason"].isin(["moved away", "death"])
    seen = table[(table["to_on"] >= first_day) & (table["from_on"] <= last_day)]
    seen = seen.assign(from_on=seen["from_on"].clip(lower=first_day), to_on=seen["to_on"].mask(is_open))
    return seen.sort_values(["person", "from_on"], ignore_index=True)
