"""Staggered adoption: against published numbers, against saturated regressions, and in worlds whose truth is known."""

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from published_panels import castle_panel, county_panel

from pipeline.callaway_santanna import KEYS, mean_of, mean_over, sum_cells_by, treated_cells, widen
from pipeline.errors import InputError
from pipeline.estimates import clustered_error, is_estimated
from pipeline.extended_twfe import fit_untreated, mean_difference, ratio_of_sums
from pipeline.staggered import collapse, only_comparable
from pipeline.staggered_effects import rows_of_callaway_santanna, rows_of_poisson

# R's numbers are typed in with nine digits or more; iterations stop at 1e-9 and clustered factors are the same.
AS_R = dict(rel=2e-6, abs=1e-8)
# R's own Poisson iterations stop by the deviance, which leaves five to six digits of a standard error.
AS_R_POISSON = dict(rel=1e-5)
# Two routes to one least-squares solution.
AS_ALGEBRA = dict(rel=1e-8)
# Ten digits printed by R; absorbed effects stop by their own tolerance.
AS_R_DUMMIES = dict(rel=1e-6)
# What a first year counted in full does instead of the share of it in which the law was in force.
SHARE_OF_A_YEAR = 0.005
PRINTED_FOUR_DIGITS = 0.00006


def first_row(rows_of, data):
    """The row of all treated person-months alike, which comes first."""
    return rows_of("n_contacts", data, "month", 6, 0.95)[0]


def with_error(mean, influence):
    """A mean and its error without a small-sample factor, as R's did has it."""
    return mean, clustered_error(influence, correct=False)


def test_the_published_effect_on_counties_is_reproduced():
    """R: etwfe 0.5.0's own tests, etwfe(lemp ~ lpop, tvar=year, gvar=first.treat, data=mpdta, vcov=~countyreal) |> emfx()."""
    fit = fit_untreated(collapse(county_panel(), "lemp", "half", ["lpop"]), "gaussian")
    assert mean_difference(fit, "gaussian") == pytest.approx((-0.0506270331228907, 0.0124972546529842), **AS_R)


@pytest.mark.parametrize("years, published", [
    (0, (-25.3497484355494, 15.8862762958862)), (1, (1.09175116997388, 40.2952222352926)),
    (2, (-75.1246321552693, 23.1541376499351)), (3, (-101.823979344829, 27.0877431076141)),
])  # fmt: skip
def test_the_published_poisson_effects_by_year_are_reproduced(years, published):
    """R: the same with emp = exp(lemp), family = "poisson", emfx(type = "event")."""
    fit = fit_untreated(collapse(county_panel(), "emp", "half", ["lpop"]))
    in_year = (fit.data.period - fit.data.cohort) // 2 == years
    assert mean_difference(fit, "poisson", in_year) == pytest.approx(published, **AS_R_POISSON)


def test_callaway_and_santanna_on_counties_is_reproduced_cell_by_cell():
    """R: etwfe(lemp ~ 0, ..., cgroup = "never"), whose cells are those of Callaway and Sant'Anna with never-treated controls."""
    published = [-0.0105032462209509, -0.0704231581031381, -0.137258738889396, -0.100811363085397, -0.00459460695286396, -0.041224471546218, -0.0260544107191967]
    data, _ = only_comparable(collapse(county_panel(), "lemp", "half"))
    assert [cell.effect for cell in treated_cells(widen(data), "never")] == pytest.approx(published, **AS_R)


@pytest.mark.parametrize("controls, published", [("never", (-0.039951275155176276, 0.012034012770185353)), ("not_yet", (-0.039763625623043634, 0.012052424787341824))])
def test_callaway_and_santanna_on_counties_adds_up_as_elsewhere(controls, published):
    """diff-diff 3.13.0: CallawaySantAnna(control_group=...).fit(mpdta, "lemp", "countyreal", "year", "first_treat"); R's did prints -0.0400."""
    data, _ = only_comparable(collapse(county_panel(), "lemp", "half"))
    assert with_error(*mean_of(sum_cells_by(widen(data), KEYS["simple"], controls)[0])) == pytest.approx(published, **AS_R)


