"""The report: controlled tables and figures into one Markdown source, which pipeline.rendering turns into HTML and PDF.

Builds on pipeline.report_first_page, pipeline.report_sections (a section per topic), pipeline.report_tables and pipeline.report_truth (tables in words),
pipeline.report_designs, pipeline.report_specifications, pipeline.wording (sentences), pipeline.markdown (escaping) and pipeline.figures (pictures).
"""

import pandas as pd

from pipeline import report_designs, report_first_page, report_sections, report_specifications, report_tables, report_truth, wording
from pipeline.figures import Picture
from pipeline.markdown import Markup, fill_template, read_template, write_figure, write_list, write_table
from pipeline.not_shown import NO_EXITS
from pipeline.specification_choices import choices_that_matter

BANNER = "Demonstration with simulated data: shows no finding about the real scheme"


NO_TIME_AT_RISK = "No deaths and no moves are on record here, so that a part for less time at risk is not a finding: whatever there was of it lies in the remainder."
# Tables that are left out, heading and all, where they have no rows.
WHEN_ANY = {"choices", "broken_rules", "linkage_patterns", "secondary", "uptake", "completeness", "decomposition", "link_quality"}
NUMBERS = {
    "Contacts averted", "Published", "Same count on these extracts", "People", "Referrals", "People lost", "Rules tested", "Ratio", "Change", "p-value", "p-value, corrected", "Found", "Pass mark", "Counted",
    "Percentage points", "Contacts per client", "Share (log scale)", "Months", "Washout days", "Links from", "Truth", "Precision", "Recall", "Recall, referred", "Recall, not referred",
    "True contacts", "Estimate of this run", "Ratio times", "From", "To", "Share of spread", "Points, any order",
}


def build_context(tables: dict[str, pd.DataFrame], pictures: list[Picture], parameters, is_simulated: bool, not_shown: list[str] = ()) -> dict:
    """Return what the template needs: sentences, tables and figures, all made from controlled `tables`.

    `tables` holds claims, attrition, effects, decomposition, balance, event_study, model_checks, link_quality,
    sensitivity, validation_results, parameters, provenance, those of pipeline.report_linkage and pipeline.report_audit, and demonstration and
    linkage_truth, empty for real extracts. `not_shown` are the sentences of pipeline.not_shown. `parameters` are the checked parameters; effects holds the primary outcome as "n_contacts".
    """
    effects, claims = tables["effects"], tables["claims"]
    main = effects[effects["outcome"].eq(wording.PRIMARY)]
    never = wording.find_effect(effects, "sequential_trials", "never_engaged")
    choices = choices_that_matter(tables["sensitivity"])
    first = report_first_page.write_first_page(tables, parameters, is_simulated, list(not_shown))
    figures = {picture.file.removesuffix(".png"): write_figure(f"figures/{picture.file}", picture.title, picture.alt) for picture in pictures}
    return {
        "title": f"Evaluation of {parameters.report.scheme}",
        "has_truth": len(tables.get("demonstration", ())) > 0,
        "is_linked_here": len(tables["link_quality"]) > 0,
        "banner": BANNER if is_simulated else "",
        "claim_sentence": wording.write_claim(claims),
        "shares": wording.write_shares(claims),
        "referred_from": wording.write_date(parameters.claim.referred_from),
        "complete_by": wording.write_date(parameters.claim.complete_by),
        "decomposition_sentence": wording.write_decomposition(tables["decomposition"], parameters.claim.months),
        "no_exits": NO_TIME_AT_RISK if NO_EXITS in not_shown else "",
        "decomposition_short": wording.write_parts_in_short(tables["decomposition"]),
        "decomposition_orders": wording.write_orders(tables["decomposition"]),
        "specification_sides": report_specifications.write_sides(tables["sensitivity"]),
        "specification_choices": report_specifications.write_choices(choices),
        "falsification": "" if never is None and not first["has_complier"] else wording.write_falsification(never),
        "has_claim": claims["reproduced"].notna().any(),
        "not_shown": write_list(not_shown) if not_shown else "",
        "published": {claim: wording.write_number(wording.find_claim(claims, claim, "published")) for claim in claims["claim"]},
        "parameters": parameters,
        "table": write_tables(tables, main, effects[~effects["outcome"].eq(wording.PRIMARY)], choices, parameters, is_simulated),
        "figure": figures,
    } | first | report_sections.write_sections(tables, figures, parameters, is_simulated)


