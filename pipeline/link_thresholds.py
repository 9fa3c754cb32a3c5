"""What another accept threshold would cost and gain: precision, recall and F1 of contacts, estimated and, where known, true.

All of it counts contacts, because contacts are what the evaluation counts. Estimates come from the model's own match
probabilities; the truth is that of a simulated set. Builds on pipeline.intervals and pipeline.link_quality.
"""

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.intervals import cluster_ratios
from pipeline.link_quality import find_lost_contacts

COLUMNS = ["accept_from", "is_chosen", "n_pairs", "n_people", "precision", "recall", "f1"]
TRUTH_COLUMNS = ["accept_from", "measure", "value", "ci_low", "ci_high", "n"]


def estimate_thresholds(contact_identities: pd.DataFrame, pairs: pd.DataFrame, thresholds: list[float], accept_from: float) -> pd.DataFrame:
    """Return `link_thresholds`: accept_from, is_chosen (the plan's), n_pairs (at or above), n_people, precision, recall, f1.

    Precision is the mean probability with which contacts are tied to their person; recall the share of people's contacts
    that they hold, as in `link_quality.find_lost_contacts`; F1 their harmonic mean. True pairs below the floor, or that
    no blocking rule proposes, are not seen by either.
    """
    wanted = sorted({*thresholds, accept_from})
    ids, n_contacts, left, right = index_pairs(contact_identities, pairs)
    probability = pairs["match_probability"].to_numpy()
    rows = [estimate_at(threshold, n_contacts, left, right, probability) for threshold in wanted]
    table = pd.DataFrame(rows, columns=["accept_from", "n_pairs", "n_people", "precision", "recall"])
    total = (table["precision"] + table["recall"]).where(lambda sums: sums > 0)
    return table.assign(is_chosen=table["accept_from"].eq(accept_from), f1=2 * table["precision"] * table["recall"] / total)[COLUMNS]


def index_pairs(contact_identities: pd.DataFrame, pairs: pd.DataFrame) -> tuple[pd.Index, np.ndarray, np.ndarray, np.ndarray]:
    """Return the identities in order, how many contacts each has, and both ends of `pairs` as places among them."""
    sizes = contact_identities["identity_id"].value_counts().sort_index()
    left, right = (sizes.index.get_indexer(pairs[side]) for side in ("identity_id_l", "identity_id_r"))
    return sizes.index, sizes.to_numpy(), left, right


def group_identities(threshold: float, n: int, left: np.ndarray, right: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return the number of the group of each of `n` identities that pairs of at least `threshold` join."""
    accepted = probability >= threshold
    edges = coo_array((np.ones(accepted.sum()), (left[accepted], right[accepted])), shape=(n, n))
    return connected_components(edges, directed=False)[1]


def estimate_at(threshold: float, n_contacts: np.ndarray, left: np.ndarray, right: np.ndarray, probability: np.ndarray) -> tuple:
    """Return threshold, accepted pairs, people, estimated precision and recall."""
    group = group_identities(threshold, len(n_contacts), left, right, probability)
    accepted = probability >= threshold
    tie = np.zeros(len(n_contacts))
    for side in (left, right):
        np.maximum.at(tie, side[accepted], probability[accepted])
    held = max(int(n_contacts.sum()), 1)
    precision = float((np.where(tie > 0, tie, 1.0) * n_contacts).sum() / held)
    sizes = np.bincount(group, weights=n_contacts)
    lost = find_lost_contacts(group[left[~accepted]], group[right[~accepted]], probability[~accepted], sizes)["lost"].sum()
    return threshold, int(accepted.sum()), len(sizes), precision, held / (held + float(lost))


def true_thresholds(contact_identities: pd.DataFrame, pairs: pd.DataFrame, contact_persons: pd.DataFrame, thresholds: list[float]) -> pd.DataFrame:
    """Return `link_thresholds_truth`: accept_from, measure (precision, recall, f1), value, ci_low, ci_high, n; empty without a truth.

    A resolved person stands for the true person with most contacts in it, a true person's own is the one with most of theirs
    among those that stand for them. Precision: of the contacts of people's own, the share truly theirs. Recall: of people's
    true contacts, the share in their own. F1: twice the right ones over the sum of both. Intervals are clustered by true person.
    `contact_persons`: contact_id, true_person_id.
    """
    if contact_persons.empty:
        return pd.DataFrame(columns=TRUTH_COLUMNS)
    ids, n_contacts, left, right = index_pairs(contact_identities, pairs)
    rows = contact_persons.merge(contact_identities, on="contact_id", how="left", validate="one_to_one")
    truth, place = pd.factorize(rows["true_person_id"])[0], ids.get_indexer(rows["identity_id"])
    probability = pairs["match_probability"].to_numpy()
    tables = []
    for threshold in thresholds:
        group = group_identities(threshold, len(n_contacts), left, right, probability)
        tables.append(measure_groups(truth, np.where(place >= 0, group[place], -1)).assign(accept_from=threshold))
    return pd.concat(tables, ignore_index=True)[TRUTH_COLUMNS]


def measure_groups(truth: np.ndarray, group: np.ndarray) -> pd.DataFrame:
    """Return measure, value, ci_low, ci_high, n from each contact's true person and group (-1: in none)."""
    cells = pd.DataFrame({"truth": truth, "group": group}).value_counts(sort=False).rename("n").reset_index()
    held = cells[cells["group"] >= 0].sort_values(["group", "n", "truth"], ascending=[True, False, True])
    stands_for = held.drop_duplicates("group").sort_values(["truth", "n", "group"], ascending=[True, False, True])
    own = stands_for.drop_duplicates("truth").set_index("truth")
    people = pd.DataFrame({"all": np.bincount(truth)})
    people["right"] = own["n"].reindex(people.index, fill_value=0)
    people["held"] = own["group"].map(held.groupby("group")["n"].sum()).reindex(people.index).fillna(0)
    sums = {"precision": ("right", people["held"]), "recall": ("right", people["all"]), "f1": ("both", people["held"] + people["all"])}
    people["both"] = 2 * people["right"]
    parts = [pd.DataFrame({"measure": measure, "number": people[name], "of": of}) for measure, (name, of) in sums.items()]
    return cluster_ratios(pd.concat(parts, ignore_index=True), ["measure"], "number", "of")
