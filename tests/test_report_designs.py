"""The report's section on comparisons and other designs: every row in plain words, nothing empty, no missing number shown."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import report_frames

from pipeline.effects_table import COLUMNS
from pipeline.report_designs import DESIGNS, is_other_design, show_designs, show_matches, show_questions, write_section
from pipeline.report_tables import note_of, show_effects, write_averted

TEMPLATE = (Path(__file__).parent.parent / "pipeline/templates/designs.md.j2").read_text(encoding="utf-8")
PARAMETERS = SimpleNamespace(
    disclosure=SimpleNamespace(threshold=10, rounding=5), effect=SimpleNamespace(confidence=0.95, matches=5, caliper=0.75, caliper_alone=0.4)
)


def design_rows():
    """All other designs, one of them flagged."""
    rows = pd.DataFrame({"estimator": DESIGNS, "outcome": "n_contacts", "comparison": "not_yet_referred", "estimand": "referral", "estimate": -0.4, "ci_low": -0.6, "ci_high": -0.2})
    rows = rows.assign(status="estimated", n_people=500, n_person_months=6000, n_averted=950.0, n_averted_low=400.0, n_averted_high=1600.0).reindex(columns=COLUMNS)
    rows.loc[0, "status"] = "estimated; 55 referred without a match left out"
    rows.loc[3, ["estimate", "ci_low", "ci_high", "n_averted", "n_averted_low", "n_averted_high"]] = np.nan
    rows.loc[3, "status"] = "not estimable: the referred have no contacts before time zero"
    rows.loc[5, "comparison"] = "none"
    return rows


def tables():
    balance = pd.concat([report_frames.balance().assign(treated=treated, comparison=against) for treated, against in
                         [("referred", "not_yet_referred"), ("never_engaged", "not_yet_referred"), ("engaged", "not_yet_referred"), ("engaged", "never_engaged")]])
    matched = pd.DataFrame([("matched_sets", "referred with a match", 880.0, True), ("matched_sets", "referred without a match", np.nan, True), ("matched_sets", "sets per comparison person", 1.92, False)],
                           columns=["estimator", "measure", "value", "is_count"])  # fmt: skip
    return {"effects": pd.concat([report_frames.effects(), design_rows()], ignore_index=True), "balance": balance, "matched_sets": matched}


def test_the_three_questions_stand_in_their_order():
    shown = show_questions(tables()["balance"], tables()["effects"], 10)
    assert [words[:3] for words in shown["Question"]] == ["(a)", "(b)", "(c)", "(c)", "(c)"]
    assert shown["Ratio"].tolist() == ["0.74", "0.98", "0.58", "0.60", "0.61"]
    assert shown["Worth"].iloc[0] == "812" and shown["Difference after"].iloc[0] == "0.06" and shown["Overlap"].iloc[0] == "99.0%"


def test_a_flagged_design_says_why_and_one_without_comparison_averts_nothing():
    shown = show_designs(tables()["effects"], 10)
    assert len(shown) == len(DESIGNS)
    assert "55 referred without a match left out" in shown.loc[0, "Design"]
    assert "(not estimable: the referred have no contacts before time zero)" in shown.loc[3, "Design"] and shown.loc[3, "Ratio"] == "–"
    assert shown.loc[5, "Contacts averted"] == "–" and shown.loc[1, "Contacts averted"].replace("\u00a0", " ") == "950 (400 to 1,600)"


def test_other_designs_do_not_stand_among_the_main_estimates_twice():
    effects = tables()["effects"]
    assert is_other_design(effects).sum() == len(DESIGNS)
    assert len(show_effects(effects[~is_other_design(effects)], 10)) == len(report_frames.effects())


def test_sets_are_shown_side_by_side_and_small_counts_are_not():
    shown = show_matches(tables()["matched_sets"], 10).set_index("Measure")
    assert shown.loc["Referred without a match", "Near twins"] == "fewer than 10" and shown.loc["Sets per comparison person", "Near twins"] == "1.92"
    assert (shown["Sets for the regression"] == "–").all()


def test_the_section_holds_no_missing_number_and_no_empty_part():
    section = str(write_section(tables(), PARAMETERS, TEMPLATE))
    assert not [word for word in ("nan", "None", "NA ", "<NA>") if word in section]
    assert section.count("\n####") == 2
    bare = tables() | {"matched_sets": tables()["matched_sets"].head(0)}
    assert "standard deviations per span" not in str(write_section(bare, PARAMETERS, TEMPLATE))


def test_notes_come_from_the_status():
    assert note_of(SimpleNamespace(status="estimated")) == ""
    assert note_of(SimpleNamespace(status="estimated; interval unbounded")) == " (interval unbounded)"
    assert note_of(SimpleNamespace(status="not estimable: nobody engaged")) == " (not estimable: nobody engaged)"
    lost = SimpleNamespace(comparison="not_yet_referred", n_averted=-20.0, n_averted_low=-45.0, n_averted_high=5.0)
    assert write_averted(lost).replace("\u00a0", " ") == "−20 (−45 to 5)"
