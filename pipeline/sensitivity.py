"""Does the answer survive other reasonable choices? One row per specification (Simonsohn, Simmons & Nelson 2020).

Every specification is what the pipeline would have given with those parameters: people resolved again at the
threshold, cohort and panel built again, weights and models refitted and persons resampled. All rows estimate the
same thing, the log IRR of engaging for those who engaged. Designs that the audit of the method found invalid stay
in the table, marked, and never share an axis with the others.

    doubly_robust        odds weights and outcome regression, complier effect (with the plan's values: the primary)
    followed             the same as it comes, with what comparison people owe to a later referral of their own left in
    weights_only         odds weights without the regression, complier effect
    outcome_regression   the regression without weights, complier effect
    engaged_only         the engaged against the not yet referred, if engaging is unselective
    lagged_outcome       the engaged against the referred who never engaged, likewise
    censored             invalid: comparison people followed only until a referral of their own, which is when they are in a burst
    naive                invalid: before and after, no comparison
    fixed_effects        invalid: before and after of the engaged against that of the comparison pool (fixed effects
                         of people in two periods, whose Poisson estimate is this ratio of sums)
    referred_later       invalid: against people known to be referred later, still before it

Where nothing says who engaged, all rows are the log IRR of being referred, and the conditional designs are left out.

Builds on pipeline.contrasts, pipeline.effect, pipeline.later_referral, pipeline.resampling.
"""

from itertools import product

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from pipeline.contrasts import PRIMARY, Fit, Trials, assemble_trials, fit_contrast, fit_outcome, refit_contrasts
from pipeline.effect import complier_interval, complier_inverse, fit_within, group_totals, refit_within
from pipeline.errors import InputError
from pipeline.later_referral import CENSORED, add_censored, later_shares, net_ratio
from pipeline.model_checks import keep_trials
from pipeline.resampling import Start, draw_multiplicities, normal_interval, refit_together, start_from

COLUMNS = ["months_after", "washout_days", "accept_from", "comparison", "estimator", "is_valid", "is_primary", "estimate", "std_error", "ci_low", "ci_high", "n_people"]
INVALID = {"censored": "not_yet_referred", "naive": "none", "fixed_effects": "not_yet_referred", "referred_later": "referred_later"}


def estimate_specifications(sources: dict, panel, accept_from: float, sensitivity, confidence: float, seed: int, processes: int, is_linked_here: bool = True) -> pd.DataFrame:
    """Return `sensitivity`, one row per specification (COLUMNS; estimates are log IRR), the plan's own values included.

    `sources` holds per accept threshold what cohort and months are made from (pipeline.sources), `accept_from` is the
    plan's; where linking was done elsewhere (not `is_linked_here`) accept_from is missing in the rows. `sensitivity` has the lists months_after and washout_days and the number of draws. Prints one line per
    finished group of specifications; a window in which too few people can be followed is left out, and said so.
    Raises InputError when none is left.
    """
    windows = sorted({*sensitivity.months_after, panel.months_after})
    washouts = sorted({*sensitivity.washout_days, panel.washout_days})
    jobs = list(product(sorted(sources), windows))
    calls = (
        delayed(estimate_window)(sources[threshold], panel, threshold == accept_from, window, washouts, sensitivity.draws, confidence, seed)
        for threshold, window in jobs
    )
    frames = []
    finished = Parallel(n_jobs=processes, return_as="generator")(calls)
    for number, ((threshold, window), rows) in enumerate(zip(jobs, finished), start=1):
        linked = f"links from {threshold:g}" if is_linked_here else "linked elsewhere"
        print(f"{number} of {len(jobs)}: {linked}, {window} months after" + ("" if len(rows) else ", left out: too few people can be followed"), flush=True)
        if len(rows):
            frames.append(rows.assign(accept_from=threshold, months_after=window))
    if not frames:
        raise InputError("params.yaml, sensitivity: too few people can be followed under any choice. Shorten months_after.")
    table = pd.concat(frames, ignore_index=True)
    plan = (table["accept_from"] == accept_from) & (table["months_after"] == panel.months_after) & (table["washout_days"] == panel.washout_days)
    table["is_primary"] = plan & (table["estimator"] == "doubly_robust")
    if not is_linked_here:
        table["accept_from"] = np.nan
    order = ["is_valid", "is_primary", "months_after", "washout_days", "accept_from", "comparison", "estimator"]
    return table.sort_values(order, ascending=[False, False, True, True, True, True, True], ignore_index=True)[COLUMNS]


