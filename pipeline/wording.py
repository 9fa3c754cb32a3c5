"""Plain sentences from results: the answer, of 100 contacts, the parts of the fall.

Every number in a sentence comes from a row of a controlled table. Wording follows the Ministry of Justice's
Justice Data Lab, above all for inconclusive results: more people are needed, which is not the same as no effect.
Builds on pipeline.labels.
"""

import math
import re
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd

from pipeline.labels import label

PRIMARY = "n_contacts"
MISSING = "not available"


def write_number(value, decimals: int = 0) -> str:
    """Return `value` with thousands separated; "not available" when it is missing, "unbounded" when it is infinite."""
    if pd.isna(value):
        return MISSING
    return "unbounded" if math.isinf(value) else f"{round_half_up(value, decimals) + 0:,.{decimals}f}".replace("-", "\u2212")


def round_half_up(value, decimals: int) -> Decimal:
    """Return `value` rounded as it reads in decimals, halves away from nought: a share of 0.9605 and the 96.05% it is become 0.961 and 96.1%."""
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def write_signed(value, decimals: int = 0) -> str:
    """Return `value` as `write_number` does, with a plus before what is above nought; what rounds to nought has no sign."""
    words = write_number(value, decimals)
    return f"+{words}" if not pd.isna(value) and math.isfinite(value) and round_half_up(value, decimals) > 0 else words


def write_percent(value, decimals: int = 1) -> str:
    """Return `value`, already in percent, with its sign and unit."""
    return write_number(value, decimals) + ("%" if np.isfinite(float("nan") if pd.isna(value) else value) else "")


def close_up(text: str) -> str:
    """Return `text` with no space before a percent sign, as the report writes it."""
    return re.sub(r"(\d) %", r"\1%", text)


def write_beside(value, pass_mark) -> tuple[str, str]:
    """Return a value and its pass mark with the same number of decimals: 0.059 and 0.100, 1,265 and 100."""
    known = [float(one) for one in (value, pass_mark) if not pd.isna(one) and math.isfinite(one)]
    largest = max(map(abs, known), default=0)
    decimals = 0 if all(one.is_integer() for one in known) or largest >= 100 else 1 if largest >= 10 else 3
    return write_number(value, decimals), "–" if pd.isna(pass_mark) else write_number(pass_mark, decimals)


def write_date(day) -> str:
    """Return a date as readers write it: 1 January 2017."""
    day = pd.Timestamp(day)
    return f"{day.day} {day:%B %Y}"


def write_ratio(estimate) -> str:
    """Return a log ratio as a ratio with two decimals; a log ratio beyond 8 in size has no useful value."""
    if pd.isna(estimate):
        return "not available"
    return "unbounded" if estimate > 8 else f"{math.exp(max(estimate, -30)):.2f}"


def write_p(value) -> str:
    """Return a p-value as readers expect it; below 0.001 it is not spelt out."""
    if pd.isna(value):
        return "not available"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def write_p_value(value) -> str:
    """Return a p-value with its name: "p = 0.039", "p < 0.001"."""
    words = write_p(value)
    return f"p {words}" if words.startswith("<") else f"p = {words}"


def change_of(estimate) -> float:
    """Return a log ratio as a change in percent: log 0.55 is -45."""
    return 100 * math.expm1(min(estimate, 50))


def write_change(estimate) -> str:
    """Return a log ratio as a change in words: "45% fewer", "10% more", "no change"."""
    if pd.isna(estimate):
        return "not available"
    if estimate > 8:
        return "more without bound"
    percent = round(change_of(estimate))
    return "no change" if percent == 0 else f"{abs(percent):,}% {'fewer' if percent < 0 else 'more'}"


def write_interval(low, high) -> str:
    """Return the interval of a log ratio in words, from the largest fall to the smallest or to a rise."""
    if pd.isna(low) and pd.isna(high):
        return "no interval available"
    if high > 8:
        return f"from {write_change(low)} with no upper bound" if low > -30 else "unbounded on both sides"
    return f"{write_change(low)} to {write_change(high)}"


def find_effect(effects: pd.DataFrame, estimator: str, estimand: str, outcome: str = PRIMARY, comparison: str | None = None) -> pd.Series | None:
    """Return the row of `effects` asked for, or None when the stage could not estimate it."""
    rows = effects[effects["outcome"].eq(outcome) & effects["estimator"].eq(estimator) & effects["estimand"].eq(estimand)]
    rows = rows if comparison is None else rows[rows["comparison"].eq(comparison)]
    rows = rows.dropna(subset=["estimate"])
    return None if rows.empty else rows.iloc[0]


