"""What this evaluation could find, said before what it found; and how strong something unmeasured would have to be.

The smallest effect that a test at 5 % finds with 80 % power follows from the standard error alone (Bloom 1995), so it is
shown before any effect. Errors of ratios turn on the effect; here the draws are moved to no effect first, so that the
table says what could be found and nothing of what was.
Builds on pipeline.contrasts, pipeline.effect, pipeline.later_referral, pipeline.robustness and pipeline.pretrend_power.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import PRIMARY, Trials
from pipeline.effect import Draws, Fits, complier_draws, complier_inverse, group_totals
from pipeline.later_referral import FOLLOWED, later_shares, net_ratio
from pipeline.pretrend_power import violations_found
from pipeline.robustness import detectable_ratios, e_value, e_value_of_interval

E_VALUE_COLUMNS = ["estimand", "estimator", "ratio", "e_value", "e_value_of_interval"]
PRIMARY_ESTIMATES = [("referral", "sequential_trials"), ("engaged", "complier")]


def find_detectable(trials: Trials, fits: Fits, draws: Draws) -> pd.DataFrame:
    """Return `detectable_effects`: estimand, estimator, std_error (of the log ratio under no effect), ratio_below, ratio_above.

    A test at 5 % finds ratios below ratio_below or above ratio_above with 80 % power. Where nothing says who engaged, the
    row of referral alone; missing where a resample gave no number.
    """
    plain = FOLLOWED if fits.is_net else PRIMARY
    share = later_shares(trials, fits.referral.weights, [PRIMARY])[0] if fits.is_net else 0.0
    without = net_ratio(draws.referral[plain] - fits.ratios.referral[plain], share)
    errors = [("referral", "sequential_trials", spread_of(without))]
    if trials.knows_engaged:
        engaged, never = group_totals(trials, PRIMARY, draws.multiplicities)
        # What the engaged would have made without any effect.
        would_have = engaged * complier_draws(trials, fits, draws)[0]
        inverse = complier_inverse(would_have, never, without)
        errors += [
            ("never_engaged", "sequential_trials", spread_of(draws.never_engaged)),
            ("engaged", "sequential_trials", spread_of(draws.engaged)),
            ("engaged", "complier", spread_of(inverse)),
        ]
    rows = [(*names, error, *detectable_ratios(error)) for *names, error in errors]
    return pd.DataFrame(rows, columns=["estimand", "estimator", "std_error", "ratio_below", "ratio_above"])


def spread_of(drawn: np.ndarray) -> float:
    """Return the standard deviation of draws; NaN where one is missing or infinite."""
    return float(drawn.std(ddof=1)) if np.isfinite(drawn).all() else float("nan")


def find_e_values(effects: pd.DataFrame) -> pd.DataFrame:
    """Return `e_values` (E_VALUE_COLUMNS) of the primary estimates and of the naive ratio, which shows what an E-value cannot see."""
    rows = []
    for estimand, estimator in [*PRIMARY_ESTIMATES, ("before_after", "naive")]:
        chosen = effects[effects["outcome"].eq(PRIMARY) & effects["estimand"].eq(estimand) & effects["estimator"].eq(estimator)]
        for row in chosen.dropna(subset=["estimate"]).itertuples():
            ends = np.exp(float(row.ci_low)), np.exp(float(row.ci_high))
            rows.append((estimand, estimator, np.exp(row.estimate), e_value(np.exp(row.estimate)), e_value_of_interval(*ends)))
    return pd.DataFrame(rows, columns=E_VALUE_COLUMNS)


def check_pre_trend_power(pre_trend: dict, trigger_months: int, months_after: int, size: float) -> pd.DataFrame:
    """Return rows of `model_checks` on what the pre-trend test could find; no pass mark, because the weights flatten what it looks at."""
    found = violations_found(pre_trend, trigger_months, months_after, size)
    rows = [
        dict(check=f"drift found in {100 * row.power:.0f} of 100", value=np.exp(row.log_ratio_after), pass_mark=np.nan, passed=True, meaning=describe_violation(row))
        for row in found.itertuples()
    ]
    return pd.DataFrame(rows).astype({"value": float, "pass_mark": float, "passed": bool})


def describe_violation(row) -> str:
    """Return in words which steady drift the pre-trend test finds with the row's power and what it would leave after."""
    if not np.isfinite(row.slope):
        return "Which steady drift of the arms the pre-trend test could find cannot be said: too few resamples for so many months."
    return (
        f"The ratio that a steady drift of the arms by {100 * np.expm1(row.slope):.1f}% a month, which the pre-trend test finds in {100 * row.power:.0f} of 100 cases, "
        "would show after time zero without any effect. The weights flatten such a drift beforehand, so passing the test rules little out."
    )
