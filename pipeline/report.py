"""The report: controlled tables and figures into one Markdown source, and from it HTML and PDF.

Builds on pipeline.report_tables (tables in words), pipeline.report_linkage and pipeline.report_uncertainty (the sections on linkage), pipeline.report_staggered (on staggered starts),
pipeline.report_audit (the plan and the audit of the method), pipeline.report_designs (comparisons and other designs), pipeline.report_diagnostics (bounds, groups, harm), pipeline.report_negative_controls, pipeline.wording (sentences), pipeline.markdown (escaping) and pipeline.figures (pictures).
pandoc turns the Markdown into one self-contained HTML file and into Typst, which sets a tagged PDF; both come from
wheels, so no system package is needed.
"""

import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pypandoc
import typst

from pipeline import report_audit, report_designs, report_diagnostics, report_linkage, report_negative_controls, report_specifications, report_staggered, report_tables, report_uncertainty, wording
from pipeline.figures import Picture
from pipeline.labels import LABELS
from pipeline.markdown import Markup, fill_template, write_figure, write_list, write_table
from pipeline.specification_choices import choices_that_matter

TEMPLATES = Path(__file__).parent / "templates"
BANNER = "Demonstration with simulated data: shows no finding about the real scheme"
READER = "markdown-raw_html-raw_tex-raw_attribute-tex_math_dollars-citations-smart-native_divs-native_spans-yaml_metadata_block-example_lists"


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
    referral = wording.find_effect(effects, "sequential_trials", "referral")
    complier = wording.find_effect(effects, "complier", "engaged")
    never = wording.find_effect(effects, "sequential_trials", "never_engaged")
    first = report_audit.write_first_page(tables, parameters, referral if complier is None else complier)
    failures = wording.list_failures(tables["model_checks"], tables["link_quality"], tables["validation_results"]) + first["failures"]
    months = parameters.panel.months_after
    staggered = tables.get("staggered_effects", pd.DataFrame())
    shown = referral if complier is None else complier
    figures = {picture.file.removesuffix(".png"): write_figure(f"figures/{picture.file}", picture.title, picture.alt) for picture in pictures}
    return {
        "title": f"Evaluation of {parameters.report.scheme}",
        "has_truth": len(tables.get("demonstration", ())) > 0,
        "banner": BANNER if is_simulated else "",
        "failures": write_list(failures) if failures else "",
        "passes": wording.write_passes(tables["model_checks"], tables["link_quality"]),
        "answer": first["bracket"] or wording.write_answer(referral, complier, months, parameters.effect.confidence),
        "agreement": first["agreement"],
        "is_inconclusive": shown is not None and wording.name_direction(first["reach"]) == "inconclusive",
        "inconclusive": wording.write_inconclusive(),
        "naive_beside": " ".join(filter(None, [wording.write_naive_beside(claims), first["naive"]])),
        "of_100": first["of_100"] or (wording.write_of_100(referral, "people referred") if complier is None else wording.write_of_100(complier)),
        "claim_sentence": wording.write_claim(claims),
        "shares": wording.write_shares(claims),
        "referred_from": wording.write_date(parameters.claim.referred_from),
        "complete_by": wording.write_date(parameters.claim.complete_by),
        "decomposition_sentence": wording.write_decomposition(tables["decomposition"], parameters.claim.months),
        "decomposition_orders": wording.write_orders(tables["decomposition"]),
        "specification_sides": report_specifications.write_sides(tables["sensitivity"]),
        "specification_choices": report_specifications.write_choices(choices_that_matter(tables["sensitivity"])),
        "falsification": "" if complier is None and never is None else wording.write_falsification(never),
        "has_claim": claims["reproduced"].notna().any(),
        "has_complier": complier is not None,
        "not_shown": write_list(not_shown) if not_shown else "",
        "can_say": write_list(wording.list_can_say(referral, complier, claims, failures, is_simulated, first["line"])),
        "cannot_say": write_list(wording.list_cannot_say(claims, first["reach"] if first["line"] else referral, is_simulated)),
        "published": {claim: wording.write_number(wording.find_claim(claims, claim, "published")) for claim in claims["claim"]},
        "parameters": parameters,
        "table": write_tables(tables, main, effects[~effects["outcome"].eq(wording.PRIMARY)], parameters, is_simulated),
        "figure": figures,
        "negative_controls_section": report_negative_controls.write_section(tables, figures, parameters, (TEMPLATES / "negative_controls.md.j2").read_text(encoding="utf-8")),
        "linkage_section": report_linkage.write_section(tables, figures, parameters, is_simulated, (TEMPLATES / "linkage.md.j2").read_text(encoding="utf-8")),
        "staggered_first": report_staggered.write_first(staggered, parameters.panel.needs_recent_contact, parameters.pass_marks.pre_trend_p_at_least),
        "staggered_section": report_staggered.write_section(staggered, figures.get("staggered", ""), parameters, (TEMPLATES / "staggered.md.j2").read_text(encoding="utf-8")),
        "designs_section": report_designs.write_section(tables, parameters, (TEMPLATES / "designs.md.j2").read_text(encoding="utf-8")),
        "audit_limits": first["limits"],
        "audit_section": report_audit.write_section(tables, figures, parameters, (TEMPLATES / "audit.md.j2").read_text(encoding="utf-8")),
        "detectable_section": report_diagnostics.write_detectable(tables, (TEMPLATES / "detectable.md.j2").read_text(encoding="utf-8")),
        "diagnostics_section": report_diagnostics.write_section(tables, figures, parameters, (TEMPLATES / "diagnostics.md.j2").read_text(encoding="utf-8")),
        "uncertainty_section": report_uncertainty.write_section(tables, (TEMPLATES / "uncertainty.md.j2").read_text(encoding="utf-8")),
    }


