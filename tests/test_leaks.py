"""Whole personal details are found wherever they stand, and ordinary prose is not taken for one."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import InputError
from pipeline.leaks import find_leaks, personal_details
from pipeline.publish import check_leaks

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def details():
    people = pd.DataFrame(
        {
            "client_id": ["C00017"],
            "forename": ["MAY"],
            "surname": ["FALL"],
            "date_of_birth": pd.to_datetime(["1961-02-03"]),
            "phone": ["07700900123"],
            "address": ["12 NORTH ROAD"],
            "postcode": ["DH1 3LE"],
        }
    )
    return personal_details([people, people.assign(contact_id="K00000042").drop(columns="client_id")])


@pytest.mark.parametrize(
    "text, kind",
    [
        ("a letter to May Fall", "name"),
        ('"FALL","MAY"', "name"),
        ("born 1961-02-03", "date of birth"),
        ("born 03/02/1961", "date of birth"),
        ("born on 3 February 1961", "date of birth"),
        ("<td>07700900123</td>", "phone"),
        ("of 12, North Road", "address"),
        ("near dh1 3le.", "postcode"),
        ("id: C00017", "key"),
        ('{"contact_id": "K00000042"}', "key"),
    ],
)
def test_a_detail_is_found_and_only_its_kind_is_told(details, text, kind):
    assert find_leaks(text, details) == [kind]


def test_prose_with_the_same_words_is_no_leak(details):
    assert find_leaks("Demand may fall on the north road by 12 points; May 1961; DH1 alone.", details) == []


def test_what_stands_in_the_templates_is_no_leak(details):
    assert find_leaks("Since 1961-02-03", details, public="the first day is 1961-02-03") == []


def test_embedded_pictures_are_passed_over(details):
    assert find_leaks('<img src="data:image/png;base64,AAAC00017AAA+C00017/">', details) == []


def test_a_leak_stops_the_release_and_the_message_holds_no_detail(details, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "claims.csv").write_text("claim,who\nfall,May Fall\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        check_leaks([tmp_path], details, public="")
    assert "tables/claims.csv" in str(caught.value) and "name" in str(caught.value)
    assert "May" not in str(caught.value) and "FALL" not in str(caught.value)


def test_the_reports_of_the_last_run_hold_nobodys_details():
    derived = ROOT / "data/derived"
    if not (ROOT / "reports/evaluation.html").exists() or not (derived / "contacts.parquet").exists():
        pytest.skip("no report has been made yet")
    from pipeline.rendering import public_text

    details = personal_details([pd.read_parquet(derived / f"{name}.parquet") for name in ("referrals", "contacts")])
    assert check_leaks([ROOT / "reports"], details, public_text(ROOT)) > 0
