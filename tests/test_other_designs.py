"""All designs side by side in a world whose truth is known, and with one of them broken."""

import numpy as np
import pytest
from panel_frames import STUDY, cohort_of_world, simulated_world

from pipeline.audit import assemble
from pipeline.audit_worlds import draw_sample, list_worlds
from pipeline.contrasts import PRIMARY, assemble_trials, fit_contrast
from pipeline.effect import list_persons
from pipeline.empirical_bayes import estimate_with_persistence
from pipeline.estimates import COLUMNS, Label, NotEstimable, is_estimated, row_or_flag
from pipeline.matching import estimate_lagged_outcome, estimate_matched_sets
from pipeline.net_of_later import net_of_later
from pipeline.other_designs import arms_of, control_matches, daily_rates, describe_matches, design_sets, estimate_on_sets, estimate_other_designs, later_contacts
from pipeline.panel import build_panel

LABEL = Label(PRIMARY, "not_yet_referred", "", "referral")


@pytest.fixture(scope="module")
def world():
    """The small simulated force of the other tests (true IRR of engaging 0.55), its cohort, panel, trials and contrast."""
    truth, tables = simulated_world()
    cohort = cohort_of_world(tables)
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], tables["person_exits"], STUDY, 24, 12, 0)
    trials = assemble_trials(cohort, panel, list_persons(cohort), 12)
    outcomes = truth["outcomes"][truth["outcomes"]["is_triggered"]]
    return cohort, panel, trials, fit_contrast(trials, trials.is_referred, [PRIMARY]), np.log(outcomes["n_after_with"].sum() / outcomes["n_after_without"].sum())


def designs_of(world, n_matches=5, caliper=0.75, caliper_alone=0.4):
    cohort, _, trials, _, _ = world
    return design_sets(cohort, trials, n_matches, caliper, caliper_alone)


def estimates(world, panel=None, **settings):
    _, own, trials, fit, _ = world
    return estimate_other_designs(designs_of(world, **settings), own if panel is None else panel, trials, fit, True, 12, 3, 0.95)


def test_every_design_has_its_row_and_the_traps_lie_on_either_side(world):
    found, truth = estimates(world), world[-1]
    assert list(found.columns) == [*COLUMNS, "n_counted"] and is_estimated(found).all()
    rows = found.set_index("estimator")
    for design in ("matched_sets", "lagged_outcome_matched", "empirical_bayes"):
        assert abs(rows.loc[design, "estimate"] - truth) < 3 * rows.loc[design, "std_error"], design
    assert rows.loc["fixed_effects", "ci_high"] < truth < rows.loc["fixed_effects_quiet", "estimate"]
    assert rows.loc["matched_sets", "n_counted"] < rows.loc["lagged_outcome_matched", "n_counted"] < rows.loc["empirical_bayes", "n_counted"]


def test_a_design_that_fails_leaves_the_others_standing(world):
    panel = world[1]
    found = estimates(world, panel[panel["month"] >= 0]).set_index("estimator")
    assert found["status"].str.startswith("not estimable").to_dict() == {
        "matched_sets": False, "lagged_outcome_matched": False, "empirical_bayes": False, "fixed_effects": True, "fixed_effects_quiet": True,
    }  # fmt: skip
    # No caliper is so narrow that exact twins would not fit; a negative one is.
    nobody = estimates(world, caliper_alone=-1.0).set_index("estimator")
    assert "no referred person has a comparison person" in nobody.loc["matched_sets", "status"] and np.isnan(nobody.loc["matched_sets", "n_counted"])
    assert is_estimated(nobody.reset_index()).sum() == 4


