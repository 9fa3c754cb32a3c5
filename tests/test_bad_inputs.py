"""Whatever is missing or goes wrong, the report is whole: it says what is missing, and holds no empty section, no `nan`, no `None` and no percentage of nothing."""

import functools
import re
from pathlib import Path

import pytest
import report_worlds
from pages import NEVER_WORDED
from percentages import baseless
from pypdf import PdfReader
from report_notebook import make_report

from pipeline.checklists import MET, NOT_MET
from pipeline.figure_tables import WITHOUT_NUMBERS
from pipeline.figures import finish_figure
from pipeline.figures_account import draw_decomposition
from pipeline.leak_words import project_words
from pipeline.leaks import Details, find_details
from pipeline.params import check_params, load_sections
from pipeline.rendering import render_pdf

PARAMS = check_params(load_sections())
OWN_WORDS = project_words(Path(__file__).parent.parent)
# What a value that is missing leaves in a sentence: a space before a stop, empty brackets, two stops, a preposition with nothing after it.
HOLES = re.compile(r" [.,;:](?=\s|$)|\(\)|,,|;;|(?<!\.)\.\.(?!\.)|\b(of|by|to|from|between|and) [.,;)]")
# Tables that every run has rows of, because the stages before stop without them.
ALWAYS = ["claims", "parameters", "provenance"]
# Emptied together in so many groups, so that every table is missing once and no group takes long.
GROUPS = 4
# Worlds whose figures are drawn: with everything, with next to nothing, and without linkage or register.
DRAWN = ["demonstration", "tiny", "panel only"]


@functools.cache
def report_of(name):
    tables, is_simulated, not_shown = report_worlds.make_world(name)
    return make_report(tables, PARAMS, is_simulated, not_shown, draw=name in DRAWN)


def text_of(name):
    return report_of(name).markdown.replace("\\", "")


def faults(markdown):
    """Headings with nothing below, values never put into words, holes in sentences, and lists that run into the paragraph before, each with its place."""
    written = markdown.splitlines()
    joined = [line for before, line in zip(written, written[1:]) if line.startswith(("- ", "|", "#")) and before.strip() and not before.startswith((line[:1], "  ", ":"))]
    lines = [line for line in written if line.strip() and not line.startswith(":::")]
    level = lambda line: len(line) - len(line.lstrip("#")) if re.match(r"#+ ", line) else 0  # noqa: E731
    bare = [line for line, after in zip(lines, [*lines[1:], "# end"]) if level(line) and 0 < level(after) <= level(line)]
    cells = [line for line in lines if line.startswith("|") and re.search(r"\|\s*\|", line)]
    sentences = [line for line in lines if not line.startswith(("|", ": ", ":   "))]
    return bare + joined + cells + [line[:200] for line in lines if NEVER_WORDED.search(line)] + [line[:200] for line in sentences if HOLES.search(line)]


@pytest.mark.parametrize("name", report_worlds.WORLDS)
def test_a_report_is_whole_in_every_world(name):
    assert faults(text_of(name)) == []


@pytest.mark.parametrize("name", report_worlds.WORLDS)
def test_every_percentage_of_a_report_says_of_what_it_is(name):
    text = text_of(name)
    assert "%" in text and baseless(text) == [] and re.findall(r".{30}\d %", text) == []


class Everybody(set):
    """Names of people among whom every word is somebody's."""

    def __contains__(self, word):
        return word.isalpha() and len(word) >= 3


