"""Pairs for people to read: a simulated reviewer who knows the truth, a careless one, and files that must not be lost or leave."""

import os
import stat

import numpy as np
import pandas as pd
import pytest
import yaml

from pipeline.clerical_review import draw_sample, read_decisions
from pipeline.clerical_sample import draw_pairs, estimate_from_decisions, find_mistakes, keep_current, name_linkage, share_out
from pipeline.errors import InputError
from pipeline.tables import private_folder, write_table

BANDS, ACCEPT_FROM = [0.5, 0.95, 0.999], 0.95


def make_pairs(n=6_000, seed=1):
    """Return scored pairs, most of them sure, whose probabilities are right, and whether each is one person's."""
    rng = np.random.default_rng(seed)
    probability = 1 - np.where(rng.random(n) < 0.8, rng.random(n) * 0.002, rng.random(n) * 0.95)
    people = np.arange(n) // 6
    pairs = pd.DataFrame({"identity_id_l": 2 * people, "identity_id_r": 2 * np.arange(n) + 1, "match_probability": probability})
    return pairs, pd.Series(rng.random(n) < probability, index=pairs["identity_id_r"])


def owners(pairs):
    """Return arm and person by identity_id: every second person is referred."""
    ids = np.union1d(pairs["identity_id_l"], pairs["identity_id_r"])
    return pd.Series(np.where(ids % 4 == 0, "referred", "not_referred"), index=ids), pd.Series(ids.astype(str), index=ids)


def judge(drawn, is_same):
    return pd.Series(np.where(drawn["identity_id_r"].map(is_same), "same", "different"), index=drawn["review_id"])


def test_each_stratum_gives_as_many_pairs_and_small_ones_all_they_have():
    assert share_out(pd.Series({"a": 1000, "b": 5, "c": 1000}), 65).to_dict() == {"a": 30, "b": 5, "c": 30}
    pairs, _ = make_pairs()
    drawn = draw_pairs(pairs, *owners(pairs), BANDS, ACCEPT_FROM, 160, seed=1)
    assert drawn["stratum"].value_counts().between(19, 21).all() and drawn["stratum"].nunique() == 8
    assert not drawn.duplicated(["identity_id_l", "identity_id_r"]).any()
    pd.testing.assert_frame_equal(drawn, draw_pairs(pairs, *owners(pairs), BANDS, ACCEPT_FROM, 160, seed=1))


def test_what_a_reviewer_finds_covers_the_truth():
    """Thirty samples, seeds 1 to 30, judged without error: the 95 % intervals of precision and recall must cover in at least 25."""
    pairs, is_same = make_pairs()
    same, accepted = pairs["identity_id_r"].map(is_same), pairs["match_probability"] >= ACCEPT_FROM
    truth = {"precision": (same & accepted).sum() / accepted.sum(), "recall": (same & accepted).sum() / same.sum()}
    covers = dict.fromkeys(truth, 0)
    values = {measure: [] for measure in truth}
    for seed in range(1, 31):
        drawn = draw_pairs(pairs, *owners(pairs), BANDS, ACCEPT_FROM, 240, seed)
        found = estimate_from_decisions(drawn, judge(drawn, is_same)).query("arm == 'all'").set_index("measure")
        for measure, true in truth.items():
            covers[measure] += found.loc[measure, "ci_low"] <= true <= found.loc[measure, "ci_high"]
            values[measure].append(found.loc[measure, "value"])
    assert min(covers.values()) >= 25
    assert all(np.mean(values[measure]) == pytest.approx(true, abs=0.01) for measure, true in truth.items())


def test_unsure_pairs_are_left_out_and_bound_the_value_from_both_sides():
    drawn = pd.DataFrame({"review_id": range(1, 5), "arm": "referred", "stratum": "s", "n_in_stratum": 40, "is_accepted": True, "person": list("abcd")})
    row = estimate_from_decisions(drawn, pd.Series(["same", "same", "different", "unsure"], index=range(1, 5))).iloc[0]
    assert row["value"] == pytest.approx(2 / 3) and row["value_if_two"] == 0.5 and row["value_if_one"] == 0.75
    assert (row["n_pairs"], row["n_unsure"]) == (3, 1)


def test_mistakes_of_one_kind_are_told_together_and_no_word_is_quoted():
    drawn = pd.DataFrame({"review_id": range(1, 8)})
    decisions = pd.DataFrame({"review_id": ["1", "2", "2", "4", "5", "99", "6"], "decision": ["same", "Different ", "same", "Ann Quattlebaum", "", "same", "perhaps"]})
    found = " ".join(find_mistakes(decisions, drawn))
    for words in ("1 review_id(s) were not drawn", "99", "more than once", "2 review_id(s) are missing", "3, 7", "2 review_id(s) hold another word", "4, 6", "hold no decision yet", "5."):
        assert words in found
    assert "Quattlebaum" not in found and "perhaps" not in found


