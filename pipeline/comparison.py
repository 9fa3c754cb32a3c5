"""Two runs side by side: which parameters differ, what moved and by more than chance or not, and which stages had cause to run again.

Works on what both runs published (controlled tables, metrics), on their parameters and on DVC's record of what each stage
read. Both runs mostly rest on the same people, so that a shift within the interval can still be a real consequence of the
choice; "beyond" means larger than what another sample of people could have done.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

BEYOND, WITHIN, SAME, ONE_SIDED = "beyond", "within", "same", "in one run only"
EFFECT_KEYS = ["outcome", "comparison", "estimator", "estimand"]
MOVES = ["old", "old_low", "old_high", "new", "new_low", "new_high", "change", "verdict"]
STAGES = ["stage", "reran", "parameters", "code", "tables", "other"]
# Metrics that count people, whose differences could say too much about few of them.
PEOPLE = "n_people"


class Run(NamedTuple):
    """One run: its name, parameters by section, DVC's stages, controlled tables by name and metrics."""

    name: str
    sections: dict
    stages: dict
    tables: dict[str, pd.DataFrame]
    metrics: dict


def compare_parameters(old: Run, new: Run) -> pd.DataFrame:
    """Return parameter, old, new for every value of params.yaml that differs, as text; "not there" where one run lacks it."""
    def flat(sections: dict) -> dict[str, str]:
        return {f"{section}.{name}": ", ".join(map(str, value)) if isinstance(value, list) else str(value) for section, values in sections.items() for name, value in (values or {}).items()}

    before, after = flat(old.sections), flat(new.sections)
    names = list(dict.fromkeys([*before, *after]))
    rows = [(name, before.get(name, "not there"), after.get(name, "not there")) for name in names if before.get(name) != after.get(name)]
    return pd.DataFrame(rows, columns=["parameter", "old", "new"])


