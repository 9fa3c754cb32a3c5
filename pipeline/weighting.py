"""Propensity of referral on the trajectory, odds weights, balance.

Odds weights give the comparison people the trajectories of the referred, so that the weighted comparison estimates
what would have become of the referred (Hirano, Imbens & Ridder 2003; in sequential trials Danaei et al. 2013).
Builds on pipeline.glm.
"""

import numpy as np
import pandas as pd

from pipeline.glm import fit_logit

# A category held by fewer of the referred is left in the reference: with it a resample may hold nobody.
LEAST_SHARE, LEAST_PEOPLE = 0.05, 10
# Knots of the calendar at these quantiles of the months of referral (Harrell 2015, table 2.3, five knots).
CALENDAR_QUANTILES = [0.05, 0.275, 0.50, 0.725, 0.95]


def lag_columns(cohort: pd.DataFrame) -> list[str]:
    """Return the names of the cohort's lag columns, nearest span first."""
    names = [name for name in cohort.columns if name.startswith("n_lag_")]
    return sorted(names, key=lambda name: int(name.split("_")[2]))


def is_referred(cohort: pd.DataFrame) -> np.ndarray:
    """Return 1.0 for the referred arm and 0.0 for the comparison arm."""
    return (cohort["arm"] == "referred").to_numpy(float)


def design_matrix(cohort: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Return the covariates at time zero as a matrix with an intercept first, and the names of its columns.

    The trajectory (log of 1 + contacts in each span of months before time zero and its square, log of days since the
    last contact), the contact mix, age and sex with indicators of missing ones, the districts with many referred
    people, calendar (restricted cubic spline of the month) and season (one harmonic). Columns without variation and
    columns that depend on earlier ones are left out, so the propensity and the outcome model can share the matrix.
    Expects triggered person-trials: their contact mix is never missing.
    """
    columns = {"intercept": np.ones(len(cohort))}
    for name in lag_columns(cohort):
        columns[f"log_{name[2:]}"] = np.log1p(cohort[name].to_numpy(float))
        columns[f"log_{name[2:]}_squared"] = columns[f"log_{name[2:]}"] ** 2
    columns["log_days_since_contact"] = np.log(cohort["days_since_contact"].to_numpy(float))
    for share in ["share_caller", "share_101"]:
        columns[share] = cohort[share].to_numpy(float)
    columns |= age_columns(cohort["age"])
    columns |= category_columns(cohort, "sex") | category_columns(cohort, "area")
    columns |= calendar_columns(cohort)
    return independent_columns(columns)


def age_columns(age: pd.Series) -> dict[str, np.ndarray]:
    """Return age in decades around its mean (0 where missing), its square, and whether it is missing."""
    years = age.to_numpy(float, na_value=np.nan)
    missing = np.isnan(years)
    if missing.all():
        return {}
    decades = np.where(missing, 0, (years - np.nanmean(years)) / 10)
    return {"age": decades, "age_squared": decades**2, "age_missing": missing.astype(float)}


def category_columns(cohort: pd.DataFrame, name: str) -> dict[str, np.ndarray]:
    """Return one 0/1 column per category of `name` (missing counts as one) that enough of the referred hold.

    The commonest among the referred and all rare ones together are the reference.
    """
    values = cohort[name].astype(object).where(cohort[name].notna(), "missing")
    among_referred = values[cohort["arm"] == "referred"].value_counts()
    least = max(LEAST_PEOPLE, LEAST_SHARE * among_referred.sum())
    kept = sorted(among_referred[among_referred >= least].index[1:])
    return {f"{name}_{value}": (values == value).to_numpy(float) for value in kept}


def calendar_columns(cohort: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return a restricted cubic spline of the index month in years (Harrell 2015, equation 2.25) and one yearly harmonic."""
    month = cohort["index_month"]
    years = (month.dt.year + (month.dt.month - 1) / 12).to_numpy(float)
    knots = np.unique(np.quantile(years[cohort["arm"] == "referred"], CALENDAR_QUANTILES))
    columns = {"calendar": years - knots.mean()}
    if len(knots) >= 3:
        first, before_last, last = knots[0], knots[-2], knots[-1]

        def cubed(knot):
            return np.clip(years - knot, 0, None) ** 3

        for number, knot in enumerate(knots[:-2], start=1):
            tail = (cubed(before_last) * (last - knot) - cubed(last) * (before_last - knot)) / (last - before_last)
            columns[f"calendar_spline_{number}"] = (cubed(knot) - tail) / (last - first) ** 2
    columns["season_sin"] = np.sin(2 * np.pi * years)
    columns["season_cos"] = np.cos(2 * np.pi * years)
    return columns


def independent_columns(columns: dict[str, np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """Return the columns as a matrix and their names, without those that are empty or depend on earlier ones."""
    names = list(columns)
    matrix = np.column_stack([columns[name] for name in names])
    length = np.linalg.norm(matrix, axis=0)
    # R of a QR decomposition holds, per column, what the earlier columns leave unexplained.
    left = np.abs(np.diag(np.linalg.qr(matrix / np.where(length > 0, length, 1), mode="r")))
    kept = np.flatnonzero(left > 1e-4)
    return np.ascontiguousarray(matrix[:, kept]), [names[column] for column in kept]


def fit_propensity(X: np.ndarray, treated: np.ndarray, weights=None, start=None) -> np.ndarray:
    """Return the coefficients of the pooled logit of being treated on `X` (see design_matrix).

    `weights` are how often each row was drawn in a resample, `start` the coefficients of the full sample.
    Raises pipeline.glm.NotConverged where the arms can be told apart completely.
    """
    return fit_logit(X, treated, weights, start)


def odds_weights(X: np.ndarray, coefficients: np.ndarray, treated: np.ndarray, trial: np.ndarray, weights=None) -> np.ndarray:
    """Return one weight per row: 1 for the treated, the odds of treatment for the others.

    Within each trial (`trial`: a code per row, 0, 1, ...; the months of referral) the odds are scaled so that the
    comparison rows weigh as much as the treated: a month in which many comparison people were drawn counts no more
    than its referrals do. A trial without treated rows weighs nothing. `weights` are frequencies in a resample; the
    weights returned do not include them.
    """
    frequency = np.ones(len(treated)) if weights is None else np.asarray(weights, float)
    treated = np.asarray(treated, bool)
    odds = np.where(treated, 0, np.exp(X @ coefficients))
    n_treated = np.bincount(trial, frequency * treated)
    total = np.bincount(trial, frequency * odds)
    scale = np.divide(n_treated, total, out=np.zeros_like(total), where=total > 0)
    return np.where(treated, 1.0, odds * scale[trial])