@pytest.mark.parametrize("by, published", [
    ("event", [(-0.0199, 0.0118), (-0.0510, 0.0169), (-0.1373, 0.0364), (-0.1008, 0.0344), (-0.0772, 0.0200)]),
    ("cohort", [(-0.0797, 0.0264), (-0.0229, 0.0167), (-0.0261, 0.0167), (-0.0310, 0.0124)]),
    ("calendar", [(-0.0105, 0.0233), (-0.0704, 0.0310), (-0.0488, 0.0201), (-0.0371, 0.0137), (-0.0417, 0.0160)]),
])  # fmt: skip
def test_the_aggregations_of_callaway_and_santanna_on_counties_are_reproduced(by, published):
    """diff-diff 3.13.0, aggregate="all"; estimates and overall means also as in the vignette of R's did."""
    data, _ = only_comparable(collapse(county_panel(), "lemp", "half"))
    sums = sum_cells_by(widen(data), KEYS[by], "never")
    found = [with_error(*pair) for pair in (*map(mean_of, sums.values()), mean_over(sums, by))]
    assert found == [pytest.approx(row, abs=PRINTED_FOUR_DIGITS) for row in published]


@pytest.mark.parametrize("weights, by_r", [("exposure_days", (0.0755332449, 0.0331936068)), (None, (0.0693984339, 0.0558596357))])
def test_the_castle_doctrine_regression_is_that_of_r(weights, by_r):
    """R 4.2.2: lm with state and year dummies on the package's own 0/1 column `post` (tests/references/castle.R)."""
    fit = pf.feols("l_homicide ~ is_treated | person_id + year", castle_panel(), vcov={"CRV1": "person_id"}, weights=weights)
    assert (fit.coef()["is_treated"], fit.se()["is_treated"]) == pytest.approx(by_r, **AS_R_DUMMIES)


def test_the_castle_doctrine_regression_is_near_what_was_published():
    """Cheng & Hoekstra (2013), table 5: 0.0801 (0.0342), with the share of the year in which a law began; the package's data say 0 or 1."""
    fit = pf.feols("l_homicide ~ is_treated | person_id + year", castle_panel(), vcov={"CRV1": "person_id"}, weights="exposure_days")
    assert (fit.coef()["is_treated"], fit.se()["is_treated"]) == pytest.approx((0.0801, 0.0342), abs=SHARE_OF_A_YEAR)


def test_three_programs_agree_on_a_poisson_model_with_state_and_year_effects():
    """R 4.2.2: glm with dummies (tests/references/castle.R); statsmodels with dummies; pyfixest with absorbed effects."""
    panel = castle_panel()
    absorbed = pf.fepois("homicide ~ is_treated | person_id + year", panel, vcov={"CRV1": "person_id"}, fixef_tol=1e-12, iwls_tol=1e-14)
    dummies = smf.glm("homicide ~ is_treated + C(person_id) + C(year)", panel, family=sm.families.Poisson()).fit(tol=1e-14, cov_type="cluster", cov_kwds={"groups": panel["person_id"]})
    assert absorbed.coef()["is_treated"] == pytest.approx(0.0404916705, **AS_R_DUMMIES)
    assert dummies.params["is_treated"] == pytest.approx(0.0404916705, **AS_R_DUMMIES)
    # Both multiply by states / (states - 1) and (rows - 1) / (rows - parameters); statsmodels counts the state dummies, nested in the clusters, too.
    n, states, years = len(panel), 50, 11
    assert absorbed.se()["is_treated"] == pytest.approx(dummies.bse["is_treated"] * np.sqrt((n - states - years) / (n - years - 1)), **AS_R_DUMMIES)


def test_weighted_castle_cells_equal_the_saturated_regression():
    panel = castle_panel()
    cells = panel.loc[panel["is_treated"] == 1, ["first", "year"]].drop_duplicates().sort_values(["first", "year"])
    names = []
    for first, year in cells.itertuples(index=False):
        names.append(f"cell_{first:.0f}_{year:.0f}")
        panel[names[-1]] = ((panel["first"] == first) & (panel["year"] == year)).astype(float)
    saturated = pf.feols(f"l_homicide ~ {' + '.join(names)} | first_or_never + year", panel.assign(first_or_never=panel["first"].fillna(0)),
                         vcov={"CRV1": "person_id"}, weights="exposure_days").coef()  # fmt: skip
    fit = fit_untreated(collapse(panel, "l_homicide", "half"), "gaussian")
    for name, (first, year) in zip(names, cells.itertuples(index=False)):
        cell = (fit.data.cohort == first * 2) & (fit.data.period == year * 2)
        assert mean_difference(fit, "gaussian", cell)[0] == pytest.approx(saturated[name], **AS_ALGEBRA)


