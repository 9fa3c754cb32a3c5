"""Which published tables each figure is drawn from: the counts behind every figure, for whoever cannot or will not read a picture.

A figure is drawn from controlled tables and from nothing else, so it can show nothing that they do not hold.
"""

import pandas as pd

from pipeline.errors import InputError

FIGURE_TABLES = {
    "flow": ["attrition"],
    "balance": ["balance"],
    "before_after": ["event_study"],
    "event_study": ["event_study"],
    "effects": ["effects"],
    "decomposition": ["decomposition"],
    "honest_bounds": ["honest_bounds"],
    "subgroups": ["subgroups"],
    "referrals": ["referral_counts"],
    "contact_delays": ["contact_delays"],
    "mentors": ["mentor_quarters"],
    "specifications": ["sensitivity"],
    "negative_controls": ["negative_controls", "negative_control_summary"],
    "staggered": ["staggered_effects"],
    "match_levels": ["match_levels"],
    "match_examples": ["match_examples"],
    "unlinkables": ["unlinkables"],
    "link_thresholds": ["link_thresholds", "link_thresholds_truth"],
    "calibration": ["calibration"],
    "linkage_months": ["linkage_months"],
    "linkage_comparison": ["linkage_comparison"],
    "contact_hours": ["contact_hours"],
    "tornado": ["tornado", "benefit_cost"],
    "audit_bias": ["audit"],
    "audit_coverage": ["audit"],
}
# Drawings of what people think, which show no number.
WITHOUT_NUMBERS = ["theory_of_change"]


def list_figure_tables(pictures: list, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return `figure_tables`: figure (its file) and table (the file with its numbers), a row per pair, in the order of the finished `pictures`.

    Raises InputError for a figure without a table behind it, or with one that is not among the published `tables`.
    """
    names = [picture.file.removesuffix(".png") for picture in pictures]
    unknown = [name for name in names if name not in FIGURE_TABLES and name not in WITHOUT_NUMBERS]
    rows = [(f"{name}.png", table) for name in names for table in FIGURE_TABLES.get(name, [])]
    InputError.collect([
        *(f"Figure {name}: no published table is behind it. Name its tables in pipeline/figure_tables.py." for name in unknown),
        *(f"Figure {figure}: its table {table} is not published. Publish it, or draw the figure from one that is." for figure, table in rows if table not in tables),
    ])  # fmt: skip
    return pd.DataFrame([(figure, f"{table}.csv") for figure, table in rows], columns=["figure", "table"])
