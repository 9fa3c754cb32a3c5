"""Disclosure control where some counts are parts of others: of so many people, so many were accepted.

A part says as much about those outside it as about those inside: where 40 of 43 people engaged, three did not. So a part
is published only where it and the rest of its whole both reach the threshold, and where the whole itself is published.
Builds on pipeline.disclosure.
"""

import pandas as pd

from pipeline.disclosure import control_table


def control_parts(table: pd.DataFrame, whole: str, parts: list[str], within: list[str], threshold: int, rounding: int) -> pd.DataFrame:
    """Return `table` with the counts `whole` and `parts` rounded, NA where too few people are behind them or behind the rest of the whole.

    `within` names the columns of groups whose total is published: in such a group a suppressed cell never stands
    alone. A part that is missing throughout, because nothing is known of it, stays missing.
    """
    known = [part for part in parts if table[part].notna().all()]
    rest = {f"rest of {part}": table[whole] - table[part] for part in known}
    counts = [whole, *known, *rest]
    controlled = control_table(table.assign(**rest), threshold, rounding, counts=counts, within=within)
    hidden_whole = controlled[whole].isna()
    for part in known:
        controlled[part] = controlled[part].mask(hidden_whole | controlled[f"rest of {part}"].isna())
    unknown = {part: pd.array([pd.NA] * len(table), dtype="Int64") for part in parts if part not in known}
    return controlled[table.columns].assign(**unknown)


def pool_small(table: pd.DataFrame, category: str, count: str, threshold: int, name: str) -> pd.DataFrame:
    """Return `table` (a row per `category`) with the rows below `threshold` pooled into one last row called `name`.

    Where the pool itself would stay below the threshold, the next smallest row joins it; so every row reaches the
    threshold, or there is one row only. Other columns are taken from the first row.
    """
    rows = table.sort_values([count, category], ignore_index=True)
    n_pooled = int((rows[count] < threshold).sum())
    while 0 < n_pooled < len(rows) and rows[count].iloc[:n_pooled].sum() < threshold:
        n_pooled += 1
    if n_pooled == 0:
        return rows.sort_values([count, category], ascending=[False, True], ignore_index=True)
    pool = rows.iloc[[0]].assign(**{category: name, count: rows[count].iloc[:n_pooled].sum()})
    kept = rows.iloc[n_pooled:].sort_values([count, category], ascending=[False, True])
    return pd.concat([kept, pool], ignore_index=True)
