"""The report on the audit: what stands on the first page, in the limits and in the section, whole, partial or without an audit."""

import ast
import re
from pathlib import Path

import audit_frames
import numpy as np
import pandas as pd
import pytest
import report_frames
from test_report import controlled_tables, pictures

from pipeline import labels
from pipeline.analysis_plan import compare_with_plan
from pipeline.audit_verdicts import judge_designs
from pipeline.audit_wording import describe_limits
from pipeline.audit_worlds import list_worlds
from pipeline.bracket import bracket_designs
from pipeline.figures import Picture, finish_figure
from pipeline.figures_audit import draw_bias, draw_coverage
from pipeline.labels import name_design
from pipeline.params import check_params, load_sections
from pipeline.report import build_context, write_report
from pipeline.report_audit import round_audit

PARAMS = check_params(load_sections())
WORLDS = PARAMS.audit.worlds
BROKEN = [world for world in list_worlds() if world not in WORLDS]


def tables_with(audit, effects=None):
    """The tables of a report with this audit; a second valid design stands among the effects."""
    tables = controlled_tables()
    effects = with_matched_sets(tables["effects"], -0.27) if effects is None else effects
    verdicts = judge_designs(audit, PARAMS.audit)
    bracket = bracket_designs(effects, verdicts, audit_frames.pairs(WORLDS), WORLDS, PARAMS.plan, 0.95)
    return tables | {"effects": effects} | round_audit({
        "audit": audit, "audit_pairs": audit_frames.pairs(WORLDS), "audit_verdicts": verdicts, "audit_limits": describe_limits(audit, verdicts, PARAMS.audit), "bracket": bracket, "analysis_plan": compare_with_plan(PARAMS.plan, PARAMS, effects),
    })  # fmt: skip


def with_matched_sets(effects, estimate, error=0.08):
    row = effects[effects["estimator"].eq("sequential_trials") & effects["estimand"].eq("referral")].iloc[[0]]
    return pd.concat([effects, row.assign(estimator="matched_sets", estimate=estimate, std_error=error, ci_low=estimate - 1.96 * error, ci_high=estimate + 1.96 * error, status="estimated")], ignore_index=True)


def text_of(tables, is_simulated=True):
    drawn = [Picture(f"audit_{name}.png", f"Caption of {name}", "What it shows", b"") for name in ("bias", "coverage")]
    return write_report(build_context(tables, [*pictures(), *drawn], PARAMS, is_simulated)).replace("\\", "")


def first_page(text):
    return text[: text.index("## The published figures, counted again")]


def test_where_valid_designs_agree_the_first_page_has_one_number_and_says_so():
    page = first_page(text_of(tables_with(audit_frames.audit(WORLDS))))
    assert "42% fewer police contacts" in page and "2 designs that the audit of the method found valid agree" in page and "bracket" not in page


def test_where_valid_designs_disagree_the_first_page_has_their_bracket_instead():
    effects = with_matched_sets(controlled_tables()["effects"], -0.85)
    text = text_of(tables_with(audit_frames.audit(WORLDS), effects))
    page = first_page(text)
    assert "the answer is a bracket and not one number" in page and "between 57% fewer" in page and "and 26% fewer" in page and "42% fewer" not in page
    assert "an estimated 43 to 74 were made with it" in page
    assert "They do not: some pair differs beyond chance" in text and "calls them different in 5% of draws" in text
    assert "people referred had between 57% fewer and 26% fewer" in text[text.index("### You can say") :]


def test_the_audit_stands_in_the_section_and_broken_assumptions_in_the_limits():
    text = text_of(tables_with(audit_frames.audit(WORLDS, BROKEN)))
    limits = text[text.index("## Limits") : text.index("## Rival explanations")]
    assert "With selection on a hidden state" in limits and "understates a fall" in limits and limits.count("\n- ") >= len(BROKEN)
    section = text[text.index("## The plan, and the audit that chose it") : text.index("## Limits")]
    assert "24 simulated worlds, 200 replicates each" in section and "The worlds are simulated" in section and "The primary analysis of this run is that of the plan" in section
    assert "Caption of bias" in section and "Caption of coverage" in section and "0.010 ± 0.005" in section and "finds a clear change in 100% of replicates" in section
    assert not re.search(r"\b(nan|None|NaN|inf|<NA>)\b", text)


