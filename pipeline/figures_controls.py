"""The figure of the negative controls. Built on the style of pipeline.figures."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import t

from pipeline.figures import BLUE, GREY, LIGHT, ORANGE, finite_limits, new_figure, ratio_axis, title_figure

NAMES = {"referral": "of being referred", "engaged": "of engaging"}
BINS = 24


def draw_controls(negative_controls: pd.DataFrame, summary: pd.DataFrame) -> tuple[Figure, str]:
    """Return the distribution of the controls' estimates, what their standard errors promise, and the real estimate; and the alternative text.

    One panel per estimand; `summary` as from pipeline.control_summary. Both may hold no estimate at all.
    """
    estimands = list(summary["estimand"]) or ["referral"]
    figure, grid = new_figure(2.3 * len(estimands) + 1.2, n_rows=len(estimands), squeeze=False, sharex=True)
    ends = pd.concat([negative_controls["estimate"], summary["estimate"]]).to_frame("estimate").astype(float)
    low, high = finite_limits(ends, ["estimate"])
    sentences = []
    for axes, estimand in zip(grid.ravel(), estimands):
        controls = negative_controls[negative_controls["estimand"].eq(estimand)].dropna(subset=["estimate"])
        draw_distribution(axes, controls, low, high)
        row = summary[summary["estimand"].eq(estimand)]
        if len(row) and np.isfinite(row["estimate"].iloc[0]):
            axes.axvline(row["estimate"].iloc[0], color=BLUE, lw=2.2, label="real estimate")
        axes.axvline(0, color="black", lw=1, ls=":", label="no effect")
        axes.set_title(f"Effect {NAMES[estimand]}", loc="left")
        axes.set_ylabel("Controls")
        axes.set_xlim(low, high)
        sentences += [describe_panel(estimand, controls, row)]
    ratio_axis(grid.ravel()[-1].xaxis, low, high)
    grid.ravel()[-1].set_xlabel("Incidence rate ratio (log scale)")
    figure.legend(*grid.ravel()[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    title_figure(figure, "Referrals that can have done nothing")
    return figure, "" if negative_controls["estimate"].isna().all() else "Histogram of the estimates of negative controls. " + " ".join(sentences)


def draw_distribution(axes, controls: pd.DataFrame, low: float, high: float) -> None:
    """Draw the controls' estimates as a histogram and the mean of the curves (t) that their standard errors promise."""
    if controls.empty:
        return
    estimates, errors, df = (controls[name].to_numpy(float) for name in ("estimate", "std_error", "df"))
    edges = np.linspace(estimates.min(), estimates.max() or 1e-6, BINS + 1) if np.ptp(estimates) else np.linspace(low, high, BINS + 1)
    axes.hist(estimates, bins=edges, color=LIGHT, edgecolor=GREY, lw=0.6, label="estimates of controls")
    places = np.linspace(low, high, 400)
    curve = t.pdf(places[:, None], df, scale=errors)
    axes.plot(places, curve.sum(axis=1) * (edges[1] - edges[0]), color=ORANGE, ls="--", lw=1.6, label="promised by standard errors")


def describe_panel(estimand: str, controls: pd.DataFrame, row: pd.DataFrame) -> str:
    """Return one panel in words."""
    if controls.empty:
        return f"Effect {NAMES[estimand]}: no control could be estimated."
    middle = np.exp(np.quantile(controls["estimate"], [0.025, 0.975]))
    real = row["estimate"].iloc[0] if len(row) else np.nan
    beside = f"; the real estimate is {np.exp(real):.2f}" if np.isfinite(real) else ""
    return f"Effect {NAMES[estimand]}: {len(controls)} controls, nineteen in twenty of them between ratios of {middle[0]:.2f} and {middle[1]:.2f}{beside}."
