"""The report's section on linkage: controlled tables in words, sentences, figures, filled into a template of its own.

Builds on pipeline.report_tables, pipeline.report_uncertainty and pipeline.wording (numbers in words), pipeline.labels, pipeline.markdown,
pipeline.disclosure, pipeline.disclosure_rates and pipeline.linkage_comparison (control of the tables) and pipeline.transparency (the record of the algorithm).
"""

import math

import pandas as pd

from pipeline.disclosure import control_table
from pipeline.disclosure_rates import control_shares, control_unlinkables
from pipeline.figures_linkage import NOTABLE, name_level
from pipeline.labels import label
from pipeline.linkage_comparison import control_comparison, leave_out_echoes
from pipeline.markdown import Markup, fill_template, write_tables
from pipeline.report_tables import count_words, dash_if_missing, interval_words, write_difference, write_share
from pipeline.report_uncertainty import NUMBERS as UNCERTAINTY_NUMBERS
from pipeline.report_uncertainty import show_calibration
from pipeline.transparency import list_guild, list_record
from pipeline.wording import write_number, write_percent, write_signed

# A standardised difference from this on is shown as a row; the figure and reports/tables hold them all.
LEAST_DIFFERENCE = 0.2
CONTROLS = {
    "match_levels": {"counts": ["n_pairs_m", "n_pairs_u"], "blank": []},
    "match_examples": {"counts": [], "blank": []},
    "unlinkables": {"counts": [], "blank": []},
    "link_thresholds": {"counts": ["n_pairs", "n_people"], "blank": []},
    "link_thresholds_truth": {"counts": ["n"], "blank": ["value", "ci_low", "ci_high"]},
    "linkage_months": {"counts": ["n"], "blank": ["value", "ci_low", "ci_high"]},
    "linkage_differences": {"counts": ["n_people", "n_contacts"], "blank": ["estimate", "std_error", "ci_low", "ci_high"]},
    "linkage_comparison": {"counts": [], "blank": []},
    "clerical_review": {"counts": ["n_pairs", "n_unsure"], "blank": []},
}  # fmt: skip
# Tables with a control of their own.
OWN = {"linkage_comparison": control_comparison, "unlinkables": control_unlinkables}
# Shares that stand beside the count they are of, with their intervals.
SHARES = {"linkage_months": [("value", "n", ["ci_low", "ci_high"])], "link_thresholds_truth": [("value", "n", ["ci_low", "ci_high"])]}
NUMBERS = {"m", "u", "Weight (bits)", "Pairs", "People", "Precision", "Recall", "F1", "True precision", "True recall", "True F1", "Contacts", "Linked", "Not linked", "Difference", "Altogether (bits)", "Found"}


def control_linkage(tables: dict[str, pd.DataFrame], threshold: int, rounding: int) -> dict[str, pd.DataFrame]:
    """Return the tables of the linkage, by name, fit for publication: counts suppressed and rounded, and shares with them."""
    return {name: control_one(name, table, threshold, rounding) for name, table in tables.items()}


