"""One estimate from several completed data sets: Rubin's rules.

Each draw of the identities gives an estimate Q_d with a variance U_d. Over m draws (Rubin 1987, chapter 3):

    Q = mean of Q_d      U = mean of U_d      B = variance of Q_d      T = U + (1 + 1/m) B

with the degrees of freedom of Barnard & Rubin (1999), which never exceed those of complete data.
"""

import numpy as np
from scipy.special import stdtr, stdtrit


def pool_draws(estimates: np.ndarray, variances: np.ndarray, complete_df: float) -> dict[str, float]:
    """Return estimate, within, between, total (variances), df, share_from_draws ((1 + 1/m) B / T) and missing_information.

    `estimates` and `variances` have one entry per draw, `complete_df` are the degrees of freedom of a single draw's
    estimate. missing_information is Rubin's fraction, which also counts that m is finite. With one draw, or draws that
    agree, there is nothing between; everything is NaN where a draw has no estimate.
    """
    estimates, variances = np.asarray(estimates, float), np.asarray(variances, float)
    m = len(estimates)
    within = variances.mean()
    between = estimates.var(ddof=1) if m > 1 else 0.0
    total = within + (1 + 1 / m) * between
    share = (1 + 1 / m) * between / total if total > 0 else np.nan
    observed = (complete_df + 1) / (complete_df + 3) * complete_df * (1 - share)
    df = observed if share == 0 else 1 / (share**2 / (m - 1) + 1 / observed)
    increase = share / (1 - share) if share < 1 else np.inf
    missing = (increase + 2 / (df + 3)) / (increase + 1) if share > 0 else share
    return dict(estimate=estimates.mean(), within=within, between=between, total=total, df=df, share_from_draws=share, missing_information=missing)


def t_interval(estimate: float, variance: float, df: float, confidence: float) -> dict[str, float]:
    """Return std_error, ci_low, ci_high and p_value (against nought) of an estimate with `df` degrees of freedom."""
    std_error = float(np.sqrt(variance))
    width = stdtrit(df, 0.5 + confidence / 2) * std_error
    p_value = 2 * stdtr(df, -abs(estimate) / std_error) if std_error > 0 else np.nan
    return dict(std_error=std_error, ci_low=float(estimate - width), ci_high=float(estimate + width), p_value=float(p_value))