def compare_values(old: pd.DataFrame, new: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """Return keys and MOVES for the rows of two tables with columns `value`, ci_low and ci_high, in the order of the first."""
    columns = [*keys, value, "ci_low", "ci_high"]
    both = old.reindex(columns=columns).merge(new.reindex(columns=columns), on=keys, how="outer", suffixes=("_old", "_new"), validate="one_to_one", sort=False)
    order = {key: place for place, key in enumerate(pd.concat([old[keys], new[keys]]).drop_duplicates().itertuples(index=False, name=None))}
    both = both.iloc[np.argsort([order[key] for key in both[keys].itertuples(index=False, name=None)], kind="stable")].reset_index(drop=True)
    moved = pd.DataFrame({
        "old": both[f"{value}_old"], "old_low": both["ci_low_old"], "old_high": both["ci_high_old"],
        "new": both[f"{value}_new"], "new_low": both["ci_low_new"], "new_high": both["ci_high_new"],
    }).astype(float)  # fmt: skip
    moved["change"] = moved["new"] - moved["old"]
    moved["verdict"] = [judge_shift(row) for row in moved.itertuples()]
    return pd.concat([both[keys], moved], axis=1)


def judge_shift(row) -> str:
    """Return SAME, WITHIN, BEYOND (either estimate lies outside the other's interval), ONE_SIDED, or "" where there is no interval to judge by."""
    is_there = np.isfinite([row.old, row.new])
    if not is_there.all():
        return ONE_SIDED if is_there.any() else ""
    if row.old == row.new:
        return SAME
    if np.isnan([row.old_low, row.old_high, row.new_low, row.new_high]).any():
        return ""
    return WITHIN if row.old_low <= row.new <= row.old_high and row.new_low <= row.old <= row.new_high else BEYOND


def compare_effects(old: Run, new: Run) -> pd.DataFrame:
    """Return EFFECT_KEYS and MOVES for every estimate (log ratios)."""
    tables = [run.tables.get("effects", pd.DataFrame(columns=EFFECT_KEYS)) for run in (old, new)]
    return compare_values(*tables, EFFECT_KEYS, "estimate")


def compare_claims(old: Run, new: Run) -> pd.DataFrame:
    """Return claim, figure (reproduced, controlled) and MOVES, in percent and percentage points; only the controlled figure has an interval."""
    frames = []
    for figure in ("reproduced", "controlled"):
        tables = [run.tables.get("claims", pd.DataFrame(columns=["claim", figure])) for run in (old, new)]
        # The number of clients is a count of people, which is compared as one.
        rows = [table[table["claim"].ne("clients")] for table in tables]
        rows = [table if figure == "controlled" else table.assign(ci_low=np.nan, ci_high=np.nan) for table in rows]
        frames.append(compare_values(*rows, ["claim"], figure).assign(figure=figure))
    both = pd.concat(frames, ignore_index=True)
    return both[both["old"].notna() | both["new"].notna()][["claim", "figure", *MOVES]].reset_index(drop=True)


def compare_parts(old: Run, new: Run) -> pd.DataFrame:
    """Return part and MOVES for the parts of the fall as published, in percentage points."""
    tables = [run.tables.get("decomposition", pd.DataFrame(columns=["part", "percentage_points"])) for run in (old, new)]
    return compare_values(*tables, ["part"], "percentage_points")


def compare_checks(old: Run, new: Run) -> pd.DataFrame:
    """Return check, where (arm and period, empty for a check of the model), old, new, old_passed, new_passed of every check that has a pass mark."""
    def checks(run: Run) -> pd.DataFrame:
        model = run.tables.get("model_checks", pd.DataFrame(columns=["check", "value", "pass_mark", "passed"])).assign(where="")
        links = run.tables.get("link_quality", pd.DataFrame(columns=["check", "arm", "period", "value", "pass_mark", "passed"]))
        links = links.assign(where=(links["arm"] + ", " + links["period"]) if len(links) else "")
        rows = pd.concat([frame[["check", "where", "value", "pass_mark", "passed"]] for frame in (model, links) if len(frame)] or [pd.DataFrame(columns=["check", "where", "value", "pass_mark", "passed"])], ignore_index=True)
        rows = rows[rows["pass_mark"].notna()]
        return rows.assign(passed=rows["passed"].map(lambda passed: str(passed).lower() == "true"))[["check", "where", "value", "passed"]]

    both = checks(old).merge(checks(new), on=["check", "where"], how="outer", suffixes=("_old", "_new"), validate="one_to_one")
    return both.rename(columns={"value_old": "old", "value_new": "new", "passed_old": "old_passed", "passed_new": "new_passed"})


def compare_people(old: Run, new: Run, threshold: int) -> pd.DataFrame:
    """Return metric, old, new, is_near for the metrics that count people; where fewer than `threshold` lie between, is_near is True and new is missing.

    Two published counts that differ by a few would say more than each alone.
    """
    rows = []
    for name in dict.fromkeys([*old.metrics, *new.metrics]):
        if name.startswith(PEOPLE):
            before, after = (run.metrics.get(name) for run in (old, new))
            is_near = before is not None and after is not None and 0 < abs(after - before) < threshold
            rows.append((name, before, None if is_near else after, is_near))
    return pd.DataFrame(rows, columns=["metric", "old", "new", "is_near"])


def explain_stages(old: Run, new: Run) -> pd.DataFrame:
    """Return STAGES: one row per stage of the new run, whether it had cause to run again, and which parameters, code, tables and other inputs differ.

    From DVC's record (dvc.lock) of what each stage read; names of files without their folders.
    """
    rows = []
    for stage, record in new.stages.items():
        before = old.stages.get(stage, {})
        parameters = sorted(flatten(record) ^ flatten(before))
        names = sorted({name for name, _ in parameters})
        changed = sorted(path for path in {*paths(record), *paths(before)} if paths(record).get(path) != paths(before).get(path))
        code = [path for path in changed if path.endswith((".py", ".ipynb", ".j2")) or path.startswith(("pipeline/", "expectations", "notebooks/"))]
        tables = [path for path in changed if path.startswith("data/derived/")]
        other = [path for path in changed if path not in (*code, *tables)]
        rows.append((stage, bool(names or changed), ", ".join(names), ", ".join(map(stem, code)), ", ".join(map(stem, tables)), ", ".join(other)))
    return pd.DataFrame(rows, columns=STAGES).astype({"reran": bool})


def flatten(record: dict) -> set[tuple[str, str]]:
    """Return the parameters that a stage's record holds, as name and value."""
    sections = record.get("params", {}).get("params.yaml", {})
    return {(f"{section}.{name}", str(value)) for section, values in sections.items() for name, value in (values.items() if isinstance(values, dict) else [("", values)])}


def paths(record: dict) -> dict[str, str]:
    """Return the hash of everything that a stage's record says it read, by path."""
    return {dep["path"]: dep.get("md5", "") for dep in record.get("deps", [])}


def stem(path: str) -> str:
    """Return a file's name without folder and ending."""
    return path.rpartition("/")[2].partition(".")[0]
