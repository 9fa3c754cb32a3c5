"""Worlds for the audit of the method: weekly counts, referral, engagement, effect and records, one switch per bias.

A world is the demand of pipeline.simulated_demand with a scheme laid over it, without personal details and without
files, so that thousands can be drawn. The truth of a draw is that of its paired potential outcomes: each would-be
contact of an engaged person is kept with the chance that the world's effect gives it, so that Y(1) and Y(0) are counts
of the same people in the same weeks. Builds on pipeline.simulated_demand and pipeline.simulated_scheme.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from pipeline.simulated_demand import DEAD, MOVED, DemandProcess, calendar_level, weekly_paths, weeks_of
from pipeline.simulated_scheme import expected_referrals, expit, weeks_at_risk

WEEKS_AFTER = 52
PURPOSES = ("demand", "referral", "engagement", "effect", "records", "comparison")

SHORT_BURSTS = DemandProcess()
# METHOD's second calibration, a month's rates turned into a week's: bursts of two to three months.
LONG_BURSTS = DemandProcess(base_shape=0.191, base_mean=0.0047, burst_enter=0.0023, burst_leave=0.109, burst_shape=2.58, burst_mean=0.754)


@dataclass(frozen=True)
class World:
    """What is true in a world, and what its records lose."""

    name: str
    irr: float = 0.55
    demand: DemandProcess = field(default=SHORT_BURSTS)
    n_people: int = 6450
    n_referred: int = 1275
    # Referral: the logit rises by slope with log(1 + contacts of the last trigger_weeks) ...
    slope: float = 1.4
    trigger_weeks: int = 13
    # ... or is flat from so many contacts of the last 13 weeks on, and nought below ...
    threshold: int | None = None
    # ... and rises by this with the log of the rate that officers see and records do not.
    hidden_slope: float = 0.0
    partner_share: float = 0.11
    # Engagement: the share, and by how much its logit falls with log(1 + contacts to come in 13 weeks).
    engaged_share: float = 0.55
    engaged_slope: float = 0.0
    # Weeks until the effect is whole.
    weeks_to_full_effect: int = 0
    # Shares of contacts that are linked: of the referred once referred, and of people never referred.
    recall_after_referral: float = 1.0
    recall_never_referred: float = 1.0
    # Share of everybody's contacts that are recorded from 2019 on (abandoned 101 calls leave none).
    recorded_from_2019: float = 1.0


def no_effect(world: World) -> World:
    """Return the same world without effect."""
    return replace(world, name=f"{world.name}, no effect", irr=1.0)


def list_worlds() -> dict[str, World]:
    """Return the worlds of the audit by name."""
    short, long = World("short bursts"), World("long bursts", demand=LONG_BURSTS, slope=1.58)
    many_exits = replace(SHORT_BURSTS, death=0.0012, moving=0.0012, custody_per_contact=0.009)
    pandemic = replace(SHORT_BURSTS, lockdown_level=0.5, after_lockdown_level=0.7)
    hidden, selective = replace(short, name="hidden state", hidden_slope=0.1), replace(short, name="selective engagement", engaged_slope=1.0)
    worlds = [
        short, no_effect(short), replace(short, name="short bursts, 0.8", irr=0.8),
        long, no_effect(long), replace(long, name="long bursts, 0.8", irr=0.8),
        replace(short, name="hard threshold", threshold=4), no_effect(replace(short, name="hard threshold", threshold=4)),
        hidden, no_effect(hidden), selective, no_effect(selective), replace(hidden, name="hidden state and selective engagement, no effect", engaged_slope=1.0, irr=1.0),
        replace(short, name="partners", partner_share=0.4), replace(short, name="trigger within the week", trigger_weeks=1),
        no_effect(replace(short, name="trigger within the week", trigger_weeks=1)), replace(short, name="gradual effect", weeks_to_full_effect=26),
        replace(short, name="links decay after referral", recall_after_referral=0.9), no_effect(replace(short, name="links decay after referral", recall_after_referral=0.9)),
        replace(short, name="links differ by arm", recall_never_referred=0.85), no_effect(replace(short, name="links differ by arm", recall_never_referred=0.85)),
        replace(short, name="strong pandemic", demand=pandemic), replace(short, name="many exits", demand=many_exits),
        replace(short, name="101 calls abandoned", recorded_from_2019=0.8),
    ]  # fmt: skip
    return {world.name: world for world in worlds}


class Sample(NamedTuple):
    """One draw of a world: what an analyst sees, and the truth."""

    cohort: pd.DataFrame  # as pipeline.cohort.build_cohort gives it, details constant; one row per person-trial
    before: np.ndarray  # trials x 24: contacts seen in each month before time zero, the nearest first
    after: np.ndarray  # contacts seen in the year after
    exposure: np.ndarray  # days at risk in the year after
    after_later: np.ndarray  # the part of both that lies after a comparison person's own referral
    exposure_later: np.ndarray
    truth: dict[str, float]  # log IRR of referral and of engaged, of the triggered


class Study(NamedTuple):
    """When contacts and referrals are looked at."""

    contacts_from: str = "2014-01-01"
    contacts_to: str = "2022-04-30"
    referrals_from: str = "2016-01-01"
    referrals_to: str = "2021-04-30"


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Return the random numbers for one purpose, so that worlds that differ in one switch share all else."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PURPOSES.index(purpose),)))


def draw_sample(world: World, seed: int, comparisons_per_month: int = 300, study: Study = Study()) -> Sample:
    """Return one draw of `world`; the same world and seed give the same sample."""
    weeks = weeks_of(pd.Timestamp(study.contacts_from), pd.Timestamp(study.contacts_to))
    counts, places, rates = draw_demand(world.n_people, world.demand, study, seed)
    referred_in = draw_referrals(world, counts, places, rates, weeks, study, generator(seed, "referral"))
    gone = gone_from(places)
    engaged = draw_engagement(world, counts, referred_in, generator(seed, "engagement"))
    actual = apply_effect(world, counts, np.where(engaged, referred_in, len(weeks)), generator(seed, "effect"))
    seen = record(world, actual, referred_in, weeks, generator(seed, "records"))
    trials = list_trials(seen, places, referred_in, weeks, study, comparisons_per_month, generator(seed, "comparison"))
    return describe_sample(trials, seen, counts, actual, gone, referred_in, engaged, weeks)


@lru_cache(maxsize=2)
def draw_demand(n_people: int, demand: DemandProcess, study: Study, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts, whereabouts and rates (weeks x people); kept, because worlds that differ in the scheme alone share them."""
    weeks = weeks_of(pd.Timestamp(study.contacts_from), pd.Timestamp(study.contacts_to))
    rates = np.zeros((len(weeks), n_people), np.float32)
    counts, places = weekly_paths(n_people, calendar_level(weeks, demand), demand, generator(seed, "demand"), rates)
    return counts, places, rates


