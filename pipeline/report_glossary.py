"""The glossary: what the words of the report mean, from data/reference/glossary.csv. Builds on pipeline.markdown."""

import pandas as pd

from pipeline.markdown import Markup, escape


def write_section(tables: dict[str, pd.DataFrame], parameters) -> Markup:
    """Return the glossary as a definition list in the order of its terms; empty where `tables` holds none.

    A meaning may name the confidence level as {confidence}, in percent.
    """
    glossary = tables.get("glossary", pd.DataFrame())
    if glossary.empty:
        return Markup("")
    ordered = glossary.sort_values("term", key=lambda terms: terms.str.lower(), kind="stable")
    confidence = f"{100 * parameters.effect.confidence:g}"
    return Markup("\n\n".join(f"{escape(row.term)}\n:   {escape(row.meaning.replace('{confidence}', confidence))}" for row in ordered.itertuples()) + "\n")
