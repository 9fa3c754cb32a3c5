"""Derived numbers of the controlled tables, worked out again within their stated rounding. Needs pandas only.

Each check takes the tables by name and says how many numbers it worked out and which disagree; a table that a release
does not have is no failure. Nothing is shared with the modules that made the tables: formulas stand here once more.
"""

import math
from statistics import NormalDist

import numpy as np
import pandas as pd

Tables = dict[str, pd.DataFrame]
Findings = tuple[str, int, list[str]]
NORMAL = NormalDist().inv_cdf


def verify_derived(tables: Tables) -> list[Findings]:
    """Return what was worked out again: name, numbers checked, failures in words."""
    return [check(tables) for check in CHECKS]


def digits_of(*columns: pd.Series) -> float:
    """Return half a unit of the last digit that columns rounded alike show: how far rounding may have moved a value."""
    values = [float(value) for column in columns for value in column.dropna() if math.isfinite(value)]
    shown = [len(repr(value).partition(".")[2].rstrip("0")) if "e" not in repr(value) else 8 for value in values]
    return 0.5 * 10.0 ** -max(shown, default=0)


def compare(name: str, table: str, found: pd.Series, expected: pd.Series, slack) -> tuple[int, list[str]]:
    """Return how many pairs were compared and which lie further apart than `slack`, by row of the table."""
    found, expected = pd.to_numeric(found).astype(float), pd.to_numeric(expected).astype(float)
    known = found.notna() & expected.notna() & np.isfinite(expected) & np.isfinite(found)
    wrong = known & ((found - expected).abs() > slack + 1e-9 * expected.abs())
    return int(known.sum()), [f"tables/{table}.csv, row {place + 2}: {name} is {found[place]:g}, worked out again {expected[place]:g}" for place in np.flatnonzero(wrong)]


def gather(name: str, *parts: tuple[int, list[str]]) -> Findings:
    """Return the results of several comparisons as one check."""
    return name, sum(n for n, _ in parts), [failure for _, failures in parts for failure in failures]


def check_changes(tables: Tables) -> Findings:
    """Percent changes from log ratios."""
    parts = []
    if "effects" in tables:
        effects = tables["effects"]
        for change, estimate in (("percent_change", "estimate"), ("percent_change_low", "ci_low"), ("percent_change_high", "ci_high")):
            ratio = np.exp(effects[estimate].astype(float).clip(-30, 50))
            slack = 100 * ratio * digits_of(effects["estimate"], effects["ci_low"], effects["ci_high"]) + digits_of(effects[change])
            parts.append(compare(change, "effects", effects[change], 100 * (ratio - 1), slack))
    return gather("percent changes from log ratios", *parts)


def check_averted(tables: Tables) -> Findings:
    """Contacts averted from rounded counts: n (1/IRR - 1), to the base that counts are rounded to."""
    if "effects" not in tables or "n_averted" not in tables["effects"]:
        return gather("contacts averted from rounded counts")
    effects, parts = tables["effects"], []
    base = float(read_parameter(tables, "disclosure.rounding", 5))
    for averted, estimate in (("n_averted", "estimate"), ("n_averted_low", "ci_high"), ("n_averted_high", "ci_low")):
        inverse = np.exp(-effects[estimate].astype(float).clip(-30, 50))
        slack = base / 2 + effects["n_counted"].astype(float) * inverse * digits_of(effects["estimate"], effects["ci_low"], effects["ci_high"])
        parts.append(compare(averted, "effects", effects[averted], effects["n_counted"] * (inverse - 1), slack))
    return gather("contacts averted from rounded counts", *parts)


def check_intervals(tables: Tables) -> Findings:
    """Intervals of log ratios: the estimate in their middle, and no narrower than the normal's quantile times the error."""
    parts = []
    wanted = {"estimate", "std_error", "ci_low", "ci_high"}
    quantile = NORMAL(0.5 + float(read_parameter(tables, "effect.confidence", 0.95)) / 2)
    for name, table in tables.items():
        if not wanted <= set(table):
            continue
        low, high, estimate, error = (pd.to_numeric(table[column], errors="coerce").astype(float) for column in ("ci_low", "ci_high", "estimate", "std_error"))
        # Before-and-after ratios are rounded more than others, because they come of two plain sums.
        plain = table["estimator"].eq("naive") if "estimator" in table else pd.Series(False, table.index)
        slack = 4 * plain.map({rows: digits_of(*(column[plain.eq(rows)] for column in (low, high, estimate, error))) for rows in (False, True)})
        middle = (low + high) / 2
        parts.append(compare("the middle of the interval", name, middle, estimate.where(np.isfinite(middle)), slack))
        parts.append(compare("half the interval or more", name, ((high - low) / 2).clip(upper=quantile * error), quantile * error, slack))
    return gather("intervals: estimate in the middle, and not narrower than the error allows", *parts)