def find_claim(claims: pd.DataFrame, claim: str, column: str) -> float:
    """Return one figure of `claims`, NaN when the row is missing."""
    rows = claims.loc[claims["claim"].eq(claim), column]
    return float("nan") if rows.empty or pd.isna(rows.iloc[0]) else float(rows.iloc[0])


def name_direction(row: pd.Series | None) -> str:
    """Return "fewer" or "more" when the interval of a log ratio leaves out zero, else "inconclusive"."""
    if row is None or pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]) or row["ci_low"] <= 0 <= row["ci_high"]:
        return "inconclusive"
    return "fewer" if row["ci_high"] < 0 else "more"


def is_missed(judged: pd.DataFrame) -> pd.Series:
    """Return for each check or rule whether it was judged and not met; a missing verdict is not a failure."""
    return judged["passed"].eq(False).fillna(False).astype(bool)


def has_failed(model_checks: pd.DataFrame) -> bool:
    """Return whether a check of the model missed its pass mark."""
    return len(model_checks) > 0 and bool(is_missed(model_checks).any())


def list_failures(model_checks: pd.DataFrame, link_quality: pd.DataFrame, validation_results: pd.DataFrame) -> list[str]:
    """Return in words every pass mark that was set beforehand and is not met; a missing verdict is not a failure."""
    checks, links = model_checks[is_missed(model_checks)], link_quality[is_missed(link_quality)]
    rules = validation_results[is_missed(validation_results) & validation_results["severity"].eq("critical")]
    return [
        *[f"{str(row.check).replace('_', ' ')}: {write_against(row)}. {row.meaning}" for row in checks.itertuples()],
        *[f"linkage, {describe_link_check(row)}: {write_against(row)}" for row in links.itertuples()],
        *[f"{label('extract', row.table)}: {row.rule}" for row in rules.itertuples()],
    ]


def write_against(row) -> str:
    """Return a value beside the pass mark it does not meet; a value that could not be worked out says so."""
    value, mark = write_beside(row.value, row.pass_mark)
    return f"could not be worked out (pass mark {mark})" if pd.isna(row.value) else f"{value} against a pass mark of {mark}"


def describe_link_check(row) -> str:
    """Return the name of a linkage check with its arm and period where it has them."""
    parts = [str(row.check).replace("_", " ")] + [str(part).replace("_", " ") for part in (row.arm, row.period) if pd.notna(part) and part != "all"]
    return ", ".join(parts)


def write_answer(referral: pd.Series | None, complier: pd.Series | None, months_after: int, confidence: float) -> str:
    """Return the answer in one sentence with interval, on those who engaged where that could be estimated."""
    row, who = (referral, "who were referred") if complier is None else (complier, "who engaged with the scheme")
    if row is None:
        return "The effect of the scheme could not be estimated from these extracts."
    with_links = ", allowing for doubt about whose contacts are whose" if row.get("includes_linkage", False) else ""
    interval = f"{100 * confidence:g}% interval{with_links}: {write_interval(row['ci_low'], row['ci_high'])}"
    if name_direction(row) == "inconclusive":
        return (
            f"The result is inconclusive: no clear effect on demand was found. In the {months_after} months after referral people {who} are estimated to have had "
            f"{write_change(row['estimate'])} police contacts than they would have had without the scheme ({interval}), so the scheme may have lowered demand, raised it or made no difference."
        ).replace("no change police contacts than", "about as many police contacts as")
    return (
        f"In the {months_after} months after referral people {who} had an estimated {write_change(row['estimate'])} police contacts "
        f"than they would have had without the scheme ({interval})."
    )


def write_naive_beside(claims: pd.DataFrame) -> str:
    """Return how large the fall as published is on the same extracts, which an inconclusive result must stand beside."""
    fall = find_claim(claims, "fall in demand", "reproduced")
    if math.isnan(fall):
        return ""
    return f"The published count, made on these extracts, gives {write_fall(fall)} in contacts, as it may where a scheme changes nothing."


def write_inconclusive() -> str:
    """Return the Justice Data Lab's sentence for a result that leaves both directions open."""
    return (
        "More people would need to be available for analysis to show in which direction demand changed, if it changed; "
        "this should not be taken to mean that the scheme has no effect."
    )


def write_of_100(row: pd.Series | None, who: str = "clients who engaged") -> str:
    """Return the effect as contacts out of every 100 that would have been made without the scheme."""
    if row is None:
        return ""
    made, high, low = (min(round(100 * math.exp(min(row[name], 8))), 9999) for name in ("estimate", "ci_low", "ci_high"))
    low_words = "an unknown number" if row["ci_high"] > 8 else f"{low:,}"
    return f"Of every 100 police contacts that {who} would have made without the scheme, an estimated {made:,} were made with it (interval: {high:,} to {low_words})."


