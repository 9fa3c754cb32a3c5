"""The audit's verdicts and the bracket, worked out again from the tables of the audit. Needs pandas only.

Builds on pipeline.verify_derived. The marks are those that the release states among its parameters.
"""

from itertools import combinations
from statistics import NormalDist

import numpy as np
import pandas as pd

from pipeline.verify_derived import Findings, Tables, compare, correct_by_holm, digits_of, gather, read_parameter


def verify_audit(tables: Tables) -> list[Findings]:
    """Return what was worked out again: name, verdicts or numbers checked, failures in words."""
    return [check_verdicts(tables), check_bracket(tables), check_differences(tables)]


def check_verdicts(tables: Tables) -> Findings:
    """Which designs are valid: bias, coverage and false positives against their marks, world by world."""
    if not {"audit", "audit_verdicts", "parameters"} <= tables.keys() or tables["audit_verdicts"].empty:
        return gather("verdicts of the audit")
    audit, held = tables["audit"], find_worlds(tables)
    marks = {name: float(read_parameter(tables, f"audit.{name}", np.nan)) for name in ("bias_at_most", "coverage_at_least", "false_positives_at_most", "beyond_errors", "replicates_at_least")}
    wrong = []
    for row in tables["audit_verdicts"].itertuples():
        rows = audit[audit["estimator"].eq(row.estimator) & audit["estimand"].eq(row.estimand) & audit["world"].isin(held)]
        found = judge(rows, marks, len(held))
        if found != row.verdict:
            wrong.append(f"tables/audit_verdicts.csv: {row.estimator}, {row.estimand} is {row.verdict}, worked out again {found}")
    return "verdicts of the audit", len(tables["audit_verdicts"]), wrong


def find_worlds(tables: Tables) -> list[str]:
    """Return the worlds that designs are held to; their names hold commas, so they are looked for in the stated list."""
    stated = ", " + str(read_parameter(tables, "audit.worlds", "")) + ", "
    found = []
    for world in sorted(tables["audit"]["world"].unique(), key=len, reverse=True):
        if f", {world}, " in stated:
            stated = stated.replace(f", {world}, ", ", , ", 1)
            found.append(world)
    return found


def judge(rows: pd.DataFrame, marks: dict[str, float], n_worlds: int) -> str:
    """Return valid, invalid or undecided for the worlds of one design."""
    slack = marks["beyond_errors"]
    without = rows[rows["truth"].abs() < 1e-9]
    is_missed = (
        rows["bias"].isna().any()
        or (rows["bias"].abs() - slack * rows["bias_se"] > marks["bias_at_most"]).any()
        or (rows["coverage"] + slack * rows["coverage_se"] < marks["coverage_at_least"]).any()
        or (without["rejected"] - slack * without["rejected_se"] > marks["false_positives_at_most"]).any()
    )
    is_short = (rows["n_replicates"] >= marks["replicates_at_least"]).sum() < n_worlds
    return "invalid" if is_missed else "undecided" if is_short else "valid"


def check_bracket(tables: Tables) -> Findings:
    """The bracket holds the valid designs' estimates, sorted, its ends marked."""
    if "bracket" not in tables or tables["bracket"].empty:
        return gather("the bracket of valid designs")
    table, effects = tables["bracket"], tables.get("effects", pd.DataFrame(columns=["outcome", "comparison", "estimator", "estimand", "estimate"]))
    chosen = effects[effects["outcome"].eq(read_parameter(tables, "plan.outcome", "n_contacts")) & effects["comparison"].eq(read_parameter(tables, "plan.comparison", "not_yet_referred"))]
    known = chosen.set_index(["estimator", "estimand"])["estimate"].to_dict()
    expected = pd.Series([known.get((row.estimator, row.estimand), np.nan) for row in table.itertuples()], dtype=float)
    name, n_checked, wrong = gather("the bracket of valid designs", compare("estimate", "bracket", table["estimate"], expected, 2 * digits_of(table["estimate"])))
    ends = table["estimate"].eq(table["estimate"].min()).eq(table["is_lowest"].astype(bool)) & table["estimate"].eq(table["estimate"].max()).eq(table["is_highest"].astype(bool))
    verdicts = tables.get("audit_verdicts", pd.DataFrame(columns=["estimator", "estimand", "verdict"]))
    valid = set(verdicts.loc[verdicts["verdict"].eq("valid"), ["estimator", "estimand"]].itertuples(index=False, name=None))
    wrong += [f"tables/bracket.csv, row {place + 2}: marked as an end of the bracket wrongly" for place in np.flatnonzero(~ends)]
    wrong += [f"tables/bracket.csv: {row.estimator} is not among the valid designs" for row in table.itertuples() if len(verdicts) and (row.estimator, row.estimand) not in valid]
    return name, n_checked + len(table), wrong