def add_rows(table: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with the rows of `more` below it, which may be none."""
    return pd.concat([table, more], ignore_index=True) if len(more) else table


def control_one(name: str, table: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return one table of `CONTROLS` fit for publication; u keeps six decimals, as it is small by nature."""
    if name in OWN:
        return OWN[name](table, threshold, rounding).round(4)
    for share, n, ends in SHARES.get(name, []):
        table = control_shares(table, share, n, threshold, rounding, ends)
    counts = [column for column in CONTROLS[name]["counts"] if column in table]
    controlled = control_table(table, threshold, rounding, counts=counts, blank=CONTROLS[name]["blank"])
    return controlled.round({column: 6 if column == "u" else 4 for column in controlled})


def write_section(tables: dict[str, pd.DataFrame], figures: dict[str, Markup], parameters, is_simulated: bool, template: str) -> Markup:
    """Return the section on linkage as Markdown, from controlled `tables` and finished `figures` by name, filled into `template`.

    Where the linking was done elsewhere, so that there is no check of it, the section says so.
    """
    found = {name: tables.get(name, pd.DataFrame()) for name in [*CONTROLS, "calibration", "link_quality", "provenance"]}
    found = found if is_simulated else leave_truth_out(found)
    context = {
        "is_linked": len(found["link_quality"]) > 0,
        "has_truth": len(found["link_thresholds_truth"]) > 0,
        "figure": figures,
        "parameters": parameters,
        "accept_weight": write_number(weight_of(parameters.linkage.accept_from), 1),
        "change": write_change_of_recall(found["linkage_differences"], parameters.pass_marks.recall_change_at_most),
        "near_telephones": write_near_telephones(found["match_examples"]),
        "unlinkable": write_unlinkable(found["unlinkables"], weight_of(parameters.linkage.accept_from)),
        "notable": f"{NOTABLE:g}",
        "review": write_review(found["clerical_review"]),
        "table": write_tables(list_tables(found, parameters), [*NUMBERS, *UNCERTAINTY_NUMBERS]),
    }
    return Markup(fill_template(template, context))


def leave_truth_out(found: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables without what only a simulation can know."""
    kept = {name: table[table["measure"].ne("true recall")] if name in ("linkage_months", "linkage_differences") and len(table) else table for name, table in found.items()}
    if len(kept["calibration"]):
        kept["calibration"] = kept["calibration"][kept["calibration"]["basis"].ne("truth")]
    return kept | {"link_thresholds_truth": found["link_thresholds_truth"].iloc[:0]}


def weight_of(probability: float) -> float:
    """Return a match probability as a match weight, in bits."""
    return math.inf if probability >= 1 else -math.inf if probability <= 0 else math.log2(probability / (1 - probability))


def list_tables(found: dict[str, pd.DataFrame], parameters) -> dict[str, tuple[pd.DataFrame, str]]:
    """Return the section's tables in words with their captions, by name."""
    threshold = parameters.disclosure.threshold
    return {
        "match_levels": (show_match_levels(found["match_levels"]), "What the model learnt: m and u of each level, and the bits it adds to a pair"),
        "match_examples": (show_examples(found["match_examples"], parameters.linkage.accept_from), "Made-up pairs and what becomes of them"),
        "link_thresholds": (show_thresholds(found["link_thresholds"], found["link_thresholds_truth"], threshold), "Precision, recall and F1 of contacts under other thresholds"),
        "calibration": (show_calibration(found["calibration"], threshold), "Match probabilities of the links that hold people together: promised, calibrated and seen"),
        "linkage_differences": (show_differences(found["linkage_differences"], threshold), "Linkage after referral less before, in percentage points"),
        "linkage_comparison": (show_comparison(found["linkage_comparison"]), f"Where linked and unlinked differ by {LEAST_DIFFERENCE:g} standard deviations or more; shares of the linked, and of those not linked"),
        "clerical_review": (show_review(found["clerical_review"], threshold), "What a reviewer found who read pairs of records side by side"),
        "record": (list_record(found, parameters), "Algorithmic transparency record"),
        "guild": (list_guild(found, parameters), "GUILD: what those who use linked data should know"),
    }  # fmt: skip


def show_match_levels(match_levels: pd.DataFrame) -> pd.DataFrame:
    """Return every level of agreement with m, u and its weight."""
    return pd.DataFrame([
        {"Compared": label("step", row.comparison), "Agreement": name_level(row.level), "m": write_number(row.m, 3), "u": f"{float(row.u):.6f}", "Weight (bits)": write_bits(row.match_weight)}
        for row in match_levels.itertuples()
    ])  # fmt: skip


def write_bits(value) -> str:
    """Return a match weight with one decimal and its sign, a dash where there is none."""
    return dash_if_missing(value, lambda weight: write_signed(weight, 1))


def show_examples(match_examples: pd.DataFrame, accept_from: float) -> pd.DataFrame:
    """Return the made-up pairs with their weight altogether and what becomes of them."""
    rows = match_examples[match_examples["step"].eq("altogether")] if len(match_examples) else match_examples
    return pd.DataFrame([
        {"Pair": row.example, "What it is": row.about, "Altogether (bits)": write_bits(row.total), "Taken as": name_outcome(row, weight_of(accept_from))} for row in rows.itertuples()
    ])  # fmt: skip


def name_outcome(row, accept_weight: float) -> str:
    """Return what becomes of a made-up pair."""
    if str(row.level).startswith("ruled out"):
        return "two people: their details contradict each other, whatever the weight"
    return "one person" if row.total >= accept_weight else "two people, unless another record ties them"


def show_thresholds(link_thresholds: pd.DataFrame, truth: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return estimated and, where known, true precision, recall and F1 by accept threshold."""
    true = {(row.accept_from, row.measure): row for row in truth.itertuples()} if len(truth) else {}
    rows = []
    for row in link_thresholds.itertuples():
        shown = {"Accepted from": f"{row.accept_from:g}" + (" (chosen)" if row.is_chosen else ""), "Pairs": count_words(row.n_pairs, threshold), "People": count_words(row.n_people, threshold)}
        shown |= {"Precision": write_number(row.precision, 4), "Recall": write_number(row.recall, 4), "F1": write_number(row.f1, 4)}
        if true:
            shown |= {f"True {words}": write_true(true.get((row.accept_from, measure))) for measure, words in (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))}
        rows.append(shown)
    return pd.DataFrame(rows)


def write_true(row) -> str:
    """Return a true value with its interval."""
    return "–" if row is None or pd.isna(row.value) else f"{row.value:.3f} ({row.ci_low:.3f} to {row.ci_high:.3f})".replace(" ", "\u00a0")


def show_differences(linkage_differences: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return each contrast of each measure in percentage points with its interval; none where every contact was found alike, which measures no spread."""
    return pd.DataFrame([
        {"Measure": row.measure[0].upper() + row.measure[1:], "Contrast": row.contrast[0].upper() + row.contrast[1:], "Difference": dash_if_missing(row.estimate, write_hundredths),
         "Interval": interval_words(row.ci_low, row.ci_high, write_hundredths) if row.ci_low < row.ci_high else "–", "Contacts": count_words(row.n_contacts, threshold)}
        for row in linkage_differences.itertuples() if row.measure != "match probability"
    ])  # fmt: skip


def write_hundredths(value) -> str:
    """Return a difference of shares in percentage points with its sign."""
    return write_signed(100 * value, 1)


def write_change_of_recall(linkage_differences: pd.DataFrame, at_most: float) -> str:
    """Return what the test of differential linkage found, in words, and on a simulated set what is true."""
    rows = linkage_differences[linkage_differences["contrast"].eq("difference in differences")].dropna(subset=["estimate"]) if len(linkage_differences) else linkage_differences
    found = {row.measure: row for row in rows.itertuples()}
    if "found by details alone" not in found:
        return "Whether linkage changes with referral could not be tested: too few contacts carry the force’s own person number."
    row = found["found by details alone"]
    words = "loses" if row.estimate < 0 else "gains"
    low, high = (write_number(100 * value, 1) for value in (row.ci_low, row.ci_high))
    sentence = (
        f"After referral, linking by personal details alone {words} {write_number(100 * abs(row.estimate), 1)} in 100 contacts of the referred, beyond the change among people "
        f"never referred at the same calendar months (interval of the change: {low} to {high}; the pass mark is {write_number(100 * at_most, 1)} either way)."
    )
    if "true recall" in found:
        true = found["true recall"]
        sentence += f" As the extracts are simulated the truth is known: the whole linkage {'loses' if true.estimate < 0 else 'gains'} {write_number(100 * abs(true.estimate), 1)} in 100."
    return sentence


def write_near_telephones(match_examples: pd.DataFrame) -> str:
    """Return that a made-up telephone which has changed is still near the old one, where the model weighed it so; else nothing."""
    levels = match_examples.loc[match_examples["step"].eq("phone"), "level"].map(name_level) if len(match_examples) else []
    if "two slips" not in set(levels):
        return ""
    return "A made-up telephone that has changed differs from the old one in no more than two digits, so that the model weighs it as ‘two slips’ and not as ‘differs’."


def write_unlinkable(unlinkables: pd.DataFrame, accept_weight: float) -> str:
    """Return in words how many contacts could not reach the accept threshold even against an identical record."""
    rows = unlinkables[unlinkables["match_weight"] >= accept_weight].head(1) if len(unlinkables) else unlinkables
    if rows.empty or pd.isna(rows["share_contacts"].iloc[0]):
        return "Contacts that could not reach the accept threshold even against an identical record are too few to be shown."
    return f"At {write_number(rows['match_weight'].iloc[0])} bits, just above the accept threshold, {write_percent(100 * rows['share_contacts'].iloc[0])} of contacts say too little to be linked by themselves, however alike another record is."


def show_comparison(linkage_comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the levels in which linked and unlinked differ most, largest difference first within each comparison."""
    if linkage_comparison.empty:
        return pd.DataFrame()
    rows = leave_out_echoes(linkage_comparison)
    rows = rows[rows["difference"].abs().ge(LEAST_DIFFERENCE).fillna(False)]
    rows = rows.assign(size=rows["difference"].abs().astype(float)).sort_values(["compared", "size"], ascending=[True, False], kind="stable")
    return pd.DataFrame([
        {"Compared": row.compared[0].upper() + row.compared[1:], "Characteristic": label("characteristic", row.characteristic) + ("" if row.characteristic.startswith("holds") else f": {str(row.level).replace('_', ' ')}"),
         "Linked": write_percent(100 * row.share_linked), "Not linked": write_percent(100 * row.share_unlinked), "Difference": write_difference(row.difference)}
        for row in rows.itertuples()
    ])  # fmt: skip


def write_review(clerical_review: pd.DataFrame) -> str:
    """Return whether anybody read pairs of records, and when."""
    if clerical_review.empty:
        return "No clerical review was made of this linkage: nobody has read a sample of its pairs side by side and judged them. The README says how to draw one."
    return f"A sample of pairs was read side by side and judged; the decisions were read back on {clerical_review['reviewed_on'].iloc[0]}."


def show_review(clerical_review: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return precision and recall as a reviewer judged them, with what they would be if every unsure pair were wrong or right."""
    return pd.DataFrame([
        {"Measure": label("measure", row.measure), "Arm": label("arm", row.arm), "Found": dash_if_missing(row.value, write_share), "Interval": interval_words(row.ci_low, row.ci_high, write_share),
         "If unsure pairs are two people, or one": interval_words(row.value_if_two, row.value_if_one, write_share), "Pairs": count_words(row.n_pairs, threshold)}
        for row in clerical_review.itertuples()
    ])  # fmt: skip
