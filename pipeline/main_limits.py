"""The limits that matter most, chosen from the results by a rule, so that nobody picks the harmless ones.

The rule: first a pass mark that was missed, or an answer that could not be had; then whatever could move the answer in
either direction, by how far it could as a share of the way from the interval's nearer end to no effect; then what the
extracts could not show; then whom the answer does not reach. Where the interval holds no effect, its width comes first and
the way is half of that width. The width itself is held to the way from the estimate, and lost contacts to the loss that would overturn the answer. Sizes come from controlled tables. Builds on nothing.
"""

import numpy as np
import pandas as pd

COLUMNS = ["position", "kind", "limit", "size", "pull", "speaks_of", "of_referred"]
RANKS = {"no estimate": 0, "pass marks": 1, "width": 2, "hidden selection": 3, "fading links": 3, "recall": 3, "never engaged": 3, "precision of the answer": 3, "not shown": 4, "not reached": 5}
# Worlds of the audit that break an assumption nobody can check, by what they have in common.
SELECTION, FADING = ("hidden state", "selective engagement"), ("links decay",)


def rank_limits(tables: dict[str, pd.DataFrame], reach: pd.Series | None, estimand: str, plan, n_failures: int, n_not_shown: int) -> pd.DataFrame:
    """Return every limit that these results know of, the one that matters most first (COLUMNS).

    `tables` are controlled: audit and recall_to_overturn, which may lack, effects and attrition. `reach` has ci_low and ci_high
    of the answer on the log scale, for `estimand` (referral or engaged); None where nothing could be estimated. `plan` names the
    designs (estimator, engaged_by) whose errors the audit tells. size is the share of the way to no effect (1: all of it), pull the move on the log scale, speaks_of how many of_referred the answer speaks of.
    """
    rows = [dict(kind="pass marks", limit="missed", size=float(n_failures))] if n_failures else []
    if reach is None:
        rows.append(dict(kind="no estimate", limit="no estimate"))
    elif not np.isfinite([reach["ci_low"], reach["ci_high"]]).all():
        rows.append(dict(kind="width", limit="unbounded"))
    else:
        rows += list_pulls(tables, reach, estimand, plan)
    rows += [dict(kind="not shown", limit="not shown", size=float(n_not_shown))] if n_not_shown else []
    rows += count_reached(tables["attrition"])
    found = pd.DataFrame(rows, columns=COLUMNS[1:])
    found = found.assign(rank=found["kind"].map(RANKS)).sort_values(["rank", "size", "kind"], ascending=[True, False, True], kind="stable").drop(columns="rank")
    found.insert(0, "position", range(1, len(found) + 1))
    return found.astype({"size": float, "pull": float, "speaks_of": "Int64", "of_referred": "Int64"}).reset_index(drop=True)


def list_pulls(tables: dict[str, pd.DataFrame], reach: pd.Series, estimand: str, plan) -> list[dict]:
    """Return whatever could move the answer, with how far it could on the log scale and as a share of the way to no effect."""
    low, high = float(reach["ci_low"]), float(reach["ci_high"])
    half = (high - low) / 2
    is_open = low <= 0 <= high
    way = half if is_open else min(abs(low), abs(high))
    rows = [dict(kind="width" if is_open else "precision of the answer", limit="width", pull=half, size=1.0 if is_open else half / (half + way))]
    audit = tables.get("audit", pd.DataFrame())
    if len(audit):
        design = plan.engaged_by if estimand == "engaged" else plan.estimator
        audit = audit[audit["estimator"].eq(design) & audit["estimand"].eq(estimand)].dropna(subset=["bias"])
        rows += worst_world(audit, "hidden selection", SELECTION, way) + worst_world(audit, "fading links", FADING, way)
    rows += [] if estimand != "engaged" else never_engaged(tables["effects"], way)
    return rows + lost_recall(tables.get("recall_to_overturn", pd.DataFrame()))


def worst_world(audit: pd.DataFrame, kind: str, worlds: tuple, way: float) -> list[dict]:
    """Return the simulated world, of those whose names begin with one of `worlds`, in which the design of `audit` errs most; none where it was not tried there."""
    rows = audit[audit["world"].str.startswith(worlds)].sort_values("world")
    if rows.empty:
        return []
    worst = rows.loc[rows["bias"].abs().idxmax()]
    return [dict(kind=kind, limit=worst["world"], pull=float(worst["bias"]), size=share_of(abs(worst["bias"]), way))]


def never_engaged(effects: pd.DataFrame, way: float) -> list[dict]:
    """Return the difference of the referred who never engaged from the comparison, where it is a clear one."""
    rows = effects[effects["outcome"].eq("n_contacts") & effects["estimand"].eq("never_engaged")].dropna(subset=["estimate", "ci_low", "ci_high"])
    if rows.empty or rows["ci_low"].iloc[0] <= 0 <= rows["ci_high"].iloc[0]:
        return []
    pull = float(rows["estimate"].iloc[0])
    return [dict(kind="never engaged", limit="never engaged", pull=pull, size=share_of(abs(pull), way))]


def lost_recall(recall_to_overturn: pd.DataFrame) -> list[dict]:
    """Return how near the loss of recall that was measured comes to one that would overturn the answer; none where it is not known."""
    if recall_to_overturn.empty:
        return []
    losses = recall_to_overturn.set_index("what")
    needed = losses["recall_loss"].get("moves the nearer end of the interval to 1", np.nan)
    seen = losses["ci_high"].get("measured by nominal ids", np.nan)
    known = np.isfinite([needed, seen]).all() and needed > 0
    return [dict(kind="recall", limit="recall", pull=needed, size=max(float(seen), 0) / needed)] if known else []


def count_reached(attrition: pd.DataFrame) -> list[dict]:
    """Return how many of the people referred the answer speaks of."""
    rows = attrition[attrition["flow"].eq("analysis")].sort_values("step")
    if len(rows) < 2 or rows["n_people"].iloc[[0, -1]].isna().any() or rows["n_people"].iloc[0] == 0:
        return []
    first, last = int(rows["n_people"].iloc[0]), int(rows["n_people"].iloc[-1])
    return [dict(kind="not reached", limit="not reached", size=1 - last / first, speaks_of=last, of_referred=first)] if last < first else []


def share_of(pull: float, way: float) -> float:
    """Return `pull` as a share of `way`; infinite where there is no way to go."""
    return pull / way if way > 0 else np.inf
