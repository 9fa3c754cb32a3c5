"""Does the answer survive other reasonable choices? One row per specification (Simonsohn, Simmons & Nelson 2020).

Every specification (pipeline.specifications) is what the pipeline would have given with those choices: people resolved
again at the threshold, cohort, person-months and weights made again where a choice demands it, models fitted again. Standard
errors are those of pipeline.jackknife, so that no row needs resamples. All rows estimate the same thing, the log IRR of
engaging for those who engaged, of the row's outcome. Designs that the audit of the method found invalid stay in the
table, marked, and never share an axis with the others (pipeline.invalid_designs).

    doubly_robust           odds weights and outcome regression, complier effect (with the plan's values: the primary)
    weights_only            odds weights without the regression, complier effect
    outcome_regression      the regression without weights, complier effect
    lagged_outcome_matched  the regression on trajectory-matched sets (pipeline.matching), complier effect
    engaged_only            the engaged against the not yet referred, if engaging is unselective
    lagged_outcome          the engaged against the referred who never engaged, likewise

Where nothing says who engaged, all rows are the log IRR of being referred, and the conditional designs are left out.
Builds on pipeline.specifications, pipeline.reading, pipeline.specification_choices, pipeline.invalid_designs and pipeline.contrasts.
"""

from itertools import groupby

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from pipeline.contrasts import PRIMARY, Trials, assemble_trials
from pipeline.errors import InputError
from pipeline.estimates import ESTIMATED
from pipeline.invalid_designs import INVALID, estimate_invalid
from pipeline.reading import estimate_together
from pipeline.specification_choices import design_of
from pipeline.specifications import Specification, list_levels, list_specifications, planned

CHOICES = list(Specification._fields)
NUMBERS = ["estimate", "std_error", "ci_low", "ci_high"]
COLUMNS = ["comparison", *CHOICES, "is_valid", "is_primary", *NUMBERS, "n_people", "status"]
# What the audit calls the designs that it knows: estimator and estimand.
AUDITED = {
    "doubly_robust": ("complier", "engaged"), "complier_followed": ("complier_followed", "engaged"), "engaged_only": ("sequential_trials", "engaged"),
    "lagged_outcome": ("lagged_outcome", "engaged"),
}  # fmt: skip
TOO_FEW = "not estimable: too few people can be followed"


