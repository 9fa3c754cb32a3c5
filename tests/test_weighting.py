"""Weights and balance against statsmodels, and in cases small enough to do by hand."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from panel_frames import cohort_of_world, simulated_world

from pipeline.errors import InputError
from pipeline.glm import NotConverged, fit_logit, fit_poisson
from pipeline.weighting import (
    add_weights, balance_table, balance_tables, design_matrix, effective_size, fit_propensity, is_referred, lag_columns, odds_weights, standardised_difference,
)

# Both maximise the same likelihood; what is left is rounding in a matrix of a few hundred rows.
SAME = 1e-8


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(20)
    X = np.column_stack([np.ones(600), rng.normal(size=(600, 4)), rng.poisson(3, 600)])
    eta = X @ [-1.5, 0.5, -0.4, 0.2, 0.0, 0.2]
    return X, (rng.random(600) < 1 / (1 + np.exp(-eta))).astype(float), rng.poisson(np.exp(eta)), rng.uniform(0.2, 1, 600), rng.poisson(1, 600)


@pytest.fixture(scope="module")
def cohort():
    return cohort_of_world(simulated_world()[1])


# Models

def test_the_logit_equals_statsmodels(data):
    X, y, _, _, times = data
    expected = sm.GLM(y, X, family=sm.families.Binomial(), freq_weights=times).fit(tol=1e-14).params
    assert np.abs(fit_logit(X, y, times) - expected).max() < SAME
    assert np.abs(fit_logit(X, y, times, start=expected + 0.3) - expected).max() < SAME


def test_the_poisson_regression_equals_statsmodels(data):
    X, _, counts, exposure, times = data
    weights = times * exposure
    expected = sm.GLM(counts, X, family=sm.families.Poisson(), freq_weights=weights, offset=np.log(exposure)).fit(tol=1e-14).params
    assert np.abs(fit_poisson(X, counts, weights, np.log(exposure)) - expected).max() < SAME
    assert np.abs(fit_poisson(X, counts, weights, np.log(exposure), start=expected - 0.5) - expected).max() < SAME


def test_frequencies_equal_rows_that_are_repeated(data):
    X, y, _, _, times = data
    rows = np.repeat(np.arange(len(y)), times)
    assert np.abs(fit_logit(X, y, times) - fit_logit(X[rows], y[rows])).max() < SAME


def test_arms_that_can_be_told_apart_are_reported_and_not_fitted(data):
    X, *_ = data
    with pytest.raises(NotConverged):
        fit_logit(X, (X[:, 1] > 0).astype(float))


def test_columns_that_depend_on_each_other_are_reported(data):
    X, y, counts, _, _ = data
    doubled = np.column_stack([X, X[:, 1] + X[:, 2]])
    for fit, outcome in [(fit_logit, y), (fit_poisson, counts)]:
        with pytest.raises(NotConverged):
            fit(doubled, outcome)


def test_a_poisson_regression_without_events_is_reported(data):
    with pytest.raises(NotConverged):
        fit_poisson(data[0], np.zeros(600))


# Weights

def test_odds_weights_by_hand():
    # Stratum 0: one referred, four others (odds 1/4 each); stratum 1: two referred, one other (odds 2).
    stratum = np.array([0, 0, 0, 0, 0, 1, 1, 1])
    treated = np.array([1, 0, 0, 0, 0, 1, 1, 0])
    X = np.column_stack([np.ones(8), stratum])
    weights = odds_weights(X, fit_propensity(X, treated), treated, np.zeros(8, int))
    assert weights == pytest.approx([1, 0.25, 0.25, 0.25, 0.25, 1, 1, 2])


def test_in_every_month_the_comparison_weighs_as_much_as_the_referred():
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(200), rng.normal(size=200)])
    treated = (rng.random(200) < 0.3).astype(float)
    month, times = rng.integers(0, 6, 200), rng.poisson(1, 200)
    weights = odds_weights(X, fit_propensity(X, treated, times), treated, month, times) * times
    comparison = np.bincount(month, weights * (1 - treated))
    assert comparison == pytest.approx(np.bincount(month, weights * treated))


def test_a_month_without_referrals_weighs_nothing():
    X = np.ones((4, 1))
    weights = odds_weights(X, np.zeros(1), np.array([1, 0, 0, 0]), np.array([0, 0, 1, 1]))
    assert weights.tolist() == [1, 1, 0, 0]


def test_only_triggered_people_are_weighted(cohort):
    weighted = add_weights(cohort)
    assert weighted.loc[~weighted["is_triggered"], "weight"].isna().all() and (~weighted["is_triggered"]).any()
    assert (weighted.loc[weighted["is_triggered"] & (weighted["arm"] == "referred"), "weight"] == 1).all()
    assert (weighted.loc[weighted["arm"] == "not_yet_referred", "weight"] > 0).all()


def test_the_effective_size_counts_people_and_not_their_trials():
    assert effective_size([1, 1, 1, 1], ["ada", "ben", "cy", "dee"]) == 4
    assert effective_size([1, 1, 1, 1], ["ada", "ada", "ben", "ben"]) == 2
    assert effective_size([3, 1], ["ada", "ben"]) == pytest.approx(1.6)
    assert effective_size([0, 0], ["ada", "ben"]) == 0


def test_trajectories_that_tell_the_arms_apart_are_refused(cohort):
    parted = cohort[cohort["is_triggered"]].assign(n_lag_1_1=lambda table: np.where(table["arm"] == "referred", 5, 0) + table["n_lag_1_1"].clip(upper=1))
    with pytest.raises(InputError, match="tell them apart"):
        add_weights(parted)


# The design matrix

def test_the_design_has_an_intercept_first_and_no_column_that_depends_on_others(cohort):
    X, names = design_matrix(cohort[cohort["is_triggered"]])
    assert names[0] == "intercept" and (X[:, 0] == 1).all()
    assert len(names) == X.shape[1] == len(set(names))
    assert np.linalg.matrix_rank(X / np.linalg.norm(X, axis=0)) == X.shape[1]


def test_the_design_leaves_out_what_does_not_vary(cohort):
    people = cohort[cohort["is_triggered"]].assign(sex="F", n_lag_13_24=0)
    _, names = design_matrix(people)
    assert not [name for name in names if name.startswith(("sex", "log_lag_13"))]


def test_missing_ages_and_sexes_keep_their_people(cohort):
    people = cohort[cohort["is_triggered"]].reset_index(drop=True)
    people.loc[::3, ["age", "sex"]] = None
    X, names = design_matrix(people)
    assert len(X) == len(people) and not np.isnan(X).any()
    assert {"age_missing", "sex_missing"} & set(names)


def test_a_category_held_by_few_of_the_referred_stays_in_the_reference(cohort):
    people = cohort[cohort["is_triggered"]].reset_index(drop=True)
    rare = people.index[people["arm"] == "referred"][:9]
    people.loc[rare, "area"] = "ZZ9"
    _, names = design_matrix(people)
    assert "area_ZZ9" not in names


# Balance

def test_a_standardised_difference_by_hand():
    values, treated = np.array([4.0, 6.0, 1.0, 3.0, np.nan]), np.array([True, True, False, False, False])
    # Means 5 and 2, both variances 2.
    assert standardised_difference(values, treated, np.ones(5)) == pytest.approx(3 / np.sqrt(2))
    # With weights 1 and 3 the comparison's mean is 2.5; the scale stays that before weighting.
    assert standardised_difference(values, treated, np.array([1, 1, 1, 3, 9])) == pytest.approx(2.5 / np.sqrt(2))


def test_weights_balance_the_trajectories(cohort):
    weighted = add_weights(cohort)
    table = balance_tables(weighted, 0.10).query("treated == 'referred' and comparison == 'not_yet_referred'").set_index("covariate")
    lags = [*lag_columns(cohort), "n_recent"]
    assert table.loc[lags, "smd_before"].abs().max() > 0.25
    # A world of this size leaves up to 0.12 (seeds 1 to 6), the demonstration 0.07; before, it is about 0.5.
    assert table.loc[lags, "smd_after"].abs().max() < table.loc[lags, "smd_before"].abs().max() / 3
    # Exact by construction: every month's comparison weighs as much as its referred.
    assert abs(table.loc["index_month", "smd_after"]) < 1e-9


def test_flags_follow_the_pass_mark(cohort):
    people = cohort[cohort["is_triggered"]]
    table = balance_table(people, is_referred(people), np.ones(len(people)), "not_yet_referred", 0.10)
    size = table["smd_after"].abs()
    assert (table["flag"] == np.where(size <= 0.05, "green", np.where(size <= 0.10, "amber", "red"))).all()
    assert table["flag"].nunique() > 1
    assert (table["smd_before"] == table["smd_after"]).all()


def test_engagement_that_cannot_be_modelled_leaves_balance_unknown(cohort):
    weighted = add_weights(cohort)
    everyone = weighted.assign(is_engaged=weighted["arm"] == "referred")
    table = balance_tables(everyone, 0.10).query("comparison == 'never_engaged'")
    assert table["smd_after"].isna().all() and (table["flag"] == "red").all() and (table["n_comparison"] == 0).all()
    assert isinstance(table["n_effective"].iloc[0], float)


def test_balance_has_one_row_per_covariate_and_comparison(cohort):
    table = balance_tables(add_weights(cohort), 0.10)
    assert not table.duplicated(["covariate", "treated", "comparison"]).any()
    assert table.groupby(["treated", "comparison"]).ngroups == 4 and table["overlap"].between(0, 1).all()
    assert table.groupby(["treated", "comparison"])["n_referred"].nunique().eq(1).all()
    assert pd.api.types.is_integer_dtype(table["n_comparison"])