def check_attrition(tables: Tables) -> Findings:
    """Losses are differences of the published totals, and totals never grow."""
    if "attrition" not in tables:
        return gather("losses as differences of totals")
    table = tables["attrition"]
    lost = -table.groupby("flow", sort=False)["n_people"].diff()
    threshold = float(read_parameter(tables, "disclosure.threshold", 10))
    is_flow = table["flow"].isin(["claim", "analysis"])
    shown = compare("n_lost", "attrition", table["n_lost"], lost, 0)
    hidden = compare("a loss that should be shown", "attrition", table["n_lost"].fillna(0), lost.where(lost >= threshold), 0)
    grown = compare("a total that grows", "attrition", lost.where(is_flow).clip(upper=0), lost.where(is_flow).notna().astype(float) * 0, 0)
    return gather("losses as differences of totals", shown, hidden, grown)


def check_shares(tables: Tables) -> Findings:
    """Shares of clients come from counts that are rounded to the base."""
    if "claims" not in tables:
        return gather("shares from rounded counts")
    claims = tables["claims"]
    rows = claims.set_index("claim")["reproduced"].astype(float)
    base, clients = float(read_parameter(tables, "disclosure.rounding", 5)), rows.get("clients", math.nan)
    is_share = claims["claim"].isin(["did not call", "called once or twice"])
    counts = claims["reproduced"].astype(float).where(is_share) * clients / 100
    again = 100 * (counts / base).round() * base / clients
    whole = compare("clients", "claims", claims["reproduced"].where(claims["claim"].eq("clients")), (claims["reproduced"].where(claims["claim"].eq("clients")) / base).round() * base, 0)
    return gather("shares from rounded counts", whole, compare("the share", "claims", claims["reproduced"].where(is_share), again, digits_of(claims["reproduced"])))


def check_claim_effect(tables: Tables) -> Findings:
    """What is left of the fall is the estimated effect of engaging."""
    if not {"claims", "effects"} <= tables.keys():
        return gather("what is left of the published fall, from the estimate")
    claims, effects = tables["claims"], tables["effects"]
    row = effects[effects["outcome"].eq("n_contacts") & effects["estimator"].eq("complier")]
    if row.empty:
        return gather("what is left of the published fall, from the estimate")
    parts, is_fall = [], claims["claim"].eq("fall in demand")
    for column, estimate in (("controlled", "percent_change"), ("ci_low", "percent_change_high"), ("ci_high", "percent_change_low")):
        parts.append(compare(column, "claims", claims[column].where(is_fall), pd.Series(-float(row[estimate].iloc[0]), index=claims.index), digits_of(claims[column]) + 0.01))
    return gather("what is left of the published fall, from the estimate", *parts)


def check_decomposition(tables: Tables) -> Findings:
    """The parts add up to the fall, in points, in contacts and on the log scale."""
    if "decomposition" not in tables or len(tables["decomposition"]) < 2:
        return gather("parts that add up to the published fall")
    table = tables["decomposition"].sort_values("position").reset_index(drop=True)
    parts = []
    for column in ("percentage_points", "contacts_per_client", "log_share"):
        total = pd.Series(table[column].iloc[1:].sum(), index=table.index[:1])
        parts.append(compare(f"the whole of {column}", "decomposition", table[column].iloc[:1], total, len(table) * digits_of(table[column])))
    return gather("parts that add up to the published fall", *parts)


def correct_by_holm(p_values: pd.Series) -> pd.Series:
    """Return p-values corrected for their number by Holm's (1979) step-down method."""
    ordered = p_values.dropna().sort_values(kind="stable")
    corrected, largest = {}, 0.0
    for place, (row, value) in enumerate(ordered.items()):
        largest = max(largest, min(1.0, value * (len(ordered) - place)))
        corrected[row] = largest
    return pd.Series(corrected, dtype=float).reindex(p_values.index)