def test_matched_sets_are_described_and_counts_controlled(world):
    trials, design = world[2], designs_of(world)
    table = describe_matches(design, trials)
    sizes = table[table["estimator"] == "matched_sets"].set_index("measure")["value"]
    assert sizes["referred with a match"] + sizes["referred without a match"] == trials.is_referred.sum()
    assert 1 <= sizes["comparison people per set"] <= 5 and sizes["sets per comparison person"] >= 1
    assert sizes["largest difference after matching"] < sizes["largest difference before matching"]
    assert sizes["effective number of comparison people"] <= sizes["comparison people in the sets"]
    controlled = control_matches(table, 10_000, 5)
    # Counts are hidden, and with them what could tell them again.
    assert controlled["value"].isna()[table["is_count"]].all() and not controlled["value"].isna().all()
    assert describe_matches(design._replace(twins=None, sets=None), trials).empty


def later_world(name, seed):
    """The rows of all designs that match or predict in a draw of an audit world, net and with later referrals left in, less the truth."""
    sample = draw_sample(list_worlds()[name], seed)
    trials, kept = assemble(sample)
    weights = fit_contrast(trials, trials.is_referred, [PRIMARY]).weights
    design = design_sets(sample.cohort[kept], trials, 5, 0.75, 0.4)
    found = {}
    for is_net in (True, False):
        later = later_contacts(trials, is_net)
        rows = [
            row_or_flag(LABEL, estimate_on_sets, design.twins, estimate_matched_sets, trials, later, 0.95),
            row_or_flag(LABEL, estimate_on_sets, design.sets, estimate_lagged_outcome, trials, later, 0.95, trials.design),
            row_or_flag(LABEL, estimate_with_persistence, daily_rates(design.rows), *arms_of(trials), 0.95, weights, later),
        ]  # fmt: skip
        found[is_net] = [(row["estimate"] - sample.truth["referral"], row["std_error"]) for row in rows]
    return found


@pytest.mark.parametrize("name", ["long bursts", "long bursts, no effect"])
def test_later_referrals_of_comparison_people_are_taken_off_with_and_without_an_effect(name):
    """Eight draws of each world, seeds 911 to 918 named beforehand. The spread of one estimate is about 0.13, of a mean of eight 0.05."""
    worlds = [later_world(name, seed) for seed in range(911, 919)]
    net, followed = (np.array([world[is_net] for world in worlds]) for is_net in (True, False))
    errors = net[:, :, 0].mean(axis=0)
    # The plain ratio of twins errs towards harm with and without an effect: near as they are, twins of heavy callers are lighter.
    assert -0.05 < errors[0] < 0.25
    assert (np.abs(errors[1:]) < 0.12).all()
    covered = np.abs(net[:, 1:, 0]) < 1.96 * net[:, 1:, 1]
    assert (covered.sum(axis=0) >= 6).all()  # of 8: fewer once in 170 times where 95 % cover
    if name == "long bursts":  # left in, they pull every design towards no effect
        assert (followed[:, :, 0].mean(axis=0) > net[:, :, 0].mean(axis=0) + 0.02).all()


def test_the_correction_and_its_error_by_hand():
    """The comparison makes 10 + 10 contacts, 4 of them after a referral of their own (s = 0.2), the referred 12: (0.6 - 0.2) / 0.8."""
    weights, counted, later = np.array([0.0, 1, 1]), np.array([12.0, 10, 10]), np.array([0.0, 4, 0])
    influence = np.array([1.0, -0.5, -0.5])
    estimate, moved = net_of_later(np.log(0.6), influence, weights, counted, later)
    assert np.exp(estimate) == pytest.approx(0.5)
    # One row counted a little more: the ratio moves by its influence, s by (later - s counted) / 20.
    for row, by_share in enumerate([0.0, 0.1, -0.1]):
        step = 1e-6
        ratio, share = 0.6 * np.exp(step * influence[row]), 0.2 + step * by_share
        assert moved[row] == pytest.approx((np.log((ratio - share) / (1 - share)) - np.log(0.5)) / step, abs=1e-4)
    with pytest.raises(NotEstimable, match="later referrals"):
        net_of_later(np.log(0.15), influence, weights, counted, later)
