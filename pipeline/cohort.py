"""Who is compared with whom: time zero, eligibility, the claim cohort and the comparison person-trials.

Sequential trials (Hernan & Robins 2016; Danaei et al. 2013) with risk sets as in Li, Propert & Rosenbaum (2001): each
month of referral is a trial of those referred in it against everyone not referred by then who made contact as
recently. Builds on pipeline.demand.

`study`, `claim` and `panel` are anything with the values of those sections of params.yaml as attributes.
"""

import duckdb
import numpy as np
import pandas as pd

from pipeline.demand import incidents_of_people
from pipeline.errors import InputError

# Whoever cannot make contact on the index day (dead, moved away, in custody, in hospital) enters neither arm.
NOT_AT_RISK = """
    EXISTS (SELECT 1 FROM person_exits AS spell
            WHERE spell.person_id = trial.person_id AND spell.from_on <= trial.index_on
              AND (spell.reason = 'death' OR coalesce(spell.to_on, DATE '9999-12-31') >= trial.index_on))
"""
# From so many people on, exits in one arm and none in the other are taken for a hole in the extract.
ENOUGH_TO_EXPECT_EXITS = 20
# Nobody in Britain has been known to live longer; ages beyond are mistakes of typing.
OLDEST = 115


def build_cohort(links, persons, person_exits, contact_facts, referral_facts, study, claim, panel) -> pd.DataFrame:
    """Return the cohort, one row per person-trial, before weighting (columns: see join_arms).

    The whole of this module in one call, for stages that rebuild the cohort under other choices.
    Raises InputError as describe_referred, check_exits and check_size do.
    """
    incidents = incidents_of_people(links, contact_facts)
    referred = describe_referred(referral_facts, persons, person_exits, incidents, study, claim, panel)
    comparisons = draw_comparisons(incidents, referred, person_exits, study, panel)
    cohort = join_arms(referred, comparisons, incidents, persons, panel)
    check_exits(cohort, person_exits, persons)
    return check_size(cohort, panel.minimum_cohort)


def first_referrals(referral_facts: pd.DataFrame, claim_months: int, months_after: int) -> pd.DataFrame:
    """Return one row per client: client_id, index_on (the first referral ever, accepted or not: time zero), its
    primary_need and referral_source, n_referrals, is_accepted (any referral), is_engaged and is_engaged_in_claim
    (a first contact within months_after, or claim_months, of time zero, whichever referral led to it)."""
    ordered = referral_facts.sort_values(["client_id", "referred_on", "referral_id"])
    clients = ordered.groupby("client_id", sort=True)
    table = clients.agg(index_on=("referred_on", "min"), n_referrals=("referral_id", "size"), is_accepted=("accepted", "any"))
    table[["primary_need", "referral_source"]] = ordered.drop_duplicates("client_id").set_index("client_id")[["primary_need", "referral_source"]]
    index_on = ordered["client_id"].map(table["index_on"])
    for name, months in [("is_engaged", months_after), ("is_engaged_in_claim", claim_months)]:
        within = ordered["first_contact_on"].between(index_on, index_on + pd.DateOffset(months=months))
        table[name] = within.groupby(ordered["client_id"]).any()
    table["is_accepted"] = table["is_accepted"].astype(bool)
    return table.reset_index()


def describe_referred(referral_facts, persons, person_exits, incidents, study, claim, panel) -> pd.DataFrame:
    """Return one row per client ever referred, with each condition that the two flows of attrition ask for.

    The columns of first_referrals, person_id (missing when the register holds the person under an earlier client_id too) and
    the flags is_distinct (has a person_id),
    is_in_study (first referral within the study's dates), is_observed and is_observed_in_claim (the contact extract
    covers the months before and after), is_linked (a contact before time zero, however long before),
    is_linked_in_claim (one in the accounting period before, so that there is something to fall), is_at_risk (alive,
    in the area, not in custody and not in hospital on the index day), is_recent (a contact within trigger_months, or not asked for),
    is_claim_period (referred and accounting period complete within the claim's dates), is_triggered (all that the
    comparison asks for) and in_claim. Raises InputError when the windows lie outside the extract for too many referred people.
    """
    table = first_referrals(referral_facts, claim.months, panel.months_after)
    known = persons.loc[persons["client_id"].notna(), ["client_id", "person_id"]]
    table = table.merge(known, on="client_id", how="left", validate="one_to_one")
    index_on = table["index_on"]
    table["is_distinct"] = table["person_id"].notna()
    table["is_in_study"] = index_on.between(*days(study.referrals_from, study.referrals_to))
    table["is_observed"] = covers(study, index_on, panel.months_before, panel.months_after)
    table["is_observed_in_claim"] = covers(study, index_on, claim.months, claim.months)
    last = last_contacts(table, incidents, person_exits)
    table["is_linked"] = last["last_on"].notna()
    table["is_at_risk"] = last["is_at_risk"].astype(bool)
    table["is_linked_in_claim"] = last["last_on"] >= index_on - pd.DateOffset(months=claim.months)
    recent = last["last_on"] >= index_on - pd.DateOffset(months=panel.trigger_months)
    table["is_recent"] = recent | (not panel.needs_recent_contact)
    claim_from, complete_by = days(claim.referred_from, claim.complete_by)
    table["is_claim_period"] = (index_on >= claim_from) & (index_on + pd.DateOffset(months=claim.months) <= complete_by)
    table["is_triggered"] = table[["is_in_study", "is_distinct", "is_observed", "is_linked", "is_at_risk", "is_recent"]].all(axis=1)
    of_the_claim = ["is_in_study", "is_distinct", "is_accepted", "is_engaged_in_claim", "is_claim_period", "is_observed_in_claim", "is_linked_in_claim"]
    table["in_claim"] = table[of_the_claim].all(axis=1)
    check_window(table, study, panel)
    return table


