"""A rollout panel of another kind (numbered periods, everybody treated in the end, rare counts) through forms, estimates and the whole run."""

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from published_panels import county_panel

from pipeline.callaway_santanna import KEYS, mean_of, sum_cells_by, widen
from pipeline.efficient_rollout import balance_rollout, cells_of, estimate_rollout, weigh_cells
from pipeline.errors import InputError
from pipeline.panel_forms import sort_forms
from pipeline.report_staggered import control_staggered, write_first, write_section
from pipeline.staggered import collapse, only_comparable
from pipeline.staggered_effects import choose_unit, estimate_staggered

STUDY = SimpleNamespace(contacts_from="2011-01-01", contacts_to="2016-12-31")
SETTINGS = SimpleNamespace(unit="auto", people_per_start=10, block_months=6)
# R prints ten digits.
AS_PRINTED = dict(abs=1e-9)
# The same means by another route.
AS_ALGEBRA = dict(rel=1e-9)
# Ratio put into the simulated rollout, and how far an estimate with a standard error near 0.05 may lie from it.
TRUE_RATIO, WITHIN = 0.6, 0.2


def officers(n=600, seed=3, last=40, months=48, ratio=TRUE_RATIO):
    """Everybody is treated between period 13 and `last` of `months`, at random; `complaints` are rare. One row per officer and period."""
    rng = np.random.default_rng(seed)
    start = rng.integers(13, last + 1, n)
    rate = rng.gamma(1.0, 0.2, n)[:, None] * (1 + 0.2 * np.sin(np.arange(months) / 6))
    counts = rng.poisson(rate * np.where(np.arange(1, months + 1)[None, :] >= start[:, None], ratio, 1.0))
    return pd.DataFrame({
        "uid": np.repeat(np.arange(1, n + 1), months).astype(str), "period": np.tile(np.arange(1, months + 1), n).astype(str),
        "first_trained": np.repeat(start, months).astype(str), "complaints": counts.ravel().astype(float),
    })  # fmt: skip


def as_panel(rows):
    return rows.rename(columns={"uid": "person_id", "period": "month", "first_trained": "index_month"})


def calendar_of(rows):
    return sort_forms(as_panel(rows), ["complaints"], [], "2011-01")[1]


def simple_rows(found):
    return found[found["aggregation"].eq("simple")].set_index("estimator")


def test_numbered_periods_are_calendar_months_once_somebody_says_which_month_is_the_first():
    rows = officers(n=4, months=24, last=20)
    with pytest.raises(InputError, match="extracts.first_month, which calendar month number 1 is"):
        sort_forms(as_panel(rows), ["complaints"], [], "")
    ready, calendar = sort_forms(as_panel(rows), ["complaints"], [], "2011-01")
    assert ready.empty and calendar["month"].min() == pd.Timestamp("2011-01-01") and calendar["month"].max() == pd.Timestamp("2012-12-01")
    started = calendar.drop_duplicates("person_id").set_index("person_id")["index_month"]
    first = rows.drop_duplicates("uid").set_index("uid")["first_trained"].astype(int)
    assert ((started.dt.year - 2011) * 12 + started.dt.month == first.reindex(started.index)).all()


@pytest.mark.parametrize("never", [None, "0", "0.0", "Inf", "inf", "NA", "999", "25", "-1"])
def test_never_may_be_a_blank_nought_infinity_or_a_number_beyond_the_panel(never):
    rows = officers(n=4, months=24, last=20)
    rows.loc[rows["uid"] == "2", "first_trained"] = never
    calendar = calendar_of(rows)
    arms = calendar.drop_duplicates("person_id").set_index("person_id")["arm"]
    assert arms["2"] == "not_yet_referred" and (arms.drop("2") == "referred").all()
    assert calendar.loc[calendar["person_id"] == "2", "index_month"].isna().all()


def test_a_month_may_be_written_as_a_year_with_its_month():
    rows = officers(n=3, months=24, last=20)
    written = as_panel(rows).assign(
        month=lambda table: [f"{2011 + (int(one) - 1) // 12}{(int(one) - 1) % 12 + 1:02}" for one in table["month"]],
        index_month=lambda table: [f"{2011 + (int(one) - 1) // 12}{(int(one) - 1) % 12 + 1:02}.0" if person != "1" else "Inf" for one, person in zip(table["index_month"], table["person_id"])],
    )  # fmt: skip
    expected = calendar_of(rows.assign(first_trained=rows["first_trained"].where(rows["uid"] != "1", "Inf")))
    pd.testing.assert_frame_equal(sort_forms(written, ["complaints"], [])[1], expected)


