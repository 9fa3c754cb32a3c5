"""Both examples of an entry after the linkage, from the set to the report, and a panel that is nothing like the demonstration's."""

import html
import re
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.contrasts import assemble_trials
from pipeline.effect import fit_effects, list_persons
from pipeline.panel_forms import sort_forms
from pipeline.ready_panel import build_panel_cohort, months_around, take_panel
from pipeline.weighting import add_weights, balance_tables

FEW = {"months_after": [12], "washout_days": [0], "accept_from": [0.90], "trigger_months": [3], "lag_edges": [[1, 3, 6, 12, 24]]}
# Links without mistakes, so that no test of the entries waits for the linkage.
WRITE_EXAMPLES = """
import pandas as pd
from pipeline import example_entries
from pipeline.tables import read_truth

folder = "data/raw/demo"
contacts = pd.read_csv(f"{folder}/contacts.csv", dtype=str).assign(is_duplicate=lambda rows: rows["duplicate_of"].notna(), is_attended=lambda rows: rows["attended"].str.lower() == "true")
contacts = contacts.assign(received_at=pd.to_datetime(contacts["received_at"]), officer_minutes=contacts["officer_minutes"].astype(float))
names = ["contact_id", "incident_id", "received_at", "service", "channel", "opening_code", "closing_code", "role", "is_attended", "officer_minutes", "is_duplicate"]
links = read_truth(folder, "contact_persons").rename(columns={"true_person_id": "person_id"})
clients = read_truth(folder, "client_persons").rename(columns={"true_person_id": "person_id"}).drop_duplicates("person_id")
referrals = pd.read_csv(f"{folder}/referrals.csv", dtype=str, parse_dates=["referred_on", "first_contact_on", "closed_on"])
referrals = referrals[referrals["client_id"].isin(clients["client_id"])].assign(accepted=lambda rows: rows["accepted"].str.lower() == "true")
referrals = referrals[["referral_id", "client_id", "referred_on", "referral_source", "primary_need", "accepted", "first_contact_on", "closed_on", "closure_reason"]]
persons = links[["person_id"]].drop_duplicates().merge(clients, on="person_id", how="outer", validate="one_to_one").assign(sex=pd.NA, birth_year=pd.NA, area=pd.NA)
person_exits = pd.DataFrame({"person_id": pd.Series(dtype=str), "from_on": pd.Series(dtype="datetime64[us]"), "to_on": pd.Series(dtype="datetime64[us]"), "reason": pd.Series(dtype=str)})
tables = dict(links=links, persons=persons, person_exits=person_exits, contact_facts=contacts[names], referral_facts=referrals, mentors=pd.read_csv(f"{folder}/mentors.csv"))
example_entries.read_table = tables.get
raise SystemExit(example_entries.main())
"""


@pytest.fixture(scope="module")
def project(new_project):
    """A small simulated force with both examples, and few draws."""
    project = new_project()
    project.set_param("simulate", "size", 20_000)
    project.set_param("effect", "draws", 20)
    for name, value in FEW.items():
        project.set_param("sensitivity", name, value)
    assert project.run(sys.executable, "-m", "pipeline.simulate").returncode == 0
    made = project.run(sys.executable, "-c", WRITE_EXAMPLES)
    assert made.returncode == 0, made.stderr[-2000:]
    return project


@pytest.mark.parametrize("kind", ["pseudonymised", "panel"])
def test_an_example_runs_through_to_a_report_that_says_what_it_could_not_show(project, kind):
    project.set_param("extracts", "folder", f"data/raw/{kind}_example")
    project.set_param("extracts", "kind", kind)
    run = project.dvc("repro")
    assert run.returncode == 0, run.stdout[-1500:] + run.stderr[-3000:]
    page = (project.folder / "reports/evaluation.html").read_text(encoding="utf-8")
    text = re.sub(r"<[^>]+>", "", re.sub(r"<(script|style).*?</\1>|<img[^>]*>", "", page[page.index("<body") :], flags=re.S))
    assert "What these extracts could not show" in text and "Linking was done elsewhere" in " ".join(text.split())
    assert not re.search(r"(?<![A-Za-z])(nan|None|NaT|&lt;NA&gt;)(?![A-Za-z])", text)
    assert ("There is no register of referrals in these extracts" in " ".join(text.split())) == (kind == "panel") and ("Mentors recruited, by year" in " ".join(text.split())) == (kind == "pseudonymised")
    effects = pd.read_csv(project.folder / "reports/tables/effects.csv")
    assert {"sequential_trials", "complier"} <= set(effects["estimator"])
    links = pd.read_parquet(project.folder / "data/derived/links.parquet")
    assert (len(links) > 0) == (kind == "pseudonymised") and pd.read_parquet(project.folder / "data/derived/pairs.parquet").empty