def write_tables(tables: dict[str, pd.DataFrame], main: pd.DataFrame, secondary: pd.DataFrame, choices: pd.DataFrame, parameters, is_simulated: bool) -> dict[str, Markup]:
    """Return every table of the report as Markdown by name, empty text for a table that is only there when it has rows.

    `main` and `secondary` are the effects on the primary outcome and on the others, `choices` those of pipeline.specification_choices.
    """
    show, threshold = report_tables, parameters.disclosure.threshold
    has_register = len(tables.get("referral_counts", ())) > 0
    further = show.name_further_flows(tables["attrition"])
    is_flow = tables["attrition"]["flow"].isin(["claim", "analysis"])
    shown = {
        "claims": (show.show_claims(tables["claims"], threshold), "The published figures, counted again: the fall is in contacts, the shares are of the clients, whose number stands last"),
        "attrition": (show.show_attrition(tables["attrition"][is_flow], threshold, has_register), "Who was left out, step by step"),
        "uptake": (show.show_attrition(tables["attrition"][~is_flow], threshold, has_register), f"Beside the two flows: {'; '.join(further)}"),
        "effects": (show.show_effects(main[~report_designs.is_other_design(main)], threshold), "Estimates for all police contacts, as ratios and as changes in contacts; ratios below 1 mean fewer"),
        "secondary": (show.show_secondary(secondary, threshold), "Estimates for other outcomes, as ratios and as changes in the outcome"),
        "decomposition": (show.show_decomposition(tables["decomposition"]), "Parts of the fall as published, in percentage points of the contacts before referral and as shares of the fall on the log scale"),
        "model_checks": (show.show_checks(tables["model_checks"]), "Checks of the model, with pass marks set beforehand"),
        "link_quality": (show.show_link_quality(tables["link_quality"], threshold), "Quality of the linkage"),
        "completeness": (show.show_completeness(tables["link_quality"], threshold), "Share of linked contacts that hold each identifier"),
        "balance": (show.show_balance(tables["balance"]), "Standardised differences between the referred and each comparison group, before and after weighting"),
        "sensitivity": (report_specifications.show_sensitivity(tables["sensitivity"]), "Estimates that differ from the primary one in a single choice"),
        "choices": (report_specifications.show_choices(choices), "By what the ratio is multiplied when one choice changes and the others stay: on average, least and most"),
        "validation": (show.show_validation(tables["validation_results"]), "Rules that the extracts were held to"),
        "broken_rules": (show.show_broken_rules(tables["validation_results"], threshold), "Rules not met in full"),
        "parameters": (show.show_parameters(tables["parameters"], is_simulated), "Parameters of this run"),
        "provenance": (show.show_provenance(tables["provenance"]), "What this report was made from"),
    }
    if len(tables.get("demonstration", ())):
        shown["demonstration"] = (report_truth.show_demonstration(tables["demonstration"]), "Estimates against the truth of the simulation; the fall is in contacts, the other percentages are of the clients of the claim")
        shown["linkage_truth"] = (report_truth.show_linkage_truth(tables["linkage_truth"], threshold), "Precision and recall of the linkage against the truth")
        shown["linkage_patterns"] = (report_truth.show_linkage_patterns(tables["linkage_truth"]), "Recall by what a contact holds; referred and not referred measured alike")
    interval = f"{100 * parameters.effect.confidence:g}% interval"
    named = {name: (table.rename(columns={"Interval": interval}), caption) for name, (table, caption) in shown.items()}
    return {
        name: Markup("") if table.empty and name in WHEN_ANY else write_table(table, caption, numbers=[column for column in table if is_number_column(column)], name=name)
        for name, (table, caption) in named.items()
    }


def is_number_column(column: str) -> bool:
    """Return whether the cells below this heading are numbers, which are aligned right."""
    return column in NUMBERS or column.endswith((": before", ": after", " contacts)"))


def add_checklists(context: dict, tables: dict[str, pd.DataFrame], parameters) -> dict:
    """Return `context` with the checklists that `tables` holds by now; the rest of the report, to which they were held, stays as it is."""
    return context | report_sections.write_governance(tables, parameters)


def write_report(context: dict) -> str:
    """Return the report's Markdown source."""
    return fill_template(read_template("report"), context)
