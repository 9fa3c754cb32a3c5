"""The specification curve (Simonsohn, Simmons & Nelson 2020): every estimate in order, and below it what each does otherwise.

Three panels: the estimates of all valid specifications, sorted, with their intervals; marks where a specification departs from
the plan; and, on a scale of their own, designs that the audit found invalid. Built on the style of pipeline.figures;
builds on pipeline.specification_choices.
"""

import math
import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import BLUE, GREY, LIGHT, ORANGE, finite_limits, new_figure, ratio_axis, title_figure
from pipeline.labels import label, word_level
from pipeline.specification_choices import CHOICES, design_of, sort_curve

DARK = "#00314F"
SHADE = "#F3E4DC"
# Inches: a row of marks, and a design whose name may take two lines.
ROW, DESIGN = 0.185, 0.32
LONGEST_NAME = 34


def draw_specifications(sensitivity: pd.DataFrame) -> tuple[Figure, str]:
    """Return the specification curve, its marks and the panel of invalid designs, and the alternative text."""
    rows = sensitivity[np.isfinite(sensitivity["estimate"].astype(float))]
    valid = sort_curve(sensitivity)
    invalid = name_designs(rows[~rows["is_valid"]])
    marks = list_departures(valid)
    designs = list(dict.fromkeys(invalid.sort_values("estimate")["design"]))
    heights = [2.3, ROW * max(marks["name"].nunique(), 1), DESIGN * max(len(designs), 1)]
    figure, (curve, matrix, apart) = new_figure(sum(heights) + 1.9, n_rows=3, height_ratios=heights)
    draw_curve(curve, valid)
    draw_departures(matrix, marks, valid)
    draw_apart(apart, invalid, designs, valid)
    title_figure(figure, "The answer under other choices")
    return figure, describe_curve(valid, invalid)


def name_designs(invalid: pd.DataFrame) -> pd.DataFrame:
    """Return the invalid rows of all contacts with their `design`, one row per design and window."""
    named = invalid.assign(design=[design_of(row) for row in invalid.to_dict("records")])
    return named[named["outcome"] == "n_contacts"].drop_duplicates(["design", "months_after"])


def list_departures(valid: pd.DataFrame) -> pd.DataFrame:
    """Return place (row of `valid`), name and order of each way in which a specification departs from the plan's, or from the primary one where the plan's is not there."""
    empty = pd.DataFrame({"place": pd.Series(dtype=int), "name": pd.Series(dtype=str), "order": pd.Series(dtype=int)})
    primary = valid[planned_elsewhere(valid)] if planned_elsewhere(valid).any() else valid[valid["is_primary"]]
    if primary.empty:
        return empty
    frames = []
    for order, choice in enumerate(CHOICES):
        departs = (valid[choice] != primary[choice].iloc[0]) & valid[choice].notna()
        levels = valid.loc[departs, choice]
        frames.append(pd.DataFrame({"place": levels.index, "name": [word_level(choice, level) for level in levels], "order": order}))
    return pd.concat([empty, *frames], ignore_index=True)


def draw_curve(axes, valid: pd.DataFrame) -> None:
    """Draw the sorted estimates over their intervals; filled where the interval leaves out 1, the primary one a diamond, the plan's a square where it is another."""
    low, high = finite_limits(valid, ["estimate", "ci_low", "ci_high"])
    places = np.arange(len(valid))
    ends = [valid[name].astype(float).fillna(valid["estimate"]).clip(low, high) for name in ("ci_low", "ci_high")]
    axes.vlines(places, *ends, color=LIGHT, lw=max(0.4, min(3, 150 / max(len(valid), 1))), zorder=1)
    clear = ((valid["ci_high"] < 0) | (valid["ci_low"] > 0)).to_numpy(bool)
    for side, face in ((clear, BLUE), (~clear, "white")):
        axes.plot(places[side], valid["estimate"][side], ls="", marker="o", ms=2.6, mfc=face, mec=BLUE, mew=0.5, zorder=3)
    for place in np.flatnonzero(valid["is_primary"]):
        axes.vlines(place, ends[0][place], ends[1][place], color=DARK, lw=2, zorder=4)
        axes.plot(place, valid["estimate"][place], marker="D", ms=8, mfc=DARK, mec="white", zorder=5, ls="")
        axes.annotate(name_primary(valid), (place, ends[1][place]), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=9, color=DARK)
    for place in np.flatnonzero(planned_elsewhere(valid)):
        axes.vlines(place, ends[0][place], ends[1][place], color=ORANGE, lw=2, ls=":", zorder=4)
        axes.plot(place, valid["estimate"][place], marker="s", ms=8, mfc="white", mec=ORANGE, mew=1.6, zorder=5, ls="")
        axes.annotate("plan", (place, ends[0][place]), xytext=(0, -10), textcoords="offset points", ha="center", fontsize=9, color="#8A3B00")
    axes.axhline(0, color=GREY, lw=1)
    axes.set(ylim=(low, high), xlim=(-1, max(len(valid), 1)), xticks=[])
    ratio_axis(axes.yaxis, low, high)
    axes.set_ylabel("Incidence rate ratio")
    axes.set_title(f"{len(valid):,} valid specifications, sorted", loc="left", fontsize=9)


def planned_elsewhere(valid: pd.DataFrame) -> np.ndarray:
    """Return a flag per row: what the analysis plan asks for, where this run's primary specification is another (column is_planned of pipeline.plan_ledger)."""
    if "is_planned" not in valid:
        return np.zeros(len(valid), bool)
    return (valid["is_planned"].astype(bool) & ~valid["is_primary"].astype(bool)).to_numpy()


