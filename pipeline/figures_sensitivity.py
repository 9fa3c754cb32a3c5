"""The specification curve (Simonsohn, Simmons & Nelson 2020): every estimate, and below it the choices behind it.

Built on the style of pipeline.figures. Designs that the method's audit found invalid stand in a panel apart.
"""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import BLUE, GREY, LIGHT, ORANGE, finite_limits, new_figure, ratio_axis, title_figure
from pipeline.labels import label

DARK = "#00314F"
CHOICES = {
    "months_after": "{:g} months after",
    "washout_days": "washout {:g} days",
    "accept_from": "links from {:.2f}",
    "comparison": None,
    "estimator": None,
}


def name_choices(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Return one row per specification and choice in words (`place`, `choice`), only choices that vary."""
    frames = []
    for column, words in CHOICES.items():
        values = sensitivity[column]
        if values.nunique() > 1:
            named = values.map(words.format) if words else values.map(lambda code, kind=column: label(kind, code))
            order = values.rank(method="dense") if words else named.rank(method="dense")
            frames.append(pd.DataFrame({"place": np.arange(len(values)), "choice": named.to_numpy(), "kind": column, "order": order.to_numpy()}))
    empty = pd.DataFrame({"place": [], "choice": [], "kind": [], "order": []})
    return pd.concat(frames, ignore_index=True) if frames else empty


def draw_specifications(sensitivity: pd.DataFrame) -> tuple[Figure, str]:
    """Return the specification curve, valid designs left and invalid ones right, and the alternative text."""
    rows = sensitivity.dropna(subset=["estimate"])
    rows = rows[np.isfinite(rows["estimate"])]
    rows = rows.sort_values(["is_valid", "estimate"], ascending=[False, True], kind="stable").reset_index(drop=True)
    n_valid = int(rows["is_valid"].sum())
    named = name_choices(rows)
    choices = named.drop_duplicates(["kind", "choice"]).assign(kind_order=lambda table: table["kind"].map(list(CHOICES).index))
    choices = choices.sort_values(["kind_order", "order"]).reset_index(drop=True)
    height = 2.6 + 0.2 * len(choices)
    figure, (curve, matrix) = new_figure(height + 0.5, n_rows=2, sharex=True, height_ratios=[2.2, max(0.2 * len(choices), 0.3)])
    draw_curve(curve, rows, n_valid)
    draw_matrix(matrix, named, choices, n_valid, len(rows))
    title_figure(figure, "The answer under other choices")
    return figure, describe_curve(rows[rows["is_valid"]], rows[~rows["is_valid"]])


def draw_curve(axes, rows: pd.DataFrame, n_valid: int) -> None:
    """Draw the estimates with intervals; the primary one is filled and larger, invalid ones stand right of a gap."""
    low, high = finite_limits(rows, ["estimate", "ci_low", "ci_high"])
    for place, row in enumerate(rows.itertuples()):
        colour, marker = (BLUE, "o") if row.is_valid else (ORANGE, "x")
        ends = np.nan_to_num([row.ci_low, row.ci_high], nan=row.estimate, posinf=high, neginf=low).clip(low, high)
        at = place + (place >= n_valid)
        axes.vlines(at, *ends, color=DARK if row.is_primary else colour, lw=2.4 if row.is_primary else 0.8, ls="-" if row.is_valid else ":", zorder=4 if row.is_primary else 2)
        if row.is_primary:
            axes.plot(at, row.estimate, marker="D", ms=8, mfc=DARK, mec="white", zorder=5)
        else:
            axes.plot(at, row.estimate, color=colour, marker=marker, ms=3.5, mfc="white", mew=0.8, zorder=3)
    axes.axhline(0, color=GREY, lw=1)
    axes.set_ylim(low, high)
    ratio_axis(axes.yaxis, low, high)
    axes.set_ylabel("Incidence rate ratio")
    axes.grid(axis="x", visible=False)
    if n_valid < len(rows):
        axes.axvspan(n_valid - 0.5, len(rows) + 0.7, color="#F3E4DC", zorder=0)
        axes.annotate("invalid", (len(rows) + 0.6, high), ha="right", va="top", fontsize=8, color="#8A3B00", xytext=(0, -2), textcoords="offset points")


def draw_matrix(axes, named: pd.DataFrame, choices: pd.DataFrame, n_valid: int, n_rows: int) -> None:
    """Draw a mark for each choice that an estimate rests on."""
    heights = {(row.kind, row.choice): -place for place, row in enumerate(choices.itertuples())}
    for row in named.itertuples():
        at = row.place + (row.place >= n_valid)
        axes.plot(at, heights[row.kind, row.choice], marker="s", ms=min(5, 120 / max(n_rows, 1) + 1), color=GREY, ls="")
    axes.set_yticks([-place for place in range(len(choices))], list(choices["choice"]), fontsize=8)
    axes.set_ylim(-max(len(choices), 1) + 0.4, 0.6)
    axes.set_xlim(-0.7, n_rows + 0.7 if n_valid < n_rows else n_rows - 0.3)
    axes.set_xticks([])
    axes.set_xlabel("One column is one specification")
    axes.grid(axis="x", visible=False)
    for place in np.flatnonzero(choices["kind"].ne(choices["kind"].shift()).to_numpy())[1:]:
        axes.axhline(-place + 0.5, color=LIGHT, lw=1)
    if n_valid < n_rows:
        axes.axvspan(n_valid - 0.5, n_rows + 0.7, color="#F3E4DC", zorder=0)


def describe_curve(valid: pd.DataFrame, invalid: pd.DataFrame) -> str:
    """Return the alternative text: range of the valid estimates, how many intervals lie below 1, the primary, the invalid."""
    if valid.empty:
        return "Specification curve: no valid specification could be estimated."
    text = (
        f"Specification curve of {len(valid)} valid specifications: incidence rate ratios from {math.exp(valid['estimate'].min()):.2f} "
        f"to {math.exp(valid['estimate'].max()):.2f}; {int((valid['ci_high'] < 0).sum())} intervals lie wholly below 1."
    )
    primary = valid[valid["is_primary"]]
    if len(primary):
        text += f" The primary one is {math.exp(primary['estimate'].iloc[0]):.2f}."
    if len(invalid):
        text += f" {len(invalid)} invalid designs stand apart, from {math.exp(invalid['estimate'].min()):.2f} to {math.exp(invalid['estimate'].max()):.2f}."
    return text
