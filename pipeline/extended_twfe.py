"""Extended two-way fixed effects for staggered adoption, Poisson and linear (Wooldridge 2021, 2023).

    log E[contacts] = log(exposure) + cohort + period + x' (beta + beta_cohort + beta_period) + delta[cohort, period] 1{started}

With an effect of its own for every treated cell (and its own slopes on x) the treated cells say nothing of cohort and
period, so those are fitted on the person-periods not treated by then, and nobody who is treated already ever serves as
a control. What is reported is the ratio of sums

    IRR = contacts counted in treated periods / contacts predicted for them without treatment

and not the mean of the deltas, which lets a quiet cell weigh as much as a busy one. Parallel trends are assumed in
logs (Poisson) or levels (gaussian).

Own code, because the libraries build the saturated design: etwfe 0.1.4 and diff-diff 3.13 are exact on small panels
(tests hold these estimates to R's etwfe) but carry one column per treated cell, some 1,700 for monthly cohorts over 72
months, where this needs cohorts + periods and runs in a second on half a million person-months. Errors are clustered
by person, the shares of cohorts held fixed and the small-sample factors those of fixest, as in R's etwfe.
Builds on pipeline.staggered, pipeline.estimates and pipeline.glm.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, hstack

from pipeline.estimates import NotEstimable, clustered_error
from pipeline.glm import NotConverged, fit_poisson
from pipeline.staggered import Staggered, only_comparable

MOST_STEPS = 100
SMALLEST_STEP = 1e-9


class Untreated(NamedTuple):
    """What is predicted for treated person-periods without treatment, and how it depends on the untreated ones."""

    data: Staggered  # the person-periods used
    predicted: np.ndarray  # per row of data, on the scale of counted
    fitted: np.ndarray  # per row of data: predicted where untreated, the treated cell's own fit elsewhere
    design: csr_array
    information: np.ndarray  # its generalised inverse
    n_parameters: int  # of the saturated model
    note: str


def fit_untreated(data: Staggered, family: str = "poisson") -> Untreated:
    """Return the untreated predictions of every treated person-period; `family` is poisson or gaussian.

    In gaussian `counted` is taken as it is and exposure is a weight. Raises NotEstimable when nobody is treated
    after being seen untreated, when nobody is left to compare with, or when the fit does not converge.
    """
    data, note = only_comparable(data)
    data, more = with_events(data) if family == "poisson" else (data, "")
    treated = data.is_treated
    if not treated.any():
        raise NotEstimable("nobody is seen both before and after a start while others are untreated")
    design = two_way_design(data)
    X, y, e = add_up_cells(data, design, family)
    beta, information = fit_poisson_sparse(X, y, e) if family == "poisson" else fit_linear_sparse(X, y, e)
    linear = design @ beta
    predicted = data.exposure * np.exp(linear) if family == "poisson" else linear
    n_cells = len(np.unique(np.column_stack([data.cohort, data.period])[treated], axis=0))
    n_parameters = round(float(np.trace(information @ cross_product(X, information_weights(beta, X, e, family))))) + n_cells * (1 + data.covariates.shape[1])
    return Untreated(data, predicted, own_fits(data, predicted, family), design, information, n_parameters, "; ".join(filter(None, [note, more])))


def with_events(data: Staggered) -> tuple[Staggered, str]:
    """Return the rows of cohorts and periods that have a count while untreated: without one their fit is at minus infinity."""
    lost_people, lost_periods, n_before = 0, 0, -1
    while len(data.period) != n_before:  # leaving a cohort out may empty a period
        n_before = len(data.period)
        active = ~data.is_treated & (data.counted > 0)
        kept_cohort = np.isin(data.cohort, np.unique(data.cohort[active]))
        kept_period = np.isin(data.period, np.unique(data.period[active]))
        lost_people += len(np.unique(data.person[~kept_cohort]))
        lost_periods += len(np.unique(data.period[~kept_period]))
        data = data.keep(kept_cohort & kept_period)
    words = [f"{lost_people} people in cohorts without a contact before their start left out"] * (lost_people > 0)
    return data, "; ".join(words + [f"{lost_periods} periods without an untreated contact left out"] * (lost_periods > 0))


def two_way_design(data: Staggered) -> csr_array:
    """Return indicators of cohort and of period, and the same times each covariate, as a sparse matrix.

    Columns depend on each other (indicators add up to one); the fits use the generalised inverse.
    """
    rows = np.arange(len(data.period))
    cohort, period = (np.unique(values, return_inverse=True)[1] for values in (data.cohort, data.period))
    n_cohorts, n_periods = cohort.max(initial=-1) + 1, period.max(initial=-1) + 1
    values = np.column_stack([np.ones(len(rows)), data.covariates - data.covariates.mean(axis=0)])
    width, entries = n_cohorts + n_periods, []
    for number, value in enumerate(values.T):
        entries += [(value, rows, number * width + cohort), (value, rows, number * width + n_cohorts + period)]
    value, row, column = (np.concatenate(part) for part in zip(*entries))
    return csr_array((value, (row, column)), shape=(len(rows), width * values.shape[1]))


def add_up_cells(data: Staggered, design: csr_array, family: str) -> tuple[csr_array, np.ndarray, np.ndarray]:
    """Return design, counts and exposure of the untreated rows, added up by cohort and period where there is no covariate.

    The sums are all that a fit without covariates looks at: some thousand cells instead of a million person-months.
    """
    rows = np.flatnonzero(~data.is_treated)
    y, e = data.counted[rows], data.exposure[rows]
    if data.covariates.shape[1]:
        return design[rows], y, e
    cell_key = data.cohort[rows].astype(np.int64) * 2**31 + data.period[rows]
    _, first, cell = np.unique(cell_key, return_index=True, return_inverse=True)
    exposed = np.bincount(cell, e)
    counted = np.bincount(cell, y) if family == "poisson" else np.bincount(cell, y * e) / exposed
    return design[rows[first]], counted, exposed


def cross_product(X: csr_array, weights: np.ndarray) -> np.ndarray:
    """Return the weighted cross-product of a sparse matrix, dense."""
    return (X.T @ X.multiply(weights[:, None]).tocsr()).toarray()


def information_weights(beta: np.ndarray, X: csr_array, exposure: np.ndarray, family: str) -> np.ndarray:
    """Return what each row weighs in the information at `beta`."""
    return exposure * np.exp(X @ beta) if family == "poisson" else exposure


def inverse_of(information: np.ndarray) -> np.ndarray:
    """Return the generalised inverse of a cross-product whose columns depend on each other."""
    scale = np.sqrt(np.diag(information))
    scale = np.where(scale > 0, scale, 1.0)
    return np.linalg.pinv(information / np.outer(scale, scale), rcond=1e-11, hermitian=True) / np.outer(scale, scale)


def fit_poisson_sparse(X: csr_array, y: np.ndarray, exposure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients and inverse information of a Poisson regression on sparse `X`, by Newton steps halved until they climb."""
    beta = np.zeros(X.shape[1])
    log_time = np.log(exposure)
    eta = np.full(len(y), np.log(y.sum() / exposure.sum())) + log_time
    # The overall rate as a start: the indicators of cohorts span the intercept.
    beta = inverse_of((X.T @ X).toarray()) @ (X.T @ (eta - log_time))
    eta = X @ beta + log_time
    for _ in range(MOST_STEPS):
        mean = np.exp(eta)
        inverse = inverse_of(cross_product(X, mean))
        step = inverse @ (X.T @ (y - mean))
        value = y @ eta - mean.sum()
        for _ in range(30):
            new = X @ (beta + step) + log_time
            with np.errstate(over="ignore"):
                if y @ new - np.exp(new).sum() >= value - 1e-11 * abs(value):
                    break
            step = step / 2
        moved, beta, eta = np.max(np.abs(new - eta)), beta + step, new
        if moved < SMALLEST_STEP:
            return beta, inverse
    raise NotEstimable("the model of the untreated does not converge")


