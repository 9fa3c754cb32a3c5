"""Does doubt about the links, carried through, make the interval cover? A study on simulated forces with a known truth.

    python -m benchmarks.linkage_study          runs what is missing (resumable: each finished world is a row)
    python -m benchmarks.linkage_study report   writes linkage_study.md and its figures from the rows

Worlds of some 25,000 contact rows and 500 referred people, a true IRR of 0.55, seeds 201 and on, named before the first
run; conditions in turn, so that every finished seed has all of them. Compared with the truth of the paired potential
outcomes are the estimates from true links, from accepted links (interval without linkage uncertainty) and from draws.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.calibration import BINS, around_known, calibrate, draw_known, fit_line, label_links, span_people
from pipeline.cleaning import standardise_people
from pipeline.cohort import build_cohort
from pipeline.contact_identities import collapse_identities, count_terms, describe_clients
from pipeline.contradictions import settle_pairs, settle_register
from pipeline.contrasts import PRIMARY, assemble_trials
from pipeline.effect import complier_draws, complier_interval, fit_effects, list_persons, resample_effects
from pipeline.large_people import part_large_people
from pipeline.link_draws import draw_people
from pipeline.link_quality import describe_patterns, truth_quality
from pipeline.linkage import train_model
from pipeline.linkage_uncertainty import estimate_draws, estimate_effects
from pipeline.misrecording import CONTACTS, worsen
from pipeline.panel import build_panel
from pipeline.params import check_params, load_sections
from pipeline.register_entries import find_alike_clients, join_alike_clients
from pipeline.resampling import draw_multiplicities
from pipeline.resolution import add_missing_clients, assign_exits, describe_people, resolve_people
from pipeline.scoring import score_clients, score_identities
from pipeline.simulate import make_extracts, truth_tables
from pipeline.simulation import simulate_demand, true_tables
from pipeline.tables import read_reference

FOLDER = Path(__file__).parent
SIZE, TRUE_IRR, DRAWS, RESAMPLES, CONFIDENCE = 25_000, 0.55, 12, 60, 0.95
SEEDS = range(201, 221)
# Odds of a detail being missing or wrong, times these: everywhere, after referral, among the never referred.
POOR, DECAYED, WORSE_ARM = 2.0, 4.0, 4.0


def record_quality(condition: str, world: dict):
    """Return the quality of the world's contact records under a condition."""
    contacts = world["contacts"]
    first = world["referrals"].groupby("true_person_id")["referred_on"].min()
    referred_on = contacts["true_person_id"].map(first)
    if condition == "normal":
        return CONTACTS
    if condition == "poor":
        return worsen(CONTACTS, POOR)
    if condition == "decays after referral":
        return worsen(CONTACTS, np.where(contacts["received_at"] > referred_on, DECAYED, 1.0))
    return worsen(CONTACTS, np.where(referred_on.isna(), WORSE_ARM, 1.0))


CONDITIONS = ["normal", "poor", "decays after referral", "worse among the never referred"]


