"""The report's part on rival explanations: what else could have made the result, and what this run found of each.

Builds on pipeline.labels, pipeline.audit_wording, pipeline.wording and pipeline.markdown. The rivals are data
(data/reference/rival_explanations.csv); what the check of each found comes from the controlled tables of the run.
"""

import pandas as pd

from pipeline.audit_wording import write_errors
from pipeline.labels import label
from pipeline.markdown import Markup, write_table
from pipeline.wording import find_effect, name_direction, write_change, write_interval, write_number, write_p_value, write_percent, write_ratio

NOT_CHECKED = "Not checked in this run."


def write_section(tables: dict[str, pd.DataFrame]) -> Markup:
    """Return the table of rival explanations as Markdown, from controlled `tables`, rival_explanations among them; empty where that is not given."""
    rivals = tables.get("rival_explanations", pd.DataFrame())
    if rivals.empty:
        return Markup("")
    shown = pd.DataFrame([{"What else it could be, and what it would do": f"{row.explanation}. {row.would_do}.", "What speaks to it": row.check, "Found in this run": FOUND[row.measure](tables) or NOT_CHECKED} for row in rivals.itertuples()])
    n_open = int(shown["Found in this run"].str.startswith(OPEN).sum())
    opening = f"{len(shown)} explanations other than the scheme, and what was found of each. A check that finds nothing weakens a rival and does not remove it. {n_open} of them cannot be checked with these extracts at all, or were not.\n\n"
    return Markup(opening + write_table(shown, "Rival explanations, what speaks to each, and what this run found", name="rivals"))


OPEN = ("Nothing", "Not checked")


def table_of(tables: dict[str, pd.DataFrame], name: str, **equals) -> pd.DataFrame:
    """Return the rows of a table in which columns have these values; no rows where the table lacks or is empty."""
    rows = tables.get(name, pd.DataFrame())
    for column, value in equals.items():
        rows = rows[rows[column].eq(value)] if len(rows) else rows
    return rows


def write_ratio_of(row: pd.Series) -> str:
    """Return a log ratio with its interval as ratios: "0.66 (0.55 to 0.79)"."""
    return f"{write_ratio(row['estimate'])} ({write_ratio(row['ci_low'])} to {write_ratio(row['ci_high'])})"


def find_regression(tables) -> str:
    """Return the part of the fall that the scheme did not make."""
    parts = tables["decomposition"].dropna(subset=["percentage_points"]).sort_values("position")
    rest = parts[parts["part"].str.startswith("regression")]
    if rest.empty:
        return ""
    return f"{write_number(rest['percentage_points'].iloc[0], 1)} of the {write_number(parts['percentage_points'].iloc[0], 1)} percentage points of the published kind of fall are this, and anything unmeasured."


def find_hidden_state(tables) -> str:
    """Return how wrong the designs come out where referrers act on a hidden state."""
    rows = tables.get("audit_limits", pd.DataFrame())
    rows = rows[rows["world"].str.startswith("hidden state") & rows["estimand"].eq("referral")] if len(rows) else rows
    if rows.empty:
        return ""
    return f"Nothing in these records. In simulated worlds with such a state the ratio of being referred came out {write_errors(rows['lowest_bias'].min(), rows['highest_bias'].max())}; a choice of people about to improve would err the other way."


def find_never_engaged(tables) -> str:
    """Return how the referred who never engaged fared."""
    row = find_effect(tables["effects"], "sequential_trials", "never_engaged")
    if row is None:
        return ""
    clear = "no clear difference" if name_direction(row) == "inconclusive" else f"a difference that chance alone would seldom make ({write_p_value(row['p_value'])})"
    return f"{write_change(row['estimate'])} contacts than people not yet referred ({write_interval(row['ci_low'], row['ci_high'])}): {clear}. The effect of being referred does not rest on it.".replace("no change contacts than", "As many contacts as")


def find_support(tables) -> str:
    """Return that length of support is not read as an effect."""
    return "Nothing: nobody is compared by length of support." if len(table_of(tables, "doses")) else ""


def find_no_extract(tables) -> str:
    """Return that no extract speaks of it."""
    return "Nothing: the extracts do not say who was in other schemes."


def find_without_offending(tables) -> str:
    """Return the ratios by main need, offending beside the others."""
    rows = table_of(tables, "subgroups", characteristic="primary_need").dropna(subset=["estimate"]) if len(table_of(tables, "subgroups")) else pd.DataFrame()
    others = rows[rows["level"].ne("offending")] if len(rows) else rows
    if others.empty:
        return ""
    own = rows[rows["level"].eq("offending")]
    beside = f"; where it is offending {write_ratio_of(own.iloc[0])}" if len(own) else ""
    return f"Ratio of being referred in the {len(others)} groups whose main need is another: {write_ratio(others['estimate'].min())} to {write_ratio(others['estimate'].max())}{beside}. Who was in that scheme is not known."


