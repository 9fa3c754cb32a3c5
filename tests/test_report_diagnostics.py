"""What readers are told of bounds and harm, from made-up tables: in words, never as a gap."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.figures import finish_figure
from pipeline.figures_diagnostics import draw_bounds
from pipeline.honest_bounds import last_bound_excluding
from pipeline.markdown import read_template
from pipeline.report_diagnostics import control_diagnostics, control_e_values, write_breakdown, write_detectable, write_harm, write_scored, write_section

PARAMETERS = SimpleNamespace(disclosure=SimpleNamespace(threshold=10), diagnostics=SimpleNamespace(block_months=3), panel=SimpleNamespace(months_after=12))

# The before-and-after ratio as it is published, of rounded sums: 0.186 is what it was.
EFFECTS = pd.DataFrame([("n_contacts", "naive", np.log(0.2), np.log(0.15), np.log(0.25))], columns=["outcome", "estimator", "estimate", "ci_low", "ci_high"])


def bounds(*excludes):
    rows = [("relative_magnitudes", 0.5 * place, -0.5 - 0.1 * place, -0.1 if kept else 0.1, kept, "estimated") for place, kept in enumerate(excludes)]
    return pd.DataFrame(rows, columns=["restriction", "bound", "ci_low", "ci_high", "excludes_no_effect", "status"])


def scores(is_few=False):
    return pd.DataFrame([(1138, is_few, 0.001, -0.59, -0.19, 0.0001, -0.58, -0.21)], columns=["n_smaller_arm", "is_few", "p_value", "ci_low", "ci_high", "p_value_resampled", "ci_low_resampled", "ci_high_resampled"])


def tables():
    detectable = pd.DataFrame([("referral", "sequential_trials", 0.087, 0.78, 1.28), ("engaged", "complier", 0.144, 0.67, 1.5)], columns=["estimand", "estimator", "std_error", "ratio_below", "ratio_above"])
    e_values = pd.DataFrame([("referral", "sequential_trials", 0.67, 2.33, 1.78), ("before_after", "naive", 0.186, 10.2, 8.0)], columns=["estimand", "estimator", "ratio", "e_value", "e_value_of_interval"])
    safety = pd.DataFrame([
        ("n_missing", 20, 20, 300, 1.8, 2.1, -0.31, 0.28, -0.86, 0.25, 0.28, 4065, 451085, "estimated"), ("n_mental_health", pd.NA, pd.NA, pd.NA, *[np.nan] * 7, 4065, 451085, "estimated"),
        ("n_deaths", pd.NA, pd.NA, pd.NA, *[np.nan] * 7, pd.NA, pd.NA, "not recorded in these extracts"),
    ], columns=["outcome", "n_events", "n_referred", "n_comparison", "rate_referred", "rate_comparison", "estimate", "std_error", "ci_low", "ci_high", "p_value", "n_people", "n_person_months", "status"])  # fmt: skip
    controlled = control_diagnostics({"honest_bounds": bounds(True, True, False), "detectable_effects": detectable, "e_values": e_values, "score_bootstrap": scores()}, EFFECTS, 10, 5)
    return controlled | {"safety": safety}


def test_an_e_value_is_that_of_the_published_ratio_and_goes_with_it():
    e_values = pd.DataFrame([("referral", "sequential_trials", 0.67, 2.35, 1.78), ("before_after", "naive", 0.186, 10.2, 8.0)], columns=["estimand", "estimator", "ratio", "e_value", "e_value_of_interval"])
    shown = control_e_values(e_values, EFFECTS).set_index("estimator")
    # 1 / 0.2 = 5: 5 + sqrt(5 * 4); the interval's nearer end is 0.25: 4 + sqrt(4 * 3).
    assert shown.loc["naive"].drop("estimand").tolist() == pytest.approx([0.2, 5 + 20**0.5, 4 + 12**0.5]) and shown.loc["sequential_trials", "ratio"] == 0.67
    assert control_e_values(e_values, EFFECTS.assign(estimate=np.nan))["estimator"].tolist() == ["sequential_trials"]


def section(**changed):
    made = tables() | changed
    return "\n".join([write_harm(made, PARAMETERS, read_template("harm")), write_section(made, {}, PARAMETERS, read_template("diagnostics"))]).replace("\\", "")


def test_what_could_be_found_is_said_before_without_any_estimate():
    text = write_detectable(tables(), read_template("detectable")).replace("\\", "")
    assert "less than 33%" in text and "0.78" in text and "estimate" not in text
    source = "".join(read_template(f"parts/{part}") for part in ("effect", "method", "diagnostics"))
    assert source.index("detectable_section") < source.index("table.effects") < source.index("diagnostics_section")


def test_harm_is_shown_uncorrected_and_what_is_not_recorded_is_said():
    text = section()
    assert "without any correction" in text and "a correction would hide harm" in text and "p-value, corrected" not in text[: text.index("How far the answer bends")]
    assert "do not record: death" in text and "fewer than 10" in text


def test_no_gap_reaches_the_reader():
    assert not re.search(r"(?<![A-Za-z])(nan|None|NaT|<NA>)(?![A-Za-z])", section())
    assert not write_section({}, {}, PARAMETERS, "x").strip() and not write_harm({}, PARAMETERS, "x") and not write_detectable({}, "x")


def test_e_values_bear_their_remark():
    text = section()
    assert "nothing about regression to the mean" in text and "a naive fall of 80% has" in text


def test_the_breakdown_value_is_the_last_bound_before_the_first_that_fails():
    assert last_bound_excluding(bounds(True, False, True)) == 0.0 and np.isnan(last_bound_excluding(bounds(False, True)))
    assert "up to 0.5 times" in write_breakdown(bounds(True, True, False), 3) and "largest that was tried" in write_breakdown(bounds(True, True), 3)
    assert "exactly alike" in write_breakdown(bounds(False), 3)
    missing = bounds(True).assign(ci_low=np.nan, ci_high=np.nan, status="not estimable: too few resamples for a covariance of so many blocks")
    assert write_breakdown(missing, 3).endswith("too few resamples for a covariance of so many blocks.")


@pytest.mark.parametrize("is_few", [True, False])
def test_with_few_people_the_score_bootstrap_is_the_one_to_read(is_few):
    assert ("is the one to read" in write_scored(scores(is_few))) == is_few


def test_figures_say_in_words_what_they_show():
    alt = finish_figure("honest_bounds", "", draw_bounds(bounds(True, False)), dpi=40).alt
    assert "at 0.5 0.55 to 1.11" in alt


def test_an_effect_that_stands_out_without_any_drift_alone_is_said_to_lean_on_that():
    found = bounds(True, False, False)
    assert "only if the arms would have moved exactly alike" in write_breakdown(found, 3)
    bent = bounds(True, True, False).assign(restriction="smoothness", bound=[0.0, 0.01, 0.02])
    # Both kinds of drift stand in one table: a sentence on the first must not deny what the second shows.
    words = write_breakdown(pd.concat([found, bent]), 3)
    assert words.startswith("Where the moves between blocks before set the bound") and words.endswith("if it changed by up to 0.01 in the log ratio from block to block.")


def test_outcomes_of_harm_that_are_all_hidden_are_said_to_tell_nothing():
    hidden = tables()["safety"].assign(**dict.fromkeys(["n_events", "rate_referred", "rate_comparison", "estimate", "ci_low", "ci_high", "p_value"], np.nan))
    text = section(safety=hidden)
    assert "Too few people or incidents stand behind reported missing, detained under" in text and "do not record: death" in text
    assert "therefore shown" not in text and "interval that includes 1" not in text and "Rate, referred" not in text
