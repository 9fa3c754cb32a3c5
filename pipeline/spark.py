"""Spark itself: is it here, and a session that is quiet, private and agrees with DuckDB about names.

pyspark is an extra, so nothing here imports it before it is used. Spark's settings are those of its own configuration
(spark-defaults.conf), except where privacy and sameness ask for others.
"""

import os
import re
import shutil
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow as pa

OLDEST_JAVA = 17


def find_spark_problems() -> list[str]:
    """Return what Spark lacks in this environment, one line each, with what to do."""
    problems = []
    if find_spec("pyspark") is None:
        problems.append(
            "params.yaml, linkage.engine: spark needs pyspark, which this environment does not have. "
            'Use the one of the README\'s section "Beyond one machine", or set linkage.engine to duckdb.'
        )
    version = java_version()
    if version is None or version < OLDEST_JAVA:
        found = "none was found" if version is None else f"version {version} was found"
        problems.append(
            f"params.yaml, linkage.engine: spark needs Java {OLDEST_JAVA} or later; {found}. Install it (on Debian: "
            "default-jre-headless), point JAVA_HOME to it, or set linkage.engine to duckdb."
        )
    return problems


def java_version() -> int | None:
    """Return the main version of the Java that Spark would use, None when there is none."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=os.path.join(home, "bin") if home else None)
    if java is None:
        return None
    # Java tells it on stderr: openjdk version "17.0.15" 2025-04-15.
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else None


def start_session(scratch_folder: Path):
    """Return a quiet Spark session that writes nothing outside `scratch_folder`."""
    # Spark hands over and takes back Arrow tables here, in which pandas has no part.
    warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)
    from pyspark.sql import SparkSession

    # Spark's workers would take any Python they find.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    folder = Path(scratch_folder).resolve()
    for name in ("java", "local", "checkpoints"):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    session = (
        SparkSession.builder.appName("linkage")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        # Spark's messages may quote the values that it works on; what goes wrong reaches us as an exception all the same.
        .config("spark.log.level", "OFF")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.local.dir", str(folder / "local"))
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.driver.extraJavaOptions", f"-Djava.io.tmpdir='{folder / 'java'}' -XX:-UsePerfData")
        .getOrCreate()
    )
    session.sparkContext.setCheckpointDir(str(folder / "checkpoints"))
    if session.sparkContext.master.startswith("local"):
        # Spark's default of 200 parts is for a cluster.
        session.conf.set("spark.sql.shuffle.partitions", str(2 * session.sparkContext.defaultParallelism))
    register_similarity(session)
    return session


def register_similarity(session) -> None:
    """Give `session` DuckDB's own similarities of texts, under the names that sqlglot writes for them.

    The jar that Splink ships has others: its Jaro-Winkler counts an odd transposition as half a one, which DuckDB leaves out,
    and rewards common beginnings of unlike names too; its Damerau-Levenshtein is the restricted one. Some misspelt names
    then fall on the other side of a threshold.
    """
    session.udf.register("jarowinkler_similarity", duckdb_function("jaro_winkler_similarity", "double"))
    session.udf.register("damerau_levenshtein", duckdb_function("damerau_levenshtein", "bigint"))


def duckdb_function(name: str, returns: str):
    """Return a Spark function that has DuckDB work out its function `name` of two columns of text; `returns` is Spark's type."""
    from pyspark.sql.functions import arrow_udf

    # Nested, so that Spark sends it along and a worker needs DuckDB only, not this project.
    def apply(left: pa.Array, right: pa.Array) -> pa.Array:
        import duckdb
        import pyarrow

        with duckdb.connect(config={"threads": 1}) as connection:
            connection.register("texts", pyarrow.table({"l": left, "r": right}))
            return connection.sql(f"SELECT {name}(l, r) AS found FROM texts").to_arrow_table()["found"].combine_chunks()

    return arrow_udf(apply, returns)


def spark_frame(session, frame: pd.DataFrame):
    """Return `frame` as a Spark frame."""
    return session.createDataFrame(pa.Table.from_pandas(frame, preserve_index=False))


def stop_session(session, scratch_folder: Path) -> None:
    """Stop Spark and remove what it wrote."""
    session.stop()
    shutil.rmtree(scratch_folder, ignore_errors=True)