def estimate_window(source, panel, is_planned_threshold: bool, months_after: int, washouts: list[int], draws: int, confidence: float, seed: int) -> pd.DataFrame:
    """Return the rows of one accept threshold and follow-up window, all washouts; no row where too few people can be followed.

    The designs that are conditional on unselective engagement and the invalid ones are shown for the planned
    threshold, the invalid ones for the planned washout only.
    """
    chosen = panel.model_copy(update={"months_after": months_after})
    try:
        cohort = source.cohort(chosen)
    except InputError:  # too few people, or a window outside the extract: said in the progress lines
        return pd.DataFrame()
    people = pd.Index(np.unique(cohort["person_id"]))
    multiplicities = draw_multiplicities(len(people), draws, seed)
    rows = []
    for washout_days in washouts:
        with_invalid = is_planned_threshold and washout_days == panel.washout_days
        # Only the invalid designs look at the months before: the others have them in the cohort already.
        months_before = max(panel.months_before, months_after) if with_invalid else 0
        months = source.months(cohort, months_before, months_after, washout_days)
        trials = assemble_trials(cohort, months, people, months_after)
        found = estimate_valid(trials, multiplicities, confidence)
        if is_planned_threshold and trials.knows_engaged:
            found |= estimate_conditional(trials, multiplicities, confidence)
        if with_invalid:
            found |= estimate_invalid(trials, before_and_after(cohort, months, trials, months_after), multiplicities, confidence)
        rows += [describe_row(estimator, interval, trials, washout_days) for estimator, interval in found.items()]
    return pd.DataFrame(rows)


def focus_of(trials: Trials) -> np.ndarray:
    """Return whose effect the rows are: the engaged, or everyone referred where nothing says who engaged."""
    return trials.is_engaged if trials.knows_engaged else trials.is_referred


def describe_row(estimator: str, interval: dict, trials: Trials, washout_days: int) -> dict:
    """Return the row of one estimate, with the number of people behind it."""
    comparison = INVALID.get(estimator, "never_engaged" if estimator == "lagged_outcome" else "not_yet_referred")
    used = {"naive": focus_of(trials), "lagged_outcome": trials.is_referred}.get(estimator, np.ones_like(trials.is_referred))
    values = {name: interval[name] for name in ("estimate", "std_error", "ci_low", "ci_high")}
    names = dict(washout_days=washout_days, comparison=comparison, estimator=estimator, is_valid=estimator not in INVALID)
    return names | values | dict(n_people=len(np.unique(trials.person[used])))


def estimate_valid(trials: Trials, multiplicities: np.ndarray, confidence: float) -> dict[str, dict]:
    """Return the complier estimate and interval of each estimator that needs no assumption on who engages, and of the censored one.

    All but `followed` and `censored` are net of comparison people's own later referrals, each by the share under its own weights.
    """
    trials = add_censored(trials)
    fit = fit_contrast(trials, trials.is_referred, [PRIMARY, CENSORED])
    if fit is None:
        return {}
    ones = np.ones(len(fit.weights))
    plain = fit_outcome(trials, trials.is_referred, ones, PRIMARY)
    X = np.column_stack([trials.design, trials.is_referred])
    start = start_from("poisson", X, trials.exposure[PRIMARY], plain)
    X = X.astype(np.float32)
    points = describe_contrasts(trials, fit.weights, ones, {name: beta[-1] for name, beta in fit.coefficients.items()}, plain[-1])
    drawn = {name: [] for name in points}
    for multiplicity in multiplicities:
        often = multiplicity[trials.person]
        ((weights, deltas),) = refit_contrasts(trials, [fit], often)
        for name, value in describe_contrasts(trials, weights * often, often, deltas, refit_unweighted(trials, X, often, start)).items():
            drawn[name].append(value)
    if not trials.knows_engaged:
        return {name: dict(estimate=float(point)) | normal_interval(point, np.array(drawn[name]), confidence) for name, point in points.items()}
    once = group_totals(trials, PRIMARY, np.ones((1, multiplicities.shape[1])))
    totals = group_totals(trials, PRIMARY, multiplicities)
    return {
        name: complier_interval(float(complier_inverse(*once, point)[0]), complier_inverse(*totals, np.array(drawn[name])), confidence)
        for name, point in points.items()
    }


def describe_contrasts(trials: Trials, weights: np.ndarray, often: np.ndarray, deltas: dict[str, float], plain: float) -> dict[str, float]:
    """Return the log IRR of referral by each estimator in a sample: odds `weights` times frequencies, frequencies, deltas and the unweighted contrast."""
    weighted, unweighted = (float(later_shares(trials, one, [PRIMARY])[0]) for one in (weights, often))
    return {
        "doubly_robust": float(net_ratio(deltas[PRIMARY], weighted)),
        "followed": float(deltas[PRIMARY]),
        "censored": float(deltas[CENSORED]),
        "weights_only": float(net_ratio(weighted_log_ratio(trials, weights), weighted)),
        "outcome_regression": float(net_ratio(plain, unweighted)),
    }


