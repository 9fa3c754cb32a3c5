"""The event study in blocks of months, with the covariance that bounds on it need.

Blocks as long as the trigger (a quarter by default), the one just before time zero the reference: seven before and four
after in a plan of 24 and 12 months, few enough for pipeline.honest_bounds. The weights were fitted on the months
before, so moves there are small in part by construction, and bounds relative to them are read as the least that can be
said: where weighted arms still move apart before, the effect is in doubt; where they do not, little follows.
Builds on pipeline.event_study, pipeline.contrasts, pipeline.effect and pipeline.honest_bounds.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.contrasts import PRIMARY, Fit, Trials
from pipeline.effect import Draws
from pipeline.estimates import ESTIMATED, NotEstimable
from pipeline.errors import InputError
from pipeline.event_study import monthly_rates, monthly_values, relative_to_reference
from pipeline.honest_bounds import bound_relative_magnitudes, bound_smoothness


class Blocks(NamedTuple):
    """Log ratios of the referred against the weighted comparison, relative to the reference block."""

    first_month: np.ndarray  # of each block, without the reference
    estimates: np.ndarray
    covariance: np.ndarray
    shares: np.ndarray  # of the weighted comparison's contacts after, per block after: weights of their mean

    @property
    def n_before(self) -> int:
        """Return how many blocks lie before the reference."""
        return int((self.first_month < 0).sum())


def study_blocks(panel: pd.DataFrame, trials: Trials, fit: Fit, draws: Draws, block_months: int, months_after: int) -> Blocks:
    """Return the event study in blocks of `block_months`; months that do not fill a block are left out.

    Raises NotEstimable when a block has no contacts in an arm, in the sample or in a draw, or draws are too few for
    a covariance of so many blocks.
    """
    panel = panel[panel["month"] < months_after]
    counts, days = (monthly_values(panel, trials.trial_id, name) for name in (PRIMARY, "exposure_days"))
    months = counts.columns.to_numpy()
    block = np.floor_divide(months, block_months)
    full = np.array([one for one in np.unique(block) if (block == one).sum() == block_months])
    joined = np.stack([block == one for one in full], axis=1).astype(float)
    sides = (trials.is_referred, ~trials.is_referred)
    values = [(counts.to_numpy()[side] @ joined, days.to_numpy()[side] @ joined) for side in sides]

    def log_ratios(weights: np.ndarray) -> np.ndarray:
        rates = [monthly_rates(*one, weights[side]) for one, side in zip(values, sides)]
        return relative_to_reference(dict(referred=rates[0], not_yet_referred=rates[1]), full == -1)[full != -1]

    drawn = np.stack([log_ratios(weights * often[trials.person]) for weights, often in zip(draws.weights, draws.multiplicities)])
    estimates = log_ratios(fit.weights)
    if not (np.isfinite(estimates).all() and np.isfinite(drawn).all()):
        raise NotEstimable("a block of months has no contacts in one arm")
    if len(drawn) < 3 * len(estimates):
        raise NotEstimable("too few resamples for a covariance of so many blocks")
    after = full[full != -1] >= 0
    compared = fit.weights[sides[1]] @ values[1][0][:, full >= 0]
    return Blocks(full[full != -1] * block_months, estimates, np.cov(drawn, rowvar=False), compared / compared.sum() if after.any() else np.array([]))


def bound_effect(blocks: Blocks, relative: list[float], smooth: list[float], confidence: float) -> pd.DataFrame:
    """Return the bounds (pipeline.honest_bounds) of the mean log ratio after, blocks weighted by the contacts expected in them."""
    study = (blocks.estimates, blocks.covariance, blocks.n_before)
    return pd.concat([
        bound_relative_magnitudes(*study, relative, blocks.shares, confidence),
        bound_smoothness(*study, smooth, blocks.shares, confidence),
    ], ignore_index=True)


def bounds_table(panel: pd.DataFrame, trials: Trials, fit: Fit, draws: Draws, diagnostics, months_after: int, confidence: float) -> pd.DataFrame:
    """Return `honest_bounds`: restriction, bound, ci_low, ci_high (log ratio of referral), excludes_no_effect, status.

    `diagnostics` has block_months, relative_magnitudes and smoothness. Where the event study cannot be made, every bound
    is a row without an interval whose status says why. Later referrals of the comparison are not taken off.
    """
    asked = [("relative_magnitudes", bound) for bound in diagnostics.relative_magnitudes] + [("smoothness", bound) for bound in diagnostics.smoothness]
    try:
        blocks = study_blocks(panel, trials, fit, draws, diagnostics.block_months, months_after)
        found = bound_effect(blocks, diagnostics.relative_magnitudes, diagnostics.smoothness, confidence).assign(status=ESTIMATED)
    except (NotEstimable, InputError) as reason:
        found = pd.DataFrame(asked, columns=["restriction", "bound"]).assign(ci_low=np.nan, ci_high=np.nan, status=f"not estimable: {reason}")
    found.loc[found["ci_low"].isna() & found["status"].eq(ESTIMATED), "status"] = "not estimable: no effect at all agrees with the months before"
    excludes = ((found["ci_low"] > 0) | (found["ci_high"] < 0)).astype(bool)
    return found.assign(excludes_no_effect=excludes)[["restriction", "bound", "ci_low", "ci_high", "excludes_no_effect", "status"]]
