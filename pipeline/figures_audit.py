"""Figures of the audit: bias and coverage of the designs in every simulated world. Built on the style of pipeline.figures."""

import math
import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import BLUE, GREY, LIGHT, ORANGE, finite_limits, new_figure, ratio_axis, title_figure
from pipeline.labels import name_design

# What each design is drawn with; in this order from the top of a world's row.
STYLES = {
    ("sequential_trials", "referral"): dict(marker="o", color=BLUE, mfc=BLUE),
    ("complier", "engaged"): dict(marker="D", color=BLUE, mfc="white"),
    ("lagged_outcome_matched", "referral"): dict(marker="s", color=GREY, mfc="white"),
    ("matched_sets", "referral"): dict(marker="^", color=GREY, mfc="white"),
    ("empirical_bayes", "referral"): dict(marker="v", color=GREY, mfc=GREY),
    ("naive", "engaged"): dict(marker="x", color=ORANGE, mfc="none"),
}
ROW_HEIGHT = 0.32
# Monte Carlo intervals of 95 %.
WIDTH_OF_ERRORS = 1.96
# A bias beyond this (a ratio off by a factor of 1.8) is drawn at the edge, so that the designs between can be told apart.
WIDEST_BIAS = 0.6
LABEL_WIDTH = 25


def arrange(audit: pd.DataFrame, worlds: list[str]) -> tuple[pd.DataFrame, list[str], int]:
    """Return the rows to draw with their height (`place`), the worlds from the top, and how many of them are `worlds`; the others follow."""
    kept = audit.merge(pd.DataFrame(list(STYLES), columns=["estimator", "estimand"]).assign(order=range(len(STYLES))), on=["estimator", "estimand"], how="inner", validate="many_to_one")
    there = set(kept["world"])
    held = [world for world in worlds if world in there]
    names = held + sorted(there - set(held))
    step = 0.8 / len(STYLES)
    return kept.assign(place=kept["world"].map({world: at for at, world in enumerate(names)}).astype(float) + (kept["order"] - (len(STYLES) - 1) / 2) * step), names, len(held)


def draw_worlds(audit: pd.DataFrame, worlds: list[str], column: str, limits: tuple[float, float]):
    """Return figure, axis, drawn rows and worlds: one row per world, one mark per design, with Monte Carlo intervals."""
    rows, names, n_held = arrange(audit, worlds)
    figure, axes = new_figure(1.6 + ROW_HEIGHT * max(len(names), 3))
    low, high = limits
    for key, style in STYLES.items():
        part = rows[rows["estimator"].eq(key[0]) & rows["estimand"].eq(key[1])].dropna(subset=[column])
        if part.empty:
            continue
        width = WIDTH_OF_ERRORS * part[f"{column}_se"].fillna(0)
        axes.hlines(part["place"], (part[column] - width).clip(low, high), (part[column] + width).clip(low, high), color=style["color"], lw=1)
        axes.plot(part[column].clip(low, high), part["place"], ls="", ms=4, label=name_design(key[0]), clip_on=False, zorder=3, **style)
    for place in np.arange(len(names) - 1) + 0.5:
        axes.axhline(place, color=LIGHT if place != n_held - 0.5 else GREY, lw=0.6 if place != n_held - 0.5 else 1.4)
    axes.set_yticks(range(len(names)), ["\n".join(textwrap.wrap(name[:1].upper() + name[1:], LABEL_WIDTH)) for name in names], fontsize=8)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_xlim(low, high)
    axes.grid(axis="y", visible=False)
    if len(rows):
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=1, fontsize=8)
    return figure, axes, rows, names


def draw_bias(audit: pd.DataFrame, worlds: list[str]) -> tuple[Figure, str]:
    """Return the mean error of each design by world, those of `worlds` above a heavy line, and the alternative text."""
    low, high = finite_limits(audit, ["bias"], widest=WIDEST_BIAS) if len(audit) else (-1.0, 1.0)
    figure, axes, rows, names = draw_worlds(audit, worlds, "bias", (low, high))
    axes.axvline(0, color=GREY, lw=1)
    ratio_axis(axes.xaxis, low, high)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("Estimated over true ratio")
    title_figure(figure, "How far off is each design?")
    return figure, describe("Dot chart of the mean error of each design in each simulated world.", rows, names, worlds, lambda part: f"ratio over true ratio {math.exp(part['bias'].min()):.2f} to {math.exp(part['bias'].max()):.2f}")


def draw_coverage(audit: pd.DataFrame, worlds: list[str], aim: list[float]) -> tuple[Figure, str]:
    """Return the share of 95 % intervals that hold the truth, `aim` as a grey band, and the alternative text."""
    figure, axes, rows, names = draw_worlds(audit, worlds, "coverage", (-0.03, 1.03))
    axes.axvspan(*aim, color="#DADADA", zorder=0)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.set_xlabel("Intervals with the truth")
    title_figure(figure, "How often does the interval hold the truth?")
    return figure, describe("Dot chart of the coverage of each design's 95% intervals in each simulated world.", rows, names, worlds, lambda part: f"{100 * part['coverage'].min():.0f}% to {100 * part['coverage'].max():.0f}%")


def describe(opening: str, rows: pd.DataFrame, names: list[str], worlds: list[str], write) -> str:
    """Return the alternative text: the range of each design in the worlds it is held to and in the others."""
    if rows.empty:
        return ""
    sentences = []
    for key in STYLES:
        part = rows[rows["estimator"].eq(key[0]) & rows["estimand"].eq(key[1])].dropna(subset=["bias"])
        held, others = part[part["world"].isin(worlds)], part[~part["world"].isin(worlds)]
        words = [f"{write(group)} {where}" for group, where in ((held, "where its assumptions hold"), (others, "where one is broken")) if len(group)]
        sentences += [f"{name_design(key[0])}: {', '.join(words)}."] if words else []
    return f"{opening} {len(names)} worlds. " + " ".join(sentences)