def days(*dates) -> list[pd.Timestamp]:
    """Return dates, or their ISO text, as timestamps."""
    return [pd.Timestamp(date) for date in dates]


def covers(study, index_on: pd.Series, months_before: int, months_after: int) -> pd.Series:
    """Return whether the contact extract covers the months before and after each index day."""
    first, last = days(study.contacts_from, study.contacts_to)
    return (index_on - pd.DateOffset(months=months_before) >= first) & (index_on + pd.DateOffset(months=months_after) <= last)


def last_contacts(trials: pd.DataFrame, incidents: pd.DataFrame, person_exits: pd.DataFrame) -> pd.DataFrame:
    """Return per row of `trials` (person_id, index_on) last_on, the last contact before the index day, and is_at_risk."""
    con = connect(incidents=incidents[["person_id", "received_on"]], person_exits=person_exits)
    con.register("trials", trials[["person_id", "index_on"]].assign(row_number=np.arange(len(trials))))
    return con.sql(f"""
        SELECT max(received_on)::TIMESTAMP AS last_on, NOT any_value(is_away) AS is_at_risk
        FROM (SELECT person_id, index_on, row_number, {NOT_AT_RISK} AS is_away FROM trials AS trial) AS trial
        LEFT JOIN incidents ON incidents.person_id = trial.person_id AND received_on < index_on
        GROUP BY row_number ORDER BY row_number
    """).df()


def check_window(referred: pd.DataFrame, study, panel) -> None:
    """Raise InputError when the extract covers the windows of too small a share of the people referred."""
    in_study = referred[referred["is_in_study"]]
    if in_study.empty:
        raise InputError(
            f"params.yaml, study: nobody was first referred between {study.referrals_from} and {study.referrals_to}. "
            "Set referrals_from and referrals_to to the dates of the referral register."
        )
    if in_study["is_observed"].mean() < panel.minimum_observed:
        first = (pd.Timestamp(study.contacts_from) + pd.DateOffset(months=panel.months_before)).date()
        last = (pd.Timestamp(study.contacts_to) - pd.DateOffset(months=panel.months_after)).date()
        raise InputError(
            f"params.yaml, panel: {panel.months_before} months before and {panel.months_after} months after lie outside the contact extract "
            f"({study.contacts_from} to {study.contacts_to}) for more than {1 - panel.minimum_observed:.0%} of the referred: it can follow "
            f"first referrals from {first} to {last} only. Shorten months_before or months_after, or bring a longer contact extract."
        )