def test_months_from_time_zero_are_still_told_from_periods_by_the_calendar_month_of_the_start():
    panel = pd.DataFrame({"person_id": "a", "arm": "referred", "index_month": "2017-03", "month": ["-1", "0", "1"], "n_contacts": [1.0, 0, 2]})
    ready, calendar = sort_forms(panel, [], [])
    assert ready["month"].tolist() == [-1, 0, 1] and calendar.empty


@pytest.mark.parametrize("by, plain, efficient", [
    ("simple", (-0.0397636256, 0.0118272142), (-0.0470539142, 0.0116138788)), ("cohort", (-0.0304622281, 0.0125590491), (-0.0298479506, 0.0125571289)),
    ("calendar", (-0.0442670835, 0.0157172229), (-0.0579882830, 0.0144374235)),
])  # fmt: skip
def test_the_efficient_estimator_gives_what_r_gives_on_counties(by, plain, efficient):
    """R: staggered 1.2.2, staggered(mpdta, i = "countyreal", t = "year", g = first.treat or Inf, y = "lemp", estimand = by), se_neyman; beta = 1 is staggered_cs."""
    rollout, note = balance_rollout(widen(only_comparable(collapse(county_panel(), "lemp", "half"))[0]))
    cells = cells_of(rollout)
    weights = weigh_cells(rollout, cells, by)
    assert note == ""
    assert estimate_rollout(rollout, cells, weights, 1.0)[:2] == pytest.approx(plain, **AS_PRINTED)
    assert estimate_rollout(rollout, cells, weights)[:2] == pytest.approx(efficient, **AS_PRINTED)


def test_with_beta_one_the_efficient_estimator_is_callaway_and_santanna_where_everybody_is_treated_in_the_end():
    data, note = only_comparable(collapse(calendar_of(officers(n=200)), "n_contacts", "month", in_days=False))
    assert note == "9 periods without anybody untreated left out"
    wide = widen(data)
    rollout, _ = balance_rollout(wide)
    cells = cells_of(rollout)
    assert estimate_rollout(rollout, cells, weigh_cells(rollout, cells, "simple"), 1.0)[0] == pytest.approx(mean_of(sum_cells_by(wide, KEYS["simple"])[0])[0], **AS_ALGEBRA)


def test_a_mean_effect_by_hand():
    """Two start in period 3 (counts 1, 1, 4, 4), two in period 4 (1, 2, 2, 9): in period 3 they rise by 3 and the others by 0, so 3 a month; period 4 has no control."""
    rows = pd.DataFrame({"uid": np.repeat(list("abcd"), 4), "period": list("1234") * 4, "first_trained": ["3"] * 8 + ["4"] * 8, "complaints": [1.0, 1, 4, 4] * 2 + [1.0, 2, 2, 9] * 2})
    settings = SimpleNamespace(unit="month", people_per_start=1, block_months=6)
    found = estimate_staggered(calendar_of(rows), STUDY, settings, 0.95)
    row = found[found["estimator"].eq("callaway_santanna") & found["aggregation"].eq("simple")]
    assert row["status"].item() == "not estimable: no variation between people"  # two alike say nothing of chance, so there is no interval
    data, _ = only_comparable(collapse(calendar_of(rows), "n_contacts", "month", in_days=False))
    assert mean_of(sum_cells_by(widen(data), KEYS["simple"])[0])[0] == pytest.approx(3.0)


def test_a_rollout_that_ends_with_everybody_treated_shows_the_effect_put_into_it_on_both_scales():
    calendar = calendar_of(officers())
    found = estimate_staggered(calendar, STUDY, SETTINGS, 0.95)
    simple = simple_rows(found)
    rows = simple.loc[["extended_twfe", "callaway_santanna", "efficient_rollout"]]
    assert rows["status"].str.startswith("estimated; 9 periods without anybody untreated left out").all()
    assert rows["estimate"].iloc[0] == pytest.approx(np.log(TRUE_RATIO), abs=WITHIN)
    # A mean rate of 0.2 a month times the season of the months from the start to the last one with somebody untreated.
    months = [np.arange(start, 40) for start in officers().drop_duplicates("uid")["first_trained"].astype(int)]
    expected = 0.2 * (TRUE_RATIO - 1) * (1 + 0.2 * np.sin((np.concatenate(months) - 1) / 6).mean())
    assert (rows["att"] - expected).abs().max() < 0.04 and (rows["att_ci_low"] < expected).all() and (expected < rows["att_ci_high"]).all()
    assert rows["att_std_error"].iloc[2] < rows["att_std_error"].iloc[1]
    assert found.loc[found["aggregation"].eq("pre_trend"), "p_value"].item() > 0.01
    assert simple.loc["two_way_fixed_effects", "comparison"] == "treated_already_too"


