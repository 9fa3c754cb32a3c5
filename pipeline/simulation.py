"""A simulated force and scheme with a known effect: who calls, who is referred, who engages, and what would have been.

1. Demand without the scheme: pipeline.simulated_demand (steady rates, bursts that fade by themselves, season, pandemic, exits).
2. Referral: pipeline.simulated_scheme (the likelier, the more contacts in the last 13 weeks; a few by partners without any).
3. Engagement: drawn blindly, a little over half of the referred.
4. Effect: from the day of the referral that they take up, each would-be contact of the engaged is kept with probability
   true_irr (with true_irr above 1, each brings Poisson(true_irr - 1) more). Both potential outcomes thus come from one
   path: Y(0) counts its contacts, Y(1) those kept, E[Y(1)] = true_irr E[Y(0)], and true_irr = 1 makes them the same.
5. Records: pipeline.simulated_records. Personal details are added by pipeline.identities, never here.

The rates were set so that worlds of the default size show, on average over seeds 101 to 160, what was published of 397
clients: a fall of 81 % over 12 months before and after, 50 % who never called afterwards, 22 % who called once or twice.
People are referred at their peak, so the naive estimate is far from the truth: its expected log IRR is log(0.19) = -1.66
where the truth is log(0.55) = -0.60, a bias of -1.06; with no effect at all (true_irr = 1) it still shows a fall of 67 %,
a bias of -1.10. A single world strays from its average by 2.4 points of the fall and 2 points of either share.
"""

import numpy as np
import pandas as pd

from pipeline.simulated_demand import DemandProcess, calendar_level, spells, weekly_paths, weeks_of
from pipeline.simulated_records import contact_rows
from pipeline.simulated_scheme import DAYS_TO_FIRST_CONTACT, SchemeProcess, draw_engaged, first_referrals, referral_table

PURPOSES = ("people", "demand", "events", "referral", "engagement", "effect", "records", "identities", "misrecording", "mentors")
DEMONSTRATION = 100_000
PEOPLE_PER_ROW = 0.0645
REFERRED, CLAIMED = 1275, 397
SHRINKS_WITH, LARGEST_SHARE_REFERRED = 0.6, 0.38
TRIGGER_MONTHS, OUTCOME_MONTHS = 3, 12
AREAS = ("DH1", "DH2", "DH3", "DH4", "DH5", "DH6", "DH7", "DH8", "DH9", "DL1", "DL2", "DL3", "DL4", "DL5", "DL12", "DL13", "DL14",
         "DL15", "DL16", "DL17", "SR7", "SR8", "TS21", "TS27", "TS28", "TS29", "NE16", "NE17", "NE39")


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Return the random numbers for one purpose, so that a change in one part of the world leaves the others as they were."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PURPOSES.index(purpose),)))


def world_size(size: int) -> tuple[int, int, int]:
    """Return people, expected referred people and claimed people in a world of about `size` contact rows.

    Larger forces have the same scheme; in smaller worlds it shrinks more slowly than the force, so that there is
    still something to estimate, but never beyond a third of the people.
    """
    n_people = round(size * PEOPLE_PER_ROW)
    share = min(1.0, (size / DEMONSTRATION) ** SHRINKS_WITH, LARGEST_SHARE_REFERRED * n_people / REFERRED)
    return n_people, round(REFERRED * share), round(CLAIMED * share)


def simulate_demand(size, seed, true_irr, study, claim, demand=DemandProcess(), scheme=SchemeProcess()) -> dict[str, pd.DataFrame]:
    """Return a simulated world without personal details, as a dict of frames.

    `study` and `claim` are anything with the fields of these parameter sections.
    people: true_person_id, client_id, sex, born_on, area; contacts: the extract's columns without personal details, with
    true_person_id; referrals: the extract's columns without personal details, with true_person_id; exits: true_person_id,
    from_on, to_on, reason; outcomes: a row per referred person with both potential outcomes (see client_outcomes).
    """
    n_people, n_referred, n_claim = world_size(size)
    first_day, last_day = pd.Timestamp(study.contacts_from), pd.Timestamp(study.contacts_to)
    weeks = weeks_of(first_day, last_day)
    counts, whereabouts = weekly_paths(n_people, calendar_level(weeks, demand), demand, generator(seed, "demand"))
    people = draw_people(n_people, first_day, generator(seed, "people"))
    phase = people["phase"].to_numpy()
    exits = spells(whereabouts, weeks, phase, first_day, last_day)
    untreated = would_be_contacts(counts, weeks, people, first_day, last_day, generator(seed, "events"))
    clients = first_referrals(counts, whereabouts, weeks, phase, study, n_referred, scheme, generator(seed, "referral"))
    clients = with_history(clients.sort_values(["referred_on", "person"], ignore_index=True), untreated, exits, claim)
    engagement = generator(seed, "engagement")
    clients["is_engaged"] = draw_engaged(clients, n_claim, engagement)
    referrals = referral_table(clients, study, scheme, engagement)
    supported_from = referrals[referrals["first_contact_on"].notna()].groupby("person")["referred_on"].min()
    actual = under_the_scheme(untreated, supported_from.reindex(range(n_people)).to_numpy(), true_irr, generator(seed, "effect"))
    outcomes = client_outcomes(clients, untreated, actual)
    people["client_id"] = clients.set_index("person")["client_id"].reindex(range(n_people)).to_numpy()
    names = people["true_person_id"].to_numpy()
    return {
        "people": people[["true_person_id", "client_id", "sex", "born_on", "area"]],
        "contacts": named(contact_rows(actual, generator(seed, "records")), names),
        "referrals": named(referrals, names),
        "exits": named(exits, names),
        "outcomes": named(outcomes, names),
    }


