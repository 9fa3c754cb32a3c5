"""Published data sets, from the packages that carry them, as calendar panels.

Licences: causaldata 0.1.5 and moderndid are under the MIT licence, and so are the copies of the data in them; the sources are
Cheng & Hoekstra (2013, FBI Uniform Crime Reports) for castle, Callaway & Sant'Anna (2021, Quarterly Workforce
Indicators) for mpdta, and Carey, Miller & Wherry (2020, American Community Survey) for the Medicaid panel. None is
copied into this project.
"""

import gzip
import pickle
from importlib.util import find_spec

import causaldata
import numpy as np
import pandas as pd


def carried_by_moderndid(name: str) -> pd.DataFrame:
    """Return a data set that moderndid carries; read as a file, because importing the package costs seconds."""
    # The lock pins the package by hash, so that the pickle is the one that was looked at.
    folder = next(iter(find_spec("moderndid").submodule_search_locations))
    with gzip.open(f"{folder}/core/datasets/{name}.pkl.gz") as stored:
        return pickle.load(stored)


def year_starts(years: pd.Series) -> pd.Series:
    """Return 1 January of each year; NaT where the year is missing or nought."""
    known = years.where(years > 0)
    return pd.to_datetime(known.astype("Int64").astype("string") + "-01-01")


def county_panel() -> pd.DataFrame:
    """Return `mpdta`: teen employment in 500 counties, 2003 to 2007, and the year a state raised its minimum wage."""
    table = carried_by_moderndid("mpdta_long")
    return pd.DataFrame({
        "person_id": table["countyreal"], "index_month": year_starts(table["first.treat"]), "month": year_starts(table["year"]),
        "exposure_days": 1.0, "lemp": table["lemp"], "emp": np.exp(table["lemp"]), "lpop": table["lpop"],
    })  # fmt: skip


def castle_panel() -> pd.DataFrame:
    """Return the castle doctrine panel: log homicide in 50 states, 2000 to 2010, and the first full year of a law; exposure is population."""
    table = causaldata.castle.load_pandas().data
    first = table["sid"].map(table[table["post"] == 1].groupby("sid")["year"].min())
    return pd.DataFrame({
        "person_id": table["sid"], "index_month": year_starts(first), "month": year_starts(table["year"]),
        "exposure_days": table["popwt"].astype(float), "l_homicide": table["l_homicide"].astype(float), "homicide": table["homicide"].astype(float), "year": table["year"], "first": first,
        "is_treated": (table["post"] == 1).astype(float),
    })  # fmt: skip


def medicaid_panel() -> pd.DataFrame:
    """Return insurance coverage by state, 2008 to 2015, states that expanded Medicaid in 2014 or not by 2015 (HonestDiD's example)."""
    table = carried_by_moderndid("ehec_data")
    table = table[(table["year"] < 2016) & (table["yexp2"] != 2015)]
    return table.assign(is_expanding=(table["yexp2"] == 2014).astype(float))[["stfips", "year", "dins", "is_expanding"]].reset_index(drop=True)
