"""The PDF as a screen reader meets it, and a scheme and a banner whose names are code: words in both forms of the report, and nothing else.

One whole report is rendered, under the worst name that a scheme could have, with a flat picture of nothing in place of every figure.
"""

import re
from types import SimpleNamespace

import pandas as pd
import pypandoc
import pytest
import report_worlds
from matplotlib.figure import Figure
from pages import Page
from pypdf import PdfReader
from report_notebook import make_report

from pipeline.figures import finish_figure
from pipeline.leak_texts import read_text
from pipeline.markdown import TEMPLATES, escape, write_table
from pipeline.params import check_params, load_sections
from pipeline.rendering import READER, render_html, render_pdf

# What means something to HTML, Markdown, Typst, LaTeX, YAML or a shell.
HOSTILE = '<script>alert(1)</script> # $x$ \\ "q" *b* _u_ @c [d](http://e) #panic() `k` {{ 7 * 7 }} ~s~ ^t^ & <!-- n -->'
FIGURE = "![A caption](figures/dot.png)"


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """Return the report of the demonstration under a hostile name: its folder, Markdown, HTML and PDF."""
    folder, sections = tmp_path_factory.mktemp("paper"), load_sections()
    sections["report"] = sections["report"] | {"scheme": HOSTILE}
    tables, is_simulated, not_shown = report_worlds.make_world("demonstration")
    report = make_report(tables, check_params(sections), is_simulated, not_shown, draw=False)
    (folder / "figures").mkdir()
    for picture in report.pictures:
        (folder / "figures" / picture.file).write_bytes(dot())
    render_html(report.markdown, folder, folder / "evaluation.html", report.context["title"], HOSTILE)
    render_pdf(report.markdown, folder, folder / "evaluation.pdf", report.context["title"], HOSTILE)
    return SimpleNamespace(folder=folder, markdown=report.markdown, page=Page((folder / "evaluation.html").read_text(encoding="utf-8")), pdf=PdfReader(folder / "evaluation.pdf"))


def dot():
    return finish_figure("dot", "", (Figure(figsize=(2, 1)), ""), dpi=10).png


def on_one_line(text):
    return " ".join(text.split())


def elements(element, seen):
    """Every element of a PDF's structure tree below `element`."""
    kids = element.get("/K", [])
    for child in kids if isinstance(kids, list) else [kids]:
        child = child.get_object()
        if hasattr(child, "get") and id(child) not in seen:
            seen[id(child)] = child
            elements(child, seen)
    return list(seen.values())


def flat(entries, depth=1):
    """Every bookmark with its depth, in order."""
    for entry in entries:
        yield from flat(entry, depth + 1) if isinstance(entry, list) else [(depth, entry)]


def test_the_pdf_says_that_it_is_accessible_in_what_language_and_under_what_title(paper):
    root = paper.pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and root["/Lang"] == "en-GB" and root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert re.search(rb"pdfuaid:part>1<", root["/Metadata"].get_object().get_data())
    assert on_one_line(paper.pdf.metadata.title) == on_one_line(f"Evaluation of {HOSTILE}")


def test_bookmarks_are_the_headings_of_the_page_nested_as_they_are(paper):
    headings = [(level, on_one_line(title)) for level, title, _ in paper.page.headings]
    marks = [(depth, on_one_line(entry.title)) for depth, entry in flat(paper.pdf.outline)]
    assert [level for level, _ in marks] == [level for level, _ in headings] and len(marks) > 40
    assert [title for _, title in marks] == [title for _, title in headings]


def test_every_figure_of_the_pdf_has_its_words_and_every_table_its_headings(paper):
    found = elements(paper.pdf.trailer["/Root"]["/StructTreeRoot"], {})
    figures = [one for one in found if one.get("/S") == "/Figure"]
    assert len(figures) == paper.markdown.count("](figures/") > 20 and all(str(figure.get("/Alt", "")).strip() for figure in figures)
    tables = [one for one in found if one.get("/S") == "/Table"]
    assert len(tables) == len(paper.page.having("table")) and sum(one.get("/S") == "/TH" for one in found) >= len(tables)


