"""Referrals that can have done nothing must be found to have done nothing, however strong the real scheme is."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from pipeline.audit import assemble
from pipeline.audit_worlds import World, draw_sample
from pipeline.contrasts import PRIMARY, Trials
from pipeline.control_summary import calibrate_estimate, check_controls, freedom_of, share_error, summarise_controls, systematic_error
from pipeline.effect import fit_effects
from pipeline.figures_controls import draw_controls
from pipeline.negative_controls import Pool, chances, deal_referrals, make_pool, run_controls
from pipeline.markdown import read_template
from pipeline.report_negative_controls import control_controls, write_section
from pipeline.wording import list_failures

NUMBER, DRAWS, MINIMUM, CONFIDENCE = 60, 20, 30, 0.95
# Three Monte Carlo errors: a right method misses them in fewer than one of three hundred runs.
CHANCE = 3
# Named before any was run; with one world each, chance failed a right method in one of fifty runs of these tests.
SEEDS_STRONG, SEEDS_NULL, SEED_CONTROLS = (41, 51, 52, 53), (42, 61, 62, 63), 43
# The audit's marks for a valid design hold for controls too. In worlds as small as these a ratio is skewed: 1,200 controls of
# twenty such worlds erred by 0.008 (referral) and 0.03 (engaging) on average and 6.4 % of them were rejected.
LARGEST_BIAS, LARGEST_SIZE = 0.05, 0.08
# A method at the mark has more rejections than this quantile of the binomial in one run of a thousand.
RARE = 0.001
MARKS = SimpleNamespace(negative_control_coverage_at_least=0.90)


def effects_of(estimate=-0.4, std_error=0.1, width=1.959964) -> pd.DataFrame:
    """The two primary rows of `effects`."""
    row = dict(outcome=PRIMARY, comparison="not_yet_referred", estimate=estimate, std_error=std_error, ci_low=estimate - width * std_error, ci_high=estimate + width * std_error, p_value=0.0001)
    return pd.DataFrame([row | dict(estimator="sequential_trials", estimand="referral"), row | dict(estimator="complier", estimand="engaged")])


def controls_in(world: World, seed: int) -> tuple[Trials, pd.DataFrame]:
    """The trials of a drawn world and its negative controls; contacts are spread evenly over the months, which only the correction's share sees."""
    sample = draw_sample(world, seed, comparisons_per_month=100)
    trials, kept = assemble(sample)
    day = sample.cohort.loc[kept, "index_on"].to_numpy("datetime64[D]").astype("int64")
    by_month = np.repeat(trials.outcomes[PRIMARY][:, None] / 12, 12, axis=1)
    return trials, run_controls(trials, day, by_month, NUMBER, SEED_CONTROLS, DRAWS, MINIMUM, CONFIDENCE)


@pytest.fixture(scope="module")
def strong_worlds():
    return [controls_in(World("strong", irr=0.25, n_people=3000, n_referred=600), seed) for seed in SEEDS_STRONG]


@pytest.fixture(scope="module")
def null_worlds():
    return [controls_in(World("null", irr=1.0, n_people=3000, n_referred=600), seed) for seed in SEEDS_NULL]


@pytest.fixture(scope="module")
def strong(strong_worlds):
    return strong_worlds[0]


@pytest.fixture(scope="module")
def null(null_worlds):
    return null_worlds[0]


@pytest.mark.parametrize("worlds", ["strong_worlds", "null_worlds"])
def test_controls_scatter_around_no_effect_and_their_intervals_hold_it(worlds, request):
    controls = pd.concat([some for _, some in request.getfixturevalue(worlds)], ignore_index=True)
    n_rare = binom.ppf(1 - RARE, len(SEEDS_NULL) * NUMBER, LARGEST_SIZE)
    for row in summarise_controls(controls, effects_of(), CONFIDENCE).itertuples():
        assert row.n_estimated == len(SEEDS_NULL) * NUMBER
        assert abs(row.mean_estimate) < LARGEST_BIAS + CHANCE * row.mean_estimate_error
        assert (1 - row.coverage) * row.n_estimated <= n_rare
        assert row.rejected * row.n_estimated <= n_rare


