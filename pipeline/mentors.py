"""The mentors: how many were recruited, how many were active at a time, how many had lived experience.

Counted from the extract `mentors` alone. It says of a mentor whether they were a client once; nobody's mentor id is
held against a client id, so no person is followed from one to the other. Builds on pipeline.part_counts.
"""

import pandas as pd

from pipeline.part_counts import control_parts

YEARS = ["year", "n_joined", "n_lived"]
QUARTERS = ["ends_on", "n_active", "n_lived"]


def count_mentor_years(mentors: pd.DataFrame, last_day) -> pd.DataFrame:
    """Return `mentor_years` (YEARS): mentors recruited in each year up to `last_day`, and those of them with lived experience.

    Mentors without a joining date are not counted.
    """
    dated = mentors[mentors["joined_on"].le(pd.Timestamp(last_day))]
    if dated.empty:
        return pd.DataFrame({name: pd.Series(dtype="int64") for name in YEARS})
    years = dated["joined_on"].dt.year
    every = range(years.min(), pd.Timestamp(last_day).year + 1)
    joined, lived = years.value_counts().reindex(every, fill_value=0), dated["lived_experience"].groupby(years).sum().reindex(every, fill_value=0)
    return pd.DataFrame({"year": list(every), "n_joined": joined.to_numpy(), "n_lived": lived.to_numpy()})


def count_mentor_quarters(mentors: pd.DataFrame, last_day) -> pd.DataFrame:
    """Return `mentor_quarters` (QUARTERS): mentors active at the end of each quarter, the last of them `last_day`.

    Active is who has joined by that day and not left by it.
    """
    end = pd.Timestamp(last_day)
    joined = mentors["joined_on"].dropna()
    if joined.empty or joined.min() > end:
        return pd.DataFrame({name: pd.Series(dtype="datetime64[us]" if name == "ends_on" else "int64") for name in QUARTERS})
    quarters = pd.period_range(joined.min(), end, freq="Q").end_time.normalize()
    return pd.DataFrame([count_active(mentors, min(day, end)) for day in quarters]).astype({"ends_on": "datetime64[us]"})[QUARTERS]


def count_active(mentors: pd.DataFrame, day: pd.Timestamp) -> dict:
    """Return ends_on (`day`), n_active and n_lived of the mentors active on that day, at its end."""
    active = mentors[mentors["joined_on"].le(day) & ~mentors["left_on"].le(day)]
    return {"ends_on": day, "n_active": len(active), "n_lived": int(active["lived_experience"].sum())}


def control_mentors(mentor_years: pd.DataFrame, mentor_quarters: pd.DataFrame, threshold: int, rounding: int) -> dict[str, pd.DataFrame]:
    """Return both tables under their names, fit for publication: mentors are people too."""
    return {
        "mentor_years": control_parts(mentor_years, "n_joined", ["n_lived"], [], threshold, rounding),
        "mentor_quarters": control_parts(mentor_quarters.assign(day=mentor_quarters["ends_on"]), "n_active", ["n_lived"], ["day"], threshold, rounding)[QUARTERS],
    }
