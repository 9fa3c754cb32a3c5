"""What kind of answer a run gives, and what a reader can and cannot say on the strength of it.

Six kinds: failed (a pass mark is missed), bracket (valid designs disagree), supported, inconclusive, consistent (the only
comparison is with people who chose not to engage) and no comparison. Wording follows the Ministry of Justice's Justice
Data Lab. Builds on pipeline.wording.
"""

import math
from typing import NamedTuple

import pandas as pd

from pipeline.wording import find_claim, find_effect, find_not_calling, name_direction, write_change, write_inconclusive, write_interval, write_not_calling, write_number, write_percent

FAILED, BRACKET, SUPPORTED, INCONCLUSIVE, CONSISTENT, NO_COMPARISON = "failed", "bracket", "supported", "inconclusive", "consistent", "no comparison"


class Verdict(NamedTuple):
    """The kind of answer, the rows of effects that it rests on (None where not estimated), and the row whose interval decides its direction."""

    kind: str
    referral: pd.Series | None
    complier: pd.Series | None
    beside: pd.Series | None
    reach: pd.Series | None

    @property
    def estimand(self) -> str:
        """Return whose effect the answer is: engaged where that could be estimated, else referral."""
        is_engaged = self.kind == CONSISTENT or (self.complier is not None and self.reach is self.complier)
        return "engaged" if is_engaged else "referral"


def reach_verdict(effects: pd.DataFrame, failures: list[str], bracket_reach: pd.Series | None = None) -> Verdict:
    """Return the verdict of controlled `effects`; `bracket_reach` spans the valid designs where they disagree, else None."""
    referral = find_effect(effects, "sequential_trials", "referral")
    complier = find_effect(effects, "complier", "engaged")
    beside = find_effect(effects, "lagged_outcome", "engaged", comparison="never_engaged")
    main = referral if complier is None else complier
    reach = bracket_reach if bracket_reach is not None else beside if main is None else main
    if failures:
        kind = FAILED
    elif bracket_reach is not None:
        kind = BRACKET
    elif main is None:
        kind = NO_COMPARISON if beside is None else CONSISTENT
    else:
        kind = INCONCLUSIVE if name_direction(main) == "inconclusive" else SUPPORTED
    return Verdict(kind, referral, complier, beside, reach)


def write_consistent(beside: pd.Series, confidence: float) -> str:
    """Return the answer where the referred who never engaged are the only people to compare with."""
    found = f"against people who were referred but never engaged, those who engaged had {write_change(beside['estimate'])} police contacts".replace("no change police contacts", "about as many police contacts")
    interval = f"({100 * confidence:g}% interval: {write_interval(beside['ci_low'], beside['ci_high'])})"
    if name_direction(beside) == "inconclusive":
        return f"The result is inconclusive. Nobody not yet referred could be compared; {found} {interval}."
    return (
        f"Nobody not yet referred could be compared; {found} {interval}. That is consistent with an effect of the scheme, and just as consistent with people who want to change engaging more and improving in any case."
    )


def list_can_say(verdict: Verdict, claims: pd.DataFrame, is_simulated: bool, bracket_line: str = "") -> list[str]:
    """Return what a reader can say, in the order of importance; nothing about an effect when a pass mark is not met.

    `bracket_line` takes the place of the estimates where valid designs disagree (pipeline.bracket_wording).
    """
    about = "In this simulated example, " if is_simulated else ""
    lines = [about + line for line in say_effect(verdict, bracket_line)]
    if is_open(verdict):
        lines.insert(1, write_inconclusive())
    reproduced = find_claim(claims, "fall in demand", "reproduced")
    if not math.isnan(reproduced):
        published = write_percent(find_claim(claims, "fall in demand", "published"), 0)
        lines.append(
            f"{about}the same count as published gives a fall of {write_percent(reproduced)} in contacts (published: {published}), which by itself is no evidence of an effect, because people are referred when demand is high."
        )
    return [line[0].upper() + line[1:] for line in lines]


def is_open(verdict: Verdict) -> bool:
    """Return whether both directions are open in what can be said first: of being referred, or of whoever could be compared."""
    if verdict.kind in (SUPPORTED, INCONCLUSIVE):
        return name_direction(verdict.complier if verdict.referral is None else verdict.referral) == "inconclusive"
    return verdict.kind == CONSISTENT and name_direction(verdict.beside) == "inconclusive"


