"""Where the heavy work over contacts and identities is done: by DuckDB on this machine, or by Spark on one or many.

Both engines answer the same calls, and there is one text of each query and one linkage model, in DuckDB's SQL; for Spark
sqlglot rewrites them. So a rule is stated once, and the engines differ in where the work is done, not in what is done.
Spark itself is set up and started in `pipeline.spark`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import duckdb
import pandas as pd
import sqlglot
from splink import DuckDBAPI
from splink.internals.splink_dataframe import SplinkDataFrame

# DuckDB compares so many identities with all others at a time; it bounds the memory and changes no score.
IDENTITIES_PER_CHUNK = 500_000


class DuckDB:
    """This machine, on one thread (with two, sums differ in their last digits).

    What does not fit into `memory_gib` is put down in `spill_folder`; without them DuckDB takes what it finds.
    """

    def __init__(self, memory_gib: float | None = None, spill_folder: Path | None = None):
        self.config = {"threads": 1}
        if memory_gib is not None:
            self.config |= {"memory_limit": f"{memory_gib}GiB", "temp_directory": str(spill_folder)}

    @contextmanager
    def open_tables(self) -> Iterator["DuckDBTables"]:
        """Yield an empty set of tables, gone at the end."""
        with duckdb.connect(config=self.config) as connection:
            yield DuckDBTables(connection)

    def count_chunks(self, n_identities: int) -> int:
        """Return in how many chunks `n_identities` are scored."""
        return -(-n_identities // IDENTITIES_PER_CHUNK)

    def close(self) -> None:
        """Do nothing: a connection ends with its tables."""


class DuckDBTables:
    """Named tables in DuckDB."""

    def __init__(self, connection: duckdb.DuckDBPyConnection):
        self.connection = connection
        self.splink = DuckDBAPI(connection)

    def add(self, name: str, frame: pd.DataFrame) -> SplinkDataFrame:
        """Make `frame` known as the table `name`, to us and to Splink."""
        return self.splink.register(frame, table_name=name)

    def make(self, name: str, query: str) -> None:
        """Keep the result of `query` as the new table `name`."""
        self.connection.execute(f"CREATE TABLE {name} AS {query}")

    def read(self, query: str) -> pd.DataFrame:
        """Return the result of `query`."""
        return self.connection.sql(query).df()

    def adapt_settings(self, settings: dict) -> dict:
        """Return Splink's `settings` as this engine understands them: as they are."""
        return settings


class Spark:
    """Spark: the cores of this machine, or of those that its own configuration names.

    `scratch_folder` is private and holds all that Spark writes while it works (where there are several machines, all must
    reach it); it is removed at the end. pyspark and Java are needed, see `pipeline.spark.find_spark_problems`.
    """

    def __init__(self, scratch_folder: Path):
        from pipeline.spark import start_session

        self.scratch_folder = Path(scratch_folder)
        self.session = start_session(self.scratch_folder)

    @contextmanager
    def open_tables(self) -> Iterator["SparkTables"]:
        """Yield an empty set of tables, gone at the end."""
        try:
            yield SparkTables(self.session)
        finally:
            for table in self.session.catalog.listTables():
                self.session.catalog.dropTempView(table.name)
            self.session.catalog.clearCache()

    def count_chunks(self, n_identities: int) -> int:
        """Return 1: Spark cuts the work into parts itself, and puts down what does not fit."""
        return 1

    def close(self) -> None:
        """Stop Spark and remove what it wrote."""
        from pipeline.spark import stop_session

        stop_session(self.session, self.scratch_folder)


class SparkTables:
    """Named tables in Spark. What was made is kept, in memory as far as it fits and on disk."""

    def __init__(self, session):
        from splink.backends.spark import SparkAPI

        self.session = session
        # Similarities are DuckDB's (`pipeline.spark`), so Splink need not bring its own.
        self.splink = SparkAPI(spark_session=session, register_udfs_automatically=False)

    def add(self, name: str, frame: pd.DataFrame) -> SplinkDataFrame:
        """Make `frame` known as the table `name`, to us and to Splink."""
        from pipeline.spark import spark_frame

        return self.splink.register(spark_frame(self.session, frame), table_name=name)

    def make(self, name: str, query: str) -> None:
        """Keep the result of `query` as the new table `name`."""
        self.session.sql(in_spark(query)).persist().createOrReplaceTempView(name)

    def read(self, query: str) -> pd.DataFrame:
        """Return the result of `query`, typed as by DuckDB."""
        found = self.session.sql(in_spark(query)).toArrow()
        return duckdb.from_arrow(found).df()

    def adapt_settings(self, settings: dict) -> dict:
        """Return a copy of Splink's `settings` with every condition and blocking rule in Spark's SQL."""
        adapted = deepcopy(settings) | {"sql_dialect": "spark"}
        for comparison in adapted["comparisons"]:
            for level in comparison["comparison_levels"]:
                if level["sql_condition"] != "ELSE":
                    level["sql_condition"] = in_spark(level["sql_condition"])
        for rule in adapted["blocking_rules_to_generate_predictions"]:
            rule |= {"blocking_rule": in_spark(rule["blocking_rule"]), "sql_dialect": "spark"}
        return adapted


Engine = DuckDB | Spark
Tables = DuckDBTables | SparkTables
THIS_MACHINE = DuckDB()


def open_engine(name: str, memory_gib: float, folder: Path) -> Engine:
    """Return the engine `name`, "duckdb" or "spark"; close it after use.

    `folder`, private, takes what does not fit into memory; `memory_gib` bounds DuckDB, Spark is bounded by its own configuration.
    """
    return Spark(folder) if name == "spark" else DuckDB(memory_gib, folder)


def in_spark(sql: str) -> str:
    """Return `sql`, a query or an expression in DuckDB's SQL, in Spark's."""
    return sqlglot.transpile(sql, read="duckdb", write="spark")[0]
