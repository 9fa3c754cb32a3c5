"""Figures are drawn from their tables, described in words from the same rows, and survive missing pieces."""

import numpy as np
import pandas as pd
import pytest
import report_frames

from pipeline.disclosure import control_attrition
from pipeline.figures import draw_balance, draw_before_after, draw_event_study, finish_figure
from pipeline.figures_account import draw_decomposition, draw_effects, draw_flow
from pipeline.figures_linkage import draw_examples, draw_linkage_comparison, draw_linkage_months, draw_match_levels, draw_thresholds, draw_unlinkables
from pipeline.figures_sensitivity import draw_specifications, list_departures
from pipeline.figures_uncertainty import draw_reliability
from pipeline.report_tables import name_main_estimates

# Inches: a legend without a frame has padding that shows nothing.
SLACK = 0.1


def drawings(tables):
    effects = name_main_estimates(tables["effects"], "n_contacts")
    return {
        "flow": draw_flow(control_attrition(tables["attrition"], 10, 5), 10),
        "balance": draw_balance(tables["balance"], 0.1),
        "before_after": draw_before_after(tables["event_study"]),
        "event_study": draw_event_study(tables["event_study"]),
        "effects": draw_effects(effects),
        "decomposition": draw_decomposition(tables["decomposition"]),
        "specifications": draw_specifications(tables["sensitivity"]),
    }


def linkage_drawings(tables):
    return {
        "match_levels": draw_match_levels(tables["match_levels"]),
        "match_examples": draw_examples(tables["match_examples"], 4.25),
        "unlinkables": draw_unlinkables(tables["unlinkables"], 4.25),
        "link_thresholds": draw_thresholds(tables["link_thresholds"], tables["link_thresholds_truth"]),
        "linkage_months": draw_linkage_months(tables["linkage_months"], {"found by details alone": "Found", "true recall": "True"}),
        "linkage_comparison": draw_linkage_comparison(tables["linkage_comparison"]),
    }


def test_nothing_of_a_figure_is_cut_off():
    """A label or a legend that is wider than the canvas is cut without a word when the figure is saved."""
    bins = {"bin": [0.0, 0.5, 0.95, 0.9999], "expected": [0.4, 0.7, 0.98, 1.0], "calibrated": [0.5, 0.8, 0.97, 0.999]}
    seen = {"share_right": [0.5, 0.8, 0.96, 0.999], "ci_low": [0.4, 0.7, 0.95, 0.998], "ci_high": [0.6, 0.9, 0.97, 1.0]}
    calibration = pd.concat([pd.DataFrame(bins | seen).assign(basis=basis) for basis in ("nominal ids", "truth")], ignore_index=True)
    reliability = draw_reliability(calibration)
    for name, (figure, _) in {**drawings(report_frames.all_tables()), **linkage_drawings(report_frames.linkage_tables()), "reliability": reliability}.items():
        finish_figure(name, name, (figure, ""), dpi=50)
        drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert drawn.x0 > -SLACK and drawn.y0 > -SLACK and drawn.x1 < width + SLACK and drawn.y1 < height + SLACK, (name, drawn)


@pytest.fixture(scope="module")
def alts():
    return {name: alt for name, (_, alt) in drawings(report_frames.all_tables()).items()}


def test_the_alternative_text_tells_the_numbers_of_the_table(alts):
    assert "referred 1,250" in alts["flow"].lower() and "analysed 1,015" in alts["flow"].lower()
    assert "Fall from before to after 81.0 (interval 78.0 to 84.0)" in alts["decomposition"] and "18.6" in alts["decomposition"]
    assert "1.20 before weighting" in alts["balance"] and "0 lie above the pass mark" in alts["balance"]
    assert "The primary one is 0.54." in alts["specifications"] and "3 invalid designs" in alts["specifications"]


def test_figures_of_the_linkage_tell_the_numbers_of_their_tables():
    told = {name: alt for name, (_, alt) in linkage_drawings(report_frames.linkage_tables()).items()}
    assert "expects precision 0.9990, recall 0.9900" in told["link_thresholds"] and "Recall 0.9820" in told["link_thresholds"]
    assert "Married: -4.2 bits altogether." in told["match_examples"] and "+7.8 bits" in told["match_levels"]
    assert "1.1% of contacts" in told["unlinkables"] and "Year (0.47)" in told["linkage_comparison"] and "98.0% to 98.0%" in told["linkage_months"]


def test_a_suppressed_loss_is_not_drawn_as_a_number():
    figure, _ = draw_flow(control_attrition(report_frames.attrition(), 10, 5), 10)
    texts = " ".join(text.get_text().replace("\n", " ") for text in figure.axes[0].texts)
    assert "<10 lost" in texts and "3 lost" not in texts


def test_invalid_designs_have_a_panel_of_their_own():
    figure, _ = draw_specifications(report_frames.sensitivity())
    curve, matrix, apart = figure.axes
    assert not any(line.get_marker() == "x" for line in [*curve.lines, *matrix.lines])
    assert sum(line.get_marker() == "x" for line in apart.lines) == 3


def test_marks_stand_where_a_specification_departs_from_the_plan_and_nowhere_else():
    valid = report_frames.sensitivity().query("is_valid").sort_values("estimate", ignore_index=True)
    marks = list_departures(valid)
    primary = valid.index[valid["is_primary"]].item()
    assert primary not in set(marks["place"])
    assert (marks["name"] == "6 months after").sum() == 12 and (marks["name"] == "Links from 0.80").sum() == 1


def test_figures_without_rows_are_drawn_without_error_and_say_that_they_hold_nothing():
    """An empty alternative text makes the report leave the figure out with a sentence."""
    empty = {name: table.iloc[:0] for name, table in report_frames.all_tables().items()}
    without_links = {name: table.iloc[:0] for name, table in report_frames.linkage_tables().items()}
    for name, drawing in (drawings(empty) | linkage_drawings(without_links)).items():
        picture = finish_figure(name, name, drawing, dpi=40)
        assert picture.png.startswith(b"\x89PNG") and picture.alt == "", name


def test_missing_and_infinite_ends_are_drawn_up_to_the_edge():
    tables = report_frames.all_tables()
    for name in ("effects", "sensitivity", "event_study"):
        tables[name].loc[tables[name].index[1], ["ci_low", "ci_high"]] = [-np.inf, np.inf]
        tables[name].loc[tables[name].index[2], ["estimate", "ci_low", "ci_high"]] = np.nan
    for name, drawing in drawings(tables).items():
        picture = finish_figure(name, name, drawing, dpi=40)
        assert "nan" not in picture.alt.lower() and "inf" not in picture.alt.lower(), name


def test_a_figure_is_the_same_bytes_on_a_rerun():
    first, second = (finish_figure("balance", "", draw_balance(report_frames.balance(), 0.1), dpi=60) for _ in range(2))
    assert first.png == second.png


def test_every_part_of_the_fall_and_every_estimate_has_its_interval():
    for figure, _ in (draw_decomposition(report_frames.decomposition()), draw_effects(name_main_estimates(report_frames.effects(), "n_contacts"))):
        axes = figure.axes[0]
        lines = [segment for collection in axes.collections for segment in collection.get_segments() if len(segment) == 2 and segment[0][0] != segment[1][0]]
        assert len(lines) == len(axes.get_yticks())
