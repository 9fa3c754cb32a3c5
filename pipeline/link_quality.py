"""How good the links are: by the model's own probabilities where no truth is known, and against the truth where it is.

Both speak of contact rows, by arm and before or after the first referral, because links that fade after referral look
like success. Intervals are Wilson's (1927); they count rows as independent, so they are too narrow for people with many.
"""

import numpy as np
import pandas as pd

from pipeline.disclosure import control_table
from pipeline.disclosure_rates import control_shares
from pipeline.groups import most_frequent
from pipeline.intervals import cluster_shares, wilson_interval

IDENTIFIERS = ["forename", "surname", "date_of_birth", "phone", "postcode", "nominal_id"]
COLUMNS = ["check", "arm", "period", "value", "ci_low", "ci_high", "n", "pass_mark", "passed"]
TRUTH_COLUMNS = ["measure", "arm", "period", "pattern", "value", "ci_low", "ci_high", "n"]
HEAVIEST = 10
# Checks whose value is a mean of probabilities or a difference, and no share of a count.
NO_SHARE = ("expected", "recall lost")
# Checks that count clients; the others count contacts.
OF_CLIENTS = ("link rate", "clients ", "register entries")


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
        *(("expected recall", arm, "all", value, n, recall_at_least) for arm, value, n in expected_recall(rows, contact_identities, pairs, accept_from)),
    ]
    counted = pd.DataFrame(checks, columns=["check", "arm", "period", "value", "n", "pass_mark"])
    counted["ci_low"], counted["ci_high"] = wilson_interval(counted["value"], counted["n"])
    shares = {"expected precision": rows["match_probability"], **{f"completeness of {field.replace('_', ' ')}": rows[field].notna() for field in IDENTIFIERS}}
    measured = pd.concat([share_by_arm_and_period(rows, value).assign(check=check) for check, value in shares.items()], ignore_index=True)
    measured["pass_mark"] = np.where(measured["check"].eq("expected precision"), precision_at_least, np.nan)
    is_precision = measured["check"].eq("expected precision")
    table = pd.concat([counted.iloc[:4], measured[is_precision], counted.iloc[4:], measured[~is_precision]], ignore_index=True)
    table["passed"] = (table["value"] >= table["pass_mark"]).astype("boolean").mask(table["pass_mark"].isna())
    return table.astype({"n": "int64"})[COLUMNS]


def add_checks(*checks: pd.DataFrame) -> pd.DataFrame:
    """Return link_quality with further checks of the same columns below it."""
    return pd.concat(checks, ignore_index=True)[COLUMNS].astype({"n": "int64", "passed": "boolean"})


