"""The ledger of departures: which parameters of a run differ from the analysis plan or from those committed, and where each moves the answer.

The plan fixes some choices (pipeline.analysis_plan); every other parameter is held to the value that the last commit
has. What a departure does is read off the specification curve, where the plan's level was tried beside the run's.
Builds on pipeline.analysis_plan, pipeline.provenance and pipeline.specification_choices.
"""

import math

import pandas as pd

from pipeline.analysis_plan import FIXED
from pipeline.provenance import write_value
from pipeline.specification_choices import CHOICES, as_text

COLUMNS = ["parameter", "planned", "committed", "this_run", "differs_from", "n_pairs", "shift", "shift_low", "shift_high"]
PLAN, COMMIT = "the plan", "the last commit"
# The choice of the specification curve that a parameter sets.
CHOICE_OF = {
    "panel.months_after": "months_after", "panel.washout_days": "washout_days", "panel.trigger_months": "trigger_months",
    "panel.lag_edges": "lag_edges", "linkage.accept_from": "accept_from", "effect.later_referrals": "later_referrals",
}  # fmt: skip
# Sections that say what is evaluated and who answers for it, not how: they differ from place to place by their nature.
NO_CHOICES = ("extracts", "simulate", "plan", "report", "record", "assurance")


def list_departures(plan, sections: dict, committed: dict | None, sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return one row per parameter that differs (COLUMNS): values as text; shift is this run's log ratio less the plan's.

    `plan` is that section of params.yaml, checked; `sections` are the sections of this run and `committed` those of the last
    commit, as plain values, None where there is no version control. n_pairs counts the pairs of specifications that differ
    in this choice alone; shift is their mean difference, shift_low and shift_high the least and greatest; missing where the
    curve did not try both. Parameters stand in the order of params.yaml.
    """
    planned = {f"{section}.{name}": getattr(plan, name) for section, names in FIXED.items() for name in names}
    rows = []
    for section, values in sections.items():
        for name, value in values.items() if section not in NO_CHOICES else ():
            parameter, ran = f"{section}.{name}", write_value(value)
            of_plan = write_value(planned[parameter]) if parameter in planned else ""
            of_commit = "" if committed is None else write_value(committed.get(section, {}).get(name, ""))
            differs = [from_what for from_what, other in ((PLAN, of_plan), (COMMIT, of_commit)) if other not in ("", ran)]
            if differs:
                moved = measure_shift(sensitivity, parameter, ran, of_plan or of_commit)
                rows.append((parameter, of_plan, of_commit, ran, " and ".join(differs), *moved))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_pairs": "int64", **dict.fromkeys(COLUMNS[-3:], "float64")})


def measure_shift(sensitivity: pd.DataFrame, parameter: str, ran: str, planned: str) -> tuple[int, float, float, float]:
    """Return number, mean, least and greatest of the differences in log ratio between valid specifications at `ran` and at `planned`, all else alike."""
    nothing = (0, math.nan, math.nan, math.nan)
    choice = CHOICE_OF.get(parameter)
    if choice is None or sensitivity.empty:
        return nothing
    valid = sensitivity[sensitivity["is_valid"].astype(bool) & sensitivity["estimate"].notna()]
    rows = as_text(valid).assign(estimate=valid["estimate"].astype(float))
    rows[choice] = rows[choice].map(tidy)
    others = [name for name in CHOICES if name != choice]
    pairs = rows[rows[choice].eq(tidy(ran))].merge(rows[rows[choice].eq(tidy(planned))], on=others, suffixes=("", "_planned"), validate="one_to_one")
    shifts = pairs["estimate"] - pairs["estimate_planned"]
    return (len(shifts), float(shifts.mean()), float(shifts.min()), float(shifts.max())) if len(shifts) else nothing


def tidy(level: str) -> str:
    """Return a level as both the parameters and the curve would write it: 0.9, 0.90 and 12.0 lose what says nothing."""
    try:
        return f"{float(level):g}"
    except ValueError:
        return level


def mark_planned(sensitivity: pd.DataFrame, plan) -> pd.Series:
    """Return whether each row of `sensitivity` is what the plan asks for: the run's primary with the plan's level of every choice that the plan fixes.

    Choices that mean nothing for these extracts are left as they are. All False without a primary specification.
    """
    primary = sensitivity[sensitivity["is_primary"].astype(bool)]
    if primary.empty:
        return pd.Series(False, index=sensitivity.index)
    texts = as_text(sensitivity).map(tidy)
    wanted = texts.loc[primary.index[0]].copy()
    for choice in ("outcome", *CHOICE_OF.values()):
        if hasattr(plan, choice) and wanted[choice]:
            wanted[choice] = tidy(write_value(getattr(plan, choice)))
    return texts.eq(wanted).all(axis=1) & sensitivity["is_valid"].astype(bool)
