"""The report as a reader and a screen reader meet it, from made-up tables: HTML parsed, PDF read back."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import report_frames
from pages import Page
from pypdf import PdfReader

from pipeline.disclosure import control_attrition, control_claims, control_table
from pipeline.figures import Picture, draw_balance, finish_figure
from pipeline.markdown import escape, fill_template, write_table
from pipeline.metrics import collect_metrics
from pipeline.params import check_params, load_sections
from pipeline.provenance import list_parameters, trace_provenance
from pipeline.publish import release_draft, write_draft
from pipeline.rendering import render_html, render_pdf
from pipeline.report import BANNER, build_context, write_report
from pipeline.report_linkage import CONTROLS, control_linkage
from pipeline.report_tables import correct_by_holm, show_balance, show_claims, show_parameters, show_validation
from pipeline.report_truth import show_linkage_patterns
from pipeline.tables import read_truth

ROOT = Path(__file__).parent.parent
FIGURES = ["flow", "balance", "before_after", "event_study", "effects", "decomposition", "specifications"]
FIGURES += ["match_levels", "match_examples", "unlinkables", "link_thresholds", "linkage_months", "linkage_comparison"]


@pytest.fixture(scope="module")
def parameters():
    return check_params(load_sections())


def controlled_tables():
    tables = report_frames.all_tables()
    tables["attrition"] = control_attrition(tables["attrition"], 10, 5)
    tables["claims"] = control_claims(tables["claims"], tables["effects"], 10, 5)
    tables["effects"] = control_table(tables["effects"], 10, 5, ["n_people", "n_person_months"])
    tables["link_quality"] = control_table(tables["link_quality"], 10, 5, ["n"], blank=["value", "ci_low", "ci_high"])
    tables |= control_linkage(report_frames.linkage_tables(), 10, 5)
    tables["validation_results"] = control_table(tables["validation_results"], 10, 5, ["n_unexpected", "n_rows"])
    tables["parameters"] = list_parameters(load_sections(), (ROOT / "params.yaml").read_text(encoding="utf-8"))
    tables["provenance"] = trace_provenance(ROOT, ROOT / "data/reference")
    return tables


def pictures():
    png = finish_figure("balance", "", draw_balance(report_frames.balance(), 0.1), dpi=30).png
    return [Picture(f"{name}.png", f"Caption of {name}", f'What "{name}" shows', png) for name in FIGURES]


def markdown_of(tables, parameters, is_simulated=True):
    return write_report(build_context(tables, pictures(), parameters, is_simulated))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory, parameters):
    folder = tmp_path_factory.mktemp("draft") / "draft"
    write_draft(folder, controlled_tables(), pictures(), {})
    markdown = markdown_of(controlled_tables(), parameters)
    render_html(markdown, folder, folder / "evaluation.html", "Evaluation of a scheme", BANNER)
    render_pdf(markdown, folder, folder / "evaluation.pdf", "Evaluation of a scheme", BANNER)
    return folder


@pytest.fixture(scope="module")
def page(rendered):
    return Page((rendered / "evaluation.html").read_text(encoding="utf-8"))


def test_the_page_has_a_language_one_first_heading_and_headings_in_order(page):
    assert page.having("html")[0]["lang"] == "en-GB"
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))


def test_the_page_has_landmarks_and_a_way_past_the_contents(page):
    assert len(page.having("main")) == 1 and len(page.having("footer")) == 1
    assert page.having("nav")[0]["aria-label"]
    assert page.having("a")[0]["href"] == "#main" and page.having("main")[0]["id"] == "main"


def test_every_table_has_a_caption_scoped_headings_and_a_region_to_scroll_by_keyboard(page):
    assert len(page.having("table")) == len(page.having("caption")) > 8
    assert all(heading.get("scope") in ("col", "row") for heading in page.having("th"))
    regions = [region for region in page.having("div") if region.get("role") == "region"]
    assert len(regions) == len(page.having("table"))
    assert all(region["tabindex"] == "0" and region["aria-label"] for region in regions)


def test_every_picture_has_its_own_words_and_lies_in_the_page(page):
    images = page.having("img")
    assert len(images) == len(FIGURES)
    assert [image["alt"] for image in images] and all(image["alt"].startswith("What ”") for image in images)
    assert all(image["src"].startswith("data:image/png;base64,") for image in images)


def test_the_page_fetches_nothing(page):
    sources = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href", "data", "srcset")]
    assert all(source.startswith(("#", "data:")) for source in sources)
    assert not page.having("script") and not page.having("link")


def test_references_within_the_page_lead_somewhere_and_no_id_stands_twice(page):
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"].removeprefix("#") for link in page.having("a")} <= set(ids)


def test_checks_come_before_effects(page):
    text = " ".join(page.text)
    assert text.index("Checks of the model") < text.index("Estimates for all police contacts")


def test_every_page_of_a_demonstration_carries_the_banner(rendered):
    reader = PdfReader(rendered / "evaluation.pdf")
    texts = [" ".join(leaf.extract_text().split()) for leaf in reader.pages]
    assert len(texts) > 5 and all(BANNER in text for text in texts)


def test_the_pdf_is_tagged_titled_and_describes_its_pictures(rendered):
    reader = PdfReader(rendered / "evaluation.pdf")
    catalogue = reader.trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"] and catalogue["/Lang"] == "en-GB"
    assert reader.metadata.title == "Evaluation of a scheme"
    assert len(alternative_texts(catalogue["/StructTreeRoot"])) == len(FIGURES)


def alternative_texts(element, seen=None):
    """The alternative texts of all figures below an element of a PDF's structure tree."""
    seen = set() if seen is None else seen
    found = []
    for child in children(element):
        child = child.get_object()
        if not hasattr(child, "get") or id(child) in seen:
            continue
        seen.add(id(child))
        found += [child["/Alt"]] if child.get("/S") == "/Figure" and "/Alt" in child else []
        found += alternative_texts(child, seen)
    return found