def test_a_panel_of_another_scheme_gives_the_effect_that_was_put_into_it():
    """Two thousand people over 72 months, a rare outcome, starts dealt at random, some never; no ages, no roles, nobody known to engage.

    Starting multiplies the rate by 0.5 from the month after on. Seeds named beforehand; the log ratio has a standard error near 0.1.
    """
    rng = np.random.default_rng(11)
    n, months = 2000, pd.period_range("2011-01", "2016-12", freq="M")
    start = np.where(rng.random(n) < 0.2, 999, rng.integers(24, 66, n))
    rate = rng.gamma(2, 0.1, n)
    counts = rng.poisson(rate[:, None] * np.where(np.arange(72)[None, :] > start[:, None], 0.5, 1.0))
    month = np.array([str(one) for one in months])
    rows = pd.DataFrame({"person_id": np.repeat([f"o{i}" for i in range(n)], 72), "month": np.tile(month, n), "complaints": counts.ravel().astype(float)})
    rows["index_month"] = np.repeat(np.where(start < 72, month[np.minimum(start, 71)], None), 72)
    study = SimpleNamespace(contacts_from="2011-01-01", contacts_to="2016-12-31", referrals_from="2013-01-01", referrals_to="2015-12-31")
    claim = SimpleNamespace(referred_from="2013-01-01", complete_by="2016-12-31", months=12)
    panel = SimpleNamespace(
        months_before=24, months_after=12, washout_days=0, trigger_months=3, needs_recent_contact=False, lag_edges=[1, 3, 6, 12, 24], last_days=7, comparisons_per_month=500, minimum_cohort=50, minimum_observed=0.5, seed=1
    )
    ready = take_panel(*sort_forms(rows, ["complaints"], []), study)
    cohort = add_weights(build_panel_cohort(ready, study, claim, panel))
    assert set(balance_tables(cohort, 0.1)["treated"]) == {"referred"}
    trials = assemble_trials(cohort, months_around(cohort, ready, 24, 12, 0), list_persons(cohort), 12)
    fits = fit_effects(trials)
    found = fits.ratios.referral
    assert not trials.knows_engaged and list(found) == ["n_contacts", "n_contacts_followed"]
    assert found["n_contacts"] == pytest.approx(np.log(0.5), abs=0.25)
    # Comparison people who start later themselves hide part of the effect until it is taken off.
    assert found["n_contacts_followed"] > found["n_contacts"]


def test_a_rollout_of_officers_in_numbered_periods_runs_through_to_a_report_that_names_its_answer(project):
    """Four hundred officers over 48 periods, all trained in the end but a few, one rare outcome; nothing of the demonstration is left but its claim."""
    rng = np.random.default_rng(21)
    start = np.where(rng.random(400) < 0.05, 0, rng.integers(14, 37, 400))
    counts = rng.poisson(rng.gamma(1.0, 0.15, 400)[:, None] * np.where((np.arange(1, 49)[None, :] >= start[:, None]) & (start[:, None] > 0), 0.6, 1.0))
    folder = project.folder / "data/raw/officers"
    folder.mkdir(parents=True)
    rows = pd.DataFrame({"uid": np.repeat(np.arange(1, 401), 48), "period": np.tile(np.arange(1, 49), 400), "first_trained": np.repeat(start, 48), "complaints": counts.ravel()})
    rows.to_csv(folder / "officers.csv", index=False)
    (folder / "person_key.txt").write_text("k" * 40, encoding="utf-8")
    columns = "{person_id: uid, month: period, index_month: first_trained, complaints: complaints}"
    (folder / "extracts.yaml").write_text(f"simulated: false\ntables:\n  panel:\n    files: officers.csv\n    columns: {columns}\n", encoding="utf-8")
    choices = {
        "extracts": {"folder": "data/raw/officers", "kind": "panel", "outcomes": ["complaints"], "first_month": "2012-01"},
        "study": {"contacts_from": "2012-01-01", "contacts_to": "2015-12-31", "referrals_from": "2013-01-01", "referrals_to": "2014-12-31"},
        "panel": {"needs_recent_contact": False, "months_before": 12, "lag_edges": [1, 3, 6, 12]}, "report": {"scheme": "Training of officers"},
    }  # fmt: skip
    for section, values in choices.items():
        for name, value in values.items():
            project.set_param(section, name, value)
    run = project.dvc("repro")
    assert run.returncode == 0, run.stdout[-1500:] + run.stderr[-3000:]
    page = (project.folder / "reports/evaluation.html").read_text(encoding="utf-8")
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<(script|style).*?</\1>|<img[^>]*>", "", page[page.index("<body") :], flags=re.S))).split())
    assert "the plan's estimate is the one that compares people who started with people who had not started yet" in text
    assert "Where starts were staggered" in text and not re.search(r"(?<![A-Za-z])(nan|None|NaT)(?![A-Za-z])", text)
    found = pd.read_csv(project.folder / "reports/tables/staggered_effects.csv").query("estimator == 'extended_twfe' and aggregation == 'simple'")
    assert found["ci_low"].item() < np.log(0.6) < found["ci_high"].item()
