"""Figures of the linkage: m and u, made-up pairs step by step, who cannot be linked, thresholds, months, linked against unlinked.

Built on the style of pipeline.figures, the words of pipeline.wording and pipeline.linkage_comparison; each function returns the figure and its alternative text.
"""

import textwrap

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pipeline.figures import BLUE, GREY, LIGHT, ORANGE, new_figure, title_figure
from pipeline.labels import label
from pipeline.linkage_comparison import leave_out_echoes
from pipeline.wording import write_signed

GREEN = "#007A5A"
MEASURES = {"precision": (BLUE, "o", "-"), "recall": (ORANGE, "s", "--"), "f1": (GREEN, "^", ":")}
LEAST_SHOWN = 1e-6
# Standardised differences between linked and unlinked from here on deserve a thought; a line in the figure, no pass mark.
NOTABLE = 0.1


def draw_match_levels(match_levels: pd.DataFrame) -> tuple[Figure, str]:
    """Return m and u of every level of every comparison on a log scale, strongest agreement first, and the alternative text."""
    figure, axes = new_figure(1.4 + 0.23 * max(len(match_levels), 4))
    places = -np.arange(len(match_levels)) - 0.6 * (pd.factorize(match_levels["comparison"])[0] if len(match_levels) else 0)
    m, u = (match_levels[name].clip(lower=LEAST_SHOWN) for name in ("m", "u"))
    axes.hlines(places, np.minimum(m, u), np.maximum(m, u), color=LIGHT, lw=1.2)
    axes.plot(m, places, ls="", marker="o", color=BLUE, ms=5, label="m: among pairs of one person")
    axes.plot(u, places, ls="", marker="s", mfc="white", color=ORANGE, ms=5, label="u: among pairs of two people")
    names = [f"{label('step', row.comparison)}: {name_level(row.level)}" for row in match_levels.itertuples()]
    axes.set_yticks(places, [textwrap.fill(name, 40, max_lines=2, placeholder=" …") for name in names], fontsize=7.5, linespacing=0.9)
    axes.set_xscale("log")
    axes.set_xlim(LEAST_SHOWN / 2, 2)
    axes.set_xlabel("Share of pairs (log scale)")
    axes.grid(axis="y", visible=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    title_figure(figure, "How often details agree")
    if match_levels.empty:
        return figure, ""
    best = match_levels.loc[match_levels["match_weight"].idxmax()]
    worst = match_levels.loc[match_levels["match_weight"].idxmin()]
    return figure, (
        f"Dot chart of m and u for {len(match_levels)} levels of agreement. Most evidence for one person: {label('step', best['comparison'])}, {name_level(best['level'])} "
        f"(m {best['m']:.3f}, u {best['u']:.6f}, {write_signed(best['match_weight'], 1)} bits); most against: {label('step', worst['comparison'])}, {name_level(worst['level'])} ({write_signed(worst['match_weight'], 1)} bits)."
    )


def name_level(level: str) -> str:
    """Return a level of agreement in plain words."""
    most = str(level).rpartition(" ")[2]
    if "Levenshtein" in str(level) and most.isdigit() and int(most) > 1:
        return "two slips"
    known = {"Exact match": "the same", "All other": "differs", "Jaro-Winkler": "spelt alike", "Damerau-Levenshtein": "one slip", "Levenshtein": "one slip"}
    return next((words for start, words in known.items() if str(level).startswith(start)), str(level))


def draw_examples(match_examples: pd.DataFrame, accept_weight: float) -> tuple[Figure, str]:
    """Return a waterfall of match weights for each made-up pair and the alternative text; a dashed line marks `accept_weight`."""
    names = list(match_examples["example"].drop_duplicates())
    n_rows = max(-(-len(names) // 2), 1)
    figure, grid = new_figure(0.8 + 2.2 * n_rows, n_rows, ncols=2, squeeze=False, sharex=True, sharey=True)
    sentences = []
    ends = pd.concat([match_examples["total"], match_examples["total"] - match_examples["match_weight"]])
    low, high = min(ends.min(), 0), max(ends.max(), 0)
    for axes, name in zip(grid.ravel(), names):
        rows = match_examples[match_examples["example"].eq(name)].sort_values("position").reset_index(drop=True)
        draw_waterfall(axes, rows, accept_weight)
        last = rows.iloc[-1]
        sentences.append(f"{name}: {last['total']:.1f} bits altogether{', but ruled out' if str(last['level']).startswith('ruled out') else ''}.")
    for axes in grid.ravel()[len(names):]:
        axes.axis("off")
    for axes in grid[-1]:
        axes.set_xlabel("Match weight (bits)")
    if names:
        axes.set_xlim(low - 0.04 * (high - low), high + 0.27 * (high - low))
    title_figure(figure, "Made-up pairs, step by step")
    return figure, f"Waterfall charts of the evidence for {len(names)} made-up pairs; from {accept_weight:.1f} bits on a pair is accepted. {' '.join(sentences)}" if sentences else ""


def draw_waterfall(axes, rows: pd.DataFrame, accept_weight: float) -> None:
    """Draw one pair: each step from where the one before ended, the sum last."""
    is_total = rows.index == len(rows) - 1
    ends = rows["total"]
    starts = ends - rows["match_weight"]
    starts = starts.where(~is_total, 0.0)
    colours = np.where(is_total, GREY, np.where(rows["match_weight"] >= 0, BLUE, ORANGE))
    places = -np.arange(len(rows))
    axes.barh(places, ends - starts, left=starts, height=0.62, color=colours, edgecolor="white", lw=0.4)
    for place, row, colour in zip(places, rows.itertuples(), colours):
        if row.match_weight:
            right = max(row.total, 0.0 if place == places[-1] else row.total - row.match_weight)
            # On white, which keeps the lines of nought and of the threshold out of the number.
            axes.annotate(write_signed(row.match_weight, 1), (right, place), xytext=(2, 0), textcoords="offset points", va="center", fontsize=6.5, color=colour, bbox={"fc": "white", "ec": "none", "pad": 0.6})
    ruled_out = str(rows["level"].iloc[-1]).startswith("ruled out")
    axes.set_title(rows["example"].iloc[0] + ("\n(ruled out)" if ruled_out else "\n"), fontsize=8.5, loc="left", pad=2)
    axes.axvline(accept_weight, color=GREY, lw=1, ls="--")
    axes.axvline(0, color=GREY, lw=0.8)
    axes.set_yticks(places, [label("step", step) for step in rows["step"]], fontsize=7.5)
    axes.grid(axis="y", visible=False)


def draw_unlinkables(unlinkables: pd.DataFrame, accept_weight: float) -> tuple[Figure, str]:
    """Return the share of contacts and identities that could not reach a match weight even against themselves, and the alternative text."""
    figure, axes = new_figure(3.2)
    for column, words, colour, line in (("share_contacts", "contacts", BLUE, "-"), ("share_identities", "sets of details", ORANGE, "--")):
        axes.plot(unlinkables["match_weight"], 100 * unlinkables[column], color=colour, ls=line, lw=1.6, label=words)
    axes.axvline(accept_weight, color=GREY, lw=1, ls=":")
    axes.annotate("accepted from here", (accept_weight, 0.98), xycoords=("data", "axes fraction"), xytext=(3, 0), textcoords="offset points", va="top", fontsize=8, color=GREY)
    axes.set(xlabel="Match weight (bits)", ylabel="Cannot reach it (%)")
    axes.set_ylim(bottom=0)
    if len(unlinkables):
        axes.legend(loc="center left", frameon=True)
    title_figure(figure, "Who says too little to be linked")
    shown = unlinkables.dropna(subset=["share_contacts"])
    near = shown[shown["match_weight"] >= accept_weight].head(1)
    sentence = "".join(f" At {row.match_weight:.0f} bits it is {100 * row.share_contacts:.1f}% of contacts and {100 * row.share_identities:.1f}% of sets of details." for row in near.itertuples())
    return figure, f"Curve of the share of contacts that could not reach a match weight even against an identical record.{sentence}" if len(shown) else ""


def draw_thresholds(link_thresholds: pd.DataFrame, link_thresholds_truth: pd.DataFrame) -> tuple[Figure, str]:
    """Return precision, recall and F1 by accept threshold, estimated above and true below where known, and the alternative text."""
    has_truth = len(link_thresholds_truth) > 0
    figure, grid = new_figure(3.0 + 2.2 * has_truth, 1 + has_truth, squeeze=False, sharex=True)
    ticks = link_thresholds["accept_from"].to_numpy(dtype=float)
    places = {threshold: place for place, threshold in enumerate(ticks)}
    for axes, words in zip(grid[:, 0], ("Estimated by the model", "True (simulation)")):
        axes.set_title(words, fontsize=9, loc="left")
        axes.set_ylabel("Share of contacts")
        for chosen in link_thresholds.loc[link_thresholds["is_chosen"], "accept_from"]:
            axes.axvspan(places[chosen] - 0.35, places[chosen] + 0.35, color="#E8E8E8", zorder=0)
    for measure, (colour, marker, line) in MEASURES.items():
        grid[0, 0].plot(range(len(ticks)), link_thresholds[measure], color=colour, marker=marker, ls=line, ms=4.5, label=label("measure", measure))
        if has_truth:
            rows = link_thresholds_truth[link_thresholds_truth["measure"].eq(measure)]
            at = rows["accept_from"].map(places)
            grid[1, 0].vlines(at, rows["ci_low"], rows["ci_high"], color=colour, lw=1.2)
            grid[1, 0].plot(at, rows["value"], color=colour, marker=marker, ls=line, ms=4.5)
    last = grid[-1, 0]
    last.set_xticks(range(len(ticks)), [f"{threshold:g}" for threshold in ticks], rotation=45)
    last.set_xlabel("Accepted from this match probability (grey: chosen)")
    if len(ticks):
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    title_figure(figure, "Precision and recall by threshold")
    return figure, "" if link_thresholds.empty else "Line charts of precision, recall and F1 by accept threshold." + "".join(
        f" At the chosen {row.accept_from:g} the model expects precision {row.precision:.4f}, recall {row.recall:.4f}, F1 {row.f1:.4f}." for row in link_thresholds[link_thresholds["is_chosen"]].itertuples()
    ) + describe_true_threshold(link_thresholds, link_thresholds_truth)


def describe_true_threshold(link_thresholds: pd.DataFrame, link_thresholds_truth: pd.DataFrame) -> str:
    """Return a sentence on the true values at the chosen threshold, nothing where there is no truth."""
    chosen = link_thresholds.loc[link_thresholds["is_chosen"], "accept_from"]
    rows = link_thresholds_truth[link_thresholds_truth["accept_from"].isin(chosen)] if len(link_thresholds_truth) else link_thresholds_truth
    values = ", ".join(f"{label('measure', row.measure)} {row.value:.4f}" for row in rows.itertuples())
    return f" True there: {values}." if values else ""


def draw_linkage_months(linkage_months: pd.DataFrame, measures: dict[str, str]) -> tuple[Figure, str]:
    """Return linkage by month from referral, one panel per measure of `measures` (name: words) that has rows, and the alternative text."""
    shown = {measure: words for measure, words in measures.items() if linkage_months["measure"].eq(measure).any()}
    figure, grid = new_figure(0.9 + 2.2 * max(len(shown), 1), max(len(shown), 1), squeeze=False, sharex=True)
    sentences = []
    for axes, (measure, words) in zip(grid[:, 0], shown.items()):
        for arm, colour, marker in (("not_referred", ORANGE, "s"), ("referred", BLUE, "o")):
            rows = linkage_months[linkage_months["measure"].eq(measure) & linkage_months["arm"].eq(arm)].dropna(subset=["value"])
            if arm == "referred":
                axes.vlines(rows["month"] + 0.5, 100 * rows["ci_low"], 100 * rows["ci_high"], color=colour, lw=1.1)
            else:
                axes.fill_between(rows["month"] + 0.5, 100 * rows["ci_low"].astype(float), 100 * rows["ci_high"].astype(float), color=colour, alpha=0.18, lw=0)
            axes.plot(rows["month"] + 0.5, 100 * rows["value"], color=colour, marker=marker, mfc=colour if arm == "referred" else "white", ls="" if arm == "referred" else "--", ms=4, lw=1.2, label=label("arm", arm))
            sentences += [f"{words}, {label('arm', arm).lower()}: {100 * rows['value'].min():.1f}% to {100 * rows['value'].max():.1f}%."] if len(rows) else []
        axes.axvline(0, color=GREY, lw=1)
        axes.set_title(words, fontsize=9, loc="left")
        axes.set_ylabel("Contacts (%)")
    grid[-1, 0].set_xlabel("Months from referral")
    grid[-1, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    if shown:
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    title_figure(figure, "Linkage before and after referral")
    return figure, f"Charts of linkage by month from referral, with intervals. {' '.join(sentences)}" if sentences else ""


def draw_linkage_comparison(linkage_comparison: pd.DataFrame) -> tuple[Figure, str]:
    """Return the largest standardised difference of each characteristic between linked and unlinked, and the alternative text."""
    rows = leave_out_echoes(linkage_comparison).dropna(subset=["difference"])
    size = rows.assign(size=rows["difference"].abs().astype(float)).groupby(["characteristic", "compared"])["size"].max().unstack()
    size = size.loc[size.max(axis=1).sort_values(kind="stable").index] if len(size) else size
    figure, axes = new_figure(1.7 + 0.27 * max(len(size), 4))
    styles = [(ORANGE, "s"), (GREEN, "^"), (BLUE, "o")]
    for compared, (colour, marker) in zip(sorted(size.columns, reverse=True) if len(size) else [], styles):
        axes.plot(size[compared], np.arange(len(size)), ls="", marker=marker, color=colour, mfc="white" if marker == "s" else colour, ms=5.5, label=compared)
    axes.set_yticks(np.arange(len(size)), [label("characteristic", name) for name in size.index], fontsize=8.5)
    axes.axvline(NOTABLE, color=GREY, lw=1, ls=":")
    axes.set_xlabel("Largest standardised difference (absolute)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(left=0)
    axes.grid(axis="y", visible=False)
    if len(size):
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    title_figure(figure, "Linked against unlinked")
    sentences = [f"{compared}: largest for {label('characteristic', size[compared].idxmax())} ({size[compared].max():.2f})." for compared in size.columns if size[compared].notna().any()]
    return figure, f"Dot chart of standardised differences between linked and unlinked. {' '.join(sentences)}" if sentences else ""
