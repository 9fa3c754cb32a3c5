"""The effect: sums by hand, one library against another, and what a missing arm gives."""

import numpy as np
import pandas as pd
import pyfixest
import pytest
import statsmodels.api as sm
from trial_frames import cohort_row, make_cohort, make_panel, random_trials

from pipeline.claims import claims_table, share_difference
from pipeline.contrasts import OUTCOMES, PRIMARY, assemble_trials, fit_contrast, refit_contrasts, sum_follow_up
from pipeline.effect import complier_interval, complier_inverse, detectable_difference, effect_rows, fit_effects, group_totals, list_persons, log_irr, resample_effects
from pipeline.errors import InputError
from pipeline.model_checks import HEAVIEST, at_least, at_most, control_checks, describe_falsification, influence
from pipeline.naive import claim_figures, naive_rows, sum_before_after
from pipeline.resampling import draw_multiplicities, normal_interval, percentile_interval, refit, refit_together, start_from

# A refit stops below 0.001 standard errors from its optimum; what is left after its last step is far less.
REFIT_TOLERANCE = 1e-4
# Two libraries' optima of one likelihood.
LIBRARY_TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def trials():
    return random_trials()


@pytest.fixture(scope="module")
def fits(trials):
    return fit_effects(trials, (PRIMARY, "n_caller"))


@pytest.fixture(scope="module")
def draws(trials, fits):
    return resample_effects(trials, fits, draw_multiplicities(600, 40, seed=1))


def test_three_clients_counted_by_hand():
    """Ada: 4 before, 0 after. Bea: 3 before, 1 after. Cleo: 3 before, 1 after; 10 before, 2 after, a fall of 80 %."""
    cohort = make_cohort(*[cohort_row(person, in_claim=True) for person in ("ada", "bea", "cleo")])
    panel = make_panel([1, 3, 0, 0], [3, 0, 1, 0], [2, 1, 0, 1], first_month=-2)
    clients = sum_before_after(cohort, panel, 2, OUTCOMES)
    figures = claim_figures(clients).set_index("claim")["reproduced"]
    assert figures["fall in demand"] == pytest.approx(80)
    assert figures["did not call"] == pytest.approx(100 / 3)
    assert figures["called once or twice"] == pytest.approx(200 / 3)
    assert figures["clients"] == 3
    row = naive_rows(clients, np.array([[1, 1, 1], [0, 2, 1], [0, 1, 2.0]]), [PRIMARY], 0.95).iloc[0]
    assert row["estimate"] == pytest.approx(np.log(0.2))
    assert row["std_error"] == pytest.approx(np.std(np.log([2 / 10, 3 / 9, 3 / 9]), ddof=1))


def test_a_fall_from_nothing_is_missing_and_not_a_number():
    cohort = make_cohort(cohort_row("ada", in_claim=True))
    clients = sum_before_after(cohort, make_panel([0, 0], first_month=-1), 1, OUTCOMES)
    assert np.isnan(claim_figures(clients).set_index("claim").loc["fall in demand", "reproduced"])
    assert naive_rows(clients, np.ones((3, 1)), [PRIMARY], 0.95)[["estimate", "std_error", "ci_low"]].isna().all(axis=None)


def test_nobody_in_the_claim_gives_no_rows_and_too_short_a_panel_is_said():
    cohort, panel = make_cohort(cohort_row("ada", in_claim=True)), make_panel([1, 1], first_month=-1)
    assert sum_before_after(cohort.assign(in_claim=False), panel, 1, OUTCOMES).empty
    with pytest.raises(InputError, match="claim.months"):
        sum_before_after(cohort, panel, 2, OUTCOMES)
    with pytest.raises(InputError, match="months_after"):
        sum_follow_up(cohort, panel, 3)


def test_the_complier_effect_by_hand():
    """All referred make 60 + 40 contacts; without referral 125 at an IRR of 0.8; the engaged would have made 125 - 40 = 85."""
    inverse = complier_inverse([60.0], [40.0], np.log(0.8))
    assert np.exp(log_irr(inverse)) == pytest.approx([60 / 85])
    harmless = complier_inverse([60.0], [40.0], np.log(0.8), unengaged_irr=0.9)
    assert np.exp(log_irr(harmless)) == pytest.approx([60 / (125 - 40 / 0.9)])


def test_a_denominator_that_reaches_zero_is_unbounded_and_never_a_number():
    assert log_irr(complier_inverse([10.0], [100.0], 0.2)) == np.inf
    assert np.isnan(complier_inverse([0.0], [100.0], -0.2)).all()
    found = complier_interval(0.5, np.linspace(-0.2, 1.2, 101), 0.95)
    assert found["ci_high"] == np.inf and np.isfinite([found["ci_low"], found["estimate"], found["p_value"]]).all()
    missing = complier_interval(0.5, np.array([0.4, np.nan]), 0.95)
    assert np.isnan([missing["ci_low"], missing["ci_high"], missing["std_error"], missing["p_value"]]).all()


