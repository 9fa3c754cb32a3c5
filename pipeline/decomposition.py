"""What the published fall is made of: linkage, exposure, calendar, the remainder with regression to the mean, scheme.

On the claim cohort, in contacts per client. The naive fall is that of a search by register details
(pipeline.register_count); linkage is what it has beyond the fall with everyone linked alike, which is then divided. One level
leads to the next:

    before  ->  before x calendar  ->  after without the scheme  ->  after, fully exposed  ->  after as counted
            calendar            remainder                     scheme                      exposure

so that the parts add up to the naive fall exactly, in the full sample and in every draw, as contacts and as logs.
Calendar (season, pandemic, recording) is what a quarter of a year does to people not yet referred once their months
from time zero are held equal. The scheme is the complier effect carried over from the analysis to the claim cohort.
The remainder is called remainder: regression to the mean and everything unmeasured.
Where linking was done elsewhere nothing can be searched by the register, and linkage has no part.

Each part is a factor by which contacts are multiplied, and what a factor takes away in contacts depends on how many the
factors before it have left: the scheme comes last but one here, on what would have been left without it, and would take away
far more if it came first. The order stated above is one of 24; points_low and points_high are the least and the greatest
that any of them gives a part, points_mean is the mean over all (Shapley 1953; Shorrocks 2013). Logs do not depend on the order.
Builds on pipeline.resampling and pipeline.register_count.
"""

from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from pipeline.register_count import AFTER, BEFORE
from pipeline.resampling import refit, percentile_interval

NAIVE, LINKAGE = "naive fall", "linkage"
# In the order in which they are taken off the naive fall, once it rests on links made alike.
FACTORS = ["exposure", "calendar", "regression to the mean and anything unmeasured", "scheme (carried over from compliers)"]
PARTS = [NAIVE, LINKAGE, *FACTORS]
COLUMNS = ["part", "position", "contacts_per_client", "percentage_points", "log_share", "ci_low", "ci_high", "log_ci_low", "log_ci_high", "points_low", "points_high", "points_mean"]


def decompose(clients: pd.DataFrame, cells: tuple, inverse: float, often: np.ndarray, often_cells: np.ndarray, inverse_draws: np.ndarray, months: int, confidence: float) -> pd.DataFrame:
    """Return `decomposition` (COLUMNS), a row per part, the naive fall first.

    `clients` comes from pipeline.naive.sum_before_after and pipeline.register_count.add_register_counts, `cells` from
    calendar_cells, `inverse` is 1 / complier IRR and `inverse_draws` its draws. `often` and `often_cells` hold, per draw (rows), how
    often each client and each comparison trial (columns) was drawn. percentage_points are of the contacts before, log_share is
    the part's share of the fall as a log ratio; ci_* and log_ci_* are their intervals. points_low, points_high and points_mean
    are percentage points over all orders of the parts, missing for the naive fall and for linkage, which have one place.
    No rows where there is no claim cohort or no complier effect; no row of linkage where linking was done elsewhere.
    """
    if clients.empty or not np.isfinite(inverse):
        return pd.DataFrame(columns=COLUMNS)
    calendar = calendar_factors(clients, cells, np.ones(often_cells.shape[1]), months)
    once = np.ones(len(clients))
    drawn = split_draws(clients, cells, often, often_cells, inverse_draws, months)
    table = pd.DataFrame(split_fall(clients, calendar, inverse, once), columns=["contacts_per_client", "percentage_points", "log_share"])
    table.insert(0, "part", PARTS)
    for name, column in (("ci", 1), ("log_ci", 2)):
        ends = [percentile_interval(drawn[:, part, column], confidence) for part in range(len(PARTS))]
        table[f"{name}_low"], table[f"{name}_high"] = zip(*ends)
    table = table.merge(points_over_orders(clients, calendar, inverse), on="part", how="left", validate="one_to_one")
    kept = table if BEFORE in clients else table[table["part"] != LINKAGE].reset_index(drop=True)
    return kept.assign(position=range(len(kept)))[COLUMNS]


def split_draws(clients: pd.DataFrame, cells: tuple, often: np.ndarray, often_cells: np.ndarray, inverse_draws: np.ndarray, months: int) -> np.ndarray:
    """Return split_fall of every draw: draws x parts x (contacts, points, log share)."""
    return np.array([
        split_fall(clients, calendar_factors(clients, cells, comparison, months), one, client)
        for client, comparison, one in zip(often, often_cells, inverse_draws)
    ])


def split_fall(clients: pd.DataFrame, calendar: np.ndarray, inverse: float, often: np.ndarray) -> np.ndarray:
    """Return contacts per client, percentage points and log share (columns) of each of PARTS (rows).

    `calendar` is each client's factor from before to after, `often` how often each was drawn. A log share is NaN
    where a level is zero or negative.
    """
    start, shifted, without, exposed, end = list_levels(clients, calendar, inverse, often)
    found_before, found_after = search_levels(clients, often) if BEFORE in clients else (start, end)
    levels = np.array([[found_before, found_after], [start, end], [exposed, end], [start, shifted], [shifted, without], [without, exposed]])
    contacts = levels[:, 0] - levels[:, 1]
    points = 100 * contacts / np.where(np.arange(len(levels)) == 0, found_before, start)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where((levels > 0).all(axis=1), np.log(levels[:, 0] / levels[:, 1]), np.nan)
    parts = np.column_stack([contacts, points, logs / logs[0]])
    # The second row is the fall with everyone linked alike; linkage is what the naive one has beyond it.
    parts[1] = parts[0] - parts[1]
    return parts


