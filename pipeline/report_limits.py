"""The limits that matter most in words, and the rule by which they were chosen.

Builds on pipeline.main_limits (the choice), pipeline.audit_wording, pipeline.labels, pipeline.wording and pipeline.markdown.
"""

import math

import pandas as pd

from pipeline.audit_wording import write_error
from pipeline.labels import label
from pipeline.markdown import Markup, write_list, write_table_if_any
from pipeline.wording import write_change, write_number, write_percent

SHOWN = 3
# Of what a limit's size is a share: where the interval holds no effect already, of what the estimate may move by chance.
WAY, HALF = "the way from the interval's nearer end to no effect", "half the interval's width"
RULE = "Missed pass marks come first, then whatever could move the answer furthest in either direction, then what the extracts could not show, then whom the answer does not reach."
KINDS = {
    "no estimate": "Nothing to estimate from", "pass marks": "A missed pass mark", "width": "Too few people to tell", "hidden selection": "Choice that no record shows", "fading links": "Links that fade after referral",
    "recall": "Contacts that linking lost", "never engaged": "The referred who never engaged", "precision of the answer": "Width of the interval", "not shown": "What these extracts could not show", "not reached": "People whom the answer does not reach",
}  # fmt: skip


def write_limits(main_limits: pd.DataFrame, failures: list[str], not_shown: list[str]) -> Markup:
    """Return the first limits as a list, and who chose them; the rule itself (RULE) stands with all limits."""
    if main_limits.empty:
        return Markup("Limits are chosen by a rule, not by the author; by it these results have none, which is no proof that there is none.")
    rows, way = main_limits.head(SHOWN), HALF if main_limits["kind"].eq("width").any() else WAY
    return Markup(write_list([f"{KINDS[row.kind]}. {write_limit(row, failures, not_shown, way)}" for row in rows.itertuples()]) + "\n\nChosen by a rule, not by the author: it stands under Limits, with all others in their order.")


def write_limit(row, failures: list[str], not_shown: list[str], way: str = WAY) -> str:
    """Return one limit in a sentence or two; `way` says of what its size is a share."""
    writers = {
        "no estimate": lambda: "The effect could not be estimated, so that everything below describes and explains nothing.",
        "pass marks": lambda: f"{len(failures)} of the marks that were set beforehand {'is' if len(failures) == 1 else 'are'} not met: {'; '.join(failure.partition(':')[0] for failure in failures)}.",
        "width": lambda: "The interval has no end on one side or on both: more people would be needed to tell, which is not the same as no effect." if row.limit == "unbounded" else "The interval holds a fall and a rise alike: more people would be needed to tell, which is not the same as no effect.",
        "precision of the answer": lambda: f"Chance alone leaves the ratio open by a factor of {write_number(math.exp(row.pull), 2)} on either side.",
        "hidden selection": lambda: write_world(row, way),
        "fading links": lambda: write_world(row, way),
        "never engaged": lambda: f"Where nobody took up the referral there were {write_change(row.pull)} contacts than among comparison people. The answer assumes none: what drew people to engage, or a referral alone, may be part of it{write_way(row.size, way)}.",
        "recall": lambda: f"If linking lost {write_percent(100 * row.pull, 0)} of the contacts after referral beyond what it loses before, no clear effect would be left; what was measured allows {write_percent(100 * row.pull * row.size)} of them at most.",
        "not shown": lambda: " ".join(sentence_of(line) for line in not_shown[:2]) + (f" {write_number(len(not_shown) - 2)} more stand under Data." if len(not_shown) > 2 else ""),
        "not reached": lambda: f"The answer speaks of {write_number(row.speaks_of)} of {write_number(row.of_referred)} people referred; the others had nobody to be compared with, or could not be followed.",
    }  # fmt: skip
    return writers[row.kind]()


def write_world(row, way: str) -> str:
    """Return how wrong the answer's design is in the simulated world that moves it most, and which way a choice that was not simulated would err."""
    named, side = label("world_limit", row.limit), "rise" if row.pull > 0 else "fall"
    found = f"{named}, the ratio came out {write_error(row.pull)} in simulation, an error towards a {side}{write_way(row.size, way)}."
    if row.kind == "fading links":
        return found + " The section on linkage says what could be measured of it here."
    return found + " Referrers who pick people about to improve would make any scheme look better."


def write_way(size: float, way: str) -> str:
    """Return how far a pull reaches, as a share of `way`; nothing where there is no way to go."""
    if not math.isfinite(size):
        return ""
    return f", more than {way}" if size >= 1 else f", {write_percent(100 * size, 0)} of {way}"


def sentence_of(line: str) -> str:
    """Return the heading of a line of pipeline.not_shown as a sentence."""
    return line.partition(". ")[0].rstrip(".") + "."


def show_limits(main_limits: pd.DataFrame) -> Markup:
    """Return all limits in their order as a table."""
    shown = pd.DataFrame(
        [{"Limit": KINDS[row.kind], "Could move the log ratio by": "–" if row.kind in ("recall", "pass marks") or pd.isna(row.pull) else write_number(row.pull, 2), "Share of the way": write_share(row)} for row in main_limits.itertuples()]
    )
    return write_table_if_any(shown, "Limits in the order in which they matter; the way is from the nearer end of the interval to no effect, or half the interval where it holds no effect; for the interval's own width it is from the estimate, and for lost contacts it is the loss that would overturn the answer", ["Could move the log ratio by", "Share of the way"], "main-limits")


def write_share(row) -> str:
    """Return the size of a limit as a share in percent, a dash where it is none."""
    return "–" if row.kind in ("pass marks", "not shown", "no estimate", "width", "not reached") or not math.isfinite(row.size) else write_percent(100 * row.size, 0)
