"""One doubly robust contrast over person-trials: assembled, fitted, and refitted in a resample.

Every referred person is compared with people not yet referred who had the same recent trajectory and were given
the same month as their time zero (sequential trials: Gran et al. 2010; Danaei et al. 2013; risk sets as in Li,
Propert & Rosenbaum 2001). Comparison trials carry odds weights, which make them look like the treated, and a
Poisson regression on the same covariates removes what the weights leave:

    log E[contacts_i] = log(exposure_i) + x_i' beta + delta * treated_i        weighted by w_i

Either part alone suffices when it is right (Bang & Robins 2005); exp(delta) is the incidence rate ratio.
Builds on pipeline.weighting (weights), pipeline.glm (fits) and pipeline.resampling (refits).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.errors import InputError
from pipeline.estimates import DAYS_IN_MONTH
from pipeline.glm import NotConverged, fit_poisson
from pipeline.resampling import Start, refit_together, start_from
from pipeline.weighting import design_matrix, fit_propensity, odds_weights

PRIMARY = "n_contacts"
SECONDARY = ["n_caller", "n_101", "n_999", "n_attended", "n_subject", "n_victim", "officer_minutes"]
OUTCOMES = [PRIMARY, *SECONDARY]
LATER = "_later"


class Trials(NamedTuple):
    """The person-trials of the analysis as aligned arrays, one entry per triggered trial with exposure."""

    trial_id: np.ndarray
    person: np.ndarray  # position in the list of persons that is resampled
    month: np.ndarray  # code of the index month: the trial a row belongs to
    is_referred: np.ndarray
    is_engaged: np.ndarray
    design: np.ndarray  # covariates at time zero, intercept first, made orthogonal
    columns: list[str]  # names of the covariates
    outcomes: dict[str, np.ndarray]  # per outcome the sum after time zero
    exposure: dict[str, np.ndarray]  # per outcome the days behind it
    later: dict[str, np.ndarray]  # per outcome the part of the sum that lies after a comparison person's own referral
    knows_engaged: bool = True  # whether anything says who engaged; a ready panel may not


class Fit(NamedTuple):
    """A fitted contrast: weights per trial (0 outside it) and, per outcome, coefficients with delta as the last."""

    treated: np.ndarray  # the trials that are compared with the not yet referred
    propensity: np.ndarray
    weights: np.ndarray
    coefficients: dict[str, np.ndarray]
    starts: dict[str, Start]  # where resamples start: of the propensity, and per outcome that has coefficients


def list_outcomes(panel: pd.DataFrame) -> list[str]:
    """Return the outcomes that `panel` counts, the primary first: a ready panel may have fewer than ours, or others."""
    found = [name for name in panel.columns if name not in ("trial_id", "month", "exposure_days") and not name.endswith(LATER)]
    return sorted(found, key=lambda name: OUTCOMES.index(name) if name in OUTCOMES else len(OUTCOMES))


def sum_follow_up(cohort: pd.DataFrame, panel: pd.DataFrame, months_after: int) -> pd.DataFrame:
    """Return per trial_id the outcomes and exposure_days summed over months 0 to `months_after` - 1.

    The columns with the ending _later hold the part of each that lies after a comparison person's own referral, nought
    where the panel says nothing of it. Raises InputError when the panel is shorter than `months_after` or lacks a month.
    """
    after, names = panel[panel["month"].between(0, months_after - 1)], [*list_outcomes(panel), "exposure_days"]
    found = after["month"].max() + 1 if len(after) else 0
    if found < months_after:
        raise InputError(f"Table panel: {found} months after time zero, {months_after} are wanted. Lower months_after or rerun 03_panel.")
    gaps = sorted(set(range(months_after)) - set(after["month"]))
    if gaps:
        raise InputError(f"Table panel, month: {gaps} missing between 0 and {months_after - 1}, so that their contacts would count as none. Rerun 03_panel.")
    after = after[after["trial_id"].isin(cohort["trial_id"])]
    columns = [*names, *(f"{name}{LATER}" for name in names)]
    return after.reindex(columns=["trial_id", *columns], fill_value=0).groupby("trial_id", as_index=False)[columns].sum()


def assemble_trials(cohort: pd.DataFrame, panel: pd.DataFrame, persons: pd.Index, months_after: int) -> Trials:
    """Return the triggered trials that have exposure as Trials; `persons` are the person_ids that will be resampled.

    Raises InputError when an arm is empty.
    """
    triggered = cohort[cohort["is_triggered"]]
    rows = triggered.merge(sum_follow_up(triggered, panel, months_after), on="trial_id", how="inner", validate="one_to_one")
    rows = rows[rows["exposure_days"] > 0].sort_values("trial_id", ignore_index=True)
    is_referred = (rows["arm"] == "referred").to_numpy()
    InputError.collect([
        f"Table cohort: nobody with exposure in the arm {arm}. Widen the study period or check the linkage."
        for arm, is_missing in (("referred", not is_referred.any()), ("not_yet_referred", bool(is_referred.all())))
        if is_missing
    ])
    matrix, columns = design_matrix(rows)
    outcomes = list_outcomes(panel)
    exposure = rows["exposure_days"].to_numpy(float)
    return Trials(
        trial_id=rows["trial_id"].to_numpy(),
        person=persons.get_indexer(rows["person_id"]),
        month=pd.factorize(rows["index_month"], sort=True)[0],
        is_referred=is_referred,
        is_engaged=is_referred & rows["is_engaged"].fillna(False).to_numpy(bool),
        design=orthogonal(matrix),
        columns=columns,
        outcomes={name: rows[name].to_numpy(float) for name in outcomes},
        exposure={name: exposure for name in outcomes},
        later={name: rows[f"{name}{LATER}"].to_numpy(float) for name in [*outcomes, "exposure_days"]},
        knows_engaged=bool(rows.loc[is_referred, "is_engaged"].notna().all()),
    )


def orthogonal(matrix: np.ndarray) -> np.ndarray:
    """Return columns that span the same space as those of `matrix`, orthogonal and of mean square 1, the intercept still 1.

    Weights and contrasts do not depend on the basis; Newton's method in a resample does (lags and their squares).
    """
    basis, triangle = np.linalg.qr(matrix)
    return np.ascontiguousarray(basis * np.sign(np.diag(triangle)) * np.sqrt(len(matrix)))


def fit_contrast(trials: Trials, treated: np.ndarray, outcomes: list[str]) -> Fit | None:
    """Return the contrast of the `treated` trials with the not yet referred, for each of `outcomes`.

    None when nobody is treated or the two sides can be told apart completely, so that there is nobody to compare
    with; an outcome that one side never has gets missing coefficients.
    """
    rows = treated | ~trials.is_referred
    X, side = trials.design[rows], treated[rows]
    if not side.any():
        return None
    try:
        propensity = fit_propensity(X, side.astype(float))
    except NotConverged:
        return None
    weights = np.zeros(len(rows))
    weights[rows] = odds_weights(X, propensity, side, trials.month[rows])
    coefficients = {name: fit_outcome(trials, treated, weights, name) for name in outcomes}
    starts = {"propensity": start_from("logit", X, np.ones(len(X)), propensity)}
    Z = np.column_stack([trials.design, treated])
    starts |= {name: start_from("poisson", Z, weights * trials.exposure[name], found) for name, found in coefficients.items() if not np.isnan(found).any()}
    return Fit(treated, propensity, weights, coefficients, starts)


def fit_outcome(trials: Trials, treated: np.ndarray, weights: np.ndarray, name: str, with_covariates: bool = True) -> np.ndarray:
    """Return the coefficients of the weighted Poisson regression of outcome `name`, delta last; NaN where it has none."""
    y, days = trials.outcomes[name], trials.exposure[name]
    X = np.column_stack([trials.design if with_covariates else trials.design[:, :1], treated])
    used = (weights > 0) & (days > 0)
    missing = np.full(X.shape[1], np.nan)
    if not (y[used & treated].any() and y[used & ~treated].any()):
        return missing
    try:
        return fit_poisson(X[used], y[used], weights[used], np.log(days[used]))
    except NotConverged:
        return missing


def refit_contrasts(trials: Trials, fits: list[Fit], frequency: np.ndarray) -> list[tuple[np.ndarray, dict[str, float]]]:
    """Return, per contrast of `fits`, the odds weights and per outcome delta in a resample that drew each trial `frequency` times.

    A side without a single contact in the resample gives minus or plus infinity, never a number. All propensities are
    refitted together and so are all outcomes: the design is the same, and trials outside a contrast weigh nothing in it.
    """
    if not fits:
        return []
    rows = np.flatnonzero((frequency > 0) & np.logical_or.reduce([~trials.is_referred, *(fit.treated for fit in fits)]))
    X, side, month = trials.design[rows].astype(np.float32), trials.is_referred[rows], trials.month[rows]
    often = np.stack([frequency[rows] * (fit.treated[rows] | ~side) for fit in fits]).astype(np.float32)
    propensities = refit_together("logit", X, often * side, often, [fit.starts["propensity"] for fit in fits]).astype(np.float32)
    odds = np.stack([odds_weights(X, one, side, month, times) * (times > 0) for one, times in zip(propensities, often)])
    deltas = refit_outcomes(trials, fits, rows, np.column_stack([X, side.astype(np.float32)]), often * odds)
    weights = np.zeros((len(fits), len(frequency)), np.float32)
    weights[:, rows] = odds
    return list(zip(weights, deltas))


def refit_outcomes(trials: Trials, fits: list[Fit], rows: np.ndarray, Z: np.ndarray, weights: np.ndarray) -> list[dict[str, float]]:
    """Return delta per outcome of each of `fits` on the resampled `rows`, whose design is `Z` with the side last; `weights` has a row per fit."""
    side = trials.is_referred[rows]
    models = [(number, name, fit.starts[name]) for number, fit in enumerate(fits) for name in fit.coefficients if name in fit.starts]
    if not models:
        return [dict.fromkeys(fit.coefficients, np.nan) for fit in fits]
    time = np.stack([weights[number] * trials.exposure[name][rows] for number, name, _ in models]).astype(np.float32)
    events = np.stack([weights[number] * trials.outcomes[name][rows] for number, name, _ in models]).astype(np.float32)
    events *= time > 0
    treated_have, others_have = events[:, side].any(axis=1), events[:, ~side].any(axis=1)
    found = np.select([treated_have & others_have, treated_have], [0.0, np.inf], -np.inf)
    usable = np.flatnonzero(found == 0)
    if len(usable):
        found[usable] = refit_together("poisson", Z, events[usable], time[usable], [models[model][2] for model in usable])[:, -1]
    deltas = [dict.fromkeys(fit.coefficients, np.nan) for fit in fits]
    for (number, name, _), delta in zip(models, found):
        deltas[number][name] = float(delta)
    return deltas
