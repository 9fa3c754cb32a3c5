"""recordlinkage's own classifiers on records exported by the benchmark; runs in an environment of its own (pandas below 3).

python recordlinkage_pairs.py records.csv classifier result.json: records.csv has the nine columns below and side (0 or 1; pairs are formed
between sides where both occur). result.json: precision, recall and f1 over pairs, seconds, GiB.
"""

import json
import resource
import sys
import time

import pandas as pd
import recordlinkage
from recordlinkage.index import Block

TEXTS = ["forename", "surname", "date_of_birth", "phone", "address"]


def candidates(records: pd.DataFrame) -> pd.MultiIndex:
    """Return the pairs to compare: those that agree on any one field, as in Splink's tutorial for these data."""
    indexer = recordlinkage.Index()
    for names in (["phone"], ["date_of_birth"], ["forename", "surname"], ["surname", "postcode"], ["forename", "postcode"], ["address"]):
        indexer.add(Block(names))
    if records["side"].nunique() == 1:
        return indexer.index(records)
    return indexer.index(records[records["side"] == 0], records[records["side"] == 1])


def compare(pairs: pd.MultiIndex, records: pd.DataFrame) -> pd.DataFrame:
    """Return a column per field: 1 where the two agree or nearly do, as recordlinkage's guide has it."""
    comparer = recordlinkage.Compare()
    for name in ("forename", "surname"):
        comparer.string(name, name, method="jarowinkler", threshold=0.85, label=name)
    for name in TEXTS[2:]:
        comparer.string(name, name, method="levenshtein", threshold=0.85, label=name)
    comparer.exact("postcode", "postcode", label="postcode")
    return comparer.compute(pairs, records)


def classify(name: str, features: pd.DataFrame, truth: pd.MultiIndex) -> pd.MultiIndex:
    """Return the pairs that the classifier calls matches; the supervised ones learn on one half and judge the other, both ways."""
    if name in ("ECMClassifier", "KMeansClassifier"):
        return getattr(recordlinkage, name)().fit_predict(features)
    halves = [features.iloc[start::2] for start in (0, 1)]
    found = []
    for learnt, judged in (halves, halves[::-1]):
        classifier = getattr(recordlinkage, name)()
        classifier.fit(learnt, learnt.index.intersection(truth))
        found.append(classifier.predict(judged))
    return found[0].union(found[1])


def true_pairs(records: pd.DataFrame) -> tuple[int, pd.Series]:
    """Return the number of true pairs, between sides where there are two, and each record's person."""
    sizes = records.groupby(["true_person_id", "side"]).size().unstack(fill_value=0)
    if records["side"].nunique() == 2:
        return int((sizes[0] * sizes[1]).sum()), records["true_person_id"]
    return int((sizes[0] * (sizes[0] - 1) // 2).sum()), records["true_person_id"]


def main(path: str, name: str, result: str) -> None:
    records = pd.read_csv(path, dtype=str).astype({"side": int})
    n_true, person = true_pairs(records)
    started = time.perf_counter()
    pairs = candidates(records)
    features = compare(pairs, records)
    one, other = (person.to_numpy()[features.index.get_level_values(side)] for side in (0, 1))
    truth = features.index[one == other]
    found = classify(name, features, truth)
    seconds = time.perf_counter() - started
    right = len(found.intersection(truth))
    precision, recall = right / max(len(found), 1), right / n_true
    with open(result, "w") as file:
        json.dump({"precision": precision, "recall": recall, "f1": 2 * precision * recall / max(precision + recall, 1e-9), "seconds": seconds,
                   "GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "n_candidates": len(pairs)}, file)  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
