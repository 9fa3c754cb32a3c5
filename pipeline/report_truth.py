"""The report's annex on a simulated set: estimates and links held against the truth, as readers see it.

Builds on pipeline.report_tables, pipeline.labels and pipeline.wording.
"""

import pandas as pd

from pipeline import report_tables, wording
from pipeline.labels import LABELS


def show_demonstration(demonstration: pd.DataFrame) -> pd.DataFrame:
    """Return the comparison with the truth in words; `unit` says how a value is written."""
    writers = {"ratio": lambda value: wording.write_number(value, 2), "percent": wording.write_percent, "points": report_tables.write_points, "people": wording.write_number}
    return pd.DataFrame(
        [
            {
                "Quantity": row.quantity,
                "Truth": writers[row.unit](row.truth),
                "Estimate of this run": writers[row.unit](row.estimate),
                "Interval": report_tables.interval_words(row.ci_low, row.ci_high, writers[row.unit]),
                "Truth within the interval": "–" if pd.isna(row.covers) else "yes" if row.covers else "no",
            }
            for row in demonstration.itertuples()
        ]
    )


def show_linkage_truth(linkage_truth: pd.DataFrame, threshold: int) -> pd.DataFrame:
    """Return precision and recall in words by arm and period, whatever identifiers the contacts hold."""
    rows = linkage_truth[linkage_truth["pattern"].eq("any")]
    wide = rows.pivot(index=["arm", "period"], columns="measure", values=["value", "n"]).reset_index()
    wide = wide.sort_values(["arm", "period"], key=lambda codes: codes.map({"referred": 0, "not_referred": 1, "before": 0, "after": 1, "all": 2}), kind="stable")
    return pd.DataFrame(
        {
            "Arm": wide["arm"].map(lambda code: report_tables.label("arm", code)),
            "Period": wide["period"].map(lambda code: report_tables.label("period", code)),
            "Precision": wide["value", "precision"].map(lambda value: wording.write_number(value, 3)),
            "Recall": wide["value", "recall"].map(lambda value: wording.write_number(value, 3)),
            "True contacts": wide["n", "recall"].map(lambda count: report_tables.count_words(count, threshold)),
        }
    )


def show_linkage_patterns(linkage_truth: pd.DataFrame, least: int = 300) -> pd.DataFrame:
    """Return recall in words by the identifiers that a contact holds, one column per arm; rare patterns are left out.

    Rare are those of fewer than `least` contacts of the referred; reports/tables/linkage_truth.csv holds the others.
    """
    rows = linkage_truth[linkage_truth["pattern"].ne("any") & linkage_truth["measure"].eq("recall")]
    wide = rows.pivot(index="pattern", columns="arm", values=["value", "n"]).sort_values(("n", "referred"), ascending=False)
    wide = wide[wide["n", "referred"].ge(least).fillna(False)].reset_index()
    if wide.empty:
        return pd.DataFrame()
    return pd.DataFrame(
        {
            "The contact holds": wide["pattern"].map(lambda pattern: ", ".join(LABELS["identifier"].get(code, code) for code in pattern.split())),
            "Recall, referred": wide["value", "referred"].map(lambda value: wording.write_number(value, 3)),
            "Recall, not referred": wide["value", "not_referred"].map(lambda value: wording.write_number(value, 3)),
            "True contacts": wide["n", "referred"].map(lambda count: f"{int(count):,}"),
        }
    )
