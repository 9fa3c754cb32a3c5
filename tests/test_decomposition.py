"""The parts of the published fall: they add up in every draw, and the calendar is found where there is one."""

import numpy as np
import pandas as pd
import pytest
from trial_frames import cohort_row, make_cohort, make_panel

from pipeline.decomposition import FACTORS, PARTS, calendar_cells, calendar_factors, decompose, points_over_orders, split_draws, split_fall
from pipeline.register_count import AFTER, BEFORE, add_register_counts, link_by_register

# What adding and subtracting a handful of floats of size 100 may cost.
EXACT = 1e-9


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


def two_clients():
    """20 contacts before and 4 after; a search by the register finds 18 and 3 of them; exposed for half of the year after."""
    return pd.DataFrame({
        "n_contacts_before": [30.0, 10.0], "n_contacts_after": [4.0, 4.0], "exposure_days_before": [360.0, 360.0], "exposure_days_after": [180.0, 180.0],
        BEFORE: [28.0, 8.0], AFTER: [3.0, 3.0],
    })  # fmt: skip


def test_two_clients_by_hand():
    """The search falls from 18 to 3, the links made alike from 20 to 4: 15 = -1 + 16. 8 at full exposure; calendar halves; without the scheme 8 x 1.25 = 10."""
    contacts, points, logs = split_fall(two_clients(), np.array([0.5, 0.5]), 1.25, np.ones(2)).T
    assert contacts == pytest.approx([15, -1, 4, 10, 0, 2])
    assert points == pytest.approx([100 * 15 / 18, 100 * 15 / 18 - 80, 20, 50, 0, 10])
    assert logs == pytest.approx([1, (np.log(6) - np.log(5)) / np.log(6), *(np.log([2, 2, 1, 1.25]) / np.log(6))])


def test_without_a_register_to_search_by_linkage_has_no_part(cells):
    two = two_clients().drop(columns=[BEFORE, AFTER])
    assert split_fall(two, np.array([0.5, 0.5]), 1.25, np.ones(2))[1] == pytest.approx([0, 0, 0])
    table = decompose(two.assign(index_month=pd.Timestamp("2018-04-01")), cells, 1.25, np.ones((20, 2)), np.ones((20, len(cells[2]))), np.full(20, 1.25), 12, 0.95)
    assert table["part"].tolist() == [part for part in PARTS if part != "linkage"] and table["position"].tolist() == [0, 1, 2, 3, 4]


def test_the_parts_add_up_to_the_naive_fall_in_every_draw_in_contacts_points_and_logs(clients, cells):
    rng = np.random.default_rng(1)
    clients = clients.assign(**{BEFORE: clients["n_contacts_before"] - rng.integers(0, 3, 60), AFTER: (clients["n_contacts_after"] - rng.integers(0, 2, 60)).clip(lower=0)})
    often, often_cells = rng.poisson(1, (100, 60)), rng.poisson(1, (100, len(cells[2])))
    drawn = split_draws(clients, cells, often, often_cells, rng.normal(1.5, 0.3, 100), 12)
    assert drawn.shape == (100, len(PARTS), 3) and np.isfinite(drawn).all()
    assert np.abs(drawn[:, 1:].sum(axis=1) - drawn[:, 0]).max() < EXACT


def test_without_a_positive_level_there_is_no_log_share_and_contacts_still_add_up(clients):
    parts = split_fall(clients, np.ones(60), -0.2, np.ones(60))
    assert parts[1:, :2].sum(axis=0) == pytest.approx(parts[0, :2], abs=EXACT)
    assert np.isnan(parts[5, 2]) and points_over_orders(clients, np.ones(60), -0.2)["points_low"].isna().all()


def test_the_table_telescopes_and_its_first_row_is_the_naive_fall(clients, cells):
    rng = np.random.default_rng(2)
    often, often_cells = rng.poisson(1, (30, 60)), rng.poisson(1, (30, len(cells[2])))
    searched = clients.assign(**{BEFORE: clients["n_contacts_before"] * 0.9, AFTER: clients["n_contacts_after"] * 0.8})
    table = decompose(searched, cells, 1.6, often, often_cells, rng.normal(1.6, 0.1, 30), 12, 0.95)
    assert table["part"].tolist() == PARTS and table["position"].tolist() == [0, 1, 2, 3, 4, 5]
    assert table["percentage_points"][0] == pytest.approx(100 * (1 - 0.8 * clients["n_contacts_after"].sum() / (0.9 * clients["n_contacts_before"].sum())))
    for column in ("contacts_per_client", "percentage_points", "log_share"):
        assert table[column][1:].sum() == pytest.approx(table[column][0], abs=EXACT)
    assert (table["ci_low"] <= table["percentage_points"]).all() and (table["percentage_points"] <= table["ci_high"]).all()


def test_the_order_of_the_parts_by_hand():
    """Factors 0.5 (exposure), 0.5 (calendar), 1 (remainder), 0.8 (scheme) from 20 to 4. The scheme takes a fifth of what is left: of 20, of 10, or of 5."""
    found = points_over_orders(two_clients(), np.array([0.5, 0.5]), 1.25).set_index("part")
    assert found.loc[FACTORS[3], ["points_low", "points_high"]].tolist() == pytest.approx([5, 20])
    # First in a third of the orders of the three that matter, second in a third (10 left), last in a third: (20 + 10 + 5) / 3.
    assert found.loc[FACTORS[3], "points_mean"] == pytest.approx(35 / 3)
    assert found["points_mean"].sum() == pytest.approx(80) and found.loc[FACTORS[2], "points_high"] == pytest.approx(0)


def test_a_search_by_the_register_finds_what_matches_the_client_and_nothing_that_only_matches_the_person():
    """Ada is contacts 1 and 2; her register entry has the details of contact 1 only, and weakly those of 3. Contact 4 fits Bea better than Ada."""
    identities = pd.DataFrame({"contact_id": ["1", "2", "3", "4"], "identity_id": [10, 11, 12, 13]})
    pairs = pd.DataFrame({"client_id": ["A", "A", "A", "B"], "identity_id": [10, 12, 13, 13], "match_probability": [0.99, 0.4, 0.95, 0.99]})
    persons = pd.DataFrame({"person_id": ["ada", "bea"], "client_id": ["A", "B"]})
    assert link_by_register(identities, pairs, persons, 0.9).to_numpy().tolist() == [["1", "ada"], ["4", "bea"]]
    alone = pd.DataFrame({"person_id": ["ada"], "n_contacts_before": [1.0]})
    assert add_register_counts(alone, pd.DataFrame(), (identities.iloc[:0], pairs.iloc[:0]), (persons, None, None), None, 0.9, 12) is alone


def test_the_calendar_is_found_apart_from_the_months_around_time_zero(cells):
    """Time zero in April 2020: all months after are halved. In April 2018: none is. The peak in month -1 is no calendar."""
    people = pd.DataFrame({"index_month": pd.to_datetime(["2020-04-01", "2018-04-01"])})
    assert calendar_factors(people, cells, np.ones(len(cells[2])), 12) == pytest.approx([0.5, 1.0], abs=0.01)
