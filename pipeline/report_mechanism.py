"""The report's part on mechanism: how the scheme is meant to work, and how much of that the data can show.

Builds on pipeline.labels, pipeline.wording and pipeline.markdown. The steps are data (data/reference/theory_of_change.csv);
what was found of each comes from the controlled tables of the run.
"""

import pandas as pd

from pipeline.labels import label
from pipeline.markdown import Markup, fill_template, write_list, write_table
from pipeline.wording import find_effect, write_change, write_falsification, write_interval, write_number

SHOWS = {"yes": "yes", "partly": "in part", "no": "no"}
# Roles in which contacts are counted, in the order of the sentence on them.
ROLES = {"n_caller": "calls by the person", "n_subject": "contacts about the person", "n_victim": "contacts as a victim"}

NO_DOSE = " Who stays long differs in more than support, so this is no sign of a dose that works."


def write_section(tables: dict[str, pd.DataFrame], figures: dict[str, Markup], template: str) -> Markup:
    """Return the part as Markdown from controlled `tables`, theory_of_change among them; empty where that is not given."""
    steps = tables.get("theory_of_change", pd.DataFrame())
    if steps.empty:
        return Markup("")
    shown = pd.DataFrame([
        {"Step": f"{row.step}. {row.title}", "In complete extracts": SHOWS[row.shows], "What they can show, and what they cannot": f"{row.data_show}. Not: {row.data_cannot[0].lower()}{row.data_cannot[1:]}.", "Found in this run": FOUND[row.measure](tables)}
        for row in steps.rename(columns={"name": "title"}).sort_values("step").itertuples()
    ])  # fmt: skip
    context = {
        "figure": figures.get("theory_of_change", ""),
        "table": write_table(shown, "The steps of the theory of change, and what the data can show of each", name="theory-of-change"),
        "signs": write_list(list_signs(tables)),
        "n_steps": len(steps),
        "n_yes": int(steps["shows"].eq("yes").sum()),
        "n_no": int(steps["shows"].eq("no").sum()),
    }
    return Markup(fill_template(template, context))


def list_signs(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Return what the results say for or against the steps, one sentence or two each; each says what it cannot tell."""
    return [write_falsification(find_effect(tables["effects"], "sequential_trials", "never_engaged")), write_roles(tables["effects"]), write_support(tables) + (NO_DOSE if known_support(tables) else "")]


def write_roles(effects: pd.DataFrame) -> str:
    """Return how contacts changed in each role: help that meets needs should lower them all, a habit of not calling only the calls."""
    rows = {words: find_effect(effects, "sequential_trials", "referral", outcome) for outcome, words in ROLES.items()}
    # An estimate without an interval says too little for a sentence: it stands in the table of the other outcomes alone.
    known = {words: row for words, row in rows.items() if row is not None and pd.notna([row["ci_low"], row["ci_high"]]).all()}
    found = [f"{words} {write_change(row['estimate'])} ({write_interval(row['ci_low'], row['ci_high'])})" for words, row in known.items()]
    if not found and any(row is not None for row in rows.values()):
        return "Roles are told apart, but no effect on contacts in any one of them could be had with an interval, so it cannot be seen whether people only stopped calling."
    if not found:
        return "The extracts do not tell roles apart, so it cannot be seen whether people only stopped calling or contacts about them fell too."
    if len(found) == 1:
        return f"One role only is known well enough, among people referred: {found[0]}. Whether contacts in other roles fell too, or people merely stopped calling, cannot be seen."
    return f"By role, among people referred: {'; '.join(found)}. Help that meets a need should lower contacts in every role; people who merely stop calling would lower their own calls alone. Intervals this wide seldom tell the two apart."


def write_needs(tables: dict[str, pd.DataFrame]) -> str:
    """Return how many of the people analysed had each main need, most frequent first."""
    groups = tables.get("subgroups", pd.DataFrame())
    needs = groups[groups["characteristic"].eq("primary_need")].dropna(subset=["n_referred"]) if len(groups) else groups
    if needs.empty:
        return "The extracts hold no main need, or too few people of each to publish."
    listed = [f"{label('primary_need', row.level).lower()} {write_number(row.n_referred)}" for row in needs.sort_values(["n_referred", "level"], ascending=[False, True]).itertuples()]
    return f"Of the people analysed: {', '.join(listed)}."


def write_referred(tables: dict[str, pd.DataFrame]) -> str:
    """Return how many people were referred and how many of them are analysed."""
    rows = tables["attrition"][tables["attrition"]["flow"].eq("analysis")].sort_values("step")
    if rows.empty or rows["n_people"].iloc[[0, -1]].isna().any():
        return "Too few people to publish a number."
    counts = tables.get("referral_counts", pd.DataFrame(columns=["characteristic"]))
    by_whom = "" if counts["characteristic"].eq("referral_source").any() else " Who referred them is not on record here."
    return f"{write_number(rows['n_people'].iloc[0])} people referred, {write_number(rows['n_people'].iloc[-1])} of them analysed.{by_whom}"


def write_engaged(tables: dict[str, pd.DataFrame]) -> str:
    """Return how many of the people analysed met a mentor."""
    uptake = tables["attrition"][tables["attrition"]["flow"].eq("uptake")].sort_values("step")
    engaged = uptake[uptake["stage"].eq("engaged")]
    if engaged.empty or uptake["n_people"].isna().any():
        return "Who engaged is not known, or too few to publish."
    return f"{write_number(engaged['n_people'].iloc[0])} of {write_number(uptake['n_people'].iloc[0])} people analysed met a mentor."


def write_mentors(tables: dict[str, pd.DataFrame]) -> str:
    """Return where the mentors are counted, or that there is no list of them."""
    has_mentors = any(name.startswith("mentor") and len(table) for name, table in tables.items())
    return "Counted under Implementation." if has_mentors else "No list of mentors was given."


def known_support(tables: dict[str, pd.DataFrame]) -> list:
    """Return the shortest and the longest quarter of support, as rows of doses; nothing where fewer than two are known."""
    doses = tables.get("doses", pd.DataFrame())
    known = doses.dropna(subset=["median_months"]).sort_values("position") if len(doses) else doses
    return [known.iloc[0], known.iloc[-1]] if len(known) > 1 else []


def write_support(tables: dict[str, pd.DataFrame]) -> str:
    """Return the months of support in the shortest and the longest quarter."""
    quarters = known_support(tables)
    if not quarters:
        return "The months of support are not known, or too few people to publish."
    first, last = quarters
    return f"Support lasted {write_number(first['median_months'], 1)} months (median) in the quarter with the shortest and {write_number(last['median_months'], 1)} months in the one with the longest."


def write_demand(tables: dict[str, pd.DataFrame]) -> str:
    """Return how contacts of the people referred changed against people not yet referred."""
    row = find_effect(tables["effects"], "sequential_trials", "referral")
    return "Could not be compared." if row is None else f"{write_change(row['estimate'])[:1].upper()}{write_change(row['estimate'])[1:]} contacts among people referred ({write_interval(row['ci_low'], row['ci_high'])})."


def write_nothing(tables: dict[str, pd.DataFrame]) -> str:
    """Return that no record holds the step."""
    return "Nothing: no record holds it."


FOUND = {"needs": write_needs, "referred": write_referred, "engaged": write_engaged, "mentors": write_mentors, "support": write_support, "nothing": write_nothing, "demand": write_demand}
