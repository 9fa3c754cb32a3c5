"""Doubt about the links in the effect: variances against resampling, what is carried where, and what unseen links could do."""

import numpy as np
import pandas as pd
import pytest
from panel_frames import CLAIM, STUDY, panel_settings, simulated_world

from pipeline.cohort import build_cohort
from pipeline.contrasts import PRIMARY, assemble_trials
from pipeline.effect import complier_draws, effect_rows, fit_effects, list_persons, resample_effects
from pipeline.later_referral import FOLLOWED
from pipeline.linkage_uncertainty import CARRIED, carry_linkage, estimate_draws, estimate_effects, pool_linkage, primary_rows
from pipeline.missed_links import ESTIMATE, MEASURED, NEARER_END, bound_missed, loss_to_overturn, losses_to_overturn
from pipeline.panel import build_panel
from pipeline.resampling import draw_multiplicities

# The jackknife takes the odds weights as given, resamples refit them; each also varies by chance at this many resamples.
WITHIN = 0.35
NO_DIFFERENCES = pd.DataFrame(columns=["measure", "contrast", "estimate", "ci_low", "ci_high"])


@pytest.fixture(scope="module")
def analysis():
    """Trials, fits, resamples, effects and tables of a simulated force under true links."""
    _, tables = simulated_world()
    cohort = build_cohort(*[tables[name] for name in ("links", "persons", "person_exits", "contact_facts", "referral_facts")], STUDY, CLAIM, panel_settings())
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], tables["person_exits"], STUDY, 0, 12, 0)
    persons = list_persons(cohort)
    trials = assemble_trials(cohort, panel, persons, 12)
    fits = fit_effects(trials, (PRIMARY,))
    draws = resample_effects(trials, fits, draw_multiplicities(len(persons), 80, 1))
    return trials, fits, draws, effect_rows(trials, fits, draws, [1.0], 0.95), tables


def drawn_tables(tables, n_draws=3, moved=()):
    """Draws in which nobody moves but `moved`, rows of draw, contact_id, person_id."""
    clients = tables["persons"].dropna(subset=["client_id"])[["client_id", "person_id"]]
    client_draws = pd.concat([clients.assign(draw=draw) for draw in range(1, n_draws + 1)], ignore_index=True)
    link_draws = pd.DataFrame(list(moved), columns=["draw", "contact_id", "person_id"])
    return link_draws, client_draws, tables["links"], tables["persons"], tables["person_exits"]


def test_the_jackknife_is_near_the_variance_of_resamples(analysis):
    trials, fits, draws, _, _ = analysis
    found = estimate_effects(trials, fits.referral)
    plain = estimate_effects(trials, fits.referral, is_net=False)
    inverse, inverse_draws = complier_draws(trials, fits, draws)
    assert plain.referral_variance == pytest.approx(draws.referral[FOLLOWED].var(ddof=1), rel=WITHIN)
    assert found.referral_variance == pytest.approx(draws.referral[PRIMARY].var(ddof=1), rel=WITHIN)
    # Taking later referrals off bends the complier effect more than its tangent shows in so small a force.
    assert found.engaged_variance == pytest.approx(inverse_draws.var(ddof=1) / inverse**2, rel=2 * WITHIN)
    assert found.engaged == pytest.approx(-np.log(inverse))


def test_draws_that_move_nobody_leave_estimate_and_interval_alone(analysis):
    trials, fits, draws, effects, tables = analysis
    drawn = estimate_draws(drawn_tables(tables), tables["contact_facts"], tables["referral_facts"], STUDY, CLAIM, panel_settings())
    table = pool_linkage(drawn, trials, fits, draws, effects, 0.95)
    assert table["estimate_pooled"].to_numpy() == pytest.approx(table["estimate_accepted"].to_numpy(), abs=1e-9)
    assert (table["between"] < 1e-12).all() and (table["share_from_linkage"] < 1e-9).all()
    assert table["std_error"].to_numpy() == pytest.approx(table["std_error_without"].to_numpy(), rel=1e-6)
    # However little the links leave in doubt, that doubt never makes an interval narrower.
    assert (table["ci_low"] <= table["ci_low_without"]).all() and (table["ci_high"] >= table["ci_high_without"]).all()


def test_draws_that_move_a_client_widen_the_interval(analysis):
    """In one draw of two the heaviest client loses every contact after referral to a stranger."""
    trials, fits, draws, effects, tables = analysis
    persons = tables["persons"]
    heaviest = persons[persons["client_id"].notna()].nlargest(4, "n_contacts")
    theirs = tables["links"][tables["links"]["person_id"].isin(heaviest["person_id"])].merge(tables["contact_facts"][["contact_id", "received_at"]], on="contact_id", validate="one_to_one")
    late = theirs[theirs["received_at"] >= theirs["received_at"].quantile(0.6)]
    moved = [(1, contact, "a stranger") for contact in late["contact_id"]]
    drawn = estimate_draws(drawn_tables(tables, 2, moved), tables["contact_facts"], tables["referral_facts"], STUDY, CLAIM, panel_settings())
    table = pool_linkage(drawn, trials, fits, draws, effects, 0.95)
    assert (table["share_from_linkage"] > 0.001).all()
    assert (table["ci_high"] - table["ci_low"] > table["ci_high_without"] - table["ci_low_without"]).all()


