"""The Monte Carlo audit: every estimator in draws of every world, held against the truth of paired potential outcomes.

An estimator here is the one the pipeline uses, fed with arrays instead of extracts. What it answers is compared with
the truth of its own estimand in the same draw, so that bias is the mean of estimate less truth. The row of an estimator
that could not answer stays, flagged, and counts against it.
Builds on pipeline.audit_worlds, pipeline.contrasts, pipeline.effect, pipeline.matching, pipeline.empirical_bayes,
pipeline.later_referral, pipeline.other_designs, pipeline.stacked_fixed_effects, pipeline.resampling, pipeline.weighting and pipeline.estimates.
"""

import numpy as np
import pandas as pd

from pipeline.audit_worlds import Sample, World, draw_sample
from pipeline.contrasts import PRIMARY, Trials, orthogonal
from pipeline.effect import Fits, complier_draws, complier_interval, fit_effects, resample_effects
from pipeline.empirical_bayes import estimate_with_persistence, shape_of_counts, shrink
from pipeline.estimates import DAYS_IN_MONTH, Label, NotEstimable, Size, clustered_error, flagged_row, result_row, row_or_flag
from pipeline.influence import with_draws
from pipeline.later_referral import CENSORED, FOLLOWED, add_censored
from pipeline.matching import estimate_lagged_outcome, estimate_matched_sets, match_sets, trajectory
from pipeline.other_designs import daily_rates, design_sets, estimate_on_sets, later_contacts
from pipeline.resampling import draw_multiplicities, normal_interval
from pipeline.stacked_fixed_effects import estimate_fixed_effects
from pipeline.weighting import design_matrix

CONFIDENCE = 0.95
DRAWS = 60
# As in the plan (effect.matches, effect.caliper, effect.caliper_alone of params.yaml).
MATCHES, CALIPER, CALIPER_ALONE = 5, 0.75, 0.4
ROW_COLUMNS = ["world", "replicate", "estimator", "estimand", "truth", "estimate", "std_error", "ci_low", "ci_high", "p_value", "status"]
SUMMARY_COLUMNS = [
    "world", "estimator", "estimand", "n_replicates", "n_estimated", "truth", "bias", "bias_se", "median_bias", "coverage", "coverage_se",
    "rejected", "rejected_se", "mean_std_error", "sd",
]


def run_replicate(world: World, replicate: int, draws: int = DRAWS, comparisons_per_month: int = 300, primary_only: bool = False) -> pd.DataFrame:
    """Return one row per estimator (ROW_COLUMNS) of one draw of `world`; `replicate` is its seed.

    `primary_only` leaves out all but the naive and the sequential trials, for the many replicates that the primary needs.
    """
    sample = draw_sample(world, replicate, comparisons_per_month)
    trials, kept = assemble(sample)
    trials = trials if primary_only else add_censored(trials)
    fits = fit_effects(trials, with_groups=not primary_only)
    fits = fits if np.isfinite(fits.referral.coefficients[PRIMARY]).all() else None
    others = [] if primary_only else quick_estimators(sample, trials, kept, fits)
    table = pd.DataFrame([naive(sample), *sequential_trials(trials, fits, draws, replicate, primary_only), *others])
    table["truth"] = table["estimand"].map(sample.truth)
    return table.assign(world=world.name, replicate=replicate)[ROW_COLUMNS]


def assemble(sample: Sample) -> tuple[Trials, np.ndarray]:
    """Return the triggered trials with exposure as the pipeline's Trials, and which rows of the sample they are."""
    kept = (sample.cohort["is_triggered"] & (sample.exposure > 0)).to_numpy()
    rows = sample.cohort[kept].reset_index(drop=True)
    is_referred = (rows["arm"] == "referred").to_numpy()
    matrix, columns = design_matrix(rows)
    trials = Trials(
        rows["trial_id"].to_numpy(), pd.factorize(rows["person_id"], sort=True)[0], pd.factorize(rows["index_month"], sort=True)[0], is_referred,
        rows["is_engaged"].to_numpy(bool), orthogonal(matrix), columns, {PRIMARY: sample.after[kept]}, {PRIMARY: sample.exposure[kept]},
        {PRIMARY: sample.after_later[kept], "exposure_days": sample.exposure_later[kept]},
    )  # fmt: skip
    return trials, kept