def captions_of(pdf):
    """The captions of a PDF's figures, with page and height on it, from the head down."""
    found = {}
    for page, leaf in enumerate(pdf.pages):
        leaf.extract_text(visitor_text=lambda text, around, own, *font, page=page: found.setdefault(text, (page, -(around[5] + around[3] * own[5]))))
    return {words: place for words, place in found.items() if words.startswith("Caption of")}


def test_a_figure_stands_between_its_heading_and_the_next(paper):
    """All but the first, which may float; one so tall that it would leave half a page empty may too, and none is so here."""
    headings = [(paper.pdf.get_destination_page_number(entry), -round(entry.top)) for _, entry in flat(paper.pdf.outline)]
    captions, above, out = captions_of(paper.pdf), -1, []
    for line in paper.markdown.splitlines():
        above += bool(re.match("#+ ", line))
        for name in re.findall(r"\]\(figures/(\w+)\.png", line):
            below = headings[above + 1] if above + 1 < len(headings) else (len(paper.pdf.pages), 0)
            out += [name] * (not headings[above] < captions[f"Caption of {name}"] < below)
    assert above + 1 == len(headings) and len(captions) > 20 and set(out) <= {"decomposition"}


@pytest.mark.parametrize("height, has_text_before", [(1, False), (3, True)])
def test_a_tall_figure_leaves_no_page_half_empty_and_a_flat_one_stays_where_it_is(tmp_path, height, has_text_before):
    (tmp_path / "figures").mkdir()
    for name, size in (("dot", (2, 1)), ("next", (2, height))):
        (tmp_path / "figures" / f"{name}.png").write_bytes(finish_figure(name, "", (Figure(figsize=size), ""), dpi=10).png)
    words = "A line of text that is as long as the page is wide, or nearly so, and says nothing else. " * 12
    after = FIGURE.replace("dot", "next").replace("A caption", "The caption") + '{alt="It shows a dot"}\n\nWhat comes after it.'
    render_pdf(f'{FIGURE}{{alt="It shows a dot"}}\n\n{words}\n\n{after}', tmp_path, tmp_path / "a.pdf", "T")
    text = "".join(leaf.extract_text() for leaf in PdfReader(tmp_path / "a.pdf").pages)
    assert (text.index("What comes after it") < text.index("The caption")) == has_text_before


def typst_of(rows):
    return pypandoc.convert_text(write_table(rows, "C"), "typst", format=READER, extra_args=[f"--lua-filter={TEMPLATES / 'typst.lua'}"])


def test_a_table_gives_its_width_to_what_there_is_most_of():
    """Not to the longest name, which may break after its point, nor to the one long value among short ones."""
    rows = pd.DataFrame({"Parameter": ["a.b"] * 20 + ["pass_marks.negative_control_coverage_at_least"], "Value": ["1"] * 20 + ["name " * 60], "Meaning": ["a word of the meaning " * 8] * 21})
    source = typst_of(rows)
    widths = [float(width) for width in re.findall(r"([\d.]+)%", re.search(r"columns: \(([^()]*)\)", source)[1])]
    assert len(widths) == 3 and widths[2] > 50 and widths[0] < 35 and "marks.\u200bnegative" in source


def test_a_table_whose_cells_are_hardly_wider_than_their_columns_has_widths_all_the_same():
    rows = pd.DataFrame({name: [f"{'w' * 23} w"] for name in "ABCD"} | {"E": ["v" * 5]})
    source = typst_of(rows)
    assert "nan" not in source and 99 < sum(map(float, re.findall(r"([\d.]+)%", re.search(r"columns: \(([^()]*)\)", source)[1]))) < 101


