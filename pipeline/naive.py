"""The published way of counting: clients before and after, nobody to compare with.

Reproduced because the claim stands on it, and labelled for what it is: people are referred when their demand is
at its peak, so the count must fall with or without a scheme (regression to the mean).
Builds on pipeline.contrasts (the length of a month) and pipeline.resampling.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import DAYS_IN_MONTH
from pipeline.errors import InputError
from pipeline.resampling import normal_interval


def sum_before_after(cohort: pd.DataFrame, panel: pd.DataFrame, months: int, outcomes: list[str]) -> pd.DataFrame:
    """Return one row per member of the claim cohort: person_id, index_month, and per outcome <outcome>_before and _after.

    Also exposure_days_before and exposure_days_after. Both periods are `months` long. Without rows where nobody belongs
    to the claim cohort, as in a panel that does not say who engaged. Raises InputError when the panel is shorter
    than `months` on either side.
    """
    members = cohort.loc[cohort["in_claim"], ["trial_id", "person_id", "index_month"]]
    if panel["month"].min() > -months or panel["month"].max() < months - 1:
        raise InputError(f"Table panel: shorter than claim.months = {months} before or after time zero. Rerun 03_panel.")
    near = panel[panel["trial_id"].isin(members["trial_id"]) & panel["month"].between(-months, months - 1)]
    names = [*outcomes, "exposure_days"]
    sums = near.assign(period=np.where(near["month"] < 0, "before", "after")).groupby(["trial_id", "period"])[names].sum().unstack(fill_value=0)
    sums.columns = [f"{name}_{period}" for name, period in sums.columns]
    table = members.merge(sums.reset_index(), on="trial_id", how="inner", validate="one_to_one")
    return table.sort_values("person_id", ignore_index=True)


def claim_figures(clients: pd.DataFrame) -> pd.DataFrame:
    """Return the published figures recounted: claim, reproduced (percent; the number of clients for `clients`); no row that cannot be counted.

    `clients` comes from sum_before_after. "fall in demand" counts all roles; the other two the caller role, as the
    published words do ("did not contact the police").
    """
    if clients.empty:
        return pd.DataFrame({"claim": pd.Series(dtype="str"), "reproduced": pd.Series(dtype=float)})
    figures = {"fall in demand": percent_fall(clients["n_contacts_before"].sum(), clients["n_contacts_after"].sum())}
    if "n_caller_after" in clients:
        called = clients["n_caller_after"]
        figures |= {"did not call": 100 * float((called == 0).mean()), "called once or twice": 100 * float(called.between(1, 2).mean())}
    figures |= {"clients": float(len(clients))}
    return pd.DataFrame({"claim": list(figures), "reproduced": list(figures.values())})


def percent_fall(before: float, after: float) -> float:
    """Return by how many percent `after` lies below `before`; NaN where there was nothing before."""
    return 100 * (1 - after / before) if before > 0 else float("nan")


def naive_rows(clients: pd.DataFrame, often: np.ndarray, outcomes: list[str], confidence: float) -> pd.DataFrame:
    """Return the before/after rows of `effects`: the log of after / before per outcome, persons resampled.

    `often` holds, per draw (rows), how often each row of `clients` (columns) was drawn.
    """
    rows = []
    for outcome in outcomes if len(clients) else []:
        before, after = clients[f"{outcome}_before"].to_numpy(float), clients[f"{outcome}_after"].to_numpy(float)
        estimate, drawn = float(log_ratio(after.sum(), before.sum())), log_ratio(often @ after, often @ before)
        names = dict(outcome=outcome, comparison="none", estimator="naive", estimand="before_after")
        n_person_months = (clients["exposure_days_before"].sum() + clients["exposure_days_after"].sum()) / DAYS_IN_MONTH
        counted = dict(n_people=len(clients), n_person_months=n_person_months)
        rows.append(names | dict(estimate=estimate) | normal_interval(estimate, drawn, confidence) | counted)
    return pd.DataFrame(rows)


def log_ratio(after, before):
    """Return log(after / before); NaN where either is zero, so that nothing is passed off as a number."""
    after, before = np.asarray(after, float), np.asarray(before, float)
    is_defined = (after > 0) & (before > 0)
    return np.where(is_defined, np.log(np.where(is_defined, after, 1) / np.where(is_defined, before, 1)), np.nan)
