"""What doubt about the links does to the effect: everything after the linkage done again on each draw of identities.

Each draw of `link_draws` goes through cohort, panel, weights and models; Rubin's rules put the draws together. The
variance within a draw is the infinitesimal jackknife over persons with the weights as given (Jaeckel 1972), times one
factor per estimand that brings it to the resampled variance of the accepted links, so that no draw needs resamples of
its own. Builds on pipeline.cohort, panel, contrasts, effect, influence, link_draws and multiple_imputation.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from pipeline.cohort import build_cohort
from pipeline.contrasts import PRIMARY, Fit, Trials, assemble_trials, fit_contrast
from pipeline.effect import Draws, Fits, complier_draws, complier_inverse, group_totals, list_persons, log_irr
from pipeline.errors import InputError
from pipeline.influence import influence_of_people, influence_of_total, net_influence, with_draws
from pipeline.link_draws import people_of_draw
from pipeline.multiple_imputation import pool_draws, t_interval
from pipeline.panel import build_panel

COLUMNS = [
    "estimand", "estimate_accepted", "estimate_pooled", "within", "between", "total", "df", "share_from_linkage", "missing_information",
    "std_error", "ci_low", "ci_high", "p_value", "std_error_without", "ci_low_without", "ci_high_without", "draws",
]  # fmt: skip
# The rows of `effects` that doubt about the links is carried into: comparison, estimator of each estimand.
CARRIED = {"referral": "sequential_trials", "engaged": "complier"}


class Estimates(NamedTuple):
    """Log IRR of referral and of engaging, their variances, and the number of people."""

    referral: float
    engaged: float
    referral_variance: float
    engaged_variance: float
    n_people: int


def estimate_effects(trials: Trials, fit: Fit | None, is_net: bool = True) -> Estimates:
    """Return both primary estimates with the variance of the infinitesimal jackknife; NaN without a fit.

    `is_net`: rid of comparison people's own later referrals (pipeline.later_referral).
    """
    n_people = int(trials.person.max()) + 1
    if fit is None or np.isnan(fit.coefficients[PRIMARY]).any():
        return Estimates(np.nan, np.nan, np.nan, np.nan, n_people)
    delta, moved = net_influence(trials, fit, n_people) if is_net else (fit.coefficients[PRIMARY][-1], influence_of_people(trials, fit, n_people))
    once = np.ones((1, n_people))
    engaged, never = (float(total[0]) for total in group_totals(trials, PRIMARY, once))
    inverse = float(complier_inverse(engaged, never, delta))
    by_engaged, by_never = (influence_of_total(trials, group, n_people) for group in (trials.is_engaged, trials.is_referred & ~trials.is_engaged))
    without = (engaged + never) / np.exp(delta)
    change = ((engaged * by_engaged + never * by_never) / np.exp(delta) - without * moved - never * by_never) / engaged - inverse * by_engaged
    engaged_variance = (change**2).sum() / inverse**2 if inverse > 0 else np.nan
    return Estimates(delta, float(log_irr(inverse)), float((moved**2).sum()), engaged_variance, n_people)


def estimate_draw(draw: int, tables: tuple, contact_facts, referral_facts, study, claim, panel, is_net: bool = True) -> Estimates:
    """Return the estimates of one draw; `tables` are link_draws, client_draws, links, persons and person_exits."""
    links, persons, person_exits = people_of_draw(draw, *tables)
    try:
        cohort = build_cohort(links, persons, person_exits, contact_facts, referral_facts, study, claim, panel)
    except InputError:  # too few people in this draw: the table says how many draws gave an estimate
        return Estimates(np.nan, np.nan, np.nan, np.nan, 0)
    months = build_panel(cohort, links, contact_facts, person_exits, study, 0, panel.months_after, panel.washout_days)
    trials = assemble_trials(cohort, months, list_persons(cohort), panel.months_after)
    return estimate_effects(trials, fit_contrast(trials, trials.is_referred, [PRIMARY]), is_net)


def estimate_draws(tables: tuple, contact_facts, referral_facts, study, claim, panel, is_net: bool = True, processes: int = 1) -> pd.DataFrame:
    """Return one row per draw (draw and the fields of Estimates); prints a line for every fifth draw.

    `tables`: link_draws, client_draws, links, persons, person_exits. Without draws the table is empty.
    """
    numbers = np.unique(tables[1]["draw"]).tolist()
    calls = (delayed(estimate_draw)(number, tables, contact_facts, referral_facts, study, claim, panel, is_net) for number in numbers)
    rows = []
    for row in Parallel(n_jobs=processes, return_as="generator")(calls):
        rows.append(row)
        if len(rows) % 5 == 0 or len(rows) == len(numbers):
            print(f"{len(rows)} of {len(numbers)} draws of the links", flush=True)
    return pd.DataFrame(rows, columns=Estimates._fields).assign(draw=numbers)


def pool_linkage(drawn: pd.DataFrame, trials: Trials, fits: Fits, draws: Draws, effects: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Return the table linkage_uncertainty (columns in COLUMNS), one row per primary estimand; estimates are log IRR.

    `drawn` as from `estimate_draws`; the other arguments are those of the accepted links. The interval has the accepted
    links' estimate in its middle and the total variance; *_without is what it was before. Empty without draws.
    """
    if drawn.empty:
        return pd.DataFrame(columns=COLUMNS)
    accepted = estimate_effects(trials, fits.referral, fits.is_net)
    inverse, inverse_draws = complier_draws(trials, fits, draws)
    resampled = {"referral": draws.referral[PRIMARY].var(ddof=1), "engaged": inverse_draws.var(ddof=1) / inverse**2}
    # Those that the interval before has: an uncertain standard error of a draw's estimate is no surer for there being several.
    df = with_draws(fits.df.referral[PRIMARY], len(draws.multiplicities))
    rows = []
    for estimand, estimator in CARRIED.items():
        before = primary_rows(effects, estimand, estimator).iloc[0]
        factor = resampled[estimand] / getattr(accepted, f"{estimand}_variance")
        # Never less than of the accepted links: doubt about them must not narrow the interval.
        within = np.maximum(factor * drawn[f"{estimand}_variance"], resampled[estimand])
        pooled = pool_draws(drawn[estimand], within, df)
        after = t_interval(before["estimate"], pooled["total"], pooled["df"], confidence)
        if not np.isfinite(before["ci_high"]):
            after["ci_high"] = before["ci_high"]
        rows.append({
            "estimand": estimand, "estimate_accepted": before["estimate"], "estimate_pooled": pooled["estimate"],
            **{name: pooled[name] for name in ("within", "between", "total", "df", "missing_information")},
            "share_from_linkage": pooled["share_from_draws"], **after,
            **{f"{name}_without": before[name] for name in ("std_error", "ci_low", "ci_high")}, "draws": len(drawn),
        })  # fmt: skip
    return pd.DataFrame(rows)[COLUMNS]