def write_tables(tables: dict[str, pd.DataFrame], main: pd.DataFrame, secondary: pd.DataFrame, parameters, is_simulated: bool) -> dict[str, Markup]:
    """Return every table of the report as Markdown by name, empty text for a table that is only there when it has rows."""
    show, threshold = report_tables, parameters.disclosure.threshold
    is_flow = tables["attrition"]["flow"].isin(["claim", "analysis"])
    shown = {
        "claims": (show.show_claims(tables["claims"], threshold), "The published figures, counted again; percentages of clients are of the number in the last row"),
        "attrition": (show.show_attrition(tables["attrition"][is_flow], threshold), "Who was left out, step by step"),
        "uptake": (show.show_attrition(tables["attrition"][~is_flow], threshold), "Uptake, those without a recent contact, and how the flows overlap"),
        "effects": (show.show_effects(main[~report_designs.is_other_design(main)], threshold), "Estimates for all police contacts; ratios below 1 mean fewer contacts"),
        "secondary": (show.show_secondary(secondary, threshold), "Estimates for other outcomes"),
        "decomposition": (show.show_decomposition(tables["decomposition"]), "Parts of the fall as published"),
        "model_checks": (show.show_checks(tables["model_checks"]), "Checks of the model, with pass marks set beforehand"),
        "link_quality": (show.show_link_quality(tables["link_quality"], threshold), "Quality of the linkage"),
        "completeness": (show.show_completeness(tables["link_quality"], threshold), "Share of linked contacts that hold each identifier"),
        "balance": (show.show_balance(tables["balance"]), "Standardised differences between the referred and each comparison group, before and after weighting"),
        "sensitivity": (report_specifications.show_sensitivity(tables["sensitivity"]), "Estimates that differ from the primary one in a single choice"),
        "choices": (report_specifications.show_choices(choices_that_matter(tables["sensitivity"])), "By what the ratio is multiplied when one choice changes and the others stay: on average, least and most"),
        "validation": (show.show_validation(tables["validation_results"]), "Rules that the extracts were held to"),
        "broken_rules": (show.show_broken_rules(tables["validation_results"], threshold), "Rules not met in full"),
        "parameters": (show.show_parameters(tables["parameters"], is_simulated), "Parameters of this run"),
        "provenance": (show.show_provenance(tables["provenance"]), "What this report was made from"),
    }
    if len(tables.get("demonstration", ())):
        shown["demonstration"] = (show_demonstration(tables["demonstration"]), "Estimates against the truth of the simulation")
        shown["linkage_truth"] = (show_linkage_truth(tables["linkage_truth"], threshold), "Precision and recall of the linkage against the truth")
        shown["linkage_patterns"] = (show_linkage_patterns(tables["linkage_truth"]), "Recall by what a contact holds; referred and not referred measured alike")
    interval = f"{100 * parameters.effect.confidence:g}% interval"
    named = {name: (table.rename(columns={"Interval": interval}), caption) for name, (table, caption) in shown.items()}
    return {
        name: Markup("") if table.empty and name in WHEN_ANY else write_table(table, caption, numbers=[column for column in table if is_number_column(column)], name=name)
        for name, (table, caption) in named.items()
    }


def is_number_column(column: str) -> bool:
    """Return whether the cells below this heading are numbers, which are aligned right."""
    return column in NUMBERS or column.endswith((": before", ": after", " contacts)"))