def test_the_contrast_equals_statsmodels_and_pyfixest(trials, fits):
    fit = fits.referral
    frame = pd.DataFrame(trials.design[:, 1:], columns=["x", "x2"]).assign(
        y=trials.outcomes[PRIMARY], treated=trials.is_referred.astype(float), w=fit.weights, log_days=np.log(trials.exposure[PRIMARY]), one=1
    )
    X = sm.add_constant(frame[["x", "x2", "treated"]])
    reference = sm.GLM(frame["y"], X, family=sm.families.Poisson(), offset=frame["log_days"], freq_weights=frame["w"]).fit(tol=1e-12)
    assert fit.coefficients[PRIMARY][-1] == pytest.approx(reference.params["treated"], abs=LIBRARY_TOLERANCE)
    fepois = pyfixest.fepois("y ~ treated + x + x2 | one", frame, weights="w", offset="log_days", vcov="iid")
    assert fit.coefficients[PRIMARY][-1] == pytest.approx(fepois.coef()["treated"], abs=1e-4)


def test_the_contrast_recovers_the_effect_that_an_unadjusted_ratio_hides(trials, fits):
    """Referral follows the covariate that drives contacts: unadjusted, exp(-0.5) looks like no effect or worse."""
    rate = [trials.outcomes[PRIMARY][side].sum() / trials.exposure[PRIMARY][side].sum() for side in (trials.is_referred, ~trials.is_referred)]
    assert np.log(rate[0] / rate[1]) > -0.1
    assert fits.referral.coefficients[PRIMARY][-1] == pytest.approx(-0.5, abs=0.25)


def test_weights_give_the_comparison_the_covariates_of_the_treated(trials, fits):
    compared = fits.referral.weights * ~trials.is_referred
    difference = compared @ trials.design / compared.sum() - trials.design[trials.is_referred].mean(axis=0)
    assert np.abs(difference).max() < 0.05


def test_a_refit_is_as_good_as_fitting_the_resampled_rows_from_scratch(trials, fits, draws):
    for number in range(5):
        rows = np.repeat(np.arange(len(trials.person)), draws.multiplicities[number][trials.person])
        aligned = {name: getattr(trials, name)[rows] for name in ("trial_id", "person", "month", "is_referred", "is_engaged", "design")}
        sums = {name: {PRIMARY: getattr(trials, name)[PRIMARY][rows]} for name in ("outcomes", "exposure")}
        again = fit_contrast(trials._replace(**aligned, **sums), trials.is_referred[rows], [PRIMARY])
        assert draws.referral[PRIMARY][number] == pytest.approx(again.coefficients[PRIMARY][-1], abs=REFIT_TOLERANCE)


def test_drawing_everyone_once_gives_the_full_sample(trials, fits):
    ((weights, deltas),) = refit_contrasts(trials, [fits.referral], np.ones(len(trials.person)))
    assert deltas[PRIMARY] == pytest.approx(fits.referral.coefficients[PRIMARY][-1], abs=REFIT_TOLERANCE)
    assert weights == pytest.approx(fits.referral.weights, abs=1e-3)


def test_draws_do_not_depend_on_the_number_of_processes(trials, fits, draws):
    again = resample_effects(trials, fits, draws.multiplicities, processes=2)
    assert np.array_equal(again.referral[PRIMARY], draws.referral[PRIMARY])
    assert np.array_equal(again.weights, draws.weights)


def test_the_first_draws_stay_when_more_are_made():
    assert np.array_equal(draw_multiplicities(50, 3, seed=1), draw_multiplicities(50, 9, seed=1)[:3])
    assert not np.array_equal(draw_multiplicities(50, 3, seed=1), draw_multiplicities(50, 3, seed=2))


def test_a_resampled_person_moves_with_all_trials():
    """Ada's two trials count twice when she is drawn twice: 2 x (3 + 5) contacts of the engaged in two of two years."""
    cohort = make_cohort(cohort_row("ada", is_engaged=True), cohort_row("ada", is_engaged=True), cohort_row("bea", "not_yet_referred"))
    trials = assemble_trials(cohort, make_panel([3], [5], [1], first_month=0), list_persons(cohort), 1)
    engaged, never = group_totals(trials, PRIMARY, np.array([[2, 1]], np.uint8))
    assert engaged == pytest.approx([16 / 30 * 365.25]) and never == pytest.approx([0])