def named(table: pd.DataFrame, names: np.ndarray) -> pd.DataFrame:
    """Return `table` with true_person_id in place of a person's position."""
    table = table.assign(true_person_id=names[table["person"]])
    return table[["true_person_id", *table.columns.drop(["person", "true_person_id"])]]


def draw_people(n_people: int, first_day: pd.Timestamp, rng) -> pd.DataFrame:
    """Return the people around the force: true_person_id, sex, born_on, area, caller_share (of their incidents),
    phase (days by which their weeks begin later)."""
    age = np.clip(12 + rng.gamma(4.0, 7.5, n_people), 14, 92)
    return pd.DataFrame({
        "true_person_id": np.char.add("T", np.char.zfill(np.arange(1, n_people + 1).astype(str), 6)).astype(object),
        "sex": rng.choice(np.array(["F", "M", "X"], object), n_people, p=[0.495, 0.50, 0.005]),
        "born_on": first_day - pd.to_timedelta((age * 365.25).astype(int), unit="D"),
        "area": rng.choice(np.array(AREAS, object), n_people),
        "caller_share": rng.beta(12, 1.5, n_people),
        "phase": rng.integers(0, 7, n_people),
    })


def would_be_contacts(counts, weeks, people, first_day, last_day, rng) -> pd.DataFrame:
    """Return the contacts that people make without the scheme: person, day, role and the uniform `draw` that the effect uses."""
    week, person = np.nonzero(counts)
    n_each = counts[week, person]
    week, person = np.repeat(week, n_each), np.repeat(person, n_each)
    days = people["phase"].to_numpy()[person] + rng.integers(0, 7, len(week))
    day = (weeks[week] + pd.to_timedelta(days, unit="D")).to_numpy()
    share = people["caller_share"].to_numpy()[person]
    lot = rng.random(len(week))
    role = np.where(lot < share, "caller", np.where(lot < share + (1 - share) * 0.57, "subject", "victim")).astype(object)
    events = pd.DataFrame({"person": person, "day": day, "role": role, "draw": rng.random(len(week))})
    return events[events["day"].between(first_day, last_day)].reset_index(drop=True)


def with_history(clients: pd.DataFrame, untreated: pd.DataFrame, exits: pd.DataFrame, claim) -> pd.DataFrame:
    """Return `clients` with client_id, left_on, is_reachable, is_triggered and could_be_claimed, all but left_on known beforehand."""
    for_good = exits[exits["reason"].isin(["death", "moved away"])].set_index("person")["from_on"]
    clients = clients.assign(client_id=[f"C{number:05d}" for number in range(1, len(clients) + 1)], left_on=clients["person"].map(for_good))
    indexed = clients["referred_on"]
    is_known = count_between(clients, untreated, months_before=claim.months) > 0
    is_in_period = (indexed >= pd.Timestamp(claim.referred_from)) & (indexed + pd.DateOffset(months=claim.months) <= pd.Timestamp(claim.complete_by))
    return clients.assign(
        is_reachable=~(clients["left_on"] <= indexed + pd.Timedelta(days=DAYS_TO_FIRST_CONTACT)),
        is_triggered=count_between(clients, untreated, months_before=TRIGGER_MONTHS) > 0,
        could_be_claimed=is_known & is_in_period,
    )


def count_between(clients: pd.DataFrame, events: pd.DataFrame, months_before: int = 0, months_after: int = 0) -> np.ndarray:
    """Return each client's events from `months_before` referral up to the day before it, or from the day after to `months_after`."""
    joined = events[["person", "day"]].merge(clients[["person", "referred_on"]], on="person", validate="many_to_one")
    if months_before:
        start = clients["referred_on"] - pd.DateOffset(months=months_before)
        inside = (joined["day"] >= joined["person"].map(dict(zip(clients["person"], start)))) & (joined["day"] < joined["referred_on"])
    else:
        end = clients["referred_on"] + pd.DateOffset(months=months_after)
        inside = (joined["day"] > joined["referred_on"]) & (joined["day"] <= joined["person"].map(dict(zip(clients["person"], end))))
    return joined[inside].groupby("person").size().reindex(clients["person"], fill_value=0).to_numpy(np.int64)