def test_a_short_table_stays_on_one_page_and_no_row_is_split_but_one_that_might_not_fit_a_page():
    short, long = (pd.DataFrame({"A": ["a"] * n_rows, "B": ["b"] * n_rows}) for n_rows in (10, 40))
    assert "#block(breakable: false)[#set table.cell(breakable: false)" in typst_of(short) and "#block()[#set table.cell(breakable: false)" in typst_of(long)
    assert "#block()[\n" in typst_of(pd.DataFrame({"A": ["word " * 2000], "B": ["word " * 2000]}))


def test_a_figure_that_takes_most_of_a_page_takes_all_of_it_and_no_row_stands_above_it(tmp_path):
    (tmp_path / "figures").mkdir()
    for name, size in (("dot", (2, 1)), ("next", (2, 3.6))):
        (tmp_path / "figures" / f"{name}.png").write_bytes(finish_figure(name, "", (Figure(figsize=size), ""), dpi=10).png)
    after = FIGURE.replace("dot", "next").replace("A caption", "The caption") + '{alt="It shows a dot"}'
    rows = write_table(pd.DataFrame({"A": [f"row {place}" for place in range(90)]}), "C")
    render_pdf(f'{FIGURE}{{alt="It shows a dot"}}\n\n{after}\n\n{rows}', tmp_path, tmp_path / "a.pdf", "T")
    alone = [leaf.extract_text() for leaf in PdfReader(tmp_path / "a.pdf").pages if "The caption" in leaf.extract_text()]
    assert len(alone) == 1 and "row" not in alone[0]


def test_a_long_name_of_code_may_break_after_its_parts_and_is_one_word_to_whoever_searches_the_page(tmp_path):
    (tmp_path / "figures").mkdir()
    render_html("pass_marks.coverage_at_least and Brown_Smith", tmp_path, tmp_path / "a.html", "T")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "pass_<wbr>marks.<wbr>coverage_<wbr>at_<wbr>least and Brown_Smith" in page and "pass_marks.coverage_at_least" in read_text("a.html", page.encode())


@pytest.mark.parametrize("alt", ["", '{alt=""}'])
def test_a_figure_without_alternative_text_stops_the_pdf(tmp_path, alt):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "dot.png").write_bytes(dot())
    render_pdf(FIGURE + '{alt="It shows a dot"}', tmp_path, tmp_path / "a.pdf", "T")
    with pytest.raises(Exception, match="alt"):
        render_pdf(FIGURE + alt, tmp_path, tmp_path / "b.pdf", "T")
    assert not (tmp_path / "b.pdf").exists()


def test_a_hostile_name_and_banner_are_words_on_the_page(paper):
    words = on_one_line(HOSTILE)
    assert paper.page.words.count(words) >= 4, "title, heading, banner, foot"
    assert not paper.page.having("script") and "<!-- n -->" not in (paper.folder / "evaluation.html").read_text(encoding="utf-8")
    assert [link["href"] for link in paper.page.having("a") if not link["href"].startswith("#")] == []


def test_a_hostile_name_and_banner_are_words_on_paper(paper):
    first, last = (on_one_line(paper.pdf.pages[place].extract_text()) for place in (0, -1))
    for words in ("<script>alert(1)</script> # $x$ \\ \"q\"", "*b* _u_ @c [d](http://e) #panic() `k` {{ 7 * 7 }}", "& <!-- n -->"):
        assert words in first and words in last
    links = [note.get_object().get("/A", {}).get("/URI", "") for leaf in paper.pdf.pages for note in leaf.get("/Annots", [])]
    assert not any(links)


@pytest.mark.parametrize("value", ["true", "null", "1: 2", "[a, b]", "a\nb", "Ünïcödé – “quoted”", "C:\\x", "-- --variable=x:y"])
def test_any_title_and_banner_come_out_as_they_went_in(tmp_path, value):
    (tmp_path / "figures").mkdir()
    render_html(f"# {escape(value)}", tmp_path, tmp_path / "a.html", f"Of {value}", value)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert f"<title>Of {on_one_line(value)}</title>" in on_one_line(page) and f'<header class="banner">{on_one_line(value)}</header>' in on_one_line(page)