def rollout(seed, log_irr=-0.3, n=1500, months=24, never=0.0, spread=0.0):
    """A rollout by chance: gamma rates, a calendar that both share, starts from month 6 on, effects that grow by `spread` a month."""
    rng = np.random.default_rng(seed)
    start = np.where(rng.random(n) < never, 10**6, rng.integers(6, months, n))
    since = np.arange(months)[None, :] - start[:, None]
    effect = np.where(since >= 0, log_irr + spread * since, 0.0)
    rates = rng.gamma(0.7, 0.8, n)[:, None] * np.exp(0.3 * np.sin(np.arange(months) / 4))[None, :] * np.exp(effect)
    dates = pd.date_range("2015-01-01", periods=months, freq="MS")
    begun = pd.Series(dates).reindex(np.where(start < months, start, -1)).to_numpy()
    panel = pd.DataFrame({
        "person_id": np.repeat(np.arange(n), months), "month": np.tile(dates, n), "index_month": np.repeat(begun, months),
        "exposure_days": 30.0, "n_contacts": rng.poisson(rates).ravel(),
    })  # fmt: skip
    return panel


def test_poisson_cells_equal_the_saturated_poisson_regression():
    panel = rollout(1, n=300, months=12, never=0.3)
    data = collapse(panel, "n_contacts", "quarter")
    table = pd.DataFrame({"y": data.counted, "person": data.person, "period": data.period, "cohort": np.minimum(data.cohort, 10**6)})
    table["cell"] = np.where(data.is_treated, table["cohort"] * 10**4 + table["period"] % 10**4, 0)
    saturated = pf.fepois("y ~ i(cell, ref=0) | cohort + period", table, vcov={"CRV1": "person"}, fixef_tol=1e-10, iwls_tol=1e-12)
    counterfactual = table.assign(delta=0.0)
    for name, delta in saturated.coef().items():
        cell = int(float(name.split("::")[1].rstrip("]")))
        counterfactual.loc[table["cell"] == cell, "delta"] = delta
    fitted = saturated.predict(type="response")
    treated = table["cell"] != 0
    expected = np.log(table.loc[treated, "y"].sum() / (fitted * np.exp(-counterfactual["delta"]))[treated].sum())
    assert ratio_of_sums(fit_untreated(data))[0] == pytest.approx(expected, abs=1e-6)  # fepois stops by its own tolerance


@pytest.mark.parametrize("estimate", [rows_of_poisson, rows_of_callaway_santanna])
@pytest.mark.parametrize("never", [0.0, 0.4])
def test_a_rollout_without_effect_shows_none_and_one_with_an_effect_shows_it(estimate, never):
    for log_irr in (0.0, -0.5):
        rows = pd.DataFrame([first_row(estimate, collapse(rollout(seed, log_irr, 600, 18, never), "n_contacts", "month")) for seed in range(1, 21)])
        assert is_estimated(rows).all()
        assert ((rows["ci_low"] <= log_irr) & (log_irr <= rows["ci_high"])).sum() >= 16  # of 20, see METHOD


def test_growing_effects_are_not_averaged_with_weights_below_nought():
    """Two-way fixed effects with one dummy take people treated already as controls and miss a growing effect; these do not."""
    panel = rollout(3, log_irr=0.0, n=3000, never=0.1, spread=-0.08)
    data = collapse(panel, "n_contacts", "month")
    table = pd.DataFrame({"y": data.counted, "person": data.person, "period": data.period, "treated": data.is_treated.astype(float)})
    naive = pf.fepois("y ~ treated | person + period", table).coef()["treated"]
    row = first_row(rows_of_poisson, data)
    since = (data.period - data.cohort)[data.is_treated]
    assert row["estimate"] == pytest.approx(np.log(np.exp(-0.08 * since).mean()), abs=0.08)
    assert naive > row["estimate"] + 0.1


