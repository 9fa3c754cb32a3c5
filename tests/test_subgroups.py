"""Groups named beforehand: a difference that is there is found, one that is not is not, and small groups are flagged."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.oneway import anova_generic
from trial_frames import cohort_row, make_cohort, make_panel

from pipeline.contrasts import PRIMARY, assemble_trials
from pipeline.effect import fit_effects, list_persons, resample_effects, void_fit
from pipeline.detectable_effects import check_pre_trend_power, find_detectable
from pipeline.event_blocks import bounds_table
from pipeline.event_study import study_months
from pipeline.influence import degrees_of_freedom, net_influence
from pipeline.resampling import draw_multiplicities
from pipeline.safety import estimate_safety
from pipeline.score_bootstrap import score_table
from pipeline.subgroups import Moved, control_subgroups, correct_tests, equality_test, estimate_subgroups, in_bands

PLAN = SimpleNamespace(tried=["primary_need", "referral_source", "prior_demand", "age", "sex", "pandemic"], people_at_least=30, ages_from=[35, 50], contacts_from=[2, 4], pandemic_from="2018-03-15")


def world(by_need, n=900, seed=6, share_later=0.0):
    """A cohort in which being referred multiplies contacts by `by_need[need]`; needs and contacts before dealt at random, ages beside them."""
    rng = np.random.default_rng(seed)
    rows, counts = [], []
    for number in range(n):
        referred = bool(rng.random() < 0.4)
        need, before = list(by_need)[rng.integers(len(by_need))], int(rng.integers(1, 5))
        rows.append(cohort_row(
            f"p{number:04}", "referred" if referred else "not_yet_referred", is_engaged=referred and rng.random() < 0.5, n_lag_1_1=before, n_recent=before, age=float(rng.integers(20, 70)),
            sex="F" if rng.random() < 0.5 else "M", primary_need=need if referred else None, referral_source="self" if referred else None, index_on=pd.Timestamp("2018-03-10") + pd.Timedelta(days=int(rng.integers(0, 12))),
        ))  # fmt: skip
        counts.append(rng.poisson(before * (by_need[need] if referred else 1.0), 2).tolist())
    cohort = make_cohort(*rows)
    panel = make_panel(*counts, first_month=0)
    panel[f"{PRIMARY}_later"] = (panel[PRIMARY] * share_later * panel["trial_id"].map(cohort.set_index("trial_id")["arm"]).eq("not_yet_referred")).to_numpy()
    trials = assemble_trials(cohort, panel, list_persons(cohort), 2)
    return cohort, trials, fit_effects(trials, (PRIMARY,), with_groups=False)


def test_a_difference_between_needs_is_found_and_none_is_found_where_the_others_are_alike():
    cohort, trials, fits = world({"loneliness": 1.0, "offending": 0.4})
    found = estimate_subgroups(cohort, trials, fits, PLAN, 0.95)
    needs = found[found["characteristic"].eq("primary_need")].set_index("level")
    assert (needs.loc["loneliness", ["ci_low", "ci_high"]].tolist()[0] < 0 < needs.loc["loneliness", "ci_high"]) and needs.loc["offending", "ci_low"] < np.log(0.4) < needs.loc["offending", "ci_high"]
    assert needs["p_corrected"].iloc[0] < 0.01
    assert (found.loc[found["characteristic"].isin(["sex", "age", "pandemic"]), "p_corrected"] > 0.05).all()


def test_everyone_is_the_primary_estimate_and_groups_are_net_of_later_referrals_too():
    """A fifth of the comparison's contacts is later: the plain ratio R becomes (R - 0.2) / 0.8 for everyone, R / (0.8 + 0.2 / theta) in a group."""
    cohort, trials, fits = world({"loneliness": 0.6, "offending": 0.6}, share_later=0.2)
    found = estimate_subgroups(cohort, trials, fits, PLAN, 0.95).set_index("level")
    estimate, _ = net_influence(trials, fits.referral, int(trials.person.max()) + 1)
    assert found.loc["everyone", "estimate"] == pytest.approx(estimate)
    plain = estimate_subgroups(cohort, trials, fits._replace(is_net=False), PLAN, 0.95).set_index("level")
    assert plain.loc["everyone", "estimate"] == pytest.approx(fits.referral.coefficients[PRIMARY][-1])
    taken_off = np.log(0.8 + 0.2 * np.exp(-estimate))
    assert found.loc["loneliness", "estimate"] == pytest.approx(plain.loc["loneliness", "estimate"] - taken_off)


def test_a_small_group_is_a_row_that_says_so_and_takes_no_part_in_the_test():
    cohort, trials, fits = world({"loneliness": 0.6}, n=400)
    first = cohort.index[cohort["arm"].eq("referred")][:5]
    cohort.loc[first, "primary_need"] = "bereavement"
    found = estimate_subgroups(cohort, trials, fits, PLAN, 0.95).set_index("level")
    assert np.isnan(found.loc["bereavement", "estimate"]) and "fewer than 30 people" in found.loc["bereavement", "status"]
    assert np.isnan(found.loc["bereavement", "p_interaction"])
    controlled = control_subgroups(found.reset_index(), 10, 5).set_index("level")
    assert pd.isna(controlled.loc["bereavement", "n_referred"]) and pd.isna(controlled.loc["loneliness", "n_referred"])