def test_only_the_primary_rows_carry_linkage(analysis):
    *_, effects, _ = analysis
    rows = [{"estimand": estimand, "total": 1.0, "std_error": 9.0, "ci_low": -9.0, "ci_high": 9.0, "p_value": 0.9} for estimand in CARRIED]
    carried = carry_linkage(effects, pd.DataFrame(rows))
    assert carried["includes_linkage"].sum() == 2
    for estimand, estimator in CARRIED.items():
        row = primary_rows(carried, estimand, estimator).iloc[0]
        assert row["includes_linkage"] and (row["ci_low"], row["ci_high"], row["std_error"]) == (-9, 9, 9)
    pd.testing.assert_frame_equal(carried[~carried["includes_linkage"]].drop(columns="includes_linkage"), effects[~carried["includes_linkage"].to_numpy()])


def test_without_draws_nothing_is_carried(analysis):
    trials, fits, draws, effects, tables = analysis
    nobody = drawn_tables(tables, 1)
    drawn = estimate_draws((nobody[0].iloc[:0], nobody[1].iloc[:0], *nobody[2:]), tables["contact_facts"], tables["referral_facts"], STUDY, CLAIM, panel_settings())
    table = pool_linkage(drawn, trials, fits, draws, effects, 0.95)
    assert table.empty and not carry_linkage(effects, table)["includes_linkage"].any()


def test_the_loss_that_overturns_the_result_by_hand():
    """60 contacts of the engaged and 90 of the never-engaged, 200 without referral: IRR 60 / (200 - 90) = 0.545.

    Were a quarter of both lost, there were 80 and 120 in truth: 80 / (200 - 120) = 1.
    """
    assert loss_to_overturn(60, 90, 200, 0.0) == pytest.approx(0.25)
    assert loss_to_overturn(60, 90, 200, np.log(60 / 110)) == pytest.approx(0)


def test_the_nearer_end_needs_less_than_the_estimate_and_an_interval_that_holds_one_nothing():
    table = losses_to_overturn(60, 90, np.log(150 / 200), np.log(60 / 110), -0.2, NO_DIFFERENCES).set_index("what")["recall_loss"]
    assert table[ESTIMATE] == pytest.approx(0.25) and 0 < table[NEARER_END] < 0.25 and np.isnan(table[MEASURED])
    # The end -0.2 becomes 0 when the estimate moves up by 0.2.
    kept = 1 - table[NEARER_END]
    assert np.log((60 / kept) / (200 - 90 / kept)) == pytest.approx(np.log(60 / 110) + 0.2)
    assert losses_to_overturn(60, 90, np.log(150 / 200), np.log(60 / 110), 0.1, NO_DIFFERENCES).set_index("what")["recall_loss"][NEARER_END] == 0


def test_what_is_measured_stands_beside_it_as_a_loss():
    differences = pd.DataFrame([("found by details alone", "difference in differences", -0.03, -0.05, -0.01)], columns=["measure", "contrast", "estimate", "ci_low", "ci_high"])
    row = losses_to_overturn(60, 90, -0.3, -0.6, -0.2, differences).set_index("what").loc[MEASURED]
    assert tuple(row) == (0.03, 0.01, 0.05)


def test_the_bound_of_missed_links_by_hand():
    """Of four labelled pairs below the floor one is one person's; 100 such pairs, two contacts an identity, arms of 30 and 70 contacts."""
    identities = pd.DataFrame({"identity_id": [f"i{n}" for n in range(50)], "nominal_id": pd.Series(["N1", "N1", "N2", "N3", "N4", "N5", *[None] * 44], dtype="str")})
    scored = pd.DataFrame({"identity_id_l": ["i0", "i0", "i2", "i4", "i0", "i6"], "identity_id_r": ["i1", "i2", "i3", "i5", "i3", "i7"], "match_weight": [-8.0, -8, -9, -9, 3, -8]})
    persons = pd.DataFrame({"client_id": pd.Series(["C1", None], dtype="str"), "n_contacts": [30, 70]})
    table = bound_missed(pd.DataFrame({"n_pairs": [100], "expected_matches": [2.0]}), scored, identities, pd.DataFrame({"contact_id": range(100)}), persons, 0.05)
    assert (table["n_labelled"] == 4).all() and (table["share_same"] == 0.25).all()
    at_most = table["share_same_at_most"].iloc[0]
    assert 0.25 < at_most < 1
    assert table["missed_at_most"].tolist() == pytest.approx([100 * at_most * 2 * 0.3, 100 * at_most * 2 * 0.7])
    assert table["log_shift_at_most"].tolist() == pytest.approx([np.log(1 + 2 * at_most), -np.log(1 + 2 * at_most)])