def changed_once(tables, **changes) -> str:
    """Return the primary estimate under one other choice, beside the primary one; empty where it was not made."""
    rows = tables.get("sensitivity", pd.DataFrame())
    primary = rows[rows["is_primary"].astype(bool)] if len(rows) else rows
    if primary.empty:
        return ""
    plan = primary.iloc[0]
    kept = [name for name in ("comparison", "outcome", "estimator", "months_after", "washout_days", "pandemic_months", "exposure", "accept_from", "trigger_months", "lag_edges", "duplicates", "later_referrals", "unengaged_irr")]
    wanted = {name: plan[name] for name in kept} | changes
    for name, value in wanted.items():
        rows = rows[rows[name].eq(value)] if pd.notna(value) else rows[rows[name].isna()]
    rows = rows.dropna(subset=["estimate"])
    return "" if rows.empty else f"ratio {write_ratio_of(rows.iloc[0])} instead of {write_ratio(plan['estimate'])}"


def capital(words: str) -> str:
    """Return a sentence made of `words`; empty text stays empty."""
    return f"{words[0].upper()}{words[1:]}." if words else ""


def find_pandemic(tables) -> str:
    """Return the estimate without pandemic months, and that of people referred before it."""
    before = table_of(tables, "subgroups", characteristic="pandemic", level="referred before it")
    before = before.dropna(subset=["estimate"]) if len(before) else before
    parts = [f"without pandemic months {words}" if (words := changed_once(tables, pandemic_months="out")) else "", f"effect of being referred among people referred before it {write_ratio_of(before.iloc[0])}" if len(before) else ""]
    return capital("; ".join(filter(None, parts)))


def find_channels(tables) -> str:
    """Return the effect on 101 calls beside emergency calls and attended incidents."""
    rows = {label("outcome", outcome): find_effect(tables["effects"], "sequential_trials", "referral", outcome) for outcome in ("n_101", "n_999", "n_attended")}
    found = [f"{name} {write_ratio_of(row)}" for name, row in rows.items() if row is not None]
    return f"Ratios of being referred: {'; '.join(found)}." if len(found) > 1 else ""


def find_duplicates(tables) -> str:
    """Return the estimate with duplicates counted."""
    words = changed_once(tables, duplicates="counted")
    return capital(f"with duplicates counted {words}") if words else ""


def find_recall(tables) -> str:
    """Return what linking was measured to lose after referral, and what it would have to lose to overturn the answer."""
    losses = tables.get("recall_to_overturn", pd.DataFrame())
    if losses.empty:
        return ""
    by = losses.set_index("what")
    if not {"measured by nominal ids", "moves the nearer end of the interval to 1"} <= set(by.index) or by.loc[["measured by nominal ids", "moves the nearer end of the interval to 1"], "recall_loss"].isna().any():
        return ""
    seen, needed = by.loc["measured by nominal ids"], by.loc["moves the nearer end of the interval to 1"]
    of = "being referred" if find_effect(tables["effects"], "complier", "engaged") is None else "engaging"
    overturned = f"It would take {write_percent(100 * needed['recall_loss'])} to leave no clear effect of {of}." if needed["recall_loss"] else f"There is no clear effect of {of} that it could have made."
    return f"Lost after referral, beyond what is lost among others: {write_percent(100 * seen['recall_loss'])} of contacts (interval: {write_number(100 * seen['ci_low'], 1)} to {write_percent(100 * seen['ci_high'])}). {overturned}"


def find_exposure(tables) -> str:
    """Return the estimate with custody and hospital taken out of the time at risk."""
    return capital(changed_once(tables, exposure="at_liberty"))


def find_later(tables) -> str:
    """Return the estimate with later referrals left in."""
    words = changed_once(tables, later_referrals="followed")
    return capital(f"without that correction {words}") if words else ""


def find_harm(tables) -> str:
    """Return how many outcomes that may show harm rose clearly."""
    rows = tables.get("safety", pd.DataFrame())
    known = rows.dropna(subset=["estimate"]) if len(rows) else rows
    if known.empty:
        return ""
    worse, better = int((known["ci_low"] > 0).sum()), int((known["ci_high"] < 0).sum())
    return f"Of {len(known)} such outcomes {worse or 'none'} rose clearly and {better or 'none'} fell clearly; they are rare, and wide intervals prove little."


def find_chance(tables) -> str:
    """Return the interval of the primary effect and how often dealt referrals found something."""
    row = find_effect(tables["effects"], "sequential_trials", "referral")
    controls = table_of(tables, "negative_control_summary", estimand="referral")
    parts = [f"ratio of being referred {write_ratio_of(row)}" if row is not None else ""]
    parts += [f"of {write_number(controls['n_estimated'].iloc[0])} referrals dealt by lot {write_percent(100 * controls['rejected'].iloc[0])} found an effect"] if len(controls) and pd.notna(controls["rejected"].iloc[0]) else []
    return capital("; ".join(filter(None, parts)))


FOUND = {
    "regression": find_regression, "hidden_state": find_hidden_state, "never_engaged": find_never_engaged, "support": find_support, "no_extract": find_no_extract, "without_offending": find_without_offending,
    "pandemic": find_pandemic, "channels": find_channels, "duplicates": find_duplicates, "recall": find_recall, "exposure": find_exposure, "later": find_later, "harm": find_harm, "chance": find_chance,
}  # fmt: skip
