"""The report's section on how the scheme was carried out, written from controlled tables.

Builds on pipeline.implementation, pipeline.implementation_claims and pipeline.mentors (the tables and their control),
pipeline.report_moderators (names of groups), pipeline.report_tables, pipeline.wording and pipeline.markdown.
"""

import pandas as pd

from pipeline.implementation import DAYS_TO_CONTACT, EVERYONE, MONTHS_OF_SUPPORT, OPEN, UNKNOWN, control_closures, control_delays, control_durations, control_referral_counts
from pipeline.implementation_claims import control_implementation_claims
from pipeline.markdown import Markup, fill_template, write_table_if_any
from pipeline.mentors import control_mentors
from pipeline.report_moderators import name_level
from pipeline.report_tables import dash_if_missing, write_one
from pipeline.wording import write_date, write_number, write_percent

SUPPRESSED = "suppressed"
NAMES = ["referral_counts", "contact_delays", "durations", "closures", "mentor_years", "mentor_quarters", "implementation_claims", "implementation_gaps", "doses"]
GAPS = {
    "register": "There is no register of referrals in these extracts: how many referrals were made and accepted, how soon support began and how long it lasted, cannot be counted. Under Data stands how many people were referred, and how many engaged where that is known.",
    "first_contact": "The register does not say when anybody first met a mentor: engagement, the time until the first contact and the length of support cannot be counted.",
    "closing": "The register does not say when support ended, or why.",
    "referral_source": "The register does not say who referred people.",
    "primary_need": "The register does not say for what need people were referred.",
    "mentors": "There is no extract of mentors that says when they joined: how many were recruited, were active or had lived experience cannot be counted.",
}
CLAIMS = {
    "referrals_in_period": "Referrals, within the claim's dates", "referrals_on_register": "Referrals, whole register", "mentors_recruited": "Mentors recruited",
    "former_clients": "Former clients who became mentors", "active_mentors": "Active mentors", "lived_experience": "Share of mentors with lived experience", "staff": "Paid staff",
    "people_helped": "People helped", "contract": "Contract for alcohol and substance misuse",
}  # fmt: skip
NUMBERS = ["Referrals", "People", "Accepted", "Met a mentor", "Share", "Share of people", "Referred again", "Days", "Had met a mentor", "Recruited", "With lived experience", "Published", "On these extracts", "Contacts a year, before", "Contacts a year, after", "Months of support (median)"]


def control_implementation(tables: dict[str, pd.DataFrame], threshold: int, rounding: int) -> dict[str, pd.DataFrame]:
    """Return the tables of NAMES but doses fit for publication, and `implementation_gaps` (gap): what the extracts do not hold at all."""
    referral_counts = control_referral_counts(tables["referral_counts"], threshold, rounding)
    return {
        "referral_counts": referral_counts,
        "contact_delays": control_delays(tables["contact_delays"], threshold, rounding),
        "durations": control_durations(tables["durations"], referral_counts, threshold, rounding),
        "closures": control_closures(tables["closures"], threshold, rounding),
        "implementation_claims": control_implementation_claims(tables["implementation_claims"], threshold, rounding),
        "implementation_gaps": pd.DataFrame({"gap": list_gaps(tables)}, dtype="str"),
    } | control_mentors(tables["mentor_years"], tables["mentor_quarters"], threshold, rounding)