def test_what_nothing_is_known_of_has_no_rows():
    cohort, trials, fits = world({"loneliness": 0.6}, n=300)
    bare = cohort.assign(primary_need=None, referral_source=None, age=np.nan)
    assert not set(estimate_subgroups(bare, trials, fits, PLAN, 0.95)["characteristic"]) & {"primary_need", "referral_source", "age"}


def test_bands_begin_where_they_say():
    bands = in_bands(pd.Series([34.0, 35.0, 49.0, 50.0, np.nan]), [35, 50], "years")
    assert bands.tolist()[:4] == ["under 35 years", "35 to 49 years", "35 to 49 years", "50 years and more"] and pd.isna(bands[4])


def test_holm_over_characteristics_by_hand():
    """0.01 of three, then 0.03 of the two left, then the largest; what could not be tested does not count."""
    assert correct_tests({"age": 0.03, "sex": 0.5, "need": 0.01, "source": float("nan")}) == pytest.approx({"age": 0.06, "sex": 0.5, "need": 0.03})


def test_where_nobody_can_be_compared_every_table_is_there_and_flagged():
    """Ages tell the arms apart completely: no weights, no coefficients, and no table that stops the stage or holds a number."""
    rows = [cohort_row(f"p{number:03}", arm, age=age, primary_need="offending", referral_source="self") for number in range(40) for arm, age in [("referred" if number % 2 else "not_yet_referred", 20.0 + 40 * (number % 2))]]
    cohort, panel = make_cohort(*rows), make_panel(*[[1, 2, 1, 1, 2]] * 40, first_month=-4)
    trials = assemble_trials(cohort, panel, list_persons(cohort), 1)
    fits = fit_effects(trials, (PRIMARY,))
    assert np.isnan(fits.referral.coefficients[PRIMARY]).all() and np.isnan(void_fit(trials, [PRIMARY]).propensity).all()
    draws = resample_effects(trials, fits, draw_multiplicities(40, 20, 1))
    plan = SimpleNamespace(**{**vars(PLAN), "people_at_least": 10})
    found = estimate_subgroups(cohort.assign(sex=["F", "F", "M", "M"] * 10), trials, fits, plan, 0.95)
    assert found["estimate"].isna().all() and found["status"].str.startswith("not estim").all()
    counts = pd.DataFrame({"trial_id": trials.trial_id, "outcome": "n_missing", "n": 1, "n_later": 0})
    assert estimate_safety(trials, fits, counts, ["n_missing"], 0.95)["estimate"].isna().all()
    chosen = SimpleNamespace(score_deals=99, few_people=30, block_months=1, relative_magnitudes=[0.5], smoothness=[0.1])
    missing = dict.fromkeys(["std_error", "p_value", "ci_low", "ci_high"], np.nan)
    assert score_table(trials, fits, missing, chosen, 1, 0.95)[["p_value", "ci_low", "ci_high"]].isna().all(axis=None)
    assert bounds_table(panel, trials, fits.referral, draws, chosen, 1, 0.95)["status"].str.startswith("not estimable").all()
    assert find_detectable(trials, fits, draws)["ratio_below"].isna().all()
    assert check_pre_trend_power(study_months(panel, trials, fits.referral, draws, 1, 1, 0.95)[1], 1, 1, 0.05)["value"].isna().all()


def levels_of_nothing(rng, sizes):
    """Means of normal draws whose true mean is the same, each with what its people contribute; levels share nobody."""
    n, start, found = sum(sizes), 0, []
    for size in sizes:
        draws, moved = rng.standard_normal(size), np.zeros(n)
        moved[start : start + size] = (draws - draws.mean()) / size
        found.append(Moved(draws.mean(), moved, "estimated"))
        start += size
    return found


def test_the_test_of_equality_is_welchs_where_levels_share_nobody():
    """statsmodels gives Welch's test from means, variances and numbers; a level of df + 1 people has the degrees of freedom df."""
    found = levels_of_nothing(np.random.default_rng(5), [12, 30, 60])
    sizes = np.array([degrees_of_freedom(one.influence) + 1 for one in found])
    variances = sizes * [one.influence @ one.influence for one in found]
    expected = anova_generic(np.array([one.estimate for one in found]), variances, sizes, use_var="unequal").pvalue
    assert equality_test(found) == pytest.approx(expected, rel=1e-9)


# Of 1,000 deals at 5 %. Chi-square rejects 150 of these and the corrected test 90: what people contribute takes the variance of a level of twelve for a twelfth too small.
MOST_REJECTED = 110


def test_small_levels_do_not_differ_too_readily():
    """Eight levels of 12 to 40 people without any difference; seed 8 named beforehand."""
    rng = np.random.default_rng(8)
    p_values = [equality_test(levels_of_nothing(rng, [40, 30, 20, 15, 12, 12, 12, 12])) for _ in range(1000)]
    assert np.mean(np.array(p_values) < 0.05) * 1000 <= MOST_REJECTED
