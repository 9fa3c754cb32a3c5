"""Other reasonable choices: one table, the plan's own row among them, invalid designs marked."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from panel_frames import CLAIM, STUDY, simulated_world

from pipeline.cohort import build_cohort
from pipeline.contrasts import PRIMARY, assemble_trials
from pipeline.effect import complier_inverse, fit_effects, group_totals, list_persons, log_irr
from pipeline.panel import build_panel
from pipeline.params import Panel
from pipeline.sensitivity import INVALID, estimate_specifications, show_specifications
from pipeline.sources import sources_of
from pipeline.thresholds import carry_exits, resolve_thresholds, share_contacts

PLAN = Panel(months_before=24, months_after=12, washout_days=0, trigger_months=3, needs_recent_contact=True, lag_edges=[1, 3, 6, 12, 24], comparisons_per_month=2000, minimum_cohort=50, minimum_observed=0.5, seed=1)
CHOICES = SimpleNamespace(months_after=[6, 60], washout_days=[30], draws=20)


@pytest.fixture(scope="module")
def tables():
    return simulated_world()[1]


@pytest.fixture(scope="module")
def sensitivity(tables):
    resolved = {0.95: (tables["links"], tables["persons"], tables["person_exits"])}
    sources = sources_of(resolved, tables["contact_facts"], tables["referral_facts"], STUDY, CLAIM)
    return estimate_specifications(sources, PLAN, 0.95, CHOICES, 0.95, seed=1, processes=1)


def test_one_row_is_the_plans_and_equals_the_effect_itself(tables, sensitivity):
    names = ["links", "persons", "person_exits", "contact_facts", "referral_facts"]
    cohort = build_cohort(*[tables[name] for name in names], STUDY, CLAIM, PLAN)
    panel = build_panel(cohort, tables["links"], tables["contact_facts"], tables["person_exits"], STUDY, 24, 12, 0)
    persons = list_persons(cohort)
    trials = assemble_trials(cohort, panel, persons, 12)
    totals = group_totals(trials, PRIMARY, np.ones((1, len(persons))))
    expected = log_irr(complier_inverse(*totals, fit_effects(trials, (PRIMARY,)).ratios.referral[PRIMARY]))
    primary = sensitivity[sensitivity["is_primary"]]
    assert len(primary) == 1 and primary["estimate"].iloc[0] == pytest.approx(expected[0])
    assert primary[["months_after", "washout_days", "accept_from", "estimator"]].iloc[0].tolist() == [12, 0, 0.95, "doubly_robust"]


def test_every_choice_of_window_washout_and_estimator_has_a_row(sensitivity):
    valid = sensitivity[sensitivity["is_valid"]]
    assert set(zip(valid["months_after"], valid["washout_days"])) == {(6, 0), (6, 30), (12, 0), (12, 30)}
    assert set(valid["estimator"]) == {"doubly_robust", "followed", "weights_only", "outcome_regression", "engaged_only", "lagged_outcome"}
    assert set(valid["comparison"]) == {"not_yet_referred", "never_engaged"}
    assert not sensitivity.duplicated(["months_after", "washout_days", "accept_from", "comparison", "estimator"]).any()


def test_a_window_that_cannot_be_followed_is_left_out(sensitivity):
    assert 60 not in set(sensitivity["months_after"])


def test_invalid_designs_are_marked_and_say_what_the_audit_said(sensitivity):
    """Before/after and fixed effects inherit the spike: far below every valid estimate."""
    invalid = sensitivity[~sensitivity["is_valid"]]
    assert set(invalid["estimator"]) == set(INVALID) and not invalid["is_primary"].any()
    inherited = invalid[invalid["estimator"].isin(["naive", "fixed_effects"])]
    assert inherited["estimate"].max() < sensitivity.loc[sensitivity["is_valid"], "estimate"].min()


def test_intervals_hold_their_estimate(sensitivity):
    found = sensitivity.dropna(subset=["ci_low"])
    # So small a force leaves some resamples in which later referrals explain more than everything.
    assert len(found) >= 0.8 * len(sensitivity)
    assert (found["ci_low"] <= found["estimate"]).all() and (found["estimate"] <= found["ci_high"]).all()


def test_readers_see_ratios(sensitivity):
    shown = show_specifications(sensitivity, is_valid=True)
    assert shown["ratio"].iloc[0] == pytest.approx(np.exp(sensitivity["estimate"].iloc[0]), abs=0.005)
    assert len(shown) + len(show_specifications(sensitivity, is_valid=False)) == len(sensitivity)


def known_people():
    """Ada (contacts 1-3 by identities a, b) is client C1 and died; Bea has contact 4 (identity c). A weak pair joins b and c."""
    identities = pd.DataFrame({"contact_id": ["1", "2", "3", "4"], "identity_id": ["a", "a", "b", "c"]})
    pairs = pd.DataFrame({"identity_id_l": ["a", "b"], "identity_id_r": ["b", "c"], "match_probability": [0.97, 0.6], "match_weight": [5.0, 1.0]})
    register_pairs = pd.DataFrame({"client_id": ["C1"], "identity_id": ["a"], "match_probability": [0.999], "match_weight": [10.0]})
    links = pd.DataFrame({"contact_id": ["1", "2", "3", "4"], "person_id": ["ada", "ada", "ada", "bea"], "match_probability": 1.0})
    persons = pd.DataFrame({"person_id": ["ada", "bea", "gus"], "client_id": ["C1", None, "C2"], "sex": ["F", "M", "X"], "birth_year": [1980, 1990, 2000], "area": ["DH1", "DH2", "DH3"]})
    exits = pd.DataFrame({"person_id": ["ada"], "from_on": pd.to_datetime(["2019-01-01"]), "to_on": pd.to_datetime([None]), "reason": ["death"]})
    return (links, persons, exits), (identities, pairs, register_pairs)


def test_the_planned_threshold_keeps_the_planned_people():
    planned, scored = known_people()
    assert resolve_thresholds(planned, scored, [0.95], 0.95, "key")[0.95] is planned


def test_another_threshold_splits_or_joins_people_and_carries_over_what_is_known():
    """At 0.99 Ada falls apart into contacts 1, 2 and 3; at 0.5 Bea joins her. The client, her sex and her death follow most contacts."""
    planned, scored = known_people()
    resolved = resolve_thresholds(planned, scored, [0.5, 0.99], 0.95, "key")
    assert [links["person_id"].nunique() for links, _, _ in (resolved[0.5], resolved[0.99])] == [1, 3]
    for threshold in (0.5, 0.99):
        links, persons, exits = resolved[threshold]
        client = persons.set_index("client_id").loc["C1"]
        assert client["person_id"] == links.set_index("contact_id").loc["1", "person_id"] == exits["person_id"].item()
        assert [client["sex"], client["birth_year"], client["area"]] == ["F", 1980, "DH1"]
        nobody = persons.set_index("client_id").loc["C2"]
        assert [nobody["n_contacts"], nobody["sex"]] == [0, "X"]


def test_exits_of_a_person_without_contacts_are_left_out():
    (links, _, exits), _ = known_people()
    assert carry_exits(exits.assign(person_id="nobody"), share_contacts(links, links)).empty
