"""Searches everything that may leave the secure disk for personal details: `python -m pipeline.leak_check`.

Searched are reports/, the data docs, documents, the record of the run, what DVC keeps of plots and experiments, and the
reviewer pack where there is one. What is looked for are the details in the personal tables of data/derived, from every
extract. The runner asks here before it publishes a notebook or shows a message, the pack before it is written.
"""

import io
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from pipeline.errors import InputError, run_command
from pipeline.leak_search import public_text, read_files, search_files
from pipeline.leak_words import project_words
from pipeline.leaks import CODES, KEYS, SINGLE, Details, personal_details
from pipeline.tables import DEMONSTRATION, DERIVED, project_root

PERSONAL = ("referrals", "contacts", "exits", "mentors", "persons", "ready_panel", "referral_facts", "contact_facts", "cohort")
DETAILS = [*KEYS, *CODES, "forename", "surname", "date_of_birth", "phone", "address", "postcode"]
FOLDERS = ("reports", "data/derived/data_docs", "docs", "dvc_plots", ".dvc/tmp/exps")
FILES = ("dvc.lock", "params.yaml", "README.md")
# Source is written by people who cite people, and lists dates; there only what cannot stand by chance is a leak.
SOURCE = ("project/pipeline/", "project/tests/", "project/tests_spark/", "project/benchmarks/", "project/data/reference/", "project/expectations/", "project/requirements")
SIMULATED = f"project/{DEMONSTRATION}/"


def load_details(root: Path) -> Details:
    """Return the personal details in the tables of data/derived; none where no stage has run yet."""
    paths = [root / DERIVED / f"{name}.parquet" for name in PERSONAL]
    return personal_details([read_details(path) for path in paths if path.exists()], project_words(root))


def read_details(path: Path) -> pd.DataFrame:
    """Return those columns of a table that hold personal details, and its codes."""
    return pd.read_parquet(path, columns=[name for name in pq.read_schema(path).names if name in DETAILS])


def find_pack_leaks(root: Path, contents: dict[str, bytes], is_demonstration: bool) -> list[str]:
    """Return a message per file of the reviewer pack that holds a personal detail; `contents` are its files by name.

    The simulated extracts hold nobody. Where they are themselves what was evaluated, the source is not searched: its
    tests and lists of names are what the simulation draws from. Raises InputError where there is nothing to search for.
    """
    if not (root / DERIVED / "referrals.parquet").exists():
        raise InputError("data/derived: the tables that the pack has to be searched for are not here. Make the pack where the report was made.")
    details, public = load_details(root), public_text()
    source = {name: content for name, content in contents.items() if name.startswith(SOURCE)}
    rest = {name: content for name, content in contents.items() if name not in source and not name.startswith(SIMULATED)}
    problems = search_files(rest, details, public)
    return problems if is_demonstration else problems + search_files(source, details, "", passed_over=("name", SINGLE, "date of birth"))


def check_everything() -> None:
    """Raise InputError that names every file outside the secure disk that holds a personal detail; say how many were searched."""
    root = project_root()
    contents = read_files([root / folder for folder in FOLDERS if (root / folder).is_dir()])
    contents |= {name: (root / name).read_bytes() for name in FILES if (root / name).is_file()}
    pack = root / "reviewer-pack.zip"
    packed = read_pack(pack.read_bytes()) if pack.exists() else {}
    InputError.collect([*search_files(contents, load_details(root), public_text()), *(find_pack_leaks(root, packed, True) if packed else [])])
    print(f"{len(contents) + len(packed)} files searched, no personal details found.")


def read_pack(pack: bytes) -> dict[str, bytes]:
    """Return the files of a zip by name."""
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


if __name__ == "__main__":
    sys.exit(run_command(check_everything))