def check_differences(tables: Tables) -> Findings:
    """Corrected p-values of the differences between the bracket's designs, from their intervals and the correlations in the audit.

    Worked out at both ends of what rounding allows; a p-value must lie between them, and so must what is called apart.
    """
    name, table = "differences between the bracket's designs", tables.get("bracket", pd.DataFrame())
    if len(table) < 2 or not {"audit_pairs", "audit", "parameters"} <= tables.keys():
        return gather(name)
    size = 1 - float(read_parameter(tables, "effect.confidence", 0.95))
    least, most = (find_p_values(table, learn_correlations(tables, table["estimand"].iloc[0]), size, way) for way in (1, -1))
    half, wrong = digits_of(table["p_differs"]), []
    for row, place in zip(table.itertuples(), range(2, len(table) + 2)):
        low, high = (min(found[pair] for pair in found if row.estimator in pair) for found in (least, most))
        if not low - half <= row.p_differs <= high + half:
            wrong.append(f"tables/bracket.csv, row {place}: p_differs is {row.p_differs:g}, worked out again {low:g} to {high:g}")
        if bool(row.is_apart) not in {min(least.values()) < size, min(most.values()) < size}:
            wrong.append(f"tables/bracket.csv, row {place}: apart or not, wrongly")
    return name, 2 * len(table), wrong


def learn_correlations(tables: Tables, estimand: str) -> dict[frozenset, float]:
    """Return for each pair of designs the median correlation over the worlds that designs are held to."""
    pairs = tables["audit_pairs"]
    rows = pairs[pairs["world"].isin(find_worlds(tables)) & pairs["estimand"].eq(estimand)]
    return {frozenset(pair): float(group.median()) for pair, group in rows.dropna(subset=["correlation"]).groupby(["estimator", "other"])["correlation"]}


def find_p_values(table: pd.DataFrame, correlations: dict[frozenset, float], size: float, way: int) -> dict[frozenset, float]:
    """Return Holm's corrected p-value for each pair of designs, as small (`way` 1) or as large (-1) as rounding of estimates and intervals allows."""
    normal, half, raw = NormalDist(), digits_of(table["estimate"], table["ci_low"], table["ci_high"]), {}
    quantile = normal.inv_cdf(1 - size / 2)
    for one, other in combinations(table.itertuples(), 2):
        pair = frozenset((one.estimator, other.estimator))
        widths = [(row.ci_high - row.ci_low) / (2 * quantile) if np.isfinite(row.ci_high - row.ci_low) else row.std_error for row in (one, other)]
        correlation = correlations.get(pair, 0.0)
        error = float(np.sqrt(max(widths[0] ** 2 + widths[1] ** 2 - 2 * correlation * widths[0] * widths[1], 0.0)))
        apart = abs(one.estimate - other.estimate)
        # A width is off by a whole digit over twice the quantile, and the error of a difference by no more than both widths and the correlation are.
        blur = 2 * half / quantile + 2 * half * max(widths) if error else 0.0
        apart, error = max(apart + way * 2 * half, 0.0), max(error - way * blur, 0.0)
        raw[pair] = 2 * normal.cdf(-apart / error) if error > 0 else float(apart == 0)
    return correct_by_holm(pd.Series(list(raw.values()), index=range(len(raw)))).set_axis(list(raw)).to_dict()
