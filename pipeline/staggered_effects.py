"""The estimators of staggered adoption on a ready panel of calendar months, as one table that a reviewer can lay beside `did` and `staggered`.

They suit panels whose timing the outcome did not trigger: a rollout by area, team or lot. Where people start at their
worst all of them inherit the spike. Nobody treated already is ever a control but in `two_way_fixed_effects`, which is
there as the known mistake. Two scales: the log ratio of sums, and the mean effect per person-month (ATT), in which a
month counts as the share of its days that was exposed, as publications take means of monthly counts.
Builds on pipeline.staggered, pipeline.extended_twfe, pipeline.callaway_santanna, pipeline.efficient_rollout,
pipeline.stacked_fixed_effects (settled digits) and pipeline.estimates.
"""

import warnings

import numpy as np
import pandas as pd
import pyfixest as pf
from scipy.special import ndtri
from scipy.stats import chi2

from pipeline.callaway_santanna import KEYS, Sums, mean_of, mean_over, sum_cells_by, widen
from pipeline.efficient_rollout import balance_rollout, cells_of, estimate_rollout, weigh_cells
from pipeline.estimates import Label, NotEstimable, Size, clustered_error, flagged_row, result_row
from pipeline.extended_twfe import estimate_leads, fit_untreated, mean_difference, ratio_of_sums
from pipeline.stacked_fixed_effects import settled
from pipeline.staggered import MONTHS_IN, Staggered, collapse, only_comparable

NOT_OUTCOMES = ["person_id", "arm", "is_engaged", "index_month", "month", "exposure_days", "sex", "birth_year", "age", "area", "primary_need", "referral_source"]
EXTRA = "covariate_"
COLUMNS = [
    "outcome", "comparison", "estimator", "estimand", "unit", "aggregation", "first_month", "last_month", "estimate", "std_error", "ci_low", "ci_high", "p_value",
    "att", "att_std_error", "att_ci_low", "att_ci_high", "n_people", "n_treated", "n_person_months", "status",
]  # fmt: skip
TEXTS = ["outcome", "comparison", "estimator", "estimand", "unit", "aggregation", "status"]
NOT_YET, ALREADY = "not_yet_treated", "treated_already_too"
# Blocks of event time this long before the start are looked at; the time before them is the reference.
BLOCKS_BEFORE = 4