def link_world(world: dict, condition: str, seed: int, params) -> dict:
    """Return all that stage 02 makes of a world's records."""
    linkage = params.linkage
    extracts = make_extracts(world, read_reference("names"), seed, params.study, record_quality(condition, world))
    contacts, referrals = (standardise_people(extracts[name].astype("str")) for name in ("contacts", "referrals"))
    nicknames = read_reference("nicknames")
    contact_identities, identities = collapse_identities(contacts, nicknames, linkage.shared_by_at_most)
    model = train_model(identities, count_terms(identities), linkage.seed, linkage.sure_rules_recall, linkage.sampled_pairs, linkage.training_pairs)
    scored, _ = score_identities(model, identities, linkage.floor, linkage.rare_name_at_most)
    settled = settle_pairs(scored, identities, linkage.floor, model.has_households)
    pairs, _ = part_large_people(settled, identities, linkage.names_at_most)
    entries = describe_clients(referrals, nicknames, linkage.shared_by_at_most)
    alike = find_alike_clients(entries, referrals)
    clients = join_alike_clients(entries, alike)
    register_scored = score_clients(model, identities, clients, linkage.floor, linkage.rare_name_at_most)
    register_pairs = settle_register(register_scored, clients, pairs, identities, linkage.floor, model.has_households)
    links, resolved = resolve_people(contact_identities, pairs, register_pairs, linkage.accept_from, "study")
    persons = describe_people(add_missing_clients(resolved, clients["client_id"], "study"), links, contacts, referrals)
    exits = join_alike_clients(extracts["exits"].astype({"from_on": "datetime64[us]", "to_on": "datetime64[us]"}), alike)
    known = draw_known(identities, linkage.silver_people, linkage.seed)
    blind = around_known(identities, known, score_clients(model, identities, known, linkage.floor, linkage.rare_name_at_most))
    blind_scored, _ = score_identities(model, blind, linkage.floor, linkage.rare_name_at_most)
    silver = label_links(span_people(settle_pairs(blind_scored, blind, linkage.floor, model.has_households)), identities)
    line, forest = fit_line(silver), span_people(pairs)
    link_draws, client_draws = draw_people(
        forest, register_pairs, contact_identities, links, line, model.levels, linkage.accept_from, DRAWS, seed, "study")
    return dict(
        links=links, persons=persons, person_exits=assign_exits(exits, persons, links, contacts), contacts=contacts, line=line, forest=forest,
        contact_identities=contact_identities, link_draws=link_draws, client_draws=client_draws,
    )  # fmt: skip


def fit_links(links, persons, person_exits, facts: dict, params):
    """Return trials and fits of one set of links."""
    cohort = build_cohort(links, persons, person_exits, facts["contact_facts"], facts["referral_facts"], params.study, params.claim, params.panel)
    panel = build_panel(cohort, links, facts["contact_facts"], person_exits, params.study, 0, params.panel.months_after, 0)
    trials = assemble_trials(cohort, panel, list_persons(cohort), params.panel.months_after)
    return trials, fit_effects(trials, (PRIMARY,))


def run_world(condition: str, seed: int, params) -> tuple[dict, pd.DataFrame]:
    """Return the row of one world, and its forest's reliability by bin against the truth."""
    started = time.perf_counter()
    world = simulate_demand(SIZE, seed, TRUE_IRR, params.study, params.claim)
    facts, truth = true_tables(world), truth_tables(world)
    outcomes = world["outcomes"][world["outcomes"]["is_triggered"]]
    engaged = outcomes[outcomes["is_engaged"]]
    made = link_world(world, condition, seed, params)
    trials, fits = fit_links(made["links"], made["persons"], made["person_exits"], facts, params)
    draws = resample_effects(trials, fits, draw_multiplicities(int(trials.person.max()) + 1, RESAMPLES, seed))
    inverse, inverse_draws = complier_draws(trials, fits, draws)
    accepted = estimate_effects(trials, fits.referral)
    ideal_trials, ideal_fits = fit_links(*under_found_ids(facts, made["links"]), facts, params)
    ideal = estimate_effects(ideal_trials, ideal_fits.referral)
    drawn = estimate_draws(
        (made["link_draws"], made["client_draws"], made["links"], made["persons"], made["person_exits"]), facts["contact_facts"], facts["referral_facts"],
        params.study, params.claim, params.panel)
    row = {"condition": condition, "seed": seed}
    for estimand, true_value in (("engaged", log_ratio(engaged)), ("referral", log_ratio(outcomes))):
        row |= {
            f"{estimand}_truth": true_value, f"{estimand}_true_links": getattr(ideal, estimand), f"{estimand}_accepted": getattr(accepted, estimand),
            f"{estimand}_pooled": drawn[estimand].mean(), f"{estimand}_between": drawn[estimand].var(ddof=1),
            f"{estimand}_jackknife": getattr(accepted, f"{estimand}_variance"), f"{estimand}_jackknife_drawn": drawn[f"{estimand}_variance"].mean(),
            f"{estimand}_jackknife_true_links": getattr(ideal, f"{estimand}_variance"),
        }  # fmt: skip
    row |= {"engaged_resampled": (inverse_draws.var(ddof=1) / inverse**2), "referral_resampled": draws.referral[PRIMARY].var(ddof=1)}
    row |= {f"engaged_{name}": value for name, value in complier_interval(inverse, inverse_draws, CONFIDENCE).items() if name.startswith("ci")}
    row |= measured_quality(made, facts, truth)
    line = made["line"]
    row |= {"intercept": line.intercept, "slope": line.slope, "is_fitted": line.is_fitted, "n_same": line.n_same, "n_different": line.n_different}
    return row | {"n_people": accepted.n_people, "seconds": round(time.perf_counter() - started, 1)}, held_against_truth(made, truth).assign(condition=condition, seed=seed)


