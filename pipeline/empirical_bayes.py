"""What would have been counted without treatment, by empirical Bayes: Hauer's, and with persistence that is learnt.

Hauer (1997), Observational Before-After Studies in Road Safety; Hauer et al. (2002). A count n over a site or person
whose like are expected to have mu, with gamma-distributed true means of shape k (variance mu + mu^2 / k):

    weight = 1 / (1 + mu / k)        expected = weight mu + (1 - weight) n        variance = (1 - weight) expected

Hauer takes what is left of a count after shrinkage for lasting. People's bursts do not last, so the textbook version
predicts far too small a fall. In `fit_persistence` the weights are learnt instead, as the linear credibility of
several earlier spans (Buehlmann & Straub 1970), from untreated people who met the same trigger:

    E[rate after] = b0 + b1 rate(span 1) + b2 rate(span 2) + ...        fitted where nobody is treated

so that what a burst leaves behind is whatever it left behind in people who were not referred by then.
Builds on pipeline.estimates and pipeline.net_of_later.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from pipeline.estimates import Label, NotEstimable, Size, clustered_error, result_row
from pipeline.net_of_later import net_of_later

# Iterations of reweighting by the fitted mean; the weights settle in a handful.
MOST_REWEIGHTINGS = 25
# The smallest rate a weight may rest on, as a share of the mean rate: a fitted rate of nought would weigh infinitely.
LEAST_RATE_SHARE = 0.05


class Expectation(NamedTuple):
    """An empirical Bayes expectation over the whole period of the count."""

    weight: np.ndarray
    expected: np.ndarray
    std_error: np.ndarray


def shrink(expected_of_like, counted, shape) -> Expectation:
    """Return Hauer's expectation of counts, given what is expected of their like (same period) and the gamma `shape`."""
    like, counted = np.asarray(expected_of_like, float), np.asarray(counted, float)
    weight = 1 / (1 + like / shape)
    expected = weight * like + (1 - weight) * counted
    return Expectation(weight, expected, np.sqrt((1 - weight) * expected))


def shape_of_counts(counted: np.ndarray, expected: np.ndarray) -> float:
    """Return the gamma shape by the method of moments; infinite when the counts vary no more than Poisson counts.

    This is the one-period dispersion of the textbook: bursts count as lasting differences.
    """
    excess = ((counted - expected) ** 2 - expected).sum()
    return float((expected**2).sum() / excess) if excess > 0 else float("inf")


def regression_to_the_mean(mean: float, sd: float, cut_off: float, correlation: float, is_low: bool = True) -> float:
    """Return by how much people beyond a cut-off move towards the mean by chance (Barnett, van der Pols & Dobson 2005):

        sd (1 - correlation) phi(z) / Phi(-z) ,    z = (cut_off - mean) / sd for those above, (mean - cut_off) / sd for those below

    `is_low`: people were chosen for lying below the cut-off. `correlation` is that of two measurements of one person.
    """
    z = (mean - cut_off) / sd if is_low else (cut_off - mean) / sd
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return float(sd * (1 - correlation) * density / ndtr(-z))


def fit_persistence(rates: np.ndarray, counted: np.ndarray, exposure: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Return b0, b1, ... of the linear credibility predictor, fitted by quasi-Poisson with identity link on untreated rows.

    `rates` has a column per earlier span, in contacts per day; `counted` and `exposure` are contacts and days after.
    `weights` (odds weights) make the fit best where the treated are. Raises NotEstimable without contacts or with
    columns that depend on each other.
    """
    X = np.column_stack([np.ones(len(rates)), rates])
    own = np.ones(len(X)) if weights is None else np.asarray(weights, float)
    own = own * (exposure > 0)
    if not own @ counted > 0:
        raise NotEstimable("the untreated have no contacts after time zero")
    mean = own @ counted / (own @ exposure)
    fitted, found = np.full(len(X), mean), None
    for _ in range(MOST_REWEIGHTINGS):
        w = own / np.maximum(fitted, LEAST_RATE_SHARE * mean)
        cross = (X * (w * exposure)[:, None]).T @ X
        if np.linalg.matrix_rank(cross / np.sqrt(np.outer(np.diag(cross), np.diag(cross)).clip(1e-300)), tol=1e-9) < X.shape[1]:
            raise NotEstimable("the earlier spans depend on each other")
        before, found = found, np.linalg.solve(cross, X.T @ (w * counted))
        fitted = X @ found
        if before is not None and np.allclose(found, before, rtol=1e-8, atol=1e-12):
            break
    return found


def estimate_with_persistence(label: Label, rates, counted, exposure, treated, person, confidence: float, weights=None, later=None) -> dict:
    """Return the tidy row of the treated's count over what learnt persistence predicts for them.

    Arrays have an entry per person-trial; `rates` as in fit_persistence, `person` codes for clustering, `weights` odds
    weights of the untreated. `later` are contacts of untreated people that follow a treatment of their own: the row is
    net of them. The error linearises both the count and the prediction, people as clusters.
    Raises NotEstimable when a side is empty or without contacts.
    """
    treated, person = np.asarray(treated, bool), np.unique(person, return_inverse=True)[1]
    exposure, counted = np.asarray(exposure, float), np.asarray(counted, float)
    if not treated.any() or treated.all():
        raise NotEstimable("nobody is treated" if not treated.any() else "nobody is untreated")
    own = np.where(treated, 0.0, np.ones(len(treated)) if weights is None else weights)
    found = fit_persistence(rates[~treated], counted[~treated], exposure[~treated], own[~treated])
    X = np.column_stack([np.ones(len(rates)), rates])
    # A predictor is linear, so it may dip below nought for people far outside: their sum is what counts.
    predicted, observed = (X @ found * exposure)[treated].sum(), counted[treated].sum()
    if not (predicted > 0 and observed > 0):
        raise NotEstimable("the treated have no contacts after time zero" if not observed > 0 else "the prediction for the treated is not positive")
    mean = own @ counted / (own @ exposure)
    w = own / np.maximum(X @ found, LEAST_RATE_SHARE * mean)
    cross = (X * (w * exposure)[:, None]).T @ X
    direction = np.linalg.solve(cross, (X * (exposure * treated)[:, None]).sum(axis=0))
    influence = treated * (counted / observed - X @ found * exposure / predicted) - (X @ direction) * w * (counted - X @ found * exposure) / predicted
    size = Size(person.max() + 1, exposure.sum() / (365.25 / 12))
    later = np.zeros(len(counted)) if later is None else np.asarray(later, float)
    estimate, influence = net_of_later(float(np.log(observed / predicted)), influence, own * (exposure > 0), counted, later)
    return result_row(label, estimate, clustered_error(influence, person), size, confidence)
