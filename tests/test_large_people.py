"""A planted chain: twelve people, each tied to the next by a record that fits both, and a family that is left alone.

    A1 - x1 - A2 - x2 - A3 ... A12      every tie above the accept threshold, the sixth A6 - x6 the weakest
    B1 - B2                             one person under a married name
"""

import numpy as np
import pandas as pd
import pytest

from pipeline.large_people import part_large_people
from pipeline.resolution import accept_links

NAMES = ["ANN ARK", "BOB BELL", "CAL COE", "DAN DOE", "EVE ELM", "FAY FOX", "GUS GOW", "HAL HAY", "IDA INCE", "JON JAY", "KIM KAY", "LES LOW"]
IDENTITIES = pd.DataFrame(
    [(2 * place + 1, *name.split()) for place, name in enumerate(NAMES)] + [(2 * place, None, NAMES[place].split()[1]) for place in range(1, 12)]
    + [(31, "ANN", "ARK"), (32, "ANN", "STONE")], columns=["identity_id", "forename_root", "surname"],
).sort_values("identity_id", ignore_index=True)  # fmt: skip
CONTACTS = pd.DataFrame({"contact_id": [f"K{number:02}" for number in IDENTITIES["identity_id"]], "identity_id": IDENTITIES["identity_id"]})


def tie(one, other, probability):
    return {"identity_id_l": one, "identity_id_r": other, "match_probability": probability, "match_weight": float(np.log2(probability / (1 - probability)))}


# A whole chain of strong ties, weaker towards the middle.
PAIRS = pd.DataFrame([tie(number, number + 1, 0.999 - 0.0005 * min(number, 23 - number)) for number in range(1, 23)] + [tie(31, 32, 0.97)])


@pytest.mark.parametrize("names_at_most", [2, 5, 8, 11])
def test_a_chain_of_many_names_is_parted_and_nobody_bears_more_than_the_limit(names_at_most):
    kept, cut = part_large_people(PAIRS, IDENTITIES, names_at_most)
    assert len(cut) >= 12 / names_at_most - 1 and len(kept) + len(cut) == len(PAIRS)
    links = accept_links(CONTACTS, kept, 0.95, "tests").merge(IDENTITIES, on="identity_id", validate="one_to_one").dropna(subset=["forename_root"])
    assert links.groupby("person_id")["forename_root"].nunique().max() <= names_at_most


def test_a_chain_is_cut_where_it_is_weakest():
    _, cut = part_large_people(PAIRS, IDENTITIES, 8)
    assert cut["match_weight"].tolist() == [PAIRS["match_weight"].iloc[:22].min()]


def test_people_under_few_names_are_left_as_they_are():
    pd.testing.assert_frame_equal(part_large_people(PAIRS, IDENTITIES, 12)[0], PAIRS)
    kept, _ = part_large_people(PAIRS, IDENTITIES, 2)
    assert kept[["identity_id_l", "identity_id_r"]].eq([31, 32]).all(axis=1).any()


def test_parting_lets_a_higher_threshold_only_part_people():
    kept, _ = part_large_people(PAIRS, IDENTITIES, 4)
    low, high = (accept_links(CONTACTS, kept, at, "tests") for at in (0.9, 0.994))
    both = low.merge(high, on="contact_id", validate="one_to_one", suffixes=("_low", "_high"))
    assert both.groupby("person_id_high")["person_id_low"].nunique().max() == 1
    assert high["person_id"].nunique() > low["person_id"].nunique()
