"""FEBRL's invented records (tests/data/README.md) as contacts, and how well people are told apart where the truth is known.

The social security number stands for the phone: the one number that may hold typing errors. An address is a street with its
number; nothing is known of sex or nominal id. Same fields for everyone who is compared with us.
"""

from pathlib import Path

import pandas as pd

FEBRL1 = Path(__file__).parent / "data" / "febrl1.csv"


def read_febrl(*paths: Path) -> pd.DataFrame:
    """Return the records of the files, as text, with true_person_id from the record's own id."""
    records = pd.concat([pd.read_csv(path, dtype=str, skipinitialspace=True) for path in paths], ignore_index=True)
    return records.assign(true_person_id=records["rec_id"].str.extract(r"rec-(\d+)", expand=False))


def as_contacts(records: pd.DataFrame) -> pd.DataFrame:
    """Return the records as standardised contacts: contact_id and the eight details."""
    street = records["street_number"].fillna("").str.cat(records["address_1"], sep=" ").str.strip()
    return pd.DataFrame({
        "contact_id": records["rec_id"], "forename": records["given_name"].str.upper(), "surname": records["surname"].str.upper(),
        "date_of_birth": pd.to_datetime(records["date_of_birth"], format="%Y%m%d", errors="coerce"), "sex": None,
        "phone": records["soc_sec_id"], "address": street.str.upper(), "postcode": records["postcode"], "nominal_id": None,
    })  # fmt: skip


def pair_quality(person_of: pd.Series, true_person_of: pd.Series) -> dict[str, float]:
    """Return precision, recall and f1 over all pairs of records; both series have one value per record, in the same order."""
    groups = pd.DataFrame({"found": person_of.to_numpy(), "true": true_person_of.to_numpy()})
    right, found, true = (pairs_within(groups.groupby(columns).size()) for columns in (["found", "true"], ["found"], ["true"]))
    precision, recall = right / max(found, 1), right / true
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}


def pairs_within(sizes: pd.Series) -> int:
    """Return the number of pairs within groups of these sizes."""
    return int((sizes * (sizes - 1) // 2).sum())
