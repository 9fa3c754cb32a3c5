"""The report, and the page of two runs, in a real browser, on a telephone and on a desk: no rule of WCAG 2.2 AA broken, nothing cut off, everything reached by keyboard.

Runs where a Chromium or Chrome is installed, and is skipped, saying so, where there is none.
"""

import re
import shutil

import pytest
import report_worlds
from compared_runs import run, shifted
from pages import Page
from report_notebook import make_report

from pipeline.compare import make_comparison
from pipeline.params import check_params, load_sections
from pipeline.rendering import render_html
from pipeline.report import BANNER

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
WORLDS = ["demonstration", "inconclusive", "tiny", "panel only"]
# The page of two runs side by side (pipeline.compare).
COMPARED = "two runs"
# The narrowest width at which WCAG 2.2 (1.4.10, reflow) asks for no scrolling sideways, and a desk.
WIDTHS = (320, 1200)
# Every rule of WCAG 2.0 to 2.2, levels A and AA, and axe's own good practice.
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}, "resultTypes": ["violations", "incomplete"]}
# axe cannot judge contrast over the shadows at the edges of a wide table, nor in cells scrolled out of sight or behind the banner:
# it is judged with all of it laid open, and the shadow by a sum of its own.
PLAIN = ".scroll { background: none !important; overflow: visible !important; } .banner { position: static !important; } .page { max-width: none !important; }"
# WCAG 2.2, 1.4.3, text of ordinary size.
LEAST_CONTRAST = 4.5
LARGEST_PAGE = 5_000_000
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"no browser found (looked for {', '.join(BROWSERS)}): the page was not looked at")


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Without a sandbox, as in a container nobody but root may start one; only our own page is opened.
        found = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def parameters():
    return check_params(load_sections())


@pytest.fixture(scope="module")
def pages(tmp_path_factory, parameters):
    """Return a function that renders the page of a world once and says where it lies."""
    made = {}

    def page_of(world):
        if world == COMPARED and world not in made:
            made[world] = tmp_path_factory.mktemp("page") / "comparison.html"
            made[world].write_bytes(make_comparison(run(), shifted(), parameters.disclosure.threshold))
        elif world not in made:
            folder = tmp_path_factory.mktemp("page")
            (folder / "figures").mkdir()
            tables, is_simulated, not_shown = report_worlds.make_world(world)
            report = make_report(tables, parameters, is_simulated, not_shown, dpi=40)
            for picture in report.pictures:
                (folder / "figures" / picture.file).write_bytes(picture.png)
            made[world] = folder / "evaluation.html"
            render_html(report.markdown, folder, made[world], report.context["title"], report.context["banner"])
        return made[world]

    return page_of


def open_page(browser, path, width, **options):
    """Return the page in the browser and the addresses that it asked for."""
    view, asked = browser.new_page(viewport={"width": width, "height": 800}, **options), []
    view.on("request", lambda request: asked.append(request.url))
    view.goto(path.as_uri())
    return view, asked


