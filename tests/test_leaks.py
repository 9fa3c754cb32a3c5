"""Personal details are found wherever they stand, whole or as a name alone, and ordinary prose is not taken for one."""

import base64
import struct
import time
import zlib
from pathlib import Path

import pandas as pd
import pytest
import typst

from pipeline.errors import InputError, run_command, withhold
from pipeline.leak_check import load_details
from pipeline.leak_search import public_text, read_files, search_files
from pipeline.leak_texts import read_keys, read_text
from pipeline.leak_words import project_words
from pipeline.leaks import find_leaks, personal_details
from pipeline.publish import check_leaks

ROOT = Path(__file__).parent.parent
# Two hundred thousand words take less than a second; a search that grows with their square would take minutes.
MOST_SECONDS = 10
# Of 326 names that simulations deal 4 stand in the project in capitals and 16 in any letters, authors who are cited among them.
MOST_CAPITAL, MOST_TITLE = 0.02, 0.06


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


def test_the_dots_of_embedded_pictures_are_passed_over(details):
    page = b'<img src="data:image/png;base64,AAAC00017AAA+C00017/">'
    assert search_files({"page.html": page}, details, "") == []


@pytest.mark.parametrize(
    "text, kind",
    [
        ("call 07700 900 123", "phone"),
        ("call +44 (0)7700 900123", "phone"),
        ("call 0044 7700900123 in 2019", "phone"),
        ("DH13LE", "postcode"),
        ("born 3.2.61", "date of birth"),
        ("born 3rd Feb 1961", "date of birth"),
        ("born February 3, 1961", "date of birth"),
        ("born 19610203", "date of birth"),
        ("at 19610203T101500", "date of birth"),
        ("born 02/03/1961", "date of birth"),
        ("at 12 North Rd", "address"),
        ("Zo\u00eb O\u2019Neil-Smith", "name"),
        ("SMITH, Ann-Marie", "name"),
        ("ann-marie smith", "name"),
        ("of Anna <script>", "name"),
        ("client 4711001", "key"),
        ("mentor M00042", "key"),
    ],
)
def test_a_detail_is_found_however_it_is_written(many, text, kind):
    assert find_leaks(text, many, public="The scheme may fall.") == [kind]


@pytest.mark.parametrize("text", ["4,711,001 person-months", "0.4711001", "n = 4711001", "0.19610203", "077009001231", "DH1 3LEX", "page 3 of 61", "md5: 196123aeda19af6f", "md5: 19610203aeda19af", "size: 196123"])
def test_a_number_that_happens_to_look_alike_is_no_leak(many, text):
    assert find_leaks(text, many) == []


@pytest.fixture(scope="module")
def many():
    people = pd.DataFrame({
        "client_id": ["4711001", "C00017", "C00018", "C00019"], "forename": ["ZOE", "ANN MARIE", "ANNA", None], "surname": ["ONEIL SMITH", "SMITH", "SCRIPT", None],
        "date_of_birth": pd.to_datetime(["1961-02-03", None, None, None]), "phone": ["07700900123", None, None, None], "address": ["12 NORTH RD", None, None, None], "postcode": ["DH1 3LE", None, None, None],
    })
    return personal_details([people, pd.DataFrame({"mentor_id": ["M00042"]})])