def draw_comparisons(incidents, referred, person_exits, study, panel) -> pd.DataFrame:
    """Return the comparison person-trials: person_id, index_month, index_on.

    In every month with a triggered referral, each person in the contact records is dealt a day of that month; eligible
    is who by that day was not referred, made contact within trigger_months (where needs_recent_contact) and could make contact on that day.
    At most comparisons_per_month of them are drawn. Day and draw come from a hash of seed, month and person,
    so that one more person in the data changes nobody else's.
    """
    months = referred.loc[referred["is_triggered"], "index_on"].dt.to_period("M").drop_duplicates().dt.to_timestamp()
    # Where no recent contact is asked for, one before the index day will do, as it does for the referred.
    reach = f"INTERVAL {int(panel.trigger_months)} MONTH" if panel.needs_recent_contact else "INTERVAL 1000 YEAR"
    con = connect(incidents=incidents[["person_id", "received_on"]], person_exits=person_exits)
    con.register("months", months.to_frame("index_month"))
    con.register("referred", referred.loc[referred["person_id"].notna(), ["person_id", "index_on"]])
    return con.sql(f"""
        WITH contact_days AS (SELECT DISTINCT person_id, received_on FROM incidents),
        candidates AS (  -- a contact in the month or up to trigger_months before it: the trigger itself is checked below
            SELECT DISTINCT person_id, index_month::DATE AS index_month
            FROM contact_days JOIN months
              ON received_on >= index_month - {reach} AND received_on < index_month + INTERVAL 1 MONTH
        ),
        spans AS (
            SELECT *, greatest(index_month, DATE '{study.referrals_from}') AS first_day,
                   least(last_day(index_month), DATE '{study.referrals_to}') AS last_day,
                   '{int(panel.seed)}|' || index_month || '|' || person_id AS ticket
            FROM candidates
        ),
        dealt AS (
            SELECT person_id, index_month, md5_number_upper(ticket) AS place,
                   first_day + (md5_number_lower(ticket) % (last_day - first_day + 1)::UBIGINT)::INTEGER AS index_on
            FROM spans
        ),
        recent AS (
            SELECT dealt.* FROM dealt ASOF JOIN contact_days
              ON dealt.person_id = contact_days.person_id AND dealt.index_on > contact_days.received_on
            WHERE contact_days.received_on >= dealt.index_on - {reach}
        ),
        eligible AS (
            SELECT * FROM recent AS trial
            WHERE NOT {NOT_AT_RISK}
              AND NOT EXISTS (SELECT 1 FROM referred WHERE referred.person_id = trial.person_id AND referred.index_on <= trial.index_on)
        )
        SELECT person_id, index_month::TIMESTAMP AS index_month, index_on::TIMESTAMP AS index_on FROM eligible
        QUALIFY row_number() OVER (PARTITION BY index_month ORDER BY place, person_id) <= {int(panel.comparisons_per_month)}
        ORDER BY index_month, person_id
    """).df()