def primary_rows(effects: pd.DataFrame, estimand: str, estimator: str) -> pd.DataFrame:
    """Return the row of `effects` that holds a primary estimate."""
    return effects[(effects["outcome"] == PRIMARY) & (effects["comparison"] == "not_yet_referred") & (effects["estimand"] == estimand) & (effects["estimator"] == estimator)]


def primary_interval(effects: pd.DataFrame) -> tuple[float, float]:
    """Return the complier estimate of `effects` and the upper end of its interval, as logs; those of referral where nothing says who engaged."""
    row = pd.concat([primary_rows(effects, estimand, CARRIED[estimand]) for estimand in ("engaged", "referral")]).iloc[0]
    return float(row["estimate"]), float(row["ci_high"])


def carry_linkage(effects: pd.DataFrame, linkage_uncertainty: pd.DataFrame) -> pd.DataFrame:
    """Return `effects` whose primary rows have the interval with linkage uncertainty; includes_linkage says which.

    Rows where the total variance is not known stay as they are. All other rows take the links as given.
    """
    carried = effects.assign(includes_linkage=False)
    for row in linkage_uncertainty[linkage_uncertainty["total"].notna()].to_dict("records"):
        place = primary_rows(carried, row["estimand"], CARRIED[row["estimand"]]).index
        names = ["std_error", "ci_low", "ci_high", "p_value"]
        carried.loc[place, names] = [row[name] for name in names]
        carried.loc[place, "includes_linkage"] = True
    return carried
