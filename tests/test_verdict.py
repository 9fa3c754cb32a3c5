"""The first page in each kind of verdict, the level of evidence and the limits: worked out, worded, never blank."""

import re

import numpy as np
import pandas as pd
import pytest
import report_frames
from test_report import controlled_tables, pictures

from pipeline import verdict
from pipeline.disclosure_rates import NOT_SHOWN
from pipeline.main_limits import rank_limits
from pipeline.maryland import grade_evidence, level_of
from pipeline.params import check_params, load_sections
from pipeline.report import build_context, write_report
from pipeline.report_evidence import show_strength, write_strength
from pipeline.report_limits import write_limits

PARAMS = check_params(load_sections())
PLAN = PARAMS.plan
BLANK = re.compile(r"\b(nan|None|NaN|NaT|inf|<NA>)\b")


def effects_without(*estimators):
    effects = report_frames.effects()
    return effects[~effects["estimator"].isin(estimators)].reset_index(drop=True)


def inconclusive():
    effects = report_frames.effects()
    wide = effects["estimator"].isin(["sequential_trials", "complier"])
    effects.loc[wide, ["ci_low", "ci_high"]] = [-0.5, 0.4]
    return effects


def reached(effects, failures=()):
    return verdict.reach_verdict(effects, list(failures))


def said(found):
    return " ".join(verdict.list_can_say(found, report_frames.claims(), False)), " ".join(verdict.list_cannot_say(found, report_frames.claims(), False))


