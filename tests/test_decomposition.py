"""The parts of the published fall: they add up in every draw, and the calendar is found where there is one."""

import numpy as np
import pandas as pd
import pytest
from trial_frames import cohort_row, make_cohort, make_panel

from pipeline.decomposition import PARTS, calendar_cells, calendar_factors, decompose, split_fall


@pytest.fixture(scope="module")
def clients():
    rng = np.random.default_rng(5)
    months = pd.to_datetime(rng.choice(pd.date_range("2017-01-01", "2020-03-01", freq="MS"), 60))
    before = rng.poisson(13, 60).astype(float)
    return pd.DataFrame({
        "index_month": months, "n_contacts_before": before, "n_contacts_after": rng.poisson(2.5, 60).astype(float),
        "exposure_days_before": 365.0, "exposure_days_after": rng.integers(200, 366, 60).astype(float),
    })  # fmt: skip


@pytest.fixture(scope="module")
def cells():
    """Comparison trials of every month, half as many contacts from April 2020 on, month by month the same otherwise."""
    rows = [cohort_row(f"p{number}", "not_yet_referred", index_month=month) for number, month in enumerate(pd.date_range("2016-01-01", "2021-04-01", freq="MS"))]
    cohort = make_cohort(*rows)
    months = [[(20 if month + pd.DateOffset(months=k) < pd.Timestamp("2020-04-01") else 10) * (3 if k == -1 else 1) for k in range(-12, 12)] for month in cohort["index_month"]]
    return calendar_cells(make_panel(*months, first_month=-12), cohort, 12)


def test_two_clients_by_hand():
    """20 contacts before and 4 after, half a year exposed: 8 at full exposure; calendar halves; without the scheme 8 x 1.25 = 10."""
    two = pd.DataFrame({"n_contacts_before": [30.0, 10.0], "n_contacts_after": [4.0, 4.0], "exposure_days_before": [360.0, 360.0], "exposure_days_after": [180.0, 180.0]})
    contacts, points, logs = split_fall(two, np.array([0.5, 0.5]), 1.25, np.ones(2)).T
    assert dict(zip(PARTS, contacts)) == pytest.approx({PARTS[0]: 16, PARTS[1]: 4, PARTS[2]: 10, PARTS[3]: 0, PARTS[4]: 2})
    assert points == pytest.approx(100 * contacts / 20)
    assert logs[[2, 4]] == pytest.approx(np.log([2, 1.25]) / np.log(5))


def test_the_parts_add_up_to_the_naive_fall_in_every_draw(clients, cells):
    rng = np.random.default_rng(1)
    for inverse in (1.8, 0.7, -0.2):
        parts = split_fall(clients, rng.uniform(0.7, 1.1, 60), inverse, rng.poisson(1, 60))
        assert parts[1:, :2].sum(axis=0) == pytest.approx(parts[0, :2])
    assert np.isnan(split_fall(clients, np.ones(60), -0.2, np.ones(60))[4, 2])


def test_the_table_telescopes_and_its_first_row_is_the_naive_fall(clients, cells):
    rng = np.random.default_rng(2)
    often, often_cells = rng.poisson(1, (30, 60)), rng.poisson(1, (30, len(cells[2])))
    table = decompose(clients, cells, 1.6, often, often_cells, rng.normal(1.6, 0.1, 30), 12, 0.95)
    assert table["part"].tolist() == PARTS and table["position"].tolist() == [0, 1, 2, 3, 4]
    assert table["percentage_points"][0] == pytest.approx(100 * (1 - clients["n_contacts_after"].sum() / clients["n_contacts_before"].sum()))
    for column in ("contacts_per_client", "percentage_points", "log_share"):
        assert table[column][1:].sum() == pytest.approx(table[column][0])
    assert (table["ci_low"] <= table["percentage_points"]).all() and (table["percentage_points"] <= table["ci_high"]).all()


def test_the_calendar_is_found_apart_from_the_months_around_time_zero(cells):
    """Time zero in April 2020: all months after are halved. In April 2018: none is. The peak in month -1 is no calendar."""
    people = pd.DataFrame({"index_month": pd.to_datetime(["2020-04-01", "2018-04-01"])})
    assert calendar_factors(people, cells, np.ones(len(cells[2])), 12) == pytest.approx([0.5, 1.0], abs=0.01)
