"""An estimate against people not yet referred, made net of their own later referrals, with its linearised error.

The correction is that of pipeline.later_referral, theta = (R - s) / (1 - s), for designs whose error comes from
influences and not from resamples. With R the ratio and s the weighted share of the comparison's contacts that follow a
referral of their own, both move with the people behind them (delta method):

    d log theta = R / (R - s) d log R + (R - 1) / ((1 - s) (R - s)) d s

Builds on pipeline.later_referral and pipeline.estimates.
"""

import numpy as np

from pipeline.estimates import NotEstimable
from pipeline.later_referral import net_ratio, net_slopes


def net_of_later(log_ratio: float, influence: np.ndarray, weights: np.ndarray, counted: np.ndarray, later: np.ndarray) -> tuple[float, np.ndarray]:
    """Return log theta and the influence of each row on it.

    `influence` is that of each row on `log_ratio`; `weights` are the design's own, 0 for the treated; `counted` are
    contacts after time zero and `later` those of them that follow a referral of the comparison person's own.
    Raises NotEstimable when such contacts are the whole of what the comparison made or more than the ratio leaves.
    """
    made = weights @ counted
    share = weights @ later / made
    if not share < min(np.exp(log_ratio), 1):
        raise NotEstimable("contacts after the comparison people's own later referrals are as many as those of the referred")
    by_share = weights * (later - share * counted) / made
    slope, slope_of_share = net_slopes(log_ratio, share)
    return float(net_ratio(log_ratio, share)), slope * influence + slope_of_share * by_share