def check_holm(tables: Tables) -> Findings:
    """Corrected p-values of the groups' interaction tests."""
    if "subgroups" not in tables or "p_corrected" not in tables["subgroups"]:
        return gather("corrected p-values (Holm)")
    tests = tables["subgroups"].dropna(subset=["p_interaction"]).drop_duplicates("characteristic").reset_index(drop=True)
    expected = correct_by_holm(tests["p_interaction"].astype(float))
    slack = len(tests) * digits_of(tests["p_interaction"]) + digits_of(tests["p_corrected"]) if len(tests) else 0
    return gather("corrected p-values (Holm)", compare("p_corrected", "subgroups", tests["p_corrected"], expected, slack))


def check_pooling(tables: Tables) -> Findings:
    """Variances with doubt about the links, by Rubin's rules."""
    if "linkage_uncertainty" not in tables:
        return gather("intervals with doubt about the links (Rubin)")
    table = tables["linkage_uncertainty"]
    total = table["within"] + (1 + 1 / table["draws"]) * table["between"]
    slack = 3 * digits_of(table["within"])
    return gather(
        "intervals with doubt about the links (Rubin)",
        compare("total", "linkage_uncertainty", table["total"], total, slack),
        compare("std_error", "linkage_uncertainty", table["std_error"], np.sqrt(table["total"]), slack / np.sqrt(table["total"].clip(lower=1e-6))),
    )


def check_e_values(tables: Tables) -> Findings:
    """E-values from ratios (VanderWeele and Ding 2017)."""
    if "e_values" not in tables:
        return gather("E-values from ratios")
    table = tables["e_values"]
    ratio = np.maximum(table["ratio"], 1 / table["ratio"]).astype(float)
    return gather("E-values from ratios", compare("e_value", "e_values", table["e_value"], ratio + np.sqrt(ratio * (ratio - 1)), 20 * digits_of(table["ratio"]) * ratio**2))


def check_controls(tables: Tables) -> Findings:
    """Mean, spread, coverage and rejections of the negative controls."""
    if not {"negative_controls", "negative_control_summary"} <= tables.keys():
        return gather("negative controls, summarised again")
    controls, summary, parts = tables["negative_controls"], tables["negative_control_summary"], []
    # A count of controls has a Monte Carlo step of its own: one of them on the edge of rounding. One without an estimate covers nothing and rejects nothing.
    groups = dict(list(controls.groupby("estimand")))
    for column, work_out, slack in (
        ("mean_estimate", lambda group: group["estimate"].mean(), 1e-4), ("sd", lambda group: group["estimate"].std(), 1e-4),
        ("coverage", lambda group: group["covers"].eq(True).mean(), 6e-3), ("rejected", lambda group: (group["p_value"] < 0.05).mean(), 6e-3),
    ):  # fmt: skip
        expected = summary["estimand"].map({estimand: work_out(group) for estimand, group in groups.items()})
        parts.append(compare(column, "negative_control_summary", summary[column], expected, slack))
    return gather("negative controls, summarised again", *parts)


def check_marks(tables: Tables) -> Findings:
    """Colours of balance, from the differences and the pass mark."""
    if "balance" not in tables or tables["balance"].empty:
        return gather("balance against its pass mark")
    table, mark = tables["balance"], float(read_parameter(tables, "pass_marks.balance_at_most", 0.1))
    size, half = table["smd_after"].abs(), digits_of(table["smd_after"])
    wrong = [
        f"tables/balance.csv, row {place + 2}: {row.flag} with a difference of {row.smd_after}"
        for place, row in enumerate(table.itertuples())
        if pd.notna(row.smd_after) and row.flag not in {colour(size[place] - half, mark), colour(size[place] + half, mark)}
    ]
    return "balance against its pass mark", int(size.notna().sum()), wrong


def colour(size: float, mark: float) -> str:
    """Return green, amber or red for a standardised difference."""
    return "green" if size <= mark / 2 else "amber" if size <= mark else "red"


def read_parameter(tables: Tables, name: str, default):
    """Return the value of a parameter as the release states it."""
    rows = tables["parameters"].set_index("parameter")["value"] if "parameters" in tables else pd.Series(dtype=object)
    return rows.get(name, default)


CHECKS = [
    check_changes, check_averted, check_intervals, check_attrition, check_shares, check_claim_effect, check_decomposition,
    check_holm, check_pooling, check_e_values, check_controls, check_marks,
]  # fmt: skip