def show_demonstration(demonstration: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison with the truth in words; `unit` says how a value is written."""
    writers = {"ratio": lambda value: wording.write_number(value, 2), "percent": wording.write_percent, "points": report_tables.write_points, "people": wording.write_number}
    return pd.DataFrame(
        [
            {
                "Quantity": row.quantity,
                "Truth": writers[row.unit](row.truth),
                "Estimate of this run": writers[row.unit](row.estimate),
                "Interval": report_tables.interval_words(row.ci_low, row.ci_high, writers[row.unit]),
                "Truth within the interval": "–" if pd.isna(row.covers) else "yes" if row.covers else "no",
            }
            for row in demonstration.itertuples()
        ]
    )


def show_linkage_truth(linkage_truth: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return precision and recall in words by arm and period, whatever identifiers the contacts hold."""
    rows = linkage_truth[linkage_truth["pattern"].eq("any")]
    wide = rows.pivot(index=["arm", "period"], columns="measure", values=["value", "n"]).reset_index()
    wide = wide.sort_values(["arm", "period"], key=lambda codes: codes.map({"referred": 0, "not_referred": 1, "before": 0, "after": 1, "all": 2}), kind="stable")
    return pd.DataFrame(
        {
            "Arm": wide["arm"].map(lambda code: report_tables.label("arm", code)),
            "Period": wide["period"].map(lambda code: report_tables.label("period", code)),
            "Precision": wide["value", "precision"].map(lambda value: wording.write_number(value, 3)),
            "Recall": wide["value", "recall"].map(lambda value: wording.write_number(value, 3)),
            "True contacts": wide["n", "recall"].map(lambda count: report_tables.count_words(count, threshold)),
        }
    )


def show_linkage_patterns(linkage_truth: pd.DataFrame, least: int = 300) -> pd.DataFrame:
    """Return recall in words by the identifiers that a contact holds, one column per arm; rare patterns are left out.

    Rare are those of fewer than `least` contacts of the referred; reports/tables/linkage_truth.csv holds the others.
    """
    rows = linkage_truth[linkage_truth["pattern"].ne("any") & linkage_truth["measure"].eq("recall")]
    wide = rows.pivot(index="pattern", columns="arm", values=["value", "n"]).sort_values(("n", "referred"), ascending=False)
    wide = wide[wide["n", "referred"].ge(least).fillna(False)].reset_index()
    if wide.empty:
        return pd.DataFrame()
    return pd.DataFrame(
        {
            "The contact holds": wide["pattern"].map(lambda pattern: ", ".join(LABELS["identifier"].get(code, code) for code in pattern.split())),
            "Recall, referred": wide["value", "referred"].map(lambda value: wording.write_number(value, 3)),
            "Recall, not referred": wide["value", "not_referred"].map(lambda value: wording.write_number(value, 3)),
            "True contacts": wide["n", "referred"].map(lambda count: f"{int(count):,}"),
        }
    )


def write_report(context: dict) -> str:
    """Return the report's Markdown source."""
    return fill_template((TEMPLATES / "report.md.j2").read_text(encoding="utf-8"), context)


def public_text(root: Path) -> str:
    """Return text of the project at `root` that holds nobody's details: templates, parameters, notebooks, modules."""
    paths = [*TEMPLATES.iterdir(), *Path(__file__).parent.glob("*.py"), *(root / "notebooks").rglob("*.ipynb"), root / "params.yaml"]
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(paths) if path.is_file())


def render_html(markdown: str, folder: Path, path: Path, title: str, banner: str = "") -> None:
    """Write `markdown` as one self-contained HTML page; `folder` holds figures/."""
    arguments = ["--standalone", "--embed-resources", "--section-divs", "--toc", "--toc-depth=2", f"--template={TEMPLATES / 'report.html'}"]
    arguments += [f"--css={TEMPLATES / 'report.css'}", f"--lua-filter={TEMPLATES / 'html.lua'}", f"--resource-path={folder}"]
    arguments += ["--metadata=lang:en-GB", f"--metadata=pagetitle:{title}", *([f"--variable=banner:{banner}"] if banner else [])]
    pypandoc.convert_text(markdown, "html5", format=READER, extra_args=arguments, outputfile=str(path))


def render_pdf(markdown: str, folder: Path, path: Path, title: str, banner: str = "") -> None:
    """Write `markdown` as a tagged PDF (PDF/UA-1); `folder` holds figures/."""
    arguments = ["--standalone", f"--template={TEMPLATES / 'report.typ'}", f"--lua-filter={TEMPLATES / 'typst.lua'}"]
    arguments += [f"--metadata=title:{title}", *([f"--variable=banner:{banner}"] if banner else [])]
    source = pypandoc.convert_text(markdown, "typst", format=READER, extra_args=arguments)
    # pandoc centres every table; under captions and text that start at the left, tables do too.
    source = source.replace("align(center)[#table(", "align(left)[#table(")
    with tempfile.TemporaryDirectory() as build:
        shutil.copytree(folder / "figures", Path(build) / "figures")
        entry = Path(build) / "report.typ"
        entry.write_text(source, encoding="utf-8")
        typst.compile(str(entry), output=str(path), root=build, format="pdf", pdf_standards=["ua-1"], ignore_system_fonts=True)
