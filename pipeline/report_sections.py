"""Every section of the report that a topic module of its own writes, by the name under which a template places it.

Builds on the report_* modules, each of which turns controlled tables into Markdown by its template, and on pipeline.markdown.
A section that this run cannot fill says so in a sentence (NOT_REPORTED).
"""

import pandas as pd

from pipeline import report_audit, report_designs, report_diagnostics, report_economics, report_glossary, report_governance, report_implementation, report_linkage, report_mechanism, report_moderators, report_negative_controls
from pipeline import report_rivals, report_staggered, report_uncertainty
from pipeline.markdown import Markup, read_template

NOT_REPORTED = "{} is not reported in this run."


def write_sections(tables: dict[str, pd.DataFrame], figures: dict[str, Markup], parameters, is_simulated: bool) -> dict[str, Markup]:
    """Return every topic's section as Markdown, by name, from controlled `tables` and finished `figures`."""
    staggered = tables.get("staggered_effects", pd.DataFrame())
    return {
        "mechanism_section": filled(report_mechanism.write_section(tables, figures, read_template("mechanism")), "How the scheme is meant to work"),
        "moderators_section": report_moderators.write_section(tables, figures, parameters, read_template("moderators")),
        "implementation_section": filled(report_implementation.write_section(tables, figures, parameters, read_template("implementation")), "How the scheme was delivered"),
        "economics_section": filled(report_economics.write_section(tables, figures, parameters, is_simulated, read_template("economics")), "What the scheme costs and saves"),
        "made_from": report_governance.write_made_from(parameters, tables),
        "ledger_section": report_governance.write_ledger(tables, read_template("ledger")),
        "rivals_section": filled(report_rivals.write_section(tables), "What else could have changed demand"),
        "glossary_section": filled(report_glossary.write_section(tables, parameters), "The meaning of terms"),
        "detectable_section": report_diagnostics.write_detectable(tables, read_template("detectable")),
        "harm_section": report_diagnostics.write_harm(tables, parameters, read_template("harm")),
        "diagnostics_section": report_diagnostics.write_section(tables, figures, parameters, read_template("diagnostics")),
        "designs_section": report_designs.write_section(tables, parameters, read_template("designs")),
        "staggered_section": report_staggered.write_section(staggered, figures.get("staggered", ""), parameters, read_template("staggered")),
        "linkage_section": report_linkage.write_section(tables, figures, parameters, is_simulated, read_template("linkage")),
        "uncertainty_section": report_uncertainty.write_section(tables, read_template("uncertainty")),
        "negative_controls_section": report_negative_controls.write_section(tables, figures, parameters, read_template("negative_controls")),
        "audit_section": report_audit.write_section(tables, figures, parameters, read_template("audit")),
    } | write_governance(tables, parameters)


def write_governance(tables: dict[str, pd.DataFrame], parameters) -> dict[str, Markup]:
    """Return the section of checklists and logs, by name: the one section that refers to the rest of the report, and is written anew when that stands."""
    return {"governance_section": filled(report_governance.write_section(tables, parameters, read_template("governance")), "The state of the checklists")}


def filled(section: Markup, what: str) -> Markup:
    """Return `section`, or the sentence that `what` is missing where it is empty."""
    return section if section.strip() else say_missing(what)


def say_missing(what: str) -> Markup:
    """Return the sentence that stands where a section has nothing to show."""
    return Markup(NOT_REPORTED.format(what))
