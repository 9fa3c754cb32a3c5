"""Clerical review: `python -m pipeline.clerical_review draw` writes pairs of records for people to read side by side, and
`python -m pipeline.clerical_review read` turns their decisions into precision and recall.

What a reviewer reads holds personal details, so it lies on the secure disk only: in data/derived/clerical_review, or where
`--file` says, which may be neither under reports/ nor where git would take it in. No sample is ever written over another. What
`read` writes, data/reference/clerical_review.csv, holds no ids and no details; 06_report shows it.
"""

import argparse
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd

from pipeline.clerical_sample import draw_pairs, estimate_from_decisions, find_mistakes, lay_side_by_side, name_linkage
from pipeline.disclosure import control_counts
from pipeline.errors import InputError
from pipeline.params import check_params, load_sections
from pipeline.tables import DERIVED, REFERENCE, REPORTS, private_folder, project_root, read_table, replace_file

FOLDER = "clerical_review"
RESULTS = REFERENCE / "clerical_review.csv"


def sample_path(chosen: str | None) -> Path:
    """Return where the reviewer's file lies: `chosen`, or pairs.csv in the private folder.

    Raises InputError where it could leave the secure disk: under reports/, in the project outside data/derived, or in any
    folder that git would take in.
    """
    path = (private_folder(FOLDER) / "pairs.csv" if chosen is None else Path(chosen).expanduser()).resolve()
    root = project_root().resolve()
    advice = f"Choose a file on the secure disk, or leave --file out: {(DERIVED / FOLDER).as_posix()}."
    if path.is_relative_to(root / REPORTS):
        raise InputError(f"--file: lies under {REPORTS.as_posix()}/, which leaves the secure disk. {advice}")
    if (path.is_relative_to(root) and not path.is_relative_to(root / DERIVED)) or git_would_take(path):
        raise InputError(f"--file: lies in a folder under version control. {advice}")
    if not path.parent.is_dir():
        raise InputError(f"--file: its folder does not exist. Make it first. {advice}")
    return path


def git_would_take(path: Path) -> bool:
    """Return whether `path` lies in a git work tree that does not ignore it; no where git is not installed."""
    folder = next(parent for parent in path.parents if parent.is_dir())
    try:
        inside = subprocess.run(["git", "rev-parse", "--is-inside-work-tree"], cwd=folder, capture_output=True, text=True).stdout.strip() == "true"
        return inside and subprocess.run(["git", "check-ignore", "--quiet", str(path)], cwd=folder, capture_output=True).returncode != 0
    except OSError:
        return False


def key_path() -> Path:
    """Return where the key of the sample lies: which pairs were drawn, from which strata, of which linkage."""
    return private_folder(FOLDER) / "drawn.parquet"


def draw_sample(chosen: str | None) -> str:
    """Draw the sample that params.yaml describes, write it, and return what to tell the user.

    Raises InputError when a sample is there already, because a reviewer may have begun on it, or when there is nothing to draw from.
    """
    params = check_params(load_sections("linkage", "clerical_review"))
    path, key = sample_path(chosen), key_path()
    InputError.collect([f"{name}: a sample is there already, perhaps with a reviewer's decisions. Read it back, then move it away before another is drawn."
                        for name, file in (("The reviewer's file", path), (f"{(DERIVED / FOLDER).as_posix()}/drawn.parquet", key)) if file.exists()])  # fmt: skip
    pairs, contact_identities = read_table("pairs"), read_table("contact_identities")
    if pairs.empty:
        raise InputError("Table pairs: holds no scored pairs, so there is nothing to read. Extracts that were linked elsewhere are reviewed there.")
    owners = contact_identities.merge(read_table("links"), on="contact_id", validate="one_to_one").drop_duplicates("identity_id")
    owners = owners.merge(read_table("persons")[["person_id", "client_id"]], on="person_id", validate="many_to_one").set_index("identity_id")
    arm_of = owners["client_id"].notna().map({True: "referred", False: "not_referred"})
    review = params.clerical_review
    drawn = draw_pairs(pairs, arm_of, owners["person_id"], review.bands, params.linkage.accept_from, review.pairs, review.seed)
    shown = lay_side_by_side(drawn, read_table("contacts"), contact_identities)
    linkage = name_linkage(read_table("match_levels"), read_table("link_thresholds"))
    replace_file(key, lambda temporary: drawn.assign(linkage=linkage).to_parquet(temporary, index=False))
    replace_file(path, lambda temporary: shown.to_csv(temporary, index=False, encoding="utf-8-sig"))
    return f"{len(drawn)} pairs drawn. In the reviewer's file write same, different or unsure into the column decision of every row, then run `python -m pipeline.clerical_review read`."


def read_decisions(chosen: str | None) -> str:
    """Read a reviewer's decisions back, write precision and recall, and return what to tell the user.

    Raises InputError that lists every mistake in the file, by review_id.
    """
    params = check_params(load_sections("disclosure"))
    path, key = sample_path(chosen), key_path()
    InputError.collect([f"{name}: not there. Draw a sample first with `python -m pipeline.clerical_review draw`."
                        for name, file in (("The reviewer's file", path), (f"{(DERIVED / FOLDER).as_posix()}/drawn.parquet", key)) if not file.exists()])  # fmt: skip
    drawn, decisions = pd.read_parquet(key), read_file(path)
    InputError.collect([f"The reviewer's file: {mistake}" for mistake in find_mistakes(decisions, drawn)])
    words = decisions["decision"].str.strip().str.lower()
    words.index = decisions["review_id"].str.strip().astype("int64")
    results = estimate_from_decisions(drawn, words).round(4)
    for column in ("n_pairs", "n_unsure"):
        results[column] = control_counts(results[column], params.disclosure.threshold, params.disclosure.rounding)
    results = results.assign(reviewed_on=date.today().isoformat(), linkage=drawn["linkage"].iloc[0])
    replace_file(project_root() / RESULTS, lambda temporary: results.to_csv(temporary, index=False, lineterminator="\n"))
    return f"Precision and recall are in {RESULTS.as_posix()}. `make report` shows them."


def read_file(path: Path) -> pd.DataFrame:
    """Return review_id and decision of the reviewer's file as text, whatever delimiter a spreadsheet program left.

    Raises InputError when it cannot be read or lacks one of these columns.
    """
    try:
        table = pd.read_csv(path, dtype=str, sep=None, engine="python", encoding="utf-8-sig", keep_default_na=False)
    except (OSError, ValueError, pd.errors.ParserError):
        raise InputError("The reviewer's file: cannot be read as CSV in UTF-8. Save it so from your spreadsheet program.") from None
    missing = [name for name in ("review_id", "decision") if name not in table]
    InputError.collect([f"The reviewer's file: has no column {name}. Restore its heading." for name in missing])
    return table[["review_id", "decision"]]


def main(arguments: list[str]) -> int:
    """Draw a sample or read decisions, as asked, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.clerical_review", description="Draws pairs of records for clerical review, and reads the decisions back.")
    parser.add_argument("step", choices=["draw", "read"])
    parser.add_argument("--file", help="the reviewer's file, on the secure disk; by default pairs.csv in data/derived/clerical_review")
    asked = parser.parse_args(arguments)
    # What is written here is for its owner only.
    os.umask(0o077)
    try:
        print((draw_sample if asked.step == "draw" else read_decisions)(asked.file))
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