def test_standard_errors_of_draws_agree_with_clustered_ones(trials, fits):
    """Persons hold two trials each; the sandwich clustered by person takes the weights as known, so it may differ by a quarter."""
    many = resample_effects(trials, fits, draw_multiplicities(600, 150, seed=2))
    X = np.column_stack([trials.design, trials.is_referred])
    model = sm.GLM(trials.outcomes[PRIMARY], X, family=sm.families.Poisson(), offset=np.log(trials.exposure[PRIMARY]), freq_weights=fits.referral.weights)
    clustered = model.fit(cov_type="cluster", cov_kwds={"groups": trials.person})
    assert many.referral[PRIMARY].std() == pytest.approx(clustered.bse[-1], rel=0.25)


def test_every_row_that_the_report_needs_is_there_once(trials, fits, draws):
    rows = effect_rows(trials, fits, draws, [0.9, 1.0, 1.1], 0.95)
    keys = rows.set_index(["outcome", "comparison", "estimator", "estimand"]).index
    assert keys.is_unique
    for key in [
        (PRIMARY, "not_yet_referred", "sequential_trials", "referral"),
        (PRIMARY, "not_yet_referred", "complier", "engaged"),
        (PRIMARY, "not_yet_referred", "complier_unengaged_0.9", "engaged"),
        (PRIMARY, "not_yet_referred", "complier_followed", "engaged"),
        (PRIMARY, "not_yet_referred", "sequential_trials", "never_engaged"),
        (PRIMARY, "not_yet_referred", "sequential_trials", "engaged"),
        (PRIMARY, "never_engaged", "lagged_outcome", "engaged"),
        ("n_caller", "not_yet_referred", "complier", "engaged"),
    ]:
        assert key in keys
    assert (rows["ci_low"] < rows["estimate"]).all() and (rows["estimate"] < rows["ci_high"]).all()


@pytest.mark.parametrize("share_engaged", [0, 1])
def test_nobody_or_everybody_engaged_gives_flagged_rows(share_engaged):
    trials = random_trials(n=600, share_engaged=share_engaged)
    fits = fit_effects(trials, (PRIMARY,))
    rows = effect_rows(trials, fits, resample_effects(trials, fits, draw_multiplicities(300, 20, seed=1)), [1.0], 0.95).set_index(["estimator", "estimand"])
    numbers = rows[["estimate", "std_error", "ci_low", "ci_high", "p_value"]].astype(float)
    assert numbers.loc[("sequential_trials", "referral")].notna().all(axis=None)
    assert numbers.loc[("lagged_outcome", "engaged")].isna().all(axis=None)
    if share_engaged:
        assert numbers.loc[("sequential_trials", "never_engaged")].isna().all(axis=None)
        assert numbers.loc[("complier", "engaged"), "estimate"] == pytest.approx(numbers.loc[("sequential_trials", "referral"), "estimate"])
    else:
        assert numbers.loc[("complier", "engaged")].isna().all(axis=None)


def test_an_arm_without_people_is_said():
    cohort = make_cohort(cohort_row("ada"), cohort_row("bea"))
    with pytest.raises(InputError, match="arm not_yet_referred"):
        assemble_trials(cohort, make_panel([1], [1], first_month=0), list_persons(cohort), 1)


def test_a_secondary_outcome_that_one_arm_never_has_is_missing(trials):
    silent = trials.outcomes | {"n_victim": np.where(trials.is_referred, 0.0, 1.0)}
    changed = trials._replace(outcomes=silent)
    fits = fit_effects(changed, (PRIMARY, "n_victim"))
    rows = effect_rows(changed, fits, resample_effects(changed, fits, draw_multiplicities(600, 20, seed=1)), [1.0], 0.95)
    assert rows.loc[rows["outcome"] == "n_victim", ["estimate", "ci_low", "p_value"]].isna().all(axis=None)


def test_intervals_by_hand():
    draws = np.array([-1.0, 0.0, 1.0])
    found = normal_interval(0.5, draws, 0.95)
    assert found["std_error"] == 1 and found["ci_high"] == pytest.approx(0.5 + 1.959964) and found["p_value"] == pytest.approx(0.617075)
    assert np.isnan(normal_interval(0.5, np.array([0.0, -np.inf]), 0.95)["ci_low"])
    assert percentile_interval(np.arange(101.0), 0.9) == pytest.approx((5, 95))
    assert detectable_difference(0.1) == pytest.approx(0.28)


def test_the_controlled_share_by_hand():
    """Referred: 3 of 4 inside, 2 of 4 engaged. Comparison: weights 1 and 3, the first inside. (75 % - 25 %) / 50 % = 100 points."""
    trials = random_trials(n=6)._replace(is_referred=np.array([1, 1, 1, 1, 0, 0], bool), is_engaged=np.array([1, 1, 0, 0, 0, 0], bool))
    inside, weights = np.array([1, 1, 1, 0, 1, 0], bool), np.array([1, 1, 1, 1, 1.0, 3.0])
    assert share_difference(trials, inside, weights, np.ones(6, np.uint8)) == pytest.approx(1.0)
    assert np.isnan(share_difference(trials._replace(is_engaged=np.zeros(6, bool)), inside, weights, np.ones(6)))