def test_people_treated_from_the_first_period_on_are_left_out_and_said_so():
    panel = rollout(4, never=0.2, n=300)
    panel.loc[panel["person_id"] < 10, "index_month"] = pd.Timestamp("2014-06-01")
    for estimate in (rows_of_poisson, rows_of_callaway_santanna):
        row = first_row(estimate, collapse(panel, "n_contacts", "quarter"))
        assert "10 people treated from the first period on left out" in row["status"] and row["n_people"] <= 290


def test_months_observed_weigh_alike_where_a_publication_takes_means_of_monthly_counts():
    """Two treated from March on (counts 2, 2 | 5, 5), two never (1, 1 | 2, 2): 3 more against 1 more is 2 a month, with nobody's days in it."""
    dates = pd.date_range("2015-01-01", periods=4, freq="MS")
    panel = pd.DataFrame({
        "person_id": np.repeat(range(4), 4), "month": np.tile(dates, 4), "exposure_days": np.tile([31, 28, 31, 30], 4),
        "index_month": np.repeat(pd.to_datetime(["2015-03-01", "2015-03-01", None, None]), 4), "n_contacts": [2, 2, 5, 5] * 2 + [1, 1, 2, 2] * 2,
    })  # fmt: skip
    data = collapse(panel, "n_contacts", "month", in_days=False)
    assert mean_of(sum_cells_by(widen(data), KEYS["simple"])[0])[0] == pytest.approx(2.0)
    row = first_row(rows_of_callaway_santanna, data)
    assert row["n_person_months"] == 16 and row["status"].startswith("not estimable: no variation")


def test_missing_months_and_people_who_leave_are_no_hindrance():
    panel = rollout(5, never=0.2)
    panel = panel[(panel["month"] != "2015-09-01") & ((panel["person_id"] % 7 > 0) | (panel["month"] < "2016-06-01"))]
    for estimate in (rows_of_poisson, rows_of_callaway_santanna):
        row = first_row(estimate, collapse(panel, "n_contacts", "month"))
        assert abs(row["estimate"] + 0.3) < 3 * row["std_error"]


@pytest.mark.parametrize("estimate", [rows_of_poisson, rows_of_callaway_santanna])
def test_what_cannot_be_estimated_is_a_flagged_row(estimate):
    panel = rollout(6, n=60, months=12, never=0.5)
    treated = panel["index_month"] <= panel["month"]
    spoilt = {
        "nobody starts": panel.assign(index_month=pd.NaT),
        "everybody starts at once": panel.assign(index_month=pd.Timestamp("2015-06-01")),
        "all were treated before": panel.assign(index_month=pd.Timestamp("2014-01-01")),
        "the treated are silent": panel.assign(n_contacts=panel["n_contacts"].where(~treated, 0)),
        "nobody calls": panel.assign(n_contacts=0),
        "nobody is exposed": panel.assign(exposure_days=0.0),
    }
    for what, frame in spoilt.items():
        row = first_row(estimate, collapse(frame.astype({"index_month": "datetime64[us]"}), "n_contacts", "month"))
        # Where nothing is left of the contacts a ratio has no logarithm, but a difference has a size.
        assert row["status"].startswith("not estimable") or (what == "the treated are silent" and row["att"] < 0), what
        assert np.isnan([row["estimate"], row["std_error"], row["p_value"]]).all(), what


def test_a_panel_that_is_none_is_refused_with_all_its_mistakes():
    panel = rollout(7, n=5, months=8)
    twice = pd.concat([panel, panel.iloc[:1]])
    twice.loc[twice.index[3], "exposure_days"] = np.nan
    with pytest.raises(InputError, match="two rows for one month(.|\n)*exposure_days has missing values"):
        collapse(twice, "n_contacts")
    with pytest.raises(InputError, match="no column n_contacts"):
        collapse(panel.drop(columns="n_contacts"), "n_contacts")
    panel.loc[0, "index_month"] = pd.Timestamp("2020-01-01")
    with pytest.raises(InputError, match="index_month differs between the months of a person"):
        collapse(panel, "n_contacts")
