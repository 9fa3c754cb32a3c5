"""Figures of the economics: officer hours per contact, and how far each input moves the benefit-cost ratio. Built on the style of pipeline.figures."""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.contact_hours import EVERYONE, REFERRED
from pipeline.figures import BLUE, GREY, ORANGE, new_figure, title_figure
from pipeline.labels import label

ROW_HEIGHT = 0.3
LABEL_WIDTH = 24
# Drawn in this order: the small filled mark stays visible on the large open one.
STYLES = {EVERYONE: dict(marker="s", color=ORANGE, mfc="white", ms=8, mew=1.4), REFERRED: dict(marker="o", color=BLUE, mfc=BLUE, ms=4.5)}
PEOPLE = {REFERRED: "The referred, year before", EVERYONE: "Everyone"}
# Where benefit equals cost further away than this many widths of the marks, a note says so instead of a line.
FAR = 1.5


def draw_contact_hours(contact_hours: pd.DataFrame) -> tuple[Figure, str]:
    """Return officer hours per contact by channel and type of contact, the referred beside everyone, and the alternative text."""
    rows = contact_hours[contact_hours["grouping"].isin(["channel", "type"])].dropna(subset=["hours_per_contact"]) if len(contact_hours) else contact_hours
    levels = list(dict.fromkeys(zip(rows["grouping"], rows["level"]))) if len(rows) else []
    n_channels = sum(grouping == "channel" for grouping, _ in levels)
    figure, axes = new_figure(1.5 + ROW_HEIGHT * max(len(levels), 2))
    for people, style in STYLES.items():
        part = rows[rows["people"].eq(people)] if len(rows) else rows
        if len(part):
            places = [levels.index(key) for key in zip(part["grouping"], part["level"])]
            axes.plot(part["hours_per_contact"], places, ls="", label=PEOPLE[people], clip_on=False, zorder=3, **style)
    axes.set_yticks(range(len(levels)), [textwrap.fill(label(grouping, level)[:1].upper() + label(grouping, level)[1:], LABEL_WIDTH) for grouping, level in levels])
    axes.set_ylim(max(len(levels), 1) - 0.5, -0.5)
    if 0 < n_channels < len(levels):
        axes.axhline(n_channels - 0.5, color=GREY, lw=1)
    axes.set_xlim(left=0)
    axes.set_xlabel("Officer hours per contact")
    if len(rows):
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=1, frameon=False)
    title_figure(figure, "Officer hours per contact")
    return figure, describe_contact_hours(rows)


def describe_contact_hours(rows: pd.DataFrame) -> str:
    """Return the alternative text of the hours: for each group of people the least and the most, by channel and by type."""
    opening = "Dot chart of officer hours per contact by channel, then by type of contact."
    sentences = []
    for (people, grouping), part in rows.groupby(["people", "grouping"], sort=False) if len(rows) else []:
        least, most = part.loc[part["hours_per_contact"].idxmin()], part.loc[part["hours_per_contact"].idxmax()]
        sentences.append(
            f"{PEOPLE[people]}, by {grouping}: from {least['hours_per_contact']:.1f} hours ({label(grouping, least['level'])}) to {most['hours_per_contact']:.1f} hours ({label(grouping, most['level'])})."
        )
    return f"{opening} {' '.join(sentences)}" if sentences else ""


def draw_tornado(tornado: pd.DataFrame, benefit_cost: pd.DataFrame) -> tuple[Figure, str]:
    """Return the benefit-cost ratio with each input at either end of its range, the widest first, and the alternative text."""
    figure, axes = new_figure(1.7 + 0.42 * max(len(tornado), 2))
    places = np.arange(len(tornado))
    axes.hlines(places, tornado[["ratio_low", "ratio_high"]].min(axis=1).astype(float), tornado[["ratio_low", "ratio_high"]].max(axis=1).astype(float), color=GREY, lw=5, alpha=0.45)
    axes.plot(tornado["ratio_low"].astype(float), places, ls="", marker="o", ms=6, color=BLUE, mfc="white", label="Input at its low end")
    axes.plot(tornado["ratio_high"].astype(float), places, ls="", marker="s", ms=6, color=BLUE, mfc=BLUE, label="Input at its high end")
    central = benefit_cost.loc[benefit_cost["measure"].eq("ratio"), "value"]
    if len(central):
        axes.axvline(float(central.iloc[0]), color=ORANGE, lw=1.4, ls="--", label="As worked out")
    mark_break_even(axes, tornado[["ratio_low", "ratio_high"]].to_numpy(float))
    axes.set_yticks(places, [textwrap.fill(label("input", name), LABEL_WIDTH) for name in tornado["input"]])
    axes.set_ylim(max(len(tornado), 1) - 0.5, -0.5)
    axes.set_xlabel("Benefit for each pound of cost (£)")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower left", ncols=2, frameon=False)
    title_figure(figure, "What moves the benefit-cost ratio?")
    return figure, describe_tornado(tornado, central)


def mark_break_even(axes, ratios: np.ndarray) -> None:
    """Draw the line at 1, where benefit equals cost, or note on which side of `ratios` it lies where it is far from them."""
    low, high = (float(ratios.min()), float(ratios.max())) if ratios.size else (0.0, 2.0)
    width = max(high - low, 1e-6)
    if low - FAR * width <= 1 <= high + FAR * width:
        axes.axvline(1, color=GREY, lw=1.4, label="Benefit equals cost")
        return
    axes.set_xlim(low - 0.15 * width, high + 0.15 * width)
    is_right = high < 1
    words = "Benefit equals cost at £1, far to the right →" if is_right else "← Benefit equals cost at £1, far to the left"
    axes.set_title(words, loc="right" if is_right else "left", fontsize=9)


def describe_tornado(tornado: pd.DataFrame, central: pd.Series) -> str:
    """Return the alternative text of the tornado: the ratio as worked out and where each input takes it."""
    if tornado.empty:
        return ""
    moves = [f"{label('input', row.input)}: {row.ratio_low:.3g} to {row.ratio_high:.3g}." for row in tornado.itertuples()]
    return f"Tornado chart of the benefit-cost ratio, {float(central.iloc[0]):.3g} as worked out; at 1 benefit equals cost. With one input at its low and at its high end, the widest first: {' '.join(moves)}"
