"""The linkage model: how likely two sets of personal details are one person's (Fellegi and Sunter 1969, by Splink).

`train_model` learns from the contact identities how details of one person agree (m) and how those of two strangers do
(u); `score_identities` compares identities with one another; `score_clients` compares the register with them by the
same model. Everything runs on one thread: with two the probabilities differ in their twelfth digit.
"""

import duckdb
import pandas as pd
import splink.comparison_level_library as levels
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.blocking_rule_library import CustomRule
from splink.comparison_library import CustomComparison
from splink.internals.splink_dataframe import SplinkDataFrame

from pipeline.errors import InputError

# Columns that a comparison, a blocking rule or a term frequency needs.
COMPARED = ["identity_id", "forename", "forename_root", "surname", "date_of_birth", "sex", "phone", "address", "postcode",
            "nominal_id", "rare_name"]  # fmt: skip

COMPARISONS = ["forename", "surname", "date_of_birth", "sex", "phone", "place", "nominal_id"]

# A pair is looked at when any one of these holds: each survives a missing or changed value in all fields it does not name.
BLOCKING = [
    block_on("nominal_id"),
    block_on("phone"),
    block_on("surname", "date_of_birth"),
    block_on("forename_root", "date_of_birth"),
    block_on("postcode", "date_of_birth"),
    block_on("surname", "postcode"),
    block_on("forename_root", "postcode"),
    block_on("surname", "address"),
    block_on("forename_root", "address"),
    block_on("rare_name"),
]
# A whole name used by more identities than this is too common to identify anybody, so not worth comparing by itself.
RARE_NAME_AT_MOST = 40

# Pairs that are almost surely one person's; what share of all true pairs they are sets the model's prior.
SURE_RULES = ["l.nominal_id = r.nominal_id", "l.forename_root = r.forename_root AND l.surname = r.surname AND l.date_of_birth = r.date_of_birth",
              "l.forename_root = r.forename_root AND l.surname = r.surname AND l.phone = r.phone"]  # fmt: skip
SURE_RULES_RECALL = 0.7
# Each comparison is learnt in a pass that does not block on it, among pairs that already agree where households do not.
TRAINING_RULES = [block_on("date_of_birth", "phone"), block_on("date_of_birth", "postcode"), block_on("forename_root", "phone")]
SAMPLED_PAIRS, TRAINING_PAIRS = 1e6, 1e6
FEWEST_IDENTITIES = 100


def compare_details() -> list[CustomComparison]:
    """Return the comparisons of the model, levels from the strongest agreement down."""
    swapped = "(forename_l = surname_r AND surname_l = forename_r)"
    return [
        compare("forename", [
            levels.CustomLevel(f"forename_l IS NULL OR forename_r IS NULL OR coalesce{swapped[:-1]}, false)", "missing, or swapped with the surname").configure(is_null_level=True),
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
        ]),
        compare("date_of_birth", [
            levels.NullLevel("date_of_birth"),
            levels.ExactMatchLevel("date_of_birth"),
            levels.CustomLevel("left(date_of_birth_l, 4) = left(date_of_birth_r, 4) AND substr(date_of_birth_l, 6, 2) = right(date_of_birth_r, 2) "
                               "AND right(date_of_birth_l, 2) = substr(date_of_birth_r, 6, 2)", "day and month exchanged"),
            levels.CustomLevel("right(date_of_birth_l, 5) = right(date_of_birth_r, 5)", "day and month agree, another year"),
            levels.CustomLevel("damerau_levenshtein(date_of_birth_l, date_of_birth_r) <= 1", "one slip"),
        ]),
        compare("sex", [levels.NullLevel("sex"), levels.ExactMatchLevel("sex")]),
        compare("phone", [
            levels.NullLevel("phone"),
            levels.ExactMatchLevel("phone", term_frequency_adjustments=True),
            levels.DamerauLevenshteinLevel("phone", 1),
        ]),
        compare("place", [
            levels.CustomLevel("(postcode_l IS NULL OR postcode_r IS NULL) AND NOT coalesce(address_l = address_r, false)", "missing").configure(is_null_level=True),
            levels.CustomLevel("address_l = address_r", "same address"),
            levels.CustomLevel("postcode_l = postcode_r", "same postcode"),
        ]),
        compare("nominal_id", [levels.NullLevel("nominal_id"), levels.ExactMatchLevel("nominal_id")]),
    ]  # fmt: skip


def compare(name: str, agreements: list) -> CustomComparison:
    """Return a comparison of `agreements`, with all that is left as its last level."""
    return CustomComparison([*agreements, levels.ElseLevel()], output_column_name=name)


