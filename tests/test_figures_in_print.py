"""Figures on paper without colour and at their real size: every series can still be told from the others, and no text is cut off or covers other text."""

import itertools

import pandas as pd
import pytest
import report_frames
import report_worlds
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from report_notebook import make_report

from pipeline.disclosure import control_attrition
from pipeline.figures_account import draw_flow
from pipeline.figures_implementation import draw_mentors
from pipeline.figures_linkage import draw_examples
from pipeline.figures_sensitivity import draw_specifications
from pipeline.labels import LABELS
from pipeline.params import check_params, load_sections

# Enough to tell letters apart in a box of text; drawn no larger than that.
DPI = 72
# Pixels by which two boxes of text may meet: boxes have room above and below their letters.
TOUCH = 3
# Pixels beyond the canvas: a legend without a frame has padding that shows nothing.
SLACK = 7
# Relative luminance (WCAG 2), from 0 (black) to 1 (paper), by which two areas or marks of one shape must differ.
LEAST_DIFFERENCE = 0.1


@pytest.fixture(scope="module")
def drawn():
    """Return the figures of the demonstration by name, and the two whose names are longest with the longest that there are."""
    tables, is_simulated, not_shown = report_worlds.make_world("demonstration")
    figures = make_report(tables, check_params(load_sections()), is_simulated, not_shown).drawn
    figures = dict(figures, many_designs=draw_specifications(with_every_design())[0], long_reasons=draw_flow(long_reasons(), 10)[0], far_apart=draw_examples(far_apart(), 3.3)[0])
    for figure in figures.values():
        FigureCanvasAgg(figure)
        figure.set_dpi(DPI)
        figure.draw_without_rendering()
    return figures


def with_every_design():
    """Specifications with every estimator that has a name among the invalid ones."""
    table = report_frames.sensitivity()
    one = table[~table["is_valid"]].iloc[:1]
    return pd.concat([table[table["is_valid"]], *[one.assign(estimator=name) for name in LABELS["estimator"]]], ignore_index=True)


def long_reasons():
    """The flow of people with the longest reason that the attrition gives, at every step."""
    return control_attrition(report_frames.attrition(), 10, 5).assign(reason="the register holds the same person under a client_id referred earlier")


def far_apart():
    """Two made-up pairs: one ends far to the right, the other first runs further to the left than any other."""
    steps = [("prior", -12.4), ("forename", 28), ("place", 27), ("altogether", 42.6)], [("prior", -12.4), ("forename", -5.3), ("place", 30), ("altogether", 12.3)]
    rows = [{"example": f"Pair {pair}", "position": place, "step": step, "level": "", "match_weight": weight} for pair, some in enumerate(steps) for place, (step, weight) in enumerate(some)]
    table = pd.DataFrame(rows)
    return table.assign(total=table["match_weight"].where(table["step"].eq("altogether"), table.groupby("example")["match_weight"].cumsum()))


def texts_of(figure):
    """Every piece of text that shows, with its box in pixels."""
    renderer = figure.canvas.get_renderer()
    artists = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        shown = axes.axison
        ticks = [axes.xaxis, axes.yaxis] if shown else []
        artists += [axes.title, axes._left_title, axes._right_title, *axes.texts, *(text for legend in [axes.get_legend()] if legend for text in legend.get_texts())]
        artists += [axis.label for axis in ticks]
        for axis in ticks:
            low, high = sorted(axis.get_view_interval())
            places = zip(axis.get_ticklocs(), axis.get_ticklabels())
            artists += [text for place, text in places if low - 1e-9 <= place <= high + 1e-9]
    return [(text.get_text().replace("\n", " "), text.get_window_extent(renderer)) for text in artists if text is not None and text.get_visible() and text.get_text().strip()]


def test_no_text_is_cut_off_at_the_edge_of_a_figure(drawn):
    cut = [(name, words) for name, figure in drawn.items() for words, box in texts_of(figure) if box.x0 < -SLACK or box.y0 < -SLACK or box.x1 > figure.bbox.width + SLACK or box.y1 > figure.bbox.height + SLACK]
    shortened = [(name, words) for name in ("flow", "long_reasons", "many_designs") for words, _ in texts_of(drawn[name]) if words.endswith("…")]
    assert cut == [] and shortened == []


def test_no_text_lies_on_other_text(drawn):
    found = []
    for name, figure in drawn.items():
        for (words, box), (others, other) in itertools.combinations(texts_of(figure), 2):
            width, height = min(box.x1, other.x1) - max(box.x0, other.x0), min(box.y1, other.y1) - max(box.y0, other.y0)
            if width > TOUCH and height > TOUCH:
                found.append((name, words, others, round(width), round(height)))
    assert found == []