def test_cohorts_before_their_start_that_move_apart_are_noticed():
    rows = officers(n=1500, ratio=1.0)
    near = (rows["first_trained"].astype(int) - rows["period"].astype(int)).between(1, 6)
    rows.loc[near, "complaints"] += np.random.default_rng(4).poisson(0.1, near.sum())
    found = estimate_staggered(calendar_of(rows), STUDY, SETTINGS, 0.95)
    assert found.loc[found["aggregation"].eq("pre_trend"), "p_value"].item() < 0.001


def test_the_unit_is_the_finest_that_enough_people_share():
    calendar = calendar_of(officers(n=280))  # 28 months of starts, ten people in each
    assert choose_unit(calendar, SimpleNamespace(unit="auto", people_per_start=8)) == "month"
    assert choose_unit(calendar, SimpleNamespace(unit="auto", people_per_start=20)) == "quarter"
    assert choose_unit(calendar, SimpleNamespace(unit="auto", people_per_start=500)) == "half"
    assert choose_unit(calendar, SimpleNamespace(unit="quarter", people_per_start=1)) == "quarter"


def test_people_who_leave_enter_late_or_never_count_are_no_hindrance():
    rows = officers(n=300)
    person, period = rows["uid"].astype(int), rows["period"].astype(int)
    rows = rows[~((person % 10 == 0) & (period > 40)) & ~((person % 11 == 0) & (period < 5))]
    rows.loc[rows["uid"].astype(int) % 3 == 0, "complaints"] = 0.0
    found = simple_rows(estimate_staggered(calendar_of(rows), STUDY, SETTINGS, 0.95))
    assert found.loc["extended_twfe", "estimate"] == pytest.approx(np.log(TRUE_RATIO), abs=2 * WITHIN)
    assert "people not observed in full left out" in found.loc["efficient_rollout", "status"]


@pytest.mark.parametrize("spoil", [lambda rows: rows.assign(first_trained="20"), lambda rows: rows.assign(first_trained="0"), lambda rows: rows.assign(complaints=0.0), lambda rows: rows.assign(first_trained="1")])
def test_what_cannot_be_estimated_is_flagged_and_the_table_is_still_there(spoil):
    found = estimate_staggered(calendar_of(spoil(officers(n=40, months=24, last=20))), STUDY, SETTINGS, 0.95)
    assert set(found["estimator"]) == {"extended_twfe", "callaway_santanna", "efficient_rollout", "two_way_fixed_effects"}
    rows = found[found["aggregation"].isin(["simple", "cohort", "calendar"])]
    assert rows["estimate"].isna().all() and rows["status"].str.startswith("not estimable").all()


def test_other_extracts_have_the_table_without_rows():
    assert estimate_staggered(pd.DataFrame(), STUDY, SETTINGS, 0.95).empty


def parameters(needs_recent_contact):
    return SimpleNamespace(
        panel=SimpleNamespace(needs_recent_contact=needs_recent_contact), pass_marks=SimpleNamespace(pre_trend_p_at_least=0.05), effect=SimpleNamespace(confidence=0.95), disclosure=SimpleNamespace(threshold=10, rounding=5)
    )  # fmt: skip


def test_the_report_says_which_number_counts_and_warns_where_timing_followed_demand():
    found = control_staggered(estimate_staggered(calendar_of(officers()), STUDY, SETTINGS, 0.95), 10, 5)
    template = open("pipeline/templates/staggered.md.j2", encoding="utf-8").read()
    free, bound = (str(write_section(found, "", parameters(needs), template)) for needs in (False, True))
    assert "did not trigger the start" in free and "do not answer the question here" in bound
    assert not re.search(r"\b(nan|None|NaN)\b", free + bound)
    assert write_first(found, False, 0.0).endswith("this one counts.") and write_first(found, True, 0.0) == ""
    assert write_first(found, False, 1.0).endswith("so that it is in doubt.")
    assert write_section(found.head(0), "", parameters(False), template) == ""


def test_small_groups_are_suppressed_in_what_is_published():
    exact = estimate_staggered(calendar_of(officers(n=30, months=24, last=20)), STUDY, SimpleNamespace(unit="month", people_per_start=1, block_months=6), 0.95)
    controlled = control_staggered(exact, 10, 5)
    small = exact["n_treated"].lt(10) & exact["aggregation"].ne("pre_trend")
    assert small.any() and controlled.loc[small, ["estimate", "att"]].isna().all(axis=None)
    assert (controlled["n_people"].dropna() % 5 == 0).all()