@pytest.mark.parametrize("audit", [audit_frames.audit(WORLDS[:3], ["hidden state"]), audit_frames.audit(WORLDS, []), audit_frames.audit(WORLDS[:1], []).query("estimator == 'naive'"), audit_frames.audit(WORLDS).assign(n_replicates=20)])
def test_an_audit_that_lacks_worlds_designs_or_replicates_says_so_and_nothing_is_left_blank(audit):
    text = text_of(tables_with(audit))
    assert "The audit is not complete" in text or set(WORLDS) <= set(audit["world"])
    assert not re.search(r"\b(nan|None|NaN|inf|<NA>)\b", text) and "nothing to show" not in text[text.index("## The plan, and the audit") : text.index("## Limits")]
    assert not re.search(r"#+ [^\n]+\n+#+ ", text[text.index("## The plan, and the audit") : text.index("## Limits")])


def test_without_an_audit_the_plan_stands_alone():
    text = text_of(tables_with(audit_frames.audit(WORLDS).iloc[:0]))
    assert "has no results here" in text and "How wrong the answer would be" not in text and "Caption of bias" not in text


def test_a_primary_that_the_audit_finds_invalid_stands_in_the_first_lines():
    audit = audit_frames.audit(WORLDS)
    audit.loc[audit["world"].eq("long bursts") & audit["estimator"].eq("sequential_trials") & audit["estimand"].eq("referral"), "coverage"] = 0.6
    lines = [line for line in text_of(tables_with(audit)).splitlines() if line.strip()]
    assert "Not supported" in lines[2] and any("the primary design is not valid (the audit found it invalid (coverage in long bursts))" in line for line in lines[:6])


def null_effects(estimate_matched):
    """Estimates of a world without effect: a steep naive fall, and intervals about none."""
    effects = controlled_tables()["effects"]
    is_naive = effects["estimator"].eq("naive")
    effects.loc[~is_naive, "estimate"] = 0.03
    effects["ci_low"], effects["ci_high"] = (effects["estimate"] + side * 1.96 * effects["std_error"] for side in (-1, 1))
    effects.loc[~is_naive, "p_value"] = 0.7
    return with_matched_sets(effects, estimate_matched)


@pytest.mark.parametrize("estimate_matched, is_bracket", [(0.06, False), (-0.3, True)])
def test_a_world_without_effect_gets_a_report_that_found_none_beside_the_naive_fall(estimate_matched, is_bracket):
    text = text_of(tables_with(audit_frames.audit(WORLDS), null_effects(estimate_matched)) | {"claims": report_frames.claims().assign(controlled=[-3.0, 0.1, 0.1, np.nan], ci_low=[-40.0, -8.0, -8.0, np.nan], ci_high=[25.0, 8.0, 8.0, np.nan])})
    page = first_page(text)
    assert "The result is inconclusive: no clear effect on demand was found." in page and ("bracket" in page) == is_bracket
    assert "gives a fall of 80.9%" in page and "finds a clear change in 100% of replicates: a fall of 63% in contacts on average" in page
    can_say = text[text.index("### You can say") : text.index("### You cannot say")].lower()
    assert "no clear effect of being referred was found" in can_say and "which by itself is no evidence of an effect" in can_say
    assert "That the scheme has no effect: an inconclusive result is not evidence of none." in text


def test_the_figures_draw_whatever_worlds_and_designs_there_are_and_say_what_they_show():
    for audit in (audit_frames.audit(WORLDS, BROKEN), audit_frames.audit(WORLDS[:1], []), audit_frames.audit(WORLDS).iloc[:0]):
        for drawing in (draw_bias(audit, WORLDS), draw_coverage(audit, WORLDS, PARAMS.audit.coverage_aim)):
            assert len(finish_figure("audit", "", drawing, dpi=20).png) > 1000
            assert (drawing[1] == "") == audit.empty
    alt = draw_coverage(audit_frames.audit(WORLDS, BROKEN), WORLDS, PARAMS.audit.coverage_aim)[1]
    assert "Sequential trials: 95% to 95% where its assumptions hold, 40% to 95% where one is broken." in alt


def test_no_design_of_the_audit_is_called_by_its_code():
    assert [name_design(name) for name in ("sequential_trials_followed", "sequential_trials")] == ["Sequential trials, later referrals left in", "Sequential trials"]


def test_no_label_is_written_twice_so_that_one_hides_the_other():
    tree = ast.parse(Path(labels.__file__).read_text(encoding="utf-8"))
    keys = [[key.value for key in node.keys] for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    assert all(len(found) == len(set(found)) for found in keys)