def test_the_real_effect_is_strong_where_the_controls_show_none_of_it(strong):
    trials, controls = strong
    real = fit_effects(trials, (PRIMARY,), with_groups=False).ratios.referral[PRIMARY]
    estimates = controls.loc[controls["estimand"] == "referral", "estimate"]
    # A third of it leaking into the controls would be seen.
    assert real < -3 * CHANCE * estimates.std() / np.sqrt(NUMBER)


def test_without_an_effect_calibrated_p_values_reject_no_more_often_than_they_say(null):
    """Each control in the place of the primary estimate, calibrated by all of them."""
    _, controls = null
    referral = controls[controls["estimand"] == "referral"]
    mean, sd = systematic_error(*(referral[name].to_numpy() for name in ("estimate", "std_error", "df")))
    p_values = [calibrate_estimate(row, mean, sd, CONFIDENCE)["calibrated_p_value"] for _, row in referral.iterrows()]
    assert np.mean(np.array(p_values) < 0.05) < 0.05 + CHANCE * share_error(0.05, NUMBER)


def test_the_same_seed_gives_the_same_controls_on_one_process_and_on_two(null):
    trials, controls = null
    day, by_month = trials.month * 30, np.repeat(trials.outcomes[PRIMARY][:, None] / 12, 12, axis=1)
    one, two = (run_controls(trials, day, by_month, 20, 1, 0, MINIMUM, CONFIDENCE, processes=processes) for processes in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def tiny_pool(chance: list[float]) -> Pool:
    """Person 0 in months 0, 1 and 2, person 1 in months 0 and 2; contacts 2, 2, ... a month over four months, time zeros 30.4375 days apart."""
    month, person = np.array([0, 1, 2, 0, 2]), np.array([0, 0, 0, 1, 1])
    by_month = np.full((5, 4), 2.0)
    sums = {PRIMARY: by_month.sum(axis=1)}
    trials = Trials(np.arange(1, 6), person, month, np.zeros(5, bool), np.zeros(5, bool), np.ones((5, 1)), ["intercept"], sums, {PRIMARY: np.full(5, 120.0)}, {PRIMARY: np.zeros(5)})
    return Pool(trials, np.array(chance), np.round(month * 30.4375), by_month, 1.0)


def test_the_earliest_lot_counts_and_the_person_is_nobodys_comparison_afterwards():
    """Lots for person 0 in months 1 and 2: referred in month 1, compared in month 0, gone in month 2; 3 of 4 months of month 0 follow."""
    world = deal_referrals(tiny_pool([0, 1, 1, 0, 0]), np.random.default_rng(1))
    assert world.trial_id.tolist() == [1, 2, 4, 5]
    assert world.is_referred.tolist() == [False, True, False, False]
    assert world.is_engaged.tolist() == [False, True, False, False]
    np.testing.assert_allclose(world.later[PRIMARY], [6, 0, 0, 0], atol=0.1)


def test_about_as_many_people_are_dealt_a_referral_as_wanted_and_the_likelier_the_stronger_their_trigger():
    trigger, person = np.linspace(-6, 0, 3000), np.repeat(np.arange(1000), 3)
    chance = chances(trigger, person, 200)
    assert (1 - np.multiply.reduceat(1 - chance, np.arange(0, 3000, 3))).sum() == pytest.approx(200, abs=0.01)
    assert (np.diff(chance) > 0).all()


def test_too_few_people_give_a_flagged_row_a_failed_check_and_words(null):
    trials, _ = null
    day, by_month = trials.month * 30, np.zeros((len(trials.month), 12))
    assert make_pool(trials, day, by_month, 10_000) is None
    controls = run_controls(trials, day, by_month, NUMBER, 1, 0, 10_000, CONFIDENCE)
    assert controls["status"].str.startswith("not estimable").all() and not controls["covers"].any()
    summary = summarise_controls(controls, effects_of(), CONFIDENCE)
    assert not check_controls(summary, MARKS).iloc[0]["passed"]
    text = section(controls, summary)
    assert "could not be made" in text and "nan" not in text and "None" not in text
    # A drawing without words is left out of the report.
    assert draw_controls(controls, summary)[1] == ""


def test_what_is_systematic_is_found_and_taken_off():
    """2,000 estimates with errors of 0.1, shifted by 0.2 and scattered by another 0.15: sd of the mean 0.004, of tau about 0.005."""
    rng = np.random.default_rng(44)
    errors = np.full(2000, 0.1)
    mean, sd = systematic_error(0.2 + rng.normal(0, 0.15, 2000) + rng.normal(0, 0.1, 2000), errors, np.full(2000, 1e6))
    assert mean == pytest.approx(0.2, abs=0.015) and sd == pytest.approx(0.15, abs=0.015)
    found = calibrate_estimate(effects_of(0.2, 0.08).iloc[0], 0.2, 0.06, CONFIDENCE)
    # 0.08 and 0.06 make 0.1; 1.96 of it on either side of nought.
    assert found["calibrated_estimate"] == pytest.approx(0) and found["calibrated_std_error"] == pytest.approx(0.1)
    assert found["calibrated_ci_high"] == pytest.approx(0.196, abs=1e-4) and found["calibrated_p_value"] == pytest.approx(1)


def test_chance_alone_leaves_the_estimate_and_its_degrees_of_freedom_as_they_are():
    # The 97.5 % quantile of t with 10 degrees of freedom is 2.2281 in any table.
    row = effects_of(-0.3, 0.1, 2.228139).iloc[0]
    assert freedom_of(row, CONFIDENCE) == pytest.approx(10, abs=1e-3)
    found = calibrate_estimate(row, 0.0, 0.0, CONFIDENCE)
    assert found["calibrated_ci_low"] == pytest.approx(row["ci_low"]) and found["calibrated_ci_high"] == pytest.approx(row["ci_high"])
    unbounded = row.to_dict() | {"ci_high": np.inf}
    assert np.isinf(calibrate_estimate(unbounded, 0.0, 0.0, CONFIDENCE)["calibrated_ci_high"])


def made_up(covers: float) -> pd.DataFrame:
    """100 controls of which a share `covers`."""
    estimate = np.linspace(-0.2, 0.2, 100)
    table = pd.DataFrame({"control": np.arange(1, 101), "estimand": "referral", "estimate": estimate, "std_error": 0.1, "df": 50.0, "ci_low": estimate - 0.2, "ci_high": estimate + 0.2})
    return table.assign(p_value=0.5, covers=np.arange(100) < 100 * covers, n_people=1234, n_referred=3, status="estimated")


def test_a_coverage_below_its_pass_mark_stands_in_the_first_lines_of_the_report():
    none = pd.DataFrame({"passed": pd.Series(dtype=bool), "severity": pd.Series(dtype=str)})
    for covers, failures in ((0.85, 1), (0.95, 0)):
        found = list_failures(check_controls(summarise_controls(made_up(covers), effects_of(), CONFIDENCE), MARKS), none, none)
        assert len(found) == failures
    assert "0.900" in list_failures(check_controls(summarise_controls(made_up(0.85), effects_of(), CONFIDENCE), MARKS), none, none)[0]


def section(controls: pd.DataFrame, summary: pd.DataFrame) -> str:
    tables = control_controls({"negative_controls": controls, "negative_control_summary": summary}, 10, 5)
    parameters = SimpleNamespace(effect=SimpleNamespace(confidence=CONFIDENCE))
    text = write_section(tables, {"negative_controls": "the figure"}, parameters, read_template("negative_controls"))
    return text.replace("\\", "")


def test_the_section_says_what_the_controls_check_and_what_they_protect_from_nothing_of():
    controls = made_up(0.85)
    text = section(controls, summarise_controls(controls, effects_of(), CONFIDENCE))
    assert "no protection against what was not recorded" in text
    assert "85.0% of the intervals hold no effect, where 95% were promised: fewer than promised" in text
    assert "the figure" in text and "nan" not in text


def test_people_in_the_published_controls_are_rounded_or_suppressed():
    published = control_controls({"negative_controls": made_up(0.9), "negative_control_summary": pd.DataFrame()}, 10, 5)["negative_controls"]
    assert set(published["n_people"]) == {1235} and published["n_referred"].isna().all()


def test_the_figure_tells_in_words_what_it_shows():
    controls = made_up(0.9)
    _, alt = draw_controls(controls, summarise_controls(controls, effects_of(), CONFIDENCE))
    assert "100 controls" in alt and "the real estimate is 0.67" in alt
