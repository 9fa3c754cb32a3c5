"""`python -m pipeline.calibrate`: the Monte Carlo audit of the method, long, resumable, and shared out over machines.

Replicate k of a world is its draw with seed k, so that every share and every rerun gives the same rows. Finished batches
are files of their own under the audit's folder, written under another name and renamed: a stop loses at most the batches
under way, and a start does what is missing. The summary is made anew from all batches at the end, or alone with --summary.
"""

import argparse
import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from joblib import Parallel, delayed

from pipeline.audit import DRAWS, run_replicate, summarise
from pipeline.audit_pairs import pair_designs
from pipeline.audit_worlds import World, list_worlds
from pipeline.errors import InputError

BATCH = 5
# An estimator that only a replicate with every estimator has.
IN_FULL = "matched_sets"


class Batch(NamedTuple):
    """What one process does in one go: worlds that share the demand of a replicate draw it once."""

    replicates: list[int]
    worlds: list[World]
    primary_only: bool

    @property
    def file(self) -> str:
        """Return the name of the batch's file; it turns on all that the batch holds."""
        worlds = hashlib.md5("|".join(world.name for world in self.worlds).encode()).hexdigest()[:8]
        return f"{'primary' if self.primary_only else 'all'}_{self.replicates[0]:05d}_{self.replicates[-1]:05d}_{worlds}.parquet"


def read_batches(folder: Path) -> pd.DataFrame:
    """Return all finished rows under `folder`, sorted; an empty frame when there are none."""
    parts = [pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))]
    if not parts:
        return pd.DataFrame(columns=["world", "replicate", "estimator"])
    rows = pd.concat(parts, ignore_index=True).drop_duplicates(["world", "replicate", "estimator", "estimand"])
    return rows.sort_values(["world", "replicate", "estimator", "estimand"], ignore_index=True)


def plan_batches(worlds: list[World], done: pd.DataFrame, n_all: int, n_primary: int, share: tuple[int, int]) -> list[Batch]:
    """Return what is missing: replicates 1 to `n_all` with every estimator, from there to `n_primary` the primary alone.

    `share` is (which, of how many): replicates are dealt out by their number. Worlds that lack the same replicates go together.
    """
    which, of_how_many = share
    in_full = done[done["estimator"] == IN_FULL]
    batches = []
    for first, last, primary_only in ((1, n_all, False), (n_all + 1, n_primary, True)):
        rows = done if primary_only else in_full
        finished = set(zip(rows["world"], rows["replicate"]))
        dealt = [one for one in range(first, last + 1) if one % of_how_many == which - 1]
        for start in range(0, len(dealt), BATCH):
            numbers = dealt[start : start + BATCH]
            lacking: dict[tuple, list[World]] = {}
            for world in worlds:
                lacking.setdefault(tuple(one for one in numbers if (world.name, one) not in finished), []).append(world)
            batches += [Batch(list(missing), some, primary_only) for missing, some in lacking.items() if missing]
    return batches


def run_batch(folder: Path, batch: Batch, draws: int) -> int:
    """Run and store one batch; return the number of replicates."""
    pairs = [(world, one) for one in batch.replicates for world in sorted(batch.worlds, key=lambda world: repr(world.demand))]
    rows = pd.concat([run_replicate(world, one, draws, primary_only=batch.primary_only) for world, one in pairs], ignore_index=True)
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f"{batch.file}.unfinished"
    rows.to_parquet(unfinished, index=False)
    unfinished.replace(folder / batch.file)
    return len(pairs)


def choose_worlds(names: list[str]) -> list[World]:
    """Return the worlds called `names`, all when there are none; raise InputError for a name that is none."""
    worlds = list_worlds()
    unknown = [name for name in names if name not in worlds]
    if unknown:
        raise InputError(f"calibrate: no such world: {', '.join(unknown)}. Choose from: {'; '.join(worlds)}.")
    return [worlds[name] for name in names or worlds]


def read_share(text: str) -> tuple[int, int]:
    """Return (which, of how many) of a text such as 1/2."""
    which, _, of_how_many = text.partition("/")
    if not (which.isdigit() and of_how_many.isdigit() and 1 <= int(which) <= int(of_how_many)):
        raise InputError(f"calibrate --share: {text!r} is no share. Write 1/2 for the first of two machines.")
    return int(which), int(of_how_many)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing of the audit and write its summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("data/audit"), help="where batches and summary.csv are kept")
    parser.add_argument("--worlds", nargs="*", default=[], help="names of worlds; all when left out")
    parser.add_argument("--replicates", type=int, default=200, help="replicates with every estimator")
    parser.add_argument("--primary", type=int, default=1000, help="replicates of the primary")
    parser.add_argument("--draws", type=int, default=DRAWS, help="resamples of people in each replicate")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--share", default="1/1", help="which of how many machines this is, such as 1/2")
    parser.add_argument("--summary", action="store_true", help="only write the summary of what is finished")
    chosen = parser.parse_args(arguments)
    if not chosen.summary:
        batches = plan_batches(choose_worlds(chosen.worlds), read_batches(chosen.folder), chosen.replicates, chosen.primary, read_share(chosen.share))
        jobs = (delayed(run_batch)(chosen.folder, batch, chosen.draws) for batch in batches)
        for number, _ in enumerate(Parallel(n_jobs=chosen.processes, return_as="generator_unordered")(jobs), start=1):
            print(f"{number} of {len(batches)} batches", flush=True)
    rows = read_batches(chosen.folder)
    if rows.empty:
        raise InputError(f"calibrate: nothing is finished in {chosen.folder}.")
    summarise(rows).to_csv(chosen.folder / "summary.csv", index=False, float_format="%.6g")
    pair_designs(rows).to_csv(chosen.folder / "pairs.csv", index=False, float_format="%.6g")


if __name__ == "__main__":
    try:
        main()
    except InputError as problem:
        sys.exit(str(problem))
