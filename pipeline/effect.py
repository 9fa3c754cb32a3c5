"""The effect of referral and of engagement: point estimates, resampled draws and their tidy rows.

(a) the effect of referral: everyone referred against the not yet referred (pipeline.contrasts);
(b) the falsification test: the never-engaged in place of the referred, with weights of their own;
(c) from (a) the complier effect for those who engaged (Angrist, Imbens & Rubin 1996), free of who chose to engage:

    IRR = E / (A0 - N / theta)        A0 = A / exp(delta),  A = E + N

E and N are the after-counts of the engaged and the never-engaged standardised for exposure, exp(delta) is the IRR
of referral and theta the assumed IRR of a referral that nobody took up. Beside them stand contrasts of the
engaged alone, conditional on engagement being unselective. Every interval resamples persons through weights,
models and formula. The contrasts with the not yet referred are net of what comparison people owe to a later referral
of their own (pipeline.later_referral), unless they are asked for as they come.

Ratios are reported as logs. The standard error is the draws' own; the width is that of t with the degrees of freedom
that few heavy callers leave it (pipeline.influence): in 480 draws of the audit's worlds of bursts (seeds 20001 to
20120) it covered the true effect of referral in 94.2 % and that of engaging in 95.8 %, the normal in 93.1 % and 94.4 %,
percentiles in 92.1 % and 92.3 %. The complier effect is worked out as its inverse q = (A0 - N / theta) / E, which
stays finite where the IRR does not; where the lower percentile of q reaches zero the interval is unbounded and ends
in infinity instead of in a number that means nothing.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from pipeline.contrasts import DAYS_IN_MONTH, PRIMARY, Fit, Trials, fit_contrast, refit_contrasts
from pipeline.glm import NotConverged, fit_poisson
from pipeline.influence import degrees_of_freedom, influence_of_people, with_draws
from pipeline.later_referral import CENSORED, FOLLOWED, later_shares, net_against, net_ratio
from pipeline.resampling import refit, normal_interval, percentile_interval, run_draws

COLUMNS = [
    "outcome", "comparison", "estimator", "estimand", "estimate", "std_error", "ci_low", "ci_high", "p_value", "n_people", "n_person_months",
]


class Ratios(NamedTuple):
    """The log ratios of one sample, NaN where there is none."""

    referral: dict[str, float]  # per outcome; FOLLOWED is the primary one as it comes, where the others are net
    engaged: float
    never_engaged: float
    within: float  # the engaged against the referred who never engaged


class Fits(NamedTuple):
    """The full sample's contrasts; None where a contrast has nobody to compare."""

    referral: Fit
    engaged: Fit | None
    never_engaged: Fit | None
    within: np.ndarray | None  # coefficients of engaged against never engaged, the last is the contrast
    is_net: bool  # whether the ratios are rid of comparison people's own later referrals
    ratios: Ratios
    df: Ratios  # the degrees of freedom of each ratio's variance (pipeline.influence)


class Draws(NamedTuple):
    """What the resamples gave, one row or entry per draw."""

    multiplicities: np.ndarray  # draws x persons: how often each was drawn
    weights: np.ndarray  # draws x trials: odds weights of the contrast of the referred, frequencies not included
    referral: dict[str, np.ndarray]  # per outcome the log IRR in each draw, net as in Ratios
    engaged: np.ndarray
    never_engaged: np.ndarray
    within: np.ndarray


def list_persons(cohort: pd.DataFrame) -> pd.Index:
    """Return the person_ids that are resampled, sorted: everyone with a trial, triggered or not."""
    return pd.Index(np.unique(cohort["person_id"]), name="person_id")


def fit_effects(trials: Trials, outcomes: tuple = (), is_net: bool = True, with_groups: bool = True) -> Fits:
    """Return the full sample's fits, the effect of referral for each of `outcomes` (the primary always among them; all by default).

    With `is_net` the ratios are rid of comparison people's own later referrals; without `with_groups` the engaged and the
    never-engaged have no contrasts of their own. Where the referred and the others cannot be compared, because their
    trajectories tell them apart completely or an arm has no contacts, ratios are missing: their rows are flagged then.
    """
    names = list(outcomes or trials.outcomes)
    referral = fit_contrast(trials, trials.is_referred, names) or void_fit(trials, names)
    is_never = trials.is_referred & ~trials.is_engaged
    others = [fit_contrast(trials, side, [PRIMARY]) if with_groups else None for side in (trials.is_engaged, is_never)]
    within = fit_within(trials) if with_groups else None
    sides = (referral, *others)
    found = [None if fit is None else (fit.weights, {name: beta[-1] for name, beta in fit.coefficients.items()}) for fit in sides]
    return Fits(referral, *others, within, is_net, list_ratios(trials, found, np.nan if within is None else within[-1], is_net), list_freedom(trials, sides, is_net))