def test_a_review_speaks_of_the_linkage_it_was_made_of_only():
    levels = pd.DataFrame({"comparison": ["sex"], "gamma": [1], "match_weight": [1.0]})
    thresholds = pd.DataFrame({"accept_from": [0.95], "is_chosen": [True], "n_pairs": [100], "n_people": [50]})
    review = pd.DataFrame({"measure": ["precision"], "linkage": [name_linkage(levels, thresholds)]})
    assert len(keep_current(review, levels, thresholds)) == 1
    assert keep_current(review, levels, thresholds.assign(n_pairs=101)).empty


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project in which stage 02 has run on two people with a few contacts each."""
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    text = yaml.safe_dump({"linkage": read_section("linkage"), "clerical_review": read_section("clerical_review"), "disclosure": {"threshold": 10, "rounding": 5}})
    (tmp_path / "params.yaml").write_text(text)
    (tmp_path / "data" / "reference").mkdir(parents=True)
    (tmp_path / "reports").mkdir()
    monkeypatch.chdir(tmp_path)
    ids = list("abcdefgh")
    details = dict.fromkeys(["forename", "sex", "phone", "address", "postcode", "nominal_id"])
    write_table("contacts", pd.DataFrame({"contact_id": ids, "surname": "Quattlebaum", "date_of_birth": pd.Timestamp("1980-05-17"), **details}))
    write_table("contact_identities", pd.DataFrame({"contact_id": ids, "identity_id": range(1, 9)}))
    write_table("pairs", pd.DataFrame({"identity_id_l": [1, 2, 5, 6], "identity_id_r": [2, 3, 6, 7], "match_probability": [0.99, 0.97, 0.9999, 0.3]}))
    write_table("links", pd.DataFrame({"contact_id": ids, "person_id": ["P"] * 4 + ["Q"] * 4, "match_probability": 1.0}))
    write_table("persons", pd.DataFrame({"person_id": ["P", "Q"], "client_id": ["C", None]}))
    write_table("match_levels", pd.DataFrame({"comparison": ["sex"], "gamma": [1], "match_weight": [1.0]}))
    write_table("link_thresholds", pd.DataFrame({"accept_from": [0.95], "is_chosen": [True], "n_pairs": [3], "n_people": [2]}))
    return tmp_path


def read_section(name):
    from pipeline.params import load_sections

    return load_sections(name)[name]


def test_a_sample_is_drawn_judged_and_read_back(project):
    draw_sample(None)
    path = private_folder("clerical_review") / "pairs.csv"
    shown = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
    assert len(shown) == 4 and shown["decision"].isna().all()
    assert not [name for name in shown if "probability" in name or "arm" in name]
    shown.assign(decision="Same").to_csv(path, index=False, sep=";")
    read_decisions(None)
    text = (project / "data/reference/clerical_review.csv").read_text()
    found = pd.read_csv(project / "data/reference/clerical_review.csv").query("arm == 'all'").set_index("measure")
    assert found.loc["precision", "value"] == 1 and found.loc["recall", "value"] == 0.75
    assert "Quattlebaum" not in text and found["n_pairs"].isna().all()


def test_a_reviewers_decisions_are_never_written_over(project):
    draw_sample(None)
    path = private_folder("clerical_review") / "pairs.csv"
    path.write_text("a reviewer's work")
    with pytest.raises(InputError, match="a sample is there already"):
        draw_sample(None)
    assert path.read_text() == "a reviewer's work"


@pytest.mark.parametrize("file, told", [("reports/pairs.csv", "leaves the secure disk"), ("reports/../reports/pairs.csv", "leaves the secure disk"), ("pairs.csv", "under version control")])
def test_a_sample_never_lies_where_it_could_leave(project, file, told):
    with pytest.raises(InputError, match=told):
        draw_sample(file)
    assert not (project / file).exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_what_a_reviewer_reads_is_its_owners_only(project):
    draw_sample(None)
    assert stat.S_IMODE(private_folder("clerical_review").stat().st_mode) == 0o700


def test_the_readers_mistakes_are_told(project):
    draw_sample(None)
    with pytest.raises(InputError, match="4 review_id\\(s\\) hold no decision yet"):
        read_decisions(None)
