"""`python -m pipeline.compare [OLD] [NEW]`: two runs side by side as one short page, reports/comparison.html.

A run is a commit, a branch, the name of a `dvc exp`, or `workspace`, the files as they lie here. Without arguments the last
commit is set beside the workspace; with one, that run beside the workspace. What is read of a run was published: its
controlled tables and metrics, from DVC's cache or from reports/, its parameters and dvc.lock. The page is searched for
personal details like everything else under reports/, and the last one stays where it holds any; where one run subtracted
from the other would tell few people, the page says so, because trying parameters is never stopped.
"""

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from pipeline.comparison import Run, compare_effects
from pipeline.difference import Version, find_differences
from pipeline.errors import InputError, run_command
from pipeline.figures import finish_figure
from pipeline.figures_comparison import draw_moves
from pipeline.leak_check import load_details
from pipeline.leak_search import public_text, search_files
from pipeline.params import Disclosure, check_params, load_sections
from pipeline.rendering import render_html
from pipeline.report import BANNER
from pipeline.report_comparison import KEEP, name_moves, write_page
from pipeline.tables import project_root, replace_file, report_path

WORKSPACE = "workspace"
TABLES = ("attrition", "effects", "claims", "decomposition", "model_checks", "link_quality", "demonstration")
PAGE = "comparison.html"
FOOTER = "Made by the pipeline from the tables that each run published; every number stands there or is the difference of two."


def read_workspace(root: Path) -> Run:
    """Return the run whose files lie in the project at `root`; raise InputError where it has made no report."""
    reports = root / "reports"
    if not (reports / "metrics.json").exists():
        raise InputError("reports: no run to compare. Make one with `make report`.")
    tables = {name: read_csv((reports / "tables" / f"{name}.csv").read_text(encoding="utf-8")) for name in TABLES if (reports / "tables" / f"{name}.csv").exists()}
    lock = root / "dvc.lock"
    stages = yaml.safe_load(lock.read_text(encoding="utf-8"))["stages"] if lock.exists() else {}
    return Run("the workspace", load_sections(), stages, tables, json.loads((reports / "metrics.json").read_text(encoding="utf-8")))


def read_revision(root: Path, name: str) -> Run:
    """Return the run that a commit, branch or experiment `name` recorded.

    Raises InputError when there is no such name, or its tables are not in DVC's cache.
    """
    from dvc.api import DVCFileSystem  # takes a second to import

    commit = find_commit(root, name)
    files = DVCFileSystem(repo=str(root), rev=commit)
    try:
        sections = yaml.safe_load(files.read_text("params.yaml"))
        stages = yaml.safe_load(files.read_text("dvc.lock"))["stages"]
        metrics = json.loads(files.read_text("reports/metrics.json"))
        tables = {table: read_csv(files.read_text(f"reports/tables/{table}.csv")) for table in TABLES if files.exists(f"reports/tables/{table}.csv")}
    except (OSError, KeyError, ValueError):
        raise InputError(f"{name}: the tables of its dvc.lock are not in DVC's cache here. Where you have made them here, commit dvc.lock; else make them with `git checkout {name}` and `dvc repro`.") from None
    return Run(name if commit.startswith(name) else f"{name} ({commit[:7]})", sections, stages, tables, metrics)


def find_commit(root: Path, name: str) -> str:
    """Return the commit that `name` stands for: a revision of git, or the name of an experiment; raise InputError where it is neither."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True).stdout.strip()

    experiments = [line.split() for line in git("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").splitlines()]
    found = [commit for commit, ref in experiments if ref.split("/")[-1] == name and not ref.startswith("refs/exps/exec")]
    commit = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}") or (found[-1] if found else "")
    if not commit:
        raise InputError(f"{name}: neither a commit nor an experiment. `dvc exp list` and `git log --oneline` name them.")
    return commit


def read_csv(text: str) -> pd.DataFrame:
    """Return a published table; an empty file is a table without columns."""
    return pd.read_csv(io.StringIO(text)) if text.strip() else pd.DataFrame()


def read_run(root: Path, name: str) -> Run:
    """Return the run called `name`."""
    return read_workspace(root) if name == WORKSPACE else read_revision(root, name)


def tell_few_apart(old: Run, new: Run, disclosure: Disclosure, moved_share: float) -> bool:
    """Return whether the counts that both runs published, subtracted from each other, would reveal fewer people than the threshold.

    Each run's own rules are taken, `disclosure` where it has none. Records of people are not compared: an experiment keeps none.
    """
    versions = [Version(run.name, **(disclosure.model_dump() | run.sections.get("disclosure", {})), tables=run.tables, people=pd.DataFrame({"digest": []})) for run in (old, new)]
    return bool(set(old.tables) & set(new.tables)) and bool(find_differences(*versions, moved_share))


def make_comparison(old: Run, new: Run, threshold: int, is_near: bool = False) -> bytes:
    """Return the page of two runs; `is_near` says that both together tell few people apart."""
    moves = compare_effects(old, new)
    picture = finish_figure("comparison", "", draw_moves(name_moves(moves), old.name, new.name))
    is_simulated = any(len(run.tables.get("demonstration", ())) for run in (old, new))
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures"
        figures.mkdir()
        (figures / picture.file).write_bytes(picture.png)
        page = Path(folder) / PAGE
        render_html(write_page(old, new, moves, picture.alt, threshold, is_near), Path(folder), page, "Two runs side by side", BANNER if is_simulated else "", FOOTER)
        return page.read_bytes()


def compare(names: list[str]) -> None:
    """Write the page of the runs `names`: none, one or two of them."""
    if len(names) > 2:
        raise InputError("Usage: python -m pipeline.compare [OLD] [NEW], for example HEAD six-months.")
    root, params = project_root(), check_params(load_sections("disclosure", "release"))
    old, new = (read_run(root, name) for name in [*names, *["HEAD", WORKSPACE][len(names) :]])
    is_near = tell_few_apart(old, new, params.disclosure, params.release.moved_share)
    content = make_comparison(old, new, params.disclosure.threshold, is_near)
    InputError.collect(search_files({f"reports/{PAGE}": content}, load_details(root), public_text()))
    path = report_path(PAGE)
    replace_file(path, lambda temporary: temporary.write_bytes(content))
    print(f"{path.relative_to(root)} written: {old.name} beside {new.name}." + (f" {KEEP}" if is_near else ""))


if __name__ == "__main__":
    sys.exit(run_command(lambda: compare(sys.argv[1:])))
