"""Propensity of referral on the trajectory, odds weights, balance.

Odds weights give the comparison people the trajectories of the referred, so that the weighted comparison estimates
what would have become of the referred (Hirano, Imbens & Ridder 2003; in sequential trials Danaei et al. 2013).
Builds on pipeline.glm.
"""

import numpy as np
import pandas as pd

from pipeline.errors import InputError
from pipeline.glm import NotConverged, fit_logit

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

    The trajectory (log of 1 + contacts in each span of months before time zero, within the trigger's months and in the last days, their
    squares, log of days since the last contact), the contact mix, age, sex and further covariates with indicators of missing ones, the districts with many referred
    people, calendar (restricted cubic spline of the month) and season (one harmonic). Columns without variation and
    columns that depend on earlier ones are left out, so the propensity and the outcome model can share the matrix.
    Expects triggered person-trials. What is missing for everybody is left out; what is missing for some has an indicator.
    """
    columns = {"intercept": np.ones(len(cohort))}
    for name in [*lag_columns(cohort), "n_recent", *last_days(cohort)]:
        columns[f"log_{name[2:]}"] = np.log1p(cohort[name].to_numpy(float))
        columns[f"log_{name[2:]}_squared"] = columns[f"log_{name[2:]}"] ** 2
    # Whoever has no contact on record has no days since the last one and no contact mix.
    columns |= known_columns("log_days_since_contact", np.log(cohort["days_since_contact"].to_numpy(float)))
    columns |= known_columns("share_caller", cohort["share_caller"].to_numpy(float)) | known_columns("share_101", cohort["share_101"].to_numpy(float))
    columns |= age_columns(cohort["age"])
    columns |= category_columns(cohort, "sex") | category_columns(cohort, "area")
    for name in extra_covariates(cohort):
        columns |= known_columns(name, cohort[name].to_numpy(float)) if is_number(cohort[name]) else category_columns(cohort, name)
    columns |= calendar_columns(cohort)
    return independent_columns(columns)


def last_days(cohort: pd.DataFrame) -> list[str]:
    """Return the name of the count of the last days before time zero, in a list; an empty one where days are not known.

    Without it a referral after a bad week compares people in the midst of a burst with people who had one within the month: in the audit
    every design then erred by 0.17 towards harm.
    """
    return ["n_last_days"] if "n_last_days" in cohort and cohort["n_last_days"].notna().all() else []


def extra_covariates(cohort: pd.DataFrame) -> list[str]:
    """Return the names of the covariates that only a ready panel has."""
    return [name for name in cohort.columns if name.startswith("covariate_")]


def is_number(values: pd.Series) -> bool:
    """Return whether a covariate is a number; anything else is a category."""
    return pd.api.types.is_numeric_dtype(values)


def known_columns(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return `values` with their mean where missing, and whether they are missing; nothing when all of them are."""
    missing = np.isnan(values)
    if missing.all():
        return {}
    return {name: np.where(missing, np.nanmean(values), values), f"{name}_missing": missing.astype(float)}


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


