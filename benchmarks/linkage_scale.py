"""Time and memory of the linkage as contacts grow: `make benchmark-scale` writes benchmarks/linkage_scale.csv.

python benchmarks/linkage_scale.py make 1500000    simulate the contacts of a force, once, into data/derived/benchmark
python benchmarks/linkage_scale.py ours 1500000    stage 02's functions on them: seconds and memory as a line of JSON
python benchmarks/linkage_scale.py splink 1500000  Splink with the same comparisons and blocking on the same rows, none of ours around it
python benchmarks/linkage_scale.py 100000 1500000  all of these, each in a process of its own, into the table

More contacts than one force has are several simulated forces together, whose surnames, phones, addresses and nominal ids differ.
"""

import json
import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
from linkage_report import write_report

from pipeline.cleaning import standardise_people
from pipeline.comparisons import compared_columns
from pipeline.contact_identities import collapse_identities, count_terms, describe_clients
from pipeline.contradictions import settle_pairs, settle_register
from pipeline.engines import open_engine
from pipeline.large_people import part_large_people
from pipeline.learning_sample import PASSES, SURE_RULES
from pipeline.linkage import describe_settings, train_model
from pipeline.params import check_params, load_sections
from pipeline.resolution import add_missing_clients, resolve_people
from pipeline.scoring import score_clients, score_identities
from pipeline.simulate import make_extracts
from pipeline.simulation import simulate_demand
from pipeline.tables import private_folder, read_reference

ROOT = Path(__file__).parent.parent
FORCE_SIZE, FIRST_SEED, EFFECT = 1_500_000, 13, 0.55
# Bare Splink scores every pair of raw rows: some thirty for each contact of the demonstration.
TIME_LIMIT, SPLINK_AT_MOST = 3 * 3600, 2_000_000
TOLD_APART = {"surname": "' OF {}'", "phone": "'{}'", "address": "' {}'", "postcode": "'{}'", "nominal_id": "'-{}'", "contact_id": "'-{}'"}
COLUMNS = ["contact_id", "forename", "surname", "date_of_birth", "sex", "phone", "address", "postcode", "nominal_id"]


def tables_of(size: int) -> tuple[Path, Path]:
    return tuple(private_folder("benchmark") / f"{name}_{size}.parquet" for name in ("contacts", "referrals"))


def make_force(size: int, number: int) -> list[Path]:
    """Write the standardised contacts and register of one simulated force, told apart from the others by its number."""
    params = check_params(load_sections("study", "claim"))
    paths = [private_folder("benchmark") / f"{name}_{size}_{number}.parquet" for name in ("contacts", "referrals")]
    if not all(path.exists() for path in paths):
        world = simulate_demand(size, FIRST_SEED + number, EFFECT, params.study, params.claim)
        extracts = make_extracts(world, read_reference("names"), FIRST_SEED + number, params.study)
        for name, path in zip(("contacts", "referrals"), paths):
            table = standardise_people(extracts[name].astype("str"))
            key = "contact_id" if name == "contacts" else "client_id"
            told = {"contact_id": key, **{name: name for name in TOLD_APART if name != "contact_id"}}
            kept = [column for column in [key, *COLUMNS[1:]] if column in table]
            for column in (told[name] for name in TOLD_APART):
                if column in kept and number:
                    table[column] = table[column].astype("str") + {"contact_id": f"-{number}", "client_id": f"-{number}", "surname": f" OF {'ABCDEFGHIJ'[number]}"}.get(column, f"{number}")
            table[kept].to_parquet(path, index=False)
    return paths


