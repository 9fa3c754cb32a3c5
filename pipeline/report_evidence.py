"""The strength of evidence in words: the level of the Maryland Scientific Methods Scale, and why it is no higher.

Builds on pipeline.maryland (the level), pipeline.wording and pipeline.markdown.
"""

import pandas as pd

from pipeline.maryland import HIGHEST, level_of
from pipeline.markdown import Markup, escape, write_table_if_any
from pipeline.wording import write_against, write_beside

MEANINGS = {0: "nothing could be estimated", 1: "a count before and after, or of two groups, without adjustment", 2: "an adjusted comparison that was not shown to be alike", 3: "a comparison group, followed before and after and shown to be alike"}
ABOVE = "nothing of the kind decides who is referred"


def write_strength(maryland: pd.DataFrame) -> Markup:
    """Return the level in a sentence or two, its reasons, and what it does not say."""
    if maryland.empty:
        return Markup("The strength of evidence was not worked out in this run.")
    level = level_of(maryland)
    lacking = maryland[maryland["level"].eq(HIGHEST) & ~maryland["met"]] if level < HIGHEST else maryland.iloc[:0]
    why = f"Level {HIGHEST} is not reached: {'; '.join(describe_lack(row) for row in lacking.itertuples())}." if len(lacking) else ""
    return Markup(
        f"**Level {level} of 5** on the Maryland Scientific Methods Scale, as the What Works Centre for Local Economic Growth uses it, judged by the analyses of this run: {MEANINGS[level]}. {escape(why)}{' ' if why else ''}"
        f"It cannot be above {HIGHEST} here, and grades the guard against selection, not the answer; the published count alone is at level 1."
    )


def describe_lack(row) -> str:
    """Return which requirement is not met and by how much, as half a sentence."""
    words = row.requirement[0].lower() + row.requirement[1:]
    if not row.check:
        return f"not so that {words}"
    return f"{row.check} (that {words}) {write_against(row)}" if pd.notna(row.pass_mark) else f"{row.check} (that {words}) was not checked"


def show_strength(maryland: pd.DataFrame) -> Markup:
    """Return one row per level, those out of reach together: what it asks, whether it is met, and by which values."""
    levels = maryland["level"].clip(upper=HIGHEST + 1)
    rows = [{"Level, and what it asks": f"{' and '.join(map(str, sorted(set(group['level']))))}: {join_asks(group)}", "Here": judge_level(group), "Shown by": list_values(group)} for _, group in maryland.groupby(levels)]
    return write_table_if_any(pd.DataFrame(rows), "Strength of evidence: levels of the Maryland scale, and what this run has of each", name="maryland")


def join_asks(group: pd.DataFrame) -> str:
    """Return the requirements of a level as one cell."""
    return "; ".join([group["requirement"].iloc[0][0].lower() + group["requirement"].iloc[0][1:], *(words[0].lower() + words[1:] for words in group["requirement"].iloc[1:])])


def judge_level(group: pd.DataFrame) -> str:
    """Return whether a level's requirements are met."""
    return "not possible" if group["level"].iloc[0] > HIGHEST else "met" if group["met"].all() else "not met"


def list_values(group: pd.DataFrame) -> str:
    """Return the values of a level's checks beside their pass marks."""
    if group["level"].iloc[0] > HIGHEST:
        return ABOVE
    known = [write_value(row) for row in group[group["value"].notna()].itertuples()]
    missing = [f"{row.check} {'met (value not shown)' if row.met else 'not checked' if pd.isna(row.pass_mark) else 'not met'}" for row in group[group["value"].isna() & group["check"].ne("")].itertuples()]
    return ", ".join(known + missing) or "–"


def write_value(row) -> str:
    """Return the value of a requirement, beside its pass mark where it has one: "overlap 1.000 (mark 0.950)", "adjusted estimates: 19"."""
    value, mark = write_beside(row.value, row.pass_mark)
    return f"{row.check}: {value}" if pd.isna(row.pass_mark) else f"{row.check} {value} (mark {mark})"
