"""Person-months around time zero: exposure and outcomes.

Months are counted from the index day, not from the calendar month, and the index day belongs to neither side.
Month k >= 0 covers the days d with index_on + k months < d <= index_on + (k + 1) months; month k < 0 covers
index_on + k months <= d < index_on + (k + 1) months. Months past a month's last day end on that last day.
Builds on pipeline.demand.
"""

import duckdb
import numpy as np
import pandas as pd

from pipeline.demand import incidents_of_people

OUTCOMES = ["n_contacts", "n_caller", "n_subject", "n_victim", "n_101", "n_999", "n_attended", "officer_minutes"]
# What lies after the day on which a comparison person is referred themselves, as a part of the column without this ending.
LATER = "_later"
# No exit: a day far behind every window, in days since 1970.
NEVER = 10**6


def build_panel(cohort, links, contact_facts, person_exits, study, months_before, months_after, washout_days) -> pd.DataFrame:
    """Return one row per trial_id and month, -months_before to months_after - 1, sorted by both.

    exposure_days (days of the month on which the person could make contact and the extract would show it) and the
    counts of OUTCOMES on those days, each incident once per person; officer_minutes in minutes. Of each, the column
    with the ending _later is what lies after next_referred_on, the day of a comparison person's own referral. Days up to
    washout_days after the index day do not count. Exposure ends on the day of death or of moving out of the area, not
    at custody or hospital, which may be effects; before time zero it is whole. `study` has contacts_from and contacts_to.
    """
    trials = cohort.reindex(columns=["trial_id", "person_id", "index_on", "next_referred_on"]).sort_values("trial_id", ignore_index=True)
    trials["next_referred_on"] = trials["next_referred_on"].astype("datetime64[us]")
    trials = trials.assign(exit_on=exit_days(trials, person_exits))
    months = np.arange(-months_before, months_after, dtype="int16")
    counts = outcomes_by_month(trials, incidents_of_people(links, contact_facts), months, washout_days, study)
    panel = pd.DataFrame({
        "trial_id": np.repeat(trials["trial_id"].to_numpy(), len(months)),
        "month": np.tile(months, len(trials)),
        "exposure_days": exposure_days(trials, months, washout_days, study).ravel(),
        "exposure_days_later": later_days(trials, months, washout_days, study).ravel(),
    })
    cell = counts["place"].to_numpy() * len(months) + counts["month"].to_numpy() + months_before
    for name in [*OUTCOMES, *(f"{name}{LATER}" for name in OUTCOMES)]:
        values = np.zeros(len(panel), dtype="float64" if name.startswith("officer_minutes") else "int32")
        values[cell] = counts[name].to_numpy()
        panel[name] = values
    return panel


def exit_days(trials: pd.DataFrame, person_exits: pd.DataFrame) -> pd.Series:
    """Return, per row of `trials`, the first day after index_on on which the person was dead or had moved away (NaT: never)."""
    ends = person_exits[person_exits["reason"].astype("str").str.lower().str.replace("_", " ").isin(["death", "moved away"])]
    spells = trials.merge(ends[["person_id", "from_on"]], on="person_id", how="inner", validate="many_to_many")
    first = spells[spells["from_on"] > spells["index_on"]].groupby("trial_id")["from_on"].min()
    return first.astype("datetime64[us]").reindex(trials["trial_id"]).set_axis(trials.index)


def exposure_days(trials: pd.DataFrame, months: np.ndarray, washout_days: int, study) -> np.ndarray:
    """Return the exposed days as an array with a row per trial and a column per month."""
    return exposed_from(trials, months, day_numbers(trials["index_on"]) + washout_days, study)


def later_days(trials: pd.DataFrame, months: np.ndarray, washout_days: int, study) -> np.ndarray:
    """Return the exposed days after a comparison person's own referral, likewise; none where there is none."""
    days = np.zeros((len(trials), len(months)), "int16")
    again = trials["next_referred_on"].notna().to_numpy()
    if again.any():
        some = trials[again]
        from_day = np.maximum(day_numbers(some["index_on"]) + washout_days, day_numbers(some["next_referred_on"]))
        days[again] = np.where(months >= 0, exposed_from(some, months, from_day, study), 0)
    return days


