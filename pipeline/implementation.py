"""How the scheme was carried out, counted from its register: referrals, engagement, waiting, support and how it ended.

People are counted where they were first referred: by the year, the quarter, the source and the need of that referral;
referrals by their own. "Engaged" is what it is in the analysis, a first contact within so many months of the first
referral ever. Nothing here is an effect. Builds on pipeline.doses (how long people were supported) and
pipeline.part_counts (parts of a whole).
"""

import numpy as np
import pandas as pd
from statsmodels.duration.survfunc import SurvfuncRight

from pipeline.disclosure import control_counts
from pipeline.doses import support_of_people
from pipeline.part_counts import control_parts, pool_small

EVERYONE, UNKNOWN, OPEN, OTHER = "everyone", "not recorded", "still open", "other reasons"
CHARACTERISTICS = [EVERYONE, "year", "quarter", "referral_source", "primary_need"]
REFERRAL_COUNTS = ["characteristic", "level", "position", "n_referrals", "n_people", "n_accepted", "n_engaged", "n_again"]
DURATIONS = ["measure", "characteristic", "level", "position", "n_people", "n_open", "quartile_low", "median", "quartile_high"]
DAYS_TO_CONTACT, MONTHS_OF_SUPPORT = "days to first contact", "months of support"
QUARTILES = {"quartile_low": 0.25, "median": 0.5, "quartile_high": 0.75}


def count_referrals(referred: pd.DataFrame, referral_facts: pd.DataFrame) -> pd.DataFrame:
    """Return `referral_counts` (REFERRAL_COUNTS): a row per level of a characteristic, quarters without a referral included.

    `referred` is cohort.describe_referred; counted are the referrals of those first referred within the study's dates,
    and the people among them. n_accepted, n_engaged and n_again (referred more than once) are people; n_engaged is missing
    where the register never says when anybody met a mentor.
    """
    in_study = referred[referred["is_in_study"]]
    people = add_levels(in_study[in_study["is_distinct"]], "index_on")
    referrals = add_levels(referral_facts[referral_facts["client_id"].isin(in_study["client_id"])], "referred_on")
    people = people.assign(is_again=people["n_referrals"] > 1)
    table = pd.concat([count_levels(people, referrals, name) for name in CHARACTERISTICS], ignore_index=True)
    is_unknown = pd.Series(referral_facts["first_contact_on"].isna().all(), index=table.index)
    return table.assign(position=np.arange(len(table)), n_engaged=table["n_engaged"].astype("Int64").mask(is_unknown))[REFERRAL_COUNTS]


def add_levels(rows: pd.DataFrame, day: str) -> pd.DataFrame:
    """Return `rows` with everyone, year and quarter of their column `day`; a blank source or need reads "not recorded"."""
    dates = rows[day].dt
    quarter = dates.year.astype(str) + " Q" + dates.quarter.astype(str)
    named = {name: rows[name].astype("object").where(rows[name].notna(), UNKNOWN).astype(str) for name in ("referral_source", "primary_need")}
    return rows.assign(**named, everyone=EVERYONE, year=dates.year.astype(str), quarter=quarter)


def count_levels(people: pd.DataFrame, referrals: pd.DataFrame, characteristic: str) -> pd.DataFrame:
    """Return a row per level of one characteristic: periods in their order, the others by the number of people."""
    flags = {"n_accepted": "is_accepted", "n_engaged": "is_engaged", "n_again": "is_again"}
    groups = people.groupby(characteristic)
    table = pd.DataFrame({"n_people": groups.size()} | {name: groups[flag].sum() for name, flag in flags.items()})
    table = table.join(referrals.groupby(characteristic).size().rename("n_referrals"), how="outer").rename_axis("level")
    if characteristic == "quarter" and len(table):
        periods = pd.PeriodIndex([level.replace(" ", "") for level in table.index], freq="Q")
        table = table.reindex([f"{one.year} Q{one.quarter}" for one in pd.period_range(periods.min(), periods.max(), freq="Q")])
    table = table.fillna(0).astype(int).rename_axis("level").reset_index()
    order = ["level"] if characteristic in ("year", "quarter") else ["n_people", "level"]
    table = table.sort_values(order, ascending=[name == "level" for name in order], ignore_index=True)
    return table.assign(characteristic=characteristic)


