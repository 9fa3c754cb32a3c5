"""What was published about how the scheme was carried out, beside the same count on these extracts.

A figure that no extract holds is listed all the same, with the reason why it cannot be counted. Builds on
pipeline.mentors (who was active on a day) and pipeline.disclosure.
"""

import pandas as pd

from pipeline.disclosure import control_counts, control_percent
from pipeline.mentors import count_active

COLUMNS = ["claim", "published", "qualifier", "unit", "as_of", "computed", "n_of", "counted"]
NO_REGISTER = "cannot be counted: the extracts hold no register of referrals"
NO_MENTORS = "cannot be counted: the extracts hold no mentors"
NO_FIRST_CONTACT = "cannot be counted: the register does not say when anybody met a mentor"
NO_DATES = "cannot be counted: the extract of mentors does not say when they joined"
NOWHERE = {"staff": "cannot be counted: no extract holds staff", "contract": "cannot be counted: no extract holds contracts"}


def compare_with_published(published: pd.DataFrame, referred: pd.DataFrame, referral_facts: pd.DataFrame, mentors: pd.DataFrame, study, claim) -> pd.DataFrame:
    """Return `implementation_claims` (COLUMNS), a row per published figure in the order of `published`.

    `published` is data/reference/published_implementation.csv; mentors are counted at the end of its year as_of, or on
    the extract's last day if that is earlier. `computed` is missing where nothing can be counted and `counted` says
    why, or else what was counted; n_of is the number of people behind a percentage. A claim that this module does not
    know how to count says so.
    """
    rows = [count_claim(row.claim, int(row.as_of), referred, referral_facts, mentors, study, claim) for row in published.itertuples()]
    counted = pd.DataFrame(rows, columns=["computed", "n_of", "counted"]).astype({"computed": float, "n_of": "Int64"})
    return pd.concat([published[["claim", "published", "qualifier", "unit", "as_of"]].reset_index(drop=True), counted], axis=1)[COLUMNS].astype({"published": float, "as_of": "int64"})


def count_claim(name: str, year: int, referred, referral_facts, mentors, study, claim) -> tuple:
    """Return one figure counted on these extracts, the number of people it is a share of, and what was counted or why nothing was."""
    day = min(pd.Timestamp(year, 12, 31), pd.Timestamp(study.contacts_to))
    if name in ("referrals_in_period", "referrals_on_register"):
        return count_in_period(referral_facts, claim) if name == "referrals_in_period" else count_on_register(referral_facts, day)
    if name == "people_helped":
        return count_helped(referred, referral_facts)
    if name in ("mentors_recruited", "former_clients", "active_mentors", "lived_experience"):
        return count_mentors(name, mentors, day)
    return None, None, NOWHERE.get(name, "cannot be counted: nothing in these extracts says it")


def count_in_period(referral_facts: pd.DataFrame, claim) -> tuple:
    """Return the referrals dated within the claim's dates."""
    if referral_facts.empty:
        return None, None, NO_REGISTER
    dates = referral_facts["referred_on"]
    return int(dates.between(pd.Timestamp(claim.referred_from), pd.Timestamp(claim.complete_by)).sum()), None, "referrals within the dates of the published claim"


def count_on_register(referral_facts: pd.DataFrame, day: pd.Timestamp) -> tuple:
    """Return the referrals on the register up to a day."""
    if referral_facts.empty:
        return None, None, NO_REGISTER
    return int(referral_facts["referred_on"].le(day).sum()), None, "all referrals on the register"


def count_helped(referred: pd.DataFrame, referral_facts: pd.DataFrame) -> tuple:
    """Return the people who met a mentor at least once, on the whole register."""
    if referral_facts.empty:
        return None, None, NO_REGISTER
    if referral_facts["first_contact_on"].isna().all():
        return None, None, NO_FIRST_CONTACT
    met = set(referral_facts.loc[referral_facts["first_contact_on"].notna(), "client_id"])
    return int(referred.loc[referred["is_distinct"], "client_id"].isin(met).sum()), None, "people who met a mentor at least once, whole register"


def count_mentors(name: str, mentors: pd.DataFrame, day: pd.Timestamp) -> tuple:
    """Return a figure about mentors on a day: recruited by then, former clients among those, active, or the percentage of these with lived experience."""
    if mentors["joined_on"].isna().all():
        return None, None, NO_MENTORS if mentors.empty else NO_DATES
    recruited, active = mentors[mentors["joined_on"].le(day)], count_active(mentors, day)
    n_active = active["n_active"]
    return {
        "mentors_recruited": (len(recruited), None, "everyone who had joined"),
        "former_clients": (int(recruited["former_client"].sum()), None, "everyone who had joined and is marked as a former client"),
        "active_mentors": (n_active, None, "joined by then and not left"),
        "lived_experience": (100 * active["n_lived"] / n_active if n_active else None, n_active, "of the mentors active then"),
    }[name]


def control_implementation_claims(implementation_claims: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `implementation_claims` fit for publication: counts rounded, percentages from rounded counts, NA where too few people are behind one.

    `is_suppressed` is added, which tells a figure that is withheld from one that could not be counted, and `is_count`, which tells
    a count of people from a percentage.
    """
    is_percent = implementation_claims["unit"].eq("percent")
    counts = control_counts(implementation_claims["computed"].where(~is_percent).round(), threshold, rounding).astype(float)
    shares = [control_percent(row.computed, int(row.n_of), threshold, rounding) if row.unit == "percent" and pd.notna(row.computed) else float("nan") for row in implementation_claims.itertuples()]
    computed = counts.where(~is_percent, pd.Series(shares, index=implementation_claims.index, dtype=float)).round(1)
    return implementation_claims.assign(
        is_count=~is_percent, computed=computed, n_of=control_counts(implementation_claims["n_of"], threshold, rounding), is_suppressed=computed.isna() & implementation_claims["computed"].notna()
    )