def estimate_staggered(calendar_panel: pd.DataFrame, study, settings, confidence: float) -> pd.DataFrame:
    """Return every estimate of every outcome (COLUMNS), sorted; no rows without a calendar panel.

    `study` and `settings` have the sections study and staggered of params.yaml: only months that study calls complete
    enter. aggregation is simple (all treated person-months alike), cohort, calendar (means over cohorts and over calendar
    periods), event (a period since the start) or block (settings.block_months of them; before the start, too) and pre_trend
    (p_value of all blocks before). first_month and last_month count from the start, 0 the month or first month of
    the period that holds it. estimate is a log ratio of sums, att the mean effect per person-month; what an estimator
    does not give is missing. n_people are treated people and controls, n_treated the treated ones in the row.
    """
    if calendar_panel.empty:
        return empty_effects()
    first, last = (pd.Timestamp(day).to_period("M").to_timestamp() for day in (study.contacts_from, study.contacts_to))
    panel = calendar_panel[calendar_panel["month"].between(first, last)]
    outcomes = [name for name in panel.columns if name not in NOT_OUTCOMES and not name.startswith(EXTRA)]
    unit = choose_unit(panel, settings)
    rows = []
    for outcome in outcomes:
        data = collapse(panel, outcome, unit, in_days=False)
        estimators = (rows_of_poisson, rows_of_callaway_santanna, rows_of_rollout, rows_of_two_way)
        rows += [row | {"unit": unit} for make in estimators for row in make(outcome, data, unit, settings.block_months, confidence)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_people": "int64", "n_treated": "int64", "n_person_months": float})


def empty_effects() -> pd.DataFrame:
    """Return the table without rows."""
    kinds = {"n_people": "int64", "n_treated": "int64"}
    return pd.DataFrame({name: pd.Series(dtype="str" if name in TEXTS else kinds.get(name, "float64")) for name in COLUMNS})


def show_staggered(staggered_effects: pd.DataFrame) -> pd.DataFrame:
    """Return the means over everything (simple, cohort, calendar) and the pre-trend, rounded: estimates to 4 decimals, effects per person-month to 5."""
    rows = staggered_effects[staggered_effects["aggregation"].isin(["simple", "cohort", "calendar", "pre_trend"])]
    names = ["outcome", "estimator", "unit", "aggregation", "estimate", "ci_low", "ci_high", "p_value", "att", "att_std_error", "n_people", "n_treated", "n_person_months", "status"]
    return rows[names].round({"estimate": 4, "ci_low": 4, "ci_high": 4, "p_value": 4, "att": 5, "att_std_error": 5}).reset_index(drop=True)


def choose_unit(panel: pd.DataFrame, settings) -> str:
    """Return settings.unit, or for auto the finest unit in which half of all starts are shared by people_per_start people or more."""
    if settings.unit != "auto":
        return settings.unit
    starts = panel.drop_duplicates("person_id")["index_month"].dropna()
    number = starts.dt.year * 12 + starts.dt.month - 1
    for unit, months in MONTHS_IN.items():
        if len(number) and (number // months).value_counts().median() >= settings.people_per_start:
            return unit
    return "half"


def row_of(outcome: str, estimator: str, aggregation: str, log_ratio, att, size: Size, n_treated: int, confidence: float, note: str = "", months=(None, None), comparison=NOT_YET) -> dict:
    """Return one row; `log_ratio` and `att` are (estimate, error) or None. Without either, or with one that is not finite, it is flagged."""
    label = Label(outcome, comparison, estimator, "referral")
    row = result_row(label, *log_ratio, size, confidence, note) if log_ratio is not None else flagged_row(label, f"estimated; {note}" if note else "estimated", size)
    level = dict.fromkeys(["att", "att_std_error", "att_ci_low", "att_ci_high"], np.nan)
    if att is not None and np.isfinite(att).all() and att[1] > 0:
        width = ndtri(0.5 + confidence / 2) * att[1]
        level = {"att": att[0], "att_std_error": att[1], "att_ci_low": att[0] - width, "att_ci_high": att[0] + width}
    elif log_ratio is None:
        row["status"] = "not estimable: no variation between people"
    return row | level | {"aggregation": aggregation, "first_month": months[0], "last_month": months[1], "n_treated": n_treated}


def flag(outcome: str, estimator: str, reason, aggregation: str = "simple", comparison: str = NOT_YET) -> list[dict]:
    """Return a row without numbers that says why."""
    row = flagged_row(Label(outcome, comparison, estimator, "referral"), f"not estimable: {reason}")
    return [row | {"aggregation": aggregation, "n_treated": 0}]


def months_of(first: int, last: int, unit: str) -> tuple[int, int]:
    """Return the months since the start that the periods `first` to `last` hold."""
    return first * MONTHS_IN[unit], (last + 1) * MONTHS_IN[unit] - 1


def rows_of_poisson(outcome: str, data: Staggered, unit: str, block_months: int, confidence: float) -> list[dict]:
    """Return the rows of the Poisson extended two-way fixed effects (Wooldridge 2023)."""
    name = "extended_twfe"
    try:
        fit = fit_untreated(data)
        since = np.where(fit.data.is_treated, fit.data.period - fit.data.cohort, -1)
        n_treated = len(np.unique(fit.data.person[since >= 0]))
        att = mean_difference(fit, "poisson")
        rows = [row_of(outcome, name, "simple", ratio_of_sums(fit), per_month(fit, since >= 0, att), fit.data.size(), n_treated, confidence, fit.note)]
    except NotEstimable as reason:
        return flag(outcome, name, reason)
    per_block = max(block_months // MONTHS_IN[unit], 1)
    spans = [("event", period, period) for period in np.unique(since[since >= 0])]
    spans += [("block", first, first + per_block - 1) for first in range(0, since.max() + 1, per_block)]
    for aggregation, first, last in spans:
        chosen = (since >= first) & (since <= last)
        months, size = months_of(first, last, unit), Size(*(fit.data.keep(chosen).size()))
        try:
            rows.append(row_of(outcome, name, aggregation, ratio_of_sums(fit, chosen), per_month(fit, chosen, mean_difference(fit, "poisson", chosen)), size, size.n_people, confidence, "", months))
        except NotEstimable as reason:
            rows += [row | dict(zip(("first_month", "last_month"), months)) for row in flag(outcome, name, reason, aggregation)]
    return rows + rows_of_leads(outcome, data, unit, per_block, confidence)


def per_month(fit, chosen: np.ndarray, mean: tuple[float, float]) -> tuple[float, float]:
    """Return a mean effect per person-period as one per person-month."""
    factor = chosen.sum() / fit.data.exposure[chosen].sum()
    return mean[0] * factor, mean[1] * factor


def rows_of_leads(outcome: str, data: Staggered, unit: str, per_block: int, confidence: float) -> list[dict]:
    """Return a row per block before the start, and one with the p-value of all of them together."""
    try:
        starts, logs, covariance = estimate_leads(data, -BLOCKS_BEFORE * per_block, -1, per_block)
    except NotEstimable as reason:
        return flag(outcome, "extended_twfe", reason, "pre_trend")
    seen = data.keep(~data.is_treated)
    since = np.where(seen.cohort <= data.period.max(), seen.period - seen.cohort, -10**6)
    rows = []
    for start, log, error in zip(starts, logs, np.sqrt(np.diag(covariance))):
        size = seen.keep((since >= start) & (since < start + per_block)).size()
        rows.append(row_of(outcome, "extended_twfe", "block", (log, error), None, size, size.n_people, confidence, "", months_of(start, start + per_block - 1, unit)))
    joint = flagged_row(Label(outcome, NOT_YET, "extended_twfe", "referral"), f"estimated; {len(logs)} blocks of event time before the start", seen.size())
    p_value = float(chi2.sf(logs @ np.linalg.solve(covariance, logs), len(logs)))
    months = months_of(starts[0], -1, unit)
    return [*rows, joint | {"aggregation": "pre_trend", "p_value": p_value, "n_treated": 0, "first_month": months[0], "last_month": months[1]}]


def ratio_of(sums: Sums) -> tuple[float, float] | None:
    """Return the log ratio of sums of added cells and its error; None where nothing positive is left without treatment."""
    observed = sums.counted.sum()
    predicted = observed - sums.total
    if not (observed > 0 and predicted > 0):
        return None
    influence = sums.counted / observed - (sums.counted - sums.influence) / predicted
    return float(np.log(observed / predicted)), clustered_error(influence, correct=False)


def rows_of_callaway_santanna(outcome: str, data: Staggered, unit: str, block_months: int, confidence: float) -> list[dict]:
    """Return the rows of Callaway & Sant'Anna (2021), controls not treated yet, errors as R's did."""
    name = "callaway_santanna"
    data, note = only_comparable(data)
    wide = widen(data)
    sums = sum_cells_by(wide, KEYS["simple"])
    if not sums:
        return flag(outcome, name, "nobody is seen both before and after a start while others are untreated")
    size, per_block = data.size(), max(block_months // MONTHS_IN[unit], 1)
    n_treated = int((sums[0].exposed > 0).sum())

    def row(aggregation: str, one: Sums, note: str = "", months=(None, None)) -> dict:
        mean, influence = mean_of(one)
        n_here = int((one.exposed > 0).sum())
        ratio = ratio_of(one) if months[0] is None or months[0] >= 0 else None
        return row_of(outcome, name, aggregation, ratio, (mean, clustered_error(influence, correct=False)), size, n_here, confidence, note, months)

    rows = [row("simple", sums[0], note)]
    for by in ("cohort", "calendar"):
        mean, influence = mean_over(sum_cells_by(wide, KEYS[by]), by)
        rows.append(row_of(outcome, name, by, None, (mean, clustered_error(influence, correct=False)), size, n_treated, confidence, note))
    rows += [row("event", one, "", months_of(key, key, unit)) for key, one in sum_cells_by(wide, KEYS["event"], leads=True).items()]
    blocks = sum_cells_by(wide, lambda cell: (cell.period - cell.cohort) // per_block, leads=True)
    return rows + [row("block", one, "", months_of(key * per_block, (key + 1) * per_block - 1, unit)) for key, one in blocks.items()]


def rows_of_rollout(outcome: str, data: Staggered, unit: str, block_months: int, confidence: float) -> list[dict]:
    """Return the rows of Roth & Sant'Anna (2023), efficient where the order of starts is random."""
    name = "efficient_rollout"
    data, note = only_comparable(data)
    try:
        rollout, more = balance_rollout(widen(data))
        cells, note = cells_of(rollout), "; ".join(filter(None, [note, more]))
        people, treated = Size(len(rollout.cohort), float(data.exposure.sum())), cells[:, 0]
        rows = [
            row_of(outcome, name, by, None, estimate_rollout(rollout, cells, weigh_cells(rollout, cells, by))[:2], people, int(rollout.sizes[np.unique(treated)].sum()), confidence, note)
            for by in ("simple", "cohort", "calendar")
        ]
    except NotEstimable as reason:
        return flag(outcome, name, reason)
    since = (rollout.periods[cells[:, 1]] - rollout.starts[treated])
    for period in np.unique(since):
        here = cells[since == period]
        weights = rollout.sizes[here[:, 0]] / rollout.sizes[here[:, 0]].sum()
        rows.append(row_of(outcome, name, "event", None, estimate_rollout(rollout, here, weights)[:2], people, int(rollout.sizes[here[:, 0]].sum()), confidence, "", months_of(period, period, unit)))
    return rows


def rows_of_two_way(outcome: str, data: Staggered, unit: str, block_months: int, confidence: float) -> list[dict]:
    """Return the row of person and period effects with one indicator: the known mistake, people treated already among its controls."""
    name = "two_way_fixed_effects"
    table = pd.DataFrame({"counted": data.counted, "person": data.person, "period": data.period, "treated": data.is_treated.astype(float), "log_time": np.log(data.exposure)})
    active = table[table.groupby("person")["counted"].transform("sum").gt(0) & table.groupby("period")["counted"].transform("sum").gt(0)]
    # The library ends the process on a table without rows.
    if active.groupby("treated")["counted"].sum().reindex([0.0, 1.0]).gt(0).sum() < 2:
        return flag(outcome, name, "no contacts before a start or none after it", comparison=ALREADY)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas inside the library
            fit = pf.fepois("counted ~ treated | person + period", active, vcov={"CRV1": "person"}, offset="log_time", iwls_maxiter=100, separation_check=[])
        log_ratio = settled(fit, "treated")
    except (RuntimeError, ValueError, KeyError, ArithmeticError, np.linalg.LinAlgError) as error:
        return flag(outcome, name, f"the fixed-effects model gives no estimate ({type(error).__name__})", comparison=ALREADY)
    n_silent = table["person"].nunique() - active["person"].nunique()
    note = f"{n_silent} people without a contact say nothing here" if n_silent else ""
    treated = active.loc[active["treated"] > 0, "person"].nunique()
    return [row_of(outcome, name, "simple", log_ratio, None, data.size(), treated, confidence, note, comparison=ALREADY)]
