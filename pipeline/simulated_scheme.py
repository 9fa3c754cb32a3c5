"""Who is referred to the simulated scheme, when, and who takes it up.

Builds on pipeline.simulated_demand, whose paths decide who is referred. Nothing in this module looks at what happens after a referral,
except that nobody who has died or moved away within four weeks is met by a mentor.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from pipeline.simulated_demand import HOME

WEEKS_LOOKED_AT = 13
DAYS_TO_FIRST_CONTACT = 28


@dataclass(frozen=True)
class SchemeProcess:
    """How the scheme takes people in; calibrated to the published figures (see pipeline.simulation)."""

    slope: float = 1.4
    partner_share: float = 0.11
    late_share: float = 0.04
    again_share: float = 0.12
    refused_share: float = 0.20
    months_of_support: float = 7.0


def first_referrals(counts, whereabouts, weeks, phase, study, n_referred: int, process: SchemeProcess, rng) -> pd.DataFrame:
    """Return one row per person ever referred: person (position), referred_on, is_partner.

    On the first day of each of their weeks (`phase` days after `weeks`) a person at home who was not referred before is
    referred with probability

        1 / (1 + exp(-(intercept + slope log(1 + contacts in the 13 weeks before))))

    when there was such a contact, the intercept set so that the triggered number about `n_referred` less the partners'
    share, and with a small constant probability (by a partner) when there was none. Nothing but the 13 weeks up to the
    day of referral itself enters, so that people with the same days before them are equally likely to be referred.
    """
    person, week, recent = weeks_at_risk(counts, whereabouts, weeks, phase, study)
    is_recent = recent > 0
    n_partner = process.partner_share * n_referred
    strength = process.slope * np.log1p(recent[is_recent])
    active = person[is_recent]

    def excess(intercept):
        return expected_referrals(active, expit(intercept + strength), counts.shape[1]) - (n_referred - n_partner)

    hazard = np.empty(len(person))
    # Too short a study for so many: everybody who can be is referred. This stage also runs where the dates are those of other extracts.
    intercept = brentq(excess, -20, 10, xtol=1e-3) if excess(10) > 0 else 10.0
    hazard[is_recent] = expit(intercept + strength)
    hazard[~is_recent] = min(1.0, n_partner / max(1, (~is_recent).sum()))
    drawn = rng.random(len(person)) < hazard
    chosen, first = np.unique(person[drawn], return_index=True)
    referred_on = weeks[week[drawn][first]] + pd.to_timedelta(phase[chosen], unit="D")
    return pd.DataFrame({"person": chosen, "referred_on": referred_on, "is_partner": ~is_recent[drawn][first]})


def weeks_at_risk(counts, whereabouts, weeks, phase, study) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return person, week and contacts of the 13 weeks before, for people at home in the weeks of the scheme, in order of week."""
    earliest = (pd.Timestamp(study.referrals_from) - weeks).days.to_numpy()
    latest = (pd.Timestamp(study.referrals_to) - weeks).days.to_numpy()
    parts = []
    for week in np.flatnonzero((earliest <= 6) & (latest >= 0) & (np.arange(len(weeks)) >= WEEKS_LOOKED_AT)):
        recent = counts[week - WEEKS_LOOKED_AT : week].sum(axis=0, dtype=np.int32)
        people = np.flatnonzero((whereabouts[week] == HOME) & (phase >= earliest[week]) & (phase <= latest[week])).astype(np.int32)
        parts.append((people, np.full(len(people), week, np.int32), recent[people]))
    return tuple(np.concatenate(column) for column in zip(*parts))


def expected_referrals(person: np.ndarray, hazard: np.ndarray, n_people: int) -> float:
    """Return how many people are expected to be referred at least once, given the hazard in each of their weeks."""
    return float(-np.expm1(np.bincount(person, np.log1p(-hazard), n_people)).sum())


def expit(value):
    """Return 1 / (1 + exp(-value))."""
    return 1 / (1 + np.exp(-value))


def draw_engaged(clients: pd.DataFrame, n_claim: int, rng) -> np.ndarray:
    """Return which clients engage: exactly `n_claim` of those the claim could count, and the same share of all others.

    `clients` needs could_be_claimed and is_reachable (at home in the area for the first four weeks); nothing that happens
    to a person's demand after the referral enters the draw.
    """
    engaged = np.zeros(len(clients), bool)
    eligible = np.flatnonzero(clients["could_be_claimed"] & clients["is_reachable"])
    others = np.flatnonzero(~clients["could_be_claimed"] & clients["is_reachable"])
    n_claim = min(n_claim, len(eligible))
    n_others = round(len(others) * n_claim / max(1, len(eligible)))
    engaged[rng.choice(eligible, n_claim, replace=False)] = True
    engaged[rng.choice(others, n_others, replace=False)] = True
    return engaged


