"""What a set of extracts could not show, in sentences for the report: a reader must not take silence for a check that was passed.

Everything is read off the kind of the set and the tables it led to, so that nothing is typed twice. Builds on pipeline.wording.
"""

import pandas as pd

from pipeline.wording import is_missed

LINKED_ELSEWHERE = [
    "Whether contacts are linked to the right people. Linking was done elsewhere, and nothing in these extracts can tell how often it was wrong. Links that are missed more often after "
    "referral than before look like success; links that differ between the arms look like an effect. The intervals take every link as right.",
    "Whether both arms were linked alike. If details from the register were used to find the contacts of clients, more of their contacts were found than of anybody else's.",
]
OF_PANEL = [
    "Whether the contacts are complete. Gaps in the records, duplicates and abandoned calls cannot be seen in a table of months.",
    "Whether exposure is right. Deaths and moves are in the days of exposure as the panel gives them; rows of a person that end early are taken for an end of exposure.",
    "What happened within the month of referral. A panel knows months, not days: the month of referral belongs to neither side, so that part of the peak before a referral is not seen.",
]
OF_TRIALS = [
    "Whether the contacts are complete. Gaps in the records, duplicates and abandoned calls cannot be seen in a table of months.",
    "Whether exposure is right. Deaths and moves are in the days of exposure as the panel gives them.",
    "How the comparison people were chosen. The panel brings its own trials; only the conditions of this report were asked of both arms.",
]
NO_EXITS = "Whether exposure is right. The set holds no deaths and no moves, so everyone counts as exposed to the end."
NO_TRIGGER = (
    "The trigger. No recent contact was asked for, on the word of whoever set needs_recent_contact "
    "that timing did not follow demand. If it did, the estimate holds regression to the mean."
)
ROLES = {"n_caller": "as callers", "n_subject": "as subjects", "n_victim": "as victims", "n_101": "by 101", "n_999": "by 999"}


def list_not_shown(kind: str, cohort: pd.DataFrame, panel: pd.DataFrame, outcomes: list[str], needs_recent_contact: bool, person_exits: pd.DataFrame, has_calendar: bool) -> list[str]:
    """Return what these extracts could not show, one sentence or two for each; of an identified set only what it lacks.

    `kind` and `outcomes` are of the section extracts of params.yaml, `cohort` and `panel` of stage 03; `has_calendar` says
    whether a ready panel came in calendar months.
    """
    if kind == "identified":
        return [*([NO_EXITS] if person_exits.empty else []), *([] if needs_recent_contact else [NO_TRIGGER])]
    lines = list(LINKED_ELSEWHERE)
    if kind == "panel":
        lines += OF_PANEL if has_calendar else OF_TRIALS
        lines += name_primary(outcomes)
        lacking = [words for name, words in ROLES.items() if name not in panel]
        if lacking:
            lines.append(f"Roles and ways of contact. The panel does not count contacts {', '.join(lacking)} apart.")
    elif person_exits.empty:
        lines.append(NO_EXITS)
    if cohort.loc[cohort["arm"] == "referred", "is_engaged"].isna().any():
        lines.append("Who engaged. The panel does not say. What engaging did, and what is left of the published figures about clients, cannot be computed; the effect is that of being referred.")
    if cohort["age"].isna().all():
        lines.append("Age. Nothing says how old people are, so that ages could not be made alike.")
    if not needs_recent_contact:
        lines.append(NO_TRIGGER)
    return lines


def write_lacking(tables: dict[str, pd.DataFrame]) -> str:
    """Return in a sentence or two, for the first page, which of the report's questions stay open here, and how many rules the extracts do not meet; empty where neither."""
    filled = {name: len(tables.get(name, ())) > 0 for name in ("link_quality", "referral_counts", "benefit_cost")}
    shown = {name: tables[name][column].notna().any() if len(tables.get(name, ())) else False for name, column in (("safety", "n_events"), ("officer_hours", "hours_averted"))}
    lacking = [words for words, is_there in (
        ("whether contacts are linked to the right people", filled["link_quality"]),
        ("whether anybody came to harm", shown["safety"]),
        ("how the scheme was delivered", filled["referral_counts"]),
        ("what officer time the scheme saves", shown["officer_hours"]),
        ("what the scheme is worth in pounds", filled["benefit_cost"]),
    ) if not is_there]  # fmt: skip
    n_broken = count_broken(tables["validation_results"])
    sentences = [f"Not shown in this run: {'; '.join(lacking)}."] if lacking else []
    sentences += [f"{n_broken} of the rules that the extracts were held to {'is' if n_broken == 1 else 'are'} not met in full (under Data)."] if n_broken else []
    return " ".join(sentences)


def count_broken(validation_results: pd.DataFrame) -> int:
    """Return how many rules are not met in full, warnings with them."""
    return int(is_missed(validation_results).sum())


def name_primary(outcomes: list[str]) -> list[str]:
    """Return what "contacts" stands for, where the panel calls its main outcome otherwise."""
    if not outcomes or "n_contacts" in outcomes:
        return []
    return [f"Contacts with the police as such. What this report calls contacts is the column ‘{outcomes[0]}’ of the panel."]