def make(size: int) -> None:
    """Write contacts_<size>.parquet and referrals_<size>.parquet."""
    n_forces = max(1, size // FORCE_SIZE)
    for number in range(n_forces):
        subprocess.run([sys.executable, __file__, "force", str(size // n_forces), str(number)], check=True)
    for name, path in zip(("contacts", "referrals"), tables_of(size)):
        files = [str(private_folder("benchmark") / f"{name}_{size // n_forces}_{number}.parquet") for number in range(n_forces)]
        duckdb.sql(f"COPY (FROM read_parquet({files})) TO '{path}' (FORMAT parquet)")


def peak() -> float:
    """Return the GiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def worked() -> float:
    """Return the seconds of processor time that this process has used; on a busy machine they say more than the clock."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def run_ours(size: int) -> dict:
    """Return seconds and memory of stage 02's functions, from standardised contacts to people."""
    linkage, nicknames = check_params(load_sections("linkage")).linkage, read_reference("nicknames")
    contacts, referrals = (pd.read_parquet(path) for path in tables_of(size))
    held, steps, started, before = peak(), {}, time.perf_counter(), worked()

    def lap(step):
        steps[step] = (round(time.perf_counter() - started - sum(seconds for seconds, _ in steps.values()), 1), round(peak(), 2))
        print(size, step, *steps[step], file=sys.stderr, flush=True)

    engine = open_engine("duckdb", linkage.memory_gib, private_folder("spill"))
    contact_identities, identities = collapse_identities(contacts, nicknames, linkage.shared_by_at_most, engine)
    n_contacts = len(contacts)
    lap("collapse")
    model = train_model(identities, count_terms(identities, engine), linkage.seed, linkage.sure_rules_recall, linkage.sampled_pairs, linkage.training_pairs)
    lap("train")
    scored, _ = score_identities(model, identities, linkage.floor, linkage.rare_name_at_most, engine)
    lap("score")
    settled = settle_pairs(scored, identities, linkage.floor, model.has_households)
    n_scored = len(scored)
    del scored
    lap("settle")
    pairs = part_large_people(settled, identities, linkage.names_at_most)[0]
    del settled
    lap("part large people")
    clients = describe_clients(referrals, nicknames, linkage.shared_by_at_most)
    found = score_clients(model, identities, clients, linkage.floor, linkage.rare_name_at_most, engine)
    register_pairs = settle_register(found, clients, pairs, identities, linkage.floor, model.has_households)
    lap("register")
    _, persons = resolve_people(contact_identities, pairs, register_pairs, linkage.accept_from, "benchmark")
    persons = add_missing_clients(persons, referrals["client_id"], "benchmark")
    lap("resolve")
    return {"seconds": time.perf_counter() - started, "CPU seconds": worked() - before, "GiB": peak(), "GiB before": held, "contacts": n_contacts,
            "identities": len(identities), "pairs": n_scored, "people": len(persons), "steps": steps}  # fmt: skip


def run_splink(size: int) -> dict:
    """Return seconds and memory of Splink on all rows: training, prediction and clusters, as its tutorials call them."""
    from splink import DuckDBAPI, Linker

    linkage, nicknames = check_params(load_sections("linkage")).linkage, read_reference("nicknames").set_index("nickname")["forename"]
    contacts = pd.read_parquet(tables_of(size)[0])
    held, started, before = peak(), time.perf_counter(), worked()
    rows = contacts.assign(
        identity_id=range(len(contacts)), date_of_birth=contacts["date_of_birth"].dt.strftime("%Y-%m-%d"),
        forename_root=contacts["forename"].map(nicknames).fillna(contacts["forename"]),
    )  # fmt: skip
    rows = compared_columns(rows, linkage.rare_name_at_most)
    connection = duckdb.connect(config={"memory_limit": "8GiB", "temp_directory": str(private_folder("spill"))})
    settings = describe_settings(0.0001).create_settings_dict("duckdb") | {"retain_matching_columns": False}
    linker = Linker(DuckDBAPI(connection).register(rows, table_name="given"), settings, log_level="ERROR")
    linker.training.estimate_probability_two_random_records_match(
        [" AND ".join(f"l.{name} = r.{name}" for name in rule) for rule in SURE_RULES], recall=linkage.sure_rules_recall
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=linkage.sampled_pairs, seed=1)
    for names in PASSES:
        rule = " AND ".join(f"l.{name} = r.{name}" for name in names)
        linker.training.estimate_parameters_using_expectation_maximisation(rule, estimate_without_term_frequencies=True, max_pairs=linkage.training_pairs)
    print(size, "trained", time.perf_counter() - started, peak(), file=sys.stderr, flush=True)
    predicted = linker.inference.predict(threshold_match_probability=linkage.floor, warning_mode="never")
    n_pairs = connection.sql(f"SELECT count(*) FROM {predicted.physical_name}").fetchall()[0][0]
    print(size, "predicted", n_pairs, time.perf_counter() - started, peak(), file=sys.stderr, flush=True)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, threshold_match_probability=linkage.accept_from)
    n_people = connection.sql(f"SELECT count(DISTINCT cluster_id) FROM {clusters.physical_name}").fetchall()[0][0]
    return {"seconds": time.perf_counter() - started, "CPU seconds": worked() - before, "GiB": peak(), "GiB before": held, "contacts": len(contacts), "pairs": n_pairs, "people": n_people}


def run_all(sizes: list[int]) -> None:
    """Renew the rows of `sizes` in benchmarks/linkage_scale.csv, each from a process of its own; what does not finish says so."""
    path = ROOT / "benchmarks" / "linkage_scale.csv"
    before = pd.read_csv(path) if path.exists() else pd.DataFrame({"size": []})
    rows = before[~before["size"].isin(sizes)].to_dict("records")
    for size in sizes:
        if not tables_of(size)[0].exists():
            make(size)
        for method in ("ours", "splink"):
            if method == "splink" and size > SPLINK_AT_MOST:
                rows.append({"size": size, "method": method, "outcome": f"not tried above {SPLINK_AT_MOST:,} contacts: too many pairs of raw rows for this disk and a day"})
                continue
            try:
                run = subprocess.run([sys.executable, __file__, method, str(size)], stdout=subprocess.PIPE, text=True, timeout=TIME_LIMIT)
                row = json.loads(run.stdout.splitlines()[-1]) if run.returncode == 0 else {"outcome": "ended with an error (out of memory or disk)"}
            except subprocess.TimeoutExpired:
                row = {"outcome": f"not finished within {TIME_LIMIT // 60} minutes"}
            rows.append({"size": size, "method": method, "measured_on": date.today().isoformat(), **row})
            table = pd.DataFrame(rows).drop(columns="steps", errors="ignore").sort_values(["size", "method"]).round({"seconds": 1, "CPU seconds": 1, "GiB": 2, "GiB before": 2})
            table.to_csv(path, index=False)
            write_report()
            print(table.to_string(), flush=True)


if __name__ == "__main__":
    command = sys.argv[1]
    if command == "force":
        make_force(int(sys.argv[2]), int(sys.argv[3]))
    elif command == "make":
        make(int(sys.argv[2]))
    elif command in ("ours", "splink"):
        print(json.dumps({"ours": run_ours, "splink": run_splink}[command](int(sys.argv[2]))))
    else:
        run_all([int(size) for size in sys.argv[1:]])
