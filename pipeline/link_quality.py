"""How good the links are: by the model's own probabilities where no truth is known, and against the truth where it is.

Both speak of contact rows, by arm and before or after the first referral, because links that fade after referral look
like success. Intervals are Wilson's (1927); they count rows as independent, so they are too narrow for people with many.
"""

import numpy as np
import pandas as pd

IDENTIFIERS = ["forename", "surname", "date_of_birth", "phone", "postcode", "nominal_id"]
COLUMNS = ["check", "arm", "period", "value", "ci_low", "ci_high", "n", "pass_mark", "passed"]
TRUTH_COLUMNS = ["measure", "arm", "period", "pattern", "value", "ci_low", "ci_high", "n"]
HEAVIEST = 10
Z = 1.959964


def wilson_interval(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of Wilson's 95 % interval of a share of n; missing where n is 0."""
    share, n = np.asarray(share, float), np.where(np.asarray(n, float) > 0, n, np.nan)
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return middle - half, middle + half


def check_links(
    links: pd.DataFrame, persons: pd.DataFrame, contact_identities: pd.DataFrame, pairs: pd.DataFrame, register_pairs: pd.DataFrame,
    contacts: pd.DataFrame, referrals: pd.DataFrame, accept_from: float, link_rate_at_least: float, precision_at_least: float, recall_at_least: float,
) -> pd.DataFrame:  # fmt: skip
    """Return the table link_quality: what can be said about the links without knowing the truth.

    Columns check, arm (referred, not_referred, all), period (before, after, all), value (a share), ci_low, ci_high, n (what the
    share is of), pass_mark and passed (missing where a check has none). Checks:
    link rate: clients of the register whom contacts match; several people match a client; contacts without a person: too
    little said to tell whose; expected precision and recall by the model's probabilities (see `expected_precision`,
    `expected_recall`); contacts of the ten people with most, where chains would show; completeness of each identifier.
    """
    rows = place_contacts(contacts, links, persons, referrals)
    n_people = count_matched_people(links, contact_identities, register_pairs, accept_from)
    n_clients = referrals["client_id"].nunique()
    found = int((persons["client_id"].notna() & (persons["n_contacts"] > 0)).sum())
    heaviest = int(persons["n_contacts"].nlargest(HEAVIEST).sum())
    checks = [
        ("link rate", "referred", "all", found / max(n_clients, 1), n_clients, link_rate_at_least),
        ("clients matched by several people", "referred", "all", (n_people > 1).sum() / max(n_clients, 1), n_clients, np.nan),
        ("contacts without a person", "all", "all", 1 - len(links) / max(len(contacts), 1), len(contacts), np.nan),
        ("contacts of the ten people with most", "all", "all", heaviest / max(len(links), 1), len(links), np.nan),
        *(("expected precision", arm, period, value, n, precision_at_least) for arm, period, value, n in expected_precision(rows)),
        *(("expected recall", arm, "all", value, n, recall_at_least) for arm, value, n in expected_recall(rows, contact_identities, pairs, accept_from)),
        *(
            (f"completeness of {field.replace('_', ' ')}", arm, period, group[field].notna().mean(), len(group), np.nan)
            for field in IDENTIFIERS
            for (arm, period), group in by_arm_and_period(rows)
        ),
    ]
    table = pd.DataFrame(checks, columns=["check", "arm", "period", "value", "n", "pass_mark"])
    table["ci_low"], table["ci_high"] = wilson_interval(table["value"], table["n"])
    table["passed"] = (table["value"] >= table["pass_mark"]).astype("boolean").mask(table["pass_mark"].isna())
    return table.astype({"n": "int64"})[COLUMNS]


def place_contacts(contacts: pd.DataFrame, links: pd.DataFrame, persons: pd.DataFrame, referrals: pd.DataFrame) -> pd.DataFrame:
    """Return the linked contacts with person_id, match_probability, arm, period (before, after first referral; all) and identifiers."""
    first = referrals.groupby("client_id")["referred_on"].min().rename("index_on")
    who = persons[["person_id", "client_id"]].merge(first, left_on="client_id", right_index=True, how="left", validate="many_to_one")
    rows = links.merge(contacts[["contact_id", "received_at", *IDENTIFIERS]], on="contact_id", validate="one_to_one")
    rows = rows.merge(who, on="person_id", validate="many_to_one")
    is_referred = rows["index_on"].notna()
    after = np.where(rows["received_at"] < rows["index_on"], "before", "after")
    return rows.assign(arm=np.where(is_referred, "referred", "not_referred"), period=np.where(is_referred, after, "all"))


def by_arm_and_period(rows: pd.DataFrame) -> list:
    """Return ((arm, period), rows) for the referred altogether, before and after, and for everyone else."""
    referred = rows[rows["arm"] == "referred"]
    split = [(("referred", period), referred[referred["period"] == period]) for period in ("before", "after")]
    return [(("referred", "all"), referred), *split, (("not_referred", "all"), rows[rows["arm"] == "not_referred"])]


def expected_precision(rows: pd.DataFrame) -> list[tuple]:
    """Return (arm, period, value, n): the mean probability with which contacts are tied to their person."""
    return [(arm, period, group["match_probability"].mean(), len(group)) for (arm, period), group in by_arm_and_period(rows)]


def expected_recall(rows: pd.DataFrame, contact_identities: pd.DataFrame, pairs: pd.DataFrame, accept_from: float) -> list[tuple]:
    """Return (arm, value, n): the share of their contacts that people of each arm are held to have.

    Two people joined only by pairs below `accept_from` are one with the probability p of the strongest of these; the one
    with more contacts then lacks p times the contacts of the other. Links that no blocking rule proposes are not seen.
    """
    person_of = rows[["contact_id", "person_id"]].merge(contact_identities, on="contact_id", validate="one_to_one")
    person_of = person_of.drop_duplicates("identity_id").set_index("identity_id")["person_id"]
    sizes = rows["person_id"].value_counts()
    arm_of = rows.drop_duplicates("person_id").set_index("person_id")["arm"]
    apart = pairs[pairs["match_probability"] < accept_from]
    apart = pd.DataFrame({"one": apart["identity_id_l"].map(person_of), "other": apart["identity_id_r"].map(person_of), "p": apart["match_probability"]})
    apart = apart[apart["one"] != apart["other"]]
    swap = apart["one"].map(sizes) < apart["other"].map(sizes)
    apart["one"], apart["other"] = apart["one"].mask(swap, apart["other"]), apart["other"].mask(swap, apart["one"])
    strongest = apart.groupby(["one", "other"], as_index=False)["p"].max()
    # Somebody's lost contacts can be one person's only, so each smaller person counts once, at the strongest tie.
    strongest = strongest.sort_values(["other", "p", "one"], ascending=[True, False, True]).drop_duplicates("other")
    lost = (strongest["p"] * strongest["other"].map(sizes)).groupby(strongest["one"].map(arm_of)).sum()
    held = rows["arm"].value_counts()
    return [(arm, held.get(arm, 0) / max(held.get(arm, 0) + lost.get(arm, 0.0), 1), held.get(arm, 0)) for arm in ("referred", "not_referred")]


def count_matched_people(links: pd.DataFrame, contact_identities: pd.DataFrame, register_pairs: pd.DataFrame, accept_from: float) -> pd.Series:
    """Return by client_id how many people the client's details match at `accept_from`; only one of them is taken as the client."""
    owners = contact_identities.merge(links, on="contact_id", validate="one_to_one").drop_duplicates("identity_id")[["identity_id", "person_id"]]
    matched = register_pairs[register_pairs["match_probability"] >= accept_from].merge(owners, on="identity_id", validate="many_to_one")
    return matched.groupby("client_id")["person_id"].nunique()


def describe_patterns(contacts: pd.DataFrame) -> pd.DataFrame:
    """Return contact_id and pattern: which of name (forename and surname), birth, phone, place and nominal a contact holds."""
    parts = {
        "name": contacts["forename"].notna() & contacts["surname"].notna(), "birth": contacts["date_of_birth"].notna(), "phone": contacts["phone"].notna(),
        "place": contacts["postcode"].notna() | contacts["address"].notna(), "nominal": contacts["nominal_id"].notna(),
    }  # fmt: skip
    words = pd.DataFrame({name: np.where(held, f"{name} ", "") for name, held in parts.items()}, index=contacts.index)
    return pd.DataFrame({"contact_id": contacts["contact_id"], "pattern": words.sum(axis=1).str.strip().replace("", "nothing")})


def truth_quality(
    links: pd.DataFrame, persons: pd.DataFrame, contact_facts: pd.DataFrame, referral_facts: pd.DataFrame,
    contact_persons: pd.DataFrame, client_persons: pd.DataFrame, patterns: pd.DataFrame,
) -> pd.DataFrame:  # fmt: skip
    """Return precision and recall of contact rows against a known truth, by arm, period and pattern of identifiers.

    Columns measure (precision, recall), arm, period, pattern, value, ci_low, ci_high, n. Referred: of the contacts given to a
    client's person, the share truly the client's; of a client's true contacts, the share given to the client's person. Others:
    the same with a true person's largest resolved person in place of the client's. `contact_persons`: contact_id, true_person_id;
    `client_persons`: client_id, true_person_id; `patterns` as from `describe_patterns`. Empty without a truth.
    """
    if contact_persons.empty:
        return pd.DataFrame(columns=TRUTH_COLUMNS)
    first = referral_facts.groupby("client_id", as_index=False).agg(index_on=("referred_on", "min"))
    clients = client_persons.merge(first, on="client_id", validate="one_to_one")
    rows = contact_persons.merge(links[["contact_id", "person_id"]], on="contact_id", how="left", validate="one_to_one")
    rows = rows.merge(contact_facts[["contact_id", "received_at"]], on="contact_id", validate="one_to_one").merge(patterns, on="contact_id", validate="one_to_one")
    rows = rows.merge(largest_person(rows), on="true_person_id", how="left", validate="many_to_one")
    attached = clients.merge(persons.loc[persons["client_id"].notna() & (persons["n_contacts"] > 0), ["client_id", "person_id"]], on="client_id", how="left", validate="one_to_one")
    owner = attached.drop_duplicates("true_person_id").set_index("true_person_id")
    is_client = rows["true_person_id"].isin(owner.index)
    # The person who should hold a contact, and the true person whom the resolved person stands for.
    rows["right_person"] = rows["true_person_id"].map(owner["person_id"]).where(is_client, rows["largest"])
    holder = pd.concat([
        attached.dropna(subset=["person_id"]).set_index("person_id")["true_person_id"],
        rows[~is_client].drop_duplicates("true_person_id").dropna(subset=["largest"]).drop_duplicates("largest").set_index("largest")["true_person_id"],
    ])  # fmt: skip
    holder = holder[~holder.index.duplicated()]
    rows["held_by"] = rows["person_id"].map(holder)
    recall = measured(rows.assign(subject=rows["true_person_id"], is_right=rows["person_id"] == rows["right_person"]), owner, "recall")
    held = rows[rows["held_by"].notna()]
    precision = measured(held.assign(subject=held["held_by"], is_right=held["held_by"] == held["true_person_id"]), owner, "precision")
    table = pd.concat([precision, recall], ignore_index=True)
    table["ci_low"], table["ci_high"] = wilson_interval(table["value"], table["n"])
    return table[TRUTH_COLUMNS]


def largest_person(rows: pd.DataFrame) -> pd.DataFrame:
    """Return true_person_id and largest: the resolved person who holds most of the true person's contacts."""
    counts = rows.dropna(subset=["person_id"]).groupby(["true_person_id", "person_id"], as_index=False).size()
    ranked = counts.sort_values(["true_person_id", "size", "person_id"], ascending=[True, False, True])
    return ranked.drop_duplicates("true_person_id")[["true_person_id", "person_id"]].rename(columns={"person_id": "largest"})


def measured(rows: pd.DataFrame, owner: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the share of `rows` that is_right, by the arm and period of their subject, and by arm and pattern."""
    index_on = rows["subject"].map(owner["index_on"])
    rows = rows.assign(arm=np.where(index_on.notna(), "referred", "not_referred"), period=np.where(rows["received_at"] < index_on, "before", "after"))
    whole = rows.assign(period="all", pattern="any")
    cuts = [whole, rows[rows["arm"] == "referred"].assign(pattern="any"), rows.assign(period="all")]
    shares = [cut.groupby(["arm", "period", "pattern"], as_index=False).agg(value=("is_right", "mean"), n=("is_right", "size")) for cut in cuts]
    return pd.concat(shares, ignore_index=True).assign(measure=measure)
