"""All designs side by side in a world whose truth is known, and with one of them broken."""

import numpy as np
import pytest
from panel_frames import STUDY, cohort_of_world, simulated_world

from pipeline.contrasts import PRIMARY, assemble_trials, fit_contrast
from pipeline.effect import list_persons
from pipeline.estimates import COLUMNS, is_estimated
from pipeline.other_designs import describe_matches, estimate_other_designs
from pipeline.panel import build_panel


@pytest.fixture(scope="module")
def world():
    """The small simulated force of the other tests (true IRR of engaging 0.55), its cohort, panel, trials and contrast."""
    truth, tables = simulated_world()
    cohort = cohort_of_world(tables)
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], tables["person_exits"], STUDY, 24, 12, 0)
    trials = assemble_trials(cohort, panel, list_persons(cohort), 12)
    outcomes = truth["outcomes"][truth["outcomes"]["is_triggered"]]
    return cohort, panel, trials, fit_contrast(trials, trials.is_referred, [PRIMARY]), np.log(outcomes["n_after_with"].sum() / outcomes["n_after_without"].sum())


def test_every_design_has_its_row_and_the_traps_lie_on_either_side(world):
    *given, truth = world
    found = estimate_other_designs(*given, 12, 3, 5, 1.0, 0.95)
    assert list(found.columns) == COLUMNS and is_estimated(found).all()
    rows = found.set_index("estimator")
    for design in ("matched_sets", "lagged_outcome_matched", "empirical_bayes"):
        assert abs(rows.loc[design, "estimate"] - truth) < 3 * rows.loc[design, "std_error"], design
    assert rows.loc["fixed_effects", "ci_high"] < truth < rows.loc["fixed_effects_quiet", "estimate"]


def test_a_design_that_fails_leaves_the_others_standing(world):
    cohort, panel, trials, fit, _ = world
    found = estimate_other_designs(cohort, panel[panel["month"] >= 0], trials, fit, 12, 3, 5, 1.0, 0.95).set_index("estimator")
    assert found["status"].str.startswith("not estimable").to_dict() == {
        "matched_sets": False, "lagged_outcome_matched": False, "empirical_bayes": False, "fixed_effects": True, "fixed_effects_quiet": True,
    }  # fmt: skip
    # No caliper is so narrow that exact twins would not fit; a negative one is.
    nobody = estimate_other_designs(cohort, panel, trials, fit, 12, 3, 5, -1.0, 0.95).set_index("estimator")
    assert "no referred person has a comparison person" in nobody.loc["matched_sets", "status"] and nobody.loc["empirical_bayes", "status"] == "estimated"


def test_matched_sets_are_described(world):
    cohort, _, trials, _, _ = world
    sizes = describe_matches(cohort, trials, 5, 1.0)
    assert sizes["n_sets"] + sizes["n_unmatched"] == trials.is_referred.sum()
    assert 1 <= sizes["controls_per_set"] <= 5 and sizes["most_reused"] >= 1
