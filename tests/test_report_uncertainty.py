"""The report on doubt about the links: what is said with draws, without, and where nothing could be measured."""

import numpy as np
import pandas as pd

from pipeline.figures import finish_figure
from pipeline.figures_uncertainty import draw_reliability
from pipeline.missed_links import ESTIMATE, MEASURED, NEARER_END
from pipeline.markdown import read_template
from pipeline.report_linkage import show_differences
from pipeline.report_uncertainty import control_uncertainty, write_section

UNCERTAINTY = pd.DataFrame([
    ("referral", -0.32, -0.33, 0.004, 0.001, 0.005, 90.0, 0.2, 0.21, 0.07, -0.46, -0.18, 0.01, 0.063, -0.44, -0.20, 20),
    ("engaged", -0.66, -0.65, 0.016, 0.004, 0.020, 90.0, 0.2, 0.21, 0.14, -0.94, -0.38, 0.01, 0.126, -0.91, -0.41, 20),
], columns=["estimand", "estimate_accepted", "estimate_pooled", "within", "between", "total", "df", "share_from_linkage", "missing_information",
            "std_error", "ci_low", "ci_high", "p_value", "std_error_without", "ci_low_without", "ci_high_without", "draws"])  # fmt: skip
MISSED = pd.DataFrame([
    ("referred", 5000, 40.0, 800, 0.09, 0.11, 30000, 400.0, 0.013, 0.0131), ("not_referred", 5000, 40.0, 800, 0.09, 0.11, 40000, 500.0, 0.013, -0.0131),
], columns=["arm", "n_pairs_below", "expected_matches", "n_labelled", "share_same", "share_same_at_most", "n_contacts", "missed_at_most", "loss_at_most", "log_shift_at_most"])  # fmt: skip


def losses(nearer=0.19, measured=0.007):
    return pd.DataFrame({"what": [ESTIMATE, NEARER_END, MEASURED], "recall_loss": [0.28, nearer, measured], "ci_low": [np.nan, np.nan, -0.01], "ci_high": [np.nan, np.nan, 0.02]})


def section(**tables):
    return write_section(control_uncertainty(tables, 10, 5), read_template("uncertainty")).replace("\\", "")


def test_the_interval_stands_with_and_without_doubt_about_the_links():
    text = section(linkage_uncertainty=UNCERTAINTY, missed_links=MISSED, recall_to_overturn=losses())
    assert "drawn 20 times" in text and "At most 20.00% of the variance" in text
    assert "0.391\u00a0to\u00a00.684" in text and "0.403\u00a0to\u00a00.664" in text


def test_the_loss_that_overturns_stands_beside_the_loss_that_was_measured():
    text = section(linkage_uncertainty=UNCERTAINTY, missed_links=MISSED, recall_to_overturn=losses())
    assert "28.0% of what the referred did after referral missed" in text and "19.0% would do" in text and "a loss of 0.7%" in text
    assert "effect of engaging would be no effect" in text and "of the effect of being referred a loss of 16.5%" in text


def test_a_loss_is_of_the_effect_of_being_referred_where_nothing_says_who_engaged():
    text = section(linkage_uncertainty=UNCERTAINTY.iloc[:1], missed_links=MISSED, recall_to_overturn=losses())
    assert "effect of being referred would be no effect" in text and "overturn the effect of being referred" in text and "engaging" not in text


def test_what_cannot_be_said_is_said():
    text = section(linkage_uncertainty=UNCERTAINTY, missed_links=MISSED.assign(share_same=np.nan), recall_to_overturn=losses(0.0, np.nan))
    assert "holds no effect already" in text and "could not be measured here" in text and "too few join two nominal ids" in text


def test_extracts_linked_elsewhere_get_no_section():
    assert not section().strip()


def test_fewer_pairs_than_the_threshold_are_neither_counted_nor_to_be_worked_out_from_a_share():
    few = control_uncertainty({"missed_links": MISSED.assign(n_labelled=135, share_same=5 / 135, share_same_at_most=0.084)}, 10, 5)["missed_links"]
    assert few[["share_same", "share_same_at_most", "missed_at_most", "loss_at_most", "log_shift_at_most"]].isna().all(axis=None) and (few["n_labelled"] == 135).all()
    text = section(linkage_uncertainty=UNCERTAINTY, missed_links=MISSED.assign(expected_matches=5.2), recall_to_overturn=losses())
    assert "By the model fewer than 10 of them are one person" in text and "By the model 5 " not in text


def test_bins_of_few_links_are_not_published_and_counts_of_wrong_ones_never():
    rows = [("nominal ids", 0.5, 0.6, 0.8, 0.7, 0.4, 0.9, 7, 2), ("nominal ids", 0.99, 0.995, 0.99, 0.98, 0.97, 0.99, 302, 6)]
    calibration = pd.DataFrame(rows, columns=["basis", "bin", "expected", "calibrated", "share_right", "ci_low", "ci_high", "n", "n_wrong"])
    table = control_uncertainty({"calibration": calibration}, 10, 5)["calibration"]
    assert "n_wrong" not in table and table.loc[0, ["n", "share_right", "ci_low"]].isna().all()
    assert table.loc[1, "n"] == 300 and table.loc[1, "share_right"] == 0.98


def test_the_figure_says_where_calibrated_and_seen_differ_most():
    calibration = pd.DataFrame([
        ("truth", 0.0, 0.45, 0.8, 0.7, 0.6, 0.8, 50, 15), ("truth", 0.99, 0.996, 0.99, 0.99, 0.98, 0.995, 500, 12),
    ], columns=["basis", "bin", "expected", "calibrated", "share_right", "ci_low", "ci_high", "n", "n_wrong"])  # fmt: skip
    picture = finish_figure("calibration", "Reliability", draw_reliability(calibration), dpi=50)
    assert "from 0 on, 0.800 against 0.700" in picture.alt
    assert draw_reliability(calibration.iloc[:0])[1] == ""


def test_a_difference_without_spread_has_no_interval():
    rows = [("found by details alone", "referred less not referred, after", 0.0, 0.0, 0.0, 0.0, 130, 680), ("found by details alone", "difference in differences", 0.019, 0.011, -0.003, 0.041, 130, 680)]
    differences = pd.DataFrame(rows, columns=["measure", "contrast", "estimate", "std_error", "ci_low", "ci_high", "n_people", "n_contacts"])
    assert show_differences(differences, 10)["Interval"].tolist() == ["–", "\u22120.3 to +4.1".replace(" ", "\u00a0")]
