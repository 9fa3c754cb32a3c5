"""Could somebody who holds an earlier version subtract this one from it and see fewer than ten people?

Each version is safe alone and the two together may not be: totals of 1,140 and 1,135 say that fewer than ten people lie
between them, and every sum beside them says what these people did (differencing: Griffiths et al. 2019, Handbook on
Statistical Disclosure Control for Outputs). Four ways are looked for:

- records: the records of fewer people than the threshold differ between the versions, whatever the tables show;
- rules: other rounding or another threshold for the same counts, which narrows each to what both allow;
- a count that moved by less than the threshold for certain, rounding allowed for, or a boundary that did;
- a count hidden in one version and shown in the other, which gives away what was hidden to protect it.

The last three are asked of a table only while most of its counts stand where they stood: where they moved by the
threshold or more the two versions are about different people, and their differences about all who came and went.
Shares and rates come from rounded counts, so a count is all there is to compare.
"""

import hashlib
import math
from typing import NamedTuple

import numpy as np
import pandas as pd

# What a count of people is called. Other counts are of contacts, pairs, months or draws: the records behind them are compared one by one.
PEOPLE = {"n_people", "n_referred", "n_comparison", "n_treated", "n_smaller_arm", "n_clients", "n_referrals", "n_mentors", "n_linked", "n_unlinked", "n_accepted", "n_engaged", "n_again", "n_met", "n_open", "n_joined", "n_active", "n_lived"}
# Columns of text that say something about a row and do not name it.
REMARKS = {"status", "reason", "meaning", "flag", "published", "counted", "qualifier", "unit"}
# Columns of numbers that name a row.
NAMES = {"month", "accept_from", "months_after", "washout_days", "trigger_months", "first_month", "last_month", "unengaged_irr", "year", "days", "as_of", "is_met"}
# Tables that count no real person: worlds of the audit, referrals dealt by lot, the truth of a simulation.
NOBODY = {"audit", "audit_limits", "audit_pairs", "audit_verdicts", "negative_controls", "negative_control_summary", "demonstration", "linkage_truth", "link_thresholds_truth"}
# Tables in which some rows count people and others contacts or something else: what marks those of people.
SOME_PEOPLE = {"linkage_comparison": ("compared", "clients found and not found"), "matched_sets": ("is_count", True), "claims": ("claim", "clients"), "implementation_claims": ("is_count", True)}
VALUE = {"matched_sets": "value", "claims": "reproduced", "implementation_claims": "computed"}
# The places named in a message; the rest is counted.
SHOWN = 5


class Version(NamedTuple):
    """A version that is or was given out: its rules, its controlled tables as their files read, one row per person's records."""

    name: str
    threshold: int
    rounding: int
    tables: dict[str, pd.DataFrame]
    people: pd.DataFrame


def digest_people(cohort: pd.DataFrame, panel: pd.DataFrame) -> pd.DataFrame:
    """Return `released_people`: the column digest, one row per person and sorted, the same for the same records of a person.

    It is made of what the report counts: arm, engagement, trials, the groups someone belongs to and every month's counts;
    weights are left out, because they turn on everybody. No key of a person is in it, so that a new linkage of the same records changes nothing; it says nothing about anybody
    to whoever does not hold these records, and stays on the secure disk.
    """
    trials, people = cohort["trial_id"].to_numpy(), cohort["person_id"].to_numpy()
    of_months = panel[panel["trial_id"].isin(trials)]
    months = add_within(np.searchsorted(np.sort(trials), of_months["trial_id"]), row_digests(of_months.drop(columns="trial_id")), len(trials))[np.argsort(np.argsort(trials))]
    own = row_digests(cohort.drop(columns=["trial_id", "person_id", "weight"], errors="ignore"))
    codes, distinct = pd.factorize(people)
    sums = add_within(codes, row_digests(pd.DataFrame({"own": own, "months": months})), len(distinct))
    return pd.DataFrame({"digest": pd.Series(sorted(hashlib.sha256(one.tobytes()).hexdigest()[:16] for one in sums), dtype="str")})