def draw_referrals(world: World, counts, places, rates, weeks, study: Study, rng) -> np.ndarray:
    """Return the week in which each person is first referred; len(weeks) for never."""
    person, week, recent = weeks_at_risk(counts, places, weeks, np.zeros(world.n_people, int), study)
    followed = (week >= 104) & (week + WEEKS_AFTER <= len(weeks))
    person, week, recent = person[followed], week[followed], recent[followed]
    is_recent = recent > 0
    strength = referral_strength(world, counts, rates, person[is_recent], week[is_recent], recent[is_recent])
    n_partner = world.partner_share * world.n_referred
    active = person[is_recent]
    intercept = brentq(lambda level: expected_referrals(active, expit(level + strength), world.n_people) - (world.n_referred - n_partner), -40, 10, xtol=1e-3)
    hazard = np.empty(len(person))
    hazard[is_recent] = expit(intercept + strength)
    hazard[~is_recent] = min(1.0, n_partner / max(1, (~is_recent).sum()))
    drawn = rng.random(len(person)) < hazard
    chosen, first = np.unique(person[drawn], return_index=True)
    referred_in = np.full(world.n_people, len(weeks))
    referred_in[chosen] = week[drawn][first]
    return referred_in


def referral_strength(world: World, counts, rates, person, week, recent) -> np.ndarray:
    """Return what moves the logit of referral in each person-week with a contact in the last 13 weeks."""
    if world.threshold is not None:
        strength = np.where(recent >= world.threshold, 0.0, -60.0)
    elif world.trigger_weeks == 13:
        strength = world.slope * np.log1p(recent)
    else:
        total = np.vstack([np.zeros((1, counts.shape[1]), np.int32), counts.cumsum(axis=0, dtype=np.int32)])
        strength = world.slope * np.log1p(total[week, person] - total[week - world.trigger_weeks, person])
    if world.hidden_slope:
        # What officers see: the rate of the week to come, whatever the records say so far.
        strength = strength + world.hidden_slope * np.log(rates[week, person] + 0.01)
    return strength


