"""The report's section on moderators: whether the effect of being referred differs between groups named beforehand.

What a test does not show is not shown to be absent: the sentences say how large a difference it could have found.
Builds on pipeline.report_tables, pipeline.wording and pipeline.markdown.
"""

import math

import pandas as pd
from scipy.stats import norm

from pipeline.markdown import Markup, fill_template, write_table_if_any
from pipeline.report_tables import count_words, dash_if_missing, interval_words, write_ratio
from pipeline.wording import has_failed, write_number, write_p

CHARACTERISTICS = {
    "everyone": "Everyone", "primary_need": "Need", "referral_source": "Referred by", "prior_demand": "Contacts before", "age": "Age", "sex": "Sex", "pandemic": "Pandemic",
}  # fmt: skip
LEVELS = {"everyone": "everyone referred", "F": "women", "M": "men", "X": "another, or not said", "self": "the person or the family"}
IN_SENTENCE = {
    "primary_need": "need", "referral_source": "who referred them", "prior_demand": "contacts before referral", "age": "age", "sex": "sex", "pandemic": "referral before or in the pandemic",
}  # fmt: skip
NO_GROUPS = "Whether the effect differs between groups of people cannot be looked at: these extracts record none of the characteristics named beforehand, or no effect could be estimated."
NUMBERS = ["Referred", "Ratio", "p-value", "p-value, corrected"]
# How often a difference should be found where there is one.
POWER = 0.8


def write_section(tables: dict[str, pd.DataFrame], figures: dict[str, Markup], parameters, template: str) -> Markup:
    """Return the section as Markdown, from controlled `tables`; a sentence where no group could be told apart."""
    subgroups = tables.get("subgroups", pd.DataFrame())
    groups = subgroups[subgroups["characteristic"].ne("everyone")] if len(subgroups) else subgroups
    if groups.empty:
        return Markup(NO_GROUPS)
    tests = tests_of(groups)
    size = 1 - parameters.effect.confidence
    return Markup(fill_template(template, {
        "lines": [write_characteristic(name, groups, size) for name in parameters.subgroups.tried],
        "n_tried": len(parameters.subgroups.tried),
        "n_tests": len(tests),
        "summary": write_differing(groups, size),
        "has_failed": has_failed(tables.get("model_checks", pd.DataFrame())),
        "people_at_least": parameters.subgroups.people_at_least,
        "figure": figures.get("subgroups", ""),
        "tests": write_table_if_any(show_tests(groups), "Whether the groups of a characteristic differ: interaction tests (Wald, with Welch's correction for small groups), and the same corrected for their number (Holm)", NUMBERS, "subgroup-tests"),
        "groups": write_table_if_any(show_subgroups(subgroups, parameters.disclosure.threshold), "The effect of being referred in groups named beforehand; exploratory", NUMBERS, "subgroups"),
    }))  # fmt: skip


def name_level(level: str) -> str:
    """Return a group's name in words."""
    return LEVELS.get(level, level.replace("_", " "))


def tests_of(subgroups: pd.DataFrame) -> pd.DataFrame:
    """Return one row per characteristic that could be tested."""
    return subgroups.drop_duplicates("characteristic").dropna(subset=["p_interaction"]) if len(subgroups) else subgroups


def show_subgroups(subgroups: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return the effect in each group in words; a group without an estimate says why."""
    return pd.DataFrame([
        {"Characteristic": CHARACTERISTICS[row.characteristic], "Group": name_level(row.level), "Referred": "suppressed" if pd.isna(row.n_referred) else count_words(row.n_referred, threshold),
         "Ratio": dash_if_missing(row.estimate, write_ratio), "Interval": interval_words(row.ci_low, row.ci_high, write_ratio), "Note": str(row.status).removeprefix("estimated").removeprefix("; ") or "–"}
        for row in subgroups.itertuples()
    ])  # fmt: skip


def show_tests(subgroups: pd.DataFrame) -> pd.DataFrame:
    """Return the interaction test of each characteristic."""
    return pd.DataFrame([
        {"Characteristic": CHARACTERISTICS[row.characteristic], "p-value": write_p(row.p_interaction), "p-value, corrected": dash_if_missing(row.p_corrected, write_p)} for row in tests_of(subgroups).itertuples()
    ])  # fmt: skip


def write_differing(subgroups: pd.DataFrame, size: float) -> str:
    """Return which characteristics the effect differs by at the level `size`, after correction for their number."""
    tests = tests_of(subgroups)
    if tests.empty:
        return "No characteristic has two groups large enough to be compared."
    names = [IN_SENTENCE[code] for code in tests.loc[tests["p_corrected"] < size, "characteristic"]]
    if not names:
        return "After correction for the number of tests the data do not show that the effect differs by any of them; that is not proof that it does not, because groups are small."
    return f"After correction for the number of tests the estimates differ by {' and '.join(names)}. This is a lead to be followed up with other data, not a finding."


def write_characteristic(name: str, subgroups: pd.DataFrame, size: float) -> str:
    """Return what the data show, and could have shown, of differences by one characteristic."""
    words, rows = IN_SENTENCE[name], subgroups[subgroups["characteristic"].eq(name)]
    if rows.empty:
        return f"Whether the effect differs by {words} cannot be looked at: nothing is recorded of it here, or everybody is alike."
    known = rows.dropna(subset=["estimate"])
    if len(known) < 2 or pd.isna(rows["p_interaction"].iloc[0]):
        return f"Whether the effect differs by {words} cannot be tested: fewer than two of its groups are large enough for an estimate."
    least, most = known.loc[known["estimate"].idxmin()], known.loc[known["estimate"].idxmax()]
    test = f"p = {write_p(rows['p_interaction'].iloc[0])}; corrected {write_p(rows['p_corrected'].iloc[0])}".replace("= <", "<")
    if rows["p_corrected"].iloc[0] < size:
        between = f"from a ratio of {write_ratio(least['estimate'])} ({name_level(least['level'])}) to {write_ratio(most['estimate'])} ({name_level(most['level'])})"
        return f"A lead, not a finding: the estimates differ by {words}, {between} ({test}). The groups differ in more than this."
    return f"The data do not show that the effect differs by {words} ({test}). Between its two most precisely estimated groups only ratios that differ by a factor of about {write_number(find_detectable_factor(known, size), 1)} would be found in {100 * POWER:.0f} of 100 such studies."


def find_detectable_factor(known: pd.DataFrame, size: float) -> float:
    """Return by what factor the ratios of the two most precise groups must differ for a test at `size` to find it with POWER.

    exp((z_{1 - size/2} + z_POWER) sqrt(s_1^2 + s_2^2)), taking both estimates for independent.
    """
    errors = known["std_error"].nsmallest(2)
    return math.exp((norm.ppf(1 - size / 2) + norm.ppf(POWER)) * math.sqrt((errors**2).sum()))