def write_claim(claims: pd.DataFrame) -> str:
    """Return in one sentence what was published, what these extracts reproduce and what engaging is estimated to have done."""
    published, reproduced, controlled, low, high = (find_claim(claims, "fall in demand", name) for name in ("published", "reproduced", "controlled", "ci_low", "ci_high"))
    if math.isnan(reproduced) and math.isnan(controlled):
        return f"As published, clients' contacts fell by {write_percent(published, 0)}; these extracts do not allow the same count."
    sentence = f"As published, clients' contacts fell by {write_percent(published, 0)}; the same before-and-after count on these extracts gives {write_fall(reproduced)} in contacts"
    if math.isnan(controlled):
        return sentence + ". What is left of it against comparison people could not be estimated."
    if low <= 0 <= high:
        return sentence + f". Against comparison people no clear fall is left: an estimated {write_fall(controlled, 'of')} in contacts (interval: {write_fall(low)} to {write_fall(high)})."
    return sentence + f". Against comparison people, {write_fall(controlled)} in contacts is left (interval: {write_percent(abs(low))} to {write_percent(abs(high))})."


def write_fall(percent: float, of: str = "") -> str:
    """Return a fall in percent in words: "a fall of 81.4%"; below zero it is a rise."""
    if not math.isfinite(percent):
        return "a fall that is not available" if math.isnan(percent) else "a rise without bound"
    words = f"{'fall' if percent >= 0 else 'rise'} of {write_percent(abs(percent))}"
    return words if of else f"a {words}"


def write_shares(claims: pd.DataFrame) -> str:
    """Return in words how engaging changed the share of clients who did not call; empty where that is not known."""
    share, points, low, high = find_not_calling(claims)
    few = find_claim(claims, "called once or twice", "reproduced")
    clients = find_claim(claims, "clients", "reproduced")
    if any(map(math.isnan, (share, few, clients))):
        return ""
    found = f"Of {write_number(clients)} clients, {write_percent(share)} did not call the police in the months after, and {write_percent(few)} did so once or twice."
    if not all(map(math.isfinite, (points, low, high))):
        return found
    change = f"{write_number(abs(points), 1)} percentage points (interval: {write_number(low, 1)} to {write_number(high, 1)})"
    if low <= 0 <= high:
        return f"{found} Engaging is estimated to have {'raised' if points >= 0 else 'lowered'} the share who did not call by {change}; it may just as well have left it unchanged. Many people stop calling after a bad spell whether or not anybody helps them."
    if points < 0:
        return f"{found} Engaging is estimated to have lowered the share who did not call by {change}."
    return f"{found} Engaging is estimated to have raised the share who did not call by {change}: of 100 clients, {write_not_calling(share, points)}."


def find_not_calling(claims: pd.DataFrame) -> tuple[float, float, float, float]:
    """Return the share of clients who did not call, in percent, and by how many points engaging changed it, with its interval; NaN where not known."""
    return tuple(find_claim(claims, "did not call", name) for name in ("reproduced", "controlled", "ci_low", "ci_high"))


def write_not_calling(share: float, points: float) -> str:
    """Return, of 100 clients, how many would not have called in any case and how many more did not because of the scheme, both in whole clients."""
    return f"about {write_number(share - points)} would not have called in any case, and {write_number(points)} more did not because of the scheme"


def write_decomposition(decomposition: pd.DataFrame, months: int) -> str:
    """Return in plain sentences how the fall as published divides into its parts; `months` is its accounting period."""
    rows = decomposition.sort_values("position").dropna(subset=["percentage_points"])
    if len(rows) < 2:
        return "The fall could not be divided into parts."
    whole, parts = rows.iloc[0], rows.iloc[1:]
    before = 100 * whole["contacts_per_client"] / whole["percentage_points"]
    after = before - whole["contacts_per_client"]
    listed = [f"{write_number(row.percentage_points, 1)} are {label('part_in_sentence', row.part)}{write_points_interval(row)}" for row in parts.itertuples()]
    who = "Found by their register details, clients" if parts["part"].eq("linkage").any() else "Clients"
    sentence = (
        f"{who} of the claim had {write_number(before, 1)} contacts each in the {months} months before referral and {write_number(after, 1)} in the {months} months after: "
        f"a fall of {write_percent(whole['percentage_points'])} in contacts. Of these {write_number(whole['percentage_points'], 1)} percentage points, {', '.join(listed[:-1])} and {listed[-1]}."
    )
    scheme = parts[parts["part"].str.contains("scheme")]
    if len(scheme):
        sentence += f" Without the scheme the same clients would have had an estimated {write_number(after + scheme['contacts_per_client'].iloc[0], 1)} contacts each afterwards; with it they had {write_number(after, 1)}."
    return sentence + (" A part below zero worked in the other direction." if (parts["percentage_points"] < 0).any() else "")


