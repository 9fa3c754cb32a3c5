"""Do links fade after referral, or differ between the arms? By month from referral, with a test that needs no truth.

The yardstick is the force's own person number (nominal_id). Its evidence is taken out of every pair, people are resolved
again from names, dates of birth, phones and places alone, and of the contacts that carry a number the share is counted
that still falls to the person who holds most of the number's contacts: the recall of personal details. It holds for
contacts with a number, and rests on the force's numbers being right.

People who were never referred have no month of referral. Their share in a month is that of the same calendar months,
weighted as the contacts of the referred fall on them (direct standardisation), so that a change in recording touches
both alike. Builds on pipeline.intervals.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.intervals import Z, cluster_shares

MONTH_COLUMNS = ["measure", "arm", "month", "value", "ci_low", "ci_high", "n"]
DIFFERENCE_COLUMNS = ["measure", "contrast", "estimate", "std_error", "ci_low", "ci_high", "n_people", "n_contacts"]
FACTS = ["forename", "surname", "date_of_birth", "phone"]
CONTRASTS = {
    "after less before, referred": {("referred", "after"): 1, ("referred", "before"): -1},
    "after less before, not referred": {("not_referred", "after"): 1, ("not_referred", "before"): -1},
    "referred less not referred, before": {("referred", "before"): 1, ("not_referred", "before"): -1},
    "referred less not referred, after": {("referred", "after"): 1, ("not_referred", "after"): -1},
    "difference in differences": {("referred", "after"): 1, ("referred", "before"): -1, ("not_referred", "after"): -1, ("not_referred", "before"): 1},
}  # fmt: skip
PRIMARY_MEASURE, PRIMARY_CONTRAST = "found by details alone", "difference in differences"


def months_from(received_at: pd.Series, index_on: pd.Series) -> pd.Series:
    """Return whole months from `index_on`: 0 is the month that begins on that day, -1 the one that ends before it."""
    months = (received_at.dt.year - index_on.dt.year) * 12 + received_at.dt.month - index_on.dt.month
    return (months - (received_at.dt.day < index_on.dt.day)).astype("Int64")


def find_by_details(
    identities: pd.DataFrame, pairs: pd.DataFrame, contact_identities: pd.DataFrame, links: pd.DataFrame, nominal_weight: float, accept_from: float
) -> pd.DataFrame:  # fmt: skip
    """Return contact_id, person_id (who holds most of the number's contacts), is_found, for contacts with a nominal_id.

    `nominal_weight` is the match weight of a shared nominal_id, which is taken off the pairs that share one. is_found says
    that the contact lies in that person's largest group still. Sorted by contact_id.
    """
    number = identities.set_index("identity_id")["nominal_id"]
    position = pd.Series(np.arange(len(number)), index=number.index)
    left, right = (position.loc[pairs[side]].to_numpy() for side in ("identity_id_l", "identity_id_r"))
    codes = pd.factorize(number)[0]
    shares_number = (codes[left] == codes[right]) & (codes[left] >= 0)
    least = np.log2(accept_from / (1 - accept_from)) if accept_from < 1 else np.inf
    joined = pairs["match_weight"].to_numpy() - np.where(shares_number, nominal_weight, 0) >= least
    edges = coo_array((np.ones(joined.sum()), (left[joined], right[joined])), shape=(len(number), len(number)))
    group = connected_components(edges, directed=False)[1]
    rows = contact_identities.merge(links[["contact_id", "person_id"]], on="contact_id", validate="one_to_one")
    place = position.loc[rows["identity_id"]].to_numpy()
    rows = rows.assign(group=group[place], number=codes[place])
    main = most_frequent(rows, "person_id", "group")
    numbered = rows[rows["number"] >= 0]
    holder = most_frequent(numbered, "number", "person_id")
    person_id = numbered["number"].map(holder)
    found = pd.DataFrame({"contact_id": numbered["contact_id"], "person_id": person_id, "is_found": numbered["group"].eq(person_id.map(main))})
    return found.sort_values("contact_id", ignore_index=True)


def most_frequent(rows: pd.DataFrame, key: str, value: str) -> pd.Series:
    """Return by `key` the `value` that most of its rows have, the first in order among equals."""
    counts = rows.groupby([key, value], as_index=False).size().sort_values([key, "size", value], ascending=[True, False, True])
    return counts.drop_duplicates(key).set_index(key)[value]


def weigh_number(match_levels: pd.DataFrame) -> float:
    """Return the match weight of a shared nominal_id in bits, 0 where the model could not learn one."""
    weights = match_levels.loc[match_levels["comparison"].eq("nominal_id"), "match_weight"]
    return float(np.nan_to_num(weights.max(), nan=0.0)) if len(weights) else 0.0


def first_referral(persons: pd.DataFrame, referrals: pd.DataFrame) -> pd.Series:
    """Return the day of the first referral by person_id, for everyone who has a client_id."""
    first = referrals.groupby("client_id")["referred_on"].min()
    return persons.dropna(subset=["client_id"]).set_index("person_id")["client_id"].map(first)


def measure_contacts(found: pd.DataFrame, contacts: pd.DataFrame, links: pd.DataFrame) -> pd.DataFrame:
    """Return measure, contact_id, person_id, received_at, value: what can be said of each linked contact without a truth.

    Measures: found by details alone (`found`, as from `find_by_details`); match probability; enough details (at least three
    of forename, surname, date of birth, phone and place).
    """
    linked = links.merge(contacts, on="contact_id", validate="one_to_one")
    n_facts = linked[FACTS].notna().sum(axis=1) + linked[["address", "postcode"]].notna().any(axis=1)
    parts = {
        PRIMARY_MEASURE: found.assign(value=found["is_found"].astype(float)),
        "match probability": linked.assign(value=linked["match_probability"]),
        "enough details": linked.assign(value=(n_facts >= 3).astype(float)),
    }
    rows = pd.concat([part[["contact_id", "person_id", "value"]].assign(measure=name) for name, part in parts.items()], ignore_index=True)
    return rows.merge(contacts[["contact_id", "received_at"]], on="contact_id", validate="many_to_one")


def measure_truth(links: pd.DataFrame, contact_facts: pd.DataFrame, contact_persons: pd.DataFrame) -> pd.DataFrame:
    """Return the same columns for every contact of a known truth, measure "true recall", person_id being the true person.

    value says whether the contact falls to the resolved person who holds most of the true person's contacts; one rule for
    both arms.
    """
    rows = contact_persons.merge(links[["contact_id", "person_id"]], on="contact_id", how="left", validate="one_to_one")
    main = rows["true_person_id"].map(most_frequent(rows.dropna(subset=["person_id"]), "true_person_id", "person_id"))
    rows = rows.assign(measure="true recall", value=(rows["person_id"] == main).astype(float), person_id=rows["true_person_id"])
    return rows[["measure", "contact_id", "person_id", "value"]].merge(contact_facts[["contact_id", "received_at"]], on="contact_id", validate="one_to_one")


def first_true_referral(client_persons: pd.DataFrame, referral_facts: pd.DataFrame) -> pd.Series:
    """Return the day of the first referral by true_person_id."""
    first = referral_facts.groupby("client_id")["referred_on"].min()
    return client_persons.set_index("true_person_id")["client_id"].map(first)


def compare_true_months(
    links: pd.DataFrame, contact_facts: pd.DataFrame, contact_persons: pd.DataFrame, referral_facts: pd.DataFrame, client_persons: pd.DataFrame, months_before: int, months_after: int
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Return rows of linkage_months and linkage_differences on true recall; both without rows where there is no truth."""
    if contact_persons.empty or client_persons.empty:
        return pd.DataFrame(columns=MONTH_COLUMNS), pd.DataFrame(columns=DIFFERENCE_COLUMNS)
    placed = place_in_months(measure_truth(links, contact_facts, contact_persons), first_true_referral(client_persons, referral_facts), months_before, months_after)
    return measure_months(placed), compare_periods(placed)


def place_in_months(measured: pd.DataFrame, index_on: pd.Series, months_before: int, months_after: int) -> pd.DataFrame:
    """Return `measured` with arm, month (missing for the not referred), period and calendar (month), within the window.

    `index_on`: date of first referral by person_id. Contacts of the referred outside the window are left out.
    """
    day = measured["person_id"].map(index_on)
    month = months_from(measured["received_at"], day)
    rows = measured.assign(
        arm=np.where(day.notna(), "referred", "not_referred"), month=month, period=np.where(month.fillna(0) < 0, "before", "after"),
        calendar=measured["received_at"].dt.year * 12 + measured["received_at"].dt.month,
    )  # fmt: skip
    return rows[day.isna() | month.between(-months_before, months_after - 1).fillna(False)]


def measure_months(placed: pd.DataFrame) -> pd.DataFrame:
    """Return `linkage_months`: measure, arm, month, value, ci_low, ci_high, n (contacts), from `place_in_months`.

    Referred: intervals clustered by person. Not referred: standardised to the referred's calendar months, with a normal
    interval clustered by person; n are their contacts in these calendar months.
    """
    referred = placed[placed["arm"].eq("referred")].astype({"month": "int64"})
    own = cluster_shares(referred, ["measure", "month"], "value", "person_id").assign(arm="referred")
    others = [standardise(rows, "month")[0].assign(measure=measure, arm="not_referred") for measure, rows in placed.groupby("measure")]
    table = pd.concat([own, *others], ignore_index=True).astype({"month": "int64", "n": "int64"})
    return table[MONTH_COLUMNS].sort_values(["measure", "arm", "month"], ignore_index=True)


def standardise(rows: pd.DataFrame, by: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the not referred's mean value as if their contacts fell on the referred's calendar months, by the column `by`.

    First a table of `by`, value, ci_low, ci_high, n; then the influence of each of their people (rows) on each value
    (columns). The weights of the calendar months are taken as given; months without a contact of the not referred are left out.
    """
    is_other = rows["arm"].eq("not_referred")
    others = rows[is_other]
    calendars, place = np.unique(others["calendar"], return_inverse=True)
    people = pd.factorize(others["person_id"])[0]
    n = np.bincount(place, minlength=len(calendars))
    mean = np.bincount(place, weights=others["value"], minlength=len(calendars)) / np.maximum(n, 1)
    weights = pd.crosstab(rows.loc[~is_other, by], rows.loc[~is_other, "calendar"], normalize="index").reindex(columns=calendars, fill_value=0.0)
    weights = weights.div(weights.sum(axis=1).where(lambda sums: sums > 0), axis=0)
    residuals = coo_array((others["value"].to_numpy() - mean[place], (people, place)), shape=(people.max(initial=-1) + 1, len(calendars)))
    influence = residuals.tocsr() @ (weights.to_numpy() / np.maximum(n, 1)).T
    # Weights add up to one only as far as floats do: a share of all may come out a hair above it.
    value, half = np.clip(weights.to_numpy() @ mean, 0, 1), Z * cluster_error(influence)
    low, high = np.clip(value - half, 0, 1), np.clip(value + half, 0, 1)
    return pd.DataFrame({by: weights.index, "value": value, "ci_low": low, "ci_high": high, "n": (weights.to_numpy() > 0) @ n}), influence


def cluster_error(influence: np.ndarray) -> np.ndarray:
    """Return the standard error of each column's sum of `influence`, one row per person, people being independent."""
    n = np.maximum((influence != 0).sum(axis=0), 2)
    return np.sqrt((influence**2).sum(axis=0) * n / (n - 1))


def compare_periods(placed: pd.DataFrame) -> pd.DataFrame:
    """Return `linkage_differences`: measure, contrast, estimate, std_error, ci_low, ci_high, n_people, n_contacts.

    Contrasts of mean values: after less before referral in the referred; the same in the not referred at the same calendar
    months; the arms against each other before and after; and the difference in differences. Standard errors are linearised
    and clustered by person; intervals are normal.
    """
    rows = [row for measure, part in placed.groupby("measure") for row in contrast_rows(measure, part)]
    return pd.DataFrame(rows, columns=DIFFERENCE_COLUMNS)


def contrast_rows(measure: str, rows: pd.DataFrame) -> list[tuple]:
    """Return the rows of `compare_periods` for one measure."""
    referred = rows[rows["arm"].eq("referred")]
    people = pd.factorize(referred["person_id"])[0]
    reference, influence = standardise(rows, "period")
    means, influences = {}, {}
    for place, period in enumerate(reference["period"]):
        is_in = referred["period"].eq(period).to_numpy()
        mean = referred.loc[is_in, "value"].mean()
        residual = np.where(is_in, referred["value"] - mean, 0.0) / is_in.sum()
        means["referred", period], means["not_referred", period] = mean, reference["value"][place]
        influences["referred", period], influences["not_referred", period] = np.bincount(people, weights=residual), influence[:, place]
    counts = rows.groupby("arm")["person_id"].agg(["nunique", "size"])
    found = []
    for contrast, signs in CONTRASTS.items():
        if not means.keys() >= signs.keys():
            continue
        estimate = sum(sign * means[cell] for cell, sign in signs.items())
        arms = sorted({arm for arm, _ in signs})
        together = np.concatenate([sum(sign * influences[cell] for cell, sign in signs.items() if cell[0] == arm) for arm in arms])
        error = float(cluster_error(together))
        n_people, n_contacts = counts.loc[arms].sum()
        found.append((measure, contrast, estimate, error, estimate - Z * error, estimate + Z * error, int(n_people), int(n_contacts)))
    return found


def check_differences(linkage_differences: pd.DataFrame, at_most: float) -> pd.DataFrame:
    """Return the test of differential linkage as a row of link_quality: recall lost after referral, beyond the not referred's.

    It passes where the loss, or the gain, is at most `at_most`; where it could not be worked out it neither passes nor fails.
    """
    rows = linkage_differences[linkage_differences["measure"].eq(PRIMARY_MEASURE) & linkage_differences["contrast"].eq(PRIMARY_CONTRAST)]
    lost = rows["estimate"].abs()
    return pd.DataFrame({
        "check": "recall lost after referral", "arm": "referred", "period": "after", "value": -rows["estimate"], "ci_low": -rows["ci_high"],
        "ci_high": -rows["ci_low"], "n": rows["n_contacts"], "pass_mark": at_most, "passed": (lost <= at_most).astype("boolean").mask(lost.isna()),
    }).reset_index(drop=True)  # fmt: skip