def under_the_scheme(untreated: pd.DataFrame, supported_from: np.ndarray, true_irr: float, rng) -> pd.DataFrame:
    """Return the contacts that people make with the scheme: thinned, or added to, from the day in `supported_from` on."""
    is_supported = untreated["day"].to_numpy() >= supported_from[untreated["person"]]
    kept = untreated[~is_supported | (untreated["draw"].to_numpy() < true_irr)]
    n_more = np.where(is_supported, rng.poisson(max(0.0, true_irr - 1), len(untreated)), 0)
    more = untreated.loc[untreated.index.repeat(n_more)]
    return pd.concat([kept, more]).sort_values(["day", "person"], kind="stable", ignore_index=True)


def client_outcomes(clients: pd.DataFrame, untreated: pd.DataFrame, actual: pd.DataFrame) -> pd.DataFrame:
    """Return a row per referred person: index_on, is_engaged, is_triggered, in_claim and the contacts in the 12 months after
    the index day with the scheme and without it (n_after_with, n_after_without)."""
    return pd.DataFrame({
        "person": clients["person"],
        "index_on": clients["referred_on"],
        "is_engaged": clients["is_engaged"],
        "is_triggered": clients["is_triggered"],
        "in_claim": clients["is_engaged"] & clients["could_be_claimed"],
        "n_after_with": count_between(clients, actual, months_after=OUTCOME_MONTHS),
        "n_after_without": count_between(clients, untreated, months_after=OUTCOME_MONTHS),
    })


def naive_figures(world: dict[str, pd.DataFrame], months: int) -> dict[str, float]:
    """Return what the published claim counts, on the true links of its cohort over `months` before and after.

    n_people; fall (share of contacts per client that went away); none and one_or_two (share of clients with no, and with
    one or two, incidents as a caller afterwards); before and after (incidents per client).
    """
    cohort = world["outcomes"].query("in_claim")
    rows = world["contacts"].merge(cohort[["true_person_id", "index_on"]], on="true_person_id", validate="many_to_one")
    rows = rows[rows["duplicate_of"].isna()]
    day = rows["received_at"].dt.normalize()
    before = (day < rows["index_on"]) & (day >= rows["index_on"] - pd.DateOffset(months=months))
    after = (day > rows["index_on"]) & (day <= rows["index_on"] + pd.DateOffset(months=months))
    n_before, n_after = (len(rows[inside].drop_duplicates(["true_person_id", "incident_id"])) for inside in (before, after))
    called = rows[after & (rows["role"] == "caller")].groupby("true_person_id")["incident_id"].nunique()
    called = called.reindex(cohort["true_person_id"], fill_value=0)
    return {
        "n_people": len(cohort),
        "fall": 1 - n_after / n_before,
        "none": (called == 0).mean(),
        "one_or_two": called.between(1, 2).mean(),
        "before": n_before / len(cohort),
        "after": n_after / len(cohort),
    }


def true_tables(world: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the identifier-free tables that stages 01 and 02 would make if every contact were linked to its true person:
    contact_facts, links, persons, person_exits, referral_facts."""
    contacts, people, exits = world["contacts"], world["people"], world["exits"]
    facts = contacts.assign(is_attended=contacts["attended"].astype(bool), is_duplicate=contacts["duplicate_of"].notna())
    columns = ["contact_id", "incident_id", "received_at", "service", "channel", "opening_code", "closing_code", "role", "is_attended", "officer_minutes", "is_duplicate"]
    n_contacts = contacts.groupby("true_person_id").size()
    persons = people.assign(
        person_id=people["true_person_id"],
        register_probability=people["client_id"].notna().astype(float).where(people["client_id"].notna()),
        birth_year=people["born_on"].dt.year.astype("Int64"),
        n_contacts=people["true_person_id"].map(n_contacts).fillna(0).astype("int64"),
    )
    persons = persons[(persons["n_contacts"] > 0) | persons["client_id"].notna()]
    referral_columns = ["referral_id", "client_id", "referred_on", "referral_source", "primary_need", "accepted", "first_contact_on", "closed_on", "closure_reason"]
    return {
        "contact_facts": facts[columns].sort_values("contact_id", ignore_index=True),
        "links": contacts[["contact_id"]].assign(person_id=contacts["true_person_id"], match_probability=1.0).sort_values("contact_id", ignore_index=True),
        "persons": persons[["person_id", "client_id", "register_probability", "sex", "birth_year", "area", "n_contacts"]].sort_values("person_id", ignore_index=True),
        "person_exits": exits.rename(columns={"true_person_id": "person_id"}).sort_values(["person_id", "from_on"], ignore_index=True),
        "referral_facts": world["referrals"][referral_columns].sort_values("referral_id", ignore_index=True),
    }
