"""Tables without rows, for the stages that a kind of extracts makes void: every stage always runs and writes what it always writes."""

import pandas as pd

from pipeline.validation import load_suite

# By the project's naming rules: the first that fits.
TYPES = [
    (lambda name: name.endswith(("_on", "_at")) or name in ("date_of_birth", "index_month"), "datetime64[us]"),
    (lambda name: name.startswith("n_") or name == "draw", "int64"),
    (lambda name: name.startswith("is_") or name in ("accepted", "attended", "passed"), "bool"),
    (lambda name: name.startswith(("gamma_", "agreement_", "level_")), "int8"),
    (lambda name: name.endswith(("probability", "weight", "_minutes", "ci_low", "ci_high", "value", "pass_mark")), "float64"),
    (lambda name: name == "birth_year", "Int64"),
]


def empty_table(name: str) -> pd.DataFrame:
    """Return the table `name` without rows, with the columns that its suite promises.

    Raises InputError when there is no such suite.
    """
    rules = load_suite(name)["expectations"]
    columns = next(rule["kwargs"]["column_set"] for rule in rules if rule["type"] == "expect_table_columns_to_match_set")
    return pd.DataFrame({column: pd.Series(dtype=type_of(column)) for column in columns})


def type_of(column: str) -> str:
    """Return the type of a column by its name; text where no rule fits."""
    return next((kind for fits, kind in TYPES if fits(column)), "str")
