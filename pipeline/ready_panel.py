"""A ready person-month panel: its two forms, what may not be in it, and its people as the trials of an evaluation.

Relative form: `month` is an integer, months from time zero (0 is the first month after), one set of rows per person
and index_month; the trials are those of the panel. Calendar form: `month` is a calendar month, one row per person and
month, index_month blank for those never referred; each month of referral becomes a trial of those referred in it
against everyone not referred by then (sequential trials as in pipeline.cohort), at the resolution of months: the month
of referral belongs to neither side, month 0 is the month after it and lags count back from the month before it.

Months are counted as year * 12 + month - 1 where they are reckoned with. Builds on pipeline.month_grid and pipeline.cohort.
"""

from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd

from pipeline.cohort import OLDEST, check_arms, lag_spans
from pipeline.errors import InputError
from pipeline.month_grid import Grid, build_month_panel, columns_around, make_grid, take_around, trajectories

COVARIATES = ["sex", "birth_year", "age", "area", "primary_need", "referral_source"]
EXTRA = "covariate_"
# Columns of the table that are no outcome and no covariate.
KEYS = ["person_id", "arm", "is_engaged", "index_month", "month", "exposure_days"]
COHORT = ["trial_id", "person_id", "arm", "is_engaged", "is_triggered", "in_claim", "index_month", "index_on", "age", "sex", "area"]


class ReadyPanel(NamedTuple):
    """A ready panel as `trials` (relative form) or `people` to draw trials from (calendar form), rows of `grid`.

    `first` is the month of the grid's first column in the calendar form, and None in the relative form.
    """

    people: pd.DataFrame
    grid: Grid
    first: int | None


def outcomes_in(frame: pd.DataFrame) -> list[str]:
    """Return the outcome columns of a table of months: those that are neither key nor covariate, in their order."""
    return [name for name in frame.columns if name not in [*KEYS, *COVARIATES] and not name.startswith(EXTRA)]


def count_months(months: pd.Series) -> pd.Series:
    """Return calendar months as whole numbers, year * 12 + month - 1; missing ones as -1."""
    return (months.dt.year * 12 + months.dt.month - 1).fillna(-1).astype("int64")


def to_month(number) -> pd.DatetimeIndex:
    """Return the first days of months that count_months counted."""
    number = np.asarray(number)
    return pd.DatetimeIndex((number - 1970 * 12).astype("datetime64[M]")).as_unit("us")


def take_panel(ready_panel: pd.DataFrame, calendar_panel: pd.DataFrame, study) -> ReadyPanel:
    """Return the panel that has rows, as a grid; of a calendar panel the months that `study` calls complete.

    Raises InputError when the calendar panel does not reach as far as the study does.
    """
    if len(calendar_panel):
        return take_calendar(calendar_panel, study)
    keys = ["person_id", "index_month", "arm"]
    row = ready_panel.groupby(keys, sort=True).ngroup().to_numpy()
    earliest = int(ready_panel["month"].min())
    shape = (row.max() + 1, int(ready_panel["month"].max()) - earliest + 1)
    grid = make_grid(row, ready_panel["month"].to_numpy() - earliest, ready_panel, outcomes_in(ready_panel), shape)
    people = facts_of(ready_panel, keys).assign(row=np.arange(shape[0]), before=-earliest, after=-earliest)
    return ReadyPanel(people, grid, None)


def take_calendar(calendar_panel: pd.DataFrame, study) -> ReadyPanel:
    """Return a calendar panel as a grid of people and calendar months within the study's dates."""
    found = calendar_panel["month"].min(), calendar_panel["month"].max()
    from_month, to_month_ = (pd.Timestamp(day).to_period("M").to_timestamp() for day in (study.contacts_from, study.contacts_to))
    if found[0] > from_month or found[1] < to_month_:
        raise InputError(
            f"Extract panel: holds the months {found[0]:%Y-%m} to {found[1]:%Y-%m}, and study asks for {from_month:%Y-%m} to {to_month_:%Y-%m}. Set study.contacts_from "
            f'and study.contacts_to in params.yaml, for example to "{found[0].date()}" and "{(found[1] + pd.offsets.MonthEnd(0)).date()}".'
        )
    months = calendar_panel[calendar_panel["month"].between(from_month, to_month_)]
    # People whose rows all lie outside the study keep no row and are nobody's comparison.
    row = months.groupby("person_id", sort=True).ngroup().to_numpy()
    first, last = int(count_months(pd.Series([from_month]))[0]), int(count_months(pd.Series([to_month_]))[0])
    grid = make_grid(row, count_months(months["month"]).to_numpy() - first, months, outcomes_in(months), (row.max() + 1, last - first + 1))
    people = facts_of(months, ["person_id"]).assign(row=np.arange(row.max() + 1))
    return ReadyPanel(people.assign(index=count_months(people["index_month"])), grid, first)


