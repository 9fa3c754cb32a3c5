"""A second demonstration: Northshire, a simulated force that sends everything under other names, codes and formats.

`python -m pipeline.second_force` (or `make northshire`) writes data/raw/northshire and, outside it, the truth in
data/truth/northshire. It writes no mapping: drafting that is what the README's tutorial shows. The register is an Excel
workbook with two title rows, contacts are a semicolon CSV file in Windows-1252 for each month, exits are Parquet and
mentors a text file with tabs. What each format is made of stands in pipeline.second_force_files.
"""

import argparse
import shutil
import sys

import pandas as pd

from pipeline.errors import InputError
from pipeline.params import Claim, Study
from pipeline.second_force_files import rename_contacts, rename_exits, rename_mentors, rename_referrals, write_months, write_register
from pipeline.simulate import make_extracts, truth_tables
from pipeline.simulation import simulate_demand
from pipeline.tables import RAW, TRUTH, project_root, read_reference, replace_file

NAME = "northshire"
# Its own years, which the README's tutorial says to the pipeline.
STUDY = Study(contacts_from="2015-01-01", contacts_to="2021-12-31", referrals_from="2017-01-01", referrals_to="2020-12-31")
CLAIM = Claim(referred_from="2017-07-01", complete_by="2020-12-31", months=12)
SIZE, SEED, TRUE_IRR = 25_000, 2, 0.55


def write_force(size: int, seed: int) -> None:
    """Write the extracts of Northshire with about `size` contact rows, and their truth."""
    world = simulate_demand(size, seed, TRUE_IRR, STUDY, CLAIM)
    extracts = make_extracts(world, read_reference("names"), seed, STUDY)
    root = project_root()
    for name, table in truth_tables(world).items():
        renamed = rename_ids(table)
        replace_file(root / TRUTH / NAME / f"{name}.parquet", lambda path, table=renamed: table.to_parquet(path, index=False))
    folder = root / RAW / NAME
    # A mapping and a key that somebody put there stay; files of another size would be read along.
    shutil.rmtree(folder / "calls", ignore_errors=True)
    replace_file(folder / "Peer Support Register.xlsx", lambda path: write_register(rename_referrals(rename_ids(extracts["referrals"])), path))
    write_months(rename_contacts(rename_ids(extracts["contacts"])), folder / "calls")
    replace_file(folder / "absences.parquet", lambda path: rename_exits(rename_ids(extracts["exits"])).to_parquet(path, index=False))
    replace_file(folder / "mentors.txt", lambda path: rename_mentors(extracts["mentors"]).to_csv(path, sep="\t", index=False, encoding="utf-8-sig"))


def rename_ids(table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with ids as this force writes them, alike in extracts and truth."""
    forms = {"contact_id": "LOG-", "duplicate_of": "LOG-", "incident_id": "NS/", "nominal_id": "URN", "client_id": "PS-", "referral_id": ""}
    return table.assign(**{column: letter + table[column].str[1:] for column, letter in forms.items() if column in table.columns})


def main() -> None:
    """Write the second demonstration as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.second_force", description="Write the extracts of a second simulated force to data/raw/northshire.")
    parser.add_argument("--size", type=int, default=SIZE, help="about how many contact rows (default %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="the seed of the simulated world (default %(default)s)")
    chosen = parser.parse_args()
    if not 1_000 <= chosen.size <= 20_000_000 or chosen.seed < 0:
        raise InputError("--size must lie between 1000 and 20000000 and --seed must not be negative. Correct them.")
    write_force(chosen.size, chosen.seed)
    print(f"{(RAW / NAME).as_posix()} holds the extracts. Next: python -m pipeline.draft_mapping {(RAW / NAME).as_posix()}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"second_force: {error}")