def test_claims_stand_in_the_order_of_the_publication():
    published = pd.DataFrame({"claim": ["fall in demand", "did not call", "clients"], "published": [81, 50, 397]})
    figures = pd.DataFrame({"claim": ["clients", "did not call", "fall in demand"], "reproduced": [390.0, 51.0, 80.0]})
    effects = pd.DataFrame([dict(estimator="complier", outcome=PRIMARY, estimate=np.log(0.6), ci_low=np.log(0.5), ci_high=np.inf)])
    shares = pd.DataFrame([dict(claim="did not call", controlled=9.0, ci_low=4.0, ci_high=14.0)])
    claims = claims_table(figures, published, effects, shares)
    assert claims["claim"].tolist() == ["fall in demand", "did not call", "clients"]
    assert claims["reproduced"].tolist() == [80, 51, 390]
    assert claims.loc[0, ["controlled", "ci_low", "ci_high"]].tolist() == pytest.approx([40, -np.inf, 50])
    assert claims.loc[2, ["controlled", "ci_low", "ci_high"]].isna().all()


def test_a_check_passes_on_its_mark_and_a_missing_value_fails():
    assert at_most("balance", 0.1, 0.1, "")["passed"] and not at_most("balance", 0.11, 0.1, "")["passed"]
    assert at_least("pre-trend", 0.05, 0.05, "")["passed"] and not at_least("pre-trend", float("nan"), 0.05, "")["passed"]


def test_influence_is_what_the_heaviest_move(trials, fits):
    heavy = trials.outcomes[PRIMARY].copy()
    heavy[np.flatnonzero(trials.is_referred)[: 2 * HEAVIEST]] += 200
    changed = trials._replace(outcomes={PRIMARY: heavy})
    assert influence(changed, fit_contrast(changed, trials.is_referred, [PRIMARY])) > 0.5 > 3 * influence(trials, fits.referral)


def test_checks_that_count_people_are_rounded_and_small_ones_hidden():
    checks = pd.DataFrame({"check": ["clusters", "effective comparisons", "balance"], "value": [123.0, 7.4, 0.012], "meaning": ""})
    assert control_checks(checks, 10, 5)["value"].tolist()[::2] == [125, 0.012]
    assert np.isnan(control_checks(checks, 10, 5)["value"][1])


@pytest.mark.parametrize(("family", "heavy"), [("logit", 1), ("poisson", 1), ("poisson", 60)])
def test_models_refitted_together_equal_those_refitted_alone(family, heavy):
    """Four models on one design in single precision; in the last case one row of every twenty weighs sixty times its share in the full sample."""
    rng = np.random.default_rng(7)
    X = np.column_stack([np.ones(800), rng.normal(size=(800, 3))])
    y = rng.poisson(np.exp(X @ [0.2, 0.5, -0.3, 0.1])).astype(float)
    y = np.minimum(y, 1) if family == "logit" else y
    full = refit(family, X, y, np.ones(800), np.zeros(4))
    weights = rng.poisson(1.0, (4, 800)) * np.where(np.arange(800) % 20 == 0, heavy, 1.0)
    together = refit_together(family, X.astype(np.float32), (weights * y).astype(np.float32), weights.astype(np.float32), [start_from(family, X, np.ones(800), full)] * 4)
    alone = np.stack([refit(family, X, y, one, full) for one in weights])
    assert together == pytest.approx(alone, abs=REFIT_TOLERANCE)


def test_a_model_that_does_not_settle_together_is_refitted_alone(monkeypatch):
    monkeypatch.setattr("pipeline.resampling.MOST_STEPS_TOGETHER", 1)
    X, y = np.column_stack([np.ones(4), [0.0, 0.0, 1.0, 1.0]]), np.array([1.0, 3.0, 4.0, 8.0])
    start = start_from("poisson", X, np.ones(4), np.zeros(2))
    assert refit_together("poisson", X, y[None], np.ones((1, 4)), [start])[0] == pytest.approx([np.log(2), np.log(3)], abs=REFIT_TOLERANCE)


def test_a_clear_difference_of_the_never_engaged_is_stated_and_fails_nothing():
    """One sound evaluation in twenty has one, and it speaks about who engages; 0.28 is what an error of 0.1 finds with a power of 80 %."""
    row = describe_falsification(pd.DataFrame([dict(estimand="never_engaged", std_error=0.1, p_value=0.001)]))
    assert row["passed"] and np.isnan(row["pass_mark"]) and row["value"] == 0.001
    assert "below 0.76 or above 1.32" in row["meaning"]