def list_levels(clients: pd.DataFrame, calendar: np.ndarray, inverse: float, often: np.ndarray) -> tuple[float, float, float, float, float]:
    """Return contacts per client before, shifted by the calendar, without the scheme, fully exposed, and as counted after."""
    before, after = clients["n_contacts_before"].to_numpy(float), clients["n_contacts_after"].to_numpy(float)
    days_before, days_after = clients["exposure_days_before"].to_numpy(float), clients["exposure_days_after"].to_numpy(float)
    n_clients = often.sum()
    end = often @ after / n_clients
    exposed = end * (often @ days_before) / (often @ days_after)
    return often @ before / n_clients, often @ (before * calendar) / n_clients, exposed * inverse, exposed, end


def search_levels(clients: pd.DataFrame, often: np.ndarray) -> tuple[float, float]:
    """Return contacts per client before and after as a search by register details finds them."""
    return tuple(float(often @ clients[name].to_numpy(float) / often.sum()) for name in (BEFORE, AFTER))


def points_over_orders(clients: pd.DataFrame, calendar: np.ndarray, inverse: float) -> pd.DataFrame:
    """Return part, points_low, points_high, points_mean: percentage points of each of FACTORS over all orders in which they can be taken.

    The mean over orders weighs each set of parts that may come before by how many orders put it there. Missing where a level
    is zero or negative.
    """
    start, shifted, without, exposed, end = list_levels(clients, calendar, inverse, np.ones(len(clients)))
    steps = dict(zip(FACTORS, [(exposed, end), (start, shifted), (shifted, without), (without, exposed)]))
    if min(start, shifted, without, exposed, end) <= 0:
        return pd.DataFrame({"part": FACTORS, "points_low": np.nan, "points_high": np.nan, "points_mean": np.nan})
    factors = {part: last / first for part, (first, last) in steps.items()}
    rows = []
    for part, factor in factors.items():
        others = [value for name, value in factors.items() if name != part]
        n_orders = factorial(len(factors))
        sets = [earlier for size in range(len(others) + 1) for earlier in combinations(others, size)]
        taken = np.array([100 * np.prod(earlier) * (1 - factor) for earlier in sets])
        share = np.array([factorial(len(earlier)) * factorial(len(others) - len(earlier)) / n_orders for earlier in sets])
        rows.append((part, taken.min(), taken.max(), share @ taken))
    return pd.DataFrame(rows, columns=["part", "points_low", "points_high", "points_mean"])


def calendar_cells(panel: pd.DataFrame, comparison: pd.DataFrame, months_after: int) -> tuple:
    """Return the contacts of comparison trials by index month and month from time zero, ready to be resampled.

    `comparison` are the comparison rows of the cohort that are resampled, in order. The result holds counts and
    days as matrices (trials x months), the code of each trial's index month, the quarter of each cell, the design
    of the cells (month from time zero, quarter) and the names of months and quarters.
    """
    within = panel[panel["trial_id"].isin(comparison["trial_id"]) & (panel["month"] < months_after)]
    wide = {name: within.pivot(index="trial_id", columns="month", values=name).reindex(comparison["trial_id"]).fillna(0) for name in ("n_contacts", "exposure_days")}
    months = wide["n_contacts"].columns.to_numpy()
    index_months = pd.PeriodIndex(comparison["index_month"], freq="M")
    codes, starts = pd.factorize(index_months, sort=True)
    ordinals = pd.PeriodIndex(starts, freq="M").year * 12 + pd.PeriodIndex(starts, freq="M").month - 1
    quarters = (ordinals.to_numpy()[:, None] + months[None, :]) // 3
    names = np.unique(quarters)
    month_columns = np.tile(np.eye(len(months)), (len(starts), 1))
    quarter_columns = (quarters.ravel()[:, None] == names[None, 1:]).astype(float)
    design = np.column_stack([month_columns, quarter_columns])
    return wide["n_contacts"].to_numpy(float), wide["exposure_days"].to_numpy(float), codes, design, names


def calendar_factors(clients: pd.DataFrame, cells: tuple, often: np.ndarray, months: int) -> np.ndarray:
    """Return, per client, the mean calendar level of the months after over that of the months before time zero.

    Levels are exp(quarter effects) of a Poisson regression of the comparison trials' cells on months from time
    zero and quarter; `often` is how often each trial was drawn. A quarter nobody observed has the reference's level.
    """
    counts, days, codes, design, names = cells
    grouping = csr_array((often.astype(float), (codes, np.arange(len(codes)))), shape=(codes.max() + 1, len(codes)))
    events, exposed = (grouping @ counts).ravel(), (grouping @ days).ravel()
    used = exposed > 0
    X, y = design[used], events[used]
    start = np.zeros(X.shape[1])
    start[: counts.shape[1]] = np.log(max(y.sum(), 1) / exposed.sum())
    effects = refit("poisson", X, y, np.ones(len(y)), start, np.log(exposed[used]))
    levels = np.exp(np.concatenate([[0.0], effects[counts.shape[1]:]]))
    index_month = pd.PeriodIndex(clients["index_month"], freq="M")
    ordinal = (index_month.year * 12 + index_month.month - 1).to_numpy()
    spans = ordinal[:, None] + np.arange(-months, months)[None, :]
    place = np.minimum(np.searchsorted(names, spans // 3), len(names) - 1)
    level = np.where(names[place] == spans // 3, levels[place], 1.0)
    return level[:, months:].mean(axis=1) / level[:, :months].mean(axis=1)
