"""Scored pairs: the trained model applied to the contact identities, and to the register and the identities.

Splink scores on either engine, in DuckDB in chunks of identities; what is kept of a pair is its ids, its match weight and its
agreement levels. Builds on `pipeline.linkage`, `pipeline.comparisons` and `pipeline.engines`.
"""

import pandas as pd
from splink import Linker
from splink.internals.splink_dataframe import SplinkDataFrame

from pipeline.comparisons import COMPARISONS, compared_columns
from pipeline.engines import THIS_MACHINE, Engine, Tables
from pipeline.linkage import LinkageModel


def score_identities(
    model: LinkageModel, identities: pd.DataFrame, floor: float, rare_name_at_most: int, engine: Engine = THIS_MACHINE
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (scored, below_floor) of the pairs of `identities` that a blocking rule proposes.

    scored: the pairs with a match probability of at least `floor`: identity_id_l, identity_id_r, match_weight (log2 of the
    odds) and for each comparison gamma_<comparison>, the level on which the pair agrees (0 for none, higher for stronger
    agreement, -1 where a field is missing), sorted by both ids. below_floor, one row: n_pairs below it and expected_matches, the
    sum of their probabilities.
    """
    with engine.open_tables() as tables:
        linker = load_model(tables, model, compared_columns(identities, rare_name_at_most))
        n_chunks = engine.count_chunks(len(identities))
        for number in range(1, n_chunks + 1):
            chunk = linker.inference.predict_chunk(left_chunk=(number, n_chunks), right_chunk=(1, 1), warning_mode="never")
            keep_scores(tables, chunk, floor, number)
        below_floor = tables.read(f"""
            SELECT sum(n_pairs)::BIGINT AS n_pairs, sum(expected_matches) AS expected_matches FROM ({join_chunks("below_floor", n_chunks)})""")
        return tables.read(f"{join_chunks('scored', n_chunks)} ORDER BY identity_id_l, identity_id_r"), below_floor


def score_clients(
    model: LinkageModel, identities: pd.DataFrame, clients: pd.DataFrame, floor: float, rare_name_at_most: int, engine: Engine = THIS_MACHINE
) -> pd.DataFrame:
    """Return the scored pairs of register entries and contact identities, by the model trained on contacts alone.

    `clients` as from `contact_identities.describe_clients`. Result: identity_id_l (a contact identity), identity_id_r
    (an entry of the register), match_weight and gamma_* as in `score_identities`.
    """
    with engine.open_tables() as tables:
        found = compared_columns(identities, rare_name_at_most)
        linker = load_model(tables, model, found)
        left = tables.add("found", found)
        right = tables.add("register", compared_columns(clients, rare_name_at_most))
        keep_scores(tables, linker.inference.predict_between(left, right, warning_mode="never"), floor, 1)
        return tables.read("SELECT * FROM scored_1 ORDER BY identity_id_l, identity_id_r")


def load_model(tables: Tables, model: LinkageModel, compared: pd.DataFrame) -> Linker:
    """Return a Splink linker of the trained `model` over the identities in `compared`."""
    linker = Linker(tables.add("identities", compared), tables.adapt_settings(model.settings), log_level="ERROR")
    for name, frequencies in model.terms.items():
        linker.table_management.register_term_frequency_lookup(tables.add(f"{name}_terms", frequencies), name)
    return linker


def keep_scores(tables: Tables, predicted: SplinkDataFrame, floor: float, number: int) -> None:
    """Make scored_<number> of Splink's `predicted` pairs of at least `floor`, without personal details, and below_floor_<number> of the rest."""
    levels = ", ".join(f"gamma_{comparison}::TINYINT AS gamma_{comparison}" for comparison in COMPARISONS)
    tables.make(f"scored_{number}", f"""
        SELECT identity_id_l, identity_id_r, match_weight, {levels} FROM {predicted.physical_name} WHERE match_probability >= {floor}""")
    tables.make(f"below_floor_{number}", f"""
        SELECT count(*) AS n_pairs, coalesce(sum(match_probability), 0) AS expected_matches FROM {predicted.physical_name}
        WHERE match_probability < {floor}""")
    predicted.drop_table_from_database_and_remove_from_cache()


def join_chunks(name: str, n_chunks: int) -> str:
    """Return SQL for all rows of the tables <name>_1, <name>_2 and so on."""
    return " UNION ALL ".join(f"SELECT * FROM {name}_{number}" for number in range(1, n_chunks + 1))