def estimate_specifications(sources: dict, panel, accept_from: float, sensitivity, effect, processes: int, void: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return `sensitivity`, one row per specification (COLUMNS; estimates are log IRR), the plan's own first.

    `sources` holds per accept threshold what cohort and months are made from (pipeline.sources), `accept_from` is the
    plan's. `panel`, `sensitivity` and `effect` are these sections of params.yaml. Choices in `void` mean nothing for these extracts: they are not
    tried and blank in the rows. Prints a line for each group of specifications that share a cohort. A row that cannot
    be had says why in `status`. Raises InputError when there is none that can.
    """
    plan = planned(panel, effect, accept_from, PRIMARY)
    levels = list_levels(plan, sensitivity, effect.unengaged_irr, void)
    wanted = sorted(list_specifications(plan, levels), key=lambda one: (one.cohort_key(), one.washout_days, one.pandemic_months))
    groups = [(key, list(members)) for key, members in groupby(wanted, key=Specification.cohort_key)]
    # The plan's own cohorts hold most of the rows: begun first, they do not leave one process waiting for them at the end.
    groups.sort(key=lambda group: -len(group[1]))
    calls = (delayed(estimate_group)(sources[key[0]], panel, plan, members, sensitivity.pandemic, effect.confidence) for key, members in groups)
    frames, n_done = [], 0
    for number, rows in enumerate(Parallel(n_jobs=processes, return_as="generator")(calls), start=1):
        frames.append(rows)
        n_done += len(rows)
        print(f"{number} of {len(groups)} cohorts, {n_done} specifications", flush=True)
    table = pd.concat(frames, ignore_index=True)
    if table["estimate"].notna().sum() == 0:
        raise InputError("params.yaml, sensitivity: too few people can be followed under any choice. Shorten months_after.")
    table["is_primary"] = table["is_valid"] & (table[CHOICES] == pd.Series(plan._asdict())).all(axis=1)
    table["lag_edges"] = [", ".join(map(str, edges)) for edges in table["lag_edges"]]
    table = table.sort_values(["is_valid", "is_primary", "comparison", *CHOICES], ascending=[False, False] + [True] * (1 + len(CHOICES)), ignore_index=True)
    return table.assign(**{choice: pd.Series(np.nan, table.index, dtype=float if choice == "accept_from" else object) for choice in void if choice not in ("outcome", "estimator")})[COLUMNS]


def estimate_group(source, panel, plan: Specification, wanted: list[Specification], pandemic: list, confidence: float) -> pd.DataFrame:
    """Return the rows of the specifications that share a cohort; they come sorted by washout and pandemic."""
    first = wanted[0]
    if first.duplicates == "counted":
        source = source.with_duplicates()
    chosen = panel.model_copy(update={"months_after": first.months_after, "trigger_months": first.trigger_months, "lag_edges": list(first.lag_edges)})
    try:
        cohort = source.cohort(chosen)
    except InputError:  # too few people, or a window outside the extract
        return pd.DataFrame([describe_row(one, {}, TOO_FEW) for one in wanted])
    people = pd.Index(np.unique(cohort["person_id"]))
    rows = []
    for (washout_days, pandemic_months), members in groupby(wanted, key=lambda one: (one.washout_days, one.pandemic_months)):
        members = list(members)
        is_planned = all(getattr(members[0], name) == getattr(plan, name) for name in ("washout_days", "pandemic_months", "accept_from", "duplicates", "trigger_months", "lag_edges"))
        # Only the invalid designs look at the months before: the others have them in the cohort already.
        months_before = max(panel.months_before, first.months_after + first.trigger_months) if is_planned else 0
        months = source.months(cohort, months_before, first.months_after, washout_days)
        counted = months if pandemic_months == "in" else leave_out_months(months, cohort, pandemic)
        try:
            trials = assemble_trials(cohort, counted, people, first.months_after)
        except InputError:
            rows += [describe_row(one, {}, TOO_FEW) for one in members]
            continue
        found = estimate_together(trials, days_of(source.at_liberty(counted, cohort), counted, trials, first.months_after), members, confidence)
        # Where nothing says who engaged, what a referral does that nobody took up is no question.
        rows += [describe_row(one, numbers, ESTIMATED) for one, numbers in found.items() if trials.knows_engaged or (one.is_of_referral() and one.unengaged_irr == plan.unengaged_irr)]
        if is_planned:
            rows += [describe_row(plan._replace(months_after=first.months_after, estimator=name), found, ESTIMATED) for name, found in estimate_invalid(cohort, months, trials, first.months_after, first.trigger_months, confidence).items()]
    return pd.DataFrame(rows)


def leave_out_months(months: pd.DataFrame, cohort: pd.DataFrame, pandemic: list) -> pd.DataFrame:
    """Return `months` with neither time nor contacts in the person-months from time zero on that begin within `pandemic` (first and last day)."""
    index_on = cohort.set_index("trial_id")["index_on"]
    first, last = pd.Timestamp(pandemic[0]), pd.Timestamp(pandemic[1])
    left_out = np.zeros(len(months), bool)
    for month in range(int(months["month"].max()) + 1):
        begins = index_on + pd.DateOffset(months=month)
        inside = index_on.index[begins.between(first, last)]
        left_out |= ((months["month"] == month) & months["trial_id"].isin(inside)).to_numpy()
    names = [name for name in months.columns if name not in ("trial_id", "month")]
    kept = months.copy()
    kept.loc[left_out, names] = 0
    return kept


def days_of(exposure_days: pd.Series, months: pd.DataFrame, trials: Trials, months_after: int) -> np.ndarray:
    """Return `exposure_days` (an entry per row of `months`) summed over follow-up, an entry per trial."""
    after = months["month"].between(0, months_after - 1)
    return exposure_days[after].groupby(months.loc[after, "trial_id"]).sum().reindex(trials.trial_id).to_numpy(float)


def describe_row(one: Specification, found: dict, status: str) -> dict:
    """Return the row of one specification; `found` has the estimate, its interval and the number of people, empty where there is none."""
    missing = dict.fromkeys(NUMBERS, np.nan) | dict(n_people=0)
    if found and not np.isfinite(found["estimate"]):
        status = "not estimable: no finite estimate"
    is_valid = one.estimator not in INVALID
    return dict(comparison=INVALID.get(one.estimator, one.comparison()), is_valid=is_valid, is_primary=False) | one._asdict() | missing | found | dict(status=status)


def carry_verdicts(sensitivity: pd.DataFrame, audit_verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return `sensitivity` with every design marked invalid that the audit found invalid (pipeline.audit_verdicts).

    What the audit has not decided, or does not know, stays as it is; nothing that method alone calls invalid becomes valid.
    """
    found = audit_verdicts.loc[audit_verdicts["verdict"] == "invalid", ["estimator", "estimand"]]
    invalid = set(found.itertuples(index=False, name=None))
    audited = [AUDITED.get(design_of(row)) for row in sensitivity[["estimator", "later_referrals"]].to_dict("records")]
    return sensitivity.assign(is_valid=sensitivity["is_valid"] & ~pd.Series([one in invalid for one in audited], index=sensitivity.index, dtype=bool))


def show_specifications(sensitivity: pd.DataFrame, is_valid: bool) -> pd.DataFrame:
    """Return the rows of `sensitivity` that are valid or not, for readers: estimate and interval as ratios."""
    rows = sensitivity[sensitivity["is_valid"] == is_valid].reset_index(drop=True)
    ratios = np.exp(rows[["estimate", "ci_low", "ci_high"]].astype(float)).round(2)
    return rows.assign(**ratios).drop(columns=["std_error", "is_valid"]).rename(columns={"estimate": "ratio"})
