"""The rows of benchmarks/linkage_study.csv as tables and figures: benchmarks/linkage_study.md, and two pictures beside it."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from pipeline.figures import BLUE, GREY, ORANGE, new_figure, title_figure

CONDITIONS = ["normal", "poor", "decays after referral", "worse among the never referred"]
DRAWS = 12
CENTRES = {"true links": "true_links", "accepted links": "accepted", "accepted links, linkage carried": "accepted", "pooled over draws, linkage carried": "pooled"}


def add_intervals(rows: pd.DataFrame, estimand: str) -> pd.DataFrame:
    """Return one row per world and kind of interval: error (estimate less truth), is_covered, half_width."""
    scale = rows[f"{estimand}_resampled"] / rows[f"{estimand}_jackknife"]
    within, between = rows[f"{estimand}_resampled"], (1 + 1 / DRAWS) * rows[f"{estimand}_between"]
    share = between / (within + between)
    observed = rows["n_people"] * (1 - share)
    df = 1 / (share**2 / (DRAWS - 1) + 1 / observed)
    half = {
        "true links": 1.96 * np.sqrt(scale * rows[f"{estimand}_jackknife_true_links"]), "accepted links": 1.96 * np.sqrt(within),
        "accepted links, linkage carried": stdtrit(df, 0.975) * np.sqrt(within + between),
        "pooled over draws, linkage carried": stdtrit(df, 0.975) * np.sqrt(scale * rows[f"{estimand}_jackknife_drawn"] + between),
    }  # fmt: skip
    tables = []
    for kind, centre in CENTRES.items():
        error = rows[f"{estimand}_{centre}"] - rows[f"{estimand}_truth"]
        tables.append(pd.DataFrame({"condition": rows["condition"], "kind": kind, "error": error, "is_covered": error.abs() <= half[kind], "half_width": half[kind]}))
    return pd.concat(tables, ignore_index=True)


def summarise(intervals: pd.DataFrame) -> pd.DataFrame:
    """Return per condition and kind of interval bias and coverage with Monte Carlo errors."""
    groups = intervals.groupby(["condition", "kind"], sort=False)
    table = groups.agg(worlds=("error", "size"), bias=("error", "mean"), spread=("error", "std"), covered=("is_covered", "sum"), half_width=("half_width", "mean")).reset_index()
    table["bias_error"] = table["spread"] / np.sqrt(table["worlds"])
    share = table["covered"] / table["worlds"]
    # No smaller than that of a coverage of 95 %: where every world is covered the plain formula would say that nothing is unsure.
    table["coverage"], table["coverage_error"] = share, np.sqrt((share * (1 - share)).clip(lower=0.95 * 0.05) / table["worlds"])
    return table.sort_values("condition", key=lambda names: names.map(CONDITIONS.index), kind="stable", ignore_index=True)


def write_coverage(table: pd.DataFrame) -> str:
    lines = ["| condition | interval | worlds | bias of the log IRR | covered | half width |", "|---|---|---:|---:|---:|---:|"]
    for row in table.itertuples():
        lines.append(f"| {row.condition} | {row.kind} | {row.worlds} | {row.bias:+.3f} ± {row.bias_error:.3f} | {100 * row.coverage:.0f} % ± {100 * row.coverage_error:.0f} | {row.half_width:.3f} |")
    return "\n".join(lines)


def write_links(rows: pd.DataFrame, estimand: str) -> str:
    """Return what linking did to the estimate, and how much of it the draws know."""
    lines = [
        "| condition | recall referred before / after | recall others | precision referred | accepted less true links | its spread over worlds | spread between draws | share of variance from draws | distance to true links, accepted | pooled |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for condition in CONDITIONS:
        part = rows[rows["condition"] == condition]
        moved = part[f"{estimand}_accepted"] - part[f"{estimand}_true_links"]
        between = (1 + 1 / DRAWS) * part[f"{estimand}_between"]
        apart = part[f"{estimand}_pooled"] - part[f"{estimand}_true_links"]
        lines.append(
            f"| {condition} | {part['recall_referred_before'].mean():.3f} / {part['recall_referred_after'].mean():.3f} | {part['recall_not_referred_all'].mean():.3f} "
            f"| {part['precision_referred_all'].mean():.4f} | {moved.mean():+.3f} ± {moved.std() / np.sqrt(len(part)):.3f} | {moved.std():.3f} | {np.sqrt(between.mean()):.3f} "
            f"| {100 * (between / (between + part[f'{estimand}_resampled'])).mean():.2f} % "
            f"| {np.sqrt((moved**2).mean()):.3f} | {np.sqrt((apart**2).mean()):.3f} |"
        )
    return "\n".join(lines)


def pool_bins(bins: pd.DataFrame) -> pd.DataFrame:
    """Return per condition and bin the links of all worlds: n, and the shares expected, calibrated and right."""
    table = bins.groupby(["condition", "bin"], as_index=False)[["n", "expected", "calibrated", "right"]].sum()
    for name in ("expected", "calibrated", "right"):
        table[name] = table[name] / table["n"]
    table["error"] = np.sqrt((table["right"] * (1 - table["right"])).clip(lower=1 / table["n"]) / table["n"])
    return table


def write_bins(table: pd.DataFrame) -> str:
    lines = ["| condition | match probability from | links | promised | calibrated | right |", "|---|---:|---:|---:|---:|---:|"]
    for row in table.itertuples():
        lines.append(f"| {row.condition} | {row.bin:g} | {row.n:,} | {row.expected:.4f} | {row.calibrated:.4f} | {row.right:.4f} ± {row.error:.4f} |")
    return "\n".join(lines)


def draw_bins(table: pd.DataFrame, path: Path) -> None:
    figure, grid = new_figure(5.6, 2, ncols=2, sharex=True, sharey=True)
    for axes, condition in zip(grid.ravel(), CONDITIONS):
        rows = table[table["condition"] == condition]
        places = np.arange(len(rows))
        axes.errorbar(places, (1 - rows["right"]).clip(1e-4), yerr=1.96 * rows["error"], ls="", marker="o", ms=4, color="black", label="true")
        axes.plot(places, (1 - rows["expected"]).clip(1e-4), ls=":", marker="s", mfc="white", ms=4, color=ORANGE, label="promised by the model")
        axes.plot(places, (1 - rows["calibrated"]).clip(1e-4), ls="--", marker="^", ms=4, color=BLUE, label="calibrated by nominal ids")
        axes.set_yscale("log")
        axes.set_ylim(1e-4, 1)
        axes.set_xticks(places, [f"{bin:g}" for bin in rows["bin"]], rotation=45)
        axes.set_title(condition, loc="left", fontsize=9)
    figure.supylabel("Share of links that are wrong")
    figure.supxlabel("Match probability from")
    figure.legend(*grid.ravel()[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    title_figure(figure, "Match probabilities of the links that hold people together")
    figure.savefig(path, dpi=120, metadata={"Software": None})


def draw_coverage(table: pd.DataFrame, path: Path) -> None:
    figure, axes = new_figure(4.2)
    places = np.arange(len(table))[::-1]
    axes.errorbar(table["bias"], places, xerr=1.96 * table["bias_error"], ls="", marker="o", ms=4, color=BLUE)
    axes.axvline(0, color=GREY, lw=1)
    axes.set_yticks(places, [f"{row.condition}: {row.kind}" for row in table.itertuples()], fontsize=7)
    axes.set_xlabel("Bias of the complier log IRR, with 95 % Monte Carlo interval")
    for place, row in zip(places, table.itertuples()):
        axes.annotate(f"{100 * row.coverage:.0f} % covered", (1.0, place), xycoords=("axes fraction", "data"), fontsize=7, ha="right", va="center")
    title_figure(figure, "Bias and coverage under worse records")
    figure.savefig(path, dpi=120, metadata={"Software": None})


def conclude(rows: pd.DataFrame) -> str:
    """Return the conclusions as sentences, their numbers from the rows."""
    moved = {name: part["engaged_accepted"] - part["engaged_true_links"] for name, part in rows.groupby("condition")}
    apart = {name: part["engaged_pooled"] - part["engaged_true_links"] for name, part in rows.groupby("condition")}
    known = {name: np.sqrt(((1 + 1 / DRAWS) * part["engaged_between"]).mean()) for name, part in rows.groupby("condition")}
    decays, arm = CONDITIONS[2], CONDITIONS[3]
    nearer = sum((apart[name] ** 2).mean() < (moved[name] ** 2).mean() for name in moved)
    largest = max(((1 + 1 / DRAWS) * part["engaged_between"] / part["engaged_resampled"]).mean() for _, part in rows.groupby("condition"))
    return f"""- Carrying the links through changes little: on average at most {100 * largest:.1f} % of the variance of the complier effect comes from the draws, so intervals with and without cover alike.
