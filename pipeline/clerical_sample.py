"""A sample of pairs for people to read, and what their decisions say about precision and recall.

The sample is stratified by match probability and arm, and drawn at random within each stratum, so that the few doubtful
pairs are read as well as the many sure ones. The estimates weigh every decision by the pairs it stands for (Cochran
1977, ch. 5 and 6: combined ratio estimator); the interval is Wilson's with the design effect (Korn and Graubard 1998).
Precision is of accepted pairs, recall of all true pairs among those scored: pairs below the floor are read by nobody.
Builds on pipeline.intervals.
"""

import hashlib

import numpy as np
import pandas as pd

from pipeline.intervals import wilson_interval

DECISIONS = ["same", "different", "unsure"]
DETAILS = ["forename", "surname", "date_of_birth", "sex", "phone", "address", "postcode", "nominal_id"]
DRAWN_COLUMNS = ["review_id", "identity_id_l", "identity_id_r", "arm", "stratum", "n_in_stratum", "is_accepted", "person"]
RESULT_COLUMNS = ["measure", "arm", "value", "ci_low", "ci_high", "value_if_two", "value_if_one", "n_pairs", "n_unsure"]


def draw_pairs(pairs: pd.DataFrame, arm_of: pd.Series, person_of: pd.Series, bands: list[float], accept_from: float, n_pairs: int, seed: int) -> pd.DataFrame:
    """Return the drawn pairs: review_id, both identities, arm, stratum, n_in_stratum, is_accepted, person, in random order.

    Strata are arms times bands of match probability, parted at `bands` and at `accept_from`; each gives about as many pairs,
    and what a small stratum cannot give the larger ones do. A pair is the referred arm's where either side is (`arm_of`, by
    identity_id); person (`person_of`, by identity_id, of the left side) is whose pairs hang together.
    """
    edges = sorted({*bands, accept_from} - {0.0, 1.0})
    left, right = (pairs[side].map(arm_of).to_numpy() for side in ("identity_id_l", "identity_id_r"))
    arm = np.where((left == "referred") | (right == "referred"), "referred", "not_referred")
    band = np.searchsorted(edges, pairs["match_probability"].to_numpy(), side="right")
    names = pd.Series(arm) + ", " + pd.Series([f"from {edge:g}" for edge in [0.0, *edges]]).loc[band].reset_index(drop=True)
    rng = np.random.default_rng(seed)
    sizes = names.value_counts().sort_index()
    shares = share_out(sizes, n_pairs)
    chosen = np.concatenate([rng.choice(np.flatnonzero(names.to_numpy() == name), size, replace=False) for name, size in shares.items()])
    chosen = rng.permutation(chosen)
    drawn = pd.DataFrame({
        "review_id": np.arange(1, len(chosen) + 1), "identity_id_l": pairs["identity_id_l"].to_numpy()[chosen], "identity_id_r": pairs["identity_id_r"].to_numpy()[chosen],
        "arm": arm[chosen], "stratum": names.to_numpy()[chosen], "is_accepted": pairs["match_probability"].to_numpy()[chosen] >= accept_from,
    })  # fmt: skip
    return drawn.assign(n_in_stratum=drawn["stratum"].map(sizes), person=drawn["identity_id_l"].map(person_of).astype(str))[DRAWN_COLUMNS]