def void_fit(trials: Trials, outcomes: list[str]) -> Fit:
    """Return a contrast of the referred in which nobody is compared: no weights, every coefficient missing."""
    n_columns = trials.design.shape[1]
    return Fit(trials.is_referred, np.full(n_columns, np.nan), np.zeros(len(trials.person)), {name: np.full(n_columns + 1, np.nan) for name in outcomes}, {})


def list_freedom(trials: Trials, contrasts: tuple, is_net: bool) -> Ratios:
    """Return the degrees of freedom of the variance of each contrast, by the names of Ratios; not worked out for the one within the referred."""
    n_people = int(trials.person.max()) + 1
    referral, *others = [
        {} if fit is None else {name: degrees_of_freedom(influence_of_people(trials, fit, n_people, name)) for name, beta in fit.coefficients.items() if not np.isnan(beta).any()}
        for fit in contrasts
    ]
    found = {name: referral.get(name, np.nan) for name in contrasts[0].coefficients}
    return Ratios(found | ({FOLLOWED: found[PRIMARY]} if is_net else {}), *(one.get(PRIMARY, np.nan) for one in others), np.inf)


def list_ratios(trials: Trials, contrasts: list[tuple | None], within: float, is_net: bool) -> Ratios:
    """Return the Ratios of a sample from its contrasts of the referred, the engaged and the never-engaged: weights (frequencies included) and deltas."""
    (weights, deltas), *others = contrasts
    plain = [np.nan if one is None else one[1][PRIMARY] for one in others]
    if not is_net:
        return Ratios(deltas, *plain, within)
    names = list(deltas)
    referral = dict(zip(names, net_ratio(np.array([deltas[name] for name in names]), later_shares(trials, weights, names)).tolist()))
    net = [one if np.isnan(one) else float(net_against(one, later_shares(trials, side[0], [PRIMARY])[0], referral[PRIMARY])) for one, side in zip(plain, others)]
    return Ratios(referral | {FOLLOWED: deltas[PRIMARY]}, *net, within)


def fit_within(trials: Trials, outcome: str = PRIMARY) -> np.ndarray | None:
    """Return the lagged-outcome Poisson coefficients of engaged against never engaged, the contrast last; None where not estimable."""
    rows = trials.is_referred
    counted = trials.outcomes[outcome]
    if not (counted[trials.is_engaged].any() and counted[rows & ~trials.is_engaged].any()):
        return None
    X = np.column_stack([trials.design[rows], trials.is_engaged[rows]])
    try:
        return fit_poisson(X, trials.outcomes[outcome][rows], None, np.log(trials.exposure[outcome][rows]))
    except NotConverged:
        return None


def resample_effects(trials: Trials, fits: Fits, multiplicities: np.ndarray, processes: int = 1) -> Draws:
    """Return every contrast refitted in each row of `multiplicities`; identical for any number of `processes`."""
    results = run_draws(Refit(trials, fits), multiplicities, processes)
    drawn = [ratios for _, ratios in results]
    return Draws(
        multiplicities=multiplicities,
        weights=np.stack([weights for weights, _ in results]),
        referral={name: np.array([ratios.referral[name] for ratios in drawn]) for name in fits.ratios.referral},
        engaged=np.array([ratios.engaged for ratios in drawn]),
        never_engaged=np.array([ratios.never_engaged for ratios in drawn]),
        within=np.array([ratios.within for ratios in drawn]),
    )


