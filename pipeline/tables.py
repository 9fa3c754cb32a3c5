"""Where tables lie: the one module that knows the project's folders."""

import os
from pathlib import Path

import pandas as pd

from pipeline.errors import InputError

RAW = Path("data/raw")
DERIVED = Path("data/derived")
REFERENCE = Path("data/reference")
TRUTH = Path("data/truth")
REPORTS = Path("reports")
# One folder per version that was given out.
RELEASED = Path("data/released")
# The set that the stage `simulate` makes.
DEMONSTRATION = "data/raw/demo"


def project_root() -> Path:
    """Return the folder that holds dvc.yaml, looking upwards from the working directory.

    Raises InputError outside a project.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").exists():
            return folder
    raise InputError("Working directory: no dvc.yaml here or above. Change into the project's folder first.")


def private_folder(relative: str = ".") -> Path:
    """Return a folder under data/derived, made so that only its owner can read what lies there."""
    derived = project_root() / DERIVED
    derived.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = derived / relative
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def table_path(name: str) -> Path:
    """Return where the table `name` between two stages lies: data/derived/<name>.parquet."""
    return project_root() / DERIVED / f"{name}.parquet"


def read_table(name: str) -> pd.DataFrame:
    """Return the table `name` that an earlier stage wrote.

    Raises InputError when that stage has not run.
    """
    path = table_path(name)
    if not path.exists():
        raise InputError(f"Table {name}: not made yet. Run the notebooks in order, or `make report`.")
    return pd.read_parquet(path)


def write_table(name: str, table: pd.DataFrame) -> None:
    """Write `table` as data/derived/<name>.parquet, whole or not at all."""
    private_folder()
    replace_file(table_path(name), lambda temporary: table.to_parquet(temporary, index=False))


def replace_file(path: Path, write) -> None:
    """Call `write` with a temporary path beside `path` and swap the result in, so that no reader sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.writing")
    write(temporary)
    os.replace(temporary, path)


def read_reference(name: str) -> pd.DataFrame:
    """Return the lookup data/reference/<name>.csv."""
    return pd.read_csv(project_root() / REFERENCE / f"{name}.csv")


def read_truth(folder: str, name: str) -> pd.DataFrame:
    """Return the table `name` of the truth behind the simulated extracts in `folder`; empty when there is no truth.

    Only the report's demonstration box, the tests and the audit of the method may call this.
    """
    extracts, root = project_root() / folder, project_root()
    path = root / TRUTH / extracts.name / f"{name}.parquet"
    # A folder of the same name elsewhere is another set of extracts, and this is not its truth.
    is_ours = extracts.resolve().parent == (root / RAW).resolve()
    return pd.read_parquet(path) if is_ours and path.exists() else pd.DataFrame()


def report_path(relative: str) -> Path:
    """Return the path of a file under reports/, its folder made."""
    path = project_root() / REPORTS / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