def list_gaps(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Return the codes of GAPS that hold of the tables before their control."""
    counts, closures, mentors = tables["referral_counts"], tables["closures"], tables["mentor_years"]
    gaps = {
        "register": counts.empty,
        "first_contact": len(counts) and counts["n_engaged"].isna().all(),
        "closing": len(closures) and closures["closure_reason"].eq(OPEN).all(),
        "referral_source": is_unrecorded(counts, "referral_source"),
        "primary_need": is_unrecorded(counts, "primary_need"),
        "mentors": mentors.empty,
    }
    return [name for name, is_gap in gaps.items() if is_gap]


def is_unrecorded(referral_counts: pd.DataFrame, characteristic: str) -> bool:
    """Return whether the register records this characteristic of nobody."""
    levels = set(referral_counts.loc[referral_counts["characteristic"].eq(characteristic), "level"])
    return levels == {UNKNOWN}


def write_section(tables: dict[str, pd.DataFrame], figures: dict[str, Markup], parameters, template: str) -> Markup:
    """Return the section as Markdown, from controlled `tables`; empty where none of them was made."""
    found = {name: tables.get(name, pd.DataFrame()) for name in NAMES}
    if all(table.empty for table in found.values()):
        return Markup("")
    gaps = list(found["implementation_gaps"].get("gap", []))
    counts, months, threshold, study = found["referral_counts"], parameters.panel.months_after, parameters.disclosure.threshold, parameters.study
    shown = {
        "years": (show_counts(counts, "year", "First referred in", gaps, study.referrals_to), "Referrals and people by year" + (f"; met a mentor within {months} months" if "first_contact" not in gaps else "")),
        "sources": (show_counts(counts, "referral_source", "Referred by", gaps), "Referrals and people by who referred them first"),
        "needs": (show_counts(counts, "primary_need", "Need", gaps), "Referrals and people by the need first recorded"),
        "delays": (show_delays(found["contact_delays"]), "People who had met a mentor, by days after their first referral"),
        "durations": (show_durations(found["durations"]), "Days until the first contact and months of support: the median, and between which values the middle half lies"),
        "closures": (show_closures(found["closures"]), "How referrals ended; shares are of those that led to a mentor, and of those that led to none"),
        "doses": (show_doses(found["doses"]), "The engaged by how long they were supported; described, no effect"),
        "mentors": (show_mentor_years(found["mentor_years"], study.contacts_to), "Mentors recruited, by year"),
        "claims": (show_claims(found["implementation_claims"]), "Published figures on how the scheme was carried out, and the same counts on these extracts"),
    }
    return Markup(fill_template(template, {
        "table": {name: write_table_if_any(table, caption, NUMBERS, f"implementation-{name}") for name, (table, caption) in shown.items()},
        "figure": {name: figures.get(name, "") for name in ("referrals", "contact_delays", "mentors")},
        "gaps": [GAPS[gap] for gap in gaps],
        "has_register": "register" not in gaps,
        "has_mentors": "mentors" not in gaps,
        "uptake": write_uptake(counts, study, months),
        "still_open": write_still_open(study, months),
        "delays": write_delays(found["contact_delays"]),
        "waits": write_quartiles(found["durations"], DAYS_TO_CONTACT),
        "support": write_quartiles(found["durations"], MONTHS_OF_SUPPORT),
        "mentors": write_mentors(found["mentor_quarters"]),
        "agreement": write_agreement(found["implementation_claims"], parameters.disclosure.rounding),
        "threshold": threshold,
        "last_day": write_date(study.contacts_to),
    }))  # fmt: skip


def count_words(count) -> str:
    """Return a controlled count; a suppressed one may be small, or stand beside a small one."""
    return SUPPRESSED if pd.isna(count) else f"{int(count):,}"


def share_words(part, whole) -> str:
    """Return a share of rounded counts in percent; a dash where either is suppressed."""
    return "–" if pd.isna(part) or pd.isna(whole) or not whole else write_percent(100 * int(part) / int(whole), 0)


def name_code(code: str) -> str:
    """Return a code of the register as words with a capital."""
    words = name_level(str(code))
    return words[0].upper() + words[1:]


def name_year(year, last_day) -> str:
    """Return a year in words; the year of the last day says that it ends there, where it does."""
    end = pd.Timestamp(last_day)
    is_cut = str(year) == str(end.year) and (end.month, end.day) != (12, 31)
    return f"{year}, to {end.day} {end:%B}" if is_cut else str(year)


def show_counts(referral_counts: pd.DataFrame, characteristic: str, heading: str, gaps: list[str], last_day=None) -> pd.DataFrame:
    """Return one characteristic's referrals and people in words, everyone last; columns that the register cannot fill are left out.

    `last_day` is the day with which the last of years ends.
    """
    rows = referral_counts[referral_counts["characteristic"].isin([characteristic, EVERYONE])] if len(referral_counts) else referral_counts
    rows = rows.sort_values("characteristic", key=lambda names: names.eq(EVERYONE), kind="stable")
    if len(rows) < 2 or characteristic in gaps:
        return pd.DataFrame()
    table = pd.DataFrame([
        {heading: "All" if row.characteristic == EVERYONE else name_code(row.level) if last_day is None else name_year(row.level, last_day), "Referrals": count_words(row.n_referrals), "People": count_words(row.n_people), "Accepted": count_words(row.n_accepted),
         "Met a mentor": count_words(row.n_engaged), "Share of people": share_words(row.n_engaged, row.n_people), "Referred again": count_words(row.n_again)}
        for row in rows.itertuples()
    ])  # fmt: skip
    return table.drop(columns=["Met a mentor", "Share of people"]) if "first_contact" in gaps else table


def show_delays(contact_delays: pd.DataFrame) -> pd.DataFrame:
    """Return in words how many people had met a mentor by each number of days."""
    return pd.DataFrame([{"Days": f"{row.days:,}", "People": count_words(row.n_people), "Had met a mentor": count_words(row.n_met), "Share of people": share_words(row.n_met, row.n_people)} for row in contact_delays.itertuples()])


def show_durations(durations: pd.DataFrame) -> pd.DataFrame:
    """Return days to the first contact and months of support side by side, a row per group."""
    if durations.empty:
        return pd.DataFrame()
    of = {measure: rows.set_index(["characteristic", "level"]) for measure, rows in durations.groupby("measure")}
    days, months = of.get(DAYS_TO_CONTACT, pd.DataFrame()), of.get(MONTHS_OF_SUPPORT, pd.DataFrame())
    headings = {EVERYONE: "Everyone", "year": "First referred in {}", "referral_source": "Referred by: {}", "primary_need": "Need: {}"}
    return pd.DataFrame([
        {"Group": headings[group[0]].format(name_level(group[1])), "People": count_words(row["n_people"]), "Days to first contact": spread_words(row, 0),
         "Months of support": spread_words(months.loc[group], 1) if group in months.index else "–"}
        for group, row in days.iterrows()
    ])  # fmt: skip


def spread_words(row: pd.Series, decimals: int) -> str:
    """Return a median and the quartiles around it: "15 (7 to 21)"; a dash where too few people are behind it."""
    if pd.isna(row["median"]):
        return "–"
    around = "" if pd.isna(row["quartile_low"]) or pd.isna(row["quartile_high"]) else f" ({write_number(row['quartile_low'], decimals)} to {write_number(row['quartile_high'], decimals)})"
    return (write_number(row["median"], decimals) + around).replace(" ", "\u00a0")


def show_closures(closures: pd.DataFrame) -> pd.DataFrame:
    """Return in words how referrals ended, apart for those that led to a mentor and those that did not."""
    sums = closures.groupby("is_met")["n_referrals"].sum() if len(closures) else {}
    return pd.DataFrame([
        {"The referral": "led to a mentor" if row.is_met else "led to no mentor", "Ended": name_code(row.closure_reason), "Referrals": count_words(row.n_referrals), "Share": share_words(row.n_referrals, sums[row.is_met])}
        for row in closures.itertuples()
    ])  # fmt: skip


def show_doses(doses: pd.DataFrame) -> pd.DataFrame:
    """Return the quarters of support in words."""
    return pd.DataFrame([
        {"Support": name_code(row.months_of_support), "Months of support (median)": dash_if_missing(row.median_months, write_one), "People": count_words(row.n_people),
         "Contacts a year, before": dash_if_missing(row.contacts_before, write_one), "Contacts a year, after": dash_if_missing(row.contacts_after, write_one)}
        for row in doses.itertuples()
    ])  # fmt: skip


def show_mentor_years(mentor_years: pd.DataFrame, last_day) -> pd.DataFrame:
    """Return in words the mentors recruited in each year."""
    return pd.DataFrame([{"Year": name_year(row.year, last_day), "Recruited": count_words(row.n_joined), "With lived experience": count_words(row.n_lived)} for row in mentor_years.itertuples()])


def show_claims(implementation_claims: pd.DataFrame) -> pd.DataFrame:
    """Return the published figures beside the computed ones in words."""
    return pd.DataFrame([
        {"Figure": CLAIMS.get(row.claim, name_code(row.claim)), "As of": str(row.as_of), "Published": f"{'' if pd.isna(row.qualifier) else row.qualifier + ' '}{write_figure_in(row.published, row.unit)}",
         "On these extracts": SUPPRESSED if row.is_suppressed else dash_if_missing(row.computed, lambda value, unit=row.unit: write_figure_in(value, unit)), "What was counted": row.counted[0].upper() + row.counted[1:]}
        for row in implementation_claims.itertuples()
    ])  # fmt: skip


def write_figure_in(value: float, unit: str) -> str:
    """Return a figure with its unit: 70%, £85,000, 1,400."""
    return write_percent(value, 0) if unit == "percent" else f"£{write_number(value)}" if unit == "pounds" else write_number(value)


def write_uptake(referral_counts: pd.DataFrame, study, months: int) -> str:
    """Return in a sentence or two how many were referred, accepted, met a mentor and came again."""
    rows = referral_counts[referral_counts["characteristic"].eq(EVERYONE)] if len(referral_counts) else referral_counts
    if rows.empty or pd.isna(rows["n_people"].iloc[0]):
        return "" if rows.empty else "Too few people were referred for their number to be shown."
    row = rows.iloc[0]
    parts = {"n_accepted": "were accepted", "n_engaged": f"met a mentor within {months} months of their first referral", "n_again": "were referred more than once"}
    known = [f"{count_words(row[name])} ({share_words(row[name], row['n_people'])}) {words}" for name, words in parts.items() if pd.notna(row[name])]
    dates = f"between {write_date(study.referrals_from)} and {write_date(study.referrals_to)}"
    listed = known[0] if len(known) == 1 else ", ".join(known[:-1]) + " and " + known[-1] if known else ""
    return f"The register holds {count_words(row['n_referrals'])} referrals of {count_words(row['n_people'])} people first referred {dates}." + (f" Of these people {listed}." if listed else "")


def write_still_open(study, months: int) -> str:
    """Return the remark that the last people may still engage, where the extracts end before their follow-up does; else nothing."""
    since = pd.Timestamp(study.contacts_to) - pd.DateOffset(months=months)
    if since >= pd.Timestamp(study.referrals_to):
        return ""
    return f"People first referred after {write_date(since)} were not yet followed for {months} months and may still engage, so the last shares are too low."


def write_delays(contact_delays: pd.DataFrame) -> str:
    """Return how many of everyone referred had met a mentor by the first and by the last day that can be shown."""
    if contact_delays.empty:
        return "Too few people met a mentor for the days until then to be shown."
    first, last = contact_delays.iloc[0], contact_delays.iloc[-1]
    sentence = f"Of {count_words(first['n_people'])} people followed long enough {share_words(first['n_met'], first['n_people'])} had met a mentor {int(first['days'])} days after their first referral"
    return f"{sentence}." if len(contact_delays) == 1 else f"{sentence}, and {share_words(last['n_met'], last['n_people'])} after {int(last['days'])} days."


def write_quartiles(durations: pd.DataFrame, measure: str) -> str:
    """Return a sentence on the middle of a duration among everyone who met a mentor; nothing where there is none."""
    rows = durations[durations["measure"].eq(measure) & durations["characteristic"].eq(EVERYONE)] if len(durations) else durations
    if rows.empty:
        return ""
    row, is_days = rows.iloc[0], measure == DAYS_TO_CONTACT
    what = "The first contact came after a median of" if is_days else "Support lasted a median of"
    if pd.isna(row["median"]):
        return "The median cannot be shown: too few people are behind it" + ("." if is_days else ", or less than half of the support has ended.")
    unit, decimals = ("days", 0) if is_days else ("months", 1)
    middle = ""
    if pd.notna(row["quartile_low"]) and pd.notna(row["quartile_high"]):
        middle = f"; for the middle half it was {write_number(row['quartile_low'], decimals)} to {write_number(row['quartile_high'], decimals)} {unit}"
    return f"{what} {write_number(row['median'], decimals)} {unit} among {count_words(row['n_people'])} people who met a mentor{middle}."


def write_mentors(mentor_quarters: pd.DataFrame) -> str:
    """Return how many mentors were active at the end, and when there were most."""
    known = mentor_quarters.dropna(subset=["n_active"])
    if known.empty:
        return "" if mentor_quarters.empty else "Too few mentors were active for their number to be shown."
    last, most = known.iloc[-1], known.loc[known["n_active"].astype(int).idxmax()]
    lived = f", {count_words(last['n_lived'])} ({share_words(last['n_lived'], last['n_active'])}) of them with lived experience" if pd.notna(last["n_lived"]) else ""
    peak = "" if most["ends_on"] == last["ends_on"] else f" There were most, {count_words(most['n_active'])}, on {write_date(most['ends_on'])}."
    return f"On {write_date(last['ends_on'])} {count_words(last['n_active'])} mentors were active{lived}.{peak}"


def write_agreement(implementation_claims: pd.DataFrame, rounding: int) -> str:
    """Return which published figures the extracts bear out and which they do not; counts within the rounding of each other agree."""
    counted = implementation_claims.dropna(subset=["computed"]) if len(implementation_claims) else implementation_claims
    if counted.empty:
        is_withheld = len(implementation_claims) and implementation_claims["is_suppressed"].any()
        return "What can be counted of the published figures is withheld: too few people are behind it." if is_withheld else "No published figure can be counted on these extracts."
    slack = rounding * counted["unit"].ne("percent")
    is_over = counted["qualifier"].notna()
    fits = (counted["computed"] + slack >= counted["published"]) & (is_over | (counted["computed"] - slack <= counted["published"]))
    others = [f"{CLAIMS.get(row.claim, name_code(row.claim)).lower()} ({row.as_of}: {write_figure_in(row.computed, row.unit)} counted, {write_figure_in(row.published, row.unit)} published)" for row in counted[~fits].itertuples()]
    sentence = f"Of {len(counted)} figures that can be counted here, {int(fits.sum())} bear out what was published"
    return f"{sentence}." if not others else f"{sentence}; these do not: {'; '.join(others)}. The difference can lie in the extracts, in the dates or in what was counted: publications do not say."
