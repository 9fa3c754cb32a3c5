"""The theory of change as a figure: a chain of steps, each marked by whether the data can show it.

Built on the style of pipeline.figures; returns the figure and its alternative text.
"""

import textwrap

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from pipeline.figures import BLUE, GREY, ORANGE, new_figure, title_figure

# How a step is drawn, and what the mark in its corner says: line, colour, width, words.
SHOWN = {"yes": ("-", BLUE, 1.8, "the data show it"), "partly": ("--", ORANGE, 1.5, "the data show a part"), "no": (":", GREY, 1.5, "not in the data")}
HEIGHT, GAP = 1.0, 0.36


def draw_theory(theory_of_change: pd.DataFrame) -> tuple[Figure, str]:
    """Return the steps as boxes from top to bottom, joined by arrows, and the alternative text."""
    rows = theory_of_change.sort_values("step").reset_index(drop=True)
    figure, axes = new_figure(0.35 + 0.78 * max(len(rows), 1))
    axes.set(xlim=(0, 1), ylim=(-max(len(rows), 1) * (HEIGHT + GAP) + GAP - 0.06, 0.06))
    axes.axis("off")
    for place, row in rows.iterrows():
        draw_box(axes, -place * (HEIGHT + GAP), row, is_last=place == len(rows) - 1)
    title_figure(figure, "How the scheme is meant to work")
    if rows.empty:
        return figure, "Theory of change: no steps are written down."
    steps = [f"{row.step} {row.name_of_step} ({SHOWN[row.shows][3]})" for row in rows.rename(columns={"name": "name_of_step"}).itertuples()]
    return figure, f"Chain of {len(rows)} steps, each leading to the next, marked by what the data hold. " + "; ".join(steps) + "."


def draw_box(axes, top: float, row: pd.Series, is_last: bool) -> None:
    """Draw one step: its name, the assumption on which it rests, and whether the data show it; below it an arrow to the next."""
    line, colour, width, words = SHOWN[row["shows"]]
    axes.add_patch(FancyBboxPatch((0.01, top - HEIGHT), 0.98, HEIGHT, boxstyle="round,pad=0,rounding_size=0.03", fc="white", ec=colour, lw=width, ls=line))
    axes.text(0.03, top - 0.1, f"{row['step']}  {row['name']}", ha="left", va="top", fontsize=9.5, fontweight="bold")
    axes.text(0.03, top - 0.43, textwrap.fill(row["assumption"], 64), ha="left", va="top", fontsize=8.2, linespacing=1.15)
    axes.text(0.975, top - 0.12, words, ha="right", va="top", fontsize=8.2, style="italic", color=GREY)
    if not is_last:
        axes.annotate("", (0.5, top - HEIGHT - GAP), (0.5, top - HEIGHT), arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 1.4, "shrinkA": 1, "shrinkB": 1})
