"""What a report may have made of the rows of a controlled table: set side by side, counted, summed up, put into percent.

Every way is a general one: none knows which table of a report it is for. Needs pandas only; builds on pipeline.verify_pages.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from pipeline.verify_pages import NUMBER, read_numbers

# What a report may make of a value; the signs of a change go into words such as "fewer".
RULES = {
    "as it is": lambda value: value,
    "sign dropped": np.abs,
    "sign turned": np.negative,
    "in percent": lambda value: 100 * value,
    "ratio of a log ratio": lambda value: np.exp(np.clip(value, -30, 50)),
    "change of a log ratio": lambda value: 100 * np.expm1(np.clip(value, -30, 50)),
    "size of a change": lambda value: np.abs(100 * np.expm1(np.clip(value, -30, 50))),
    "contacts of 100": lambda value: 100 * np.exp(np.clip(value, -30, 50)),
}
# So many rows are set side by side at most, and so many beside each other.
LARGEST_WIDE = 500
MOST_BESIDE = 120
# Words with more different values than this are names of rows, not of groups; a table with more words or rows is summed up by none.
MOST_GROUPS, MOST_WORDS, MOST_SUMMED = 40, 4, 150
# Rows are counted by kind where there are no more kinds than these.
MOST_KINDS = 8


def make_forms(table: pd.DataFrame) -> list[np.ndarray]:
    """Return the values of a table row by row, and once more with its rows side by side for each column that names them.

    A report may set the rows of one table beside each other: before and after, one arm and the other. Numbers within words
    count as values too.
    """
    if table.empty:
        return []
    numbers, words = values_of(table), [column for column in table if is_word(table[column]) and table[column].dtype != bool]
    forms = [numbers]
    keys = [[column] for column in words] + ([list(pair) for pair in combinations(words, 2)] if len(words) <= 4 else [])
    for key in keys if len(table) <= LARGEST_WIDE else []:
        row, place = table.groupby(key, sort=False, dropna=False).ngroup().to_numpy(), find_places(table, key, words)
        if 1 < row.max() + 1 < len(table) and place.max() < MOST_BESIDE:
            wide = np.full((row.max() + 1, place.max() + 1, numbers.shape[1]), np.nan)
            wide[row, place] = numbers
            forms.append(wide.reshape(len(wide), -1))
    return forms


def find_places(table: pd.DataFrame, key: list[str], words: list[str]) -> np.ndarray:
    """Return for each row of a table its place among those that share its `key`, the same for the same other words."""
    others: list[str] = []
    for word in words:
        if word not in key and table.duplicated([*key, *others]).any():
            others.append(word)
    if others and not table.duplicated([*key, *others]).any():
        return table.groupby(others, sort=False, dropna=False).ngroup().to_numpy()
    return table.groupby(key, sort=False, dropna=False).cumcount().to_numpy()


def values_of(table: pd.DataFrame) -> np.ndarray:
    """Return the numbers of a table, a column each; words with numbers in them give a column for each place."""
    columns = []
    for column in table:
        values = pd.to_numeric(table[column], errors="coerce")
        if table[column].dtype != bool and values.notna().any():
            columns.append(values.astype(float).to_numpy())
        found = [[number for number, _, _ in read_numbers(str(cell))] if NUMBER.search(str(cell)) else [] for cell in table[column]] if values.isna().any() else []
        for place in range(min(max(map(len, found), default=0), 12)):
            columns.append(np.array([one[place] if place < len(one) else np.nan for one in found], dtype=float))
    return np.column_stack(columns) if columns else np.full((len(table), 1), np.nan)


def make_summaries(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return what else a report may show of a table: each count as a share of the others and of its group's, groups summed up, rows counted.

    Shares are as fractions. A group are the rows with the same word in one column, or the same pair in two.
    """
    words = [column for column in table if is_word(table[column]) and table[column].nunique() <= MOST_GROUPS]
    if len(table) > MOST_SUMMED or len(words) > MOST_WORDS:
        return []
    counts = [column for column in table if column.startswith("n_") and pd.api.types.is_numeric_dtype(table[column])]
    keys = [[column] for column in words] + [list(pair) for pair in combinations(words, 2)]
    shares = {f"{one} of {other}": table[one] / table[other] for one in counts for other in counts if one != other}
    shares |= {f"{count} of {' and '.join(key)}": table[count] / table.groupby(key, dropna=False)[count].transform("sum") for key in keys for count in counts}
    made = [table.assign(**shares)] if shares else []
    made += [sum_up(table, key) for key in keys if table[key].drop_duplicates().shape[0] < len(table)]
    return made + [count_rows(table, one, other) for one in words for other in words if one != other and table[other].nunique() <= MOST_KINDS]


def sum_up(table: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return a row per group: its number of rows, and each number's least, greatest, largest size and sum."""
    numbers = table.drop(columns=key).select_dtypes("number")
    groups = [table[column] for column in key]
    parts = [numbers.groupby(groups, dropna=False).agg(how).add_suffix(f" {how}") for how in ("min", "max", "sum")]
    sizes = numbers.abs().groupby(groups, dropna=False).max().add_suffix(" size")
    return pd.concat([*parts, sizes, numbers.groupby(groups, dropna=False).size().rename("rows")], axis=1).reset_index()


def count_rows(table: pd.DataFrame, group: str, kind: str) -> pd.DataFrame:
    """Return a row per group: how many rows it has of each kind, and of all kinds."""
    counted = table.groupby([group, kind], dropna=False).size().unstack(fill_value=0)
    return counted.assign(all=counted.sum(axis=1)).rename(columns=str).reset_index()


def is_word(column: pd.Series) -> bool:
    """Return whether a column holds words, yes and no among them."""
    return column.dtype == object or column.dtype == bool or pd.api.types.is_string_dtype(column)
