"""Figures that account for something: the flow of people, the parts of the headline, the effects side by side.

Built on the style of pipeline.figures; each function returns the figure and its alternative text.
"""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from pipeline.figures import BLUE, GREY, LIGHT, ORANGE, finite_limits, new_figure, ratio_axis, title_figure
from pipeline.labels import explain_loss, label


def draw_flow(attrition: pd.DataFrame, threshold: int) -> tuple[Figure, str]:
    """Return the flow of people of both flows side by side, drawn from controlled rows, and the alternative text."""
    attrition = attrition[attrition["flow"].isin(["claim", "analysis"])]
    flows = list(attrition["flow"].drop_duplicates())
    n_steps = int(attrition.groupby("flow").size().max()) if flows else 1
    figure, axes = new_figure(0.5 + 0.92 * n_steps)
    sentences = []
    for column, flow in enumerate(flows):
        rows = attrition[attrition["flow"].eq(flow)].sort_values("step").reset_index(drop=True)
        axes.text(column + 0.5, 0.42, label("flow", flow), ha="center", va="bottom", fontsize=10, fontweight="bold")
        for place, row in rows.iterrows():
            draw_step(axes, column, -place, row, threshold, is_last=place == len(rows) - 1)
        people = [f"{label('stage', row.stage)} {count_text(row.n_people, threshold)}" for row in rows.itertuples()]
        sentences.append(f"{label('flow', flow)}: " + ", ".join(people) + ".")
    axes.set(xlim=(0, max(len(flows), 1)), ylim=(-n_steps + 0.45, 0.7))
    axes.axis("off")
    title_figure(figure, "Flow of people")
    return figure, "Flow chart, people remaining at each step. " + " ".join(sentences) if flows else ""


def draw_step(axes, column: int, place: float, row: pd.Series, threshold: int, is_last: bool) -> None:
    """Draw one box with the people who remain and, above it, who was lost on the way and why."""
    axes.add_patch(
        FancyBboxPatch(
            (column + 0.04, place - 0.27), 0.92, 0.55, boxstyle="round,pad=0,rounding_size=0.04", fc="#EAF2F8" if is_last else "white", ec=BLUE if is_last else GREY, lw=1.6 if is_last else 1
        )
    )
    axes.text(column + 0.5, place + 0.165, label("stage", row["stage"]), ha="center", va="center", fontsize=9, fontweight="bold")
    people, referrals = (count_text(row[name], threshold) for name in ("n_people", "n_referrals"))
    axes.text(column + 0.5, place - 0.09, f"{people} people\n{referrals} referrals", ha="center", va="center", fontsize=8, linespacing=1.1)
    if place < 0:
        axes.annotate("", (column + 0.08, place + 0.29), (column + 0.08, place + 0.72), arrowprops={"arrowstyle": "-|>", "color": GREY, "lw": 1})
        why = explain_loss(row["flow"], row["stage"], row["reason"])
        lost = "" if why.startswith("nobody") else f"{count_text(row['n_lost'], threshold)} lost: "
        reason = textwrap.fill(lost + why, 30, max_lines=3, placeholder=" …")
        axes.text(column + 0.13, place + 0.505, reason, ha="left", va="center", fontsize=7.2, color=GREY, linespacing=1.0)


def count_text(count, threshold: int) -> str:
    """Return a controlled count as text; a suppressed one reads "<10" for a threshold of 10."""
    return f"<{threshold}" if pd.isna(count) else f"{int(count):,}"


