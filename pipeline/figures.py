"""Figures over time and over covariates: before and after, event study, balance.

Each function takes a controlled table and returns the figure and its alternative text, written from the same
rows. Colours are Okabe and Ito's; marker and line style differ too, so that a figure survives greyscale print.
Figures are narrow with large type: they are read on a telephone as well as on paper.
"""

import io
import math
from typing import NamedTuple

import matplotlib

matplotlib.use("agg")
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from pipeline.labels import label, label_lag

WIDTH = 4.8
BLUE, ORANGE, GREY, LIGHT = "#0072B2", "#D55E00", "#4D4D4D", "#C8C8C8"
ARMS = {"referred": (BLUE, "o", "-"), "not_yet_referred": (ORANGE, "s", "--")}


def new_figure(height: float, n_rows: int = 1, **grid):
    """Return a figure of the report's width and its axes, in the report's style."""
    style = sns.axes_style("whitegrid", {"grid.color": "#E3E3E3", "axes.edgecolor": GREY})
    context = {"font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "xtick.labelsize": 9, "ytick.labelsize": 9, "legend.fontsize": 9}
    with matplotlib.rc_context({**style, **context}):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots(n_rows, **grid)
    return figure, axes


class Picture(NamedTuple):
    """A finished figure: file name, caption, alternative text and the PNG itself, which notebooks show."""

    file: str
    title: str
    alt: str
    png: bytes

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        # The PNG's bytes written out made an executed notebook three times as large.
        return f"Picture({self.file!r})"


def finish_figure(name: str, title: str, drawing: tuple[Figure, str], dpi: int = 200) -> Picture:
    """Return a drawing (figure, alternative text) as a Picture, without the version that would make reruns differ.

    A drawing that holds nothing has an empty alternative text, and is left out of the report.
    """
    figure, alt = drawing
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return Picture(f"{name}.png", title, alt, buffer.getvalue())


def title_figure(figure: Figure, title: str) -> None:
    """Set the figure's title over its whole width, left-aligned."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")


def ratio_axis(axis, low: float, high: float) -> None:
    """Give a log ratio axis ticks that read as ratios, at most seven of them."""
    ticks = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0])
    inside = ticks[(np.log(ticks) >= low) & (np.log(ticks) <= high)]
    inside = inside if len(inside) <= 7 else inside[np.isin(inside, [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 4.0, 10.0])]
    axis.set_major_locator(FixedLocator(np.log(inside)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{math.exp(value):g}" if value else "1"))


def finite_limits(table: pd.DataFrame, columns: list[str], widest: float = 2.5) -> tuple[float, float]:
    """Return the least and greatest finite value of `columns`, zero included and at most `widest` from it, with a margin."""
    values = table[columns].to_numpy(dtype=float).ravel()
    values = np.append(values[np.isfinite(values)], 0.0).clip(-widest, widest)
    margin = 0.06 * max(np.ptp(values), 0.2)
    return float(values.min() - margin), float(values.max() + margin)


def draw_before_after(event_study: pd.DataFrame) -> tuple[Figure, str]:
    """Return contacts per person-month around time zero in each arm, and the alternative text."""
    figure, axes = new_figure(3.6)
    sentences = []
    for arm, rows in event_study.groupby("arm", sort=False):
        colour, marker, line = ARMS.get(arm, (GREY, "^", ":"))
        rows = rows.dropna(subset=["contacts_per_person_month"]).sort_values("month")
        for side in (rows[rows["month"] < 0], rows[rows["month"] >= 0]):
            axes.plot(side["month"] + 0.5, side["contacts_per_person_month"], color=colour, marker=marker, ls=line, ms=3.5, lw=1.4)
        axes.plot([], [], color=colour, marker=marker, ls=line, ms=4, label=label("arm", arm))
        sentences.append(describe_arm(label("arm", arm), rows))
    axes.axvline(0, color=GREY, lw=1)
    axes.set(xlabel="Months from time zero", ylabel="Contacts per person-month")
    axes.set_ylim(bottom=0)
    if sentences:
        axes.legend(loc="upper left", frameon=True)
    title_figure(figure, "Police contacts before and after time zero")
    is_empty = event_study["contacts_per_person_month"].isna().all()
    return figure, "" if is_empty else "Line chart of police contacts per person-month around time zero. " + " ".join(sentences)


def describe_arm(name: str, rows: pd.DataFrame) -> str:
    """Return a sentence on an arm's contacts per person-month: highest before, last after."""
    before, after = rows[rows["month"] < 0], rows[rows["month"] >= 0]
    if before.empty or after.empty:
        return f"{name}: no complete series."
    peak, last = before.loc[before["contacts_per_person_month"].idxmax()], after.iloc[-1]
    return (
        f"{name}: highest before at {peak['contacts_per_person_month']:.2f} in month {int(peak['month'])}, "
        f"{after['contacts_per_person_month'].iloc[0]:.2f} in the first month after and {last['contacts_per_person_month']:.2f} in month {int(last['month'])}."
    )


def draw_event_study(event_study: pd.DataFrame) -> tuple[Figure, str]:
    """Return the monthly ratio of referred to comparison people with intervals, and the alternative text."""
    rows = event_study.dropna(subset=["estimate"]).sort_values("month")
    rows = rows[rows["arm"].eq("referred")] if rows["arm"].eq("referred").any() else rows
    figure, axes = new_figure(3.6)
    low, high = finite_limits(rows, ["estimate", "ci_low", "ci_high"], widest=1.8)
    for side, colour, marker in ((rows["month"] < 0, GREY, "s"), (rows["month"] >= 0, BLUE, "o")):
        part = rows[side]
        axes.vlines(part["month"] + 0.5, part["ci_low"].clip(low, high), part["ci_high"].clip(low, high), color=colour, lw=1.2)
        axes.plot(part["month"] + 0.5, part["estimate"], color=colour, marker=marker, ls="", ms=4)
    axes.axhline(0, color=GREY, lw=1)
    axes.axvline(0, color=GREY, lw=1, ls=":")
    axes.set_ylim(low, high)
    ratio_axis(axes.yaxis, low, high)
    axes.set(xlabel="Months from time zero", ylabel="Ratio, referred to comparison")
    title_figure(figure, "Referred against comparison people, month by month")
    if rows.empty:
        return figure, ""
    return figure, "Chart of the ratio of contacts, referred to weighted comparison people, by month with intervals. " + " ".join(
        describe_side(rows[side], name) for side, name in ((rows["month"] < 0, "Before"), (rows["month"] >= 0, "After")) if side.any()
    )


def describe_side(rows: pd.DataFrame, name: str) -> str:
    """Return a sentence on the ratios of one side of time zero and how many intervals leave out 1."""
    n_away = int(((rows["ci_low"] > 0) | (rows["ci_high"] < 0)).sum())
    low, high = np.exp(rows["estimate"].min()), np.exp(rows["estimate"].max())
    return f"{name} time zero the ratio lies between {low:.2f} and {high:.2f}; {n_away} of {len(rows)} intervals leave out 1."


def draw_balance(balance: pd.DataFrame, at_most: float) -> tuple[Figure, str]:
    """Return the love plot of the primary comparison: standardised differences before and after weighting, largest first.

    The alternative text comes with it.
    `at_most` is the pass mark, drawn as a dashed line; half of it, the green mark, is dotted.
    """
    balance = balance[balance["treated"].eq("referred") & balance["comparison"].eq("not_yet_referred")]
    rows = balance.assign(size=balance[["smd_before", "smd_after"]].abs().max(axis=1)).sort_values("size", kind="stable")
    figure, axes = new_figure(1.5 + 0.26 * max(len(rows), 4))
    places = np.arange(len(rows))
    axes.hlines(places, rows["smd_before"].abs(), rows["smd_after"].abs(), color=LIGHT, lw=1.2)
    # Over the frame: a mark at nought would be half hidden by it.
    over = {"ls": "", "ms": 5, "clip_on": False, "zorder": 3}
    axes.plot(rows["smd_before"].abs(), places, marker="s", mfc="white", color=ORANGE, label="before weighting", **over)
    axes.plot(rows["smd_after"].abs(), places, marker="o", color=BLUE, label="after weighting", **over)
    axes.axvline(at_most, color=GREY, lw=1, ls="--")
    axes.axvline(at_most / 2, color=GREY, lw=1, ls=":")
    axes.set_yticks(places, [label_lag(str(name)) for name in rows["covariate"]])
    axes.set_xlabel("Standardised difference (absolute)")
    axes.set_xlim(left=0)
    axes.grid(axis="y", visible=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    title_figure(figure, "How alike the arms are, before and after weighting")
    if rows.empty:
        return figure, ""
    worst = rows.loc[rows["smd_after"].abs().idxmax()] if rows["smd_after"].notna().any() else None
    after = "" if worst is None else f" and {abs(worst['smd_after']):.2f} after it ({label_lag(str(worst['covariate']))})"
    return figure, (
        f"Love plot of {len(rows)} covariates. The largest standardised difference is {rows['smd_before'].abs().max():.2f} before weighting{after}; "
        f"{int((rows['smd_after'].abs() > at_most).sum())} lie above the pass mark of {at_most:g} after weighting."
    )
