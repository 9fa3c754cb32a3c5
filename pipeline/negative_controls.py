"""Negative controls: pseudo-referrals that can have done nothing, through the whole estimator.

Among the person-trials of people not referred by then, a referral is dealt with the fitted probability of a real one
(the trigger), engaging at the real share by lot. Each person is dealt one at most, and the earliest counts: afterwards
the person is nobody's comparison any more, as after a real referral. Weights, outcome model, correction for later
referrals and complier effect are worked out as for the real referred. Whatever comes out as an effect is chance, or a
fault of estimator or interval (Schuemie et al. 2014, Statistics in Medicine 33; 2018, PNAS 115).

**People who are really referred later.** A pseudo-referred person and the people they are compared with may all be
referred in earnest within the year, and their contacts then hold the real effect. Nobody is dropped or cut off for it:
that would let the future decide who is compared, or end follow-up in a burst. It is left in on both sides, and cancels:
given the trajectory the lot is blind, so that pseudo-referred and comparison people go on to be referred equally often
and equally early, and share the same mixture of contacts with and without the scheme, however strong it is. The
correction for later referrals is therefore net of the referrals of the pseudo-world alone, theta = (R - s) / (1 - s) with
s the share of the comparison's contacts that follow a pseudo-referral of their own: at R = 1 it leaves 1 for any s, and it
widens what chance does to R by 1 / (1 - s), as it does in the real analysis.

**What this cannot show.** The lot knows only what the records know, and the weights know all that the lot knew. A
control says nothing about referrers who see more than is recorded, and protects from nothing that was not recorded.

**Intervals.** Standard errors are the infinitesimal jackknife of pipeline.linkage_uncertainty times one factor per
estimand, which brings the variance to that of people resampled through weights and models: the mean ratio of the two
over the first controls, which are resampled. Degrees of freedom are each control's own (pipeline.influence).

Builds on pipeline.contrasts, pipeline.effect, pipeline.linkage_uncertainty, pipeline.model_checks (trials kept),
pipeline.estimates and pipeline.resampling; pipeline.control_summary says what the controls show.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.optimize import brentq
from scipy.special import expit, stdtr, stdtrit

from pipeline.contrasts import DAYS_IN_MONTH, PRIMARY, Trials, fit_contrast
from pipeline.effect import complier_draws, fit_effects, resample_effects
from pipeline.errors import InputError
from pipeline.estimates import ESTIMATED
from pipeline.linkage_uncertainty import Estimates, estimate_effects
from pipeline.model_checks import keep_trials
from pipeline.resampling import draw_multiplicities

COLUMNS = ["control", "estimand", "estimate", "std_error", "df", "ci_low", "ci_high", "p_value", "covers", "n_people", "n_referred", "status"]
ESTIMANDS = ["referral", "engaged"]
# Of so many controls people are resampled, to bring the jackknife to the resampled variance.
RESAMPLED = 20
# Progress is told, and work handed out, in as many controls at a time.
BATCH = 25
# At most this share of the people not yet referred is dealt a referral: the others are needed to compare with.
LARGEST_SHARE = 0.5
# The trigger may be lifted or lowered by so much (log odds) to deal the number of referrals that is wanted.
LARGEST_SHIFT = 30.0


class Pool(NamedTuple):
    """The person-trials of people not referred by then, and how likely each is to be dealt a referral."""

    trials: Trials
    chance: np.ndarray  # of a pseudo-referral, per trial
    day: np.ndarray  # time zero in days since 1970
    by_month: np.ndarray  # contacts in each month after time zero, a column per month
    engaged_share: float  # of the real referred; 1 where nothing says who engaged, and only referral is reported


class Control(NamedTuple):
    """What one pseudo-world gave; the last two are the resampled variances, NaN where people were not resampled."""

    estimates: Estimates
    df: float  # the degrees of freedom of the standard errors
    n_people: int
    n_referred: int
    referral_resampled: float
    engaged_resampled: float


def count_by_month(cohort: pd.DataFrame, panel: pd.DataFrame, trials: Trials, months_after: int) -> tuple[np.ndarray, np.ndarray]:
    """Return, per row of `trials`, time zero in days since 1970 and the contacts in each of the months after it."""
    day = cohort.set_index("trial_id")["index_on"].loc[trials.trial_id].to_numpy("datetime64[D]").astype("int64")
    after = panel.loc[panel["month"].between(0, months_after - 1), ["trial_id", "month", PRIMARY]]
    place = pd.Index(trials.trial_id).get_indexer(after["trial_id"])
    after, place = after[place >= 0], place[place >= 0]
    by_month = np.zeros((len(trials.trial_id), months_after))
    by_month[place, after["month"].to_numpy()] = after[PRIMARY].to_numpy(float)
    return day, by_month


def make_pool(trials: Trials, day: np.ndarray, by_month: np.ndarray, minimum: int) -> Pool | None:
    """Return the pool, its chances such that about as many people are dealt a referral as were really referred.

    Where that is more than LARGEST_SHARE of the people in the pool, that share. None when fewer than `minimum` people
    would be left on either side, or when the referred and the others can be told apart completely.
    """
    fit = fit_contrast(trials, trials.is_referred, [PRIMARY])
    waiting = ~trials.is_referred
    n_waiting, n_referred = (len(np.unique(trials.person[side])) for side in (waiting, trials.is_referred))
    wanted = min(n_referred, int(LARGEST_SHARE * n_waiting))
    if fit is None or wanted < minimum or n_waiting - wanted < minimum:
        return None
    kept = keep_trials(trials, waiting)
    kept = kept._replace(**{name: {PRIMARY: getattr(kept, name)[PRIMARY]} for name in ("outcomes", "exposure", "later")})
    engaged_share = trials.is_engaged.sum() / trials.is_referred.sum() if trials.knows_engaged else 1.0
    chance = chances(kept.design @ fit.propensity, kept.person, wanted)
    return None if chance is None else Pool(kept, chance, day[waiting], by_month[waiting], float(engaged_share))


def chances(trigger: np.ndarray, person: np.ndarray, wanted: int) -> np.ndarray | None:
    """Return the chance of a pseudo-referral per trial: the fitted log odds, all moved alike so that `wanted` people are expected to have one."""
    def expected(shift: float) -> float:
        # log(1 - expit(x)) = -log(1 + e^x): nobody's chance of none is lost to rounding.
        return float(-np.expm1(-np.bincount(person, np.logaddexp(0, trigger + shift))).sum()) - wanted

    if expected(-LARGEST_SHIFT) > 0 or expected(LARGEST_SHIFT) < 0:
        return None
    return expit(trigger + brentq(expected, -LARGEST_SHIFT, LARGEST_SHIFT, xtol=1e-6))


def deal_referrals(pool: Pool, rng: np.random.Generator) -> Trials:
    """Return a pseudo-world: the trials up to each person's earliest pseudo-referral, and everybody else's.

    The lot is drawn for every trial alone, so that who is dealt one in a month is chance given the trajectory; nothing
    later, a real referral included, has a say in it.
    """
    trials = pool.trials
    drawn = rng.random(len(pool.chance)) < pool.chance
    first = np.full(int(trials.person.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, trials.person[drawn], trials.month[drawn])
    own = first[trials.person]
    is_dealt = trials.month == own
    is_engaged = is_dealt & (rng.random(len(drawn)) < pool.engaged_share)
    later = contacts_after_referral(pool, is_dealt, trials.month < own)
    kept = trials.month <= own
    world = keep_trials(trials._replace(is_referred=is_dealt, is_engaged=is_engaged), kept)
    return world._replace(later={PRIMARY: later[kept]})


def contacts_after_referral(pool: Pool, is_dealt: np.ndarray, is_before: np.ndarray) -> np.ndarray:
    """Return per trial the contacts within its follow-up that come after the person's own pseudo-referral.

    `is_dealt` are the trials that were dealt one, one per person, `is_before` those of any person before theirs. What
    follows is read from the months of the trial that was dealt the referral; of its last month in reach, a share.
    """
    trials = pool.trials
    place = np.full(int(trials.person.max()) + 1, -1)
    place[trials.person[is_dealt]] = np.flatnonzero(is_dealt)
    rows = np.flatnonzero(is_before & (place[trials.person] >= 0))
    dealt = place[trials.person[rows]]
    n_months = pool.by_month.shape[1]
    reach = np.clip(n_months - (pool.day[dealt] - pool.day[rows]) / DAYS_IN_MONTH, 0, n_months)
    total = np.column_stack([np.zeros(len(dealt)), pool.by_month[dealt].cumsum(axis=1)])
    whole = np.minimum(reach.astype(int), n_months - 1)
    counted = total[np.arange(len(rows)), whole] + (reach - whole) * pool.by_month[dealt, whole]
    later = np.zeros(len(trials.person))
    later[rows] = np.minimum(counted, trials.outcomes[PRIMARY][rows])
    return later


def estimate_control(pool: Pool, seed: np.random.SeedSequence, draws: int, is_net: bool) -> Control:
    """Return what the whole estimator makes of one pseudo-world; people are resampled `draws` times, not at all where that is 0."""
    rng = np.random.default_rng(seed)
    world = deal_referrals(pool, rng)
    size = len(np.unique(world.person)), int(world.is_referred.sum())
    try:
        fits = fit_effects(world, (PRIMARY,), is_net, with_groups=False)
    except InputError:  # an arm without contacts, or arms that can be told apart: a flagged row
        return Control(estimate_effects(world, None), np.nan, *size, np.nan, np.nan)
    estimates, df = estimate_effects(world, fits.referral, is_net), fits.df.referral[PRIMARY]
    if not draws:
        return Control(estimates, df, *size, np.nan, np.nan)
    drawn = resample_effects(world, fits, draw_multiplicities(int(world.person.max()) + 1, draws, int(rng.integers(2**32))))
    inverse, inverses = complier_draws(world, fits, drawn)
    return Control(estimates, df, *size, float(drawn.referral[PRIMARY].var(ddof=1)), float(inverses.var(ddof=1) / inverse**2))


def estimate_batch(pool: Pool, seeds: list, draws: list[int], is_net: bool) -> list[Control]:
    """Return the controls of some seeds."""
    return [estimate_control(pool, seed, times, is_net) for seed, times in zip(seeds, draws)]


def run_controls(trials: Trials, day: np.ndarray, by_month: np.ndarray, number: int, seed: int, draws: int, minimum: int, confidence: float, is_net: bool = True, processes: int = 1) -> pd.DataFrame:
    """Return `negative_controls`, one row per control and estimand (COLUMNS; estimates are log IRR); a line is printed per BATCH.

    `day` and `by_month` as from count_by_month; `draws` resamples of people for the first RESAMPLED controls; `is_net` as in
    pipeline.effect. Where the     register does not say who engaged only referral has rows. A control without an estimate is a flagged row that
    counts as not covering; without enough people there is one such row per estimand. Identical for any number of `processes`.
    """
    estimands = ESTIMANDS if trials.knows_engaged else ESTIMANDS[:1]
    pool = make_pool(trials, day, by_month, minimum)
    if pool is None:
        reason = f"not estimable: fewer than {minimum} people could be dealt a referral or compared with, or the trigger tells everybody apart"
        return tidy([flagged(1, estimand, reason) for estimand in estimands])
    seeds = np.random.SeedSequence(seed).spawn(number)
    times = [draws if place < RESAMPLED else 0 for place in range(number)]
    calls = (delayed(estimate_batch)(pool, seeds[start : start + BATCH], times[start : start + BATCH], is_net) for start in range(0, number, BATCH))
    controls = []
    for batch in Parallel(n_jobs=processes, return_as="generator")(calls):
        controls += batch
        print(f"{len(controls)} of {number} negative controls", flush=True)
    factors = {estimand: resampled_over_jackknife(controls, estimand) for estimand in estimands}
    rows = [describe_control(place, control, estimand, factors[estimand], confidence) for place, control in enumerate(controls, start=1) for estimand in estimands]
    return tidy(rows)


def tidy(rows: list[dict]) -> pd.DataFrame:
    """Return rows as the table, COLUMNS in order."""
    return pd.DataFrame(rows, columns=COLUMNS).astype({"covers": bool, "n_people": "int64", "n_referred": "int64"})


def resampled_over_jackknife(controls: list[Control], estimand: str) -> float:
    """Return the mean ratio of the resampled variance to the jackknife's over the controls that were resampled; 1 without any."""
    ratios = np.array([getattr(control, f"{estimand}_resampled") / getattr(control.estimates, f"{estimand}_variance") for control in controls])
    return float(ratios[np.isfinite(ratios)].mean()) if np.isfinite(ratios).any() else 1.0


