"""What the published fall is made of: exposure, calendar, regression to the mean, scheme.

On the claim cohort, in contacts per client, one level leads to the next:

    before  ->  before x calendar  ->  after without the scheme  ->  after, fully exposed  ->  after as counted
            calendar            remainder                     scheme                      exposure

so that the parts add up to the naive fall exactly, in the full sample and in every draw. Calendar (season,
pandemic, recording) is what a quarter of a year does to people not yet referred once their months from time zero
are held equal. The scheme is the complier effect carried over from the analysis to the claim cohort. Regression
to the mean is the remainder and holds everything unmeasured. Links were resolved alike before and after and in
both arms (pipeline stage 02_link), so linkage has no part of its own: the naive figure is the symmetric one already.
Builds on pipeline.resampling.
"""

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from pipeline.resampling import refit, percentile_interval

PARTS = [
    "naive fall",
    "exposure",
    "calendar",
    "regression to the mean and anything unmeasured",
    "scheme (carried over from compliers)",
]


def decompose(clients: pd.DataFrame, cells: tuple, inverse: float, often: np.ndarray, often_cells: np.ndarray, inverse_draws: np.ndarray, months: int, confidence: float) -> pd.DataFrame:
    """Return `decomposition`: part, position, contacts_per_client, percentage_points, log_share, ci_low, ci_high.

    `clients` comes from pipeline.naive.sum_before_after, `cells` from calendar_cells, `inverse` is 1 / complier IRR
    and `inverse_draws` its draws. `often` and `often_cells` hold, per draw (rows), how often each client and each
    comparison trial (columns) was drawn. The interval is of percentage_points, the parts' share of contacts before.
    No rows where there is no claim cohort or no complier effect.
    """
    columns = ["contacts_per_client", "percentage_points", "log_share"]
    if clients.empty or not np.isfinite(inverse):
        return pd.DataFrame(columns=["part", "position", *columns, "ci_low", "ci_high"])
    everyone = split_fall(clients, calendar_factors(clients, cells, np.ones(often_cells.shape[1]), months), inverse, np.ones(len(clients)))
    drawn = np.array([
        split_fall(clients, calendar_factors(clients, cells, comparison, months), one, client)[:, 1]
        for client, comparison, one in zip(often, often_cells, inverse_draws)
    ])
    intervals = [percentile_interval(drawn[:, part], confidence) for part in range(len(PARTS))]
    table = pd.DataFrame(everyone, columns=columns)
    table.insert(0, "part", PARTS)
    table.insert(1, "position", range(len(PARTS)))
    return table.assign(ci_low=[low for low, _ in intervals], ci_high=[high for _, high in intervals])


def split_fall(clients: pd.DataFrame, calendar: np.ndarray, inverse: float, often: np.ndarray) -> np.ndarray:
    """Return contacts per client, percentage points and log share (columns) of each of PARTS (rows).

    `calendar` is each client's factor from before to after, `often` how often each was drawn. A log share is NaN
    where a level is zero or negative.
    """
    before, after = clients["n_contacts_before"].to_numpy(float), clients["n_contacts_after"].to_numpy(float)
    days_before, days_after = clients["exposure_days_before"].to_numpy(float), clients["exposure_days_after"].to_numpy(float)
    n_clients = often.sum()
    start, end = often @ before / n_clients, often @ after / n_clients
    exposed = end * (often @ days_before) / (often @ days_after)
    shifted = often @ (before * calendar) / n_clients
    without = exposed * inverse
    levels = np.array([[start, end], [exposed, end], [start, shifted], [shifted, without], [without, exposed]])
    contacts = levels[:, 0] - levels[:, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(levels[:, 0] / levels[:, 1])
        shares = np.where((levels > 0).all(axis=1), logs / logs[0], np.nan)
    return np.column_stack([contacts, 100 * contacts / start, shares])


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
