"""Which links hold people together, which of them nominal ids call right, and whether calibrated probabilities keep their word."""

import numpy as np
import pandas as pd
import pytest

from pipeline.calibration import (
    LOG_2, Line, around_known, calibrate, draw_known, fit_line, label_links, reliability, span_people,
)  # fmt: skip


def pairs_of(*rows):
    """Pairs; a row is (left, right, match_weight)."""
    table = pd.DataFrame(rows, columns=["identity_id_l", "identity_id_r", "match_weight"])
    return table.assign(match_probability=1 / (1 + np.exp2(-table["match_weight"])))


def identities_of(**nominals):
    """Identities by name, each with its nominal id or None."""
    return pd.DataFrame({"identity_id": list(nominals), "nominal_id": pd.Series(list(nominals.values()), dtype="str")})


def test_the_forest_keeps_the_strongest_links_that_hold_people_together():
    """A triangle a-b 9, b-c 7, a-c 5 and apart from it d-e 3: a-c follows from the other two."""
    found = span_people(pairs_of(("a", "b", 9.0), ("b", "c", 7.0), ("a", "c", 5.0), ("d", "e", 3.0)))
    assert list(zip(found["identity_id_l"], found["identity_id_r"])) == [("a", "b"), ("b", "c"), ("d", "e")]


def test_the_forest_has_the_same_people_at_every_threshold():
    rng = np.random.default_rng(3)
    ends = np.sort(rng.integers(0, 60, (300, 2)), axis=1)
    table = pd.DataFrame(ends[ends[:, 0] < ends[:, 1]], columns=["l", "r"]).drop_duplicates()
    pairs = pairs_of(*((f"i{one:02}", f"i{other:02}", weight) for one, other, weight in zip(table["l"], table["r"], rng.integers(-4, 20, len(table)).astype(float))))
    for least in (-4, 3, 11, 17):
        assert parts(pairs[pairs["match_weight"] >= least]) == parts(span_people(pairs).query("match_weight >= @least"))


def parts(pairs):
    """The groups that pairs hold together, as a set of sets."""
    group = {}
    for one, other in zip(pairs["identity_id_l"], pairs["identity_id_r"]):
        together = group.get(one, {one}) | group.get(other, {other})
        group.update(dict.fromkeys(together, frozenset(together)))
    return set(group.values())


def test_a_link_is_labelled_by_the_nominal_ids_of_the_groups_it_joins():
    """a-b have N1 from a; c has N2, d N1. b-c joins N1 to N2: wrong. c-d joins the N1 of two to N1: right. e has none."""
    forest = span_people(pairs_of(("a", "b", 9.0), ("b", "d", 8.0), ("b", "c", 7.0), ("d", "e", 6.0)))
    found = label_links(forest, identities_of(a="N1", b=None, c="N2", d="N1", e=None))
    assert found["is_same"].tolist()[1:3] == [True, False]
    assert found["is_same"].isna().tolist() == [True, False, False, True]


def test_too_few_labels_leave_probabilities_as_they_are():
    labelled = pairs_of(*((f"a{i}", f"b{i}", 5.0) for i in range(50))).assign(is_same=1.0, share_known=0.5)
    line = fit_line(labelled)
    assert not line.is_fitted and line.slope == LOG_2
    assert calibrate(np.array([0.0, 3.0]), line) == pytest.approx([0.5, 8 / 9])


def test_the_line_recovers_how_overconfident_a_model_is():
    """Links right with log odds 1 + 0.3 W, every wrong one seen; the line must find both within three standard errors."""
    rng = np.random.default_rng(4)
    weight = rng.uniform(-4, 15, 20_000)
    is_same = rng.random(len(weight)) < 1 / (1 + np.exp(-1 - 0.3 * weight))
    line = fit_line(pd.DataFrame({"match_weight": weight, "is_same": is_same.astype(float), "share_known": 1.0}))
    errors = np.sqrt(np.diag(line.covariance))
    assert abs(line.intercept - 1) < 3 * errors[0] and abs(line.slope - 0.3) < 3 * errors[1]
    assert errors[1] < 0.02


def test_wrong_links_that_nobody_could_label_are_counted():
    """A third of people have an id, so a wrong link between two of them is labelled a third as often as a right one."""
    rng = np.random.default_rng(5)
    weight = rng.uniform(0, 10, 60_000)
    is_same = rng.random(len(weight)) < 1 / (1 + np.exp(-0.5 - 0.3 * weight))
    is_seen = is_same | (rng.random(len(weight)) < 1 / 3)
    labelled = pd.DataFrame({"match_weight": weight, "is_same": np.where(is_seen, is_same, np.nan).astype(float), "share_known": 1 / 3})
    assert fit_line(labelled).intercept == pytest.approx(0.5, abs=0.1)


def test_bins_show_what_was_promised_and_what_was_kept():
    """Four links of weight 1 (two thirds each), three right: share 0.75 of 4."""
    links = pairs_of(*((f"a{i}", f"b{i}", 1.0) for i in range(4))).assign(is_same=[1.0, 1.0, 1.0, 0.0])
    found = reliability(links, Line(0.0, LOG_2, np.zeros((2, 2)), 0, 0, False), "truth").iloc[0]
    assert (found["expected"], found["share_right"], found["n"], found["n_wrong"]) == pytest.approx((2 / 3, 0.75, 4, 1))
    assert found["ci_low"] < 0.75 < found["ci_high"]


def test_known_people_are_looked_at_without_their_ids():
    identities = identities_of(a="N1", b=None, c="N2", d=None)
    known = draw_known(identities, 10, 1)
    assert known["identity_id"].tolist() == ["a", "c"] and known["nominal_id"].isna().all()
    assert len(draw_known(identities, 1, 1)) == 1
    near = around_known(identities, known, pd.DataFrame({"identity_id_l": ["b"]}))
    assert near["identity_id"].tolist() == ["a", "b", "c"] and near["nominal_id"].isna().all()
