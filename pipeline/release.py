"""Records that the version in reports/ is given out: `python -m pipeline.release NAME`, such as 2026-12.

What was given out can be subtracted from what is given out next, so the controlled tables of every version that leaves
are kept in data/released/NAME, with the rules they were made by. They hold nothing that was not published and belong
in git; people.parquet beside them, a row per person's records without any value of theirs, never does. Stage 06 holds
each new version to all of them (pipeline.difference) and publishes nothing where too few people lie between.
"""

import json
import os
import re
import shutil
import sys
from datetime import date
from pathlib import Path

import pandas as pd

from pipeline.difference import Version, find_differences
from pipeline.errors import InputError, run_command
from pipeline.extract_facts import load_extract_facts
from pipeline.params import check_params, load_sections
from pipeline.tables import RELEASED, REPORTS, project_root, read_table

RECORD = "release.json"
PEOPLE = "people.parquet"
WHAT_TO_DO = "Nothing was published. Keep the version that is out, or change enough that as many people as the threshold lie between the two (README, \"Giving a version out\")."


def read_published(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of a folder of published CSV files by name."""
    return {path.stem: pd.read_csv(path) for path in sorted(folder.glob("*.csv")) if path.stat().st_size > 1}


def read_releases(is_simulated: bool) -> list[Version]:
    """Return every version that was given out before, in the order of their names: those of real extracts, or those of simulated ones.

    Raises InputError when a record cannot be read.
    """
    records = [read_release(path.parent) for path in sorted((project_root() / RELEASED).glob(f"*/{RECORD}"))]
    return [version for version, of_simulated in records if of_simulated == is_simulated]


def read_release(folder: Path) -> tuple[Version, bool]:
    """Return the version that is recorded in `folder`, and whether it is of simulated extracts.

    Raises InputError when it cannot be read.
    """
    where = f"{RELEASED.as_posix()}/{folder.name}"
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        people = pd.read_parquet(folder / PEOPLE) if (folder / PEOPLE).exists() else pd.DataFrame(columns=["digest"])
        return Version(folder.name, record["threshold"], record["rounding"], read_published(folder / "tables"), people), record["is_simulated"]
    except (OSError, ValueError, KeyError, pd.errors.ParserError):
        raise InputError(f"{where}: cannot be read. Restore it from git, or remove the folder if that version never left.") from None


def check_differences(new: Version, releases: list[Version], moved_share: float) -> str:
    """Return in a sentence that `new` reveals nobody beside any of `releases`.

    Raises InputError that names the version and the places where it would.
    """
    problems = []
    for old in releases:
        found = find_differences(old, new, moved_share)
        problems += [f"Against the version {old.name}: {line}" for line in found]
    InputError.collect([*problems, WHAT_TO_DO] if problems else [])
    return f"{len(releases)} earlier versions compared, nobody can be told by subtracting." if releases else "No version was given out before, so there is none to subtract this one from."


def record_release(name: str) -> None:
    """Record the version in reports/ under data/released/`name`, if it reveals nobody beside the versions given out before."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise InputError(f"Name {name!r}: letters, digits, dots and hyphens only, such as 2026-12.")
    folder, tables = project_root() / RELEASED / name, project_root() / REPORTS / "tables"
    if folder.exists():
        raise InputError(f"{RELEASED.as_posix()}/{name}: recorded already. Choose another name; what left cannot be called back.")
    if not any(tables.glob("*.csv")):
        raise InputError("reports/tables: no version there to give out. Run `make report` first.")
    params = check_params(load_sections("extracts", "release"))
    published, people, is_simulated = read_published(tables), read_table("released_people"), load_extract_facts(params.extracts.folder).is_simulated
    # The rules that the tables were made by, whatever params.yaml says by now.
    rules = published["parameters"].set_index("parameter")["value"]
    version = Version(name, int(rules["disclosure.threshold"]), int(rules["disclosure.rounding"]), published, people)
    check_differences(version, read_releases(is_simulated), params.release.moved_share)
    draft = folder.with_name(f".{name}.writing")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    shutil.copytree(tables, draft / "tables")
    people.to_parquet(draft / PEOPLE, index=False)
    (draft / PEOPLE).chmod(0o600)
    record = {"given_out_on": date.today().isoformat(), "is_simulated": is_simulated, "threshold": version.threshold, "rounding": version.rounding}
    (draft / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    os.replace(draft, folder)
    print(f"Recorded in {RELEASED.as_posix()}/{name}. Commit it, so that the next version is held to it wherever it is made.")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m pipeline.release NAME, for example 2026-12.")
    sys.exit(run_command(lambda: record_release(sys.argv[1])))