def control_quality(link_quality: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `link_quality` fit for publication: counts rounded or suppressed, shares and their intervals those of rounded counts.

    A share of clients is missing where fewer than the threshold are inside or outside it; whether its mark is met stays.
    """
    check, ends = link_quality["check"], ["ci_low", "ci_high"]
    is_share = ~check.str.startswith(NO_SHARE)
    of_clients = check.str.startswith(OF_CLIENTS) | check.str.endswith(" in the register")
    shares = control_shares(link_quality, "value", "n", threshold, rounding, ends, of_clients)
    kept = {name: link_quality[name].where(~is_share, shares[name]) for name in ("value", *ends)}
    return control_table(link_quality.assign(**kept), threshold, rounding, counts=["n"], blank=["value", *ends]).round(4)


def place_contacts(contacts: pd.DataFrame, links: pd.DataFrame, persons: pd.DataFrame, referrals: pd.DataFrame) -> pd.DataFrame:
    """Return the linked contacts with person_id, match_probability, arm, period (before, after first referral; all) and identifiers."""
    first = referrals.groupby("client_id")["referred_on"].min().rename("index_on")
    who = persons[["person_id", "client_id"]].merge(first, left_on="client_id", right_index=True, how="left", validate="many_to_one")
    rows = links.merge(contacts[["contact_id", "received_at", *IDENTIFIERS]], on="contact_id", validate="one_to_one")
    rows = rows.merge(who, on="person_id", validate="many_to_one")
    is_referred = rows["index_on"].notna()
    after = np.where(rows["received_at"] < rows["index_on"], "before", "after")
    return rows.assign(arm=np.where(is_referred, "referred", "not_referred"), period=np.where(is_referred, after, "all"))


def share_by_arm_and_period(rows: pd.DataFrame, value: pd.Series) -> pd.DataFrame:
    """Return the mean of `value` over `rows`, clustered by person: the referred altogether, before and after, and everyone else.

    Columns arm, period, value, ci_low, ci_high, n; an arm or period without contacts has n 0 and no value.
    """
    rows = pd.DataFrame({"arm": rows["arm"], "period": rows["period"], "person_id": rows["person_id"], "value": value.astype(float)})
    referred = rows[rows["arm"] == "referred"]
    found = cluster_shares(pd.concat([referred.assign(period="all"), referred, rows[rows["arm"] == "not_referred"]]), ["arm", "period"], "value", "person_id")
    wanted = pd.DataFrame([("referred", "all"), ("referred", "before"), ("referred", "after"), ("not_referred", "all")], columns=["arm", "period"])
    return wanted.merge(found, on=["arm", "period"], how="left", validate="one_to_one").fillna({"n": 0})


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
    one, other = (sizes.index.get_indexer(apart[side].map(person_of)) for side in ("identity_id_l", "identity_id_r"))
    lost = find_lost_contacts(one, other, apart["match_probability"].to_numpy(), sizes.to_numpy())
    lost = lost.groupby(arm_of.loc[sizes.index].to_numpy()[lost["holder"]])["lost"].sum()
    held = rows["arm"].value_counts()
    return [(arm, held.get(arm, 0) / max(held.get(arm, 0) + lost.get(arm, 0.0), 1), held.get(arm, 0)) for arm in ("referred", "not_referred")]


def find_lost_contacts(one: np.ndarray, other: np.ndarray, probability: np.ndarray, sizes: np.ndarray) -> pd.DataFrame:
    """Return holder and lost: the contacts that a person is held to lack, because pairs that tie them to another were not accepted.

    `one` and `other` are the people of each pair, as places in `sizes` (their contacts), `probability` the pair's. Of two people
    the larger is the holder. Somebody's lost contacts can be one person's only, so each smaller person counts once, with
    the contacts times the probability of the strongest tie.
    """
    differ = one != other
    one, other, probability = one[differ], other[differ], probability[differ]
    swap = sizes[one] < sizes[other]
    ties = pd.DataFrame({"holder": np.where(swap, other, one), "smaller": np.where(swap, one, other), "p": probability})
    strongest = ties.sort_values(["smaller", "p", "holder"], ascending=[True, False, True]).drop_duplicates("smaller")
    return pd.DataFrame({"holder": strongest["holder"], "lost": strongest["p"] * sizes[strongest["smaller"]]}).reset_index(drop=True)


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
    # The resolved person who holds most of the true person's contacts.
    rows["largest"] = rows["true_person_id"].map(most_frequent(rows.dropna(subset=["person_id"]), "true_person_id", "person_id"))
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
    return pd.concat([precision, recall], ignore_index=True)[TRUTH_COLUMNS]


def measured(rows: pd.DataFrame, owner: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the share of `rows` that is_right, by the arm and period of their subject, and by arm and pattern."""
    index_on = rows["subject"].map(owner["index_on"])
    rows = rows.assign(arm=np.where(index_on.notna(), "referred", "not_referred"), period=np.where(rows["received_at"] < index_on, "before", "after"))
    whole = rows.assign(period="all", pattern="any")
    cuts = [whole, rows[rows["arm"] == "referred"].assign(pattern="any"), rows.assign(period="all")]
    shares = [cluster_shares(cut.astype({"is_right": float}), ["arm", "period", "pattern"], "is_right", "subject") for cut in cuts]
    return pd.concat(shares, ignore_index=True).assign(measure=measure)