def under_found_ids(facts: dict, links: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the true links, persons and exits, each true person under the id of the found person who shares most contacts.

    Comparison days are dealt by person_id: without this the two estimates would differ by the deal alone.
    """
    both = facts["links"].rename(columns={"person_id": "true"})[["contact_id", "true"]].merge(links[["contact_id", "person_id"]], on="contact_id", validate="one_to_one")
    shared = both.groupby(["true", "person_id"], as_index=False).size().sort_values(["size", "true", "person_id"], ascending=[False, True, True])
    found = shared.drop_duplicates("person_id").drop_duplicates("true").set_index("true")["person_id"]
    return [facts[name].assign(person_id=facts[name]["person_id"].map(found).fillna(facts[name]["person_id"])) for name in ("links", "persons", "person_exits")]


def log_ratio(outcomes: pd.DataFrame) -> float:
    """Return the true log IRR of some people from their paired potential outcomes."""
    return float(np.log(outcomes["n_after_with"].sum() / outcomes["n_after_without"].sum()))


def measured_quality(made: dict, facts: dict, truth: dict) -> dict:
    """Return precision and recall by arm and period."""
    table = truth_quality(
        made["links"], made["persons"], facts["contact_facts"], facts["referral_facts"], truth["contact_persons"], truth["client_persons"],
        describe_patterns(made["contacts"]))
    table = table[table["pattern"] == "any"]
    return {f"{row.measure}_{row.arm}_{row.period}": row.value for row in table.itertuples()}


def held_against_truth(made: dict, truth: dict) -> pd.DataFrame:
    """Return per bin of the model's probability how many links of the forest there are, promised, calibrated and right."""
    who = made["contact_identities"].merge(truth["contact_persons"], on="contact_id", validate="one_to_one").drop_duplicates("identity_id").set_index("identity_id")["true_person_id"]
    forest, line = made["forest"], made["line"]
    table = pd.DataFrame({
        "bin": np.array(BINS)[np.clip(np.searchsorted(BINS, forest["match_probability"], "right") - 1, 0, len(BINS) - 2)],
        "n": 1, "expected": forest["match_probability"], "calibrated": calibrate(forest["match_weight"], line),
        "right": forest["identity_id_l"].map(who).to_numpy() == forest["identity_id_r"].map(who).to_numpy(),
    })  # fmt: skip
    return table.groupby("bin", as_index=False).sum()


def run(params) -> None:
    """Run every world that has no row yet, seed by seed."""
    rows, bins = FOLDER / "linkage_study.csv", FOLDER / "linkage_study_bins.csv"
    done = set(map(tuple, pd.read_csv(rows)[["condition", "seed"]].to_numpy())) if rows.exists() else set()
    for seed in SEEDS:
        for condition in CONDITIONS:
            if (condition, seed) in done:
                continue
            row, reliability = run_world(condition, seed, params)
            for path, table in ((rows, pd.DataFrame([row])), (bins, reliability)):
                table.to_csv(path, mode="a", header=not path.exists(), index=False, float_format="%.6g")
            print(f"{condition}, seed {seed}: {row['seconds']} s", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["report"]:
        from benchmarks.linkage_study_report import write_report

        write_report(FOLDER)
    else:
        run(check_params(load_sections("study", "claim", "panel", "linkage")))
