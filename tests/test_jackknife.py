"""How far each person moves an estimate: against refits with that person counted a little more, and against resamples."""

import numpy as np
import pytest
from trial_frames import random_trials

from pipeline.contrasts import PRIMARY, fit_contrast
from pipeline.effect import complier_draws, fit_effects, resample_effects
from pipeline.glm import fit_poisson
from pipeline.jackknife import Estimate, complier, group_total, log_interval, net_of_later, rate_ratio, regression, share_of, through_weights
from pipeline.resampling import draw_multiplicities
from pipeline.weighting import fit_propensity, odds_weights

# A central difference of this step is exact to about its square; Newton stops at 1e-7.
STEP, EXACT = 1e-3, 1e-6
# 200 draws know a standard error to 5 % (two of its errors are 10 %), and linearising costs a few per cent with heavy callers.
AS_RESAMPLED = 0.15
SEED = 11


@pytest.fixture(scope="module")
def trials():
    plain = random_trials(n=1600)
    rng = np.random.default_rng(4)
    later = np.where(plain.is_referred, 0, rng.binomial(plain.outcomes[PRIMARY].astype(int), 0.2)).astype(float)
    # Four months of referral, so that the scale of a month is something to follow.
    return plain._replace(month=np.arange(len(later)) % 4, later=plain.later | {PRIMARY: later})


def jackknifed(trials):
    fit = fit_contrast(trials, trials.is_referred, [PRIMARY])
    delta = Estimate(fit.coefficients[PRIMARY][-1], through_weights(trials, fit, regression(trials, fit.treated, fit.weights, fit.coefficients[PRIMARY], PRIMARY)))
    share, own = share_of(trials.later[PRIMARY], trials.outcomes[PRIMARY], fit.weights * ~trials.is_referred)
    net = net_of_later(delta, Estimate(share, through_weights(trials, fit, own)))
    groups = [group_total(trials, PRIMARY, group) for group in (trials.is_engaged, trials.is_referred & ~trials.is_engaged)]
    value, own = rate_ratio(trials.outcomes[PRIMARY], trials.exposure[PRIMARY], fit.weights, trials.is_referred)
    return {"delta": delta, "net": net, "inverse": complier(net, *groups, 1.0), "weights": Estimate(value, through_weights(trials, fit, own))}


def counted_more(trials, person, step):
    """Return the same four numbers refitted with one person counted 1 + step times."""
    often = 1 + step * (trials.person == person)
    y, days, side = trials.outcomes[PRIMARY], trials.exposure[PRIMARY], trials.is_referred
    weights = odds_weights(trials.design, fit_propensity(trials.design, side.astype(float), often), side, trials.month, often) * often
    delta = fit_poisson(np.column_stack([trials.design, side]), y, weights, np.log(days))[-1]
    compared = weights * ~side
    share = compared @ trials.later[PRIMARY] / (compared @ y)
    net = np.log((np.exp(delta) - share) / (1 - share))
    totals = [(often[group].sum() * (often[group] @ y[group]) / (often[group] @ days[group])) for group in (trials.is_engaged, side & ~trials.is_engaged)]
    return {"delta": delta, "net": net, "inverse": (sum(totals) * np.exp(-net) - totals[1]) / totals[0], "weights": rate_ratio(y, days, weights, side)[0]}


def test_a_person_moves_an_estimate_as_a_refit_says(trials):
    found = jackknifed(trials)
    for person in (int(trials.person[trials.is_referred][0]), int(trials.person[~trials.is_referred][5])):
        more, less = counted_more(trials, person, STEP), counted_more(trials, person, -STEP)
        for name, estimate in found.items():
            assert estimate.influence[person] == pytest.approx((more[name] - less[name]) / (2 * STEP), abs=EXACT), name


def test_errors_are_those_of_resamples(trials):
    fits = fit_effects(trials, (PRIMARY,))
    draws = resample_effects(trials, fits, draw_multiplicities(int(trials.person.max()) + 1, 200, SEED))
    found = jackknifed(trials)
    assert found["net"].value == pytest.approx(fits.ratios.referral[PRIMARY]) and found["inverse"].value == pytest.approx(complier_draws(trials, fits, draws)[0])
    assert found["net"].error() == pytest.approx(draws.referral[PRIMARY].std(ddof=1), rel=AS_RESAMPLED)
    assert found["inverse"].error() == pytest.approx(complier_draws(trials, fits, draws)[1].std(ddof=1), rel=AS_RESAMPLED)


def test_an_inverse_that_can_reach_zero_has_an_interval_without_end():
    spread = np.tile([0.1, -0.1], 50)
    assert log_interval(Estimate(0.5, spread), 0.95, is_inverse=True)["ci_high"] == np.inf
    assert np.isfinite(log_interval(Estimate(5.0, spread), 0.95, is_inverse=True)["ci_high"])
    assert log_interval(Estimate(-0.1, spread), 0.95, is_inverse=True)["estimate"] == np.inf