def refit_unweighted(trials: Trials, X: np.ndarray, often: np.ndarray, start: Start) -> float:
    """Return the log IRR of referral from the outcome regression alone in a resample."""
    used = often > 0
    events, time = (often[used] * sums[PRIMARY][used] for sums in (trials.outcomes, trials.exposure))
    return refit_together("poisson", X[used], events[None].astype(np.float32), time[None].astype(np.float32), [start])[0, -1]


def weighted_log_ratio(trials: Trials, weights: np.ndarray) -> float:
    """Return the log of the referred's rate over the comparison's weighted rate; infinite or NaN where one is zero."""
    rates = []
    for side in (trials.is_referred, ~trials.is_referred):
        rates.append((weights[side] @ trials.outcomes[PRIMARY][side]) / (weights[side] @ trials.exposure[PRIMARY][side]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.log(rates[0]) - np.log(rates[1]))


def estimate_conditional(trials: Trials, multiplicities: np.ndarray, confidence: float) -> dict[str, dict]:
    """Return the engaged-only estimates, which hold if those who engage would otherwise have fared like the others."""
    engaged, within = fit_contrast(trials, trials.is_engaged, [PRIMARY]), fit_within(trials)
    points = {"engaged_only": missing_contrast(engaged), "lagged_outcome": np.nan if within is None else within[-1]}
    drawn = {name: np.full(len(multiplicities), np.nan) for name in points}
    for number, multiplicity in enumerate(multiplicities):
        often = multiplicity[trials.person]
        if engaged is not None:
            drawn["engaged_only"][number] = refit_contrasts(trials, [engaged], often)[0][1][PRIMARY]
        drawn["lagged_outcome"][number] = refit_within(trials, within, often)
    return {name: dict(estimate=points[name]) | normal_interval(points[name], drawn[name], confidence) for name in points}


def missing_contrast(fit: Fit | None) -> float:
    """Return the primary contrast of a fit, NaN when there is none."""
    return np.nan if fit is None else fit.coefficients[PRIMARY][-1]


def before_and_after(cohort: pd.DataFrame, months: pd.DataFrame, trials: Trials, months_after: int) -> pd.DataFrame:
    """Return, per trial in order, n_before and n_after over spans of `months_after` months, and is_later.

    is_later marks comparison people whose own referral comes after the follow-up: the future decides who is compared.
    """
    spans = months[months["month"].between(-months_after, months_after - 1)]
    sums = {name: spans[side].groupby("trial_id")["n_contacts"].sum() for name, side in (("n_before", spans["month"] < 0), ("n_after", spans["month"] >= 0))}
    rows = cohort.set_index("trial_id").loc[trials.trial_id]
    is_later = rows["next_referred_on"] > rows["index_on"] + pd.DateOffset(months=months_after)
    return pd.DataFrame({name: values.reindex(trials.trial_id, fill_value=0).to_numpy(float) for name, values in sums.items()} | {"is_later": is_later.to_numpy()})


def estimate_invalid(trials: Trials, spans: pd.DataFrame, multiplicities: np.ndarray, confidence: float) -> dict[str, dict]:
    """Return the estimates that the audit found invalid; `spans` comes from before_and_after."""
    before, after = spans["n_before"].to_numpy(), spans["n_after"].to_numpy()
    pool, focus = ~trials.is_referred, focus_of(trials)
    kept = focus | spans["is_later"].to_numpy()
    later = keep_trials(trials, kept)
    fit = fit_contrast(later, focus[kept], [PRIMARY])

    def ratios(often: np.ndarray) -> tuple[float, float]:
        sums = [values[side] @ often[side].astype(float) for side in (focus, pool) for values in (after, before)]
        with np.errstate(divide="ignore", invalid="ignore"):
            engaged, compared = np.log(sums[0]) - np.log(sums[1]), np.log(sums[2]) - np.log(sums[3])
        return engaged, engaged - compared

    points = dict(zip(("naive", "fixed_effects"), ratios(np.ones(len(pool))))) | {"referred_later": missing_contrast(fit)}
    drawn = {name: np.full(len(multiplicities), np.nan) for name in points}
    for number, multiplicity in enumerate(multiplicities):
        often = multiplicity[trials.person]
        drawn["naive"][number], drawn["fixed_effects"][number] = ratios(often)
        if fit is not None:
            drawn["referred_later"][number] = refit_contrasts(later, [fit], often[kept])[0][1][PRIMARY]
    return {name: dict(estimate=float(points[name])) | normal_interval(points[name], drawn[name], confidence) for name in points}


def show_specifications(sensitivity: pd.DataFrame, is_valid: bool) -> pd.DataFrame:
    """Return the rows of `sensitivity` that are valid or not, for readers: estimate and interval as ratios."""
    rows = sensitivity[sensitivity["is_valid"] == is_valid].reset_index(drop=True)
    ratios = np.exp(rows[["estimate", "ci_low", "ci_high"]]).round(2)
    return rows.assign(**ratios).drop(columns=["std_error", "is_valid"]).rename(columns={"estimate": "ratio"})
