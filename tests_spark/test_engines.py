"""Spark gives what DuckDB gives: the functions of names, the identities, the scores, the links. Run by `make test-spark`."""

import os
import random

import numpy as np
import pandas as pd
import pytest

from pipeline.cleaning import standardise_people
from pipeline.contact_identities import collapse_identities, count_terms, describe_clients
from pipeline.contradictions import settle_pairs, settle_register
from pipeline.engines import THIS_MACHINE, open_engine
from pipeline.linkage import train_model
from pipeline.params import check_params, load_sections
from pipeline.resolution import resolve_people
from pipeline.scoring import score_clients, score_identities
from pipeline.simulate import make_extracts
from pipeline.simulation import simulate_demand
from pipeline.spark import find_spark_problems
from pipeline.tables import read_reference

# Where Spark is required (.ci/run says so) nothing is skipped: a missing Java then fails.
MISSING = find_spark_problems()
pytestmark = pytest.mark.skipif(bool(MISSING) and "SPARK_REQUIRED" not in os.environ, reason=" ".join(MISSING))

# About how many contacts are linked; SPARK_TEST_SIZE=100000 is the whole demonstration.
SIZE = int(os.environ.get("SPARK_TEST_SIZE", "6000"))
# The engines add the same numbers up in another order.
SAME_WEIGHT = 1e-9


@pytest.fixture(scope="module")
def extracts():
    params = check_params(load_sections("study", "claim"))
    world = simulate_demand(SIZE, 1, 0.55, params.study, params.claim)
    tables = make_extracts(world, read_reference("names"), 1, params.study)
    return {name: standardise_people(tables[name].astype("str")) for name in ("contacts", "referrals")}


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    engine = open_engine("spark", 1.0, tmp_path_factory.mktemp("spark") / "scratch of a test")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def collapsed(extracts, spark):
    """Contact identities, identities and term frequencies, by engine."""
    linkage, nicknames = linkage_params(), read_reference("nicknames")

    def collapse(engine):
        contact_identities, identities = collapse_identities(extracts["contacts"], nicknames, linkage.shared_by_at_most, engine)
        return contact_identities, identities, count_terms(identities, engine)

    return {"duckdb": collapse(THIS_MACHINE), "spark": collapse(spark)}


@pytest.fixture(scope="module")
def scored(extracts, collapsed, spark):
    """Scored pairs, those below the floor, and the register's pairs, by engine, under the one model."""
    linkage = linkage_params()
    identities, terms = collapsed["duckdb"][1:]
    model = train_model(identities, terms, linkage.seed, linkage.sure_rules_recall, 100_000, 100_000)
    clients = describe_clients(extracts["referrals"], read_reference("nicknames"), linkage.shared_by_at_most)

    def score(engine):
        pairs, below_floor = score_identities(model, identities, linkage.floor, linkage.rare_name_at_most, engine)
        return pairs, below_floor, score_clients(model, identities, clients, linkage.floor, linkage.rare_name_at_most, engine)

    return {"duckdb": score(THIS_MACHINE), "spark": score(spark)}, clients


def linkage_params():
    return check_params(load_sections("linkage")).linkage


def misspell(name, lots):
    """The name with one to three letters left out, doubled, exchanged or replaced."""
    letters = list(name)
    for _ in range(lots.randint(1, 3)):
        place = lots.randrange(len(letters))
        slip = lots.randrange(4)
        if slip == 0 and len(letters) > 1:
            del letters[place]
        elif slip == 1:
            letters.insert(place, letters[place])
        elif slip == 2 and place + 1 < len(letters):
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
        else:
            letters[place] = lots.choice("AEINORST")
    return "".join(letters)


def test_names_and_dates_are_as_alike_in_spark_as_in_duckdb(spark):
    """Among the pairs are DOROTHY and DOREEN, SIMPSON and SIMPONS, on which the functions in Splink's jar say otherwise."""
    lots = random.Random(1)
    names = read_reference("names")
    names = names.loc[names["kind"].isin(["forename", "surname"]), "name"].str.upper().tolist()
    pairs = [(lots.choice(names), lots.choice(names)) for _ in range(4_000)] + [(name, misspell(name, lots)) for name in names for _ in range(10)]
    pairs += [("DOROTHY", "DOREEN"), ("SIMPSON", "SIMPONS"), ("MARTHA", "MARHTA"), ("", "ANN"), (None, "ANN"), ("1984-03-09", "1984-09-03")]
    pairs = pd.DataFrame(pairs, columns=["l", "r"]).assign(number=range(len(pairs)))
    found = {}
    for name, engine in {"duckdb": THIS_MACHINE, "spark": spark}.items():
        with engine.open_tables() as tables:
            tables.add("name_pairs", pairs)
            found[name] = tables.read("""
                SELECT jaro_winkler_similarity(l, r) AS winkler, damerau_levenshtein(l, r) AS slips,
                       starts_with(l, r) AS begins, left(l, 4) AS year, substr(l, 6, 2) AS month, right(l, 2) AS day
                FROM name_pairs ORDER BY number""")
    pd.testing.assert_frame_equal(found["spark"], found["duckdb"], check_exact=True)


def test_spark_collapses_contacts_into_the_same_identities(collapsed):
    for ours, theirs in zip(collapsed["spark"][:2], collapsed["duckdb"][:2]):
        pd.testing.assert_frame_equal(ours, theirs)


def test_spark_counts_the_same_term_frequencies(collapsed):
    for name, frequencies in collapsed["duckdb"][2].items():
        pd.testing.assert_frame_equal(collapsed["spark"][2][name], frequencies, check_exact=True)


@pytest.mark.parametrize("which", [0, 2], ids=["identities", "register"])
def test_spark_scores_the_same_pairs_alike(scored, which):
    ours, theirs = scored[0]["spark"][which], scored[0]["duckdb"][which]
    assert len(theirs) > 100
    np.testing.assert_allclose(ours["match_weight"], theirs["match_weight"], atol=SAME_WEIGHT, rtol=0)
    pd.testing.assert_frame_equal(ours.drop(columns="match_weight"), theirs.drop(columns="match_weight"))


def test_spark_counts_the_pairs_below_the_floor_alike(scored):
    pd.testing.assert_frame_equal(scored[0]["spark"][1], scored[0]["duckdb"][1], rtol=SAME_WEIGHT)


def test_spark_gives_the_same_links_and_persons(collapsed, scored):
    linkage, (by_engine, clients) = linkage_params(), scored
    people = {}
    for name, (pairs, _, register_pairs) in by_engine.items():
        contact_identities, identities, _ = collapsed[name]
        settled = settle_pairs(pairs, identities, linkage.floor)
        register = settle_register(register_pairs, clients, settled, identities, linkage.floor)
        people[name] = resolve_people(contact_identities, settled, register, linkage.accept_from, "tests")
    assert people["duckdb"][0]["person_id"].nunique() > 100
    for ours, theirs in zip(people["spark"], people["duckdb"]):
        pd.testing.assert_frame_equal(ours, theirs, rtol=0, atol=SAME_WEIGHT)