def count_delays(referred: pd.DataFrame, referral_facts: pd.DataFrame, days: list[int], last_day) -> pd.DataFrame:
    """Return `contact_delays`: days, n_people, n_met, how many people had met a mentor by so many `days` after their first referral.

    n_people are those followed for the longest of the days up to `last_day`, the same in every row. Without rows where
    the register gives no first contact at all, or nobody was followed so long.
    """
    waits = wait_of_people(referred, referral_facts)
    followed = waits[waits["index_on"] + pd.Timedelta(days=max(days)) <= pd.Timestamp(last_day)]
    if followed.empty or followed["days"].isna().all():
        return pd.DataFrame({"days": pd.Series(dtype="int64"), "n_people": pd.Series(dtype="int64"), "n_met": pd.Series(dtype="int64")})
    return pd.DataFrame([{"days": day, "n_people": len(followed), "n_met": int((followed["days"] <= day).sum())} for day in sorted(days)])


def wait_of_people(referred: pd.DataFrame, referral_facts: pd.DataFrame) -> pd.DataFrame:
    """Return the people first referred within the study with `days` from then to their first contact, whichever referral led to it."""
    people = referred[referred["is_in_study"] & referred["is_distinct"]]
    begun = people[["client_id", "index_on"]].merge(referral_facts[["client_id", "first_contact_on"]], on="client_id", how="left", validate="one_to_many")
    after = begun["first_contact_on"].where(begun["first_contact_on"] >= begun["index_on"])
    first = after.groupby(begun["client_id"]).min()
    return people.assign(days=(people["client_id"].map(first) - people["index_on"]).dt.days)


def measure_durations(referred: pd.DataFrame, referral_facts: pd.DataFrame, persons: pd.DataFrame, last_day) -> pd.DataFrame:
    """Return `durations` (DURATIONS): quartiles of days to first contact, and of months of support, by level; no extremes.

    Days are of people who met a mentor. Months run from first contact to closing; support not closed by `last_day` lasts
    at least so long, and is counted so (Kaplan and Meier 1958; statsmodels' SurvfuncRight): to drop open cases would
    drop the longest. A quartile that too few reached is missing.
    """
    waits = add_levels(wait_of_people(referred, referral_facts), "index_on")
    support = support_of_people(referral_facts, persons, last_day)
    supported = waits.merge(support, on="person_id", how="inner", validate="one_to_one")
    waited = waits.dropna(subset=["days"]).assign(is_open=False)
    rows = [
        {"measure": measure, "characteristic": name, "level": level, "n_people": len(group), "n_open": int(group["is_open"].sum())} | survival_quartiles(group[column], group["is_open"])
        for measure, people, column in ((DAYS_TO_CONTACT, waited, "days"), (MONTHS_OF_SUPPORT, supported, "months"))
        for name in CHARACTERISTICS
        if name != "quarter"
        for level, group in people.groupby(name)
    ]
    return pd.DataFrame(rows, columns=[name for name in DURATIONS if name != "position"]).assign(position=np.arange(len(rows)))[DURATIONS].astype({"n_people": "int64", "n_open": "int64"})


def survival_quartiles(times: pd.Series, is_open: pd.Series) -> dict[str, float]:
    """Return the quartiles of `times`, those that are open lasting longer; missing where the curve does not come down so far."""
    curve = SurvfuncRight(times.to_numpy(dtype=float), (~is_open.astype(bool)).to_numpy(dtype=int))
    return {name: float(curve.quantile(share)) for name, share in QUARTILES.items()}