def children(element):
    kids = element.get("/K", [])
    return kids if isinstance(kids, list) else [kids]


def test_without_simulation_there_is_neither_banner_nor_truth(parameters, tmp_path):
    context = build_context(controlled_tables(), pictures(), parameters, False)
    markdown = write_report(context)
    assert context["banner"] == "" and "simulated" not in markdown.split("### Parameters")[0]
    assert "against its truth" not in markdown


def test_a_missed_pass_mark_stands_in_the_first_lines(parameters):
    tables = controlled_tables()
    tables["model_checks"].loc[0, "passed"] = False
    lines = [line for line in markdown_of(tables, parameters).splitlines() if line.strip()]
    assert "Not supported" in " ".join(lines[:3])
    assert "Not supported" not in markdown_of(controlled_tables(), parameters)


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "a | b", "**x** [y](http://z) ![i](j) `k` $m$ ^n^ ~o~", "::: {.verdict}", "# heading", "{{ 7 * 7 }}", "line\nbreak"])
def test_a_value_stays_the_text_it_is(hostile, parameters, tmp_path):
    tables = controlled_tables()
    tables["model_checks"].loc[0, "meaning"] = hostile
    (tmp_path / "figures").mkdir()
    for picture in pictures():
        (tmp_path / "figures" / picture.file).write_bytes(picture.png)
    render_html(markdown_of(tables, parameters), tmp_path, tmp_path / "page.html", "T")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert " ".join(hostile.split()) in " ".join(" ".join(page.text).split()) and not page.having("script")


