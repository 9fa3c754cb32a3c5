"""What the joint test of the months before could have found, and what it would have let pass (Roth 2022).

The violation looked for is a straight line: the log ratio of the arms drifts by a constant slope a month, before time
zero and after. For each power the slope is worked out that the test finds that often, and the mean log ratio that the
same slope would put into the months after, with no effect at all. The weights were fitted on the months before and
flatten such a line, so that the slope that goes unseen is larger than the one named here.
Builds on pipeline.event_study (its joint test).
"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import fdtri
from scipy.stats import ncf

POWERS = [0.5, 0.8]
COLUMNS = ["power", "slope", "log_ratio_after"]
# Beyond this noncentrality every test has found everything.
MOST = 1e4


def violations_found(pre_trend: dict, trigger_months: int, months_after: int, size: float) -> pd.DataFrame:
    """Return per power of POWERS the slope (log ratio a month) that a test at `size` finds that often, and log_ratio_after.

    `pre_trend` is the joint test of pipeline.event_study.study_months (months, covariance, n_draws); months are measured
    from the middle of the trigger's months, the reference. Missing values where the test itself could not be made.
    """
    months, n_draws = np.asarray(pre_trend["months"], float), pre_trend["n_draws"]
    n_months = len(months)
    if not np.isfinite(pre_trend["p_value"]):
        return pd.DataFrame({"power": POWERS, "slope": np.nan, "log_ratio_after": np.nan})
    line = months + trigger_months / 2 + 0.5
    # The inverse of a covariance from few draws is too large on average by this factor (Anderson 2003, section 7.7).
    fair = (n_draws - n_months - 2) / (n_draws - 1)
    noncentrality = fair * float(line @ np.linalg.pinv(pre_trend["covariance"]) @ line)
    slopes = [np.sqrt(noncentrality_found(power, n_months, n_draws, size) / noncentrality) for power in POWERS]
    distance = (months_after - 1) / 2 + trigger_months / 2 + 0.5
    return pd.DataFrame({"power": POWERS, "slope": slopes, "log_ratio_after": [slope * distance for slope in slopes]})


def noncentrality_found(power: float, n_months: int, n_draws: int, size: float) -> float:
    """Return the noncentrality at which Hotelling's test of so many months rejects with this power."""
    freedom = n_draws - n_months
    limit = fdtri(n_months, freedom, 1 - size)
    return float(brentq(lambda value: ncf.sf(limit, n_months, freedom, value) - power, 1e-6, MOST))
