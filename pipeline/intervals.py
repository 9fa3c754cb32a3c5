"""Intervals of shares: Wilson's (1927), and Wilson's for rows that come in clusters.

A person with forty contacts is not forty witnesses. Rows are therefore counted for as many independent ones as the
variance between people leaves of them (Kish 1965), which Korn and Graubard (1998) put into the interval in place of n.
"""

import numpy as np
import pandas as pd

Z = 1.959964
SHARE_COLUMNS = ["value", "ci_low", "ci_high", "n"]


def wilson_interval(share: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of Wilson's 95 % interval of a share of n; missing where n is 0."""
    share, n = np.asarray(share, float), np.where(np.asarray(n, float) > 0, n, np.nan)
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def cluster_shares(rows: pd.DataFrame, by: list[str], value: str, cluster: str) -> pd.DataFrame:
    """Return the mean of the column `value` (0 to 1) by the columns `by`, sorted by them: value, ci_low, ci_high, n (rows).

    The interval is Wilson's, with n divided by the design effect of the clusters `cluster`.
    """
    sums = rows.groupby([*by, cluster], observed=True, sort=True)[value].agg(["sum", "size"])
    return cluster_ratios(sums.reset_index(), by, "sum", "size")


def cluster_ratios(sums: pd.DataFrame, by: list[str], numerator: str, denominator: str) -> pd.DataFrame:
    """Return the ratio of two sums by the columns `by`, from one row per cluster: value, ci_low, ci_high, n (the denominator).

    The variance is that of a ratio of sums over clusters, linearised (Woodruff 1971); the design effect is at least 1, and
    where every row agrees each cluster counts once.
    """
    sums = sums.assign(number=sums[numerator].astype(float), n=sums[denominator].astype(float))
    groups = sums.groupby(by, observed=True, sort=True)
    table = groups.agg(number=("number", "sum"), n=("n", "sum"), n_clusters=("n", lambda sizes: int((sizes > 0).sum()))).reset_index()
    table["value"] = table["number"] / table["n"].where(table["n"] > 0)
    expected = sums[by].merge(table[[*by, "value"]], on=by, how="left", validate="many_to_one")["value"].to_numpy()
    squares = sums.assign(square=(sums["number"] - expected * sums["n"]) ** 2).groupby(by, observed=True, sort=True)["square"].sum().to_numpy()
    n, share, clusters = table["n"].to_numpy(), table["value"].to_numpy(), table["n_clusters"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = squares * clusters / np.maximum(clusters - 1, 1) / n**2
        design_effect = np.maximum(variance / (share * (1 - share) / n), 1)
        effective = np.where(variance > 0, n / design_effect, np.minimum(clusters, n))
    table["ci_low"], table["ci_high"] = wilson_interval(share, effective)
    return table[[*by, *SHARE_COLUMNS]].astype({"n": "int64"})
