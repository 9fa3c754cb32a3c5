"""The figures of how the scheme was carried out. Built on the style of pipeline.figures and the words of pipeline.wording, drawn from controlled tables.

A quarter whose count is suppressed leaves a gap in its line.
"""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from pipeline.figures import BLUE, GREY, ORANGE, new_figure, title_figure
from pipeline.wording import write_date

LINES = {"n_referrals": ("Referrals", GREY, "^", ":"), "n_people": ("People first referred", ORANGE, "s", "--"), "n_engaged": ("Of these, met a mentor", BLUE, "o", "-")}
MENTORS = {"n_active": ("Active mentors", BLUE, "o", "-"), "n_lived": ("Of these, with lived experience", ORANGE, "s", "--")}


def draw_referrals(referral_counts: pd.DataFrame, referrals_from, referrals_to) -> tuple[Figure, str]:
    """Return referrals, people first referred and those who met a mentor by quarter, and the alternative text.

    A quarter that the dates `referrals_from` and `referrals_to` cut in two is left out: its numbers would seem to fall.
    """
    rows = referral_counts[referral_counts["characteristic"].eq("quarter")].sort_values("position")
    quarters = pd.PeriodIndex([level.replace(" ", "") for level in rows["level"]], freq="Q")
    is_whole = (quarters.start_time >= pd.Timestamp(referrals_from)) & (quarters.end_time.normalize() <= pd.Timestamp(referrals_to))
    rows = rows[is_whole].reset_index(drop=True)
    figure, axes = new_figure(3.4)
    sentences = draw_lines(axes, rows, LINES, rows["level"], np.arange(len(rows)))
    starts = [place for place, level in enumerate(rows["level"]) if level.endswith("Q1")]
    axes.set_xticks(starts, [rows["level"][place][:4] for place in starts])
    axes.set(xlabel="Quarter of referral (first of each year named)", ylabel="Number in the quarter")
    title_figure(figure, "Referrals and engagement by quarter")
    return figure, f"Line chart by quarter of referral. {' '.join(sentences)}" if sentences else ""


def draw_delays(contact_delays: pd.DataFrame) -> tuple[Figure, str]:
    """Return the share of people who had met a mentor by days since their first referral, and the alternative text."""
    figure, axes = new_figure(3.2)
    shares = 100 * contact_delays["share"].astype(float)
    axes.plot([0, *contact_delays["days"]], [0, *shares], color=BLUE, marker="o", ms=4.5, lw=1.5)
    axes.set_xticks(readable_days([int(day) for day in contact_delays["days"]]))
    axes.set(xlabel="Days since the first referral", ylabel="Had met a mentor (% of people)")
    axes.set_ylim(bottom=0)
    title_figure(figure, "From referral to the first contact")
    points = [f"{share:.0f}% by {days} days" for days, share in zip(contact_delays["days"], shares)]
    return figure, f"Cumulative curve of the share of people who had met a mentor. {'; '.join(points)}." if points else ""


def readable_days(days: list[int]) -> list[int]:
    """Return those of `days`, and 0, that can be written side by side."""
    kept = [0]
    for day in days:
        if day - kept[-1] >= 0.08 * max(days):
            kept.append(day)
    return kept


def draw_mentors(mentor_quarters: pd.DataFrame) -> tuple[Figure, str]:
    """Return the mentors active at each quarter's end and those with lived experience, and the alternative text.

    The last day may end no quarter: its point stands where the day lies, and is named.
    """
    rows = mentor_quarters.sort_values("ends_on").reset_index(drop=True)
    ends = pd.to_datetime(rows["ends_on"])
    figure, axes = new_figure(3.2)
    sentences = draw_lines(axes, rows, MENTORS, [f"{day:%B %Y}" for day in ends], ends)
    decembers = ends[ends.dt.month == 12]
    axes.set_xticks(decembers, [str(day.year) for day in decembers])
    cut = [write_date(day) for day in ends.tail(1) if not day.is_quarter_end]
    axes.set(xlabel="End of the quarter (December of each year named)" + "".join(f"\nThe last point is {day}" for day in cut), ylabel="Mentors")
    title_figure(figure, "Mentors active over time")
    until = "".join(f" and on {day}" for day in cut)
    return figure, f"Line chart of mentors active at the end of each quarter{until}. {' '.join(sentences)}" if sentences else ""


def draw_lines(axes, rows: pd.DataFrame, lines: dict[str, tuple], names, places) -> list[str]:
    """Draw one line per column of `lines` at `places` and return a sentence on each: its first, highest and last value that can be shown."""
    sentences, names = [], list(names)
    for column, (words, colour, marker, style) in lines.items():
        values = rows[column].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        known = np.flatnonzero(np.isfinite(values))
        if not len(known):
            continue
        axes.plot(places, values, color=colour, marker=marker, ls=style, ms=4, lw=1.4, label=words)
        first, top, last = known[0], known[np.argmax(values[known])], known[-1]
        gaps = len(values) - len(known)
        sentences.append(
            f"{words}: {values[first]:,.0f} in {names[first]}, at most {values[top]:,.0f} in {names[top]}, {values[last]:,.0f} in {names[last]}" + (f"; {gaps} {'point' if gaps == 1 else 'points'} suppressed." if gaps else ".")
        )
    axes.set_ylim(bottom=0)
    if sentences:
        axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    return sentences
