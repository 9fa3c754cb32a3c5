"""Plain sentences from the audit of the method: bias, coverage, false positives, power, and how wrong broken assumptions make it.

Every number comes from a row of the audit's summary. Errors of a log ratio are told as how many percent too high or too
low the ratio comes out: too high understates a fall. Builds on pipeline.audit_verdicts, pipeline.labels and pipeline.wording.
"""

import math

import pandas as pd

from pipeline.audit_verdicts import INVALID, NO_EFFECT, UNDECIDED, VALID, verdict_of
from pipeline.labels import label, name_design
from pipeline.wording import change_of, write_percent, write_ratio

TEST = ("sequential_trials", "never_engaged")
LIMIT_COLUMNS = ["world", "estimand", "has_effect", "n_designs", "lowest_bias", "highest_bias", "direction", "smallest_coverage", "largest_coverage", "smallest_rejected", "largest_rejected"]


def write_error(bias: float) -> str:
    """Return a mean error of a log ratio in words: "12% too high", "3% too low", "right"."""
    percent = round(change_of(bias))
    return "right" if percent == 0 else f"{abs(percent):,}% too {'high' if percent > 0 else 'low'}"


def write_range(low: float, high: float, write) -> str:
    """Return two values as "a to b", one where they read alike."""
    first, last = write(low), write(high)
    return first if first == last else f"{first} to {last}"


def write_errors(low: float, high: float) -> str:
    """Return a range of mean errors in words: "30% to 32% too high", "5% too low to 12% too high", "up to 30% too low"."""
    first, last = write_error(low), write_error(high)
    if first != last and "right" in (first, last):
        return f"up to {last if first == 'right' else first}"
    number, side = first.partition(" ")[::2]
    return f"{number} to {last}" if first != last and side.startswith("too") and last.endswith(side) else write_range(low, high, write_error)


def write_share(share: float) -> str:
    """Return a share in whole percent."""
    return write_percent(100 * share, 0)


def describe_limits(audit: pd.DataFrame, audit_verdicts: pd.DataFrame, marks) -> pd.DataFrame:
    """Return one row per world outside `marks.worlds` and estimand: how wrong the designs are that were not found invalid (LIMIT_COLUMNS).

    direction: small where every design's error is within `marks.bias_at_most`; high or low where every one is beyond
    `marks.beyond_errors` Monte Carlo errors on that side; else mixed.
    """
    kept = audit_verdicts.loc[audit_verdicts["verdict"].ne(INVALID) & audit_verdicts["estimand"].ne(TEST[1]), ["estimator", "estimand"]]
    rows = audit[~audit["world"].isin(marks.worlds)].merge(kept, on=["estimator", "estimand"], how="inner", validate="many_to_one").dropna(subset=["bias"])
    found = [limit_row(world, estimand, group, marks) for (world, estimand), group in rows.groupby(["world", "estimand"], sort=True)]
    return pd.DataFrame(found, columns=LIMIT_COLUMNS)


def limit_row(world: str, estimand: str, rows: pd.DataFrame, marks) -> dict:
    """Return the row of one world and estimand."""
    slack = marks.beyond_errors * rows["bias_se"]
    is_high, is_low = rows["bias"] - slack > 0, rows["bias"] + slack < 0
    is_small = rows["bias"].abs().max() <= marks.bias_at_most
    direction = "small" if is_small else "high" if is_high.all() else "low" if is_low.all() else "mixed"
    return dict(
        world=world, estimand=estimand, has_effect=bool(rows["truth"].abs().max() > NO_EFFECT), n_designs=len(rows), lowest_bias=rows["bias"].min(), highest_bias=rows["bias"].max(),
        direction=direction, smallest_coverage=rows["coverage"].min(), largest_coverage=rows["coverage"].max(), smallest_rejected=rows["rejected"].min(), largest_rejected=rows["rejected"].max(),
    )  # fmt: skip


def list_limits(limits: pd.DataFrame) -> list[str]:
    """Return one sentence or two per broken assumption, the worlds with and without effect apart."""
    return [f"{label('world_limit', world)}, {'; '.join(write_limit(row) for row in rows.sort_values('estimand', ascending=False).itertuples())}." for world, rows in limits.groupby("world", sort=True)]


