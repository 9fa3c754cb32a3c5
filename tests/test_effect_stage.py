"""The whole effect stage, cell by cell, in worlds in which part of it cannot be had: every table is written, and what is missing says so."""

import json
from pathlib import Path

import numpy as np
import pytest
from panel_frames import STUDY, cohort_of_world, simulated_world
from trial_frames import cohort_row, make_cohort, make_panel

import pipeline.params
import pipeline.tables
from pipeline.contrasts import PRIMARY, assemble_trials
from pipeline.effect import fit_effects, list_persons
from pipeline.empty_tables import empty_table
from pipeline.errors import InputError
from pipeline.estimates import is_estimated
from pipeline.panel import build_panel
from pipeline.validation import check_contracts
from pipeline.weighting import add_weights, balance_tables, lag_columns

NOTEBOOK = Path(__file__).parent.parent / "notebooks/04_effect.ipynb"


@pytest.fixture(scope="module")
def world():
    """The small simulated force of the other tests as the tables that the stage reads; no draws of the links."""
    _, tables = simulated_world()
    cohort = add_weights(cohort_of_world(tables))
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], tables["person_exits"], STUDY, 24, 12, 0)
    return tables | {"cohort": cohort, "panel": panel, "balance": balance_tables(cohort, 0.1)}


def run_stage(tables, monkeypatch, draws=20):
    """Return the tables that the notebook of the stage writes when it reads `tables`, empty ones where it has none."""
    written = {}
    load = pipeline.params.load_sections

    def few_draws(*names):
        sections = load(*names)
        sections["effect"]["draws"] = draws
        return sections

    monkeypatch.setattr(pipeline.params, "load_sections", few_draws)
    monkeypatch.setattr(pipeline.tables, "read_table", lambda name: tables[name].copy() if name in tables else empty_table(name))
    monkeypatch.setattr(pipeline.tables, "write_table", lambda name, table: written.update({name: table}))
    names = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]).replace("processes=2", "processes=1"), names)
    return written


def silent(panel, cohort, arm):
    """The panel with no contact of any kind after time zero in one arm."""
    gone = panel["trial_id"].isin(cohort.loc[cohort["arm"] == arm, "trial_id"]) & (panel["month"] >= 0)
    counts = [name for name in panel.columns if name not in ("trial_id", "month", "exposure_days", "exposure_days_later")]
    return panel.assign(**{name: panel[name].where(~gone, 0) for name in counts})


@pytest.mark.parametrize("arm, words", [("referred", "the referred have no such contacts"), ("not_yet_referred", "the comparison people have no such contacts")])
def test_an_arm_without_contacts_leaves_the_rest_of_the_stage_standing(world, monkeypatch, arm, words):
    written = run_stage(world | {"panel": silent(world["panel"], world["cohort"], arm)}, monkeypatch)
    effects = written["effects"].set_index(["outcome", "estimator", "estimand"]).sort_index()
    assert words in effects.loc[(PRIMARY, "sequential_trials", "referral"), "status"]
    assert effects.loc[(PRIMARY, "naive", "before_after"), "status"].startswith("estimated") == (arm != "referred")
    assert not written["model_checks"]["passed"].all()
    check_contracts({name: table for name, table in written.items() if name in ("effects", "matched_sets", "model_checks")})


def test_arms_told_apart_completely_leave_the_rest_of_the_stage_standing(world, monkeypatch):
    """The referred alone have a thousand contacts in every span before: nobody is like them."""
    cohort = world["cohort"]
    lags = [*lag_columns(cohort), "n_recent"]
    far = cohort.assign(**{name: cohort[name].where(cohort["arm"] != "referred", cohort[name] + 1000) for name in lags})
    written = run_stage(world | {"cohort": far}, monkeypatch)
    effects = written["effects"]
    against = effects[(effects["comparison"] == "not_yet_referred") & ~effects["estimator"].str.startswith("fixed_effects")]
    assert not is_estimated(against).any() and against["estimate"].isna().all()
    assert is_estimated(effects[effects["estimator"] == "naive"]).any() and effects["status"].notna().all()
    assert written["matched_sets"].empty


def test_a_single_index_month_needs_no_calendar(world):
    cohort, panel = world["cohort"], world["panel"]
    one = cohort.assign(index_month=cohort["index_month"].min())
    trials = assemble_trials(one, panel, list_persons(one), 12)
    assert not [name for name in trials.columns if name.startswith(("calendar", "season"))] and set(trials.month) == {0}
    assert np.isfinite(fit_effects(trials, (PRIMARY,)).ratios.referral[PRIMARY])


def test_months_missing_from_the_panel_and_exposure_of_nought_are_said():
    cohort = make_cohort(cohort_row("ada"), cohort_row("bea", "not_yet_referred"), cohort_row("cleo", "not_yet_referred"))
    panel = make_panel([1, 2, 3], [1, 0, 1], [2, 2, 2], first_month=0)
    persons = list_persons(cohort)
    with pytest.raises(InputError, match=r"month: \[1\] missing"):
        assemble_trials(cohort, panel[panel["month"] != 1], persons, 3)
    gone = panel.assign(exposure_days=panel["exposure_days"].where(panel["trial_id"] != 2, 0))
    assert assemble_trials(cohort, gone, persons, 3).trial_id.tolist() == [1, 3]  # nobody at risk is nobody's comparison
    with pytest.raises(InputError, match="nobody with exposure in the arm referred"):
        assemble_trials(cohort, panel.assign(exposure_days=0), persons, 3)