def draw_engagement(world: World, counts, referred_in, rng) -> np.ndarray:
    """Return who engages: engaged_share of the referred, the likelier, the fewer contacts are to come where engaged_slope says so."""
    people = np.flatnonzero(referred_in < len(counts))
    total = np.vstack([np.zeros((1, counts.shape[1]), np.int32), counts.cumsum(axis=0, dtype=np.int32)])
    to_come = total[np.minimum(referred_in[people] + 13, len(counts)), people] - total[referred_in[people], people]
    strength = -world.engaged_slope * np.log1p(to_come)
    intercept = brentq(lambda level: expit(level + strength).mean() - world.engaged_share, -20, 20)
    engaged = np.zeros(counts.shape[1], bool)
    engaged[people] = rng.random(len(people)) < expit(intercept + strength)
    return engaged


def apply_effect(world: World, counts, supported_from, rng) -> np.ndarray:
    """Return the contacts made with the scheme: each is kept with the IRR's chance from `supported_from` on (irr at most 1)."""
    if world.irr == 1:
        return counts
    since = np.arange(len(counts))[:, None] - supported_from[None, :]
    share = np.clip((since + 1) / world.weeks_to_full_effect, 0, 1) if world.weeks_to_full_effect else 1.0
    kept = np.where(since >= 0, 1 - (1 - world.irr) * share, 1.0)
    return thin(counts, kept, rng)


def record(world: World, actual, referred_in, weeks, rng) -> np.ndarray:
    """Return the contacts that the records show of each person."""
    if min(world.recall_after_referral, world.recall_never_referred, world.recorded_from_2019) == 1:
        return actual
    share = np.where(np.arange(len(weeks))[:, None] >= referred_in[None, :], world.recall_after_referral, 1.0)
    share = share * np.where(referred_in >= len(weeks), world.recall_never_referred, 1.0)[None, :]
    share = share * np.where(weeks >= pd.Timestamp("2019-01-01"), world.recorded_from_2019, 1.0)[:, None]
    return thin(actual, share, rng)


def thin(counts, kept, rng) -> np.ndarray:
    """Return `counts` with each contact kept with the chance in `kept`."""
    thinned = counts.copy()
    week, person = np.nonzero((counts > 0) & (kept < 1))
    thinned[week, person] = rng.binomial(counts[week, person], kept[week, person])
    return thinned


def gone_from(places) -> np.ndarray:
    """Return the first week in which each person is dead or has moved away; the number of weeks for never."""
    is_gone = (places == DEAD) | (places == MOVED)
    return np.where(is_gone.any(axis=0), is_gone.argmax(axis=0), len(places))