def picture(kind, chunk):
    """A PNG without dots that holds one more chunk."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)), (kind, chunk), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts)


HIDDEN = picture(b"zTXt", b"Comment\0\0" + zlib.compress(b"born 1961-02-03"))
PLANTED = {
    "surname in two cells of a table": ("evaluation.html", b"<td>Zo&euml;</td><td>O&#39;Neil-Smith</td>", "name"),
    "surname that is a tag": ("evaluation.html", b"<td>Anna</td><td>&lt;script&gt;</td>", "name"),
    "surname in the letters of old systems": ("tables/claims.csv", "claim,who\nfall,Zo\u00eb ONeil-Smith\n".encode("cp1252"), "name"),
    "postcode behind a line break in a notebook": ("03_panel.ipynb", b'{"cells": [{"outputs": [{"text": ["rows\\n", "DH1 3LE\\n"]}]}]}', "postcode"),
    "name written in code points": ("03_panel.ipynb", b'{"outputs": [{"text": "Zo\\u00eb O\\u2019Neil Smith"}]}', "name"),
    "date of birth packed into a picture": ("figures/flow.png", HIDDEN, "date of birth"),
    "the same picture within a page": ("evaluation.html", b'<img src="data:image/png;base64,' + base64.b64encode(HIDDEN) + b'">', "date of birth"),
    "the same picture within a notebook": ("06_report.ipynb", b'{"data": {"image/png": "' + base64.b64encode(HIDDEN) + b'"}}', "date of birth"),
    "phone behind the end of a picture": ("figures/flow.png", picture(b"tEXt", b"Software\0x") + b"07700 900123", "phone"),
    "client in the metrics": ("metrics.json", b'{"worst_client": "C00017"}', "key"),
    "address in the title of a PDF": ("evaluation.pdf", b"%PDF-1.7\n<< /Title (12, North Road) >>", "address"),
    "name in the bookmarks of a PDF": ("evaluation.pdf", b"%PDF-1.7\n<< /Title <FEFF" + "Anna Script".encode("utf-16-be").hex().encode() + b"> >>", "name"),
    "mentor in a file's name": ("tables/M00042.csv", b"", "key"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_detail_is_found_wherever_it_hides(many, planted):
    name, content, kind = PLANTED[planted]
    problems = search_files({name: content}, many, public="The script may fall.")
    assert len(problems) == 1 and f"({kind})" in problems[0]


@pytest.fixture(scope="module")
def pdf():
    """A PDF as the report's is made, whose page names somebody; the letters lie there as packed numbers of glyphs."""
    return typst.compile(b"#set document(title: [A report])\n= Support\nHer mentor wrote to Anna Script in spring.", pdf_standards=["ua-1"], ignore_system_fonts=True)


def test_the_pages_of_a_pdf_are_read(many, pdf):
    assert b"Script" not in pdf and "Anna Script in spring" in read_text("evaluation.pdf", pdf)
    assert "(name)" in search_files({"evaluation.pdf": pdf}, many, "")[0]


