"""Which designs the Monte Carlo audit found valid, by marks that were set beforehand.

A design is an estimator with its estimand. It is held to the worlds whose assumptions it claims to survive; worlds that
break an assumption nobody can check in data say how wrong every design then is, and find nobody invalid. A mark counts
as missed only where it is missed by more than chance in the replicates would explain (Morris, White & Crowther 2019,
on Monte Carlo errors).
"""

import numpy as np
import pandas as pd

VALID, INVALID, UNDECIDED = "valid", "invalid", "undecided"
KEYS = ["estimator", "estimand"]
COLUMNS = [
    *KEYS, "verdict", "n_worlds", "n_worlds_missing", "largest_bias", "largest_bias_world", "smallest_coverage", "smallest_coverage_world",
    "largest_false_positives", "largest_false_positives_world", "n_off_aim", "reason",
]  # fmt: skip
# Of a world without effect: both potential outcomes are the same counts, so that the truth is nought but for rounding.
NO_EFFECT = 1e-9


def judge_designs(audit: pd.DataFrame, marks) -> pd.DataFrame:
    """Return one row per design (COLUMNS) from the audit's summary (pipeline.audit.summarise), sorted by design.

    `marks` holds worlds (the names of those every design is held to), bias_at_most (of the log IRR), coverage_at_least,
    false_positives_at_most, beyond_errors (Monte Carlo errors), replicates_at_least, and the aims coverage_aim and
    false_positives_aim. verdict: valid, invalid, or undecided where no mark is missed but worlds or replicates are
    missing. n_off_aim counts the worlds off the aims beyond chance; reason says in words which marks are missed.
    """
    rows = [judge_design(key, group[group["world"].isin(marks.worlds)], marks) for key, group in audit.groupby(KEYS, sort=True)]
    return pd.DataFrame(rows, columns=COLUMNS)


def judge_design(key: tuple[str, str], held: pd.DataFrame, marks) -> dict:
    """Return the row of one design; `held` are its worlds among those it is held to."""
    n_missing = len(set(marks.worlds) - set(held.loc[held["n_replicates"] >= marks.replicates_at_least, "world"]))
    without_effect = held[held["truth"].abs() < NO_EFFECT]
    slack = marks.beyond_errors
    missed = {
        "no estimate": held[held["bias"].isna()],
        "bias": held[held["bias"].abs() - slack * held["bias_se"] > marks.bias_at_most],
        "coverage": held[held["coverage"] + slack * held["coverage_se"] < marks.coverage_at_least],
        "false positives": without_effect[without_effect["rejected"] - slack * without_effect["rejected_se"] > marks.false_positives_at_most],
    }
    reasons = [f"{name} in {'; '.join(rows['world'])}" for name, rows in missed.items() if len(rows)]
    found = dict(zip(KEYS, key)) | dict(
        verdict=INVALID if reasons else UNDECIDED if n_missing else VALID,
        n_worlds=len(held), n_worlds_missing=n_missing, n_off_aim=int(is_off_aim(held, marks).sum()), reason=". ".join(reasons),
    )  # fmt: skip
    for name, rows, size in (("largest_bias", held["bias"], held["bias"].abs()), ("smallest_coverage", held["coverage"], -held["coverage"]), ("largest_false_positives", without_effect["rejected"], without_effect["rejected"])):
        at = size.idxmax() if size.notna().any() else None
        found |= {name: np.nan if at is None else float(rows[at]), f"{name}_world": "" if at is None else held.loc[at, "world"]}
    return found


def is_off_aim(rows: pd.DataFrame, marks) -> pd.Series:
    """Return which rows of the audit are off the aims for coverage or false positives by more than chance."""
    low, high = marks.coverage_aim
    slack = marks.beyond_errors
    off = (rows["coverage"] + slack * rows["coverage_se"] < low) | (rows["coverage"] - slack * rows["coverage_se"] > high)
    false = (rows["truth"].abs() < NO_EFFECT) & (rows["rejected"] - slack * rows["rejected_se"] > marks.false_positives_aim)
    return off | false


def verdict_of(audit_verdicts: pd.DataFrame, estimator: str, estimand: str) -> str:
    """Return the verdict on one design; undecided where the audit does not know it."""
    rows = audit_verdicts[audit_verdicts["estimator"].eq(estimator) & audit_verdicts["estimand"].eq(estimand)]
    return UNDECIDED if rows.empty else str(rows["verdict"].iloc[0])


def list_valid(audit_verdicts: pd.DataFrame, estimand: str) -> list[str]:
    """Return the estimators found valid for an estimand, sorted."""
    return sorted(audit_verdicts.loc[audit_verdicts["estimand"].eq(estimand) & audit_verdicts["verdict"].eq(VALID), "estimator"])