def write_parts_in_short(decomposition: pd.DataFrame) -> str:
    """Return in one sentence how much of the fall is the scheme and how much would have come about by itself, for the first page."""
    rows = decomposition.sort_values("position").dropna(subset=["percentage_points"])
    scheme = rows[rows["part"].str.contains("scheme")]
    if len(rows) < 2 or scheme.empty:
        return "The fall could not be divided into parts."
    whole, part = rows.iloc[0]["percentage_points"], scheme.iloc[0]
    share = 100 * part["percentage_points"] / whole
    # The claims table counts everyone linked alike; the waterfall begins with what the release itself would have found.
    searched = ", where clients are looked up by their details in the register," if rows["part"].str.startswith("linkage").any() else ","
    return (
        f"Of the fall of {write_number(whole, 1)} percentage points{searched} an estimated {write_number(part['percentage_points'], 1)} are the scheme{write_points_interval(part)}: {write_percent(share, 0)} of the fall in contacts. "
        "The rest would have come about without it, or is unmeasured."
    )


def write_orders(decomposition: pd.DataFrame) -> str:
    """Return how far the scheme's part turns on the order in which the parts are taken, empty where that is not known."""
    scheme = decomposition[decomposition["part"].str.contains("scheme")].dropna(subset=["points_low", "points_high", "points_mean", "log_share"])
    if scheme.empty:
        return ""
    row = scheme.iloc[0]
    return (
        f"In contacts a part depends on what the parts before it have left: in the order shown the scheme has {write_number(row['percentage_points'], 1)} percentage points, "
        f"over all orders between {write_number(row['points_low'], 1)} and {write_number(row['points_high'], 1)} percentage points (mean {write_number(row['points_mean'], 1)}). "
        f"As a ratio its share does not depend on the order: {write_percent(100 * row['log_share'], 0)} of the fall on the log scale."
    )


def write_points_interval(row) -> str:
    """Return the interval of a part in percentage points, in brackets; nothing where there is none."""
    return "" if pd.isna(row.ci_low) or pd.isna(row.ci_high) else f" (interval: {write_number(row.ci_low, 1)} to {write_number(row.ci_high, 1)})"


def write_passes(model_checks: pd.DataFrame, link_quality: pd.DataFrame) -> str:
    """Return how many pass marks were set beforehand, for a report in which none is missed."""
    n_marks = int(model_checks["pass_mark"].notna().sum() + link_quality["pass_mark"].notna().sum())
    linkage = " and the linkage" if link_quality["pass_mark"].notna().any() else ""
    return f"All {n_marks} pass marks that were set beforehand for the analysis{linkage} are met." if n_marks else ""


def write_falsification(row: pd.Series | None) -> str:
    """Return what the referred who never engaged say about the assumptions, and what they cannot say."""
    if row is None:
        return "The referred who never engaged could not be compared."
    found = f"People who were referred but never engaged had {write_change(row['estimate'])} contacts than comparison people ({write_interval(row['ci_low'], row['ci_high'])})".replace(
        "no change contacts than", "as many contacts as"
    )
    if name_direction(row) == "inconclusive":
        return found + ". No clear difference shows, which is consistent with the assumptions but is no proof of them: mild selection passes this test most of the time."
    return found + f". Chance alone would seldom make such a difference ({write_p_value(row['p_value'])}). If it did not, either engagement is selective, which misleads the estimates for the engaged alone, or a referral alone does something, which misleads the complier effect."


def write_caution(never: pd.Series | None, complier: pd.Series | None) -> str:
    """Return what stands beside the effect on those who engaged where the never engaged fared clearly differently; empty elsewhere."""
    if never is None or complier is None or name_direction(never) == "inconclusive":
        return ""
    return (
        f"One assumption behind this is in doubt: people who were referred but never engaged had {write_change(never['estimate'])} contacts than comparison people "
        f"({write_interval(never['ci_low'], never['ci_high'])}), and if their referral did something, the effect on those who engaged is misstated. The effect of being referred does not rest on it."
    )
