"""The figures of bounds and of groups. Built on the style of pipeline.figures and the words of pipeline.report_moderators."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import BLUE, GREY, ORANGE, finite_limits, new_figure, ratio_axis, title_figure
from pipeline.report_moderators import CHARACTERISTICS, name_level

PANELS = {"relative_magnitudes": "Times the largest move before", "smoothness": "Change of drift allowed"}


def draw_bounds(honest_bounds: pd.DataFrame) -> tuple[Figure, str]:
    """Return the interval of the ratio by the drift that is allowed, a panel per restriction, and the alternative text."""
    figure, grid = new_figure(3.4, 1, ncols=2, sharey=True)
    low, high = finite_limits(honest_bounds, ["ci_low", "ci_high"])
    sentences = []
    for axes, (restriction, words) in zip(grid, PANELS.items()):
        rows = honest_bounds[honest_bounds["restriction"].eq(restriction)].dropna(subset=["ci_low", "ci_high"])
        places = np.arange(len(rows))
        for place, row in zip(places, rows.itertuples()):
            colour, style = (BLUE, "-") if row.excludes_no_effect else (ORANGE, ":")
            axes.vlines(place, max(row.ci_low, low), min(row.ci_high, high), color=colour, lw=3, ls=style)
            # Where an interval ends: its last dot may lie well before.
            axes.hlines([end for end in (row.ci_low, row.ci_high) if low <= end <= high], place - 0.25, place + 0.25, color=colour, lw=1.6)
        axes.axhline(0, color=GREY, lw=1)
        axes.set_xticks(places, [f"{bound:g}" for bound in rows["bound"]], rotation=60)
        axes.set_xlabel(textwrap.fill(words, 18))
        sentences += [f"{words}: at {row.bound:g} {np.exp(row.ci_low):.2f} to {np.exp(row.ci_high):.2f}" for row in rows.iloc[[0, -1]].itertuples()] if len(rows) else [f"{words}: no interval"]
    grid[0].set_ylim(low, high)
    ratio_axis(grid[0].yaxis, low, high)
    grid[0].set_ylabel("Ratio of being referred")
    title_figure(figure, "If the arms had drifted apart anyway")
    is_empty = honest_bounds[["ci_low", "ci_high"]].isna().any(axis=1).all()
    return figure, "" if is_empty else f"Intervals of the ratio of contacts by the drift that is allowed; dotted ones include a ratio of 1. {'; '.join(sentences)}."


def draw_subgroups(subgroups: pd.DataFrame) -> tuple[Figure, str]:
    """Return the effect of being referred in each group with intervals, and the alternative text."""
    blocks = [(name, rows) for name, rows in subgroups.groupby("characteristic", sort=False)]
    n_lines = len(subgroups) + len(blocks)
    figure, axes = new_figure(1.1 + 0.24 * max(n_lines, 4))
    low, high = finite_limits(subgroups, ["estimate", "ci_low", "ci_high"], widest=1.6)
    line, names, sentences = 0, [], []
    for characteristic, rows in blocks:
        if characteristic != "everyone":
            names.append((line, CHARACTERISTICS[characteristic].upper()))
            line += 1
        for row in rows.itertuples():
            names.append((line, name_level(row.level)))
            if np.isfinite(row.estimate):
                axes.hlines(-line, max(row.ci_low, low), min(row.ci_high, high), color=BLUE, lw=1.5)
                axes.plot(row.estimate, -line, marker="D" if characteristic == "everyone" else "o", color=BLUE, ms=5)
                sentences.append(f"{name_level(row.level)} {np.exp(row.estimate):.2f} ({np.exp(row.ci_low):.2f} to {np.exp(row.ci_high):.2f})")
            else:
                axes.annotate("no estimate", (0.02, -line), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=GREY)
            line += 1
    whole = subgroups.loc[subgroups["characteristic"].eq("everyone"), "estimate"]
    if whole.notna().any():
        axes.axvline(float(whole.iloc[0]), color=GREY, lw=1, ls="--")
    axes.axvline(0, color="black", lw=1)
    axes.set_yticks([-place for place, _ in names], [textwrap.shorten(words, 26, placeholder="…") for _, words in names], fontsize=8)
    axes.set_ylim(-line + 0.4, 0.6)
    axes.set_xlim(low, high)
    ratio_axis(axes.xaxis, low, high)
    axes.set_xlabel("Incidence rate ratio of being referred")
    axes.grid(axis="y", visible=False)
    title_figure(figure, "In groups named beforehand (exploratory)")
    return figure, f"Ratios of contacts with intervals by group; the dashed line is everyone. {'; '.join(sentences)}." if sentences else ""
