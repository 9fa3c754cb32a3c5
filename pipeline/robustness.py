"""How strong something unmeasured would have to be, and how small an effect could be found."""

import numpy as np

# Without this sentence an E-value is not shown.
E_VALUE_REMARK = (
    "An E-value says how strongly something unmeasured would have to be tied to both referral and contacts to explain the estimate away. "
    "It says nothing about regression to the mean, which needs nothing unmeasured: a naive fall of {fall:.0f}% has an E-value of {naive:.1f} and may hold no effect at all."
)
# 80 % power at a two-sided 5 % level: 1.96 + 0.84 standard errors (Bloom 1995).
POWER_FACTOR = 2.80


def e_value(ratio: float) -> float:
    """Return the E-value of a risk or rate ratio: RR + sqrt(RR (RR - 1)), ratios below 1 inverted (VanderWeele & Ding 2017)."""
    if not ratio > 0:
        return float("nan")
    away = max(ratio, 1 / ratio)
    return float(away + np.sqrt(away * (away - 1)))


def e_value_of_interval(ci_low: float, ci_high: float) -> float:
    """Return the E-value of the limit nearer to 1, which is 1 where the interval holds 1; both limits are ratios."""
    if not (ci_low > 0 and ci_high > 0):
        return float("nan")
    return 1.0 if ci_low <= 1 <= ci_high else e_value(ci_low if ci_low > 1 else ci_high)


def e_value_remark(naive_ratio: float = 0.19) -> str:
    """Return the sentence that stands beside every E-value; the naive ratio shows what it cannot see."""
    return E_VALUE_REMARK.format(fall=100 * (1 - naive_ratio), naive=e_value(naive_ratio))


def detectable_ratios(std_error: float) -> tuple[float, float]:
    """Return the largest ratio below 1 and the smallest above 1 that a test at 5 % finds with 80 % power.

    `std_error` is that of the log ratio; for a plan, take it from worlds without effect (pipeline.calibrate).
    """
    return float(np.exp(-POWER_FACTOR * std_error)), float(np.exp(POWER_FACTOR * std_error))