def fit_linear_sparse(X: csr_array, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients and inverse cross-product of weighted least squares on sparse `X`."""
    inverse = inverse_of(cross_product(X, weights))
    return inverse @ (X.T @ (weights * y)), inverse


def own_fits(data: Staggered, predicted: np.ndarray, family: str) -> np.ndarray:
    """Return `predicted` with each treated cell's rows replaced by the cell's own fit on the covariates."""
    fitted, treated = predicted.copy(), np.flatnonzero(data.is_treated)
    if data.covariates.shape[1] == 0:
        cell = np.unique(data.cohort[treated].astype(np.int64) * 2**31 + data.period[treated], return_inverse=True)[1]
        shape = data.exposure[treated]
        top = data.counted[treated] if family == "poisson" else data.counted[treated] * shape
        rate = np.bincount(cell, top) / np.bincount(cell, shape)
        fitted[treated] = rate[cell] * (shape if family == "poisson" else 1.0)
        return fitted
    cell = np.unique(np.column_stack([data.cohort[treated], data.period[treated]]), axis=0, return_inverse=True)[1].ravel()
    for number in range(cell.max() + 1):
        rows = treated[cell == number]
        X = np.column_stack([np.ones(len(rows)), data.covariates[rows] - data.covariates[rows].mean(axis=0)])
        fitted[rows] = own_fit(X, data.counted[rows], data.exposure[rows], family)
    return fitted


def own_fit(X: np.ndarray, y: np.ndarray, exposure: np.ndarray, family: str) -> np.ndarray:
    """Return the fitted values of one cell; its plain mean rate where the covariates cannot be fitted."""
    if family == "gaussian":
        root = np.sqrt(exposure)
        return X @ np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
    try:
        return exposure * np.exp(X @ fit_poisson(X, y, None, np.log(exposure)))
    except NotConverged:
        return exposure * y.sum() / exposure.sum()


def ratio_of_sums(fit: Untreated, rows: np.ndarray | None = None) -> tuple[float, float]:
    """Return the log of counted over predicted contacts in the treated person-periods (`rows` of fit.data), and its error."""
    chosen = fit.data.is_treated if rows is None else fit.data.is_treated & rows
    observed, predicted = fit.data.counted[chosen].sum(), fit.predicted[chosen].sum()
    if not observed > 0:
        raise NotEstimable("the treated have no contacts after their start")
    through = influence_through_fit(fit, fit.predicted * chosen, fit.data.counted - fit.predicted)
    influence = chosen * (fit.data.counted - fit.fitted) / observed - through / predicted
    return float(np.log(observed / predicted)), error_of(fit, influence)


def mean_difference(fit: Untreated, family: str, rows: np.ndarray | None = None) -> tuple[float, float]:
    """Return the mean of counted less predicted over the treated person-periods and its error (R's `emfx`).

    In gaussian person-periods are weighted by exposure; in poisson each counts once.
    """
    chosen = fit.data.is_treated if rows is None else fit.data.is_treated & rows
    own = fit.data.exposure if family == "gaussian" else np.ones(len(chosen))
    weight = chosen * own / (chosen @ own)
    slope = weight * (fit.predicted if family == "poisson" else 1.0)
    residual = (fit.data.counted - fit.predicted) * (fit.data.exposure if family == "gaussian" else 1.0)
    influence = weight * (fit.data.counted - fit.fitted) - influence_through_fit(fit, slope, residual)
    difference = float(weight @ (fit.data.counted - fit.predicted))
    return difference, error_of(fit, influence)


def estimate_leads(data: Staggered, first: int, last: int, per_block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (first period of each block, log ratios, covariance) before the start, where nothing should have happened yet.

    The untreated rows alone, with an indicator for each block of `per_block` periods from `first` to `last` (both below
    nought, counted from the start; earlier periods are the reference), as Borusyak, Jaravel & Spiess (2024) test
    parallel trends. Raises NotEstimable when a block holds no contacts or nothing is left to compare with.
    """
    data, _ = only_comparable(data)
    data, _ = with_events(data)
    data = data.keep(~data.is_treated)
    since = np.where(data.cohort <= data.period.max(initial=0), data.period - data.cohort, first - 1)
    starts = np.arange(first, last + 1, per_block)
    leads = [((since >= start) & (since < start + per_block)).astype(float) for start in starts]
    if not all(lead @ data.counted > 0 for lead in leads):
        raise NotEstimable("a block before the start holds no contacts")
    X = hstack([csr_array(np.column_stack(leads)), two_way_design(data)]).tocsr()
    cells, y, e = add_up_cells(data, X, "poisson")
    beta, information = fit_poisson_sparse(cells, y, e)
    residual = data.counted - data.exposure * np.exp(X @ beta)
    influence = X.multiply(residual[:, None]) @ information[:, : len(leads)]
    person = np.unique(data.person, return_inverse=True)[1]
    per_person = np.stack([np.bincount(person, column) for column in np.asarray(influence).T], axis=1)
    n_people = len(per_person)
    if np.linalg.matrix_rank(per_person) < len(leads):
        raise NotEstimable("the periods before the start cannot be told apart from cohorts and calendar")
    return starts, beta[: len(leads)], per_person.T @ per_person * n_people / (n_people - 1)


def error_of(fit: Untreated, influence: np.ndarray) -> float:
    """Return the error clustered by person, with the factor (rows - 1) / (rows - parameters) of fixest."""
    n_rows = len(influence)
    factor = (n_rows - 1) / max(n_rows - fit.n_parameters, 1)
    return clustered_error(influence, fit.data.person) * np.sqrt(factor)


def influence_through_fit(fit: Untreated, slope: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """Return how each untreated row moves the sum of predictions, whose derivative by its linear predictor is `slope`."""
    direction = fit.information @ (fit.design.T @ slope)
    return ~fit.data.is_treated * residual * (fit.design @ direction)
