"""Stacked fixed-effects Poisson: equal to statsmodels with dummies, right without a spike, wrong with one, flagged where it cannot be had."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from pipeline.estimates import Label, row_or_flag
from pipeline.stacked_fixed_effects import estimate_fixed_effects, two_periods

LABEL = Label("n_contacts", "not_yet_referred", "fixed_effects", "referral")
# Two programmes that stop by their own rules.
SAME_ESTIMATE = 1e-6


def stacked(seed, n=600, log_irr=-0.5, spike=0.0, months=(-6, 6)):
    """Three index months with their own level; a month of spike before time zero for the referred where said."""
    rng = np.random.default_rng(seed)
    span = np.arange(*months)
    stack, referred = rng.integers(0, 3, n), rng.random(n) < 0.3
    level = np.exp(0.2 * np.sin(stack[:, None] + span[None, :] / 3))
    rate = rng.gamma(0.8, 0.8, n)[:, None] * level
    rate = rate * np.exp(log_irr * referred[:, None] * (span >= 0)) + spike * referred[:, None] * (span == -1)
    days = rng.integers(20, 32, (n, len(span)))
    cohort = pd.DataFrame({
        "trial_id": np.arange(n), "person_id": np.arange(n) // 2, "arm": np.where(referred, "referred", "not_yet_referred"),
        "index_month": pd.to_datetime("2018-01-01") + stack * pd.Timedelta(days=31),
    })  # fmt: skip
    panel = pd.DataFrame({"trial_id": np.repeat(np.arange(n), len(span)), "month": np.tile(span, n), "exposure_days": days.ravel(), "n_contacts": rng.poisson(rate * days / 30).ravel()})
    return cohort, panel


def test_the_estimate_and_its_error_are_those_of_statsmodels_with_dummies():
    periods = two_periods(*stacked(1, n=90), "n_contacts", (-6, -1), (0, 5))
    row = estimate_fixed_effects(LABEL, periods, 0.95)
    active = periods[periods.groupby("trial_id")["counted"].transform("sum") > 0]
    period = active["stack"].astype(str) + active["is_after"].astype(str)
    both = pd.concat([pd.get_dummies(active["trial_id"], dtype=float), pd.get_dummies(period, dtype=float).loc[:, lambda t: t.columns.str.endswith("True")]], axis=1)
    X = np.column_stack([(active["is_referred"] & active["is_after"]).astype(float), both])
    fit = sm.GLM(active["counted"].to_numpy(float), X, family=sm.families.Poisson(), offset=np.log(active["exposure_days"].to_numpy(float))).fit(
        cov_type="cluster", cov_kwds={"groups": active["person_id"].to_numpy(), "use_correction": False}, tol=1e-12, maxiter=200
    )
    people = active["person_id"].nunique()
    assert row["estimate"] == pytest.approx(fit.params[0], abs=SAME_ESTIMATE)
    # pyfixest adds two small-sample factors: people / (people - 1), and one for parameters not nested in people.
    assert row["std_error"] == pytest.approx(fit.bse[0] * np.sqrt(people / (people - 1)), rel=0.03)


def test_two_periods_give_what_the_months_give_when_exposure_is_even():
    import pyfixest as pf

    cohort, panel = stacked(2, n=200)
    panel["exposure_days"] = 30
    months = panel.merge(cohort, on="trial_id", validate="many_to_one")
    months["cell"] = months["index_month"].astype(str) + months["month"].astype(str)
    months["treated"] = ((months["arm"] == "referred") & (months["month"] >= 0)).astype(float)
    expected = pf.fepois("n_contacts ~ treated | trial_id + cell", months, iwls_tol=1e-10).coef()["treated"]
    row = estimate_fixed_effects(LABEL, two_periods(cohort, panel, "n_contacts", (-6, -1), (0, 5)), 0.95)
    assert row["estimate"] == pytest.approx(expected, abs=SAME_ESTIMATE)


def test_without_a_spike_the_truth_is_covered_and_with_one_it_is_not():
    covered = 0
    for seed in range(1, 11):
        row = estimate_fixed_effects(LABEL, two_periods(*stacked(seed), "n_contacts", (-6, -1), (0, 5)), 0.95)
        covered += row["ci_low"] <= -0.5 <= row["ci_high"]
    assert covered >= 7  # of 10
    nothing = estimate_fixed_effects(LABEL, two_periods(*stacked(1, log_irr=0.0, spike=4.0), "n_contacts", (-6, -1), (0, 5)), 0.95)
    assert nothing["ci_high"] < -0.2  # no effect, and a fall that only the spike made


def test_silent_trials_are_counted_in_the_status():
    cohort, panel = stacked(3)
    panel.loc[panel["trial_id"] < 5, "n_contacts"] = 0
    assert "trials without a contact or without a counterpart left out" in estimate_fixed_effects(LABEL, two_periods(cohort, panel, "n_contacts", (-6, -1), (0, 5)), 0.95)["status"]


def test_a_single_index_month_is_no_hindrance():
    cohort, panel = stacked(4)
    one = cohort[cohort["index_month"] == cohort["index_month"].min()]
    assert estimate_fixed_effects(LABEL, two_periods(one, panel, "n_contacts", (-6, -1), (0, 5)), 0.95)["status"].startswith("estimated")


def test_what_cannot_be_estimated_is_a_flagged_row():
    cohort, panel = stacked(5, n=100)
    referred = panel["trial_id"].isin(cohort.loc[cohort["arm"] == "referred", "trial_id"])
    spoilt = {
        "nobody is referred": (cohort.assign(arm="not_yet_referred"), panel),
        "nobody is not yet referred": (cohort.assign(arm="referred"), panel),
        "the referred have no contacts after": (cohort, panel.assign(n_contacts=panel["n_contacts"].where(~(referred & (panel["month"] >= 0)), 0))),
        "have no contacts before": (cohort, panel.assign(n_contacts=panel["n_contacts"].where(panel["month"] >= 0, 0))),
        "nobody is referred in": (cohort, panel.assign(exposure_days=0)),
    }
    for words, (people, months) in spoilt.items():
        row = row_or_flag(LABEL, estimate_fixed_effects, two_periods(people, months, "n_contacts", (-6, -1), (0, 5)), 0.95)
        assert words in row["status"] and np.isnan(row["estimate"]), words
