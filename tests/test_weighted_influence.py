"""What a person moves when the weights are fitted again: held to counting one person a little more often, from propensity to ratio."""

import numpy as np
import pytest
from trial_frames import random_trials

from pipeline.contrasts import PRIMARY, fit_contrast, fit_outcome
from pipeline.glm import fit_poisson
from pipeline.weighted_influence import influence_of_ratio, influence_of_share
from pipeline.weighting import fit_propensity, odds_weights

N_PEOPLE = 600
# How much more often the person is counted, and what a derivative by differences then leaves.
MORE, TANGENT = 1e-4, 1e-3


def trials_of_months():
    """Trials of four months, so that the scale of the weights within a month is part of the chain; a third of the contacts is later."""
    trials = random_trials()
    return trials._replace(month=np.arange(1200) % 4, later={PRIMARY: trials.outcomes[PRIMARY] // 3 * ~trials.is_referred})


def refitted(trials, frequency, with_covariates=True):
    """The log ratio and the share of later contacts when each trial counts `frequency` times."""
    X, side, days = trials.design, trials.is_referred, trials.exposure[PRIMARY]
    weights = frequency * odds_weights(X, fit_propensity(X, side.astype(float), frequency), side, trials.month, frequency)
    Z = np.column_stack([X if with_covariates else X[:, :1], side])
    compared = weights * ~side
    return fit_poisson(Z, trials.outcomes[PRIMARY], weights, np.log(days))[-1], compared @ trials.later[PRIMARY] / (compared @ trials.outcomes[PRIMARY])


@pytest.mark.parametrize("with_covariates", [True, False])
def test_influence_is_the_derivative_of_the_whole_chain(with_covariates):
    trials = trials_of_months()
    fit = fit_contrast(trials, trials.is_referred, [PRIMARY])
    fit = fit._replace(coefficients={PRIMARY: fit_outcome(trials, fit.treated, fit.weights, PRIMARY, with_covariates)})
    moved = influence_of_ratio(trials, fit, PRIMARY, N_PEOPLE)
    share, moved_share = influence_of_share(trials, fit, trials.later[PRIMARY], trials.outcomes[PRIMARY], N_PEOPLE)
    plain = refitted(trials, np.ones(1200), with_covariates)
    assert (fit.coefficients[PRIMARY][-1], share) == pytest.approx(plain, abs=1e-7)
    for person in (0, int(np.argmax(np.abs(moved))), int(np.argmax(moved_share))):
        more = refitted(trials, 1 + MORE * (trials.person == person), with_covariates)
        assert (more[0] - plain[0]) / MORE == pytest.approx(moved[person], abs=TANGENT * np.abs(moved).max())
        assert (more[1] - plain[1]) / MORE == pytest.approx(moved_share[person], abs=TANGENT * np.abs(moved_share).max())


def test_the_influences_of_everybody_cancel():
    """Counting everybody once more changes nothing."""
    trials = trials_of_months()
    fit = fit_contrast(trials, trials.is_referred, [PRIMARY])
    moved = influence_of_ratio(trials, fit, PRIMARY, N_PEOPLE)
    assert abs(moved.sum()) < 1e-6 * np.abs(moved).sum()