def test_no_bar_and_no_number_beside_one_runs_out_of_its_frame(drawn):
    """A waterfall begins where the part before it ended, which may be beyond what all others of its figure reach."""
    found = []
    for name, figure in drawn.items():
        for axes in [axes for axes in figure.axes if axes.axison]:
            bars = [("a bar", patch.get_window_extent()) for patch in axes.patches if type(patch).__name__ == "Rectangle" and not patch.get_transform().contains_branch(axes.transAxes)]
            numbers = [(text.get_text(), text.get_window_extent()) for text in axes.texts if text.get_text().strip()]
            found += [(name, words) for words, box in bars + numbers if box.x0 < axes.bbox.x0 - 1 or box.x1 > axes.bbox.x1 + 1]
    assert found == []


def test_a_dotted_interval_has_its_ends_marked(drawn):
    """Its last dot may lie well before the end, on the other side of a ratio of 1."""
    bounds = report_worlds.make_world("demonstration")[0]["honest_bounds"].dropna(subset=["ci_low", "ci_high"])
    marks = [round(line[0][1], 6) for axes in drawn["honest_bounds"].axes for kind in axes.collections for line in kind.get_segments() if line[0][1] == line[1][1]]
    assert len(bounds) > 2 and {round(end, 6) for end in [*bounds["ci_low"], *bounds["ci_high"]]} <= set(marks)


def test_a_mentors_last_day_that_ends_no_quarter_stands_where_it_lies_and_is_named():
    quarters = pd.DataFrame({"ends_on": pd.to_datetime(["2021-12-31", "2022-03-31", "2022-04-30"]), "n_active": [40, 50, 45], "n_lived": [20, 20, 20]})
    figure, alt = draw_mentors(quarters)
    days = pd.DatetimeIndex(figure.axes[0].lines[0].get_xdata())
    assert [(after - before).days for before, after in itertools.pairwise(days)] == [90, 30]
    assert "30 April 2022" in figure.axes[0].get_xlabel() and "on 30 April 2022" in alt and "last" not in draw_mentors(quarters.head(2))[0].axes[0].get_xlabel()


def luminance(colour):
    """The relative luminance of a colour as WCAG 2 defines it."""
    return sum(weight * (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4) for weight, part in zip((0.2126, 0.7152, 0.0722), to_rgb(colour)))


def style_of(artist):
    """What is left of a series without colour: marker, line, whether it is hollow, hatch; and its luminance."""
    if hasattr(artist, "get_marker"):
        has_marker = str(artist.get_marker()).lower() not in ("none", "", " ")
        hollow = has_marker and luminance(artist.get_markerfacecolor()) > 0.9 if artist.get_markerfacecolor() != "none" else has_marker
        return (artist.get_marker() if has_marker else None, artist.get_linestyle(), hollow, artist.get_linewidth() if not has_marker else None), luminance(artist.get_color())
    if hasattr(artist, "get_hatch") and hasattr(artist, "get_facecolor") and len(artist.get_facecolor()) == 4:
        return ("area", artist.get_hatch()), luminance(artist.get_facecolor()[:3])
    return None


def alike(artists):
    """Pairs of different colour that nothing but colour tells apart."""
    styles = [style for style in map(style_of, artists) if style]
    return [(one, other) for one, other in itertools.combinations(styles, 2) if one[0] == other[0] and 0 < abs(one[1] - other[1]) < LEAST_DIFFERENCE]


def test_without_colour_every_entry_of_a_legend_differs_from_the_others(drawn):
    legends = {name: [legend for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes)] if legend] for name, figure in drawn.items()}
    assert sum(map(len, legends.values())) > 8
    assert [(name, alike(legend.legend_handles)) for name, some in legends.items() for legend in some if alike(legend.legend_handles)] == []


def test_without_colour_every_line_and_bar_differs_from_others_of_another_colour(drawn):
    """Bars that each have a name and a number beside them, as the pairs of the linkage have, need no more."""
    found = []
    for name, figure in drawn.items():
        for axes in figure.axes:
            lines = [line for line in axes.lines if line.get_transform() == axes.transData and len(line.get_xdata())]
            bars = [] if len(axes.patches) == len(axes.texts) else [patch for patch in axes.patches if type(patch).__name__ == "Rectangle"]
            found += [(name, pair) for pair in alike(lines) + alike(bars)]
    assert found == []


def test_the_check_finds_two_lines_that_only_colour_tells_apart():
    same = dict(marker="o", linestyle="-")
    assert alike([Line2D([0], [0], color="#0072B2", **same), Line2D([0], [0], color="#4D4D4D", **same)])
    assert not alike([Line2D([0], [0], color="#0072B2", **same), Line2D([0], [0], color="#4D4D4D", marker="s")])
