"""HonestDiD bounds against the example that R's package prints, and what must hold of any bound."""

import numpy as np
import pyfixest as pf
import pytest
from published_panels import medicaid_panel

from pipeline.errors import InputError
from pipeline.honest_bounds import bound_relative_magnitudes, bound_smoothness, last_bound_excluding, truncated_quantile

# R's optimum comes from a grid of standard errors; it prints three significant digits.
R_SMOOTHNESS = 3e-4
# R's grid of effects has steps of 0.0003 here, its critical value 1,000 draws; R itself prints -0.0009 and -0.0011 in two versions.
R_RELATIVE = 6e-4


@pytest.fixture(scope="module")
def medicaid():
    """The event study of HonestDiD's README: coefficients of 2008 to 2012 and 2014, 2015, and their clustered covariance."""
    panel = medicaid_panel()
    names = [f"in_{year}" for year in range(2008, 2016) if year != 2013]
    for name in names:
        panel[name] = panel["is_expanding"] * (panel["year"] == int(name[3:]))
    fit = pf.feols(f"dins ~ {' + '.join(names)} | stfips + year", panel, vcov={"CRV1": "stfips"})
    return fit.coef()[names].to_numpy(), fit._vcov


def excluding(bounds):
    """The bounds with what the stage adds: whether they leave out nought."""
    return bounds.assign(excludes_no_effect=(bounds["ci_low"] > 0) | (bounds["ci_high"] < 0))


def test_rs_smoothness_bounds_are_reproduced(medicaid):
    """HonestDiD::createSensitivityResults(betahat, sigma, 5, 2, Mvec = seq(0, 0.05, 0.01)), as its README prints it."""
    found = bound_smoothness(*medicaid, 5, [0, 0.01, 0.02, 0.03, 0.04, 0.05])
    assert found["ci_low"].tolist() == pytest.approx([0.0259, 0.0132, 0.00286, -0.00714, -0.0171, -0.0271], abs=R_SMOOTHNESS)
    assert found["ci_high"].tolist() == pytest.approx([0.0607, 0.0787, 0.0907, 0.101, 0.111, 0.121], abs=R_SMOOTHNESS)
    assert last_bound_excluding(excluding(found)) == 0.02


def test_rs_relative_magnitudes_bounds_are_reproduced(medicaid):
    """HonestDiD::createSensitivityResults_relativeMagnitudes(betahat, sigma, 5, 2, Mbarvec = seq(0.5, 2, 0.5)), as its README prints it."""
    found = bound_relative_magnitudes(*medicaid, 5, [0.5, 1, 1.5, 2])
    assert found["ci_low"].tolist() == pytest.approx([0.0240, 0.0170, 0.00824, -0.000916], abs=R_RELATIVE)
    assert found["ci_high"].tolist() == pytest.approx([0.0672, 0.0720, 0.0797, 0.0881], abs=R_RELATIVE)
    assert found[["ci_low", "ci_high"]].iloc[3].tolist() == pytest.approx([-0.0011, 0.0883], abs=R_RELATIVE)
    assert last_bound_excluding(excluding(found)) == 1.5


@pytest.mark.parametrize("bound", [bound_smoothness, bound_relative_magnitudes])
def test_weaker_assumptions_never_give_a_shorter_interval(medicaid, bound):
    found = bound(*medicaid, 5, [0, 0.5, 1, 2], weights=[0.5, 0.5])
    assert (np.diff(found["ci_low"]) <= 0).all() and (np.diff(found["ci_high"]) >= 0).all()


def test_a_linear_drift_is_taken_off_under_smoothness_and_bounded_by_relative_magnitudes():
    """Both arms drift apart by 0.1 a period and nothing else happens: no effect, and the moves after equal those before."""
    drift = 0.1 * np.array([-3, -2, -1, 1, 2, 3])
    covariance = 1e-6 * np.eye(6)
    straight = bound_smoothness(drift, covariance, 3, [0.0], weights=np.full(3, 1 / 3)).iloc[0]
    assert straight["ci_low"] < 0.005 and straight["ci_high"] > -0.005 and straight["ci_high"] - straight["ci_low"] < 0.02
    relative = bound_relative_magnitudes(drift, covariance, 3, [0.5, 1.0, 1.1]).set_index("bound")
    assert relative.loc[0.5, "ci_low"] > 0 and relative.loc[1.1, "ci_low"] < 0


def test_bounds_cover_a_true_effect_as_often_as_they_say():
    rng = np.random.default_rng(5)
    covariance = 0.01 * (0.5 * np.eye(6) + 0.5)
    truth, covered = np.array([0, 0, 0, -0.3, -0.3, -0.3]), []
    for _ in range(40):
        drawn = rng.multivariate_normal(truth, covariance)
        for row in (bound_smoothness(drawn, covariance, 3, [0.0]), bound_relative_magnitudes(drawn, covariance, 3, [0.5])):
            covered.append(row["ci_low"][0] <= -0.3 <= row["ci_high"][0])
    assert np.mean(covered[::2]) >= 0.85 and np.mean(covered[1::2]) >= 0.85  # 40 draws of 95 % fall below 34 once in 140


def test_one_period_before_and_after_is_enough():
    found = bound_relative_magnitudes([0.02, -0.4], 0.001 * np.eye(2), 1, [0.0, 1.0])
    assert found["ci_low"][0] < -0.4 < found["ci_high"][0] < 0
    assert bound_smoothness([0.02, -0.4], 0.001 * np.eye(2), 1, [0.0])["ci_high"][0] < 0


def test_what_cannot_be_bounded_is_refused():
    for estimates, n_before in [([0.1, 0.2], 2), ([0.1, 0.2], 0), ([0.1, np.nan], 1)]:
        with pytest.raises(InputError, match="Event study"):
            bound_smoothness(estimates, np.eye(2), n_before, [0.0])
    with pytest.raises(InputError, match="Join months to quarters"):
        bound_relative_magnitudes(np.zeros(24), np.eye(24), 12, [1.0])


def test_quantiles_far_in_the_tail_stay_within_their_limits():
    found = truncated_quantile(0.95, np.array([-np.inf, 8.0, 30.0]), np.array([np.inf, 8.1, 31.0]))
    assert found[0] == pytest.approx(1.6449, abs=1e-4)
    assert 8.0 < found[1] < 8.1 and 30.0 < found[2] < 31.0
