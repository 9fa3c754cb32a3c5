"""Checks before anything runs: `python -m pipeline.check` tells every mistake in the parameters and the extracts at once.

DVC removes nothing and no stage starts until this passes, so a typing error costs nothing. It reads params.yaml
and the top of the extracts only; their rows are checked by the first stage.
"""

import sys
from datetime import date
from pathlib import PurePosixPath

import pandas as pd

from pipeline.errors import InputError, run_command
from pipeline.extract_facts import extracts_folder, load_extract_facts
from pipeline.extract_kinds import tables_of_kind
from pipeline.extracts import find_extract_problems
from pipeline.params import Parameters, check_params, load_sections
from pipeline.spark import find_spark_problems
from pipeline.tables import DEMONSTRATION, RAW, project_root


def check_project() -> None:
    """Raise InputError that lists every mistake in params.yaml, between its sections, and at the top of the extracts."""
    params = check_params(load_sections(*Parameters.model_fields))
    spark_problems = find_spark_problems() if params.linkage.engine == "spark" else []
    # What a ready panel covers, and whether it knows of a claim, is known when it has been read.
    windows = [] if params.extracts.kind == "panel" else find_window_problems(params)
    InputError.collect([*windows, *find_contradictions(params), *spark_problems, *find_set_problems(params.extracts.folder, params.extracts)])


def find_window_problems(params: Parameters) -> list[str]:
    """Return what is wrong where months before and after time zero would reach outside the contact extract."""
    study, claim, panel = params.study, params.claim, params.panel
    problems = []
    for name, months_after in [("panel.months_after", panel.months_after), ("sensitivity.months_after", max(params.sensitivity.months_after))]:
        share = covered_share(study, panel.months_before, months_after)
        if share < panel.minimum_observed:
            problems.append(
                f"params.yaml, {name}: a window outside the data. {panel.months_before} months before and {months_after} months after "
                f"referral lie between study.contacts_from ({study.contacts_from}) and study.contacts_to ({study.contacts_to}) for "
                f"{share:.0%} of the days of referral ({study.referrals_from} to {study.referrals_to}); panel.minimum_observed asks for "
                f"{panel.minimum_observed:.0%}. Shorten the window or correct the dates of the study."
            )
    if not study.referrals_from <= claim.referred_from <= study.referrals_to:
        problems.append(
            f"params.yaml, claim.referred_from: {claim.referred_from} is outside the data, which hold referrals from {study.referrals_from} "
            f"to {study.referrals_to}. Correct it, or study.referrals_from and study.referrals_to."
        )
    if claim.complete_by > study.contacts_to:
        problems.append(
            f"params.yaml, claim.complete_by: {claim.complete_by} is outside the data, which hold contacts up to {study.contacts_to}. "
            "Correct it, or study.contacts_to."
        )
    if shift(claim.referred_from, claim.months) > claim.complete_by:
        problems.append(
            f"params.yaml, claim.months: {claim.months} months from claim.referred_from ({claim.referred_from}) end after "
            f"claim.complete_by ({claim.complete_by}), which leaves nobody. Correct one of the three."
        )
    return problems


def covered_share(study, months_before: int, months_after: int) -> float:
    """Return the share of the days of referral whose months before and after lie within the contact extract."""
    first = max(shift(study.contacts_from, months_before), study.referrals_from)
    last = min(shift(study.contacts_to, -months_after), study.referrals_to)
    return max((last - first).days + 1, 0) / ((study.referrals_to - study.referrals_from).days + 1)


def shift(day: date, months: int) -> date:
    """Return `day` moved by whole calendar months."""
    return (pd.Timestamp(day) + pd.DateOffset(months=months)).date()


def find_contradictions(params: Parameters) -> list[str]:
    """Return where one section of params.yaml asks for what another leaves out."""
    panel, sensitivity = params.panel, params.sensitivity
    problems = []
    if params.claim.months > panel.months_before:
        problems.append(
            f"params.yaml, claim.months: {params.claim.months} is more than panel.months_before ({panel.months_before}), so the months before "
            "referral would not all be counted. Raise panel.months_before or lower claim.months."
        )
    if panel.lag_edges[-1] > panel.months_before:
        problems.append(
            f"params.yaml, panel.lag_edges: ends at {panel.lag_edges[-1]}, beyond panel.months_before ({panel.months_before}). "
            "Raise panel.months_before or drop the edge."
        )
    furthest = max(edges[-1] for edges in sensitivity.lag_edges)
    if furthest > panel.months_before:
        problems.append(
            f"params.yaml, sensitivity.lag_edges: ends at {furthest}, beyond panel.months_before ({panel.months_before}). "
            "Raise panel.months_before or drop the edge."
        )
    if max(sensitivity.trigger_months) > panel.months_before:
        problems.append(
            f"params.yaml, sensitivity.trigger_months: {max(sensitivity.trigger_months)} is more than panel.months_before ({panel.months_before}). "
            "Raise panel.months_before or drop it."
        )
    if min(sensitivity.accept_from) < params.linkage.floor:
        problems.append(
            f"params.yaml, sensitivity.accept_from: {min(sensitivity.accept_from)} lies below linkage.floor ({params.linkage.floor}), and "
            "pairs below the floor are not kept. Lower the floor or raise the threshold."
        )
    if min(params.link_checks.thresholds) < params.linkage.floor:
        problems.append(
            f"params.yaml, link_checks.thresholds: {min(params.link_checks.thresholds)} lies below linkage.floor ({params.linkage.floor}), and "
            "pairs below the floor are not kept. Lower the floor or raise the threshold."
        )
    if max(sensitivity.washout_days) >= 28 * min(sensitivity.months_after):
        problems.append(
            f"params.yaml, sensitivity.washout_days: {max(sensitivity.washout_days)} days leave nothing of {min(sensitivity.months_after)} months "
            "(sensitivity.months_after). Shorten the washout."
        )
    return problems


def find_set_problems(folder: str, extracts) -> list[str]:
    """Return what is wrong with the extracts in `folder`, as far as the top of the files tells it; `extracts` says their kind."""
    # The stage `simulate` makes these, so they need not be there yet.
    if PurePosixPath(folder) == PurePosixPath(DEMONSTRATION):
        return [] if extracts.kind == "identified" else [f"params.yaml, extracts.kind: {folder} is identified, not {extracts.kind}. Correct extracts.kind or extracts.folder."]
    path = extracts_folder(folder).resolve()
    if path.is_relative_to(project_root()) and project_root() / RAW not in path.parents:
        return [f"params.yaml, extracts.folder: {folder} is in the project but not in a folder of its own under {RAW.as_posix()}. Move the extracts there: git ignores it."]
    if not path.is_dir():
        return [f"params.yaml, extracts.folder: there is no folder {folder}. Correct the name, or put the extracts there."]
    problems = []
    try:
        problems += find_extract_problems(folder, tables_of_kind(folder, extracts))
    except InputError as error:
        problems.append(str(error))
    try:
        load_extract_facts(folder)
    except InputError as error:
        problems.append(str(error))
    return problems


def main() -> int:
    """Check the project and return the exit code, 1 after telling what is wrong."""
    return run_command(check_project, "Nothing was run, and earlier results are untouched.\n")


if __name__ == "__main__":
    sys.exit(main())
