"""The report's section on doubt about the links: the interval with and without, and what links nobody sees could do.

Builds on pipeline.disclosure and pipeline.disclosure_rates (control of the tables), pipeline.report_tables, pipeline.wording and pipeline.markdown.
"""

import math

import pandas as pd

from pipeline.disclosure import control_table
from pipeline.disclosure_rates import control_calibration, control_missed
from pipeline.markdown import Markup, fill_template, write_tables
from pipeline.missed_links import ESTIMATE, MEASURED, NEARER_END
from pipeline.report_tables import count_words, dash_if_missing, interval_words, write_ratio, write_share
from pipeline.wording import write_number, write_percent

OWN = {"calibration": control_calibration, "missed_links": control_missed}
# The tables of this section, with their counts.
CONTROLS = {"calibration": ["n"], "calibration_line": ["n_same", "n_different"], "missed_links": ["n_pairs_below", "n_labelled", "n_contacts"], "linkage_uncertainty": [], "recall_to_overturn": []}
ESTIMANDS = {"referral": "being referred", "engaged": "engaging (complier effect)"}
NUMBERS = ["Ratio", "With doubt", "Without", "Pooled ratio", "Share of variance", "Loss of recall", "Promised", "Calibrated", "Right", "Links", "Contacts", "Missed at most"]


def control_uncertainty(tables: dict[str, pd.DataFrame], threshold: int, rounding: int) -> dict[str, pd.DataFrame]:
    """Return the tables of CONTROLS fit for publication: counts suppressed and rounded, what rests on them blanked, wrong links never counted."""
    return {name: OWN[name](table, threshold, rounding) if name in OWN else control_table(table, threshold, rounding, counts=CONTROLS[name]).round(5) for name, table in tables.items()}


def write_section(tables: dict[str, pd.DataFrame], template: str) -> Markup:
    """Return the section as Markdown from controlled `tables`, filled into `template`; empty where the identities were not drawn."""
    found = {name: tables.get(name, pd.DataFrame()) for name in CONTROLS}
    uncertainty = found["linkage_uncertainty"]
    shown = {
        "linkage_uncertainty": (show_uncertainty(uncertainty), "Intervals with and without doubt about the links"),
        "recall_to_overturn": (show_losses(found["recall_to_overturn"]), f"Loss of recall after referral, in the referred alone, that would overturn the effect of {name_overturned(uncertainty)}"),
        "missed_links": (show_missed(found["missed_links"]), "What the pairs below the floor could hide at most, in percent of the contacts"),
    }
    context = {
        "is_drawn": len(uncertainty) > 0,
        "n_draws": int(uncertainty["draws"].iloc[0]) if len(uncertainty) else 0,
        "carried": write_carried(uncertainty),
        "overturn": write_overturn(found["recall_to_overturn"], uncertainty),
        "below": write_below(found["missed_links"]),
        "table": write_tables(shown, NUMBERS),
    }
    return Markup(fill_template(template, context))


def show_uncertainty(linkage_uncertainty: pd.DataFrame) -> pd.DataFrame:
    """Return both primary estimates as ratios with the interval that takes the links as given and the one that does not."""
    return pd.DataFrame([
        {"Effect of": ESTIMANDS[row.estimand], "Ratio": write_ratio(row.estimate_accepted), "Without": interval_words(row.ci_low_without, row.ci_high_without, write_end),
         "With doubt": interval_words(row.ci_low, row.ci_high, write_end), "Pooled ratio": write_ratio(row.estimate_pooled),
         "Share of variance": write_percent(100 * row.share_from_linkage, 2)}
        for row in linkage_uncertainty.itertuples()
    ])  # fmt: skip


def write_end(estimate) -> str:
    """Return an end of an interval as a ratio with three decimals: what the links add shows in no fewer."""
    return "unbounded" if estimate > 8 else f"{math.exp(max(estimate, -30)):.3f}"


def write_carried(linkage_uncertainty: pd.DataFrame) -> str:
    """Return in words how much of the variance comes from the links, and which interval the report quotes."""
    if linkage_uncertainty.empty or linkage_uncertainty["share_from_linkage"].isna().all():
        return "The share of the variance that comes from the links could not be estimated; the intervals take the links as given."
    most = write_percent(100 * linkage_uncertainty["share_from_linkage"].max(), 2)
    return (
        f"At most {most} of the variance of these estimates comes from doubt about the links. The report's answer and the two primary rows among the estimates carry it; "
        "all other rows take the links as given. The middle of the interval is the estimate from the accepted links."
    )


def show_losses(recall_to_overturn: pd.DataFrame) -> pd.DataFrame:
    """Return the losses of recall in percent."""
    return pd.DataFrame([
        {"A loss that": row.what if row.what != MEASURED else "was measured, by nominal ids", "Loss of recall": dash_if_missing(row.recall_loss, write_hundred), "Interval": interval_words(row.ci_low, row.ci_high, write_hundred)}
        for row in recall_to_overturn.itertuples()
    ])  # fmt: skip