def draw_decomposition(decomposition: pd.DataFrame) -> tuple[Figure, str]:
    """Return the waterfall from the naive fall to what the scheme did, in points of the fall, and the alternative text."""
    rows = decomposition.sort_values("position").reset_index(drop=True)
    figure, axes = new_figure(1.05 + 0.42 * max(len(rows), 2))
    ends = telescoped_ends(rows["percentage_points"])
    starts = ends.shift(1, fill_value=0.0).where(rows.index > 1, 0.0)
    is_scheme = rows["part"].str.contains("scheme", case=False)
    names = [label("part", part) for part in rows["part"]]
    low_ends, high_ends = (starts + rows[name] for name in ("ci_low", "ci_high"))
    for place, row in rows.iterrows():
        colour = GREY if place == 0 else BLUE if is_scheme[place] else LIGHT
        left, right = sorted((starts[place], ends[place]))
        axes.barh(-place, right - left, left=left, height=0.6, color=colour, edgecolor=GREY, hatch="//" if is_scheme[place] else None, lw=0.8)
        ends_of_line = [end for end in (low_ends[place], high_ends[place]) if np.isfinite(end)]
        if len(ends_of_line) == 2:
            axes.errorbar(ends[place], -place, xerr=[[max(ends[place] - ends_of_line[0], 0)], [max(ends_of_line[1] - ends[place], 0)]], color="black", lw=1.2, capsize=3)
        axes.text(max(right, *ends_of_line, right) + 1.5, -place, f"{row['percentage_points']:.1f}".replace("-", "\u2212"), va="center", ha="left", fontsize=9)
    axes.set_yticks(-np.arange(len(rows)), [textwrap.fill(name, 28) for name in names], fontsize=8.5)
    axes.set_xlabel("Percentage points of the fall")
    axes.axvline(0, color=GREY, lw=1)
    if len(rows):
        edges = pd.concat([starts, ends, low_ends, high_ends]).replace([np.inf, -np.inf], np.nan)
        low, high = min(edges.min(), 0), max(edges.max(), 0)
        axes.set_xlim(low - 0.05 * (high - low), high + 0.22 * (high - low))
    axes.grid(axis="y", visible=False)
    title_figure(figure, "What the fall as published is made of")
    parts = [f"{name} {row.percentage_points:.1f}{in_brackets(row)}" for name, row in zip(names, rows.itertuples())]
    return figure, f"Waterfall chart of the fall in percentage points: {', '.join(parts)}." if parts else ""


def in_brackets(row) -> str:
    """Return the interval of a part in words, nothing where it has no two finite ends."""
    return f" (interval {row.ci_low:.1f} to {row.ci_high:.1f})" if np.isfinite([row.ci_low, row.ci_high]).all() else ""


def telescoped_ends(points: pd.Series) -> pd.Series:
    """Return where each bar of the waterfall ends: the whole first, then the parts one after another from zero."""
    return pd.concat([points.iloc[:1], points.iloc[1:].cumsum()])


def draw_effects(rows: pd.DataFrame) -> tuple[Figure, str]:
    """Return the estimates of one outcome as ratios with intervals, top to bottom as given, and the alternative text.

    `rows` are rows of `effects` with a column `name`, the words beside each estimate.
    """
    figure, axes = new_figure(1.2 + 0.5 * max(len(rows), 2))
    low, high = finite_limits(rows, ["estimate", "ci_low", "ci_high"])
    sentences = []
    for place, row in enumerate(rows.itertuples()):
        is_naive = row.estimator == "naive"
        absent = "not shown" if str(getattr(row, "status", "")).startswith("not shown") else "not estimated"
        colour, marker = (ORANGE, "s") if is_naive else (BLUE, "o")
        if np.isfinite([row.estimate]).all():
            ends = np.nan_to_num([row.ci_low, row.ci_high], nan=row.estimate, posinf=high, neginf=low).clip(low, high)
            axes.hlines(-place, *ends, color=colour, lw=1.6, ls=":" if is_naive else "-")
            axes.plot(row.estimate, -place, color=colour, marker=marker, ms=6)
        else:
            axes.annotate(absent, (0.02, -place), xycoords=("axes fraction", "data"), va="center", fontsize=8.5, color=GREY)
        sentences.append(f"{row.name}: {np.exp(row.estimate):.2f}{ratio_in_brackets(row)}" if np.isfinite([row.estimate]).all() else f"{row.name}: {absent}")
    axes.axvline(0, color=GREY, lw=1)
    axes.set_yticks(-np.arange(len(rows)), [textwrap.fill(str(name), 22) for name in rows["name"]])
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.set_xlim(low, high)
    ratio_axis(axes.xaxis, low, high)
    axes.set_xlabel("Incidence rate ratio (1 = no difference)")
    axes.grid(axis="y", visible=False)
    title_figure(figure, "Estimates side by side")
    return figure, f"Chart of incidence rate ratios with intervals. {'; '.join(sentences)}." if np.isfinite(rows["estimate"].astype(float)).any() else ""


def ratio_in_brackets(row) -> str:
    """Return the interval of a log ratio as ratios in words, nothing where it has no two finite ends."""
    return f" (interval {np.exp(row.ci_low):.2f} to {np.exp(row.ci_high):.2f})" if np.isfinite([row.ci_low, row.ci_high]).all() else ""