def connect(incidents: pd.DataFrame, person_exits: pd.DataFrame) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection that sees the incidents and the exits, the reasons in plain lower case."""
    con = duckdb.connect()
    con.register("incidents", incidents)
    spells = person_exits[["person_id", "from_on", "to_on"]].assign(reason=person_exits["reason"].astype("str").str.lower().str.replace("_", " "))
    con.register("person_exits", spells.astype({"person_id": "str", "from_on": "datetime64[us]", "to_on": "datetime64[us]"}))
    return con


def join_arms(referred, comparisons, incidents, persons, panel) -> pd.DataFrame:
    """Return the cohort: both arms with their covariates on the index day, one row per person-trial.

    Of the referred, everyone in the comparison or the claim and those without a recent contact. Columns: trial_id,
    person_id, arm (referred or not_yet_referred), is_engaged, is_triggered, in_claim, index_month, index_on, age
    (years; missing where the birth year is), sex, area, the lag columns, n_recent, n_last_days, days_since_contact, share_caller, share_101,
    primary_need, referral_source, next_referred_on (the later first referral of a comparison person).
    """
    followed = referred["is_in_study"] & referred["is_observed"] & referred["is_linked"] & referred["is_at_risk"]
    treated = referred[followed | referred["in_claim"]].assign(arm="referred")
    treated = treated.assign(index_month=treated["index_on"].dt.to_period("M").dt.to_timestamp())
    later = referred.loc[referred["person_id"].notna(), ["person_id", "index_on"]].rename(columns={"index_on": "next_referred_on"})
    waiting = comparisons.merge(later, on="person_id", how="left", validate="many_to_one")
    waiting = waiting.assign(arm="not_yet_referred", is_engaged=False, is_triggered=True, in_claim=False)
    trials = pd.concat([treated, waiting], ignore_index=True)
    trials = trials.sort_values(["index_month", "arm", "person_id"], ascending=[True, False, True], ignore_index=True)
    trials["trial_id"] = np.arange(1, len(trials) + 1, dtype="int32")
    trials = trials.merge(persons[["person_id", "birth_year", "sex", "area"]], on="person_id", how="left", validate="many_to_one")
    age = trials["index_on"].dt.year - trials["birth_year"].astype("float64")
    # A mistyped year of birth would count as an extreme person, and the weights follow extremes.
    trials["age"] = age.where(age.between(0, OLDEST))
    trials = trials.merge(trajectories(trials, incidents, panel), on="trial_id", validate="one_to_one")
    return trials[
        ["trial_id", "person_id", "arm", "is_engaged", "is_triggered", "in_claim", "index_month", "index_on", "age", "sex", "area"]
        + [name for name, _, _ in lag_spans(panel)]
        + ["n_recent", "n_last_days", "days_since_contact", "share_caller", "share_101", "primary_need", "referral_source", "next_referred_on"]
    ].astype({"is_engaged": bool, "is_triggered": bool, "in_claim": bool})


def lag_spans(panel) -> list[tuple[str, int, int]]:
    """Return (column, first month, last month) of each span before time zero that lag_edges cut within months_before."""
    edges = [edge for edge in panel.lag_edges if edge <= panel.months_before]
    return [(f"n_lag_{first}_{last}", first, last) for first, last in zip([1] + [edge + 1 for edge in edges], edges)]


def trajectories(trials: pd.DataFrame, incidents: pd.DataFrame, panel) -> pd.DataFrame:
    """Return per trial_id what is known of the person's contacts before the index day, which itself does not count.

    A lag column per span of months, counted back from the index day; n_recent within trigger_months; n_last_days within last_days; days_since_contact; share_caller and share_101 of
    the contacts within months_before (missing without any).
    """
    con = duckdb.connect()
    # Days by datediff: DuckDB holds an interval of 30 days and one of a month to be equal and works out only one of them.
    con.register("trials", trials[["trial_id", "person_id", "index_on"]])
    con.register("incidents", incidents[["person_id", "received_on", "is_caller", "is_101"]])
    lags = ", ".join(
        f"count(*) FILTER (received_on >= index_on - INTERVAL {last} MONTH AND received_on < index_on - INTERVAL {first - 1} MONTH) AS {name}"
        for name, first, last in lag_spans(panel)
    )
    within = f"received_on >= index_on - INTERVAL {int(panel.months_before)} MONTH"
    return con.sql(f"""
        SELECT trial_id, {lags},
               count(*) FILTER (received_on >= index_on - INTERVAL {int(panel.trigger_months)} MONTH) AS n_recent,
               count(*) FILTER (datediff('day', received_on, index_on) <= {int(panel.last_days)})::DOUBLE AS n_last_days,
               datediff('day', max(received_on), any_value(index_on))::DOUBLE AS days_since_contact,
               count(*) FILTER ({within} AND is_caller) / nullif(count(*) FILTER ({within}), 0) AS share_caller,
               count(*) FILTER ({within} AND is_101) / nullif(count(*) FILTER ({within}), 0) AS share_101
        FROM trials LEFT JOIN incidents ON incidents.person_id = trials.person_id AND received_on < index_on
        GROUP BY trial_id ORDER BY trial_id
    """).df()


def check_exits(cohort: pd.DataFrame, person_exits: pd.DataFrame, persons: pd.DataFrame) -> None:
    """Raise InputError when exits are known for the referred and for nobody else, or the other way round."""
    clients = persons.loc[persons["client_id"].notna(), "person_id"]
    people = cohort["person_id"].drop_duplicates()
    is_client, has_exit = people.isin(clients), people.isin(person_exits["person_id"])
    for known, words in [(is_client, "people on the referral register"), (~is_client, "people who are not on the referral register")]:
        enough = min((has_exit & known).sum(), (~known).sum()) >= ENOUGH_TO_EXPECT_EXITS
        if enough and not (has_exit & ~known).any():
            raise InputError(
                f"Extract exits: holds exits of {words} only. Deaths and moves known for one arm alone bias the comparison: "
                "bring the exits of everyone in the contact records, or leave the extract out."
            )


def check_size(cohort: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Return `cohort`; raise InputError when an arm of the comparison has too few people or the claim has none."""
    check_arms(cohort, minimum)
    if not cohort["in_claim"].any():
        raise InputError(
            "Cohort, claim: nobody was accepted (referrals.csv, accepted), engaged (first_contact_on within claim.months of the first referral), "
            "referred within the claim's dates and known to the police before. Check these columns, and the section claim of params.yaml."
        )
    return cohort


def check_arms(cohort: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Return `cohort`; raise InputError when an arm of the comparison has too few people."""
    triggered = cohort[cohort["is_triggered"]]
    people = triggered.groupby("arm")["person_id"].nunique().reindex(["referred", "not_yet_referred"], fill_value=0)
    InputError.collect([
        f"Cohort, {arm}: fewer than {minimum} people (panel.minimum_cohort) with a contact shortly before time zero. "
        "Widen the study's dates or panel.trigger_months, or check that the extracts belong together."
        for arm in people.index[people < minimum]
    ])
    return cohort