def exposed_from(trials: pd.DataFrame, months: np.ndarray, from_day: np.ndarray, study) -> np.ndarray:
    """Return the exposed days of each month (columns), those after time zero counted from the day after `from_day` on."""
    edges = np.column_stack([day_numbers(trials["index_on"] + pd.DateOffset(months=int(month))) for month in [*months, months[-1] + 1]])
    starts, ends = edges[:, :-1], edges[:, 1:]
    first_day, last_day = (int(pd.Timestamp(day).to_datetime64().astype("datetime64[D]").astype(int)) for day in (study.contacts_from, study.contacts_to))
    last_exposed = np.minimum(np.where(trials["exit_on"].isna(), NEVER, day_numbers(trials["exit_on"])) - 1, last_day)[:, None]
    after = np.minimum(ends, last_exposed) - np.maximum(starts, np.maximum(from_day[:, None], first_day - 1))
    before = np.minimum(ends, last_day + 1) - np.maximum(starts, first_day)
    return np.clip(np.where(months >= 0, after, before), 0, None).astype("int16")


def day_numbers(dates: pd.Series) -> np.ndarray:
    """Return dates as days since 1970."""
    return dates.to_numpy("datetime64[D]").astype("int64")


def outcomes_by_month(trials: pd.DataFrame, incidents: pd.DataFrame, months: np.ndarray, washout_days: int, study) -> pd.DataFrame:
    """Return the non-empty person-months: place (row of `trials`), month, OUTCOMES and the part of each that lies after the own referral."""
    later = ", ".join(f"{total_of(name, 'is_later')} AS {name}{LATER}" for name in OUTCOMES)
    con = duckdb.connect()
    con.register("trials", trials.assign(place=np.arange(len(trials))))
    con.register("incidents", incidents)
    # Minutes are summed as decimals: a sum of floats would turn on the order in which threads finish.
    return con.sql(f"""
        WITH around AS (
            SELECT place, incidents.*, index_on::DATE AS index_on, coalesce(received_on > next_referred_on AND received_on > index_on, false) AS is_later,
                   datediff('month', index_on::DATE, received_on) AS steps
            FROM trials JOIN incidents USING (person_id)
            WHERE received_on <> index_on::DATE
              AND received_on >= index_on - INTERVAL {int(-months[0])} MONTH
              AND received_on <= index_on + INTERVAL {int(months[-1]) + 1} MONTH
              AND received_on BETWEEN DATE '{study.contacts_from}' AND DATE '{study.contacts_to}'
              AND (received_on < index_on OR datediff('day', index_on::DATE, received_on) > {int(washout_days)})
              AND (received_on < index_on OR received_on < coalesce(exit_on, TIMESTAMP '9999-12-31'))
        ), dated AS (
            -- steps calendar months after index_on, or one fewer where that day of the month is not reached
            SELECT *, steps - CASE
                WHEN received_on > index_on AND received_on > index_on + to_months(steps::INTEGER) THEN 0
                WHEN received_on < index_on AND received_on >= index_on + to_months(steps::INTEGER) THEN 0
                ELSE 1 END AS month
            FROM around
        )
        SELECT place, month, {", ".join(f"{total_of(name)} AS {name}" for name in OUTCOMES)}, {later}
        FROM dated GROUP BY place, month ORDER BY place, month
    """).df()


def total_of(outcome: str, condition: str = "true") -> str:
    """Return the SQL that adds up `outcome` over incidents for which `condition` holds."""
    if outcome == "officer_minutes":
        return f"coalesce(sum(officer_minutes::DECIMAL(12, 2)) FILTER ({condition}), 0)::DOUBLE"
    flag = "true" if outcome == "n_contacts" else outcome.replace("n_", "is_", 1)
    return f"count(*) FILTER ({flag} AND {condition})"


def describe_before(cohort: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """Return what the arms of the comparison look like before time zero: one row per arm.

    arm, n_people, n_trials, n_contacts (unweighted, in all months before) and contacts_per_month (per person-month,
    weighted). What came after is left for the effect stage, so that diagnostics are seen before effects.
    """
    compared = cohort.loc[cohort["is_triggered"], ["trial_id", "person_id", "arm", "weight"]]
    before = panel[panel["month"] < 0].groupby("trial_id", as_index=False).agg(n_contacts=("n_contacts", "sum"), n_months=("month", "size"))
    table = compared.merge(before, on="trial_id", validate="one_to_one")
    table = table.assign(weighted=table["weight"] * table["n_contacts"], weighted_months=table["weight"] * table["n_months"])
    arms = table.groupby("arm", as_index=False).agg(
        n_people=("person_id", "nunique"), n_trials=("trial_id", "size"), n_contacts=("n_contacts", "sum"),
        weighted=("weighted", "sum"), weighted_months=("weighted_months", "sum"),
    )
    return arms.assign(contacts_per_month=arms["weighted"] / arms["weighted_months"]).drop(columns=["weighted", "weighted_months"])
