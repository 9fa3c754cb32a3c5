"""What a table of specifications says: where the estimates lie, which choices move them, which stand one choice from the plan.

Works on the table `sensitivity` (pipeline.sensitivity), controlled or not. Builds on pipeline.specifications.
"""

import math

import numpy as np
import pandas as pd

from pipeline.specifications import ESTIMATORS, Specification

CHOICES = list(Specification._fields)


def design_of(row: dict) -> str:
    """Return the design of a row of `sensitivity`: its estimator, or complier_followed where later referrals are left in, which the audit judges apart."""
    is_of_referral = row["estimator"] in ESTIMATORS
    return "complier_followed" if row["later_referrals"] == "followed" and is_of_referral else row["estimator"]


def as_text(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return the choices of each row as text, so that a choice that means nothing for these extracts is alike in all rows."""
    return sensitivity[CHOICES].astype(object).where(sensitivity[CHOICES].notna(), "").astype(str)


def differ_in_one(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return the primary specification, those that differ from it in one choice, and invalid designs with its other choices.

    Column `differs` names the choice, empty for the primary one. Without a primary specification all rows come back.
    """
    primary = sensitivity[sensitivity["is_primary"]]
    if primary.empty:
        return sensitivity.assign(differs="")
    texts = as_text(sensitivity)
    other = texts.ne(texts.loc[primary.index[0]])
    kept = other.sum(axis=1) <= 1
    differs = other[kept].idxmax(axis=1).where(other[kept].any(axis=1), "")
    return sensitivity[kept].assign(differs=differs)


def sort_curve(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return the specification curve: the valid rows that have an estimate, least first, with their `place` counted from 1."""
    valid = sensitivity[sensitivity["is_valid"].astype(bool) & np.isfinite(sensitivity["estimate"].astype(float))]
    valid = valid.sort_values(["estimate", *CHOICES], kind="stable", ignore_index=True)
    valid.insert(0, "place", np.arange(1, len(valid) + 1))
    return valid


def choices_that_matter(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return choice, level, n_pairs, shift, shift_low, shift_high, share_of_spread: how far each level moves the log ratio from the plan's.

    A pair are two valid specifications that differ in this choice alone, one of them at the plan's level; shift is their
    mean difference, shift_low and shift_high the least and greatest. share_of_spread is the part of the variance among the
    crossed specifications that lies between the levels of a choice; missing for choices tried one at a time. The choice
    with the largest shift comes first, and in it the level with the largest.
    """
    columns = ["choice", "level", "n_pairs", "shift", "shift_low", "shift_high", "share_of_spread"]
    valid = sensitivity[sensitivity["is_valid"] & np.isfinite(sensitivity["estimate"].astype(float))]
    primary = valid[valid["is_primary"]]
    if primary.empty:
        return pd.DataFrame(columns=columns)
    texts = as_text(valid)
    plan = texts.loc[primary.index[0]]
    rows = texts.assign(estimate=valid["estimate"].astype(float))
    spread = shares_of_spread(rows, plan)
    found = []
    for choice in CHOICES:
        others = [name for name in CHOICES if name != choice]
        twins = rows[rows[choice] == plan[choice]]
        pairs = rows[rows[choice] != plan[choice]].merge(twins, on=others, suffixes=("", "_planned"), validate="many_to_one")
        shifts = (pairs["estimate"] - pairs["estimate_planned"]).groupby(pairs[choice], sort=False).agg(["size", "mean", "min", "max"])
        found += [(choice, level, int(one["size"]), one["mean"], one["min"], one["max"], spread.get(choice, math.nan)) for level, one in shifts.iterrows()]
    table = pd.DataFrame(found, columns=columns)
    largest = table["shift"].abs().groupby(table["choice"]).transform("max")
    ordered = table.assign(largest=largest, size=table["shift"].abs()).sort_values(["largest", "choice", "size"], ascending=[False, True, False], ignore_index=True)
    return ordered[columns]


def shares_of_spread(rows: pd.DataFrame, plan: pd.Series) -> dict[str, float]:
    """Return, per crossed choice, the sum of squares between its levels over all of it, in the full factorial around `plan`.

    The factorial is what remains of `rows` when every choice that is never crossed stands at the plan's level.
    """
    estimators = rows["estimator"].value_counts()
    crossed = [choice for choice in CHOICES if is_crossed(rows, choice, plan)]
    alone = [choice for choice in CHOICES if choice not in crossed]
    core = rows[(rows[alone] == plan[alone]).all(axis=1) & (rows["estimator"].map(estimators) > estimators.max() / 2)]
    whole = ((core["estimate"] - core["estimate"].mean()) ** 2).sum()
    if not whole > 0:
        return {}
    means = {choice: core.groupby(choice)["estimate"].transform("mean") for choice in crossed}
    return {choice: float(((mean - core["estimate"].mean()) ** 2).sum() / whole) for choice, mean in means.items()}


def is_crossed(rows: pd.DataFrame, choice: str, plan: pd.Series) -> bool:
    """Return whether `choice` varies together with some other choice than outcome and estimator."""
    others = [name for name in CHOICES if name not in (choice, "outcome", "estimator")]
    varied = rows[rows[choice] != plan[choice]]
    return len(varied) > 0 and bool((varied[others] != plan[others]).any(axis=1).any())


def count_sides(sensitivity: pd.DataFrame) -> dict[str, int]:
    """Return how many valid specifications there are (n), and how many lie below 1 clearly, below, above, above clearly, or without estimate."""
    valid = sensitivity[sensitivity["is_valid"]]
    estimate, low, high = (valid[name].astype(float) for name in ("estimate", "ci_low", "ci_high"))
    return {
        "n": len(valid), "below_clearly": int((high < 0).sum()), "below": int(((estimate < 0) & ~(high < 0)).sum()),
        "above": int(((estimate >= 0) & ~(low > 0)).sum()), "above_clearly": int((low > 0).sum()), "none": int(estimate.isna().sum()),
    }  # fmt: skip