def share_out(sizes: pd.Series, n_pairs: int) -> pd.Series:
    """Return how many of `n_pairs` each stratum of `sizes` gives: equal parts, the rest of small ones going to the others."""
    given, left = pd.Series(0, index=sizes.index), min(n_pairs, int(sizes.sum()))
    while left:
        open_strata = sizes.index[given < sizes]
        part = max(left // len(open_strata), 1)
        for name in open_strata:
            more = min(part, int(sizes[name] - given[name]), left)
            given[name] += more
            left -= more
    return given[given > 0]


def lay_side_by_side(drawn: pd.DataFrame, contacts: pd.DataFrame, contact_identities: pd.DataFrame) -> pd.DataFrame:
    """Return what a reviewer reads: review_id, decision (blank), and each detail of both records side by side.

    Neither match probability nor arm is shown, so that the model and the hope for a result sway nobody. Of the contacts of
    an identity, which hold the same details, the first is shown.
    """
    first = contact_identities.merge(contacts[["contact_id", *DETAILS]], on="contact_id", validate="one_to_one").sort_values("contact_id").drop_duplicates("identity_id").set_index("identity_id")
    sides = [first.loc[drawn[f"identity_id_{side}"], DETAILS].add_suffix(f"_{side}").reset_index(drop=True) for side in ("l", "r")]
    both = pd.concat(sides, axis=1)
    columns = [f"{detail}_{side}" for detail in DETAILS for side in ("l", "r")]
    return pd.concat([drawn[["review_id"]].reset_index(drop=True), pd.DataFrame({"decision": [""] * len(drawn)}), both[columns]], axis=1).rename(
        columns=lambda name: name.removesuffix("_l") + " (one)" if name.endswith("_l") else name.removesuffix("_r") + " (other)" if name.endswith("_r") else name
    )


def find_mistakes(decisions: pd.DataFrame, drawn: pd.DataFrame) -> list[str]:
    """Return what is wrong with a reviewer's `decisions` (review_id and decision, as text), one line per kind of mistake."""
    ids, words = decisions["review_id"].astype(str).str.strip(), decisions["decision"].fillna("").astype(str).str.strip().str.lower()
    known = drawn["review_id"].astype(str)
    blank, unknown = ids[words.eq("")], ids[~words.isin([*DECISIONS, ""])]
    kinds = [
        ("were not drawn. Restore the review_id of these rows", ids[~ids.isin(known)]),
        ("stand there more than once. Keep one row each", ids[ids.duplicated()]),
        ("are missing. Restore these rows", known[~known.isin(ids)]),
        (f"hold another word than {', '.join(DECISIONS)}. Correct the decision", unknown),
        (f"hold no decision yet. Write {', '.join(DECISIONS[:-1])} or {DECISIONS[-1]}", blank),
    ]
    return [f"{len(rows)} review_id(s) {what}: {list_ids(rows)}." for what, rows in kinds if len(rows)]


def list_ids(ids: pd.Series, at_most: int = 10) -> str:
    """Return the first review_ids in words."""
    names = list(dict.fromkeys(ids))
    return ", ".join(names[:at_most]) + (f" and {len(names) - at_most} more" if len(names) > at_most else "")


def estimate_from_decisions(drawn: pd.DataFrame, decisions: pd.Series) -> pd.DataFrame:
    """Return measure (precision, recall), arm, value, ci_low, ci_high, value_if_two, value_if_one, n_pairs, n_unsure.

    `decisions` by review_id. value leaves unsure pairs out; the other two take all of them as two people, or as one.
    n_pairs are the pairs read that a value rests on. Arms: all, referred, not_referred.
    """
    rows = drawn.assign(decision=drawn["review_id"].map(decisions), weight=drawn["n_in_stratum"] / drawn.groupby("stratum")["review_id"].transform("size"))
    found = []
    for arm in ("all", "referred", "not_referred"):
        part = rows if arm == "all" else rows[rows["arm"] == arm]
        for measure in ("precision", "recall"):
            sure = part[part["decision"] != "unsure"]
            value, low, high, n = measure_pairs(sure, measure, sure["decision"].eq("same"))
            if_two, if_one = (measure_pairs(part, measure, part["decision"].isin(words))[0] for words in (["same"], ["same", "unsure"]))
            among = part if measure == "recall" else part[part["is_accepted"]]
            found.append((measure, arm, value, low, high, if_two, if_one, n, int(among["decision"].eq("unsure").sum())))
    return pd.DataFrame(found, columns=RESULT_COLUMNS)


def measure_pairs(rows: pd.DataFrame, measure: str, is_same: pd.Series) -> tuple[float, float, float, int]:
    """Return precision or recall of weighted `rows`, the ends of its interval, and the pairs it rests on.

    The ratio's residuals are summed within a stratum by person, whose pairs hang together, and their variance between these
    sums, with the finite population correction, gives the variance; strata with one such sum are taken at their square.
    """
    hit, base = is_same & rows["is_accepted"], rows["is_accepted"] if measure == "precision" else is_same
    total = float((rows["weight"] * base).sum())
    if not total:
        return float("nan"), float("nan"), float("nan"), 0
    value = float((rows["weight"] * hit).sum() / total)
    residual = rows["weight"] * (hit.astype(float) - value * base.astype(float)) / total
    variance = 0.0
    for _, part in residual.groupby(rows["stratum"]):
        people = part.groupby(rows.loc[part.index, "person"]).sum()
        read = len(part) / rows.loc[part.index, "n_in_stratum"].iloc[0]
        spread = ((people - people.mean()) ** 2).sum() * len(people) / (len(people) - 1) if len(people) > 1 else float((people**2).sum())
        variance += max(1 - read, 0) * spread
    n = int(base.sum())
    simple = value * (1 - value) / n
    effective = n / max(variance / simple, 1e-9) if simple > 0 and variance > 0 else n_of_equal_weight(rows["weight"][base])
    low, high = wilson_interval(np.array([value]), np.array([effective]))
    return value, float(low[0]), float(high[0]), n


def n_of_equal_weight(weights: pd.Series) -> float:
    """Return how many equally weighted pairs these are worth (Kish 1965), where all agree and no variance can be seen."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def name_linkage(match_levels: pd.DataFrame, link_thresholds: pd.DataFrame) -> str:
    """Return a short name of a linkage, the same for the same model and the same accepted pairs."""
    text = match_levels[["comparison", "gamma", "match_weight"]].to_csv(index=False) + link_thresholds[["accept_from", "is_chosen", "n_pairs", "n_people"]].to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def keep_current(clerical_review: pd.DataFrame, match_levels: pd.DataFrame, link_thresholds: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a review of this very linkage; a review of another says nothing about this one."""
    if clerical_review.empty or match_levels.empty:
        return clerical_review.iloc[:0]
    return clerical_review[clerical_review["linkage"].astype(str).eq(name_linkage(match_levels, link_thresholds))].reset_index(drop=True)
