"""What the negative controls show of size and interval, and the primary estimates calibrated by them.

With b_i the estimate of control i, s_i its standard error and v_i that error's degrees of freedom, the systematic error
of the method has mean mu and standard deviation tau,

    (b_i - mu) / sqrt(tau^2 + s_i^2) ~ t with v_i,

mu and tau by maximum likelihood. A calibrated estimate is the estimate less mu, with variance s^2 + tau^2 (empirical
calibration: Schuemie et al. 2014, Statistics in Medicine 33; 2018, PNAS 115, with the normal in place of t). Their controls are other treatments and
outcomes; these are pseudo-worlds of the same records. So tau holds what the interval misses of chance, never what was
not recorded, and that the error does not grow with the effect is an assumption. Builds on pipeline.linkage_uncertainty,
which says which rows of `effects` are primary.
"""

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import stdtr, stdtrit

from pipeline.linkage_uncertainty import CARRIED, primary_rows

SUMMARY_COLUMNS = [
    "estimand", "n_controls", "n_estimated", "mean_estimate", "mean_estimate_error", "sd", "mean_std_error", "coverage", "coverage_error", "rejected", "rejected_error",
    "error_mean", "error_sd", "estimate", "std_error", "ci_low", "ci_high", "p_value",
    "calibrated_estimate", "calibrated_std_error", "calibrated_ci_low", "calibrated_ci_high", "calibrated_p_value",
]  # fmt: skip
WORDS = {"referral": "", "engaged": " of engaging"}
SIGNIFICANT = 0.05
# Beyond, t is the normal to five digits; below, a standard error says nothing.
LEAST_FREEDOM, MOST_FREEDOM = 1.0, 1e6


def share_error(share: float, n: int) -> float:
    """Return the Monte Carlo error of a share of `n`, of the Wilson interval: a share of nought or one has an error too."""
    return float(np.sqrt(share * (1 - share) / n + 1 / (4 * n**2)) / (1 + 1 / n))


def systematic_error(estimates: np.ndarray, std_errors: np.ndarray, df: np.ndarray) -> tuple[float, float]:
    """Return mu and tau of the systematic error by maximum likelihood; tau is 0 where chance explains all of the spread."""
    df = np.minimum(df, MOST_FREEDOM)

    def loss(mean_and_sd: np.ndarray) -> float:
        variance = std_errors**2 + mean_and_sd[1] ** 2
        return float((np.log(variance) / 2 + (df + 1) / 2 * np.log1p((estimates - mean_and_sd[0]) ** 2 / variance / df)).sum())

    middle, spread = float(np.median(estimates)), float(estimates.std())
    found = [minimize(loss, (middle, share * spread), method="L-BFGS-B", bounds=[(None, None), (0, None)]) for share in (0.0, 0.5)]
    best = min(found, key=lambda one: one.fun)
    return float(best.x[0]), float(best.x[1])


def freedom_of(primary, confidence: float) -> float:
    """Return the degrees of freedom that the interval of a row of `effects` was made with, infinite for a normal one."""
    width = (primary["estimate"] - primary["ci_low"]) / primary["std_error"]
    if not width > stdtrit(MOST_FREEDOM, 0.5 + confidence / 2):
        return np.inf
    if width > stdtrit(LEAST_FREEDOM, 0.5 + confidence / 2):
        return LEAST_FREEDOM
    return float(brentq(lambda df: stdtrit(df, 0.5 + confidence / 2) - width, LEAST_FREEDOM, MOST_FREEDOM))


def calibrate_estimate(primary, mean: float, sd: float, confidence: float) -> dict:
    """Return calibrated_estimate, _std_error, _ci_low, _ci_high and _p_value of a log ratio (a row of `effects`), given the systematic error.

    The interval keeps the degrees of freedom it had; one without an upper end keeps none.
    """
    shifted, spread, df = primary["estimate"] - mean, float(np.hypot(primary["std_error"], sd)), freedom_of(primary, confidence)
    width = float(stdtrit(df, 0.5 + confidence / 2)) * spread
    high = np.inf if np.isposinf(primary["ci_high"]) else shifted + width
    p_value = float(2 * stdtr(df, -abs(shifted) / spread)) if spread > 0 else np.nan
    values = dict(estimate=shifted, std_error=spread, ci_low=shifted - width, ci_high=high, p_value=p_value)
    return {f"calibrated_{name}": value for name, value in values.items()}


def summarise_controls(negative_controls: pd.DataFrame, effects: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return `negative_control_summary` (SUMMARY_COLUMNS), one row per estimand.

    Shares are of all controls: one without an estimate covers nothing and rejects nothing. *_error are Monte Carlo
    errors; error_mean and error_sd are mu and tau; estimate to p_value are those of the primary row of `effects`.
    Without a single estimate everything but the numbers of controls and the primary row is missing.
    """
    rows = []
    for estimand, controls in negative_controls.groupby("estimand", sort=False):
        found = controls[controls["estimate"].notna()]
        n = len(controls)
        primary = primary_rows(effects, estimand, CARRIED[estimand]).iloc[0]
        row = dict(estimand=estimand, n_controls=n, n_estimated=len(found)) | {name: primary[name] for name in ("estimate", "std_error", "ci_low", "ci_high", "p_value")}
        if len(found) > 1:
            coverage, rejected = controls["covers"].mean(), (controls["p_value"] < SIGNIFICANT).mean()
            mean, sd = systematic_error(*(found[name].to_numpy(float) for name in ("estimate", "std_error", "df")))
            row |= dict(
                mean_estimate=found["estimate"].mean(), mean_estimate_error=found["estimate"].std() / np.sqrt(len(found)), sd=found["estimate"].std(),
                mean_std_error=found["std_error"].mean(), coverage=coverage, coverage_error=share_error(coverage, n), rejected=rejected, rejected_error=share_error(rejected, n),
                error_mean=mean, error_sd=sd, **calibrate_estimate(primary, mean, sd, confidence),
            )  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def check_controls(negative_control_summary: pd.DataFrame, pass_marks) -> pd.DataFrame:
    """Return `negative_control_checks`, with the columns of `model_checks`: coverage held to its pass mark, size without one.

    A coverage that could not be worked out fails.
    """
    rows = []
    for row in negative_control_summary.itertuples():
        of = WORDS[row.estimand]
        at_least = pass_marks.negative_control_coverage_at_least
        rows += [
            dict(check=f"negative-control coverage{of}", value=row.coverage, pass_mark=at_least, passed=bool(row.coverage >= at_least),
                 meaning=f"The share of pseudo-referrals without effect whose interval{of} holds no effect; it protects from nothing that was not recorded."),
            dict(check=f"negative-control size{of}", value=row.rejected, pass_mark=np.nan, passed=True,
                 meaning=f"The share of pseudo-referrals without effect whose effect{of} would have been called significant."),
        ]  # fmt: skip
    return pd.DataFrame(rows).astype({"value": float, "pass_mark": float, "passed": bool})