def name_primary(valid: pd.DataFrame) -> str:
    """Return what stands beside the run's primary specification: whether it is the plan's."""
    if "is_planned" not in valid:
        return "primary"
    return "plan and this run" if (valid["is_planned"].astype(bool) & valid["is_primary"].astype(bool)).any() else "this run"


def draw_departures(axes, marks: pd.DataFrame, valid: pd.DataFrame) -> None:
    """Draw a mark under each estimate in the line of every choice in which it departs from the plan; the columns of this run and of the plan are lines."""
    names = list(dict.fromkeys(marks.sort_values(["order", "name"], kind="stable")["name"]))
    heights = {name: -place for place, name in enumerate(names)}
    axes.plot(marks["place"], marks["name"].map(heights).astype(float), ls="", marker="|", ms=6.5, mew=max(0.5, min(2, 150 / max(len(valid), 1))), color=GREY)
    for place in np.flatnonzero(valid["is_primary"]):
        axes.axvline(place, color=DARK, lw=1)
    for place in np.flatnonzero(planned_elsewhere(valid)):
        axes.axvline(place, color=ORANGE, lw=1, ls=":")
    starts = marks.drop_duplicates("name").set_index("name")["order"].reindex(names)
    for place in np.flatnonzero(starts.ne(starts.shift()).to_numpy())[1:]:
        axes.axhline(-place + 0.5, color=LIGHT, lw=0.8)
    axes.set_yticks([-place for place in range(len(names))], [textwrap.shorten(name, LONGEST_NAME, placeholder=" …") for name in names], fontsize=8)
    axes.set(ylim=(-max(len(names), 1) + 0.4, 0.6), xlim=(-1, max(len(valid), 1)), xticks=[])
    axes.grid(visible=False)
    is_plan = "is_planned" not in valid or valid["is_planned"].astype(bool).any()
    axes.set_title(f"Where each departs from {'the plan' if is_plan else 'this run'}", loc="left", fontsize=9)
    axes.set_xlabel("One column is one specification")


def draw_apart(axes, invalid: pd.DataFrame, designs: list[str], valid: pd.DataFrame) -> None:
    """Draw the invalid designs, one line each, at every window they were tried with; a line shows where the primary estimate lies."""
    low, high = finite_limits(pd.concat([invalid, valid[valid["is_primary"]]]), ["estimate", "ci_low", "ci_high"])
    for place, design in enumerate(designs):
        rows = invalid[invalid["design"] == design].sort_values("months_after", ascending=False)
        for shift, row in zip(np.linspace(0.24, -0.24, len(rows)) if len(rows) > 1 else [0], rows.itertuples()):
            ends = np.nan_to_num([row.ci_low, row.ci_high], nan=row.estimate, posinf=high, neginf=low).clip(low, high)
            axes.hlines(-place + shift, *ends, color=ORANGE, lw=1, ls=":")
            axes.plot(row.estimate, -place + shift, color=ORANGE, marker="x", ms=4.5, ls="")
    for estimate in valid.loc[valid["is_primary"], "estimate"]:
        axes.axvline(estimate, color=DARK, lw=1.4)
    axes.axvline(0, color=GREY, lw=1)
    axes.set_facecolor(SHADE)
    axes.set_yticks([-place for place in range(len(designs))], [name_in_two_lines(design) for design in designs], fontsize=8)
    axes.set(ylim=(-max(len(designs), 1) + 0.4, 0.6), xlim=(low, high))
    ratio_axis(axes.xaxis, low, high)
    axes.set_xlabel("Incidence rate ratio (line: primary)")
    axes.set_title("Invalid designs, shown apart", loc="left", fontsize=9, color="#8A3B00")
    axes.grid(axis="y", visible=False)


def name_in_two_lines(design: str) -> str:
    """Return a design's name in words with a capital, on two lines at most, so that it stays clear of the names above and below."""
    words = label("estimator", design)
    return textwrap.fill(words[:1].upper() + words[1:], LONGEST_NAME, max_lines=2, placeholder=" …")


def describe_curve(valid: pd.DataFrame, invalid: pd.DataFrame) -> str:
    """Return the alternative text: range of the valid estimates, how many intervals lie on each side of 1, the primary, the invalid."""
    if valid.empty:
        return ""
    text = (
        f"Specification curve of {len(valid)} valid specifications: incidence rate ratios from {math.exp(valid['estimate'].min()):.2f} "
        f"to {math.exp(valid['estimate'].max()):.2f}; {int((valid['ci_high'] < 0).sum())} intervals lie wholly below 1, {int((valid['ci_low'] > 0).sum())} wholly above."
    )
    primary = valid[valid["is_primary"]]
    if len(primary):
        text += f" The primary one is {math.exp(primary['estimate'].iloc[0]):.2f}"
        planned = valid[planned_elsewhere(valid)]
        text += f"; what the plan asks for is another, {math.exp(planned['estimate'].iloc[0]):.2f}." if len(planned) else ", which is what the plan asks for." if "is_planned" in valid and primary["is_planned"].all() else "."
    if len(invalid):
        text += f" {invalid['design'].nunique()} invalid designs stand apart, from {math.exp(invalid['estimate'].min()):.2f} to {math.exp(invalid['estimate'].max()):.2f}."
    return text
