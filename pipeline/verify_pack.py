"""Checks a reviewer pack: `python -m pipeline.verify_pack reviewer-pack.zip`, or the folder it was unpacked into.

Needs Python and pandas and nothing else of the project: it runs in a clone, and in the pack's own folder project/.
Says what was checked, how many things, and every failure; the exit code is 0 when there is none. Files are compared
with their hashes, numbers in the report with the controlled tables, derived numbers are worked out again.
"""

import hashlib
import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pipeline.verify_audit import verify_audit
from pipeline.verify_derived import CHECKS, Findings
from pipeline.verify_economics import verify_economics
from pipeline.verify_files import find_double_entries, read_pack, verify_files
from pipeline.verify_hours import verify_hours
from pipeline.verify_metrics import verify_metrics
from pipeline.verify_numbers import verify_numbers
from pipeline.verify_pages import read_page
from pipeline.verify_sentences import verify_sentences

TABLES, REPORT, METRICS = "release/tables/", "release/evaluation.html", "release/metrics.json"
REFERENCE = "project/data/reference/"
# What says the same in every run.
FIXED = ("project/pipeline/", REFERENCE)
NOT_CHECKED = (
    "Not checked, because the pack does not hold what it takes: estimates, their errors and p-values, and whatever else comes from the records (rerun the method on the demonstration for these); "
    "the drawn part of figures and the PDF beyond their hashes."
)
# So many failures of a check are told; more say nothing new.
MOST_TOLD = 10


def verify_pack(path: Path) -> list[tuple[str, int, list[str]]]:
    """Return what was checked of the pack at `path`: name, number of things checked, failures in words."""
    contents = read_pack(path)
    found = [("files that stand twice", len(contents), find_double_entries(path)), *verify_files(contents)]
    tables, broken = read_tables(contents, TABLES)
    reference, _ = read_tables(contents, REFERENCE)
    found.append(("tables that can be read", len(tables) + len(broken), broken))
    if REPORT in contents:
        page = read_page(contents[REPORT])
        fixed = " ".join(" ".join(content.decode("utf-8").split()) for name, content in contents.items() if name.startswith(FIXED))
        found += [*attempt(verify_numbers, page, tables), *attempt(verify_sentences, page, tables, fixed)]
    found += attempt(verify_metrics, contents.get(METRICS, b"{}"), tables)
    for check in (*CHECKS, verify_audit):
        found += attempt(check, tables)
    return found + attempt(verify_hours, tables, reference) + attempt(verify_economics, tables, reference)


def attempt(check: Callable, *given) -> list[Findings]:
    """Return what a check found; that it could not be made where the tables are not as it knows them, so that no forger can stop the rest."""
    try:
        found = check(*given)
    except Exception as error:  # noqa: BLE001 - whatever a forged table does to a check is a failure of the pack
        return [(check.__name__.replace("_", " "), 1, [f"cannot be checked: {type(error).__name__}, {error}"])]
    return found if isinstance(found, list) else [found]


def read_tables(contents: dict[str, bytes], folder: str) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return the tables of a folder of the pack by name, and in words which cannot be read."""
    tables, broken = {}, []
    for name, content in contents.items():
        if name.startswith(folder) and name.endswith(".csv"):
            try:
                tables[name.removeprefix(folder).removesuffix(".csv")] = pd.read_csv(io.BytesIO(content))
            except (ValueError, pd.errors.ParserError):
                broken.append(f"{name}: cannot be read as a table")
    return tables, broken


def write_findings(found: list[tuple[str, int, list[str]]]) -> str:
    """Return what was checked as plain lines, failures below the check they belong to."""
    lines = []
    for name, n_checked, failures in found:
        lines.append(f"{'FAILED' if failures else 'ok    ' if n_checked else '–     '}  {name}: {n_checked:,} checked" + (f", {len(failures):,} failed" if failures else ""))
        lines += [f"          {failure}" for failure in failures[:MOST_TOLD]]
        lines += [f"          and {len(failures) - MOST_TOLD:,} more"] if len(failures) > MOST_TOLD else []
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Check the pack that is named and return the exit code: 0, 1 where something failed, 2 where there is no such pack."""
    path = Path(arguments[0]) if len(arguments) == 1 else Path()
    if len(arguments) != 1 or not (path.is_dir() or zipfile.is_zipfile(path)):
        print("Usage: python -m pipeline.verify_pack PACK, where PACK is reviewer-pack.zip or the folder it was unpacked into.", file=sys.stderr)
        return 2
    found = verify_pack(path)
    n_failed = sum(len(failures) for _, _, failures in found)
    print(write_findings(found))
    print(NOT_CHECKED)
    if path.is_file():
        print(f"SHA-256 of the pack: {hashlib.sha256(path.read_bytes()).hexdigest()}")
    print("Everything agrees." if not n_failed else f"{n_failed:,} things do not agree: do not rely on this pack.")
    return int(n_failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