def test_a_pdf_whose_pages_cannot_be_read_stops_rather_than_pass(many, pdf):
    with pytest.raises(InputError, match="evaluation.pdf: its pages cannot be read"):
        search_files({"evaluation.pdf": pdf[: len(pdf) // 2] + b"startxref"}, many, "")


@pytest.fixture(scope="module")
def alone():
    """Three people, beside a project in which "young" and "Ann" are words; ten records share the code "Quick", nine the code "Zoe"."""
    people = pd.DataFrame({"forename": ["ANN", "ZOE", "QUICK"], "surname": ["YOUNG", "O'NEIL-SMITH", "LI"]})
    codes = pd.DataFrame({"opening_code": ["Quick"] * 10 + ["Zoe"] * 9})
    return personal_details([people, codes], {"Ann", "ann", "young", "the"})


@pytest.mark.parametrize(
    "text, kinds",
    [
        ("the surname Smith", ["single name"]),
        ("<td>ZO\u00cb</td>", ["single name"]),
        ("O\u2019Neil, Z.", ["single name"]),
        ("YOUNG", ["single name"]),
        # The limits: words of the project, small letters, two letters, codes that many records share.
        ("Young people, Ann", []),
        ("smith", []),
        ("LI", []),
        ("Quick", []),
        # Part of another word.
        ("Smithfield Zoes", []),
    ],
)
def test_a_name_alone_is_found_where_the_project_has_no_such_word(alone, text, kinds):
    assert find_leaks(text, alone) == kinds


def test_the_values_that_groups_are_named_by_are_no_names_whatever_kind_of_extracts_they_come_from(tmp_path):
    """Stanley is a town and a need of pseudonymised people, who have no register; Quattlebaum stands nowhere as a group of ten."""
    (tmp_path / "data/derived").mkdir(parents=True)
    pd.DataFrame({"person_id": [f"P{i:07d}" for i in range(20)], "area": ["Stanley"] * 20, "primary_need": ["Will carers"] * 19 + ["Quattlebaum"]}).to_parquet(tmp_path / "data/derived/cohort.parquet")
    pd.DataFrame({"forename": ["WILL", "ANN"], "surname": ["STANLEY", "QUATTLEBAUM"]}).to_parquet(tmp_path / "data/derived/referrals.parquet")
    details = load_details(tmp_path)
    assert find_leaks("Will carers in Stanley", details) == [] and find_leaks("Quattlebaum", details) == ["single name"] and find_leaks("P0000007", details) == ["key"]


def test_a_single_name_is_told_by_its_line_and_never_shown(alone):
    [problem] = search_files({"claims.csv": b"claim,who\nfall,\nrise,Smith\n"}, alone, "")
    assert "(single name)" in problem and "in line 3." in problem and "smith" not in problem.lower()


def test_no_common_name_is_a_word_of_the_project_when_it_stands_in_capitals_as_extracts_keep_it():
    """Of the names that simulations deal: what the project's text itself holds, such as Green Book, is the check's limit, and it is small."""
    words = project_words(ROOT)
    names = pd.read_csv(ROOT / "data/reference/names.csv").query("kind in ('forename', 'surname')")["name"]
    capital, title = ([name for name in names if written(name) in words] for written in (str.upper, str.lower))
    assert len(names) > 200 and len(capital) <= MOST_CAPITAL * len(names) and len(title) <= MOST_TITLE * len(names)


@pytest.mark.parametrize(
    "name, text, cells",
    [
        ("people.csv", "n,client_id,days\n3,17,400\n5,4711,12\n", {"17", "4711"}),
        ("page.html", "<table><tr><th>Client ID</th><td>n</td></tr><tr><td> 4711</td><td>5</td></tr></table>", {"4711"}),
        ("frame.html", "<table><thead><tr><th></th><th>n</th></tr><tr><th>person_id</th><th></th></tr></thead><tbody><tr><th>17</th><td>5</td></tr></tbody></table>", {"17"}),
        ("valid.csv", "is_valid,n_referred,paid\n1,17,4711\n", set()),
    ],
)
def test_columns_of_keys_are_read_by_their_heading(name, text, cells):
    assert read_keys(name, text) == cells


def test_a_short_key_is_one_only_below_such_a_heading():
    details = personal_details([pd.DataFrame({"client_id": ["17", "4711", "C5"]})])
    assert "(key)" in search_files({"people.csv": b"client_id,n\nC5,3\n"}, details, "")[0]
    assert "(key)" in search_files({"people.csv": b"client_id,n\n17,3\n"}, details, "")[0]
    assert search_files({"people.csv": b"days,n\n17,4711\n"}, details, "") == []


@pytest.mark.parametrize("message", ["phone 07700 900123 twice", "near DH1 3LE", "write to a.b@c.org", "row 07700900123"])
def test_a_message_never_shows_what_has_the_shape_of_a_detail(message, capsys):
    def stop():
        raise InputError(f"contacts.csv: {message}.")

    assert run_command(stop) == 1
    shown = capsys.readouterr().err
    assert "[withheld]" in shown and not any(part in shown for part in ("900", "3LE", "@"))


def test_a_message_keeps_dates_numbers_and_file_names(capsys):
    words = "contacts_2019.csv, row 120345: 2019-03-31 is outside 2014-01-01 to 2022-04-30; 0.95 of 1,200 rows"
    assert withhold(words) == words


def test_a_leak_stops_the_release_and_the_message_holds_no_detail(details, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "claims.csv").write_text("claim,who\nfall,May Fall\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        check_leaks([tmp_path], details, public="")
    assert "tables/claims.csv" in str(caught.value) and "name" in str(caught.value)
    assert "May" not in str(caught.value) and "FALL" not in str(caught.value)


def test_what_the_last_run_left_holds_nobodys_details():
    derived = ROOT / "data/derived"
    if not (ROOT / "reports/evaluation.html").exists() or not (derived / "contacts.parquet").exists():
        pytest.skip("no report has been made yet")
    folders = [folder for folder in (ROOT / "reports", derived / "data_docs", ROOT / "docs") if folder.is_dir()]
    assert search_files(read_files(folders), load_details(ROOT), public_text()) == []


def test_the_search_stays_fast_on_a_many_people():
    """Measured in processor time; the demonstration's release has a tenth of these words."""
    numbers = pd.Series(range(50_000)).astype(str).str.zfill(6)
    people = pd.DataFrame({"client_id": "C" + numbers, "forename": "ANN" + numbers, "surname": "SMITH", "phone": "07700" + numbers, "address": numbers.str.lstrip("0") + " NORTH RD"})
    details = personal_details([people])
    text = "In the 12 months after referral 1,140 people had 0.66 times the contacts. " * 15_000
    start = time.process_time()
    assert find_leaks(text, details) == []
    assert time.process_time() - start < MOST_SECONDS
