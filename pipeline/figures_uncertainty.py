"""The figure of calibrated match probabilities. Built on the style of pipeline.figures."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import BLUE, GREY, ORANGE, new_figure, title_figure

# Shares of wrong links below this are drawn at it: a log scale has no nought.
LEAST_SHOWN = 1e-4


def draw_reliability(calibration: pd.DataFrame) -> tuple[Figure, str]:
    """Return the share of wrong links by bin, promised, calibrated and seen, on a log scale, one panel per basis; and the alternative text.

    `calibration` as from `calibration.reliability`, of one basis or several.
    """
    bases = list(calibration["basis"].unique()) or ["nothing"]
    figure, grid = new_figure(4.2, 1, ncols=len(bases), squeeze=False, sharey=True)
    sentences = []
    for axes, basis in zip(grid.ravel(), bases):
        rows = calibration[calibration["basis"].eq(basis)].dropna(subset=["share_right"]).reset_index(drop=True)
        places = np.arange(len(rows))
        wrong, low, high = (np.clip(1 - rows[name].astype(float), LEAST_SHOWN, 1) for name in ("share_right", "ci_high", "ci_low"))
        axes.vlines(places, low, high, color=GREY, lw=1.4)
        axes.plot(places, wrong, ls="", marker="o", color="black", ms=5, label="seen, with interval")
        axes.plot(places, np.clip(1 - rows["expected"].astype(float), LEAST_SHOWN, 1), ls=":", marker="s", mfc="white", color=ORANGE, ms=5, label="promised by the model")
        axes.plot(places, np.clip(1 - rows["calibrated"].astype(float), LEAST_SHOWN, 1), ls="--", marker="^", color=BLUE, ms=5, label="calibrated")
        axes.set_yscale("log")
        axes.set_xticks(places, [f"{bin:g}" for bin in rows["bin"]], rotation=45)
        axes.set_xlabel("Match probability from")
        axes.set_title("by nominal ids" if basis == "nominal ids" else f"by {basis}", loc="left")
        if len(rows):
            worst = rows.loc[(rows["calibrated"] - rows["share_right"]).abs().astype(float).idxmax()]
            sentences.append(f"By {basis}: {len(rows)} bins; calibrated and seen differ most from {worst['bin']:g} on, {worst['calibrated']:.3f} against {worst['share_right']:.3f}.")
    grid.ravel()[0].set_ylabel("Share of links that are wrong")
    figure.legend(*grid.ravel()[0].get_legend_handles_labels(), loc="outside lower center", ncols=1)
    title_figure(figure, "Are match probabilities what they say?")
    return figure, f"Dot chart of the share of wrong links by match probability. {' '.join(sentences)}" if sentences else ""