def naive(sample: Sample) -> dict:
    """Return the published way of counting: twelve months after over twelve before, of the engaged known before."""
    label = Label(PRIMARY, "none", "naive", "engaged")
    members = sample.cohort["in_claim"].to_numpy()
    before, after = sample.before[members, :12].sum(axis=1), sample.after[members]
    if not (before.sum() > 0 and after.sum() > 0):
        return flagged_row(label, "not estimable: no contacts before or after")
    error = clustered_error(after / after.sum() - before / before.sum())
    return result_row(label, float(np.log(after.sum() / before.sum())), error, Size(int(members.sum()), 24.0 * members.sum()), CONFIDENCE)


def sequential_trials(trials: Trials, fits: Fits | None, draws: int, seed: int, primary_only: bool = False) -> list[dict]:
    """Return the primary rows: the effect of referral and the complier effect from it, net and as they come; and unless
    `primary_only` with comparison people cut off at their own referral, and the engaged and the never engaged directly.

    `fits` are the full sample's, None where the arms cannot be compared: the rows are flagged then.
    """
    size = Size(len(np.unique(trials.person)), trials.exposure[PRIMARY].sum() / DAYS_IN_MONTH)
    ways = {"": PRIMARY, "_followed": FOLLOWED} | ({} if primary_only else {"_censored": CENSORED})
    names = [(f"{estimator}{suffix}", estimand) for suffix in ways for estimator, estimand in (("sequential_trials", "referral"), ("complier", "engaged"))]
    names += [] if primary_only else [("sequential_trials", "engaged"), ("sequential_trials", "never_engaged")]
    labels = {name: Label(PRIMARY, "not_yet_referred", *name) for name in names}
    if fits is None:
        return [flagged_row(label, "not estimable: the arms cannot be compared", size) for label in labels.values()]
    resampled = resample_effects(trials, fits, draw_multiplicities(trials.person.max() + 1, draws, seed))
    ratios = fits.ratios
    found = {("sequential_trials", one): interval_of(getattr(ratios, one), getattr(resampled, one), with_draws(getattr(fits.df, one), draws)) for one in ("engaged", "never_engaged")}
    df = with_draws(fits.df.referral[PRIMARY], draws)
    for suffix, outcome in ways.items():
        # To cut off at the own referral is a way of its own to be rid of it, and stands in the audit without the other.
        found[f"sequential_trials{suffix}", "referral"] = interval_of(ratios.referral[outcome], resampled.referral[outcome], df)
        found[f"complier{suffix}", "engaged"] = complier_interval(*complier_draws(trials, fits, resampled, outcome), CONFIDENCE, df)
    counted = dict(n_people=size.n_people, n_person_months=size.n_person_months)
    return [label._asdict() | found[name] | counted | dict(status="estimated" if np.isfinite(found[name]["estimate"]) else "not estimable") for name, label in labels.items()]


def interval_of(point: float, drawn: np.ndarray, df: float) -> dict:
    """Return estimate, std_error, ci_low, ci_high and p_value of a log ratio from its draws and degrees of freedom."""
    return dict(estimate=point) | normal_interval(point, drawn, CONFIDENCE, df)