def referral_table(clients: pd.DataFrame, study, process: SchemeProcess, rng) -> pd.DataFrame:
    """Return one row per referral: person, referral_id, client_id, referred_on, referral_source, primary_need, accepted,
    first_contact_on, closed_on, closure_reason.

    `clients` needs person, client_id, referred_on, is_partner, is_engaged, is_reachable, left_on (death or moving away).
    A few of the engaged are met only after a second referral one to four months later; a tenth of the others are referred
    again by chance, whatever their demand did.
    """
    first = clients.assign(accepted=clients["is_engaged"] | (rng.random(len(clients)) >= process.refused_share), order=1)
    stays = clients["left_on"].isna() | (clients["left_on"] > clients["referred_on"] + pd.Timedelta(days=200))
    has_time = clients["referred_on"] + pd.Timedelta(days=110) <= pd.Timestamp(study.referrals_to)
    is_late = clients["is_engaged"] & stays & has_time & (rng.random(len(clients)) < process.late_share)
    first["is_met"] = clients["is_engaged"] & ~is_late
    first["accepted"] = np.where(is_late, rng.random(len(clients)) < 0.5, first["accepted"])
    late = again(first[is_late], rng.integers(30, 111, is_late.sum())).assign(accepted=True, is_met=True)
    repeated = ~is_late & (rng.random(len(clients)) < process.again_share)
    more = again(first[repeated], rng.integers(60, 700, repeated.sum()))
    more = more.assign(accepted=rng.random(len(more)) >= process.refused_share, is_met=False)
    in_time = (more["referred_on"] <= pd.Timestamp(study.referrals_to)) & ~(more["left_on"] <= more["referred_on"])
    table = pd.concat([first, late, more[in_time]]).sort_values(["referred_on", "person", "order"], ignore_index=True)
    return dated_referrals(table, study, process, rng)


def again(referrals: pd.DataFrame, days: np.ndarray) -> pd.DataFrame:
    """Return the same people's next referrals, `days` later."""
    return referrals.assign(referred_on=referrals["referred_on"] + pd.to_timedelta(days, unit="D"), order=2)


def dated_referrals(table: pd.DataFrame, study, process: SchemeProcess, rng) -> pd.DataFrame:
    """Return the referrals with their sources, needs and later dates; dates beyond the extract are blank."""
    n = len(table)
    first_contact = table["referred_on"] + pd.to_timedelta(rng.integers(1, DAYS_TO_FIRST_CONTACT, n), unit="D")
    support = pd.to_timedelta(np.ceil(rng.gamma(1.5, process.months_of_support / 1.5, n) * 30.4), unit="D")
    waiting = pd.to_timedelta(rng.integers(7, 90, n), unit="D")
    closed = (first_contact + support).where(table["is_met"], table["referred_on"] + waiting)
    left_early = table["left_on"] < closed
    closed = closed.mask(left_early, table["left_on"].where(table["left_on"] > table["referred_on"], closed))
    is_open = closed > pd.Timestamp(study.contacts_to)
    reason = np.select(
        [left_early, ~table["accepted"], table["is_met"]],
        ["left_area_or_died", "not_suitable", rng.choice(["goals_met", "goals_partly_met", "disengaged"], n, p=[0.55, 0.25, 0.2])],
        "no_response",
    )
    police, partner = ["neighbourhood_policing", "control_room", "response_policing"], ["housing", "health", "probation", "charity", "social_care", "self"]
    by_police = rng.choice(police, n, p=[0.6, 0.2, 0.2])
    by_partner = rng.choice(partner, n, p=[0.25, 0.25, 0.15, 0.15, 0.15, 0.05])
    needs = ["bereavement", "domestic_abuse", "loneliness", "depression", "substance_misuse", "homelessness", "offending"]
    return pd.DataFrame({
        "person": table["person"],
        "referral_id": [f"R{number:05d}" for number in range(1, n + 1)],
        "client_id": table["client_id"],
        "referred_on": table["referred_on"],
        "referral_source": np.where(table["is_partner"] | (rng.random(n) < 0.25), by_partner, by_police),
        "primary_need": rng.choice(needs, n, p=[0.08, 0.15, 0.2, 0.2, 0.22, 0.06, 0.09]),
        "accepted": table["accepted"].astype(bool),
        "first_contact_on": first_contact.where(table["is_met"]),
        "closed_on": closed.mask(is_open),
        "closure_reason": pd.Series(reason, index=table.index).mask(is_open),
    })