def write_hundred(share) -> str:
    """Return a share in percent with one decimal."""
    return write_percent(100 * share, 1)


def write_overturn(recall_to_overturn: pd.DataFrame, linkage_uncertainty: pd.DataFrame) -> str:
    """Return in two or three sentences how much recall would have to be lost after referral to overturn the effect of engaging, and that of being referred."""
    if recall_to_overturn.empty:
        return ""
    loss = recall_to_overturn.set_index("what")["recall_loss"]
    if not loss[ESTIMATE] > 0:
        return "The estimate shows no fall that a loss of links could explain."
    words = f"Were {write_hundred(loss[ESTIMATE])} of what the referred did after referral missed, and nothing else, the estimate of the effect of {name_overturned(linkage_uncertainty)} would be no effect at all"
    words += f"; {write_hundred(loss[NEARER_END])} would do for the nearer end of its interval." if loss[NEARER_END] > 0 else "; its interval holds no effect already."
    words += write_overturn_of_referral(linkage_uncertainty)
    if pd.isna(loss[MEASURED]):
        return f"{words} The loss could not be measured here: too few contacts carry a nominal id."
    row = recall_to_overturn[recall_to_overturn["what"].eq(MEASURED)].iloc[0]
    return f"{words} Measured by nominal ids is a loss of {write_hundred(loss[MEASURED])} of these contacts (interval: {write_hundred(row['ci_low'])} to {write_hundred(row['ci_high'])})."


def name_overturned(linkage_uncertainty: pd.DataFrame) -> str:
    """Return of what recall_to_overturn holds the effect: engaging, or being referred where nothing says who engaged."""
    rows = linkage_uncertainty[linkage_uncertainty["estimand"].eq("engaged")] if len(linkage_uncertainty) else linkage_uncertainty
    return "engaging" if len(rows) and rows["estimate_accepted"].notna().any() else "being referred"


def write_overturn_of_referral(linkage_uncertainty: pd.DataFrame) -> str:
    """Return the loss that would do for the effect of being referred, which is one less the ratio at the nearer end; nothing where it shows no fall."""
    ends = linkage_uncertainty.loc[linkage_uncertainty["estimand"].eq("referral"), "ci_high"].dropna() if len(linkage_uncertainty) else []
    if not len(ends) or ends.iloc[0] >= 0 or name_overturned(linkage_uncertainty) != "engaging":
        return ""
    return f" For the nearer end of the effect of being referred a loss of {write_hundred(-math.expm1(ends.iloc[0]))} of these contacts would do, one less the ratio there."


def show_missed(missed_links: pd.DataFrame) -> pd.DataFrame:
    """Return per arm the contacts that pairs below the floor can hide at most, and what that could do to the ratio of referral."""
    return pd.DataFrame([
        {"Arm": "referred" if row.arm == "referred" else "not referred", "Contacts": count_words(row.n_contacts, 10), "Missed at most": dash_if_missing(row.loss_at_most, write_hundred),
         "Would multiply the ratio of referral by": dash_if_missing(row.log_shift_at_most, write_ratio)}
        for row in missed_links.itertuples()
    ])  # fmt: skip


def write_below(missed_links: pd.DataFrame) -> str:
    """Return in words what is known of the pairs below the floor."""
    if missed_links.empty:
        return ""
    row = missed_links.iloc[0]
    if pd.isna(row["share_same"]):
        return f"Of the {count_words(row['n_pairs_below'], 10)} pairs below the floor too few join two nominal ids, or too few of those one person's, to say how many are one person's after all."
    return (
        f"{count_words(row['n_pairs_below'], 10)} pairs lie below the floor. By the model {count_words(row['expected_matches'], 10)} of them are one person's; of those in which both sides have a nominal id "
        f"{write_percent(100 * row['share_same'])} are (at most {write_percent(100 * row['share_same_at_most'])}). The table counts each as lost to everybody else, which is far too many, and shows what that would do if it "
        "fell on one arm after referral alone."
    )


def show_calibration(calibration: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return per bin of the match probability what the model promised, what the calibration line says and what was right."""
    return pd.DataFrame([
        {"Judged by": row.basis, "Match probability from": f"{row.bin:g}", "Promised": dash_if_missing(row.expected, write_four), "Calibrated": dash_if_missing(row.calibrated, write_four),
         "Right": dash_if_missing(row.share_right, write_four), "Interval": interval_words(row.ci_low, row.ci_high, write_share), "Links": count_words(row.n, threshold)}
        for row in calibration.itertuples()
    ])  # fmt: skip


def write_four(value) -> str:
    """Return a number with four decimals."""
    return write_number(value, 4)
