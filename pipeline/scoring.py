"""Scored pairs: the trained model applied to the contact identities, and to the register and the identities.

Splink scores in chunks of identities, on one thread (with two, probabilities differ in their twelfth digit); what is kept
of a pair is its ids, its match weight and its agreement levels. Builds on `pipeline.linkage` and `pipeline.comparisons`.
"""

import duckdb
import pandas as pd
from splink import DuckDBAPI, Linker
from splink.internals.splink_dataframe import SplinkDataFrame

from pipeline.comparisons import COMPARISONS, compared_columns
from pipeline.linkage import LinkageModel

# So many identities are compared with all others at a time; it bounds the memory and changes no score.
IDENTITIES_PER_CHUNK = 500_000


def score_identities(
    model: LinkageModel, identities: pd.DataFrame, floor: float, rare_name_at_most: int, memory_gib: float, spill_folder: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (scored, below_floor) of the pairs of `identities` that a blocking rule proposes.

    scored: the pairs with a match probability of at least `floor`: identity_id_l, identity_id_r, match_weight (log2 of the
    odds) and for each comparison gamma_<comparison>, the level on which the pair agrees (0 for none, higher for stronger
    agreement, -1 where a field is missing), sorted by both ids. below_floor, one row: n_pairs below it and expected_matches, the
    sum of their probabilities. What does not fit into `memory_gib` is put down in `spill_folder`.
    """
    with open_database(memory_gib, spill_folder) as con:
        linker = load_model(DuckDBAPI(con), model, compared_columns(identities, rare_name_at_most))
        con.execute("CREATE TABLE below_floor (n_pairs BIGINT, expected_matches DOUBLE)")
        n_chunks = -(-len(identities) // IDENTITIES_PER_CHUNK)
        for number in range(1, n_chunks + 1):
            keep_scores(con, linker.inference.predict_chunk(left_chunk=(number, n_chunks), right_chunk=(1, 1), warning_mode="never"), floor, number == 1)
        below_floor = con.sql("SELECT sum(n_pairs)::BIGINT AS n_pairs, sum(expected_matches) AS expected_matches FROM below_floor").df()
        return con.sql("FROM scored ORDER BY identity_id_l, identity_id_r").df(), below_floor


def score_clients(
    model: LinkageModel, identities: pd.DataFrame, clients: pd.DataFrame, floor: float, rare_name_at_most: int, memory_gib: float, spill_folder: str
) -> pd.DataFrame:
    """Return the scored pairs of register entries and contact identities, by the model trained on contacts alone.

    `clients` as from `contact_identities.describe_clients`. Result: identity_id_l (a contact identity), identity_id_r
    (an entry of the register), match_weight and gamma_* as in `score_identities`.
    """
    with open_database(memory_gib, spill_folder) as con:
        api = DuckDBAPI(con)
        found = compared_columns(identities, rare_name_at_most)
        linker = load_model(api, model, found)
        con.execute("CREATE TABLE below_floor (n_pairs BIGINT, expected_matches DOUBLE)")
        left = api.register(found, dataset_display_name="found")
        right = api.register(compared_columns(clients, rare_name_at_most), dataset_display_name="register")
        keep_scores(con, linker.inference.predict_between(left, right, warning_mode="never"), floor, True)
        return con.sql("FROM scored ORDER BY identity_id_l, identity_id_r").df()


def open_database(memory_gib: float, spill_folder: str) -> duckdb.DuckDBPyConnection:
    """Return a connection to an empty database in memory that uses at most `memory_gib` and puts the rest down in `spill_folder`."""
    return duckdb.connect(config={"threads": 1, "memory_limit": f"{memory_gib}GiB", "temp_directory": str(spill_folder)})


def load_model(api: DuckDBAPI, model: LinkageModel, compared: pd.DataFrame) -> Linker:
    """Return a Splink linker of the trained `model` over the identities in `compared`."""
    linker = Linker(api.register(compared, dataset_display_name="identities"), model.settings, log_level="ERROR")
    for name, frequencies in model.terms.items():
        linker.table_management.register_term_frequency_lookup(api.register(frequencies, table_name=f"{name}_terms"), name)
    return linker


def keep_scores(con: duckdb.DuckDBPyConnection, predicted: SplinkDataFrame, floor: float, is_first: bool) -> None:
    """Add Splink's `predicted` pairs of at least `floor` to the table scored, without personal details, and count the rest in below_floor."""
    levels = ", ".join(f"gamma_{comparison}::TINYINT AS gamma_{comparison}" for comparison in COMPARISONS)
    kept = f"SELECT identity_id_l, identity_id_r, match_weight, {levels} FROM {predicted.physical_name} WHERE match_probability >= {floor}"
    con.execute(f"CREATE TABLE scored AS {kept}" if is_first else f"INSERT INTO scored {kept}")
    con.execute(f"INSERT INTO below_floor SELECT count(*), coalesce(sum(match_probability), 0) FROM {predicted.physical_name} WHERE match_probability < {floor}")
    predicted.drop_table_from_database_and_remove_from_cache()