class Refit(NamedTuple):
    """The call that a resample makes; a tuple rather than a closure, so that another process can receive it."""

    trials: Trials
    fits: Fits

    def __call__(self, multiplicity: np.ndarray) -> tuple[np.ndarray, Ratios]:
        """Return the odds weights of the contrast of the referred, and the ratios."""
        trials, fits = self
        frequency = multiplicity[trials.person]
        sides = (fits.referral, fits.engaged, fits.never_engaged)
        refitted = iter(refit_contrasts(trials, [fit for fit in sides if fit is not None and fit.starts], frequency))
        void = np.zeros(len(trials.person), np.float32)
        contrasts = [None if fit is None else next(refitted) if fit.starts else (void, dict.fromkeys(fit.coefficients, np.nan)) for fit in sides]
        weighted = [None if one is None else (one[0] * frequency, one[1]) for one in contrasts]
        return contrasts[0][0], list_ratios(trials, weighted, refit_within(trials, fits.within, frequency), fits.is_net)


def refit_within(trials: Trials, start: np.ndarray | None, frequency: np.ndarray) -> float:
    """Return the log IRR of engaged against never engaged in a resample."""
    if start is None:
        return np.nan
    rows = trials.is_referred & (frequency > 0)
    X = np.column_stack([trials.design[rows], trials.is_engaged[rows]])
    y, offset = trials.outcomes[PRIMARY][rows], np.log(trials.exposure[PRIMARY][rows])
    return refit("poisson", X, y, frequency[rows].astype(float), start, offset)[-1]


