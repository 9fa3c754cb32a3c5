"""What the linkage model learns from: bounded samples of the identities that depend on these and a seed alone.

Records drawn one by one would seldom meet their like, so records are drawn in groups that already agree on two fields.
Builds on `pipeline.comparisons`.
"""

import duckdb
import pandas as pd

from pipeline.comparisons import COMPARED

# Pairs that are almost surely one person's; how many there are sets the model's prior. Each is a set of fields that agree.
SURE_RULES = [("nominal_id",), ("forename_root", "surname", "date_of_birth"), ("forename_root", "surname", "phone")]
# Each comparison is learnt in a pass that does not block on it, among pairs that already agree where households do not.
PASSES = [("date_of_birth", "phone"), ("date_of_birth", "postcode"), ("forename_root", "phone")]
# The comparisons that a pass cannot learn, because it blocks on one of their fields.
NOT_LEARNT = [{"date_of_birth", "phone"}, {"date_of_birth", "place"}, {"forename", "phone"}]
# Of one person's many records no more than this enter a pass: m is to be learnt from many people, not from the few with hundreds.
RECORDS_PER_PERSON = 10


def training_rule(number: int) -> str:
    """Return the blocking rule of pass `number`: both records were drawn for it and agree on its fields."""
    return " AND ".join(f"l.{name} = r.{name}" for name in (f"in_pass_{number}", *PASSES[number]))


def draw_strangers(con: duckdb.DuckDBPyConnection, seed: int, sampled_pairs: int) -> pd.DataFrame:
    """Return a random sample of `identities` whose whole names and phones all differ, large enough for `sampled_pairs` pairs."""
    n_rows = int((2 * sampled_pairs) ** 0.5) + 1
    return con.sql(f"""
        SELECT {learnt_columns()} FROM (
            SELECT DISTINCT ON (phone) * FROM (
                SELECT DISTINCT ON (forename_root, surname) *, hash(identity_id, {int(seed)}) AS lot FROM identities
                WHERE forename IS NOT NULL AND surname IS NOT NULL AND phone IS NOT NULL ORDER BY forename_root, surname, lot, identity_id)
            ORDER BY phone, lot, identity_id)
        ORDER BY lot, identity_id LIMIT {n_rows}""").df()


def draw_learners(con: duckdb.DuckDBPyConnection, seed: int, training_pairs: int) -> pd.DataFrame:
    """Return the `identities` that the passes learn from, flagged in_pass_0, in_pass_1, ... (1, else missing).

    A pass draws whole groups of records that agree on its fields, as many as hold `training_pairs` pairs, and of each
    group at most `RECORDS_PER_PERSON` records: records drawn one by one would seldom meet their like.
    """
    for number, names in enumerate(PASSES):
        keys, known = ", ".join(names), " AND ".join(f"{name} IS NOT NULL" for name in names)
        con.execute(f"""
            CREATE TABLE pass_{number} AS
            WITH grouped AS (SELECT {keys}, least(count(*), {RECORDS_PER_PERSON}) AS n, hash({keys}, {int(seed)}) AS lot FROM identities
                             WHERE {known} GROUP BY {keys} HAVING count(*) > 1),
                 drawn AS (SELECT *, sum(n * (n - 1) / 2) OVER (ORDER BY lot, {keys}) AS n_pairs FROM grouped
                           QUALIFY n_pairs <= {int(training_pairs)} OR row_number() OVER (ORDER BY lot, {keys}) = 1)
            SELECT identity_id FROM identities JOIN drawn USING ({keys})
            QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY hash(identity_id, {int(seed)}), identity_id) <= {RECORDS_PER_PERSON}""")
    flags = ", ".join(f"CASE WHEN identity_id IN (FROM pass_{number}) THEN 1 END AS in_pass_{number}" for number in range(len(PASSES)))
    drawn = " UNION ".join(f"FROM pass_{number}" for number in range(len(PASSES)))
    return con.sql(f"SELECT {learnt_columns()}, {flags} FROM identities WHERE identity_id IN ({drawn}) ORDER BY identity_id").df()


def learnt_columns() -> str:
    """Return the SELECT list of the columns that training reads; rare names serve to find pairs to score, not to learn."""
    return ", ".join("NULL::VARCHAR AS rare_name" if name == "rare_name" else name for name in COMPARED)


def count_sure_pairs(con: duckdb.DuckDBPyConnection) -> float:
    """Return the number of pairs of `identities` that agree on at least one of `SURE_RULES`.

    Pairs are counted by groups and joined by inclusion and exclusion, so that none has to be written out.
    """
    total = 0
    for chosen in range(1, 2 ** len(SURE_RULES)):
        rules = [rule for number, rule in enumerate(SURE_RULES) if chosen >> number & 1]
        names = sorted({name for rule in rules for name in rule})
        known = " AND ".join(f"{name} IS NOT NULL" for name in names)
        n_pairs = con.sql(f"SELECT coalesce(sum(n * (n - 1) / 2), 0) FROM (SELECT count(*) AS n FROM identities WHERE {known} GROUP BY {', '.join(names)})").fetchall()[0][0]
        total += n_pairs if len(rules) % 2 else -n_pairs
    return float(total)


def count_learnt(strangers: pd.DataFrame, learners: pd.DataFrame, settings: dict, shares: list[float]) -> pd.DataFrame:
    """Return comparison, n_pairs_m and n_pairs_u: how many pairs each comparison of Splink's `settings` was learnt from.

    n_pairs_u counts the pairs of strangers in which the field is known. n_pairs_m counts true pairs that bring something
    new: somebody written down k times makes k(k-1)/2 pairs, but only k-1 of them do. `shares`: of true pairs in each pass.
    """
    missing = {comparison["output_column_name"]: comparison["comparison_levels"][0]["sql_condition"] for comparison in settings["comparisons"]}
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("strangers", strangers)
        con.register("learners", learners)
        n_pairs_u = count_known_pairs(con, "strangers", "true", missing)
        n_pairs_m = dict.fromkeys(missing, 0.0)
        for number, share in enumerate(shares):
            sizes = f"SELECT count(*) AS n FROM learners WHERE in_pass_{number} = 1 GROUP BY {', '.join(PASSES[number])}"
            new = con.sql(f"SELECT sum(n - 1) / sum(n * (n - 1) / 2) FROM ({sizes})").fetchall()[0][0]
            for name, n_known in count_known_pairs(con, "learners", training_rule(number), missing).items():
                n_pairs_m[name] += 0.0 if name in NOT_LEARNT[number] else share * new * n_known
    return pd.DataFrame({"comparison": list(missing), "n_pairs_m": n_pairs_m.values(), "n_pairs_u": n_pairs_u.values()})


def count_known_pairs(con: duckdb.DuckDBPyConnection, table: str, rule: str, missing: dict[str, str]) -> dict[str, float]:
    """Return, by comparison, the number of pairs of `table` that hold `rule` and for which the condition `missing` does not hold."""
    sides = ", ".join(f"l.{name} AS {name}_l, r.{name} AS {name}_r" for name in COMPARED)
    counts = ", ".join(f"count(*) FILTER (WHERE NOT coalesce({condition}, false))::DOUBLE" for condition in missing.values())
    pairs = f"SELECT {sides} FROM {table} l JOIN {table} r ON l.identity_id < r.identity_id AND {rule}"
    return dict(zip(missing, con.sql(f"SELECT {counts} FROM ({pairs})").fetchall()[0]))
