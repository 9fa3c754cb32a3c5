"""Tables without rows, for the stages that a kind of extracts makes void: every stage always runs and writes what it always writes."""

import pandas as pd

from pipeline.validation import load_suite

TEXTS = {
    "about", "address", "area", "arm", "basis", "channel", "characteristic", "check", "closing_code", "closure_reason", "compared", "comparison", "contrast", "duplicate_of",
    "example", "forename", "grade", "level", "measure", "opening_code", "period", "phone", "postcode", "primary_need", "reason", "referral_source", "role", "service", "sex", "step", "surname", "treated",
}  # fmt: skip
# By the project's naming rules, the first that fits; whatever else a table holds is a number.
TYPES = [
    (lambda name: name in TEXTS or name.endswith(("_id", "_id_l", "_id_r")), "str"),
    (lambda name: name.endswith(("_on", "_at")) or name in ("date_of_birth", "index_month"), "datetime64[us]"),
    (lambda name: name == "n" or name.startswith("n_") or name in ("draw", "position"), "int64"),
    (lambda name: name.startswith("gamma"), "int8"),
    (lambda name: name.startswith("is_") or name in ("accepted", "attended", "passed", "lived_experience", "former_client"), "bool"),
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
    """Return the type of a column by its name."""
    return next((kind for fits, kind in TYPES if fits(column)), "float64")