def list_trials(seen, places, referred_in, weeks, study: Study, per_month: int, rng) -> pd.DataFrame:
    """Return person, week, is_referred of all person-trials: the referred, and each month at most `per_month` of those who,
    in a week dealt to them, were at home, not referred by then and had made a contact in the 13 weeks before."""
    n_weeks, n_people = seen.shape
    total = np.vstack([np.zeros((1, n_people), np.int32), seen.cumsum(axis=0, dtype=np.int32)])
    referred = np.flatnonzero(referred_in < n_weeks)
    parts = [pd.DataFrame({"person": referred, "week": referred_in[referred], "is_referred": True})]
    months = weeks.to_period("M")
    for month in months[np.unique(referred_in[referred])].unique():
        candidates = np.flatnonzero((months == month) & (np.arange(n_weeks) >= 104) & (np.arange(n_weeks) + WEEKS_AFTER <= n_weeks))
        week = rng.choice(candidates, n_people)
        everyone = np.arange(n_people)
        is_eligible = (places[week, everyone] == 0) & (referred_in > week) & (total[week, everyone] > total[week - 13, everyone])
        chosen = np.flatnonzero(is_eligible)
        chosen = np.sort(rng.permutation(chosen)[:per_month])
        parts.append(pd.DataFrame({"person": chosen, "week": week[chosen], "is_referred": False}))
    return pd.concat(parts, ignore_index=True)


def describe_sample(trials: pd.DataFrame, seen, counts, actual, gone, referred_in, engaged, weeks) -> Sample:
    """Return the sample: trials with their trajectories, outcomes and truth."""
    person, week = trials["person"].to_numpy(), trials["week"].to_numpy()
    totals = [np.vstack([np.zeros((1, seen.shape[1]), np.int32), one.cumsum(axis=0, dtype=np.int32)]) for one in (seen, counts, actual)]
    edges = np.round(np.arange(25) * 52 / 12).astype(int)
    before = np.stack([totals[0][week - near, person] - totals[0][week - far, person] for near, far in zip(edges[:-1], edges[1:])], axis=1)
    at_end = np.minimum(week + WEEKS_AFTER, len(seen))
    after, without, with_scheme = (total[at_end, person] - total[week, person] for total in totals)
    last = np.maximum.accumulate(np.where(seen > 0, np.arange(len(seen), dtype=np.int16)[:, None], np.int16(-1)), axis=0)
    is_referred = trials["is_referred"].to_numpy()
    spans = {f"n_lag_{first}_{last_month}": before[:, first - 1 : last_month].sum(axis=1) for first, last_month in [(1, 1), (2, 3), (4, 6), (7, 12), (13, 24)]}
    n_recent = before[:, :3].sum(axis=1)
    later = np.where(is_referred | (referred_in[person] >= len(weeks)), -1, referred_in[person])
    cohort = pd.DataFrame({
        "trial_id": np.arange(1, len(trials) + 1), "person_id": person, "arm": np.where(is_referred, "referred", "not_yet_referred"),
        "is_engaged": is_referred & engaged[person], "is_triggered": n_recent > 0, "in_claim": is_referred & engaged[person] & (before[:, :12].sum(axis=1) > 0),
        "index_month": weeks[week].to_period("M").to_timestamp(), "index_on": weeks[week], "age": np.nan, "sex": "U", "area": "U", **spans, "n_recent": n_recent, "n_last_days": seen[week - 1, person].astype(float),
        "days_since_contact": 7.0 * (week - last[week - 1, person]) - 3, "share_caller": 1.0, "share_101": 1.0,
        "next_referred_on": pd.Series(weeks[np.clip(later, 0, None)]).where(later >= 0).to_numpy(),
    })  # fmt: skip
    cut = np.where(later >= 0, np.minimum(later, at_end), at_end)
    exposure, waiting = (7.0 * np.clip(np.minimum(gone[person], end) - week, 0, None) for end in (at_end, cut))
    after_later = totals[0][at_end, person] - totals[0][cut, person]
    truth = {}
    for estimand, rows in (("referral", is_referred), ("engaged", is_referred & engaged[person])):
        used = rows & (n_recent > 0)
        truth[estimand] = float(np.log(with_scheme[used].sum() / without[used].sum()))
    return Sample(cohort, before, after.astype(float), exposure, after_later.astype(float), exposure - waiting, truth)