def group_totals(trials: Trials, outcome: str, multiplicities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return E and N per row of `multiplicities`: counts of the engaged and never-engaged at the exposure of a full year."""
    totals = []
    for group in (trials.is_engaged, trials.is_referred & ~trials.is_engaged):
        often = multiplicities[:, trials.person[group]].astype(float)
        days, counts = often @ trials.exposure[outcome][group], often @ trials.outcomes[outcome][group]
        rate = np.divide(counts, days, out=np.zeros_like(counts), where=days > 0)
        totals.append(often.sum(axis=1) * rate * 365.25)
    return totals[0], totals[1]


def total_contacts(trials: Trials, fits: Fits) -> tuple[float, float, float]:
    """Return E, N and the log IRR of referral of the primary outcome in the full sample: what the complier effect is made of."""
    engaged, never_engaged = group_totals(trials, PRIMARY, np.ones((1, int(trials.person.max()) + 1)))
    return float(engaged[0]), float(never_engaged[0]), float(fits.ratios.referral[PRIMARY])


def complier_inverse(engaged, never_engaged, log_irr_referral, unengaged_irr: float = 1.0) -> np.ndarray:
    """Return 1 / IRR of the complier effect, (A0 - N / theta) / E: zero or below means that the IRR is unbounded.

    `engaged` and `never_engaged` are E and N; NaN where the engaged have no contacts at all.
    """
    engaged, never_engaged = np.asarray(engaged, float), np.asarray(never_engaged, float)
    without_referral = (engaged + never_engaged) / np.exp(log_irr_referral)
    averted = without_referral - never_engaged / unengaged_irr
    return np.divide(averted, engaged, out=np.full_like(averted, np.nan), where=engaged > 0)


def log_irr(inverse) -> np.ndarray:
    """Return the log IRR of a complier inverse; plus infinity where it is zero or below."""
    inverse = np.asarray(inverse, float)
    return -np.log(inverse, out=np.full_like(inverse, -np.inf), where=~(inverse <= 0))


def complier_draws(trials: Trials, fits: Fits, draws: Draws, outcome: str = PRIMARY, unengaged_irr: float = 1.0) -> tuple[float, np.ndarray]:
    """Return the complier inverse of the full sample and of each draw; `outcome` may be FOLLOWED or CENSORED, ways to compare the primary one."""
    counted = PRIMARY if outcome in (FOLLOWED, CENSORED) else outcome
    once = np.ones((1, draws.multiplicities.shape[1]), np.uint8)
    point = complier_inverse(*group_totals(trials, counted, once), fits.ratios.referral[outcome], unengaged_irr)[0]
    return float(point), complier_inverse(*group_totals(trials, counted, draws.multiplicities), draws.referral[outcome], unengaged_irr)


def complier_interval(point: float, draws: np.ndarray, confidence: float, df: float = np.inf) -> dict:
    """Return estimate, std_error, ci_low, ci_high, p_value of the complier log IRR from its inverse in the full sample and the draws.

    An interval of the log by t with `df`, std_error by the delta method; ci_high is infinite where the denominator can reach
    zero, the estimate where it has. The p-value tests the inverse against 1, which stays valid where the interval is unbounded.
    """
    low, _ = percentile_interval(draws, confidence)
    spread = draws.std(ddof=1) if np.isfinite(draws).all() else np.nan
    estimate, std_error = float(log_irr(point)), spread / point if point > 0 else np.nan
    width = stdtrit(df, 0.5 + confidence / 2) * std_error
    return dict(
        estimate=estimate,
        std_error=std_error,
        ci_low=estimate - width,
        ci_high=np.inf if low <= 0 else estimate + width,
        p_value=2 * stdtr(df, -abs(point - 1) / spread) if spread > 0 else np.nan,
    )


def effect_rows(trials: Trials, fits: Fits, draws: Draws, unengaged_irr: list[float], confidence: float) -> pd.DataFrame:
    """Return the controlled rows of `effects` (columns in COLUMNS; estimates are log IRR).

    Where nothing says who engaged, only the rows of referral. p-values are raw: the report states Holm's correction over the secondary outcomes.
    """
    referred = trials.is_referred
    everyone, never = np.ones_like(referred), referred & ~trials.is_engaged
    n_draws, rows = len(draws.multiplicities), []
    for outcome, point in fits.ratios.referral.items():
        suffix, name = ("_followed", PRIMARY) if outcome == FOLLOWED else ("", outcome)
        df = with_draws(fits.df.referral[outcome], n_draws)
        referral = dict(estimate=point, **normal_interval(point, draws.referral[outcome], confidence, df))
        rows.append(effect_row(trials, everyone, name, "not_yet_referred", f"sequential_trials{suffix}", "referral", referral))
        if not trials.knows_engaged:
            continue
        complier = complier_interval(*complier_draws(trials, fits, draws, outcome), confidence, df)
        rows.append(effect_row(trials, everyone, name, "not_yet_referred", f"complier{suffix}", "engaged", complier))
    if not trials.knows_engaged:
        return pd.DataFrame(rows, columns=COLUMNS)
    df = with_draws(fits.df.referral[PRIMARY], n_draws)
    for theta in unengaged_irr:
        complier = complier_interval(*complier_draws(trials, fits, draws, PRIMARY, theta), confidence, df)
        if theta != 1:
            rows.append(effect_row(trials, everyone, PRIMARY, "not_yet_referred", f"complier_unengaged_{theta:g}", "engaged", complier))
    for estimand, side in (("never_engaged", never), ("engaged", trials.is_engaged)):
        point, df = getattr(fits.ratios, estimand), with_draws(getattr(fits.df, estimand), n_draws)
        found = dict(estimate=point, **normal_interval(point, getattr(draws, estimand), confidence, df))
        rows.append(effect_row(trials, side | ~referred, PRIMARY, "not_yet_referred", "sequential_trials", estimand, found))
    found = dict(estimate=fits.ratios.within, **normal_interval(fits.ratios.within, draws.within, confidence))
    rows.append(effect_row(trials, referred, PRIMARY, "never_engaged", "lagged_outcome", "engaged", found))
    return pd.DataFrame(rows, columns=COLUMNS)


def effect_row(trials: Trials, used: np.ndarray, outcome: str, comparison: str, estimator: str, estimand: str, found: dict) -> dict:
    """Return one row of `effects`; n_people and n_person_months count those behind it, on both sides."""
    names = dict(outcome=outcome, comparison=comparison, estimator=estimator, estimand=estimand)
    n_people = len(np.unique(trials.person[used]))
    return names | found | dict(n_people=n_people, n_person_months=trials.exposure[outcome][used].sum() / DAYS_IN_MONTH)


def detectable_difference(std_error: float) -> float:
    """Return the smallest log ratio that a test at 5 % finds with 80 % power: 2.80 standard errors (Bloom 1995)."""
    return 2.80 * std_error


def formula(trials: Trials) -> str:
    """Return the fitted outcome model as one line of text."""
    return "log E[contacts] = log(exposure) + referred + " + " + ".join(trials.columns[1:])


def show_ratios(effects: pd.DataFrame) -> pd.DataFrame:
    """Return `effects` for readers: estimate and interval as ratios, two decimals."""
    ratios = np.exp(effects[["estimate", "ci_low", "ci_high"]].astype(float)).round(2)
    shown = effects.assign(p_value=effects["p_value"].astype(float).round(3), **ratios).drop(columns="std_error")
    return shown.rename(columns={"estimate": "ratio"})