@pytest.mark.parametrize("name", report_worlds.WORLDS)
def test_a_report_is_written_in_the_projects_own_words(name):
    """So that nothing in it is taken for a single name (pipeline.leak_words), whatever people in somebody's extracts are called."""
    everybody = Details(names=Everybody({"ANY"}), words=OWN_WORDS)
    assert {word for _, word in find_details(text_of(name), everybody)} == set()
    assert find_details("Asked by Quattlebaum.", everybody) == {("single name", "QUATTLEBAUM")}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Return a folder with the figure of the first page, as tall as in print."""
    folder = tmp_path_factory.mktemp("first")
    picture = finish_figure("decomposition", "", draw_decomposition(report_worlds.demonstration()["decomposition"]), dpi=20)
    (folder / "figures").mkdir()
    (folder / "figures" / picture.file).write_bytes(picture.png)
    return folder


@pytest.mark.parametrize("name", report_worlds.WORLDS)
def test_the_first_page_is_two_sheets_of_paper_at_most(name, shown):
    report = report_of(name)
    first = report.markdown[: report.markdown.index("\n## Effect")]
    assert ("figures/decomposition.png" in first) == (len(report.tables["decomposition"]) > 0)
    render_pdf(first, shown, shown / "first.pdf", report.context["title"], report.context["banner"])
    assert len(PdfReader(shown / "first.pdf").pages) <= 2


@pytest.mark.parametrize("group", range(GROUPS))
def test_a_report_is_whole_whichever_tables_are_missing(group):
    tables = report_worlds.demonstration()
    gone = [name for place, name in enumerate(sorted(set(tables) - set(ALWAYS) - set(report_worlds.OF_TRUTH))) if place % GROUPS == group]
    assert gone and faults(make_report(report_worlds.empty(tables, gone), PARAMS, draw=False).markdown.replace("\\", "")) == []


@pytest.mark.parametrize("name", report_worlds.WORLDS)
def test_a_dash_is_explained_where_there_is_one(name):
    for above in text_of(name).split("\nA dash means")[:-1]:
        assert "| – |" in above[above.rindex("\n\n|") :]


def test_the_checks_of_this_file_can_fail():
    assert faults("# A\n\n## B\n\n## C\n\nword") == ["## B"]
    assert faults("# A\n\nA fall of nan%.") and faults("# A\n\nFound in .") and faults("# A\n\n| a |  |") and faults("# A\n\nword\n- item")
    assert faults("# A\n\nA fall of 3.1% (interval: 1 to 2), of 100 people.") == []


@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_in_the_report_shows_something_and_says_what_in_numbers(name):
    """A drawing that holds nothing is left out with a sentence; an alternative text without any number says nothing of what is shown."""
    markdown = text_of(name)
    described = re.findall(r'\]\(figures/(\w+)\.png\)\{alt="([^"]*)"\}', markdown)
    assert described and [file for file, alt in described if not re.search(r"\d", alt) and file not in WITHOUT_NUMBERS] == []
    assert name == "panel only" or ("no figure, because" in markdown) == (name == "tiny")


def test_an_inconclusive_result_is_called_so_and_asks_for_more_people():
    text = text_of("inconclusive")
    assert "The result is inconclusive" in text and "More people would need to be available" in text
    assert "That the scheme has no effect: an inconclusive result is not evidence of none." in text


def test_a_failed_check_stands_first_and_one_that_could_not_be_made_says_so():
    text = text_of("failed check")
    assert text.index("Not supported") < text.index("## ") and "could not be worked out (pass mark" in text[: text.index("## ")]
    assert "do not support a statement about the effect" in text


def test_suppressed_headline_cells_read_as_words_and_no_share_of_clients_is_told():
    text = text_of("hidden headline")
    assert "fewer than 10" in text and "did not call the police in the months after" not in text


@pytest.mark.parametrize("name", ["pseudonymised", "panel only"])
def test_what_was_done_elsewhere_is_said_to_be_so(name):
    text = text_of(name)
    # The plan's threshold of links, the limit and the two logs speak of a linkage that was not this run's.
    assert re.search(r"^\| Links from .*\| 0\.9 .*\| linked elsewhere ", text, flags=re.M) and "says how much" not in text
    assert text.count("entries on links say what this project does where it links itself") == 2 and "where it links itself" not in text_of("demonstration")
    assert "Linking was done elsewhere" in text and not re.search(r"^#+ (Clerical review|The demonstration against its truth)", text, flags=re.M)


def test_a_ready_panel_is_told_no_register_no_referrer_and_no_hours():
    text, whole = text_of("panel only"), text_of("demonstration")
    assert "how many referrals were made and accepted" in text and "how many people were referred, accepted" not in text and not re.search(r"^\| Flow .*Referrals", text, flags=re.M)
    assert re.search(r"^\| Flow .*Referrals", whole, flags=re.M) and "Who referred them is not on record here." in text and "Who referred them is not" not in whole
    assert "cannot be seen here, beyond who was referred. Nothing here shows" in text and "as far as its register and its list of mentors say. Nothing here" in whole
    assert "Hours come before pounds" in whole and "In complete extracts" in text


def test_economics_of_a_failed_check_say_so_where_the_ratio_stands_and_hours_are_of_contacts_averted():
    whole, missed = text_of("demonstration"), text_of("failed check")
    assert "For the record only, because a check of the model failed: For each pound" in missed and "because a check of the model failed: For" not in whole
    assert "where each contact averted saves" in whole and "a contact takes" not in whole


def test_the_first_page_names_what_was_not_shown_and_which_rules_were_not_met():
    first = {name: text_of(name).split("\n## Effect")[0] for name in ("demonstration", "panel only", "pseudonymised", "tiny")}
    harmless, saved = "whether anybody came to harm", "what officer time the scheme saves; what the scheme is worth in pounds"
    assert "Not shown in this run" not in first["demonstration"] and f"Not shown in this run: {harmless}; {saved}." in first["tiny"]
    assert "Not shown in this run: whether contacts are linked to the right people; what the scheme is worth in pounds." in first["pseudonymised"]
    assert f"Not shown in this run: whether contacts are linked to the right people; {harmless}; how the scheme was delivered; {saved}." in first["panel only"]
    limits = text_of("demonstration").split("\n## Limits")[1]
    assert "1 of the rules that the extracts were held to is not met in full (under Data)." in first["demonstration"] and "1 of the rules that they were held to is not met in full" in limits


def test_real_extracts_have_neither_banner_nor_truth():
    context = report_of("real").context
    assert context["banner"] == "" and not context["has_truth"]


def test_real_extracts_are_held_to_the_checklists_by_what_they_have_and_need_no_truth():
    ticks = {name: report_of(name).tables["checklists"].set_index(["checklist", "item"])["status"] for name in ("demonstration", "real", "pseudonymised")}
    # Nothing but the pounds: no cost of the scheme and no price of an hour is given there.
    assert ticks["real"][ticks["real"].ne(ticks["demonstration"])].to_dict() == {("EMMIE", "Economics"): NOT_MET}
    assert ticks["real"]["RECORD", "6.2"] == MET and ticks["pseudonymised"]["RECORD", "6.2"] == NOT_MET


def test_an_answer_that_is_not_supported_or_not_there_is_no_tick():
    ticks = {name: report_of(name).tables["checklists"].set_index(["checklist", "item"])["status"] for name in ("demonstration", "failed check", "panel only")}
    assert [ticks[name]["AQuA", "Validation"] for name in ticks] == [MET, NOT_MET, MET]
    assert [ticks[name]["TREND", "19"] for name in ticks] == [MET, MET, NOT_MET] and [ticks[name]["RECORD", "1.3"] for name in ticks] == [MET] * 3
    assert "for the analysis and the linkage are met" in text_of("demonstration") and "pass marks that were set beforehand for the analysis are met" in text_of("panel only")


def test_extracts_without_deaths_and_moves_find_nothing_about_time_at_risk():
    first, rest = text_of("no exits").split("## Effect", 1)
    unknown = "No deaths and no moves are on record here, so that a part for less time at risk is not a finding"
    assert unknown in first and unknown in rest and "The set holds no deaths and no moves, so everyone counts as exposed to the end." in rest
    assert "These extracts do not record: death. Nothing can be said about them." in rest
    assert unknown not in text_of("demonstration")


def test_real_extracts_without_costs_and_prices_have_hours_and_no_pounds():
    economics = text_of("real").split("## Economics", 1)[1].split("\n## ", 1)[0]
    assert "For every 100 people referred" in economics
    assert "a benefit-cost ratio and switching values are not worked out: no price of an officer hour is given" in economics and "no cost of the scheme is given" in economics
    assert "£" not in economics.split("### Hours as published", 1)[0] and "llustrat" not in economics
