"""Disclosure control: what may leave the secure disk, in one small place.

Counts below a threshold are suppressed, zeros included, because "nobody" can say as much about a person as
"three"; the others are rounded to a base (Griffiths et al. 2019, Handbook on Statistical Disclosure Control for
Outputs). Remaining totals are rounded first, losses are their differences and percentages come from rounded
counts, so that no exact count can be worked out from several published ones.

pipeline.disclosure_rates does the same for shares, rates and ratios, pipeline.dominance hides sums that a few people make,
pipeline.difference compares a version with those given out before. SACRO's `acro`, which would check some of this, needs
pandas below 3; the README holds these rules against what it checks.
"""

import math

import pandas as pd


def control_counts(counts: pd.Series, threshold: int, rounding: int) -> pd.Series:
    """Return whole `counts` rounded to the base `rounding`; NA where a count lies below `threshold`, zeros included."""
    exact = pd.to_numeric(counts).astype("Float64")
    rounded = ((exact / rounding + 0.5) // 1 * rounding).astype("Int64")
    return rounded.where(exact >= threshold).astype("Int64")


def control_table(
    table: pd.DataFrame,
    threshold: int,
    rounding: int,
    counts: list[str],
    within: list[str] | None = None,
    blank: list[str] | None = None,
) -> pd.DataFrame:
    """Return `table` with its columns `counts` fit for publication; a suppressed count is NA.

    `within` names the columns of groups whose total is published: where such a group has a single suppressed
    cell, its next smallest is suppressed too, or the total would give the first away ([] = the whole table).
    `blank` names columns, such as a share, that are emptied where any count of the same row is suppressed.
    """
    controlled = table.copy()
    for column in counts:
        controlled[column] = control_counts(table[column], threshold, rounding)
        if within is not None:
            controlled[column] = controlled[column].mask(second_cells(table, column, threshold, within))
    hidden = controlled[counts].isna().any(axis=1)
    for column in blank or []:
        controlled[column] = controlled[column].mask(hidden)
    return controlled


def second_cells(table: pd.DataFrame, column: str, threshold: int, within: list[str]) -> pd.Series:
    """Return a flag per row: the next smallest cell of a group in which `column` has just one cell below `threshold`."""
    groups = [table[name] for name in within] if within else pd.Series(0, index=table.index)
    small = table[column] < threshold
    alone = small.groupby(groups, dropna=False).transform("sum").eq(1)
    order = table[column].mask(small).groupby(groups, dropna=False).rank(method="first")
    return alone & order.eq(1) & ~small


def control_attrition(attrition: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `attrition` (flow, step, n_referrals, n_people, n_lost ...) fit for publication, rows still adding up.

    Remaining totals are rounded; `n_lost` becomes the difference of neighbouring rounded totals of people,
    NA at the first step, where nobody can be lost, and where the loss lies below `threshold`.
    """
    controlled = control_table(attrition, threshold, rounding, counts=["n_referrals", "n_people"])
    lost = -controlled.groupby("flow", sort=False)["n_people"].diff()
    controlled["n_lost"] = lost.where(lost >= threshold).astype("Int64")
    return controlled


def control_claims(claims: pd.DataFrame, effects: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `claims` (claim, published, reproduced ...) fit for publication.

    The number of clients is rounded, the shares of clients come from rounded counts, and the fall in demand is that of the
    first before-and-after row of the controlled `effects`. Where the extracts allow no such count, there is nothing to control.
    """
    exact = claims.set_index("claim")["reproduced"]
    if exact.isna().all():
        return claims
    n_people = count_clients(claims)
    controlled = {name: control_percent(exact[name], n_people, threshold, rounding) for name in ("did not call", "called once or twice") if name in exact}
    controlled["clients"] = control_counts(pd.Series([n_people]), threshold, rounding).astype(float)[0]
    controlled["fall in demand"] = 100 - 100 * math.exp(effects.loc[effects["estimator"].eq("naive"), "estimate"].head(1).sum(min_count=1))
    return claims.assign(reproduced=claims["claim"].map(controlled).where(claims["claim"].isin(list(controlled)), claims["reproduced"]))


def count_clients(claims: pd.DataFrame) -> int:
    """Return the exact number of clients that `claims` counts; 0 where the extracts allow no such count."""
    found = claims.loc[claims["claim"].eq("clients"), "reproduced"].dropna()
    return int(found.sum())


def control_percent(percent: float, n_people: int, threshold: int, rounding: int) -> float:
    """Return `percent` of `n_people` worked out again from rounded counts; NaN where the people behind it are too few.

    Too few are also those on the other side: 99 % of 400 people says something about the four left over.
    """
    if pd.isna(percent):
        return float("nan")
    n_inside = round(percent * n_people / 100)
    rounded = control_counts(pd.Series([n_inside, n_people - n_inside, n_people]), threshold, rounding)
    return float("nan") if rounded.isna().any() else 100 * float(rounded[0]) / float(rounded[2])
