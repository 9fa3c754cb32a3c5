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

    n_lived is missing where the extract says it of nobody; mentors without a joining date are not counted.
    """
    dated = mentors[mentors["joined_on"].le(pd.Timestamp(last_day))]
    if dated.empty:
        return pd.DataFrame({"year": pd.Series(dtype="int64"), "n_joined": pd.Series(dtype="int64"), "n_lived": pd.Series(dtype="Int64")})
    years = dated["joined_on"].dt.year
    every = range(years.min(), pd.Timestamp(last_day).year + 1)
    joined, lived = years.value_counts().reindex(every, fill_value=0), has_lived(dated).groupby(years).sum().reindex(every, fill_value=0)
    table = pd.DataFrame({"year": list(every), "n_joined": joined.to_numpy(), "n_lived": lived.to_numpy()})
    return blank_if_unsaid(table, mentors)


def count_mentor_quarters(mentors: pd.DataFrame, last_day) -> pd.DataFrame:
    """Return `mentor_quarters` (QUARTERS): mentors active at the end of each quarter, the last of them `last_day`.

    Active is who has joined by that day and not left by it.
    """
    end = pd.Timestamp(last_day)
    joined = mentors["joined_on"].dropna()
    if joined.empty or joined.min() > end:
        return pd.DataFrame({"ends_on": pd.Series(dtype="datetime64[us]"), "n_active": pd.Series(dtype="int64"), "n_lived": pd.Series(dtype="Int64")})
    quarters = pd.period_range(joined.min(), end, freq="Q").end_time.normalize()
    rows = [count_active(mentors, min(day, end)) for day in quarters]
    table = pd.DataFrame(rows).astype({"ends_on": "datetime64[us]", "n_active": "int64"})
    return blank_if_unsaid(table, mentors)[QUARTERS]


def count_active(mentors: pd.DataFrame, day: pd.Timestamp) -> dict:
    """Return ends_on (`day`), n_active and n_lived of the mentors active on that day, at its end."""
    active = mentors[mentors["joined_on"].le(day) & ~mentors["left_on"].le(day)]
    return {"ends_on": day, "n_active": len(active), "n_lived": int(has_lived(active).sum())}


def blank_if_unsaid(table: pd.DataFrame, mentors: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with n_lived missing where the extract says of nobody whether they have lived experience."""
    is_unsaid = pd.Series(mentors["lived_experience"].isna().all(), index=table.index)
    return table.assign(n_lived=table["n_lived"].astype("Int64").mask(is_unsaid))


def has_lived(mentors: pd.DataFrame) -> pd.Series:
    """Return whether each mentor is known to have lived experience."""
    return mentors["lived_experience"].astype("boolean").fillna(False).astype(bool)


def control_mentors(mentor_years: pd.DataFrame, mentor_quarters: pd.DataFrame, threshold: int, rounding: int) -> dict[str, pd.DataFrame]:
    """Return both tables under their names, fit for publication: mentors are people too."""
    return {
        "mentor_years": control_parts(mentor_years, "n_joined", ["n_lived"], [], threshold, rounding),
        "mentor_quarters": control_parts(mentor_quarters.assign(day=mentor_quarters["ends_on"]), "n_active", ["n_lived"], ["day"], threshold, rounding)[QUARTERS],
    }