def count_closures(referred: pd.DataFrame, referral_facts: pd.DataFrame, last_day) -> pd.DataFrame:
    """Return `closures`: is_met (whether that referral led to a mentor), closure_reason, n_referrals; "still open" is a reason too."""
    in_study = referred.loc[referred["is_in_study"], "client_id"]
    rows = referral_facts[referral_facts["client_id"].isin(in_study)]
    is_open = rows["closed_on"].isna() | (rows["closed_on"] > pd.Timestamp(last_day))
    reason = rows["closure_reason"].astype("object").where(rows["closure_reason"].notna(), UNKNOWN).mask(is_open, OPEN).astype(str)
    counts = rows.assign(is_met=rows["first_contact_on"].notna(), closure_reason=reason).groupby(["is_met", "closure_reason"]).size()
    return counts.rename("n_referrals").reset_index().sort_values(["is_met", "n_referrals", "closure_reason"], ascending=[False, False, True], ignore_index=True)


def control_referral_counts(referral_counts: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `referral_counts` fit for publication: a level's total is known, and a year's is that of its quarters."""
    year = referral_counts["level"].str[:4].where(referral_counts["characteristic"].eq("quarter"), "")
    grouped = referral_counts.assign(group=referral_counts["characteristic"] + year)
    parts = ["n_accepted", "n_engaged", "n_again"]
    controlled = control_parts(grouped, "n_people", parts, ["group"], threshold, rounding)
    controlled["n_referrals"] = control_parts(grouped, "n_referrals", [], ["group"], threshold, rounding)["n_referrals"]
    years = controlled[controlled["characteristic"].eq("year")].set_index("level")
    for column in ["n_referrals", "n_people", *parts]:
        hidden = years.index[years[column].isna()]
        # Quarters would add up to a year that is not shown.
        controlled[column] = controlled[column].mask(year.isin(hidden))
    # A quarter's few refusals and returns would be withheld anyway, and would make its years guessable.
    rare = referral_counts["characteristic"].eq("quarter")
    controlled[["n_accepted", "n_again"]] = controlled[["n_accepted", "n_again"]].mask(rare)
    return controlled[REFERRAL_COUNTS]


def control_delays(contact_delays: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `contact_delays` with only the days between which enough people met a mentor, and share, of the rounded people.

    Neighbouring rows differ by the people who met a mentor in between, so a row stays only when those, and those who
    had not met one yet, reach `threshold`.
    """
    kept, last = [], 0
    for row in contact_delays.itertuples():
        if min(row.n_met - last, row.n_people - row.n_met) >= threshold:
            kept.append(row.Index)
            last = row.n_met
    rows = contact_delays.loc[kept]
    controlled = rows.assign(n_people=control_counts(rows["n_people"], threshold, rounding), n_met=control_counts(rows["n_met"], threshold, rounding)).reset_index(drop=True)
    return controlled.assign(share=(controlled["n_met"].astype(float) / controlled["n_people"].astype(float)).round(3))


def control_durations(durations: pd.DataFrame, referral_counts: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `durations` fit for publication: a quartile stands only where `threshold` people lie on either side of it.

    The people behind a row are those of n_engaged in `referral_counts`, already controlled: where that is hidden, so is the row.
    """
    controlled = control_parts(durations, "n_people", ["n_open"], ["measure", "characteristic"], threshold, rounding)
    shown = referral_counts.loc[referral_counts["n_engaged"].notna(), ["characteristic", "level"]]
    is_hidden = ~pd.MultiIndex.from_frame(durations[["characteristic", "level"]]).isin(pd.MultiIndex.from_frame(shown))
    for name in ("n_people", "n_open"):
        controlled[name] = controlled[name].mask(is_hidden)
    for name, share in QUARTILES.items():
        is_shown = (durations["n_people"] * min(share, 1 - share) >= threshold) & controlled["n_people"].notna()
        controlled[name] = durations[name].where(is_shown).round(1)
    return controlled


def control_closures(closures: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `closures` fit for publication: reasons given too rarely are pooled, apart for those who met a mentor and those who did not."""
    pooled = [pool_small(rows, "closure_reason", "n_referrals", threshold, OTHER) for _, rows in closures.groupby("is_met")]
    table = pd.concat(pooled[::-1], ignore_index=True) if pooled else closures
    return table.assign(n_referrals=control_counts(table["n_referrals"], threshold, rounding))
