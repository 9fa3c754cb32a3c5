"""The figure of two runs: the main estimates of both with their intervals, one above the other. Built on the style of pipeline.figures."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipeline.figures import BLUE, GREY, ORANGE, finite_limits, new_figure, ratio_axis, title_figure


def draw_moves(moves: pd.DataFrame, old_name: str, new_name: str) -> tuple[Figure, str]:
    """Return old (circle, full line) and new (square, dotted line) ratios with intervals, and the alternative text.

    `moves` has the columns name, old, old_low, old_high, new, new_low, new_high (log ratios) of pipeline.comparison.
    """
    figure, axes = new_figure(1.6 + 0.62 * max(len(moves), 1))
    low, high = finite_limits(moves, ["old", "old_low", "old_high", "new", "new_low", "new_high"])
    sentences = []
    for place, row in enumerate(moves.itertuples()):
        words = []
        for estimate, ends, shift, colour, marker, line, name in (
            (row.old, (row.old_low, row.old_high), 0.16, BLUE, "o", "-", old_name),
            (row.new, (row.new_low, row.new_high), -0.16, ORANGE, "s", ":", new_name),
        ):
            if not np.isfinite(estimate):
                words.append(f"{name} not estimated")
                continue
            left, right = np.nan_to_num(ends, nan=estimate, posinf=high, neginf=low).clip(low, high)
            axes.hlines(-place + shift, left, right, color=colour, lw=1.6, ls=line)
            axes.plot(estimate, -place + shift, color=colour, marker=marker, ms=6, ls="")
            words.append(f"{name} {np.exp(estimate):.2f}")
        sentences.append(f"{row.name}: {', '.join(words)}")
    axes.axvline(0, color=GREY, lw=1)
    axes.set_yticks(-np.arange(len(moves)), [textwrap.fill(str(name), 22) for name in moves["name"]])
    axes.set_ylim(-max(len(moves), 1) + 0.4, 0.6)
    axes.set_xlim(low, high)
    ratio_axis(axes.xaxis, low, high)
    axes.set_xlabel("Incidence rate ratio (1 = no difference)")
    axes.grid(axis="y", visible=False)
    keys = [Line2D([], [], color=colour, marker=marker, ls=line, label=textwrap.shorten(name, 30, placeholder=" …")) for colour, marker, line, name in ((BLUE, "o", "-", old_name), (ORANGE, "s", ":", new_name))]
    figure.legend(handles=keys, loc="outside lower center", ncols=2, frameon=False)
    title_figure(figure, "Estimates of both runs")
    return figure, "Incidence rate ratios of two runs, with intervals. " + ("; ".join(sentences) + "." if sentences else "No estimate is in both runs.")