def say_effect(verdict: Verdict, bracket_line: str) -> list[str]:
    """Return what can be said of the effect itself, by the kind of answer."""
    if verdict.kind == FAILED:
        return ["a pass mark set beforehand is not met, so these results do not support a statement about the effect of the scheme, in either direction."]
    if verdict.kind == BRACKET:
        return [bracket_line]
    if verdict.kind == NO_COMPARISON:
        return ["the effect could not be estimated, because nobody could be compared with the people referred."]
    if verdict.kind == CONSISTENT:
        row = verdict.beside
        return [f"people who engaged had {write_change(row['estimate'])} police contacts than people who were referred and never engaged ({write_interval(row['ci_low'], row['ci_high'])}); the difference holds whatever made people engage."]
    return say_referral(verdict.referral) + say_engaged(verdict.complier, is_referral_open=is_open(verdict) and verdict.referral is not None)


def say_referral(referral: pd.Series | None) -> list[str]:
    """Return what can be said of being referred."""
    if referral is None:
        return []
    change, interval = write_change(referral["estimate"]), write_interval(referral["ci_low"], referral["ci_high"])
    if name_direction(referral) == "inconclusive":
        return [f"no clear effect of being referred was found: people referred are estimated to have had {change} police contacts than similar people not yet referred ({interval}).".replace("no change police contacts than", "about as many police contacts as")]
    return [f"people referred had {change} police contacts than similar people not yet referred ({interval})."]


def say_engaged(complier: pd.Series | None, is_referral_open: bool) -> list[str]:
    """Return what can be said of engaging; nothing of it where the effect of being referred is open."""
    if complier is None:
        return ["what engaging did is not known, because it could not be worked out who engaged or what engaging added; the answer is about being referred."]
    if is_referral_open:
        return []
    how = ", an interval that leaves both directions open" if name_direction(complier) == "inconclusive" else ""
    return [f"if a referral that nobody took up does nothing, those who engaged had {write_change(complier['estimate'])} contacts than they would have had ({write_interval(complier['ci_low'], complier['ci_high'])}{how})."]


def list_cannot_say(verdict: Verdict, claims: pd.DataFrame, is_simulated: bool) -> list[str]:
    """Return what a reader cannot say on the strength of this report, by the kind of answer."""
    published = write_percent(find_claim(claims, "fall in demand", "published"), 0)
    lines = ["Anything about the real scheme: the extracts are simulated."] if is_simulated else []
    lines.append(f"That the scheme cut its clients' demand by {published}: most of such a fall may come about by itself.")
    if verdict.kind == FAILED:
        lines.append("That the scheme works, or that it does not: the estimate may be further off than its interval says.")
    elif verdict.kind in (NO_COMPARISON, CONSISTENT):
        lines.append("That any part of the fall is due to the scheme: nobody shows what would have happened without it.")
    elif name_direction(verdict.reach) == "inconclusive":
        lines.append("That the scheme has no effect: an inconclusive result is not evidence of none.")
    if verdict.kind in (SUPPORTED, INCONCLUSIVE) and verdict.complier is None:
        lines.append("What the scheme did for those who engaged: the people referred include those who never met a mentor.")
    return lines + [
        "That the effect holds for people unlike those analysed, such as those without a recent contact.",
        "That fewer contacts mean a better life: a fall in calls can also mean that people no longer ask for help.",
        "That officers did not pick people who were about to improve anyway: no analysis here rules that out.",
        "That it was this scheme alone: others in the same force and years may have reached the same people.",
    ]


def write_of_100_clients(claims: pd.DataFrame, months: int) -> str:
    """Return in words of 100 clients how many did not call, and how many of these because of the scheme; empty where that is not known."""
    share, points, low, high = find_not_calling(claims)
    if not all(map(math.isfinite, (share, points, low, high))):
        return ""
    found = f"Of 100 clients, about {write_number(share)} did not call the police in the {months} months after referral"
    reach = f"(interval of the difference: {write_number(low)} to {write_number(high)})"
    if low <= 0 <= high:
        return f"{found}; how many of them would not have called in any case cannot be told apart from all {reach}."
    if points < 0:
        return f"{found}; without the scheme about {write_number(share - points)} would not have called {reach}."
    return f"{found}: {write_not_calling(share, points)} {reach}."
