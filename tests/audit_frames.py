"""A made-up audit in the shape that the audit writes: every world of the plan, four that break an assumption, three designs and the naive count."""

import numpy as np
import pandas as pd

from pipeline.audit_wording import TEST

BROKEN = ["hidden state", "hidden state, no effect", "selective engagement", "links differ by arm"]


def row(world, estimator, estimand, bias=0.0, coverage=0.95, rejected=None, truth=None, n=200, bias_se=0.005):
    truth = (0.0 if "no effect" in world or estimand == "never_engaged" else -0.6 if estimand == "engaged" else -0.3) if truth is None else truth
    rejected = (0.05 if truth == 0 else 0.8) if rejected is None else rejected
    return dict(world=world, estimator=estimator, estimand=estimand, n_replicates=n, n_estimated=n, truth=truth, bias=bias, bias_se=bias_se, median_bias=bias, coverage=coverage,
                coverage_se=np.sqrt(0.05 * 0.95 / n), rejected=rejected, rejected_se=np.sqrt(0.05 * 0.95 / n), mean_std_error=0.1, sd=0.1)  # fmt: skip


def audit(worlds, broken=BROKEN):
    """Return an audit in which the plan's designs and one other are valid, fixed effects and the naive count are not."""
    rows = []
    for world in [*worlds, *broken]:
        off = {"hidden state": 0.25, "hidden state, no effect": 0.10, "selective engagement": 0.0, "links differ by arm": 0.12}.get(world, 0.0)
        rows += [
            row(world, "sequential_trials", "referral", 0.01 + off, 0.95 if not off else 0.4),
            row(world, "complier", "engaged", 0.02 + 2 * off - (0.3 if world == "selective engagement" else 0), 0.94 if not off else 0.3),
            row(world, *TEST, 0.0, rejected=0.9 if world == "selective engagement" else 0.05),
            row(world, "matched_sets", "referral", 0.03 + off, 0.93 if not off else 0.5),
            row(world, "fixed_effects", "referral", -0.78, 0.0, 1.0),
            row(world, "naive", "engaged", -1.0, 0.0, 1.0),
        ]
    return pd.DataFrame(rows)


def pairs(worlds, correlation=0.8):
    """Return the correlation of the two valid designs in every world."""
    return pd.DataFrame([dict(world=world, estimand="referral", estimator="matched_sets", other="sequential_trials", n_replicates=200, mean_difference=0.02, sd_difference=0.06,
                              correlation=correlation, share_apart=0.05) for world in worlds])  # fmt: skip
