"""The table `effects`: every estimate with its status, what it means in percent, and contacts averted.

A row that holds no estimate says why; nothing is dropped and nothing is filled in. Builds on pipeline.estimates (the
tidy row), pipeline.contrasts (trials), pipeline.disclosure and pipeline.disclosure_rates.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import Trials
from pipeline.disclosure import control_counts, control_table
from pipeline.disclosure_rates import control_before_after
from pipeline.estimates import LARGEST_LOG_RATIO, add_status, describe_change, is_estimated
from pipeline.estimates import COLUMNS as TIDY

AVERTED = ["n_averted", "n_averted_low", "n_averted_high"]
COLUMNS = [*TIDY, "includes_linkage", "n_counted", "percent_change", "percent_change_low", "percent_change_high", *AVERTED]


def complete_effects(rows: pd.DataFrame, trials: Trials, clients: pd.DataFrame) -> pd.DataFrame:
    """Return `effects` (COLUMNS) from the estimators' `rows`, which have TIDY with or without status, includes_linkage and n_counted.

    n_counted is what the treated behind a row made after time zero, as counted: all referred for the effect of
    referral, the engaged for the effect of engaging, the never-engaged for theirs, the claim cohort (`clients`, from
    pipeline.naive) for the naive rows. Designs that leave referred people out bring a count of their own. n_averted is
    what would have been counted without treatment less what was (pipeline.estimates.describe_change), in the units of
    the outcome; in a row with nobody to compare with it is the fall as counted, whatever brought it about.
    """
    known = rows.reindex(columns=[*TIDY, "includes_linkage", "n_counted"])
    given = add_status(known)
    is_absurd = (given["estimate"].abs() > LARGEST_LOG_RATIO) | (given["std_error"] > LARGEST_LOG_RATIO)
    reasons = pd.Series([why_missing(row, trials) for row in given.itertuples()], index=given.index, dtype="str")
    status = known["status"].where(known["status"].notna(), given["status"].where(is_estimated(given) & ~is_absurd, reasons))
    numbers = given[["estimate", "std_error", "ci_low", "ci_high", "p_value"]].where(status.str.startswith("estimated"))
    counts = pd.Series([count_treated(row, trials, clients) for row in given.itertuples()], index=given.index, dtype=float)
    table = given.assign(**numbers, status=status, includes_linkage=known["includes_linkage"].eq(True), n_counted=known["n_counted"].astype(float).fillna(counts))
    return describe_change(table, table["n_counted"])[COLUMNS].astype({"n_people": "int64"})


def treated_of(estimand: str, trials: Trials) -> np.ndarray:
    """Return which trials are the treated behind an estimand: referral, engaged or never_engaged."""
    groups = {"referral": trials.is_referred, "engaged": trials.is_engaged, "never_engaged": trials.is_referred & ~trials.is_engaged}
    return groups.get(estimand, np.zeros(len(trials.is_referred), bool))


def count_treated(row, trials: Trials, clients: pd.DataFrame) -> float:
    """Return what the treated behind `row` of `effects` made after time zero; NaN where that was not counted."""
    if row.comparison == "none":
        name = f"{row.outcome}_after"
        return float(clients[name].sum()) if name in clients else np.nan
    return float(trials.outcomes[row.outcome] @ treated_of(row.estimand, trials)) if row.outcome in trials.outcomes else np.nan


def why_missing(row, trials: Trials) -> str:
    """Return in words why `row` of `effects` holds no estimate, as far as the trials tell."""
    if row.comparison == "none":
        return "not estimable: no contacts before or after time zero"
    treated = treated_of(row.estimand, trials)
    compared = trials.is_referred & ~treated if row.comparison == "never_engaged" else ~trials.is_referred
    names = {"referral": "the referred", "engaged": "those who engaged", "never_engaged": "the referred who never engaged"}
    nobody = {"engaged": "nobody engaged", "never_engaged": "everybody referred engaged"}
    if not treated.any():
        return f"not estimable: {nobody.get(row.estimand, 'nobody was referred')}"
    if not compared.any():
        return f"not estimable: {'everybody referred engaged' if row.comparison == 'never_engaged' else 'there are no comparison people'}"
    counted = trials.outcomes.get(row.outcome, np.zeros(len(treated)))
    if not counted[treated].any():
        return f"not estimable: {names[row.estimand]} have no such contacts after time zero"
    if not counted[compared].any():
        return "not estimable: the comparison people have no such contacts after time zero"
    if row.estimator.startswith("complier"):
        return "not estimable: the effect of referral leaves the engaged no contacts to avert, or could not be had itself"
    return "not estimable: the arms can be told apart completely, one side has next to no contacts, or a model does not converge"


def control_effects(effects: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `effects` fit for publication: counts rounded or suppressed, contacts averted worked out again from rounded counts.

    Otherwise a published ratio and the contacts averted would give the exact count away. Numbers of people in a status are controlled too,
    and the ratio of contacts after and before, which is one of two plain sums, is that of rounded sums.
    """
    effects = control_before_after(effects, threshold, rounding)
    controlled = control_table(effects, threshold, rounding, counts=["n_people", "n_person_months", "n_counted"])
    status = pd.Series([control_words(words, threshold, rounding) for words in effects["status"]], index=effects.index, dtype="str")
    # Where fewer than the threshold are left out, the difference of two counts would be theirs.
    is_shown = controlled[["n_people", "n_counted"]].notna().all(axis=1) & ~status.str.contains("fewer than")
    controlled["n_counted"] = controlled["n_counted"].where(is_shown)
    again = describe_change(controlled, controlled["n_counted"].astype("Float64").astype(float).where(is_shown))
    averted = {name: (again[name] / rounding).round() * rounding for name in AVERTED}
    percent = {name: again[name] for name in ("percent_change", "percent_change_low", "percent_change_high")}
    return controlled.assign(**percent, **averted, status=status)


def control_words(words: str, threshold: int, rounding: int) -> str:
    """Return a status whose leading number is rounded, or reads "fewer than" the threshold: "estimated; 282 referred ... left out"."""
    kept, _, note = words.partition("; ")
    number, _, rest = note.partition(" ")
    if not number.isdigit():
        return words
    rounded = control_counts(pd.Series([int(number)]), threshold, rounding)[0]
    return f"{kept}; {f'fewer than {threshold}' if pd.isna(rounded) else rounded} {rest}"
