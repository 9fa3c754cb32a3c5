"""Splink used straight: with the settings of its tutorials, and with our settings on raw rows.

The tutorials' settings are those of "Linking the febrl4 datasets" and "Deduplicating the febrl3 dataset" in Splink's documentation,
on the fields that everyone here is given: the street number is part of the address, so the address stands in its place.
"""

import duckdb
import pandas as pd
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

SWAPPED = "l.forename = r.surname and l.surname = r.forename"
LINK_BLOCKING = [block_on("forename", "surname"), SWAPPED, block_on("date_of_birth"), block_on("phone"), block_on("address"), block_on("postcode")]
DEDUPE_BLOCKING = [block_on("phone"), block_on("forename"), block_on("surname"), block_on("date_of_birth"), block_on("postcode")]
# As in the tutorial "Deduplicating 50k synthetic records": one field alone would propose billions of pairs of a whole force.
FORCE_BLOCKING = [
    block_on("forename", "surname", "date_of_birth"), block_on("surname", "date_of_birth"), block_on("forename", "date_of_birth"),
    block_on("postcode", "forename"), block_on("postcode", "surname"), block_on("date_of_birth", "postcode"), block_on("phone"), block_on("nominal_id"),
]  # fmt: skip


def compare_as_linking() -> list:
    """Return the comparisons of the tutorial that links febrl4."""
    return [
        cl.NameComparison("forename").configure(term_frequency_adjustments=True),
        cl.NameComparison("surname").configure(term_frequency_adjustments=True),
        cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y-%m-%d", invalid_dates_as_null=True),
        cl.DamerauLevenshteinAtThresholds("phone", [1, 2]),
        cl.ExactMatch("address").configure(term_frequency_adjustments=True),
        cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(term_frequency_adjustments=True),
    ]


def compare_as_deduplicating() -> list:
    """Return the comparisons of the tutorial that deduplicates febrl3."""
    return [
        cl.NameComparison("forename"), cl.NameComparison("surname"),
        cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y-%m-%d"),
        cl.DamerauLevenshteinAtThresholds("phone", [2]), cl.ExactMatch("address").configure(term_frequency_adjustments=True),
        cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
    ]  # fmt: skip


def score_tutorial(records: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return contact_id_l, contact_id_r, match_probability of the tutorial `kind` (link, dedupe or force) on `records`."""
    api = DuckDBAPI(duckdb.connect(config={"threads": 1}))
    given = records.assign(date_of_birth=records["date_of_birth"].dt.strftime("%Y-%m-%d"))
    if kind == "link":
        tables = [api.register(given[given["side"] == side], dataset_display_name=f"side_{side}") for side in (0, 1)]
        comparisons, blocking, recall = compare_as_linking(), LINK_BLOCKING, 0.8
    else:
        tables = api.register(given, dataset_display_name="records")
        comparisons, blocking, recall = compare_as_deduplicating(), DEDUPE_BLOCKING if kind == "dedupe" else FORCE_BLOCKING, 0.9
        comparisons += [cl.ExactMatch("sex"), cl.ExactMatch("nominal_id")] if kind == "force" else []
    settings = SettingsCreator(
        link_type="link_only" if kind == "link" else "dedupe_only", unique_id_column_name="contact_id", comparisons=comparisons,
        blocking_rules_to_generate_predictions=blocking, retain_matching_columns=False,
    )  # fmt: skip
    linker = Linker(tables, settings, log_level="ERROR")
    sure = [block_on("nominal_id") if kind == "force" else block_on("phone"), block_on("forename", "surname", "date_of_birth")]
    linker.training.estimate_probability_two_random_records_match(sure, recall=recall)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=2)
    for rule in (block_on("date_of_birth"), block_on("postcode")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule, estimate_without_term_frequencies=True, max_pairs=1e6, record_sample_proportion=1.0)
    scored = linker.inference.predict(threshold_match_probability=0.05, warning_mode="never")
    return scored.as_duckdbpyrelation().project("contact_id_l, contact_id_r, match_probability").df()