def train_model(identities: pd.DataFrame, terms: dict[str, pd.DataFrame], seed: int) -> Linker:
    """Return a Splink linker over `identities` with trained m and u; the same identities and seed give the same model.

    `terms`: term frequencies by column, as from `contact_identities.count_terms`.

    u comes from a random sample of pairs among identities of different names and phones: otherwise the many identities
    of frequent callers meet one another in the sample, and their agreements pass for chance. m comes from expectation
    maximisation in the passes of `TRAINING_RULES`. Raises InputError when there are too few identities to learn from, or
    when no two of them agree on the details of a pass.
    """
    if len(identities) < FEWEST_IDENTITIES:
        raise InputError(f"Linkage: fewer than {FEWEST_IDENTITIES} distinct identities in the contacts. Bring a longer contact extract.")
    check_details(identities)
    api = DuckDBAPI(duckdb.connect(config={"threads": 1}))
    everyone = compared_columns(identities)
    strangers = everyone.dropna(subset=["forename", "surname", "phone"]).drop_duplicates(["forename_root", "surname"]).drop_duplicates("phone")
    if len(strangers) < FEWEST_IDENTITIES:
        raise InputError(
            f"Linkage: fewer than {FEWEST_IDENTITIES} differently named people with a forename, a surname and a phone of their own in contacts.csv. "
            "Check that these columns are exported whole, or bring a longer contact extract."
        )
    settings = SettingsCreator(
        link_type="dedupe_only", unique_id_column_name="identity_id", comparisons=compare_details(),
        blocking_rules_to_generate_predictions=BLOCKING, retain_matching_columns=True, retain_intermediate_calculation_columns=False,
        linker_uid="linkage",
    )  # fmt: skip
    sampler = Linker(api.register(strangers, dataset_display_name="strangers"), settings, log_level="ERROR")
    sampler.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=seed, min_count_per_level=None)
    linker = Linker(api.register(everyone, dataset_display_name="identities"), sampler.misc.save_model_to_json(), log_level="ERROR")
    for name, frequencies in terms.items():
        linker.table_management.register_term_frequency_lookup(api.register(frequencies, table_name=f"{name}_terms"), name)
    linker.training.estimate_probability_two_random_records_match(SURE_RULES, recall=SURE_RULES_RECALL)
    for rule in TRAINING_RULES:
        linker.training.estimate_parameters_using_expectation_maximisation(
            rule, estimate_without_term_frequencies=True, max_pairs=TRAINING_PAIRS, record_sample_proportion=1.0
        )
    return linker


def check_details(identities: pd.DataFrame) -> None:
    """Raise InputError when a column that the model learns from is blank everywhere, or its values never repeat together."""
    blank = [name for name in ("forename", "surname", "date_of_birth", "phone", "postcode") if identities[name].isna().all()]
    if blank:
        raise InputError(
            f"Linkage: no contact has a {' or a '.join(blank)} that can be read, and nobody can be told apart without. "
            "Bring contacts.csv with these columns filled in as far as they are known."
        )
    together = [["forename_root", "phone"], ["date_of_birth", "phone"], ["date_of_birth", "postcode"]]
    alone = [" and ".join(names) for names in together if not identities.dropna(subset=names).duplicated(names).any()]
    if alone:
        raise InputError(
            f"Linkage: no two sets of personal details in contacts.csv agree on {' or on '.join(alone)}, so nothing can be learnt about how one "
            "person is written down twice. Check that these columns are exported whole, or bring a longer contact extract."
        )


def compared_columns(identities: pd.DataFrame) -> pd.DataFrame:
    """Return what the model sees of `identities`; rare_name is the whole name where few identities bear it."""
    whole = identities["forename_root"] + " " + identities["surname"]
    times = whole.map(whole.value_counts())
    return identities.assign(rare_name=whole.where(times <= RARE_NAME_AT_MOST))[COMPARED]


def score_identities(linker: Linker, floor: float) -> pd.DataFrame:
    """Return the scored pairs of the linker's identities.

    identity_id_l, identity_id_r, match_weight (log2 of the odds) and for each comparison gamma_<comparison>, the level on
    which the pair agrees: 0 for none, higher for stronger agreement, -1 where a field is missing (see `describe_model`).
    """
    return take_scores(linker.inference.predict(threshold_match_probability=floor, warning_mode="never"))


def score_clients(linker: Linker, identities: pd.DataFrame, clients: pd.DataFrame, floor: float) -> pd.DataFrame:
    """Return the scored pairs of register entries and contact identities, by the model trained on contacts alone.

    `clients` as from `contact_identities.describe_clients`. Result: identity_id_l (a contact identity), identity_id_r
    (an entry of the register), match_weight and gamma_* as in `score_identities`.
    """
    api = linker._db_api
    left = api.register(compared_columns(identities), dataset_display_name="found")
    right = api.register(compared_columns(clients), dataset_display_name="register")
    return take_scores(linker.inference.predict_between(left, right, threshold_match_probability=floor, warning_mode="never"))


def take_scores(scored: SplinkDataFrame) -> pd.DataFrame:
    """Return ids, match_weight and agreement levels (whole numbers of a byte) of Splink's `scored` pairs, without personal details."""
    levels_of = ", ".join(f"gamma_{comparison}::TINYINT AS gamma_{comparison}" for comparison in COMPARISONS)
    return scored.as_duckdbpyrelation().project(f"identity_id_l, identity_id_r, match_weight, {levels_of}").df()


def describe_model(linker: Linker) -> pd.DataFrame:
    """Return the trained model: comparison, gamma (as in `score_identities`), level, m, u, and match_weight, the bits that the level adds to a pair.

    Names and phones that agree count by how rare they are; shown is the weight of one of middling rarity.
    """
    return pd.DataFrame([
        {"comparison": comparison.output_column_name, "gamma": level.comparison_vector_value, "level": level.label_for_charts, "m": level.m_probability,
         "u": level.u_probability, "match_weight": level._match_weight}
        for comparison in linker._settings_obj.comparisons for level in comparison.comparison_levels if not level.is_null_level
    ]).round({"m": 4, "u": 6, "match_weight": 1})  # fmt: skip
