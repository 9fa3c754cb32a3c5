"""Days on which a person could make no contact although they lived in the area: custody and hospital.

The plan leaves them in the time at risk after time zero, because custody may itself follow from what the scheme does.
Taking them out is a sensitivity.
"""

import pandas as pd

REASONS = ["custody", "hospital"]


def days_at_liberty(months: pd.DataFrame, cohort: pd.DataFrame, person_exits: pd.DataFrame) -> pd.Series:
    """Return exposure_days of each row of `months` from time zero on less the days in custody or hospital, never below zero.

    `months` are person-months (trial_id, month, exposure_days), `cohort` says whose they are and when they begin.
    """
    reason = person_exits["reason"].astype("str").str.lower().str.replace("_", " ")
    spells = person_exits.loc[reason.isin(REASONS), ["person_id", "from_on", "to_on"]].drop_duplicates()
    held = cohort[["trial_id", "person_id", "index_on"]].merge(spells, on="person_id", how="inner", validate="many_to_many")
    n_months = int(months["month"].max()) + 1
    held = held[(held["from_on"] <= held["index_on"] + pd.DateOffset(months=n_months)) & ~(held["to_on"] <= held["index_on"])]
    days = [days_in_month(held, month) for month in range(n_months)]
    if held.empty:
        return months["exposure_days"].astype(float)
    away = pd.concat(days).groupby(["trial_id", "month"], as_index=False)["days_away"].sum()
    joined = months[["trial_id", "month", "exposure_days"]].merge(away, on=["trial_id", "month"], how="left", validate="one_to_one")
    return (joined["exposure_days"] - joined["days_away"].fillna(0)).clip(lower=0).set_axis(months.index)


def days_in_month(held: pd.DataFrame, month: int) -> pd.DataFrame:
    """Return trial_id, month, days_away: the days of each spell of `held` that fall into this month from time zero (pipeline.panel)."""
    first = (held["index_on"] + pd.DateOffset(months=month) + pd.Timedelta(days=1)).clip(lower=held["from_on"])
    last = (held["index_on"] + pd.DateOffset(months=month + 1)).clip(upper=held["to_on"].fillna(pd.Timestamp.max.as_unit("us").normalize()))
    return pd.DataFrame({"trial_id": held["trial_id"], "month": month, "days_away": ((last - first).dt.days + 1).clip(lower=0)})