def facts_of(months: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return what does not change within `keys`, sorted by them: index_month, arm, is_engaged and covariates, of each the first that is not missing."""
    names = [name for name in months.columns if name in [*KEYS, *COVARIATES] or name.startswith(EXTRA)]
    names = [name for name in names if name not in (*keys, "month", "exposure_days")]
    return months.groupby(keys, sort=True)[names].first().reset_index()


def describe_panel_people(ready: ReadyPanel, study, claim, panel) -> pd.DataFrame:
    """Return one row per person referred, with what the flow of attrition asks for.

    The columns of ready.people, before and after (the grid's columns at time zero), n_referrals (1), and the flags is_in_study,
    is_observed, is_at_risk (exposed in the month before time zero and, in the calendar form, in the month of
    referral), is_recent (a contact within trigger_months, or not asked for), is_triggered, in_claim (engaged, referred
    and followed within the claim's dates, with a contact in the period before; False where engaging is unknown).
    Raises InputError when nobody was referred within the study or the panel covers too few of them.
    """
    is_referred = ready.people["arm"] == "referred"
    referred = place_trials(ready, ready.people[is_referred].reset_index(drop=True), None).assign(n_referrals=1)
    from_month, until_month = (pd.Timestamp(day).to_period("M").to_timestamp() for day in (study.referrals_from, study.referrals_to))
    referred["is_in_study"] = referred["index_month"].between(from_month, until_month)
    referred = referred.assign(**conditions(ready, referred, panel))
    referred["is_triggered"] = referred[["is_in_study", "is_observed", "is_at_risk", "is_recent"]].all(axis=1)
    claim_from, complete_by = (pd.Timestamp(day) for day in (claim.referred_from, claim.complete_by))
    # At the resolution of months the accounting period ends with its last whole month.
    complete = referred["index_month"] + pd.DateOffset(months=claim.months + (ready.first is not None)) - pd.Timedelta(days=1)
    is_claim_period = (referred["index_month"] >= claim_from) & (complete <= complete_by)
    counted = is_followed(ready, referred, claim.months, claim.months) & has_contact(ready, referred, claim.months)
    referred["in_claim"] = referred["is_engaged"].fillna(False).astype(bool) & referred["is_in_study"] & is_claim_period & counted
    check_cover(referred, panel)
    return referred


def place_trials(ready: ReadyPanel, people: pd.DataFrame, month) -> pd.DataFrame:
    """Return rows of ready.people with before and after; in the calendar form those around `month`, or around their own when None."""
    if ready.first is None:
        return people
    index = people["index"] if month is None else month
    return people.assign(before=index - ready.first, after=index - ready.first + 1)


def conditions(ready: ReadyPanel, trials: pd.DataFrame, panel) -> dict[str, np.ndarray]:
    """Return is_observed, is_at_risk and is_recent of each of `trials`: the same rules for both arms."""
    exposed = np.nan_to_num(take_around(ready.grid.exposure, trials, np.array([-1])))[:, 0] > 0
    if ready.first is not None:
        in_month = trials.assign(after=trials["before"])
        exposed &= np.nan_to_num(take_around(ready.grid.exposure, in_month, np.array([0])))[:, 0] > 0
    is_recent = has_contact(ready, trials, panel.trigger_months) if panel.needs_recent_contact else np.ones(len(trials), bool)
    return {"is_observed": is_followed(ready, trials, panel.months_before, panel.months_after), "is_at_risk": exposed, "is_recent": is_recent}


def is_followed(ready: ReadyPanel, trials: pd.DataFrame, months_before: int, months_after: int) -> np.ndarray:
    """Return whether the panel covers the months before and after time zero of each of `trials`.

    Before, the person must have a row in the earliest month. After, the relative form must have a row in the last
    month; in the calendar form the panel must reach that far: whoever has no rows by then left, which ends exposure.
    """
    ends = np.array([-months_before, months_after - 1])
    rows = ~np.isnan(take_around(ready.grid.exposure, trials, ends))
    columns = columns_around(trials, ends)
    reaches = columns[:, 1] < ready.grid.exposure.shape[1]
    return rows[:, 0] & (rows[:, 1] if ready.first is None else reaches)


def has_contact(ready: ReadyPanel, trials: pd.DataFrame, months: int) -> np.ndarray:
    """Return whether each of `trials` has a contact within so many months before time zero."""
    return np.nan_to_num(take_around(ready.grid.outcomes["n_contacts"], trials, np.arange(-months, 0))).any(axis=1)


def check_cover(referred: pd.DataFrame, panel) -> None:
    """Raise InputError when nobody was referred within the study's dates, or the panel covers too few of those who were."""
    in_study = referred[referred["is_in_study"]]
    if in_study.empty:
        months = referred["index_month"].dropna()
        found = f"from {months.min():%Y-%m} to {months.max():%Y-%m}" if len(months) else "for nobody"
        raise InputError(f"params.yaml, study: nobody's index_month lies within referrals_from and referrals_to; the panel has index_month {found}. Set the dates accordingly.")
    if in_study["is_observed"].mean() < panel.minimum_observed:
        raise InputError(
            f"params.yaml, panel: the panel extract does not hold the {panel.months_before} months before and {panel.months_after} months after for more than "
            f"{1 - panel.minimum_observed:.0%} of the referred. Shorten months_before (and lag_edges) or months_after, narrow study.referrals_from and referrals_to, or bring a longer panel."
        )


def draw_panel_comparisons(ready: ReadyPanel, referred: pd.DataFrame, panel) -> pd.DataFrame:
    """Return the comparison trials: rows of ready.people with before, after and the index_month of the trial.

    Relative form: the panel's own comparison rows that meet the conditions of the referred. Calendar form: in each month with
    a triggered referral everyone who meets them and was not referred up to and in that month; people referred later
    stay eligible until then. At most comparisons_per_month are drawn, by a hash of seed, month and person.
    """
    if ready.first is None:
        others = ready.people[ready.people["arm"] == "not_yet_referred"]
        return draw(others[np.logical_and.reduce(list(conditions(ready, others, panel).values()))], panel)
    months = np.sort(referred.loc[referred["is_triggered"], "index"].unique())
    waiting = []
    for month in months:
        free = ready.people[(ready.people["index"] < 0) | (ready.people["index"] > month)]
        trials = place_trials(ready, free, month)
        kept = trials[np.logical_and.reduce(list(conditions(ready, trials, panel).values()))]
        waiting.append(kept.assign(own_month=kept["index_month"], index_month=to_month(np.full(len(kept), month))))
    return draw(pd.concat(waiting, ignore_index=True), panel) if waiting else ready.people.head(0).assign(before=0, after=0)


def draw(candidates: pd.DataFrame, panel) -> pd.DataFrame:
    """Return at most comparisons_per_month of `candidates` in each index_month, so that one more person changes nobody else's draw."""
    con = duckdb.connect()
    con.register("candidates", candidates[["person_id", "index_month"]].assign(place=np.arange(len(candidates))))
    places = con.sql(f"""
        SELECT place FROM candidates
        QUALIFY row_number() OVER (
            PARTITION BY index_month ORDER BY md5_number_upper('{int(panel.seed)}|' || index_month || '|' || person_id), person_id
        ) <= {int(panel.comparisons_per_month)} ORDER BY place
    """).df()["place"]
    return candidates.iloc[places.to_numpy()].reset_index(drop=True)


def join_panel_arms(ready: ReadyPanel, referred: pd.DataFrame, comparisons: pd.DataFrame, panel) -> pd.DataFrame:
    """Return the cohort, one row per person-trial, with the columns of pipeline.cohort.join_arms.

    index_on is the last day of index_month in the calendar form and its first in the relative form; is_engaged is
    missing for the referred where the panel does not say. Further columns `covariate_<name>` hold the covariates that only this panel has.
    Raises InputError when an arm has fewer than minimum_cohort people.
    """
    treated = referred[referred["is_triggered"] | referred["in_claim"]]
    own = own_months(ready)
    waiting = comparisons.assign(arm="not_yet_referred", is_engaged=False, is_triggered=True, in_claim=False)
    trials = pd.concat([treated, waiting], ignore_index=True)
    trials = trials.sort_values(["index_month", "arm", "person_id"], ascending=[True, False, True], ignore_index=True)
    trials["trial_id"] = np.arange(1, len(trials) + 1, dtype="int32")
    later = trials["person_id"].map(own)
    trials["next_referred_on"] = later.where((trials["arm"] == "not_yet_referred") & (later >= trials["index_month"])).astype("datetime64[us]")
    trials["index_on"] = trials["index_month"] + pd.offsets.MonthEnd(0) if ready.first is not None else trials["index_month"]
    trials = trials.assign(**people_facts(trials))
    spans = lag_spans(panel)
    trials = pd.concat([trials, trajectories(trials, ready.grid, spans, panel.trigger_months, panel.months_before)], axis=1)
    extra = [name for name in trials.columns if name.startswith(EXTRA)]
    names = [*COHORT, *(name for name, _, _ in spans), "n_recent", "n_last_days", "days_since_contact", "share_caller", "share_101"]
    cohort = trials[[*names, "primary_need", "referral_source", "next_referred_on", *extra]]
    return check_arms(cohort.astype({"is_engaged": "boolean", "is_triggered": bool, "in_claim": bool}), panel.minimum_cohort)


def own_months(ready: ReadyPanel) -> pd.Series:
    """Return the month in which each person was referred, by person_id, for those who were."""
    referred = ready.people[ready.people["arm"] == "referred"]
    return referred.drop_duplicates("person_id").set_index("person_id")["index_month"]


def people_facts(trials: pd.DataFrame) -> dict[str, pd.Series]:
    """Return age at time zero, sex, area, primary_need and referral_source of each trial, missing where the panel has none."""
    blank = pd.Series(np.nan, index=trials.index)
    age = trials.get("age", blank).astype(float)
    age = age.fillna(trials["index_on"].dt.year - trials.get("birth_year", blank).astype(float))
    texts = {name: trials.get(name, blank).astype("str") for name in ("sex", "area", "primary_need", "referral_source")}
    return {"age": age.where(age.between(0, OLDEST)), **texts}


def build_panel_cohort(ready: ReadyPanel, study, claim, panel) -> pd.DataFrame:
    """Return the cohort before weighting, the whole of this module in one call, for stages that rebuild it under other choices."""
    referred = describe_panel_people(ready, study, claim, panel)
    return join_panel_arms(ready, referred, draw_panel_comparisons(ready, referred, panel), panel)


def months_around(cohort: pd.DataFrame, ready: ReadyPanel, months_before: int, months_after: int, washout_days: int) -> pd.DataFrame:
    """Return the person-months around time zero, by the names of pipeline.panel.build_panel; only outcomes that the panel has."""
    keys = ["person_id"] if ready.first is not None else ["person_id", "index_month", "arm"]
    trials = cohort[["trial_id", "person_id", "index_month", "arm", "next_referred_on"]]
    known = ready.people[[*keys, "row", *(name for name in ("before", "after") if name in ready.people)]]
    trials = trials.merge(known, on=keys, how="left", validate="many_to_one")
    trials = place_trials(ready, trials, count_months(trials["index_month"]))
    if ready.first is not None:
        trials = trials.assign(own=count_months(trials["next_referred_on"]).where(trials["next_referred_on"].notna()) - ready.first)
    return build_month_panel(trials, ready.grid, months_before, months_after, washout_days)
