"""Where a report came from: which extracts, which lock, which commit, which versions, which parameters."""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import yaml

PACKAGES = ["duckdb", "great-expectations", "numpy", "pandas", "pyfixest", "scipy", "splink", "statsmodels"]


def trace_provenance(root: Path, extracts: Path) -> pd.DataFrame:
    """Return kind, item, value: SHA-256 of the files in `extracts` and of the lock, the commit of `root`, versions."""
    rows = [("extract", item, value) for item, value in hash_extracts(extracts)]
    lock = root / "requirements.lock"
    rows.append(("lock", lock.name, hash_file(lock) if lock.exists() else "missing"))
    rows.append(("commit", "git", find_commit(root)))
    rows.append(("version", "python", platform.python_version()))
    rows += [("version", name, version(name)) for name in PACKAGES]
    return pd.DataFrame(rows, columns=["kind", "item", "value"])


def hash_extracts(folder: Path) -> list[tuple[str, str]]:
    """Return name and SHA-256 of each file in `folder`; that of a folder within, for example of monthly files, is one of all its files'."""
    # The key of the person ids is secret: not even its hash leaves.
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".") and path.name != "person_key.txt")
    rows, within = [], {}
    for path in files:
        if path.parent == folder:
            rows.append((path.name, hash_file(path)))
        else:
            within.setdefault(path.relative_to(folder).parts[0], []).append(f"{hash_file(path)}  {path.relative_to(folder).as_posix()}\n")
    rows += [(f"{name}/ ({len(lines)} files)", hashlib.sha256("".join(lines).encode()).hexdigest()) for name, lines in within.items()]
    return rows


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_commit(root: Path) -> str:
    """Return the commit that `root` is at, with a note when files under version control were changed since."""
    try:
        commit = ask_git(root, "rev-parse", "HEAD")
        changed = ask_git(root, "status", "--porcelain", "--untracked-files=no", "--", "pipeline", "notebooks", "params.yaml", "dvc.yaml", "requirements.lock", "data/reference", "expectations")
    except (OSError, subprocess.CalledProcessError):
        return "not under version control"
    return f"{commit} with changes not committed" if changed else commit


def ask_git(root: Path, *arguments: str) -> str:
    """Return what a git command prints."""
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def committed_parameters(root: Path) -> dict | None:
    """Return the sections of params.yaml as the last commit of `root` has them; None where there is no version control."""
    try:
        return yaml.safe_load(ask_git(root, "show", "HEAD:./params.yaml"))
    except (OSError, subprocess.CalledProcessError, yaml.YAMLError):
        return None


def hash_lookups(folder: Path) -> list[tuple[str, str]]:
    """Return name and SHA-256 of each lookup (CSV) in `folder`, those under version control that every run may read."""
    return [(path.name, hash_file(path)) for path in sorted(folder.glob("*.csv"))]


def list_parameters(sections: dict, text: str, is_demonstration: bool = True) -> pd.DataFrame:
    """Return parameter, value, meaning for every value of `sections`; the meaning is its comment in `text` (params.yaml).

    Those of the simulation are of no concern to other extracts than the demonstration, and left out there.
    """
    sections = sections if is_demonstration else {name: values for name, values in sections.items() if name != "simulate"}
    meanings = read_comments(text)
    rows = [(f"{section}.{name}", write_value(value), meanings.get((section, name), "")) for section, values in sections.items() for name, value in values.items()]
    return pd.DataFrame(rows, columns=["parameter", "value", "meaning"])


def write_value(value) -> str:
    """Return a parameter's value as it stands in YAML."""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else yaml.safe_dump(value).split("\n")[0].strip("'\"")


def read_comments(text: str) -> dict[tuple[str, str], str]:
    """Return the comment above each parameter in the text of params.yaml, by section and name."""
    meanings, section, comment = {}, "", []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped.lstrip("# "))
        elif line and not line[0].isspace():
            section, comment = stripped.partition(":")[0], []
        elif ":" in stripped:
            meanings[section, stripped.partition(":")[0]] = " ".join(comment)
            comment = []
    return meanings