- Where records are normal or poor throughout, the draws know a part of what linking does to the estimate: their spread is {known["normal"]:.3f} and {known["poor"]:.3f}, that of linking over worlds {moved["normal"].std():.3f} and {moved["poor"].std():.3f}.
- Where quality falls after referral, or in one arm, linking shifts the estimate by {moved[decays].mean():+.3f} and {moved[arm].mean():+.3f} on the log scale and the draws hardly notice ({known[decays]:.3f} and {known[arm]:.3f}):
  links that no pair shows are missing from every draw alike. **Multiple imputation does not repair differential linkage**; the test of differential linkage and the loss of recall that would overturn the result are what speaks of it.
- Draws also keep links below the accept threshold, each with its probability. The pooled estimate lies nearer to that of true links than the one from accepted links in {nearer} of {len(moved)} conditions (root mean
  square, {decays}: {np.sqrt((apart[decays] ** 2).mean()):.3f} against {np.sqrt((moved[decays] ** 2).mean()):.3f}); against the sampling error, {rows["engaged_resampled"].mean() ** 0.5:.2f}, the gain is small. The headline keeps the accepted links in its middle, with the
  total variance around it, because every other table of the report is made from them; the pooled estimate stands beside it."""


def write_report(folder: Path) -> None:
    """Write linkage_study.md and its figures from the rows of whatever worlds are complete."""
    rows, bins = pd.read_csv(folder / "linkage_study.csv"), pd.read_csv(folder / "linkage_study_bins.csv")
    # Conditions run in turn: a seed counts where it has all of them, so that conditions are compared on the same worlds.
    complete = rows.groupby("seed")["condition"].nunique().eq(len(CONDITIONS))
    seeds = complete.index[complete]
    rows, bins = (table[table["seed"].isin(seeds)].assign(order=lambda part: part["condition"].map(CONDITIONS.index)).sort_values(["order", "seed"]) for table in (rows, bins))
    engaged, referral = (summarise(add_intervals(rows, estimand)) for estimand in ("engaged", "referral"))
    pooled = pool_bins(bins)
    draw_bins(pooled, folder / "linkage_study_reliability.png")
    draw_coverage(engaged, folder / "linkage_study_coverage.png")
    fitted = rows.groupby("condition", sort=False)["is_fitted"].agg(["sum", "size"])
    text = f"""# Does doubt about the links, carried through, make the interval cover?

