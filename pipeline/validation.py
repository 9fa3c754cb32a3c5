"""Contracts: hold a table against its suite expectations/<table>.json, with Great Expectations.

A suite is a Great Expectations suite file. Each expectation carries in `meta` its rule as a plain sentence,
its reason and its severity: a failed critical rule stops the run, a failed warning reaches the report.
Results hold counts and never a value, because what stands in a table may be personal.

Great Expectations takes three seconds to import, in every notebook again, and a tenth of a second for a small
table. So it is imported inside the functions; 01_validate pays for it, and 06_report, which holds all tables
between the stages against their suites at once before it reports from them (`check_contracts`).
"""

import json
import logging
import os
import re

import pandas as pd

from pipeline.errors import InputError
from pipeline.tables import private_folder, project_root, replace_file

SUITES = "expectations"
COLUMNS = ["table", "rule", "reason", "severity", "passed", "n_unexpected", "n_rows"]
# Great Expectations lists offending values unless told not to.
WITHOUT_VALUES = {"result_format": "BASIC", "partial_unexpected_count": 0}


def load_suite(name: str) -> dict:
    """Return the suite of the table `name` as plain values.

    Raises InputError when the file is missing or no JSON, and when an expectation lacks rule, reason or severity.
    """
    path, where = project_root() / SUITES / f"{name}.json", f"{SUITES}/{name}.json"
    try:
        suite = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{where}: missing. Restore it with `git checkout {SUITES}`.") from None
    except ValueError as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{where}{line}: is no JSON. Mend it, or restore it with `git checkout {where}`.") from None
    incomplete = [
        f"{where}, expectation {number}: needs `rule`, `reason` and `severity` (critical or warning) in its meta. Add them."
        for number, expectation in enumerate(suite["expectations"], start=1)
        if not {"rule", "reason"} <= expectation.get("meta", {}).keys() or expectation["meta"].get("severity") not in ("critical", "warning")
    ]
    InputError.collect(incomplete)
    return suite


def widen_integers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with small integers as int64: Great Expectations compares others value by value, in Python."""
    return frame.astype({name: "int64" for name in frame.select_dtypes(["int8", "int16", "int32"]).columns})


def run_suite(name: str, frame: pd.DataFrame):
    """Return Great Expectations' result of holding `frame` against the suite of the table `name`; it holds no values.

    Raises InputError when the suite cannot be read or Great Expectations refuses a part of it.
    """
    context, suite = make_context(), load_suite(name)
    from great_expectations.core import ExpectationSuite

    try:
        rules = ExpectationSuite(**suite)
    except Exception as error:
        raise InputError(f"{SUITES}/{name}.json: Great Expectations refuses it ({type(error).__name__}). Correct the types and kwargs.") from None
    # It drops what it does not understand without a word, and a rule that is not tested never fails.
    InputError.collect([
        f"{SUITES}/{name}.json: Great Expectations refuses the rule {rule['meta']['rule']!r}. Correct its type or kwargs."
        for rule in suite["expectations"]
        if rule["meta"] not in [known.meta for known in rules.expectations]
    ])  # fmt: skip
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": widen_integers(frame)})
    return batch.validate(rules, result_format=WITHOUT_VALUES)


def make_context():
    """Return a context of Great Expectations that keeps nothing on disk, reports nothing home and prints nothing."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

    # Its log quotes values where a rule meets a type it did not expect.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    # Without this it makes a temporary folder for pages and leaves it behind.
    nothing_on_disk = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    config = DataContextConfig(store_backend_defaults=nothing_on_disk, progress_bars=ProgressBarsConfig(globally=False), analytics_enabled=False)
    return great_expectations.get_context(mode="ephemeral", project_config=config)