def add_within(codes: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Return the sums of `values` by code from 0 to n - 1, as whole numbers that wrap around."""
    sums = np.zeros(n, dtype="uint64")
    np.add.at(sums, codes, values)
    return sums


def row_digests(table: pd.DataFrame) -> np.ndarray:
    """Return a number per row that is the same for the same values in the same columns."""
    return pd.util.hash_pandas_object(table.reindex(sorted(table), axis=1), index=False).to_numpy()


def count_changed(old: pd.DataFrame, new: pd.DataFrame) -> int:
    """Return how many people's records differ between two frames of digest_people: whoever came, left or changed."""
    before, after = (table["digest"].value_counts() for table in (old, new))
    moved = after.sub(before, fill_value=0)
    return int(max(moved.clip(lower=0).sum(), -moved.clip(upper=0).sum()))


def find_differences(old: Version, new: Version, moved_share: float) -> list[str]:
    """Return what `new` would reveal to somebody who holds `old`, one line each and no number; none where it may go out.

    A table counts as about different people where at least the share `moved_share` of its counts moved by the threshold or more.
    """
    threshold = max(old.threshold, new.threshold)
    found = []
    if len(old.people) and len(new.people) and 0 < count_changed(old.people, new.people) < threshold:
        found.append(f"The records of fewer than {threshold} people differ: whoever joined, left or was corrected. Every sum less the same sum before is theirs.")
    cells = pd.concat([match_cells(name, old, new) for name in sorted(set(old.tables) & set(new.tables))], ignore_index=True)
    same = cells[~cells.groupby("table")["is_moved"].transform("mean").ge(moved_share)]
    if (old.threshold, old.rounding) != (new.threshold, new.rounding) and same["is_shown"].any():
        found.append(f"Counts below {old.threshold} were hidden and the others rounded to {old.rounding}; now {new.threshold} and {new.rounding}, of the same people: both together say more than either.")
    places = [f"{row.table}, {row.column}, {row.cell}: {row.what}" for row in same[same["what"].ne("")].itertuples()]
    return found + name_places(places)


def name_places(places: list[str]) -> list[str]:
    """Return the first places and how many more there are."""
    more = len(places) - SHOWN
    return places[:SHOWN] + ([f"{more} more such counts."] if more > 0 else [])


def match_cells(name: str, old: Version, new: Version) -> pd.DataFrame:
    """Return the counts of people that two versions of the table `name` share: table, column, cell, is_shown, is_moved, what.

    `what` says in words how the count gives somebody away; empty where it does not. Boundaries that moved are rows of their own.
    """
    before, after = people_cells(name, old.tables[name]), people_cells(name, new.tables[name])
    both = before.merge(after, on=["column", "cell"], suffixes=("_old", "_new"), validate="one_to_one")
    rows = [dict(column=row.column, cell=row.cell, **judge(row.count_old, row.count_new, old, new)) for row in both.itertuples()]
    rows += [dict(column=column, cell=cell, is_shown=True, is_moved=False, what="its boundary moved past fewer people than the threshold.")
             for column, cell in moved_boundaries(before, after, old, new)]  # fmt: skip
    return pd.DataFrame(rows, columns=["column", "cell", "is_shown", "is_moved", "what"]).assign(table=name).astype({"is_shown": bool, "is_moved": bool})


def people_cells(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return the counts of people of a published table: column, group, cell (the names of its row), count, in the table's order."""
    if name in SOME_PEOPLE and len(table):
        column, value = SOME_PEOPLE[name]
        table = table[table[column].eq(value)]
    counts = [VALUE[name]] if name in VALUE else [column for column in table if column in PEOPLE]
    if name in NOBODY or table.empty or not counts:
        return pd.DataFrame({"column": [], "group": [], "cell": [], "count": []}).astype({"column": "str", "group": "str", "cell": "str", "count": float})
    texts = [column for column in table if column not in (*counts, *REMARKS) and (column in NAMES or not pd.api.types.is_numeric_dtype(table[column]))]
    words = table[texts].astype(str)
    cell = words.agg(" / ".join, axis=1) if texts else pd.Series(name, index=table.index)
    repeated = cell.groupby(cell).cumcount()
    cell = cell.where(repeated.eq(0), cell + " (" + (repeated + 1).astype(str) + ")")
    group = words[texts[:-1]].agg(" / ".join, axis=1) if len(texts) > 1 else pd.Series("", index=table.index)
    return pd.concat([pd.DataFrame({"column": column, "group": group, "cell": cell, "count": pd.to_numeric(table[column])}) for column in counts], ignore_index=True)


def bounds_of(count: float, version: Version) -> tuple[float, float]:
    """Return between which exact counts a published one lies; a hidden one anywhere from nobody on, as it may have been hidden for another's sake."""
    if math.isnan(count):
        return 0, math.inf
    low, high = math.ceil(count - version.rounding / 2), math.ceil(count + version.rounding / 2) - 1
    return max(low, min(version.threshold, high)), high


def judge(before: float, after: float, old: Version, new: Version) -> dict:
    """Return is_shown (in both), is_moved (by the threshold or more, as published) and what gives somebody away, of one count in both versions."""
    threshold = max(old.threshold, new.threshold)
    if math.isnan(before) or math.isnan(after):
        what = "" if math.isnan(before) and math.isnan(after) else "hidden in one version and shown in the other."
        return dict(is_shown=False, is_moved=False, what=what)
    is_small = moved_by_few(bounds_of(before, old), bounds_of(after, new), threshold)
    return dict(is_shown=True, is_moved=abs(after - before) >= threshold, what="moved by fewer people than the threshold." if is_small else "")


def moved_by_few(before: tuple[float, float], after: tuple[float, float], threshold: int) -> bool:
    """Return whether a count within `before` that is now within `after` moved for certain, and by fewer than `threshold` for certain."""
    least, most = after[0] - before[1], after[1] - before[0]
    return 0 < least and most < threshold or most < 0 and -least < threshold


def moved_boundaries(before: pd.DataFrame, after: pd.DataFrame, old: Version, new: Version) -> list[tuple[str, str]]:
    """Return (column, cell) of groups whose levels bear other names now and which a boundary passes that moved by few people.

    The first levels of an ordered characteristic are nested in one another ("under 35", "under 36"), and so are the last.
    """
    found = []
    threshold = max(old.threshold, new.threshold)
    for (column, group), now in after.groupby(["column", "group"], sort=False):
        then = before[before["column"].eq(column) & before["group"].eq(group)]
        for place in (0, -1):
            if then.empty or set(then["cell"]) & {now["cell"].iloc[place]} or set(now["cell"]) & {then["cell"].iloc[place]}:
                continue
            counts = then["count"].iloc[place], now["count"].iloc[place]
            if not any(map(math.isnan, counts)) and moved_by_few(bounds_of(counts[0], old), bounds_of(counts[1], new), threshold):
                found.append((column, now["cell"].iloc[place]))
    return found