def quick_estimators(sample: Sample, trials: Trials, kept: np.ndarray, fits: Fits | None) -> list[dict]:
    """Return the rows of all estimators whose errors need no resampling, each of the effect of referral; odds weights are those of `fits`."""
    rows, before = sample.cohort[kept], sample.before[kept]
    y, days, side, person = trials.outcomes[PRIMARY], trials.exposure[PRIMARY], trials.is_referred, trials.person

    def label(estimator: str) -> Label:
        return Label(PRIMARY, "not_yet_referred", estimator, "referral")

    def on_total(one: Label) -> dict:
        totals = rows.assign(n_total=before[:, :12].sum(axis=1))
        sets = match_sets(trajectory(totals, ["n_total"]), side, trials.month, person, MATCHES, CALIPER_ALONE)
        return estimate_matched_sets(one, sets, y, days, side, person, CONFIDENCE, later)

    def fixed_effects(one: Label, first: int, last: int) -> dict:
        periods = pd.DataFrame({
            "trial_id": np.tile(trials.trial_id, 2), "person_id": np.tile(person, 2), "stack": np.tile(trials.month, 2), "is_referred": np.tile(side, 2),
            "is_after": np.repeat([False, True], len(y)), "counted": np.concatenate([before[:, first:last].sum(axis=1), y]),
            "exposure_days": np.concatenate([np.full(len(y), DAYS_IN_MONTH * (last - first)), days]),
        })  # fmt: skip
        return estimate_fixed_effects(one, periods, CONFIDENCE)

    rates = daily_rates(rows)
    odds = None if fits is None else fits.referral.weights
    design, later = design_sets(rows, trials, MATCHES, CALIPER, CALIPER_ALONE), later_contacts(trials)
    return [
        row_or_flag(label("matched_on_total"), on_total),
        row_or_flag(label("matched_sets"), estimate_on_sets, design.twins, estimate_matched_sets, trials, later, CONFIDENCE),
        row_or_flag(label("lagged_outcome_matched"), estimate_on_sets, design.sets, estimate_lagged_outcome, trials, later, CONFIDENCE, trials.design),
        row_or_flag(label("empirical_bayes"), estimate_with_persistence, rates, y, days, side, person, CONFIDENCE, odds, later),
        row_or_flag(label("empirical_bayes_unweighted"), estimate_with_persistence, rates, y, days, side, person, CONFIDENCE, None, later),
        row_or_flag(label("empirical_bayes_textbook"), textbook, before[:, :12].sum(axis=1), y, days, side),
        row_or_flag(label("fixed_effects"), fixed_effects, 0, 12),
        row_or_flag(label("fixed_effects_quiet"), fixed_effects, 3, 15),
    ]


def textbook(label: Label, before, after, days, side) -> dict:
    """Return the row of Hauer's empirical Bayes with the one-period dispersion of the comparison people: a trap, shown as one."""
    pool = before[~side]
    expected = shrink(pool.mean(), before[side], shape_of_counts(pool, pool.mean())).expected * days[side] / 365.25
    if not (after[side].sum() > 0 and expected.sum() > 0):
        raise NotEstimable("the treated have no contacts before or after")
    error = clustered_error(after[side] / after[side].sum() - expected / expected.sum())
    size = Size(int(side.sum()), days[side].sum() / DAYS_IN_MONTH)
    return result_row(label, float(np.log(after[side].sum() / expected.sum())), error, size, CONFIDENCE)


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per world and estimator (SUMMARY_COLUMNS), with Monte Carlo errors.

    bias: mean of estimate less truth; coverage: share of intervals that hold the truth; rejected: share with a p-value
    below 5 % (power, or false positives where the truth is nought). Rows without an estimate count as not covering and
    not rejecting. The never-engaged have no effect: their truth is nought, and rejecting is what the falsification test does.
    """
    table = rows.assign(truth=rows["truth"].where(rows["estimand"] != "never_engaged", 0.0))
    is_found = np.isfinite(table["estimate"])
    table = table.assign(
        error=(table["estimate"] - table["truth"]).where(is_found), estimate=table["estimate"].where(is_found), is_found=is_found,
        is_covered=is_found & (table["ci_low"] <= table["truth"]) & (table["truth"] <= table["ci_high"]), is_rejected=is_found & (table["p_value"] < 0.05),
    )  # fmt: skip
    groups = table.groupby(["world", "estimator", "estimand"], sort=False)
    summary = groups.agg(
        n_replicates=("replicate", "nunique"), n_estimated=("is_found", "sum"), truth=("truth", "mean"), bias=("error", "mean"), sd=("error", "std"),
        median_bias=("error", "median"), coverage=("is_covered", "mean"), rejected=("is_rejected", "mean"), mean_std_error=("std_error", "mean"),
    ).reset_index()  # fmt: skip
    n = summary["n_replicates"]
    summary["bias_se"] = summary["sd"] / np.sqrt(summary["n_estimated"].clip(lower=1))
    for share in ("coverage", "rejected"):
        # Of the Wilson interval, so that a share of nought or one has an error too.
        summary[f"{share}_se"] = np.sqrt(summary[share] * (1 - summary[share]) / n + 1 / (4 * n**2)) / (1 + 1 / n)
    return summary[SUMMARY_COLUMNS]