def collect_results(*runs) -> pd.DataFrame:
    """Return the results of `runs` (from `run_suite`) as one row per rule, table by table.

    Columns: table, rule, reason, severity, passed, n_unexpected (rows that break the rule; 1 where a rule about the
    table as a whole fails), n_rows (rows the rule looked at; 0 where it is about the table as a whole).
    """
    rows = [describe_rule(run.suite_name, rule) for run in runs for rule in run.results]
    results = pd.DataFrame(rows, columns=COLUMNS)
    return results.astype({"passed": "bool", "n_unexpected": "int64", "n_rows": "int64"})


def describe_rule(table: str, rule) -> dict:
    """Return one row of validation_results from one of Great Expectations' results."""
    meta, passed = rule.expectation_config.meta, bool(rule.success)
    n_unexpected = rule.result.get("unexpected_count")
    return {
        "table": table,
        "rule": meta["rule"],
        "reason": meta["reason"],
        "severity": meta["severity"],
        "passed": passed,
        "n_unexpected": int(not passed) if n_unexpected is None else n_unexpected,
        "n_rows": rule.result.get("element_count") or 0,
    }


def validate_table(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return validation_results of `frame` against the suite of the table `name`."""
    return collect_results(run_suite(name, frame))


def summarise_results(results: pd.DataFrame) -> pd.DataFrame:
    """Return one row per table and severity: how many rules were tested and how many were broken (rules, not rows)."""
    broken = results.assign(n_rules=1, n_broken=(~results["passed"]).astype("int64"))
    return broken.groupby(["table", "severity"], sort=False, as_index=False)[["n_rules", "n_broken"]].sum()


def write_data_docs(page: str) -> None:
    """Write the rendered `page` as data/derived/data_docs/index.html, in a folder that only its owner can read."""
    replace_file(private_folder("data_docs") / "index.html", lambda temporary: temporary.write_text(page, encoding="utf-8"))


def stop_if_critical(results: pd.DataFrame, threshold: int, places: dict[str, str] | None = None, names: dict[str, dict[str, str]] | None = None) -> None:
    """Raise InputError that lists every failed critical rule; do nothing when there is none.

    `places` says by table where to look, in a sentence without a value; `names` says by table what our columns are called there. Numbers of rows below `threshold` are not told, because a message may leave the secure disk.
    """
    failed = results[(results["severity"] == "critical") & ~results["passed"]]
    InputError.collect([describe_failed_rule(rule, threshold, name_place(rule, (places or {}).get(rule.table, ""), (names or {}).get(rule.table, {}))) for rule in failed.itertuples()])


def name_place(rule, place: str, names: dict[str, str]) -> str:
    """Return `place`, and what the columns that the rule speaks of are called there."""
    spoken = [f"{column} is {theirs} there" for column, theirs in names.items() if column in re.findall(r"\w+", rule.rule)]
    return " ".join(filter(None, [place, f"{', '.join(spoken)}." if spoken else ""]))


def describe_failed_rule(rule, threshold: int, place: str) -> str:
    """Return one line about a failed rule: where, what was found, what to do; `place` says where in the table, or nothing."""
    count = f"fewer than {threshold}" if rule.n_unexpected < threshold else f"{rule.n_unexpected:,}"
    found = f"Broken in {count} of {rule.n_rows:,} rows." if rule.n_rows >= threshold else "Broken."
    return f"{rule.table}: {rule.rule} {found} {place}{' ' if place else ''}Why it matters: {rule.reason} Mend the extract, or change the rule in {SUITES}/{rule.table}.json."


def check_contract(name: str, frame: pd.DataFrame) -> None:
    """Raise InputError when the table `name` between two stages breaks a rule of its suite, whatever its severity."""
    check_contracts({name: frame})


def check_contracts(tables: dict[str, pd.DataFrame]) -> None:
    """Raise InputError that lists every rule broken by any of `tables`, given by name; do nothing when there is none."""
    results = collect_results(*(run_suite(name, frame) for name, frame in tables.items()))
    InputError.collect([
        f"Table {rule.table}: {rule.rule} Broken. Why it matters: {rule.reason} Rerun the stage that makes the table; if it stays, report it."
        for rule in results[~results["passed"]].itertuples()
    ])  # fmt: skip
