"""The first answer where valid designs disagree: a bracket instead of one number, each end with its sampling interval.

Builds on pipeline.audit_wording, pipeline.labels and pipeline.wording.
"""

import pandas as pd

from pipeline.audit_wording import count_of_100, ends_of
from pipeline.labels import name_design
from pipeline.wording import name_direction, write_change, write_interval


def write_end(row: pd.Series) -> str:
    """Return one end of the bracket: its change, interval and design."""
    return f"{write_change(row['estimate'])} (interval: {write_interval(row['ci_low'], row['ci_high'])}; {name_design(row['estimator']).lower()})"


def write_bracket(bracket: pd.DataFrame, months_after: int, confidence: float) -> str:
    """Return the answer as a bracket, for designs that disagree beyond chance."""
    low, high = bracket.iloc[0], bracket.iloc[-1]
    opening = "The result is inconclusive: no clear effect on demand was found. " if name_direction(ends_of(bracket)) == "inconclusive" else ""
    return (
        f"{opening}The {len(bracket)} designs that the audit of the method found valid disagree beyond chance, so the answer is a bracket and not one number. In the {months_after} months after "
        f"referral people who were referred are estimated to have had between {write_end(low)} and {write_end(high)} police contacts than they would have had without the scheme. "
        f"With sampling error at both ends ({100 * confidence:g}% intervals) the bracket reaches from {write_change(bracket['ci_low'].min())} to {write_change(bracket['ci_high'].max())}."
    )


def write_bracket_of_100(bracket: pd.DataFrame) -> str:
    """Return the bracket as contacts out of every 100 that would have been made without the scheme."""
    least, most = count_of_100(bracket["estimate"].min()), count_of_100(bracket["estimate"].max())
    outer = f"{count_of_100(bracket['ci_low'].min())} to {count_of_100(bracket['ci_high'].max())}"
    return f"Of every 100 police contacts that people referred would have made without the scheme, an estimated {least} to {most} were made with it (with sampling error: {outer})."


def write_bracket_line(bracket: pd.DataFrame) -> str:
    """Return the bracket as something that can be said."""
    low, high = bracket.iloc[0], bracket.iloc[-1]
    found = f"people referred had between {write_change(low['estimate'])} and {write_change(high['estimate'])} police contacts than they would have had, by which of the valid designs is asked"
    reach = write_interval(bracket["ci_low"].min(), bracket["ci_high"].max())
    clear = "no clear effect of being referred was found: " if name_direction(ends_of(bracket)) == "inconclusive" else ""
    return f"{clear}{found} (with sampling error: {reach})."
