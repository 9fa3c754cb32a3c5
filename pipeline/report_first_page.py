"""The first page: question, answer, published figures beside computed ones, strength of evidence, limits, what can be said.

Builds on pipeline.verdict (what kind of answer it is), pipeline.maryland and pipeline.main_limits (evidence and limits, worked
out from the results), pipeline.not_shown, pipeline.report_evidence and pipeline.report_limits (these in words), pipeline.report_audit,
pipeline.report_staggered, pipeline.wording and pipeline.markdown.
"""

import pandas as pd

from pipeline import report_audit, report_evidence, report_limits, report_staggered, verdict, wording
from pipeline.main_limits import rank_limits
from pipeline.markdown import write_list
from pipeline.maryland import grade_evidence
from pipeline.not_shown import count_broken, write_lacking


def write_first_page(tables: dict[str, pd.DataFrame], parameters, is_simulated: bool, not_shown: list[str]) -> dict:
    """Return what the template of the first page needs, by name, from controlled `tables`.

    Beside sentences: `reached`, the verdict itself; has_complier and falsification, which the body uses too.
    """
    effects, claims = tables["effects"], tables["claims"]
    page = report_audit.write_first_page(tables, parameters)
    failures = list_all_failures(tables, parameters)
    reached = verdict.reach_verdict(effects, failures, page["reach"])
    months, confidence = parameters.panel.months_after, parameters.effect.confidence
    worked = work_out(tables, parameters, len(not_shown))
    maryland, limits = worked["maryland"], worked["main_limits"]
    is_inconclusive = reached.reach is not None and wording.name_direction(reached.reach) == "inconclusive"
    return {
        "failures": write_list(failures) if failures else "",
        "passes": wording.write_passes(tables["model_checks"], tables["link_quality"]),
        "answer": page["bracket"] or write_answer(reached, months, confidence),
        "of_100": page["of_100"] or write_of_100(reached),
        "of_100_clients": "" if page["bracket"] or is_inconclusive else verdict.write_of_100_clients(claims, parameters.claim.months),
        "caution": wording.write_caution(wording.find_effect(effects, "sequential_trials", "never_engaged"), reached.complier),
        "agreement": "" if failures else page["agreement"],
        "is_inconclusive": is_inconclusive,
        "inconclusive": wording.write_inconclusive(),
        "naive_beside": " ".join(filter(None, [wording.write_naive_beside(claims), page["naive"]])),
        "staggered_first": report_staggered.write_first(tables.get("staggered_effects", pd.DataFrame()), parameters.panel.needs_recent_contact, parameters.pass_marks.pre_trend_p_at_least),
        "strength": report_evidence.write_strength(maryland),
        "strength_table": report_evidence.show_strength(maryland),
        "main_limits": report_limits.write_limits(limits, failures, list(not_shown)),
        "limits_rule": report_limits.RULE,
        "lacking": write_lacking(tables),
        "n_broken": count_broken(tables["validation_results"]),
        "limits_table": report_limits.show_limits(limits),
        "can_say": write_list(verdict.list_can_say(reached, claims, is_simulated, page["line"])),
        "cannot_say": write_list(verdict.list_cannot_say(reached, claims, is_simulated)),
        "has_complier": reached.complier is not None,
        "audit_limits": page["limits"],
    }


def work_out(tables: dict[str, pd.DataFrame], parameters, n_not_shown: int) -> dict[str, pd.DataFrame]:
    """Return the tables behind evidence and limits, maryland and main_limits, worked out from controlled `tables`."""
    failures = list_all_failures(tables, parameters)
    reached = verdict.reach_verdict(tables["effects"], failures, report_audit.write_first_page(tables, parameters)["reach"])
    return {
        "maryland": grade_evidence(tables["effects"], tables["model_checks"], parameters.plan).round(4),
        "main_limits": rank_limits(tables, reached.reach, reached.estimand, parameters.plan, len(failures), n_not_shown).round(4),
    }


def list_all_failures(tables: dict[str, pd.DataFrame], parameters) -> list[str]:
    """Return every pass mark that is missed: of the model, the linkage, the extracts and the audit of the method."""
    failures = wording.list_failures(tables["model_checks"], tables["link_quality"], tables["validation_results"])
    return failures + report_audit.list_failures(tables.get("audit_verdicts", pd.DataFrame(columns=report_audit.VERDICT_COLUMNS)), parameters.plan)


def write_answer(reached: verdict.Verdict, months: int, confidence: float) -> str:
    """Return the answer in one sentence with its interval, by what could be compared."""
    if reached.referral is None and reached.complier is None and reached.beside is not None:
        return verdict.write_consistent(reached.beside, confidence)
    return wording.write_answer(reached.referral, reached.complier, months, confidence)


def write_of_100(reached: verdict.Verdict) -> str:
    """Return the answer as contacts out of every 100; nothing where nobody shows what would have been made without the scheme."""
    return wording.write_of_100(reached.referral, "people referred") if reached.complier is None else wording.write_of_100(reached.complier)
