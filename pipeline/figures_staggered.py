"""The figure of effects by time since the start. Built on the style of pipeline.figures."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from pipeline.figures import BLUE, GREY, new_figure, title_figure

# A ratio beyond this, or an end of an interval, is drawn at it: a block with few contacts would flatten all others.
LARGEST_SHOWN = math.log(4)
TICKS = [0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4]


def draw_staggered(staggered_effects: pd.DataFrame, outcome: str) -> tuple[Figure, str]:
    """Return the ratio by block of months since the start (extended two-way fixed effects), with intervals, and the alternative text."""
    rows = staggered_effects[staggered_effects["outcome"].eq(outcome) & staggered_effects["estimator"].eq("extended_twfe") & staggered_effects["aggregation"].eq("block")]
    rows = rows.dropna(subset=["estimate", "ci_low", "ci_high"]).sort_values("first_month")
    figure, axes = new_figure(3.6)
    middle = (rows["first_month"] + rows["last_month"] + 1).to_numpy(float) / 2
    estimate, low, high = (np.clip(rows[name].to_numpy(float), -LARGEST_SHOWN, LARGEST_SHOWN) for name in ("estimate", "ci_low", "ci_high"))
    after = middle > 0
    axes.axhline(0, color="black", lw=0.9)
    axes.axvline(0, color=GREY, lw=1.2, ls=":")
    axes.vlines(middle, low, high, color=GREY, lw=1.6)
    axes.plot(middle[~after], estimate[~after], ls="", marker="s", mfc="white", mec="black", ms=6, label="before the start")
    axes.plot(middle[after], estimate[after], ls="", marker="o", color=BLUE, ms=6, label="from the start on")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{math.exp(value):.2f}"))
    axes.yaxis.set_major_locator(FixedLocator([math.log(tick) for tick in TICKS]))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_xlabel("Months since the start")
    axes.set_ylabel("Ratio of contacts (log scale)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    title_figure(figure, "Contacts by time since the start")
    if not after.any():
        return figure, ""
    words = "; ".join(f"months {first:.0f} to {last:.0f}: {write_drawn(value)}" for first, last, value in zip(rows["first_month"], rows["last_month"], estimate))
    return figure, f"Dot chart of the ratio of contacts to those expected without the scheme, by months since the start, with intervals. {words}."


def write_drawn(value: float) -> str:
    """Return a log ratio as the ratio that is drawn; one at the edge lies there or beyond."""
    beyond = f" or {'more' if value > 0 else 'less'}" if abs(value) >= LARGEST_SHOWN else ""
    return f"{math.exp(value):.2f}{beyond}"
