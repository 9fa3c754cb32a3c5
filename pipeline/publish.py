"""A release: everything under reports/ is made in a private draft, searched for personal details, then swapped in.

Nothing reaches reports/ before the whole draft is finished and holds nobody's details; a run that fails leaves the
last release as it was. Functions take plain folders. Builds on pipeline.leak_search.
"""

import json
import os
import shutil
from pathlib import Path

import pandas as pd

from pipeline.errors import InputError
from pipeline.figures import Picture
from pipeline.leak_search import read_files, search_files
from pipeline.leaks import Details

RELEASED = ("tables", "figures")


def write_draft(draft: Path, tables: dict[str, pd.DataFrame], pictures: list[Picture], metrics: dict) -> None:
    """Write controlled tables (tables/*.csv), figures (figures/*.png) and metrics.json into an emptied `draft` folder."""
    shutil.rmtree(draft, ignore_errors=True)
    for folder in RELEASED:
        (draft / folder).mkdir(mode=0o700, parents=True)
    for name, table in tables.items():
        table.to_csv(draft / "tables" / f"{name}.csv", index=False, lineterminator="\n")
    for picture in pictures:
        (draft / "figures" / picture.file).write_bytes(picture.png)
    (draft / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")


def check_leaks(folders: list[Path], details: Details, public: str) -> int:
    """Return how many files of `folders` were searched for personal `details`.

    Raises InputError that names each file and the kind of detail found in it, never the detail.
    """
    contents = read_files(folders)
    InputError.collect(search_files(contents, details, public))
    return len(contents)


def release_draft(draft: Path, reports: Path) -> list[str]:
    """Move every file of `draft` into `reports`, each whole; return their names.

    Tables and figures of an earlier release that this one does not have are removed.
    """
    names = sorted(path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file())
    for name in names:
        target = reports / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # The draft may lie on another disk than reports/: copy beside the target, then rename.
        temporary = target.with_name(f".{target.name}.writing")
        shutil.copyfile(draft / name, temporary)
        os.replace(temporary, target)
    stale = [path for folder in RELEASED for path in (reports / folder).glob("*") if path.relative_to(reports).as_posix() not in names]
    for path in stale:
        path.unlink()
    shutil.rmtree(draft)
    return names
