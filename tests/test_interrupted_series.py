"""Interrupted time series against the published tutorial, and what it cannot see."""

import numpy as np
import pandas as pd
import pytest
from panel_frames import contact_tables

from pipeline.estimates import Label, NotEstimable, row_or_flag
from pipeline.interrupted_series import UNABLE_TO_REMOVE, count_months, estimate_series, fit_series, series_rows

LABEL = Label("n_contacts", "none", "interrupted_series", "scheme_level")
# The tutorial prints three decimals.
PRINTED = 0.0006

# Acute coronary events in Sicily among people aged 0 to 69, January 2002 to November 2006, and the population standardised
# for age (Barone-Adesi et al. 2011), as published with Lopez Bernal, Cummins & Gasparrini (2017). Smoking was banned in January 2005.
EVENTS = [
    728, 659, 791, 734, 757, 726, 760, 740, 720, 814, 795, 858, 887, 766, 851, 769, 781, 756, 766, 752, 765, 831, 879, 928, 914, 808, 937, 840, 916, 828,
    845, 818, 860, 839, 887, 886, 831, 796, 833, 820, 877, 758, 767, 738, 781, 843, 850, 908, 1021, 859, 976, 888, 962, 838, 810, 876, 843, 936, 912,
]  # fmt: skip
POPULATION = [
    379875.3, 376495.5, 377040.8, 377116.4, 377383.4, 374113.1, 379513.3, 376295.5, 374653.2, 378485.6, 375955.5, 378349.7, 376762.4, 379032.3, 379360.4,
    376162.0, 377972.4, 381830.7, 379888.6, 380872.2, 380966.9, 381240.4, 382104.9, 381802.7, 381656.3, 383680.0, 383504.2, 386462.9, 383783.1, 380836.8,
    383483.0, 380906.2, 382926.8, 384052.4, 384449.6, 383428.4, 388153.2, 388373.2, 386470.1, 386033.2, 383686.4, 385509.3, 385901.9, 386516.6, 388436.5,
    383255.2, 390148.7, 385874.9, 391613.6, 391750.4, 394005.6, 391364.9, 391664.6, 389022.3, 391878.5, 388575.3, 392989.0, 390018.8, 390712.3,
]  # fmt: skip
BAN = pd.Timestamp("2005-01-01")


def sicily():
    return pd.DataFrame({"month": pd.date_range("2002-01-01", periods=59, freq="MS"), "counted": EVENTS, "exposure": POPULATION})


@pytest.mark.parametrize("harmonics, published", [(0, 0.894), (2, 0.885)])
def test_the_published_step_after_the_smoking_ban_is_reproduced(harmonics, published):
    fit = fit_series(sicily(), BAN, harmonics, with_slope=False)
    assert np.exp(fit.params["step"]) == pytest.approx(published, abs=PRINTED)


def test_without_a_slope_the_ratio_of_sums_is_the_step():
    row = estimate_series(LABEL, sicily(), BAN, 1000, 0.95, with_slope=False)
    fit = fit_series(sicily(), BAN, with_slope=False)
    assert row["estimate"] == pytest.approx(fit.params["step"])
    assert row["std_error"] == pytest.approx(fit.bse["step"])
    assert row["status"].endswith(UNABLE_TO_REMOVE)


def test_people_taken_at_their_worst_look_helped_by_nothing():
    """A null world of 400 people, each followed around the month of their spike; the series falls and the design says so."""
    rng = np.random.default_rng(2)
    months = pd.date_range("2015-01-01", periods=48, freq="MS")
    counts = rng.poisson(rng.gamma(0.5, 2.0, 5000)[:, None] * np.ones(48))
    worst = counts[np.argsort(-counts[:, 21:24].sum(axis=1))[:400]].sum(axis=0)
    row = estimate_series(LABEL, pd.DataFrame({"month": months, "counted": worst, "exposure": 400.0}), months[24], 400, 0.95)
    assert row["ci_high"] < 0 and "cannot remove regression to the mean" in row["status"]


def test_missing_months_are_no_hindrance_and_a_silent_side_is_flagged():
    series = sicily().drop(index=[5, 20, 50])
    assert abs(estimate_series(LABEL, series, BAN, 10, 0.95, with_slope=False)["estimate"] + 0.12) < 0.03
    silent = sicily().assign(counted=lambda table: table["counted"].where(table["month"] < BAN, 0))
    row = row_or_flag(LABEL, estimate_series, silent, BAN, 10, 0.95)
    assert row["status"].startswith("not estimable") and np.isnan(row["estimate"])


def test_too_short_a_series_is_flagged():
    with pytest.raises(NotEstimable, match="8 months are needed"):
        fit_series(sicily().head(40), BAN)


def test_clients_months_are_counted_by_hand():
    """Ada calls twice in February and Bea once in March 2020; Cleo is no client. Three whole months of 31, 29 and 31 days."""
    links, facts = contact_tables(("ada", "2020-02-03"), ("ada", "2020-02-04"), ("bea", "2020-03-31"), ("cleo", "2020-03-01"))
    months = count_months(links, facts, pd.Series(["ada", "bea"]), "2020-01-01", "2020-03-31")
    assert months["counted"].tolist() == [0, 2, 1] and months["exposure"].tolist() == [62, 58, 62]
    row = series_rows(links, facts, pd.Series(["ada", "bea"]), "2020-01-01", "2020-03-31", "2020-03-01", 0.95).iloc[0]
    assert "8 months are needed" in row["status"] and row["n_counted"] == 1


def test_a_ready_panel_has_no_calendar_contacts_and_the_row_says_so():
    links, facts = contact_tables(("ada", "2020-02-03"))
    row = series_rows(links.head(0), facts.head(0), pd.Series(["ada"]), "2018-01-01", "2020-12-31", "2019-06-01", 0.95).iloc[0]
    assert "not at hand" in row["status"] and np.isnan(row["estimate"])