def write_limit(row) -> str:
    """Return how wrong the designs for one estimand are in one world, as part of a sentence."""
    is_one = row.n_designs == 1
    designs = f"{'the one design' if is_one else f'the {row.n_designs} designs'} for the effect {'of being referred' if row.estimand == 'referral' else 'on those who engaged'}"
    said = {
        "high": ("understate a fall", "find a rise where there is none"), "low": ("overstate a fall", "find a fall where there is none"), "small": ("stay within the mark for the mean error",) * 2,
        "mixed": ("do not err on one side",) * 2,
    }[row.direction][0 if row.has_effect else 1]  # fmt: skip
    verb, _, rest = said.partition(" ")
    found = f"{designs if is_one or row.direction == 'mixed' else designs.replace('the', 'all', 1)} {({'do': 'does'}.get(verb, f'{verb}s') if is_one else verb)} {rest} (ratios {write_errors(row.lowest_bias, row.highest_bias)})"
    covered = f", with 95% intervals that hold the truth in {write_range(row.smallest_coverage, row.largest_coverage, write_share)} of replicates"
    return found + covered + ("" if row.has_effect else f" and a finding in {write_range(row.smallest_rejected, row.largest_rejected, write_share)} of them")


def write_naive(audit: pd.DataFrame) -> str:
    """Return how often the before-and-after count finds a fall in worlds without effect; empty where the audit has none."""
    rows = audit[audit["estimator"].eq("naive") & (audit["truth"].abs() < NO_EFFECT)]
    if rows.empty:
        return ""
    falls = write_range(-change_of(rows["bias"].max()), -change_of(rows["bias"].min()), lambda percent: write_percent(percent, 0))
    return (
        f"In {len(rows)} simulated {'world' if len(rows) == 1 else 'worlds'} in which the scheme changes nothing, the same before-and-after count finds a clear change in "
        f"{write_range(rows['rejected'].min(), rows['rejected'].max(), write_share)} of replicates: a fall of {falls} in contacts on average."
    )


def write_design(audit: pd.DataFrame, estimator: str, estimand: str, worlds: list[str]) -> str:
    """Return bias, coverage, false positives and power of one design in the worlds it is held to; empty where the audit has none of them."""
    rows = audit[audit["estimator"].eq(estimator) & audit["estimand"].eq(estimand) & audit["world"].isin(worlds)].dropna(subset=["bias"])
    if rows.empty:
        return ""
    none, some = rows[rows["truth"].abs() < NO_EFFECT], rows[rows["truth"].abs() >= NO_EFFECT]
    found = (
        f"{name_design(estimator)}, {label('estimand', estimand).lower()}: in {len(rows)} {'world' if len(rows) == 1 else 'worlds'} ({count_replicates(rows)} replicates each) "
        f"the ratio comes out {write_errors(rows['bias'].min(), rows['bias'].max())} on average (Monte Carlo error at most {write_percent(change_of(rows['bias_se'].max()))}), "
        f"and 95% intervals hold the truth in {write_range(rows['coverage'].min(), rows['coverage'].max(), lambda share: write_percent(100 * share))} of replicates "
        f"(at most {100 * rows['coverage_se'].max():.1f} points)."
    )
    if len(none):
        found += f" Where there is no effect one is found in {write_range(none['rejected'].min(), none['rejected'].max(), lambda share: write_percent(100 * share))} of replicates."
    if len(some):
        found += " " + " ".join(write_power(row) for row in pick_ends(some).itertuples())
    return found


