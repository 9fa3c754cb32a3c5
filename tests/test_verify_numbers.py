"""Every number in a table of the report is traced: to one controlled table, to several, to their groups, or to what is worked out again from them."""

import numpy as np
import pandas as pd
import pytest

from pipeline.verify_again import correct_outcomes, find_shifts
from pipeline.verify_numbers import verify_numbers
from pipeline.verify_pages import Page, read_numbers
from pipeline.verify_sentences import verify_sentences

WORLDS = ["a", "b", "c", "d", "e", "f"]


def counts():
    """People by source: who came, who met somebody, and how many were referred twice."""
    return pd.DataFrame({"source": WORLDS, "kind": ["x", "x", "y", "y", "y", "z"], "n_people": [525, 165, 155, 115, 100, 70], "n_engaged": [280, 80, 80, 75, 65, 35]})


def thresholds():
    return pd.DataFrame({"accept_from": [0.1, 0.3, 0.5, 0.7, 0.8, 0.9], "n_pairs": [4535, 4485, 4360, 4315, 4280, 4195]})


def truths():
    rows = [(at, measure, round(value, 4)) for at, value in zip(thresholds()["accept_from"], np.linspace(0.9, 0.98, 6)) for measure, value in (("precision", value), ("recall", 1.877 - value))]
    return pd.DataFrame(rows, columns=["accept_from", "measure", "value"])


def items():
    return pd.DataFrame({"checklist": list("AAAABBBCCD"), "status": ["met", "met", "not met", "met", "met", "met", "open", "met", "not met", "met"]})


SHOWN = {
    "a share of the people in the row": ({"counts": counts()}, [[row.source, f"{row.n_people}", f"{100 * row.n_engaged / row.n_people:.0f}%"] for row in counts().itertuples()]),
    "a share of the group's total": ({"counts": counts()}, [[row.source, f"{row.n_people}", f"{100 * row.n_people / sum(counts().loc[counts()['kind'] == row.kind, 'n_people']):.0f}%"] for row in counts().itertuples()]),
    "two tables side by side": (
        {"thresholds": thresholds(), "truths": truths()},
        [[f"{row.accept_from}", f"{row.n_pairs:,}", *(f"{value:.3f}" for value in truths().loc[truths()["accept_from"] == row.accept_from, "value"])] for row in thresholds().itertuples()],
    ),
    "rows counted": ({"items": items()}, [[f"List {name}", str(len(rows)), *(str((rows["status"] == status).sum()) for status in ("met", "not met", "open"))] for name, rows in items().groupby("checklist")]),
}


def find_wrong(tables, rows):
    """The failures of a page with one table of these rows."""
    page = Page(tables={"shown": rows})
    ((_, checked, wrong),) = verify_numbers(page, tables)
    assert checked
    return wrong


@pytest.mark.parametrize("what", SHOWN)
def test_a_number_made_from_the_tables_is_traced_and_a_changed_one_is_found(what):
    tables, rows = SHOWN[what]
    assert find_wrong(tables, rows) == []
    for column in range(1, len(rows[0])):
        number = rows[2][column]
        forged = [[cell if (place, at) != (2, column) else str(int(number[0]) + 1) + number[1:] for at, cell in enumerate(row)] for place, row in enumerate(rows)]
        assert find_wrong(tables, forged), (what, column)


def test_a_number_beside_the_heading_of_another_row_is_found():
    """Every number stands somewhere in the column of values: only the heading says which it should be."""
    stated = pd.DataFrame({"parameter": [f"panel.{name}" for name in WORLDS], "value": ["12", "24", "12", "90", "24", "12"]})
    rows = stated.to_numpy().tolist()
    assert find_wrong({"stated": stated}, rows) == []
    rows[3][1] = "24"
    assert len(find_wrong({"stated": stated}, rows)) == 1


def test_a_table_of_few_rows_must_agree_with_the_one_of_its_name():
    released = {"counts": counts().head(2), "elsewhere": pd.DataFrame({"n": range(1, 600)})}
    rows = [["First", "525", "280"], ["Second", "165", "80"]]
    for name, number, n_wrong in (("counts", "280", 0), ("counts", "281", 2)):
        ((_, _, wrong),) = verify_numbers(Page(tables={name: [[*rows[0][:2], number], rows[1]]}), released)
        assert len(wrong) == n_wrong


def test_a_table_that_nothing_explains_is_held_number_by_number():
    rows = [[f"Row {place}", f"{at}"] for place, at in enumerate((61, 877, 987, 12, 45), 1)]
    assert len(find_wrong({"counts": counts()}, rows)) == 5


def test_a_sentence_in_a_cell_is_read_with_the_prose():
    said = [[name, f"Of those who came through this door, {met} of {came} people met somebody who had been there."] for name, came, met in zip(WORLDS, counts()["n_people"], counts()["n_engaged"])]
    assert verify_sentences(Page(tables={"shown": said}), {"counts": counts()})[0][1:] == (6, [])
    said[3][1] = said[3][1].replace("75", "85")
    assert len(verify_sentences(Page(tables={"shown": said}), {"counts": counts()})[0][2]) == 1


def test_a_number_that_a_template_cites_is_no_result_between_other_words_it_is():
    cited = "In one town use fell by 38 points after a programme; 12 people were asked."
    assert verify_sentences(Page(blocks=[("Why", cited)]), {"counts": counts()}, cited)[0][2] == []
    assert len(verify_sentences(Page(blocks=[("Why", "Demand fell by 38 percent after it.")]), {"counts": counts()}, cited)[0][2]) == 1


def test_corrected_p_values_of_other_outcomes_follow_holm():
    """0.01, 0.02 and 0.04 become 3 x 0.01, 2 x 0.02 and 0.04; the plan's own outcome takes no part."""
    effects = pd.DataFrame({"outcome": ["n_contacts", "n_101", "n_999", "n_caller"], "estimator": "complier", "p_value": [0.001, 0.02, 0.01, 0.04]})
    assert correct_outcomes({"effects": effects})["p_corrected"].tolist() == pytest.approx([0.04, 0.03, 0.04])


def test_the_shift_of_a_choice_is_the_mean_over_pairs_that_differ_in_it_alone():
    """Two outcomes by two windows: a window of 6 months moves the estimate by 0.1 and by 0.3; a specification that is not valid does not count."""
    rows = [("calls", 12, True, True, 0.0), ("calls", 6, True, False, 0.1), ("visits", 12, True, False, 0.2), ("visits", 6, True, False, 0.5), ("visits", 3, False, False, 9.0)]
    table = pd.DataFrame(rows, columns=["outcome", "months_after", "is_valid", "is_primary", "estimate"]).assign(estimator="one")[["outcome", "estimator", "months_after", "is_valid", "is_primary", "estimate"]]
    found = find_shifts(table).set_index("choice")
    assert found.loc["months_after", ["shift", "shift_low", "shift_high"]].tolist() == pytest.approx([0.2, 0.1, 0.3])
    assert found.loc["outcome", "n_pairs"] == 2


@pytest.mark.parametrize(
    "text, value, decimals", [("\u2212\u2060£1.22 million", -1220000, -4), ("£70,300", 70300, -2), ("£220,000", 220000, -3), ("£1,066", 1066, 0), ("£912", 912, 0), ("1,000", 1000, 0)]
)
def test_pounds_are_read_with_the_figures_they_are_rounded_to(text, value, decimals):
    assert [number[:2] for number in read_numbers(text)] == [(value, decimals)]
