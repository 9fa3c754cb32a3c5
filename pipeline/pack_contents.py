"""What goes into the reviewer pack: each file under its name in the pack.

`release/` is reports/ as it was published; `project/` is the source it was made with, the record of the run and the
simulated extracts. Real extracts, data/derived and the truth behind a simulation never enter: files come from
reports/, from version control, and from the demonstration's folder when its hashes are those that the run recorded.
"""

import hashlib
import subprocess
from pathlib import Path

import yaml

from pipeline.errors import InputError
from pipeline.pack_crate import PROJECT, RELEASE
from pipeline.tables import DEMONSTRATION, REPORTS

# What a release must hold; figures, tables and notebooks are taken as they are.
NEEDED = ("evaluation.html", "evaluation.pdf", "metrics.json", "tables", "figures", "notebooks")

# What lies in reports/ and is no part of a release: two runs side by side may have to stay on the secure disk.
NOT_RELEASED = ("README.md", "comparison.html")


def collect_contents(root: Path) -> dict[str, Path]:
    """Return where each file of the pack lies, by its name in the pack, sorted.

    Raises InputError where the release is incomplete, the project is not under version control, or the release was
    made from other files than those that lie here.
    """
    missing = [name for name in NEEDED if not (root / REPORTS / name).exists()]
    if missing:
        raise InputError(f"reports/: {', '.join(missing)} missing. Make the report first (`make report`).")
    tracked = list_tracked(root)
    InputError.collect(find_changes(root, tracked))
    release = [path for path in (root / REPORTS).rglob("*") if path.is_file() and path.name not in NOT_RELEASED and not is_hidden(path, root)]
    files = {f"{RELEASE}/{path.relative_to(root / REPORTS).as_posix()}": path for path in release}
    files |= {f"{PROJECT}/{name}": root / name for name in tracked if (root / name).is_file()}
    files |= {f"{PROJECT}/{name}": root / name for name in list_demonstration(root)}
    return dict(sorted(files.items()))


def is_hidden(path: Path, root: Path) -> bool:
    """Return whether a part of the path below `root` begins with a dot: half-written files and notebook checkpoints."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def list_tracked(root: Path) -> list[str]:
    """Return the names of the files under version control, from `root`.

    Raises InputError where there is no version control: nobody could say then what the project's files are.
    """
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        listed = ""
    names = sorted(name for name in listed.split("\0") if name)
    if not names:
        raise InputError("The project's folder: not under version control, so nobody can say which files belong to it. In an unpacked pack run `git init` and `git add .` first.")
    return names


def find_changes(root: Path, tracked: list[str]) -> list[str]:
    """Return in words which files the release was not made from or with: their hashes are not those of dvc.lock."""
    lock = root / "dvc.lock"
    if not lock.exists():
        return ["dvc.lock: missing, so nobody can say what the release was made from. Make the report with `make report`."]
    stage = read_lock(root).get("06_report", {})
    recorded = {entry["path"]: entry.get("md5", "") for kind in ("deps", "outs") for entry in stage.get(kind, [])}
    kept = {name for name in recorded if name in tracked or name.startswith(f"{REPORTS.as_posix()}/")}
    changed = [name for name in sorted(kept) if (root / name).is_file() and hash_md5(root / name) != recorded[name]]
    return [f"{name}: not the file that dvc.lock records for this release. Make the report again with `make report`." for name in changed]


def list_demonstration(root: Path) -> list[str]:
    """Return the simulated extracts that lie in the demonstration's folder, none where it was never made.

    Raises InputError where a file there is not the one that the stage `simulate` made: it could be anybody's.
    """
    recorded = {entry["path"]: entry.get("md5", "") for entry in read_lock(root).get("simulate", {}).get("outs", [])}
    names = [name for name in sorted(recorded) if name.startswith(f"{DEMONSTRATION}/") and (root / name).is_file()]
    InputError.collect([f"{name}: not the file that the simulation made, so it stays out of any pack. Run `dvc repro simulate`." for name in names if hash_md5(root / name) != recorded[name]])
    return names


def read_lock(root: Path) -> dict:
    """Return the stages of dvc.lock by name."""
    return yaml.safe_load((root / "dvc.lock").read_text(encoding="utf-8")).get("stages", {})


def hash_md5(path: Path) -> str:
    """Return the MD5 of a file, which is what dvc.lock holds; a safeguard against mix-ups, not against forgery."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
