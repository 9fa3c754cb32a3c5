"""Two people of one household or one person written down in two ways: what the contacts themselves say about it.

A linkage model weighs one person against two strangers. Members of a household are no strangers: they share surname, phone
and home, and only forename, date of birth, sex and nominal id tell them apart. So among pairs that share surname and phone, or surname
and address, a second mixture is fitted: one person or two of a household. Where a class of households earns its place,
forenames and dates of birth that contradict each other tell people apart; where it explains nothing, as in records of people
who share no home with anybody, a contradiction is a slip of the pen like any other. Fitted by expectation maximisation
(Dempster, Laird and Rubin 1977) on counts of agreement patterns.
"""

import duckdb
import numpy as np
import pandas as pd

# What tells members of a household apart, and what they share.
TELLING_APART = ["forename", "date_of_birth", "sex", "nominal_id"]
SHARED = [("surname", "phone"), ("surname", "address")]
RECORDS_PER_HOUSEHOLD = 10
# With fewer pairs nobody can say that there are no households: of 200, some six are two people's where it is one in thirty.
FEWEST_PAIRS = 200
ITERATIONS = 200


def find_households(identities: pd.DataFrame, settings: dict, levels: pd.DataFrame, seed: int, training_pairs: int) -> pd.DataFrame:
    """Return in one row what the pairs of `identities` that share surname and phone or address say about households.

    n_pairs read (at most about `training_pairs`), household_share (of two people rather than one), gain and needed (the log
    likelihood that a class of households adds, and must add by Schwarz 1978 to be more than chance), has_households.
    Households are taken to be there unless enough pairs were read and the class earned no place. `settings` and `levels`
    as in a trained model.
    """
    patterns = count_patterns(identities, settings, seed, training_pairs)
    start = {name: group.sort_values("gamma") for name, group in levels.groupby("comparison")}
    m = {name: start[name]["m"].to_numpy() for name in TELLING_APART}
    h = {name: start[name]["u"].to_numpy() for name in TELLING_APART}
    n_pairs = int(patterns["n_pairs"].sum())
    alone, mixed = fit_mixture(patterns, m, h, 1.0), fit_mixture(patterns, m, h, 0.9)
    n_free = 1 + sum(len(shares) - 1 for shares in m.values())
    gain, needed = mixed[1] - alone[1], n_free / 2 * np.log(max(n_pairs, 1))
    return pd.DataFrame({
        "n_pairs": [n_pairs], "household_share": [1 - mixed[0]], "gain": [gain], "needed": [needed],
        "has_households": [bool(n_pairs < FEWEST_PAIRS or gain > needed)],
    })  # fmt: skip


def fit_mixture(patterns: pd.DataFrame, m: dict, h: dict, share: float) -> tuple[float, float]:
    """Return the share of one person and the log likelihood fitted to `patterns` from m, h and `share`; from 1 it stays 1."""
    n_pairs = patterns["n_pairs"].to_numpy(float)
    for _ in range(ITERATIONS):
        as_one = share * np.prod([known_shares(m[name])[patterns[name]] for name in TELLING_APART], axis=0)
        as_two = (1 - share) * np.prod([known_shares(h[name])[patterns[name]] for name in TELLING_APART], axis=0)
        one = n_pairs * as_one / (as_one + as_two)
        m = {name: tally(patterns[name], one, m[name]) for name in TELLING_APART}
        h = {name: tally(patterns[name], n_pairs - one, h[name]) for name in TELLING_APART}
        share = one.sum() / max(n_pairs.sum(), 1)
    return share, float((n_pairs * np.log(as_one + as_two)).sum())


def known_shares(shares: np.ndarray) -> np.ndarray:
    """Return `shares` by level, with 1 for a missing field at the end, where level -1 finds it."""
    return np.append(shares, 1.0)


def tally(levels: pd.Series, expected: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the share of each level among the `expected` pairs in which the field is known, steadied by one pair like `before`."""
    known = levels.to_numpy() >= 0
    counts = np.bincount(levels.to_numpy()[known], weights=expected[known], minlength=len(before)) + before
    return counts / counts.sum()


def count_patterns(identities: pd.DataFrame, settings: dict, seed: int, training_pairs: int) -> pd.DataFrame:
    """Return the patterns of agreement of pairs that share surname and phone or address: a level per comparison, and n_pairs."""
    cases = {comparison["output_column_name"]: level_case(comparison["comparison_levels"]) for comparison in settings["comparisons"]}
    chosen = ", ".join(f"{cases[name]} AS {name}" for name in TELLING_APART)
    columns = ["identity_id", "forename", "forename_root", "surname", "date_of_birth", "sex", "nominal_id"]
    sides = ", ".join(f"l.{name} AS {name}_l, r.{name} AS {name}_r" for name in columns)
    with duckdb.connect(config={"threads": 1}) as con:
        con.register("identities", identities)
        for number, names in enumerate(SHARED):
            keys, known = ", ".join(names), " AND ".join(f"{name} IS NOT NULL" for name in names)
            con.execute(f"""
                CREATE TABLE sharers_{number} AS
                WITH grouped AS (SELECT {keys}, least(count(*), {RECORDS_PER_HOUSEHOLD}) AS n, hash({keys}, {int(seed)}) AS lot FROM identities
                                 WHERE {known} GROUP BY {keys} HAVING count(*) > 1),
                     drawn AS (SELECT * FROM grouped QUALIFY sum(n * (n - 1) / 2) OVER (ORDER BY lot, {keys}) <= {int(training_pairs)} OR row_number() OVER (ORDER BY lot, {keys}) = 1)
                SELECT * FROM identities JOIN drawn USING ({keys})
                QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY hash(identity_id, {int(seed)}), identity_id) <= {RECORDS_PER_HOUSEHOLD}""")
        pairs = " UNION ".join(
            f"SELECT {sides} FROM sharers_{number} l JOIN sharers_{number} r ON l.identity_id < r.identity_id AND {' AND '.join(f'l.{name} = r.{name}' for name in names)}"
            for number, names in enumerate(SHARED)
        )
        return con.sql(f"SELECT {chosen}, count(*) AS n_pairs FROM ({pairs}) GROUP BY ALL ORDER BY ALL").df()


def level_case(levels: list[dict]) -> str:
    """Return SQL: the level of one of Splink's comparisons, given as its list of `levels`."""
    top = sum(not level.get("is_null_level", False) for level in levels) - 1
    numbers = iter(range(top, -1, -1))
    cases = [(-1 if level.get("is_null_level") else next(numbers), level["sql_condition"]) for level in levels]
    whens = " ".join(f"WHEN {condition} THEN {number}" for number, condition in cases if condition != "ELSE")
    return f"(CASE {whens} ELSE 0 END)"