def test_missing_suppressed_and_unbounded_values_read_as_words(parameters):
    tables = controlled_tables()
    tables["effects"].loc[2, ["ci_high", "std_error", "p_value"]] = [np.inf, np.nan, np.nan]
    tables["claims"].loc[0, ["controlled", "ci_low", "ci_high"]] = [40.0, -np.inf, 57.0]
    tables["claims"].loc[1, ["reproduced", "controlled", "ci_low", "ci_high"]] = np.nan
    tables["sensitivity"].loc[3, ["estimate", "ci_low", "ci_high"]] = np.nan
    tables["decomposition"].loc[1, ["log_share", "ci_low", "ci_high"]] = np.nan
    markdown = markdown_of(tables, parameters)
    assert "no upper bound" in markdown and "unbounded" in markdown and "fewer than 10" in markdown
    assert not re.search(r"\b(nan|None|NaN|NaT|inf|<NA>)\b", markdown)


def test_a_report_without_some_results_is_still_a_report(parameters):
    tables = controlled_tables()
    for name in ("sensitivity", "event_study", "decomposition", "model_checks", "balance"):
        tables[name] = tables[name].iloc[:0]
    tables["effects"] = tables["effects"][tables["effects"]["estimator"].eq("naive")]
    markdown = markdown_of(tables, parameters)
    assert "could not be estimated" in markdown and "nothing to show" in markdown
    assert not re.search(r"\b(nan|None|NaN|inf)\b", markdown)


def test_the_section_on_linkage_tells_the_test_the_record_and_that_nobody_read_pairs(parameters):
    markdown = markdown_of(controlled_tables(), parameters).replace("\\", "")
    assert "loses 2.0 in 100 contacts of the referred" in markdown and "the whole linkage loses 2.0 in 100" in markdown
    assert "No clerical review was made" in markdown and "Senior responsible owner" in markdown and "GUILD: what those" in markdown
    assert "precision 0.9910, recall 0.9820, F1 0.9860" in markdown


def test_links_made_elsewhere_are_said_to_be_so(parameters):
    tables = {name: table.iloc[:0] if name in CONTROLS or name == "link_quality" else table for name, table in controlled_tables().items()}
    markdown = markdown_of(tables, parameters, is_simulated=False)
    assert "linking was done elsewhere" in markdown and "Made-up pairs" not in markdown and "Senior responsible owner" not in markdown


def test_a_missed_pass_mark_of_the_linkage_stands_in_the_first_lines(parameters):
    tables = controlled_tables()
    row = {"check": "recall lost after referral", "arm": "referred", "period": "after", "value": 0.05, "n": 9120, "pass_mark": 0.03, "passed": False}
    tables["link_quality"] = pd.concat([tables["link_quality"], pd.DataFrame([row])], ignore_index=True)
    assert "recall lost after referral, referred, after: 0.050 against a pass mark of 0.030" in " ".join(markdown_of(tables, parameters).replace("\\", "").splitlines()[:12])


def test_numbers_in_the_answer_come_from_the_tables(parameters):
    tables = controlled_tables()
    tables["effects"].loc[2, ["estimate", "ci_low", "ci_high"]] = np.log([0.37, 0.21, 0.59])
    markdown = markdown_of(tables, parameters).replace("\\", "")
    assert "63% fewer" in markdown and "79% fewer to 41% fewer" in markdown and "an estimated 37 were made" in markdown


def test_an_unknown_name_in_the_template_is_an_error():
    with pytest.raises(Exception, match="answr"):
        fill_template("{{ answr }}", {"answer": 1})


def test_markup_is_escaped_once():
    assert escape(escape("a*b")) == "a\\*b"
    assert write_table(pd.DataFrame({"A": [None]}), "C").splitlines()[2] == "| – |"


def test_an_extract_that_meets_every_rule_says_so_by_its_plain_name():
    rules = report_frames.validation_results()
    assert show_validation(rules).to_dict("records") == [{"Extract": "Contacts", "Rules tested": "2", "Result": "1 not met"}]
    assert show_validation(rules.assign(passed=True)).loc[0, "Result"] == "all met"


