"""How two sets of personal details are compared, and which are compared at all.

A pair is looked at when any one blocking rule holds; each comparison then says on which level the pair agrees. Levels
run from the strongest agreement down and come back as gamma_<comparison>: 0 for none, -1 where a field is missing.
"""

import pandas as pd
import splink.comparison_level_library as levels
from splink import block_on
from splink.comparison_library import CustomComparison

# Columns that a comparison, a blocking rule or a term frequency needs.
COMPARED = ["identity_id", "forename", "forename_root", "surname", "date_of_birth", "sex", "phone", "address", "postcode",
            "nominal_id", "rare_name"]  # fmt: skip
COMPARISONS = ["forename", "surname", "date_of_birth", "sex", "phone", "place", "nominal_id"]

# A pair is looked at when any one of these holds: each survives a missing or changed value in all fields it does not name.
BLOCKING = [
    block_on("nominal_id"),
    block_on("phone"),
    block_on("left(surname, 1)", "date_of_birth"),
    block_on("forename_root", "date_of_birth"),
    block_on("postcode", "date_of_birth"),
    block_on("surname", "postcode"),
    block_on("forename_root", "postcode"),
    block_on("address"),
    block_on("rare_name"),
]


def compare_details() -> list[CustomComparison]:
    """Return the comparisons of the model, levels from the strongest agreement down."""
    # Swapped names may be misspelt as well; a name in the other's place alone is less, as people change surnames.
    swapped = "jaro_winkler_similarity(forename_l, surname_r) >= 0.9 AND jaro_winkler_similarity(surname_l, forename_r) >= 0.9"
    displaced = "surname_l = forename_r OR forename_l = surname_r"
    # The first two conditions cost little and settle nearly every pair; the last alone would take most of the time of training.
    two_slips = ("abs(length(address_l) - length(address_r)) <= 3 AND jaro_winkler_similarity(address_l, address_r) >= 0.8 "
                 "AND damerau_levenshtein(replace(address_l, ' ', ''), replace(address_r, ' ', '')) <= 2")
    two_parts = "((left(date_of_birth_l, 4) = left(date_of_birth_r, 4))::INT + (substr(date_of_birth_l, 6, 2) = substr(date_of_birth_r, 6, 2))::INT + (right(date_of_birth_l, 2) = right(date_of_birth_r, 2))::INT) = 2"
    return [
        compare("forename", [
            levels.CustomLevel(f"forename_l IS NULL OR forename_r IS NULL OR coalesce(forename_l != forename_r AND {swapped}, false)", "missing, or swapped with the surname").configure(is_null_level=True),
            levels.ExactMatchLevel("forename", term_frequency_adjustments=True),
            levels.CustomLevel("forename_root_l = forename_root_r", "a nickname of the other"),
            levels.JaroWinklerLevel("forename", 0.88),
            levels.CustomLevel("starts_with(forename_l, forename_r) OR starts_with(forename_r, forename_l)", "the beginning of the other"),
        ]),
        compare("surname", [
            levels.NullLevel("surname"),
            levels.ExactMatchLevel("surname", term_frequency_adjustments=True),
            levels.CustomLevel(swapped, "forename and surname swapped"),
            levels.JaroWinklerLevel("surname", 0.9),
            levels.CustomLevel(displaced, "a forename in its place"),
        ]),
        compare("date_of_birth", [
            levels.NullLevel("date_of_birth"),
            levels.ExactMatchLevel("date_of_birth"),
            levels.CustomLevel("left(date_of_birth_l, 4) = left(date_of_birth_r, 4) AND substr(date_of_birth_l, 6, 2) = right(date_of_birth_r, 2) "
                               "AND right(date_of_birth_l, 2) = substr(date_of_birth_r, 6, 2)", "day and month exchanged"),
            levels.CustomLevel("damerau_levenshtein(date_of_birth_l, date_of_birth_r) <= 1", "one slip"),
            levels.CustomLevel(two_parts, "two of year, month and day agree"),
        ]),
        compare("sex", [levels.NullLevel("sex"), levels.ExactMatchLevel("sex")]),
        compare("phone", [
            levels.NullLevel("phone"),
            levels.ExactMatchLevel("phone", term_frequency_adjustments=True),
            levels.DamerauLevenshteinLevel("phone", 1),
            levels.DamerauLevenshteinLevel("phone", 2),
        ]),
        compare("place", [
            levels.CustomLevel("(postcode_l IS NULL OR postcode_r IS NULL) AND NOT coalesce(address_l = address_r, false)", "missing").configure(is_null_level=True),
            levels.CustomLevel("address_l = address_r", "same address"),
            levels.CustomLevel(two_slips, "an address with two slips at most"),
            levels.CustomLevel("postcode_l = postcode_r", "same postcode"),
            levels.CustomLevel("damerau_levenshtein(postcode_l, postcode_r) <= 1", "a postcode with one slip"),
        ]),
        compare("nominal_id", [levels.NullLevel("nominal_id"), levels.ExactMatchLevel("nominal_id")]),
    ]  # fmt: skip


def compare(name: str, agreements: list) -> CustomComparison:
    """Return a comparison of `agreements`, with all that is left as its last level."""
    return CustomComparison([*agreements, levels.ElseLevel()], output_column_name=name)


def compared_columns(identities: pd.DataFrame, rare_name_at_most: int) -> pd.DataFrame:
    """Return what the model sees of `identities`; rare_name is the whole name where at most `rare_name_at_most` identities bear it.

    The names stand in the order of the alphabet, so that swapped ones meet. A whole name that more share is too common to identify anybody, so not worth comparing by itself.
    """
    forename, surname = identities["forename_root"], identities["surname"]
    whole = forename.where(forename <= surname, surname) + " " + surname.where(forename <= surname, forename)
    times = whole.map(whole.value_counts())
    return identities.assign(rare_name=whole.where(times <= rare_name_at_most))[COMPARED]
