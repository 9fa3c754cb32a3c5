"""The effect of referral in groups that were named beforehand, and whether it differs between them.

Need and source exist for the referred only: each need's referred are compared with all people not yet referred, under
weights of their own. What both sides have (age, sex, demand before, the pandemic) divides both. The test of a
characteristic asks whether its groups share one effect (Wald, with the covariance that comes from comparing with the
same people, and Welch's 1951 correction for small groups); p-values are corrected for the number of characteristics (Holm 1979). Groups are small: exploratory.

Comparison people are referred later themselves. As in pipeline.later_referral, with s the share of their contacts that
follow a referral of their own, but taking the effect of referral on everybody (theta) for what it did to them:

    theta_group = R_group / ((1 - s) + s / theta)

Builds on pipeline.contrasts, pipeline.effect, pipeline.weighted_influence, pipeline.influence, pipeline.later_referral,
pipeline.model_checks (trials cut to some), pipeline.weighting, pipeline.estimates and pipeline.disclosure.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import fdtrc, stdtrit
from statsmodels.stats.multitest import multipletests

from pipeline.contrasts import PRIMARY, Fit, Trials, fit_contrast, orthogonal
from pipeline.disclosure import control_table
from pipeline.effect import Fits
from pipeline.estimates import ESTIMATED
from pipeline.influence import degrees_of_freedom
from pipeline.later_referral import net_against, net_ratio
from pipeline.model_checks import keep_trials
from pipeline.weighted_influence import influence_of_ratio, influence_of_share
from pipeline.weighting import design_matrix

COLUMNS = ["characteristic", "level", "position", "estimate", "std_error", "ci_low", "ci_high", "n_referred", "n_comparison", "status", "p_interaction", "p_corrected"]
# What only the referred have; everything else divides both arms.
OF_REFERRED = ["primary_need", "referral_source"]
EVERYONE = "everyone"
VOID = "not estimable: the arms can be told apart completely, or one has no contacts"


class Moved(NamedTuple):
    """A log ratio, by how much each person moves it, and what had to be left out."""

    estimate: float
    influence: np.ndarray
    status: str


def describe_levels(cohort: pd.DataFrame, trials: Trials, subgroups) -> dict[str, pd.Series]:
    """Return, per characteristic of `subgroups.tried`, the level of each trial as an ordered category; missing where unknown.

    `subgroups` has tried, ages_from, contacts_from and pandemic_from (the section of params.yaml). A characteristic
    that divides nobody, because nothing is known of it or all are alike, has no entry.
    """
    rows = cohort.set_index("trial_id").loc[trials.trial_id]
    lags = rows[[name for name in rows.columns if name.startswith("n_lag_")]]
    pandemic = rows["index_on"] >= pd.Timestamp(subgroups.pandemic_from)
    makers = {
        "primary_need": lambda: by_size(rows["primary_need"].where(trials.is_referred)),
        "referral_source": lambda: by_size(rows["referral_source"].where(trials.is_referred)),
        "prior_demand": lambda: in_bands(lags.sum(axis=1), subgroups.contacts_from, "contacts"),
        "age": lambda: in_bands(rows["age"], subgroups.ages_from, "years"),
        "sex": lambda: by_size(rows["sex"]),
        "pandemic": lambda: pd.Series(pd.Categorical(np.where(pandemic, "referred in the pandemic", "referred before it"), ["referred before it", "referred in the pandemic"])),
    }
    levels = {name: makers[name]().reset_index(drop=True).cat.remove_unused_categories() for name in subgroups.tried}
    return {name: values for name, values in levels.items() if len(values.cat.categories) > 1}


def by_size(values: pd.Series) -> pd.Series:
    """Return text as an ordered category, the commonest first."""
    counts = values.dropna().astype(str).value_counts()
    order = sorted(counts.index, key=lambda name: (-counts[name], name))
    return pd.Series(pd.Categorical(values, order), index=values.index)


def in_bands(values: pd.Series, starts: list[int], unit: str) -> pd.Series:
    """Return numbers in bands that begin with `starts`: "under 35 years", "35 to 49 years", "50 years and more"."""
    names = [f"under {starts[0]} {unit}", *(f"{low} to {high - 1} {unit}" for low, high in zip(starts, starts[1:])), f"{starts[-1]} {unit} and more"]
    return pd.Series(pd.cut(values.astype(float), [-np.inf, *starts, np.inf], right=False, labels=names), index=values.index)


def estimate_subgroups(cohort: pd.DataFrame, trials: Trials, fits: Fits, subgroups, confidence: float) -> pd.DataFrame:
    """Return `subgroups` (COLUMNS): the log ratio of referral in everyone and in each level, in the order of the plan.

    A level with fewer than subgroups.people_at_least in an arm, or whose arms
    cannot be compared, is a row without numbers whose status says why; it takes no part in the test.
    """
    n_people, trials = int(trials.person.max()) + 1, as_asked(trials, fits)
    matrix, names = design_matrix(cohort.set_index("trial_id", drop=False).loc[trials.trial_id])
    covariates = pd.DataFrame(matrix, columns=names)
    everyone = net_of_later(trials, fits.referral, *ratio_and_influence(trials, fits.referral, n_people), None, n_people)
    rows, tests = [level_row(EVERYONE, EVERYONE, 0, Moved(*everyone, ESTIMATED if np.isfinite(everyone[0]) else VOID), trials, trials.is_referred, confidence)], {}
    for characteristic, values in describe_levels(cohort, trials, subgroups).items():
        found = []
        for level in values.cat.categories:
            is_level = (values == level).to_numpy()
            kept = trials.is_referred & is_level | ~trials.is_referred & (is_level | (characteristic in OF_REFERRED))
            one = estimate_level(trials, covariates, kept, subgroups.people_at_least, everyone, n_people)
            found.append(one)
            rows.append(level_row(characteristic, level, len(rows), one, trials, kept, confidence))
        tests[characteristic] = equality_test([one for one in found if np.isfinite(one.estimate)])
    table = pd.DataFrame(rows)
    table["p_interaction"] = table["characteristic"].map(tests).astype(float)
    table["p_corrected"] = table["characteristic"].map(correct_tests(tests)).astype(float)
    return table[COLUMNS]


def estimate_level(trials: Trials, covariates: pd.DataFrame, kept: np.ndarray, people_at_least: int, everyone: tuple, n_people: int) -> Moved:
    """Return the log ratio of referral among the trials `kept`, net of later referrals of the comparison, or why there is none.

    `covariates` (pipeline.weighting.design_matrix, a row per trial) are those of all trials; what all the referred of the
    group share, such as a category that none of them has, cannot be weighted on and is left out.
    """
    missing = np.full(n_people, np.nan)
    sizes = [len(np.unique(trials.person[kept & side])) for side in (trials.is_referred, ~trials.is_referred)]
    if min(sizes) < people_at_least:
        return Moved(np.nan, missing, f"not estimated: fewer than {people_at_least} people in an arm")
    part, own = keep_trials(trials, kept), covariates[kept]
    varied = [name for name in own if name == "intercept" or own.loc[part.is_referred, name].nunique() > 1]
    trajectory = [name for name in varied if name.startswith(("intercept", "log_"))]
    for names, note in ((varied, ""), (trajectory, "; weighted on the trajectory only")):
        one = part._replace(design=independent(own[names].to_numpy()))
        fit = fit_contrast(one, one.is_referred, [PRIMARY])
        if fit is not None and np.isfinite(fit.coefficients[PRIMARY]).all():
            estimate, moved = net_of_later(one, fit, *ratio_and_influence(one, fit, n_people), everyone, n_people)
            return Moved(estimate, moved, ESTIMATED + note if np.isfinite(estimate) else VOID)
    return Moved(np.nan, missing, VOID)


def as_asked(trials: Trials, fits: Fits) -> Trials:
    """Return `trials`, nothing in them after a referral of their own where `fits` leave later referrals as they come."""
    return trials if fits.is_net else trials._replace(later={name: np.zeros_like(values) for name, values in trials.later.items()})


def independent(design: np.ndarray) -> np.ndarray:
    """Return orthogonal columns of the same span, without those that depend on earlier ones among these trials."""
    left = np.abs(np.diag(np.linalg.qr(design / np.linalg.norm(design, axis=0), mode="r")))
    return orthogonal(design[:, left > 1e-4])


def ratio_and_influence(trials: Trials, fit: Fit, n_people: int) -> tuple[float, np.ndarray]:
    """Return the log ratio that `fit` holds, later referrals not taken off, and by how much each person moves it; NaN where nobody is compared."""
    if not np.isfinite(fit.coefficients[PRIMARY]).all():
        return float("nan"), np.full(n_people, np.nan)
    return float(fit.coefficients[PRIMARY][-1]), influence_of_ratio(trials, fit, PRIMARY, n_people)


def net_of_later(trials: Trials, fit: Fit, ratio: float, moved: np.ndarray, everyone: tuple | None, n_people: int, outcome: str = PRIMARY) -> tuple[float, np.ndarray]:
    """Return the log ratio and its influences, later referrals of the comparison taken off at the effect on `everyone` (itself when None)."""
    if not np.isfinite(ratio):
        return float("nan"), np.full(n_people, np.nan)
    share, share_moved = influence_of_share(trials, fit, trials.later[outcome], trials.outcomes[outcome], n_people)
    if everyone is None:
        left = np.exp(ratio) - share
        if not left > 0:
            return float("nan"), np.full(n_people, np.nan)
        return float(net_ratio(ratio, share)), np.exp(ratio) / left * moved + (1 / (1 - share) - 1 / left) * share_moved
    theta, theta_moved = everyone
    untouched = 1 - share + share * np.exp(-theta)
    change = np.expm1(-theta) * share_moved - share * np.exp(-theta) * theta_moved
    return float(net_against(ratio, share, theta)), moved - change / untouched


def level_row(characteristic: str, level: str, position: int, one: Moved, trials: Trials, kept: np.ndarray, confidence: float) -> dict:
    """Return one row of `subgroups` without its tests."""
    error = float(np.sqrt(one.influence @ one.influence)) if np.isfinite(one.estimate) else np.nan
    width = stdtrit(degrees_of_freedom(one.influence), 0.5 + confidence / 2) * error
    sizes = [len(np.unique(trials.person[side])) for side in (trials.is_referred & kept, ~trials.is_referred & (kept | (characteristic == EVERYONE)))]
    return dict(
        characteristic=characteristic, level=level, position=position, estimate=one.estimate, std_error=error, ci_low=one.estimate - width, ci_high=one.estimate + width,
        n_referred=sizes[0], n_comparison=sizes[1], status=one.status,
    )  # fmt: skip


def equality_test(found: list[Moved]) -> float:
    """Return the p-value of the test that all levels `found` share one effect; NaN with fewer than two.

    The Wald statistic with the whole covariance, over k - 1, against F with the correction and the degrees of freedom of
    Welch (1951), where Lambda = sum of (1 - w_i / W)^2 / df_i over the k levels, w_i = 1 / variance, W = sum of w_i:

        F = Wald / (k - 1) / (1 + 2 (k - 2) / (k^2 - 1) Lambda), on k - 1 and (k^2 - 1) / (3 Lambda) degrees of freedom

    Against chi-square, small levels differed too readily: with the sources of the demonstration's referrals dealt anew
    at random, in more than a tenth of the deals at 5 %.
    """
    k = len(found)
    if k < 2:
        return float("nan")
    estimates, moved = np.array([one.estimate for one in found]), np.stack([one.influence for one in found])
    covariance = moved @ moved.T
    differences = np.eye(k)[1:] - np.eye(k)[:1]
    gaps = differences @ estimates
    wald = gaps @ np.linalg.solve(differences @ covariance @ differences.T, gaps)
    weights = 1 / np.diag(covariance)
    spread = float(((1 - weights / weights.sum()) ** 2 / [degrees_of_freedom(one.influence) for one in found]).sum())
    return float(fdtrc(k - 1, (k**2 - 1) / (3 * spread), wald / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * spread)))


def correct_tests(tests: dict[str, float]) -> dict[str, float]:
    """Return the p-values of the characteristics corrected for their number (Holm 1979); missing ones stay missing."""
    known = [name for name, p_value in tests.items() if np.isfinite(p_value)]
    return dict(zip(known, multipletests([tests[name] for name in known], method="holm")[1])) if known else {}


def control_subgroups(subgroups: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `subgroups` fit for publication: counts rounded, small ones suppressed (and the next smallest of the characteristic, whose total is known), estimates of small groups emptied."""
    estimates = ["estimate", "std_error", "ci_low", "ci_high"]
    is_small = subgroups[["n_referred", "n_comparison"]].min(axis=1) < threshold
    emptied = subgroups.assign(**{name: subgroups[name].mask(is_small) for name in estimates})
    return control_table(emptied, threshold, rounding, counts=["n_referred", "n_comparison"], within=["characteristic"]).round({name: 3 for name in [*estimates, "p_interaction", "p_corrected"]})
