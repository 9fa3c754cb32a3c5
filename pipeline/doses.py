"""How long people were supported, and what their contacts did meanwhile: described, never an effect.

Who is supported for long chose to stay, was allowed to, or stayed in trouble; who stops early may have stopped because
they were well or because they gave up. Contacts after referral make support long or short as much as the other way
round, so no comparison between these groups says what more support would do. Builds on pipeline.contrasts (its constants) and pipeline.disclosure and pipeline.disclosure_rates.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import DAYS_IN_MONTH, PRIMARY
from pipeline.disclosure import control_percent, control_table
from pipeline.disclosure_rates import MEAN_OF, round_to

COLUMNS = ["months_of_support", "position", "median_months", "n_people", "contacts_before", "contacts_after", "share_open"]
QUARTERS = 4
NAMES = ["shortest quarter", "second quarter", "third quarter", "longest quarter"]


def support_of_people(referral_facts: pd.DataFrame, persons: pd.DataFrame, last_day) -> pd.DataFrame:
    """Return per person with a first contact: person_id, months (from it to the end of that support) and is_open.

    Support that had not ended by `last_day` is counted up to it. Of several referrals the first that led to a contact counts.
    """
    begun = referral_facts.dropna(subset=["first_contact_on"]).merge(persons[["person_id", "client_id"]].dropna(), on="client_id", how="inner", validate="many_to_one")
    first = begun.sort_values(["person_id", "first_contact_on", "referral_id"]).drop_duplicates("person_id")
    end = pd.Timestamp(last_day)
    is_open = first["closed_on"].isna() | (first["closed_on"] > end)
    days = (first["closed_on"].mask(is_open, end) - first["first_contact_on"]).dt.days
    return pd.DataFrame({"person_id": first["person_id"], "months": days.clip(lower=0) / DAYS_IN_MONTH, "is_open": is_open}).reset_index(drop=True)


def describe_doses(cohort: pd.DataFrame, panel: pd.DataFrame, support: pd.DataFrame, months: int) -> pd.DataFrame:
    """Return `doses` (COLUMNS): the engaged of the analysis in quarters of support, with contacts per person-year `months` before and after.

    Contacts are per person-year of exposure; share_open is the share whose support had not ended. Empty where nothing
    says how long anybody was supported, or fewer than four people were.
    """
    engaged = cohort[cohort["is_triggered"] & cohort["arm"].eq("referred") & cohort["is_engaged"].fillna(False).astype(bool)]
    known = engaged[["trial_id", "person_id"]].merge(support, on="person_id", how="inner", validate="many_to_one").sort_values(["months", "person_id"], ignore_index=True)
    if len(known) < QUARTERS:
        return pd.DataFrame({name: pd.Series(dtype="str" if name == "months_of_support" else float) for name in COLUMNS})
    known["position"] = np.arange(len(known)) * QUARTERS // len(known)
    near = panel[panel["month"].between(-months, months - 1)]
    near = near.merge(known[["trial_id", "position"]], on="trial_id", how="inner", validate="many_to_one")
    sums = near.assign(is_after=near["month"] >= 0).groupby(["position", "is_after"])[[PRIMARY, "exposure_days"]].sum()
    rates = (sums[PRIMARY] / sums["exposure_days"].where(sums["exposure_days"] > 0) * 12 * DAYS_IN_MONTH).unstack("is_after").reindex(columns=[False, True])
    groups = known.groupby("position").agg(median_months=("months", "median"), n_people=("person_id", "nunique"), share_open=("is_open", "mean"))
    table = groups.assign(contacts_before=rates[False], contacts_after=rates[True], months_of_support=NAMES).reset_index()
    return table[COLUMNS]


def control_doses(doses: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `doses` fit for publication: people rounded, shares and rates from rounded counts, and nothing beside a suppressed count.

    No rate of contacts stands for fewer people than twice the threshold, or with fewer contacts than the threshold: a few would make most of it.
    """
    rates = {}
    for name in ("contacts_before", "contacts_after"):
        contacts = doses[name] * doses["n_people"]
        is_shown = (doses["n_people"] >= MEAN_OF * threshold) & (contacts >= threshold)
        rates[name] = (doses[name] * round_to(contacts, rounding) / contacts.where(contacts > 0)).where(is_shown)
    doses = doses.assign(**rates)
    shares = [control_percent(100 * row.share_open, int(row.n_people), threshold, rounding) / 100 for row in doses.itertuples()]
    controlled = control_table(doses.assign(share_open=shares), threshold, rounding, counts=["n_people"], blank=["median_months", "contacts_before", "contacts_after", "share_open"])
    return controlled.round({"median_months": 1, "contacts_before": 1, "contacts_after": 1, "share_open": 2})