def flagged(control: int, estimand: str, reason: str, n_people: int = 0, n_referred: int = 0) -> dict:
    """Return the row of a control without an estimate."""
    missing = dict.fromkeys(["estimate", "std_error", "df", "ci_low", "ci_high", "p_value"], np.nan)
    return dict(control=control, estimand=estimand, covers=False, n_people=n_people, n_referred=n_referred, status=reason) | missing


def describe_control(number: int, control: Control, estimand: str, factor: float, confidence: float) -> dict:
    """Return the row of one control: an interval of the log by t, as pipeline.effect makes it.

    The complier effect's interval has no upper end where its denominator can reach zero, and its p-value is that of the
    denominator.
    """
    estimate, variance = (float(getattr(control.estimates, name)) for name in (estimand, f"{estimand}_variance"))
    if not (np.isfinite([estimate, variance, control.df]).all() and variance > 0):
        return flagged(number, estimand, "not estimable: the pseudo-referred and the others cannot be compared", control.n_people, control.n_referred)
    std_error = float(np.sqrt(factor * variance))
    width = float(stdtrit(control.df, 0.5 + confidence / 2)) * std_error
    low, high = estimate - width, estimate + width
    if estimand == "engaged" and width >= 1:
        high = np.inf
    distance = 1 - np.exp(estimate) if estimand == "engaged" else estimate
    return dict(
        control=number, estimand=estimand, estimate=estimate, std_error=std_error, df=control.df, ci_low=low, ci_high=high, p_value=float(2 * stdtr(control.df, -abs(distance) / std_error)),
        covers=low <= 0 <= high, n_people=control.n_people, n_referred=control.n_referred, status=ESTIMATED,
    )  # fmt: skip
