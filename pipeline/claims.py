"""The published claims beside what remains of each against comparison people.

A complier difference throughout, like the effect on counts: what engagement adds to the share of all referred,
divided by the share that engaged, because a referral nobody took up is taken to do nothing.
Builds on pipeline.contrasts and pipeline.effect (trials and draws) and pipeline.resampling.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import PRIMARY, Fit, Trials
from pipeline.effect import Draws
from pipeline.resampling import percentile_interval

COLUMNS = ["claim", "controlled", "ci_low", "ci_high"]


def claims_table(figures: pd.DataFrame, published: pd.DataFrame, effects: pd.DataFrame, shares: pd.DataFrame) -> pd.DataFrame:
    """Return `claims`: claim, published, reproduced, controlled, ci_low, ci_high, in the order of `published`.

    `figures` are the recounted claims (pipeline.naive), `effects` the rows with the complier effect and `shares` the
    controlled shares. All percent, the shares' controlled values percentage points; the number of clients has no
    controlled value.
    """
    controlled = pd.concat([controlled_fall(effects), shares], ignore_index=True)
    table = published[["claim", "published"]].merge(figures, on="claim", how="left", validate="one_to_one")
    table = table.merge(controlled, on="claim", how="left", validate="one_to_one")
    return table.astype({name: float for name in ("reproduced", *COLUMNS[1:])})


def controlled_fall(effects: pd.DataFrame) -> pd.DataFrame:
    """Return claim, controlled, ci_low, ci_high of the fall in demand: 100 (1 - complier IRR), minus infinity where unbounded.

    No row where there is no complier effect.
    """
    rows = effects[(effects["estimator"] == "complier") & (effects["outcome"] == PRIMARY)]
    if rows.empty:
        return pd.DataFrame(columns=COLUMNS)
    row = rows.iloc[0]
    fall = {name: 100 * (1 - np.exp(row[source])) for name, source in (("controlled", "estimate"), ("ci_low", "ci_high"), ("ci_high", "ci_low"))}
    return pd.DataFrame([{"claim": "fall in demand", **fall}])


def controlled_shares(trials: Trials, fit: Fit, draws: Draws, confidence: float) -> pd.DataFrame:
    """Return claim, controlled, ci_low, ci_high of the shares of callers: percentage points that engagement adds.

    `fit` is the contrast of the referred. No row where nothing says who engaged, or who called; NaN where nobody engaged.
    """
    if "n_caller" not in trials.outcomes or not trials.knows_engaged:
        return pd.DataFrame(columns=COLUMNS)
    called = trials.outcomes["n_caller"]
    rows = []
    for claim, is_inside in (("did not call", called == 0), ("called once or twice", (called >= 1) & (called <= 2))):
        point = share_difference(trials, is_inside, fit.weights, np.ones(len(called)))
        drawn = [share_difference(trials, is_inside, weights, often[trials.person]) for weights, often in zip(draws.weights, draws.multiplicities)]
        low, high = percentile_interval(100 * np.array(drawn), confidence)
        rows.append(dict(claim=claim, controlled=100 * point, ci_low=low, ci_high=high))
    return pd.DataFrame(rows)


def share_difference(trials: Trials, is_inside: np.ndarray, weights: np.ndarray, frequency: np.ndarray) -> float:
    """Return (share inside among the referred - among the weighted comparison) / share engaged; NaN where that is undefined.

    `weights` are odds weights and `frequency` how often each trial was drawn.
    """
    frequency = frequency.astype(float)
    referred = frequency * trials.is_referred
    compared = frequency * weights * ~trials.is_referred
    engaged = frequency @ trials.is_engaged
    if not (engaged > 0 and compared.sum() > 0):
        return float("nan")
    difference = referred @ is_inside / referred.sum() - compared @ is_inside / compared.sum()
    return float(difference * referred.sum() / engaged)