def test_the_rules_not_met_have_a_table_only_where_there_are_any(parameters):
    tables = controlled_tables()
    assert "Rules not met in full" in markdown_of(tables, parameters)
    tables["validation_results"]["passed"] = True
    assert "Rules not met in full" not in markdown_of(tables, parameters)


def test_the_effect_on_a_share_has_points_and_on_demand_says_fewer_or_more():
    shown = show_claims(report_frames.claims().assign(controlled=[42.3, -9.1, -1.2, np.nan]), 10).set_index("Figure")["Estimated effect of engaging"]
    assert shown.tolist() == ["42.3% fewer", "\u22129.1 points", "\u22121.2 points", "–"]
    assert show_claims(report_frames.claims().assign(controlled=-3.0), 10).loc[0, "Estimated effect of engaging"] == "3.0% more"


def test_balance_has_one_row_per_covariate_and_a_block_of_columns_per_comparison():
    both = pd.concat([report_frames.balance(), report_frames.balance().assign(comparison="never_engaged", smd_after=0.2, flag="red")])
    shown = show_balance(both)
    assert len(shown) == len(report_frames.balance()) and shown.loc[0, "Never engaged: after"] == "0.20 red"


def test_parameters_show_dates_in_words_and_those_of_the_simulation_only_for_a_simulated_set():
    table = list_parameters(load_sections(), (ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert "1 January 2017" in set(show_parameters(table, True)["Value"])
    assert any(show_parameters(table, True)["Parameter"].str.startswith("simulate.")) and not any(show_parameters(table, False)["Parameter"].str.startswith("simulate."))


def test_an_inconclusive_report_shows_the_naive_fall_and_the_wording_of_the_justice_data_lab(parameters):
    tables = controlled_tables()
    tables["effects"].loc[2, ["estimate", "ci_low", "ci_high"]] = [-0.16, -0.41, 0.09]
    box = markdown_of(tables, parameters).replace("\\", "").split(":::")[1]
    assert "inconclusive" in box and "More people would need to be available" in box and "a fall of 80.9%" in box


def test_the_answer_the_claims_and_the_waterfall_come_first(page):
    text = " ".join(page.text)
    order = [text.index(words) for words in ("The question and the answer", "The published figures, counted again", "Caption of decomposition", "Caption of flow")]
    assert order == sorted(order)


def test_the_pdf_has_bookmarks(rendered):
    titles = [entry.title for entry in PdfReader(rendered / "evaluation.pdf").outline if not isinstance(entry, list)]
    assert titles


def test_holm_by_hand():
    # Three tests: 0.01 x 3, then 0.02 x 2 is below 0.04 and stays, then 0.30 x 1; the missing one is not counted.
    corrected = correct_by_holm(pd.Series([0.30, 0.01, np.nan, 0.02]))
    assert corrected.tolist()[:2] == pytest.approx([0.30, 0.03]) and np.isnan(corrected[2]) and corrected[3] == pytest.approx(0.04)


def test_metrics_are_flat_numbers_and_nothing_infinite():
    tables = controlled_tables()
    tables["effects"].loc[2, "ci_high"] = np.inf
    metrics = collect_metrics(tables, failures=[])
    assert metrics["complier_irr"] == pytest.approx(np.exp(-0.55), abs=1e-4) and metrics["complier_irr_ci_high"] is None
    assert metrics["n_people_claim"] == 395 and metrics["naive_fall_percent"] == pytest.approx(80.9, abs=0.05)  # control works it out of rounded rates
    assert all(value is None or isinstance(value, (int, float)) for value in metrics.values())


def test_a_release_replaces_the_last_one_and_leaves_other_files(tmp_path):
    reports = tmp_path / "reports"
    (reports / "tables").mkdir(parents=True)
    (reports / "notebooks").mkdir()
    (reports / "tables" / "demonstration.csv").write_text("old")
    (reports / "notebooks" / "01_validate.ipynb").write_text("kept")
    write_draft(tmp_path / "draft", {"claims": report_frames.claims()}, pictures()[:1], {"n": 1})
    release_draft(tmp_path / "draft", reports)
    assert sorted(path.relative_to(reports).as_posix() for path in reports.rglob("*") if path.is_file()) == ["figures/flow.png", "metrics.json", "notebooks/01_validate.ipynb", "tables/claims.csv"]


def test_provenance_names_every_extract_the_lock_and_the_versions():
    provenance = trace_provenance(ROOT, ROOT / "data/reference")
    assert set(provenance["kind"]) == {"extract", "lock", "commit", "version"}
    hashes = provenance[provenance["kind"].isin(["extract", "lock"])]
    assert hashes["value"].str.fullmatch("[0-9a-f]{64}").all() and "published_claims.csv" in set(hashes["item"])


def test_the_file_with_the_secret_key_leaves_no_trace(tmp_path):
    (tmp_path / "person_key.txt").write_text("secret")
    (tmp_path / "contacts.csv").write_text("contact_id")
    provenance = trace_provenance(ROOT, tmp_path)
    assert provenance.loc[provenance["kind"].eq("extract"), "item"].tolist() == ["contacts.csv"]


def test_real_extracts_never_meet_the_truth_of_a_simulated_set_of_the_same_name(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    (tmp_path / "data" / "truth" / "demo").mkdir(parents=True)
    pd.DataFrame({"contact_id": ["K1"]}).to_parquet(tmp_path / "data" / "truth" / "demo" / "contact_persons.parquet")
    monkeypatch.chdir(tmp_path)
    assert len(read_truth("data/raw/demo", "contact_persons")) == 1
    for folder in ("data/raw/2022/demo", "../demo", str(tmp_path.parent / "demo"), "data/raw/ours"):
        assert read_truth(folder, "contact_persons").empty, folder


def test_parameters_of_the_simulation_are_not_listed_for_real_extracts():
    table = list_parameters(load_sections(), (ROOT / "params.yaml").read_text(encoding="utf-8"), False)
    assert len(table) and not table.to_csv().count("simulate.") and "demonstration" not in table.to_csv()


def test_every_parameter_is_listed_with_its_meaning():
    table = list_parameters(load_sections(), (ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert table["meaning"].str.endswith(".").all() and "simulate.true_irr" in set(table["parameter"])


def test_page_and_pdf_are_the_same_bytes_on_a_rerun(rendered, parameters, tmp_path):
    markdown = markdown_of(controlled_tables(), parameters)
    render_html(markdown, rendered, tmp_path / "evaluation.html", "Evaluation of a scheme", BANNER)
    render_pdf(markdown, rendered, tmp_path / "evaluation.pdf", "Evaluation of a scheme", BANNER)
    for name in ("evaluation.html", "evaluation.pdf"):
        assert (tmp_path / name).read_bytes() == (rendered / name).read_bytes(), name


def test_figures_that_another_scheme_published_are_not_called_this_scheme_s(parameters):
    report = parameters.report.model_copy(update={"scheme": "Northshire Peer Support"})
    ours = markdown_of(controlled_tables(), parameters)
    theirs = markdown_of(controlled_tables(), parameters.model_copy(update={"report": report}))
    assert "The scheme's own count found" in ours
    assert "The scheme's own count found" not in theirs and "Durham Community Peer Mentors published of their own clients found" in theirs


def test_recall_by_what_a_contact_holds_is_told_in_words_and_without_rare_patterns():
    rows = [("recall", arm, "all", pattern, value, n) for arm in ("referred", "not_referred") for pattern, value, n in (("birth phone", 0.98, 4000), ("name", 0.5, 40))]
    shown = show_linkage_patterns(pd.DataFrame(rows, columns=["measure", "arm", "period", "pattern", "value", "n"]))
    assert shown["True contacts"].tolist() == ["4,000"] and shown["Recall, referred"].tolist() == ["0.980"]
    assert shown["The contact holds"].tolist() == ["date of birth, phone"]