def pick_ends(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the weakest and of the strongest true effect, the weakest first; one where they are the same."""
    return rows.sort_values(["truth", "world"], ascending=[False, True], kind="stable").iloc[[0, -1] if len(rows) > 1 else [0]]


def write_power(row) -> str:
    """Return the share of replicates in which a true effect is found."""
    return f"A true ratio of {write_ratio(row.truth)} is found in {write_share(row.rejected)} of replicates (power; {row.world})."


def count_replicates(rows: pd.DataFrame) -> str:
    """Return how many replicates stand behind each of `rows`."""
    return write_range(rows["n_replicates"].min(), rows["n_replicates"].max(), lambda count: f"{int(count):,}")


def write_test(audit: pd.DataFrame, worlds: list[str]) -> str:
    """Return how often the falsification test speaks where engagement is unselective and where something is wrong; empty where the audit has none."""
    rows = audit[audit["estimator"].eq(TEST[0]) & audit["estimand"].eq(TEST[1])]
    held, others = rows[rows["world"].isin(worlds)], rows[~rows["world"].isin(worlds)]
    if held.empty:
        return ""
    found = f"The test among the referred who never engaged speaks in {write_range(held['rejected'].min(), held['rejected'].max(), write_share)} of replicates of the worlds in which nothing is wrong"
    more = others[others["rejected"] - 2 * others["rejected_se"] > held["rejected"].max()].sort_values(["rejected", "world"], ascending=[False, True])
    listed = [f"{write_share(row.rejected)} in ‘{row.world}’" for row in more.itertuples()]
    silent = len(others) - len(more)
    return found + (f"; more often in {len(more)} of {len(others)} that break an assumption ({', '.join(listed)})." if listed else ".") + (f" In {silent} it tells next to nothing." if silent else "")


def write_verdict(audit_verdicts: pd.DataFrame, estimator: str, estimand: str) -> str:
    """Return whether the audit found a design valid, as half a sentence."""
    verdict = verdict_of(audit_verdicts, estimator, estimand)
    if verdict == VALID:
        return "the audit found it valid"
    if verdict == UNDECIDED:
        return "the audit has not decided on it yet, because worlds or replicates are missing"
    rows = audit_verdicts[audit_verdicts["estimator"].eq(estimator) & audit_verdicts["estimand"].eq(estimand)]
    return f"the audit found it invalid ({rows['reason'].iloc[0]})"


def write_agreement(bracket: pd.DataFrame, audit_verdicts: pd.DataFrame, plan) -> str:
    """Return in one sentence whether the designs that the audit found valid agree; for a bracket, nothing: it is the answer itself."""
    if is_apart(bracket):
        return ""
    if bracket.empty:
        return f"The answer is by the design of the analysis plan; {write_verdict(audit_verdicts, plan.estimator, plan.estimand)}, and no design that it found valid could be estimated here." if len(audit_verdicts) else ""
    if len(bracket) == 1:
        return "Of the designs that the audit found valid only one could be estimated here, so that nothing stands beside it."
    low, high = bracket.iloc[0], bracket.iloc[-1]
    return (
        f"The {len(bracket)} designs that the audit of the method found valid agree on the effect of being referred: their ratios lie between {write_ratio(low['estimate'])} and "
        f"{write_ratio(high['estimate'])}, no further apart than chance explains (smallest corrected p-value {bracket['p_differs'].min():.2f}). So the answer is the one number of the analysis plan."
    )


def write_apart(audit_pairs: pd.DataFrame, bracket: pd.DataFrame, worlds: list[str]) -> str:
    """Return how often two of the designs in `bracket` differ by chance alone, in the audit's draws of `worlds`; empty where that is not known."""
    names = list(bracket["estimator"])
    rows = audit_pairs[audit_pairs["world"].isin(worlds) & audit_pairs["estimator"].isin(names) & audit_pairs["other"].isin(names)].dropna(subset=["share_apart"])
    if rows.empty:
        return ""
    shares = rows.groupby(["estimator", "other"])["share_apart"].mean()
    return f"In the audit's draws of worlds in which all of them are valid, a test of two at 5% calls them different in {write_range(shares.min(), shares.max(), write_share)} of draws; more than 5% is what comes of their small errors, which are not the same."


def is_apart(bracket: pd.DataFrame) -> bool:
    """Return whether the valid designs disagree beyond chance."""
    return len(bracket) > 1 and bool(bracket["is_apart"].iloc[0])


def ends_of(bracket: pd.DataFrame) -> pd.Series:
    """Return what the bracket spans as one row: estimate is missing, ci_low and ci_high are those of the outermost designs."""
    return pd.Series({"estimate": float("nan"), "ci_low": bracket["ci_low"].min(), "ci_high": bracket["ci_high"].max()})


def count_of_100(estimate: float) -> str:
    """Return how many of 100 contacts are left at a log ratio."""
    return f"{min(round(100 * math.exp(min(estimate, 8))), 9999):,}"