def check_rules(view, rules):
    """Return what axe finds broken, and what it cannot decide, each as a line that begins with the rule."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(view, options=rules).response
    return tuple([f"{rule['id']}: {node['target'][0]}: {node['failureSummary']}" for rule in found[kind] for node in rule["nodes"][:3]] for kind in ("violations", "incomplete"))


@pytest.mark.parametrize("world, width", [*((world, WIDTHS[0]) for world in WORLDS), ("demonstration", WIDTHS[1]), *((COMPARED, width) for width in WIDTHS)])
def test_no_rule_of_wcag_is_broken_and_the_page_asks_nothing_of_the_network(browser, pages, world, width):
    view, asked = open_page(browser, pages(world), width)
    broken, undecided = check_rules(view, RULES)
    view.close()
    assert not broken, "\n".join(broken)
    assert {told.split(":")[0] for told in undecided} <= {"color-contrast"}, "\n".join(undecided)
    assert [url for url in asked if not url.startswith("data:")] == [pages(world).as_uri()]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_word_has_contrast_enough_whatever_colours_the_reader_prefers(browser, pages, colours):
    """The page sets its own ink and paper, so that a browser in dark mode does not put white letters on white."""
    view, _ = open_page(browser, pages("tiny"), WIDTHS[1], color_scheme=colours)
    view.add_style_tag(content=PLAIN)
    told = check_rules(view, {"runOnly": ["color-contrast"], "resultTypes": ["violations", "incomplete"]})
    view.close()
    assert told == ([], [])


def test_the_shadow_at_the_edge_of_a_wide_table_leaves_its_words_legible(browser, pages):
    """Worst case: ink on paper under the darkest point of the shadow, black at 4/15 opacity (#0004), so 73 % of white."""
    view, _ = open_page(browser, pages("tiny"), WIDTHS[1])
    ink = view.evaluate("getComputedStyle(document.querySelector('td')).color.match(/\\d+/g).map(Number)")
    shadow = view.evaluate("getComputedStyle(document.querySelector('.scroll')).backgroundImage")
    assert view.evaluate("getComputedStyle(document.querySelector('.frame')).backgroundImage") == shadow, "a figure that scrolls says so too"
    view.close()
    darkest = max(float(alpha) for alpha in re.findall(r"rgba\(0, 0, 0, ([0-9.]+)\)", shadow))
    paper = [255 * (1 - darkest)] * 3
    assert contrast(ink, paper) >= LEAST_CONTRAST


def contrast(one, other):
    """The contrast of two colours as WCAG 2 defines it, from 1 to 21."""
    light = [sum(weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4) for weight, part in zip((0.2126, 0.7152, 0.0722), [value / 255 for value in colour])) for colour in (one, other)]
    return (max(light) + 0.05) / (min(light) + 0.05)


@pytest.mark.parametrize("world", [*WORLDS, COMPARED])
def test_a_telephone_never_scrolls_the_page_sideways_and_no_text_is_cut_off(browser, pages, world):
    view, _ = open_page(browser, pages(world), WIDTHS[0])
    width = view.evaluate("document.documentElement.scrollWidth")
    # Whatever reaches beyond the page's edge and is not inside something that scrolls by itself.
    outside = view.evaluate("""() => [...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll, .frame') && !one.matches('.skip') &&
        (one.getBoundingClientRect().right > window.innerWidth + 1 || one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline' && one.clientWidth > 0)).map(one => one.outerHTML.slice(0, 90))""")
    view.close()
    assert width == WIDTHS[0] and outside == []


def test_on_a_desk_a_table_is_as_wide_as_it_needs_and_the_window_allows_and_nothing_of_its_caption_is_out_of_sight(browser, pages):
    view, _ = open_page(browser, pages("demonstration"), WIDTHS[1])
    unfold(view)
    cut = view.evaluate("[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.getAttribute('aria-label'))")
    page = view.evaluate("document.documentElement.scrollWidth")
    view.set_viewport_size({"width": WIDTHS[0], "height": 800})
    captions = view.evaluate("[...document.querySelectorAll('caption')].filter(one => [...one.getClientRects()].length && one.scrollWidth > one.closest('.scroll').clientWidth + 1).map(one => one.textContent)")
    view.close()
    assert cut == [] and page == WIDTHS[1] and captions == []


def unfold(view):
    """Open every part of the page that a reader may fold away."""
    view.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")