COMPARED = ("sequential_trials", "complier", "complier_unengaged_0.9")
KINDS = {
    "supported": (report_frames.effects, ()),
    "inconclusive": (inconclusive, ()),
    "failed": (report_frames.effects, ("balance: 0.300 against a pass mark of 0.100",)),
    "consistent": (lambda: effects_without(*COMPARED), ()),
    "no comparison": (lambda: effects_without(*COMPARED, "lagged_outcome"), ()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_verdict_is_named(kind):
    make, failures = KINDS[kind]
    assert reached(make(), failures).kind == kind


def test_a_supported_result_can_be_said_with_its_interval_and_its_assumption():
    can, cannot = said(reached(report_frames.effects()))
    assert "People referred had 26% fewer police contacts" in can and "If a referral that nobody took up does nothing, those who engaged had 42% fewer" in can
    assert "no evidence of an effect, because" in can and "no effect: an inconclusive" not in cannot and "this scheme alone" in cannot


def test_an_inconclusive_result_has_the_wording_of_the_justice_data_lab_and_claims_neither():
    can, cannot = said(reached(inconclusive()))
    assert "No clear effect of being referred was found" in can and "More people would need to be available for analysis" in can
    assert "should not be taken to mean that the scheme has no effect" in can and "an inconclusive result is not evidence of none" in cannot
    assert "those who engaged had" not in can


def test_a_missed_pass_mark_takes_every_statement_of_effect_away():
    can, cannot = said(reached(report_frames.effects(), ["balance: 0.3 against a pass mark of 0.1"]))
    assert "do not support a statement about the effect" in can and "fewer" not in can
    assert "That the scheme works, or that it does not" in cannot


def test_without_a_complier_effect_nothing_is_said_of_the_engaged():
    can, cannot = said(reached(effects_without("complier", "complier_unengaged_0.9")))
    assert "the answer is about being referred" in can and "those who engaged had" not in can
    assert "What the scheme did for those who engaged" in cannot


def test_with_the_never_engaged_as_the_only_comparison_a_result_is_at_most_consistent():
    found = reached(effects_without(*COMPARED))
    sentence = verdict.write_consistent(found.beside, 0.95)
    assert "39% fewer police contacts" in sentence and "consistent with an effect of the scheme, and just as consistent with people who want to change" in sentence
    assert "any part of the fall is due to the scheme" in said(found)[1]


def test_without_any_comparison_only_the_count_is_left():
    can, cannot = said(reached(effects_without(*COMPARED, "lagged_outcome")))
    assert "nobody could be compared" in can and "gives a fall of 80.9%" in can and "nobody shows what would have happened" in cannot


def test_a_simulated_set_is_never_said_to_be_the_real_scheme():
    found = reached(report_frames.effects())
    assert all(line.startswith("In this simulated example") for line in verdict.list_can_say(found, report_frames.claims(), True))
    assert "simulated" in verdict.list_cannot_say(found, report_frames.claims(), True)[0]
    assert not any("simulated" in line for line in verdict.list_cannot_say(found, report_frames.claims(), False))


def test_of_100_clients_those_who_would_not_have_called_anyway_are_counted_apart():
    # 50.5 of 100 did not call, 9.1 of them because of the scheme: 41 would not have called in any case.
    assert "about 41 would not have called in any case, and 9 more did not" in verdict.write_of_100_clients(report_frames.claims(), 12)
    assert "because of the scheme" not in verdict.write_of_100_clients(report_frames.claims().assign(ci_low=-3.0), 12)
    assert verdict.write_of_100_clients(report_frames.claims().assign(controlled=np.nan), 12) == ""


@pytest.mark.parametrize("kind", [*KINDS, "no complier"])
def test_the_whole_report_is_right_in_every_kind_of_verdict(kind):
    tables = controlled_tables()
    make, failures = KINDS.get(kind, (lambda: effects_without("complier", "complier_unengaged_0.9"), ()))
    tables["effects"] = make()
    tables["model_checks"].loc[0, "passed"] = not failures
    text = write_report(build_context(tables, pictures(), PARAMS, False)).replace("\\", "")
    assert not BLANK.search(text)
    page = text[: text.index("## Effect")]
    opening = {"failed": "**Not supported.**", "inconclusive": "The result is inconclusive", "consistent": "Nobody not yet referred could be compared", "no comparison": "could not be estimated", "supported": "who engaged with the scheme had an estimated 42% fewer", "no complier": "who were referred had an estimated 26% fewer"}[kind]
    assert opening in page and "Level " in page
    assert check_headings(text) == []


def check_headings(text):
    """What is wrong with the headings of a report: a level skipped, or a heading with nothing below it."""
    lines = [line for line in text.splitlines() if line.strip()]
    wrong, last = [], 0
    for line, following in zip(lines, [*lines[1:], "# end"]):
        level = len(line) - len(line.lstrip("#")) if re.match(r"#{1,6} ", line) else 0
        if not level:
            continue
        below = len(following) - len(following.lstrip("#")) if re.match(r"#{1,6} ", following) else 0
        wrong += [line] if level > last + 1 or (below and below <= level) else []
        last = level
    return wrong


def checks(**passed):
    """The comparability checks, all passed but for those named with False; those named with None are missing."""
    rows = [(check, 0.5, 0.1, passed.get(check.replace("-", "_").replace(" ", "_"), True), "") for check in ("balance", "overlap", "effective comparisons", "pre-trend")]
    return pd.DataFrame([row for row in rows if row[3] is not None], columns=["check", "value", "pass_mark", "passed", "meaning"])


def graded(effects, model_checks):
    return level_of(grade_evidence(effects, model_checks, PLAN))


def test_the_level_is_3_with_a_comparison_shown_alike_and_never_more():
    assert graded(report_frames.effects(), checks()) == 3


@pytest.mark.parametrize("lacking", [{"balance": False}, {"overlap": False}, {"pre_trend": False}, {"effective_comparisons": False}, {"balance": None}, {"pre_trend": None}])
def test_the_level_falls_to_2_where_comparability_fails_or_was_not_checked(lacking):
    assert graded(report_frames.effects(), checks(**lacking)) == 2


def test_a_count_before_and_after_is_level_1_and_an_adjusted_one_level_2():
    naive = report_frames.effects().query("estimator == 'naive'")
    assert graded(naive, checks()) == 1
    assert graded(pd.concat([naive, naive.assign(estimator="interrupted_series")]), checks()) == 2
    assert graded(effects_without(*COMPARED), checks()) == 2
    assert graded(naive.iloc[:0], checks()) == 0


def test_a_check_whose_value_is_hidden_is_still_met_and_one_that_could_not_be_worked_out_is_not():
    hidden = checks()
    hidden.loc[1, "value"] = np.nan
    assert graded(report_frames.effects(), hidden) == 3
    assert "overlap met (value not shown)" in show_strength(grade_evidence(report_frames.effects(), hidden, PLAN)).replace("\\", "")
    hidden.loc[1, "passed"] = False
    assert graded(report_frames.effects(), hidden) == 2


def test_a_count_before_and_after_that_is_too_small_to_show_was_made_all_the_same():
    effects = report_frames.effects()
    effects.loc[effects["estimator"].eq("naive"), "estimate"] = np.nan
    grades = grade_evidence(effects.assign(status=NOT_SHOWN), checks(balance=False), PLAN)
    assert grades.set_index("level").loc[1, "met"] and level_of(grades) == 2


def test_an_estimate_that_could_not_be_had_reaches_no_level():
    effects = report_frames.effects()
    effects.loc[effects["estimator"].eq("sequential_trials"), "estimate"] = np.nan
    assert graded(effects, checks()) == 2


def test_the_level_is_told_with_its_variant_and_the_reason_it_is_no_higher():
    words = write_strength(grade_evidence(report_frames.effects(), checks(balance=False), PLAN)).replace("\\", "")
    assert "Level 2 of 5" in words and "alike. Level 3 is not reached" in words and "What Works Centre for Local Economic Growth" in words and "balance (that both groups are alike at time zero) 0.500 against a pass mark of 0.100" in words
    table = show_strength(grade_evidence(report_frames.effects(), checks(pre_trend=None), PLAN)).replace("\\", "")
    assert table.count("not possible") == 1 and "| 4 and 5: something as good as chance" in table and "pre-trend not checked" in table and not BLANK.search(table)


REACH = pd.Series({"ci_low": -0.9, "ci_high": -0.3})
AUDIT = pd.DataFrame(
    [("hidden state", "complier", "engaged", 0.15), ("selective engagement", "complier", "engaged", -0.21), ("links decay after referral", "complier", "engaged", -0.12), ("long bursts", "complier", "engaged", 9.0), ("hidden state", "naive", "engaged", 9.0)],
    columns=["world", "estimator", "estimand", "bias"],
)  # fmt: skip
OVERTURN = pd.DataFrame([("moves the nearer end of the interval to 1", 0.2, np.nan, np.nan), ("measured by nominal ids", 0.01, -0.01, 0.05)], columns=["what", "recall_loss", "ci_low", "ci_high"])


def limits(reach=REACH, n_failures=0, n_not_shown=0, **changed):
    flow = pd.DataFrame({"flow": "analysis", "step": [1, 2], "n_people": pd.array([1000, 900], dtype="Int64")})
    tables = {"effects": report_frames.effects(), "attrition": flow, "audit": AUDIT, "recall_to_overturn": OVERTURN} | changed
    return rank_limits(tables, reach, "engaged", PLAN, n_failures, n_not_shown)


def test_limits_are_ordered_by_how_far_they_could_move_the_answer():
    # The way from the nearer end (-0.3) to 0 is 0.3: selection 0.21 is 70 %, the interval's half-width 0.3 of 0.6 is 50 %,
    # fading links 0.12 are 40 %, a loss of 0.05 against 0.2 is 25 %; 900 of 1,000 are reached. Valid worlds and other designs do not count.
    found = limits()
    assert found["kind"].tolist() == ["hidden selection", "precision of the answer", "fading links", "recall", "not reached"]
    assert found["size"].tolist() == pytest.approx([0.7, 0.5, 0.4, 0.25, 0.1]) and found["limit"].iloc[0] == "selective engagement"


def test_what_failed_comes_before_what_could_and_what_is_missing_after():
    assert limits(n_failures=2, n_not_shown=3)["kind"].tolist()[:2] == ["pass marks", "hidden selection"]
    assert limits(n_not_shown=3)["kind"].tolist()[-2:] == ["not shown", "not reached"]
    assert limits(reach=None)["kind"].tolist() == ["no estimate", "not reached"]
    assert limits(reach=pd.Series({"ci_low": -0.4, "ci_high": 0.2}))["kind"].iloc[0] == "width"
    assert limits(reach=pd.Series({"ci_low": -np.inf, "ci_high": np.inf}))["limit"].tolist() == ["unbounded", "not reached"]


def test_a_referral_that_does_something_alone_is_a_limit_of_the_effect_of_engaging():
    effects = report_frames.effects()
    effects.loc[effects["estimand"].eq("never_engaged"), ["estimate", "ci_low", "ci_high"]] = [-0.27, -0.4, -0.1]
    assert limits(effects=effects)["kind"].tolist()[:2] == ["never engaged", "hidden selection"]


@pytest.mark.parametrize("changed", [{}, {"n_failures": 1}, {"reach": None}, {"reach": pd.Series({"ci_low": -0.4, "ci_high": np.inf})}, {"n_not_shown": 4, "audit": pd.DataFrame(), "recall_to_overturn": pd.DataFrame()}])
def test_three_limits_are_told_in_sentences_with_the_rule_that_chose_them(changed):
    words = write_limits(limits(**changed), ["balance: 0.3 against a pass mark of 0.1"], [f"Thing {i}. More of it." for i in range(4)])
    assert words.count("\n- ") + words.startswith("- ") == min(3, len(limits(**changed))) and "Chosen by a rule" in words and not BLANK.search(words)


def test_a_run_that_knows_of_no_limit_says_so():
    assert "no proof that there is none" in write_limits(limits().iloc[:0], [], [])


def test_where_the_interval_holds_no_effect_a_limit_is_a_share_of_half_its_width():
    """There is no way from its nearer end to no effect: the end lies beyond."""
    closed, open_ = (" ".join(write_limits(limits(reach=pd.Series({"ci_low": low, "ci_high": high})), [], []).split()) for low, high in ((-0.9, -0.3), (-0.6, 0.1)))
    assert "nearer end to no effect" in closed and "half the interval" not in closed
    assert "half the interval's width" in open_.replace("\\", "") and "nearer end" not in open_