def add_weights(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return the cohort with `weight`: 1 for the referred, the odds weight for comparison person-trials, NA where not triggered.

    Raises InputError when the trajectories alone tell the arms apart, so that nobody can be compared.
    """
    triggered = cohort["is_triggered"].to_numpy(bool)
    try:
        weights = weights_against(cohort[triggered], is_referred(cohort[triggered]), pd.factorize(cohort.loc[triggered, "index_month"])[0])
    except NotConverged:
        raise InputError(
            "Cohort: the weights of the comparison people cannot be fitted, because their months before time zero tell them apart from the "
            "referred completely. Check that both come from the same contact extract, or shorten panel.lag_edges."
        ) from None
    weighted = cohort.assign(weight=np.nan)
    weighted.loc[triggered, "weight"] = weights
    return weighted


def weights_against(people: pd.DataFrame, treated: np.ndarray, trial: np.ndarray) -> np.ndarray:
    """Return odds weights that give the untreated rows of `people` the covariates of the treated, scaled within `trial`."""
    return compare(people, treated, trial)[0]


def compare(people: pd.DataFrame, treated: np.ndarray, trial: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the odds weights of `weights_against` and the overlap: the share of the treated whose propensity is no higher than every untreated row's."""
    X, _ = design_matrix(people)
    coefficients, side = fit_propensity(X, treated), np.asarray(treated, bool)
    linear = X @ coefficients
    return odds_weights(X, coefficients, treated, trial), float((linear[side] <= linear[~side].max(initial=-np.inf)).mean())


def effective_size(weights: np.ndarray, person: np.ndarray) -> float:
    """Return Kish's (1965) effective number of people: the square of the summed weights over the sum of squares.

    Weights are summed per person first, because the person-trials of one person are not independent.
    """
    per_person = pd.Series(np.asarray(weights, float)).groupby(np.asarray(person)).sum()
    squares = (per_person**2).sum()
    return float(per_person.sum() ** 2 / squares) if squares > 0 else 0.0


def balance_tables(cohort: pd.DataFrame, at_most: float) -> pd.DataFrame:
    """Return the balance (see balance_table) of every comparison, in the order of the questions they answer:

    the referred against the not yet referred, under the cohort's weights; the referred who never engaged, and the
    engaged, against the not yet referred; the engaged against the referred who never engaged. The last three have
    weights of their own, missing where the sides cannot be modelled; they are left out where nothing says who engaged.
    """
    triggered = cohort[cohort["is_triggered"]]
    first = compared_table(triggered, is_referred(triggered), "referred", "not_yet_referred", at_most, triggered["weight"].to_numpy())
    is_treated = triggered["arm"].eq("referred").to_numpy()
    if triggered.loc[is_treated, "is_engaged"].isna().any():
        return first
    is_engaged = is_treated & triggered["is_engaged"].fillna(False).to_numpy(bool)
    sides = [
        ("never_engaged", "not_yet_referred", is_treated & ~is_engaged, ~is_treated), ("engaged", "not_yet_referred", is_engaged, ~is_treated),
        ("engaged", "never_engaged", is_engaged, is_treated & ~is_engaged),
    ]  # fmt: skip
    return pd.concat([first, *(compared_table(triggered[one | other], one[one | other].astype(float), treated, comparison, at_most) for treated, comparison, one, other in sides)], ignore_index=True)


def compared_table(people: pd.DataFrame, treated: np.ndarray, name: str, comparison: str, at_most: float, weights: np.ndarray | None = None) -> pd.DataFrame:
    """Return the balance_table of one comparison with `treated` (its name) and `overlap`; own weights unless `weights` are given."""
    # Those who never engaged were all referred: months have no comparison of their own there.
    month = np.zeros(len(people), int) if comparison == "never_engaged" else pd.factorize(people["index_month"])[0]
    own, overlap = np.full(len(people), np.nan), np.nan
    if 0 < treated.sum() < len(treated):
        try:
            own, overlap = compare(people, treated, month)
        except NotConverged:
            pass
    table = balance_table(people, treated, own if weights is None else weights, comparison, at_most)
    table.insert(1, "treated", name)
    return table.assign(overlap=overlap)


def balance_table(people: pd.DataFrame, treated, weights, comparison: str, at_most: float) -> pd.DataFrame:
    """Return one row per covariate: covariate, comparison, smd_before, smd_after, flag, n_referred, n_comparison, n_effective.

    Standardised differences are those of the means, treated less comparison, over the root of the mean of both arms'
    variances before weighting (Austin 2009), so that before and after have one scale. flag is green up to half of
    `at_most`, amber up to `at_most`, red above or where nothing can be said. n_referred (the treated) and n_comparison are people.
    """
    treated = np.asarray(treated, bool)
    covariates = balance_covariates(people)
    table = pd.DataFrame({"covariate": covariates.columns, "comparison": comparison})
    table["smd_before"] = [standardised_difference(covariates[name].to_numpy(), treated, np.ones(len(people))) for name in covariates]
    table["smd_after"] = [standardised_difference(covariates[name].to_numpy(), treated, weights) for name in covariates]
    table["flag"] = np.select([table["smd_after"].abs() <= at_most / 2, table["smd_after"].abs() <= at_most], ["green", "amber"], "red")
    table["n_referred"] = people.loc[treated, "person_id"].nunique()
    table["n_comparison"] = people.loc[~treated, "person_id"].nunique()
    table["n_effective"] = effective_size(weights[~treated], people.loc[~treated, "person_id"])
    return table


def standardised_difference(values: np.ndarray, treated: np.ndarray, weights: np.ndarray) -> float:
    """Return the weighted difference of means over the unweighted pooled standard deviation; rows without a value are left out."""
    known = ~np.isnan(values)
    means, variances = [], []
    for arm in (treated & known, ~treated & known):
        if not weights[arm].sum() > 0:
            return np.nan
        means.append(np.average(values[arm], weights=weights[arm]))
        variances.append(np.var(values[arm], ddof=1) if arm.sum() > 1 else 0)
    spread = np.sqrt(np.mean(variances))
    return (means[0] - means[1]) / spread if spread > 0 else 0.0


def balance_covariates(people: pd.DataFrame) -> pd.DataFrame:
    """Return the covariates whose balance is shown, one column each, as they are recorded and not as the model bends them."""
    table = people[[*lag_columns(people), "n_recent", *last_days(people), "days_since_contact", "share_caller", "share_101", "age"]].astype(float)
    table["age_missing"] = people["age"].isna().astype(float)
    for name in ["sex", "area", *extra_covariates(people)]:
        table = table.assign(**({name: people[name].astype(float)} if is_number(people[name]) else category_columns(people, name)))
    table["index_month"] = (people["index_month"].dt.year * 12 + people["index_month"].dt.month).astype(float)
    # A covariate that a set does not have (the contact mix, age) is none.
    table = table.dropna(axis=1, how="all")
    return table if "age" in table else table.drop(columns="age_missing")