@pytest.mark.parametrize("width", WIDTHS)
def test_no_two_pieces_of_text_lie_on_top_of_each_other(browser, pages, width):
    """Blocks follow each other down the page: none begins above the end of the one before it, the sticky banner aside."""
    view, _ = open_page(browser, pages("demonstration"), width)
    unfold(view)
    overlaps = view.evaluate("""() => {
        const blocks = [...document.querySelectorAll('main p, main h1, main h2, main h3, main h4, main li, main figure, main .scroll, main dt, main dd, footer')].filter(one => !one.closest('td, th, figcaption') && !one.querySelector('p, li'));
        const boxes = blocks.map(one => [one.getBoundingClientRect(), one.textContent.slice(0, 60)]);
        return boxes.slice(1).filter(([box], place) => box.top < boxes[place][0].bottom - 1).map(([, text]) => text);
    }""")
    crossing = view.evaluate("""() => [...document.querySelectorAll('tr')].filter(row => { const cells = [...row.cells].map(cell => cell.getBoundingClientRect());
        return cells.slice(1).some((box, place) => box.left < cells[place].right - 1); }).map(row => row.textContent.slice(0, 60))""")
    view.close()
    assert overlaps == [] and crossing == []


def test_the_keyboard_reaches_the_report_first_and_every_wide_table_and_shows_where_it_is(browser, pages):
    view, _ = open_page(browser, pages("demonstration"), WIDTHS[0])
    unfold(view)
    view.keyboard.press("Tab")
    first = view.evaluate("[document.activeElement.className, document.activeElement.getBoundingClientRect().left >= 0]")
    assert first == ["skip", True]
    view.keyboard.press("Enter")
    view.keyboard.press("Tab")
    assert view.evaluate("document.querySelector('main').contains(document.activeElement)"), "the link past the contents leads into the report"
    reached, outlined, hidden = set(), set(), set()
    for _ in range(view.locator("main a, main .scroll, main .frame, main summary").count() + 5):
        place = view.evaluate("[...document.querySelectorAll('.scroll')].indexOf(document.activeElement)")
        if place >= 0:
            reached.add(place)
            outlined |= {place} if view.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2 && getComputedStyle(document.activeElement).outlineStyle !== 'none'") else set()
            # WCAG 2.2, 2.4.11: what has the focus is not wholly behind the banner.
            hidden |= {place} if view.evaluate("document.activeElement.getBoundingClientRect().bottom <= (document.querySelector('.banner')?.getBoundingClientRect().bottom ?? 0)") else set()
        view.keyboard.press("Tab")
    assert reached == outlined == set(range(view.locator(".scroll").count())) and not hidden
    wide = view.locator(".scroll").filter(has=view.locator("table")).evaluate_all("all => all.findIndex(one => one.scrollWidth > one.clientWidth + 20)")
    view.evaluate(f"document.querySelectorAll('.scroll')[{wide}].focus()")
    view.keyboard.press("ArrowRight")
    view.wait_for_timeout(400)
    assert view.evaluate("document.activeElement.scrollLeft") > 0
    view.close()


def test_on_paper_nothing_sticks_and_no_table_is_cut_at_the_edge(browser, pages):
    view, _ = open_page(browser, pages("demonstration"), 794)
    view.emulate_media(media="print")
    assert view.evaluate("getComputedStyle(document.querySelector('.banner')).position") == "static"
    assert view.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert view.evaluate("[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.getAttribute('aria-label'))") == []
    view.close()


@pytest.mark.parametrize("world", WORLDS)
def test_landmarks_headings_captions_and_alternative_texts_are_sound(pages, world):
    content = pages(world).read_text(encoding="utf-8")
    page = Page(content)
    levels = [level for level, _, _ in page.headings]
    assert page.having("html")[0]["lang"] == "en-GB" and levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:]))
    assert [len(page.having(landmark)) for landmark in ("main", "nav", "footer")] == [1, 1, 1]
    assert len(page.having("table")) == len(page.having("caption")) and all(heading.get("scope") in ("col", "row") for heading in page.having("th"))
    alts = [image["alt"] for image in page.having("img")]
    assert all(alts) and len(set(alts)) == len(alts)
    assert not set(alts) & set(page.text), "an alternative text says what the figure shows and is not its caption"
    assert len(content) < LARGEST_PAGE and (BANNER in page.words) == (world != "panel only")