Written by `python -m benchmarks.linkage_study report` from `linkage_study.csv` and `linkage_study_bins.csv`; the rows were made with the linkage as of commit 8b96766, before
households and slips in addresses and phones entered the model, which raised recall (remove both files and run it again for the present one). {len(seeds)} simulated forces (seeds {seeds.min()} to {seeds.max()}) of about 25,000 contact rows and
500 referred people, true IRR 0.55, each recorded in four ways; {DRAWS} draws of the identities, 60 resamples. Poor: the odds of each detail being missing or
wrong are doubled everywhere. Decays: they are four times as high after referral, for the referred. Worse among the never referred: four times as high for
them, always. ± is one Monte Carlo standard error; the truth is that of the paired potential outcomes. With {len(seeds)} worlds a correct 95 % interval covers in
{100 * (0.95 - 1.96 * np.sqrt(0.95 * 0.05 / len(seeds))):.0f} to 100 % of them.

## What came out

{conclude(rows)}

## The complier effect

{write_coverage(engaged)}

![Bias and coverage](linkage_study_coverage.png)

## The effect of referral

{write_coverage(referral)}

## What linking does, and what the draws know of it

Complier log IRR; "true links" is the estimate from the same world with every contact linked to its person; distance is the root
mean square of what lies between an estimate and that one.

{write_links(rows, "engaged")}

## Calibration

Links of the maximum spanning forest, all worlds together. The line could be fitted in {", ".join(f"{row['sum']} of {row['size']} ({condition})" for condition, row in fitted.iterrows())}; elsewhere probabilities stay as they are.

![Reliability](linkage_study_reliability.png)

{write_bins(pooled)}
"""
    (folder / "linkage_study.md").write_text(text, encoding="utf-8")
