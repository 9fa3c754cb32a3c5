"""Contracts: what stops a run, what only warns, and that no result, message or page holds a value."""

import json
import logging
import os
import re
import stat
import tempfile
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from small_extracts import FOLDER, SECRET, make_contacts, make_exits, make_referrals, write_extracts, write_project

from pipeline.coverage import count_contact_months, count_referral_months, follow_references, name_gaps
from pipeline.data_docs import render_data_docs
from pipeline.errors import InputError
from pipeline.extracts import read_extract
from pipeline.facts import take_contact_facts, take_referral_facts
from pipeline.validation import (
    check_contract, check_contracts, collect_results, load_suite, run_suite, stop_if_critical, summarise_results, validate_table, write_data_docs,
)  # fmt: skip

ROOT = Path(__file__).parent.parent
SUITES = sorted(path.stem for path in (ROOT / "expectations").glob("*.json"))
STUDY = date(2014, 1, 1), date(2022, 4, 30)


@pytest.fixture
def project(tmp_path, monkeypatch):
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(project, name, table):
    """The extract `name` as it comes out of a file that holds `table`."""
    write_extracts(project, **{name: table})
    return read_extract(FOLDER, name)


def months_of(contacts):
    return count_contact_months(contacts.astype({"received_at": "datetime64[us]"}), *STUDY)


def broken(results):
    return results.loc[~results["passed"], "rule"].tolist()


def stopped(results, threshold=10, places=None):
    with pytest.raises(InputError) as caught:
        stop_if_critical(results, threshold, places)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_has_the_name_of_its_table_and_every_rule_is_a_sentence_with_its_reason(project, name):
    suite = load_suite(name)
    assert suite["name"] == name and suite["expectations"]
    for expectation in suite["expectations"]:
        assert re.fullmatch(r"[A-Za-z0-9].+\.", expectation["meta"]["rule"]) and re.fullmatch(r"[A-Z].+\.", expectation["meta"]["reason"])
    rules = [expectation["meta"]["rule"] for expectation in suite["expectations"]]
    assert len(rules) == len(set(rules))


def empty_table(suite):
    """A table without rows that has every column the suite names, of the type it asks for."""
    named, types = set(), {}
    for rule in suite["expectations"]:
        kwargs = rule["kwargs"]
        named |= {*kwargs.get("column_set", []), *kwargs.get("column_list", [])} | {kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs}
        named |= {kwargs["row_condition"]["column"]["name"]} if "row_condition" in kwargs else set()
        types |= {kwargs["column"]: kwargs["type_"].replace("datetime64", "datetime64[us]")} if "type_" in kwargs else {}
    return pd.DataFrame({column: pd.Series(dtype=types.get(column, "object")) for column in sorted(named)})


@pytest.mark.parametrize("name", SUITES)
def test_a_table_without_rows_breaks_only_rules_that_ask_for_rows(project, name):
    """A stage that one kind of extracts makes void writes empty tables; and a rule about a column that is not there would fail here."""
    suite = load_suite(name)
    results = validate_table(name, empty_table(suite))
    assert len(results) == len(suite["expectations"])
    assert [rule for rule in broken(results) if not re.search("at least one|has one row", rule, re.IGNORECASE)] == []


@pytest.mark.parametrize("name", ["referrals", "contacts", "exits", "mentors"])
def test_extracts_without_mistakes_break_no_rule(project, name):
    write_extracts(project)
    results = validate_table(name, read_extract(FOLDER, name))
    assert len(results) == len(load_suite(name)["expectations"])
    assert broken(results) == []
    stop_if_critical(results, 10)


@pytest.mark.parametrize(
    ("column", "rows", "value", "rule"),
    [
        ("contact_id", [3, 4], "K1", "contact_id occurs once."),
        ("contact_id", [3], "", "contact_id is never blank."),
        ("received_at", [3], "", "received_at is never blank."),
        ("channel", [3], SECRET, "channel holds only codes of its list."),
        ("role", [3], SECRET, "role holds only codes of its list."),
        ("officer_minutes", [3], "-5", "officer_minutes is at least 0."),
    ],
)
def test_a_broken_critical_rule_about_contacts_stops_the_run(project, column, rows, value, rule):
    contacts = make_contacts()
    contacts.loc[rows, column] = value
    results = validate_table("contacts", load(project, "contacts", contacts))
    assert broken(results) == [rule]
    message = stopped(results)
    assert message.count("\n") == 0 and f"contacts: {rule}" in message and "expectations/contacts.json" in message


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("phone", f"ask {SECRET}", "phone looks like a phone number"),
        ("postcode", f"near {SECRET}", "postcode looks like a UK postcode"),
        ("sex", "female", "sex holds only codes"),
        ("date_of_birth", "1900-01-01", "No date_of_birth lies before"),
        ("date_of_birth", "2030-01-01", "Nobody makes contact before birth"),
        ("date_of_birth", "", "date_of_birth is filled in"),
        ("officer_minutes", "99999", "officer_minutes is at most 14,400"),
        ("duplicate_of", "K1", "At most 20 %"),
    ],
)
def test_a_broken_warning_about_contacts_is_told_and_stops_nothing(project, column, value, rule):
    results = validate_table("contacts", load(project, "contacts", make_contacts().assign(**{column: value})))
    assert len(broken(results)) == 1 and broken(results)[0].startswith(rule)
    assert results.loc[~results["passed"], "n_unexpected"].item() == len(make_contacts())
    stop_if_critical(results, 10)


@pytest.mark.parametrize("form", ["07700 900123", "07700900123", "+447700900123", "(0191) 496-0123", "0044 7700 900123"])
def test_phones_as_people_write_them_break_no_rule(project, form):
    assert broken(validate_table("contacts", load(project, "contacts", make_contacts().assign(phone=form)))) == []


@pytest.mark.parametrize(
    ("changed", "rule", "severity"),
    [
        ({"date_of_birth": "2020-01-01"}, "Nobody is referred before birth.", "warning"),
        ({"first_contact_on": "2016-01-01"}, "The first contact with the scheme follows the referral", "critical"),
        ({"closed_on": "2016-01-01"}, "A case is closed on or after its first contact", "warning"),
        ({"closed_on": "2016-01-01"}, "A case is closed on or after its referral", "critical"),
        ({"accepted": "false"}, "A referral that was not accepted has no first contact.", "warning"),
        ({"referral_id": "R1"}, "referral_id occurs once.", "critical"),
        ({"referred_on": ""}, "referred_on is never blank.", "critical"),
    ],
)
def test_referrals_keep_the_order_of_birth_referral_first_contact_and_closure(project, changed, rule, severity):
    results = validate_table("referrals", load(project, "referrals", make_referrals().assign(**changed)))
    failed = results[~results["passed"] & results["rule"].str.startswith(rule)]
    assert failed["severity"].tolist() == [severity]


def test_all_failed_critical_rules_are_told_at_once_and_small_counts_are_not(project):
    referrals = make_referrals().assign(referral_id="R1")
    referrals.loc[[0, 1], "client_id"] = ""
    message = stopped(validate_table("referrals", load(project, "referrals", referrals)))
    assert len(message.splitlines()) == 2
    assert "Broken in 12 of 12 rows." in message and "Broken in fewer than 10 of 12 rows." in message


def test_a_month_without_contacts_stops_the_run(project):
    contacts = make_contacts()
    gap = contacts["received_at"].str.startswith("2018-03")
    assert broken(validate_table("contact_months", months_of(contacts))) == []
    months = months_of(contacts[~gap])
    message = stopped(validate_table("contact_months", months), places={"contact_months": name_gaps(months)})
    assert "Every month of the study window has contacts." in message and "looks like success" in message
    assert "Months without any: 2018-03." in message


def test_gaps_of_the_contacts_are_named_by_their_months():
    contacts = make_contacts()
    month = contacts["received_at"].str[:7]
    gaps = month.between("2018-11", "2019-02") | month.eq("2014-01") | month.between("2022-03", "2022-04")
    assert name_gaps(months_of(contacts[~gaps])) == "Months without any: 2014-01, 2018-11 to 2019-02, 2022-03 to 2022-04."
    thin = month.eq("2016-05") & ~contacts["received_at"].str.startswith("2016-05-0")
    assert name_gaps(months_of(contacts[~thin])) == "The emptiest month is 2016-05."


def test_a_window_beyond_the_contacts_stops_the_run(project):
    contacts = make_contacts().astype({"received_at": "datetime64[us]"})
    results = validate_table("contact_months", count_contact_months(contacts, date(2014, 1, 1), date(2023, 4, 30)))
    assert "section study of params.yaml" in stopped(results)


def test_a_channel_that_breaks_off_warns(project):
    contacts = make_contacts()
    quiet = contacts["received_at"].between("2018-03", "2018-05") & contacts["channel"].eq("101")
    results = validate_table("contact_months", months_of(contacts[~quiet]))
    assert "Channels 999 and 101 have contacts in every month of the study window." in broken(results)
    stop_if_critical(results, 10)


def test_contact_months_are_counted_by_hand():
    """January: two calls in 31 days and a gap of 29 days (2nd to 30th). February: one call in two covered days, none on the 1st."""
    received = pd.to_datetime(["2020-01-01 08:00", "2020-01-31 09:00", "2020-02-02 23:59", "2020-02-03 00:00"])
    contacts = pd.DataFrame({"received_at": received, "channel": ["101", "999", "101", "101"]})
    months = count_contact_months(contacts, date(2020, 1, 1), date(2020, 2, 2)).set_index(["channel", "month"])
    january, february = pd.Timestamp("2020-01-01"), pd.Timestamp("2020-02-01")
    assert months["n_contacts"].to_dict() == {
        ("101", january): 1, ("101", february): 1, ("999", january): 1, ("999", february): 0, ("all", january): 2, ("all", february): 1,
    }  # fmt: skip
    usual = (2 / 31 + 1 / 2) / 2
    assert months.loc[("all", january), "share_of_median"] == pytest.approx(2 / 31 / usual)
    assert months.loc[("all", january), "gap_contacts"] == pytest.approx(29 * usual)
    assert months.loc[("all", february), "gap_contacts"] == pytest.approx(1 * usual)


def test_a_register_that_begins_late_warns_and_one_outside_the_window_stops(project):
    referrals = make_referrals().astype({"referred_on": "datetime64[us]"})
    assert broken(validate_table("referral_months", count_referral_months(referrals, date(2017, 1, 1), date(2017, 12, 31)))) == []
    late = validate_table("referral_months", count_referral_months(referrals, date(2016, 1, 1), date(2017, 12, 31)))
    assert broken(late) == ["Every month of the scheme has referrals."]
    stop_if_critical(late, 10)
    assert "study.referrals_from" in stopped(validate_table("referral_months", count_referral_months(referrals, date(2019, 1, 1), date(2019, 12, 31))))


@pytest.mark.parametrize("original", ["K5", "K99999"])
def test_a_duplicate_of_itself_or_of_nothing_stops_the_run(project, original):
    """Row K5 is marked as a copy; the rest of its incident is where the reference says."""
    contacts, types = make_contacts(), pd.DataFrame({"code": ["ASB"]})
    contacts["duplicate_of"] = None
    contacts.loc[7, "duplicate_of"] = "K6"
    exits = make_exits().replace("", None)
    assert broken(validate_table("references", follow_references(make_referrals(), contacts, exits, types))) == []
    contacts.loc[5, "duplicate_of"] = original
    assert "Every duplicate_of is the contact_id of another row." in stopped(validate_table("references", follow_references(make_referrals(), contacts, exits, types)))


def test_exits_and_codes_that_refer_to_nothing_warn(project):
    exits = make_exits().replace({"": None, "C1": "C77", "N1": "N77"})
    results = validate_table("references", follow_references(make_referrals(), make_contacts().assign(duplicate_of=None), exits, pd.DataFrame({"code": ["VAP"]})))
    assert len(broken(results)) == 3 and (results.loc[~results["passed"], "severity"] == "warning").all()


def test_data_docs_name_every_rule_and_hold_nobodys_data_and_no_link_to_the_outside(project, caplog, capfd):
    contacts = make_contacts().assign(surname=SECRET, address=f"{SECRET} Hall", channel=SECRET, duplicate_of=SECRET)
    with caplog.at_level(logging.DEBUG):
        run = run_suite("contacts", load(project, "contacts", contacts))
        results = collect_results(run)
        page = render_data_docs(results, run)
    printed = capfd.readouterr()
    assert "channel holds only codes of its list." in broken(results)
    assert all(expectation["meta"]["rule"] in page for expectation in load_suite("contacts")["expectations"])
    assert "channel values must belong to this set: 999 101" in page
    for text in (page, results.to_csv(), str(run), printed.out, printed.err, caplog.text):
        assert SECRET not in text
    links = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)""", page)
    assert links and all(link.startswith("#") for link in links)
    assert "http" not in page and "<script" not in page


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_data_docs_lie_where_only_their_owner_can_read_them(project):
    write_data_docs("<p>A page.</p>")
    folder = project / "data" / "derived" / "data_docs"
    assert (folder / "index.html").read_text() == "<p>A page.</p>"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and [path.name for path in folder.iterdir()] == ["index.html"]


def test_nothing_is_left_behind_in_temporary_folders(project, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(project / "temporary"))
    (project / "temporary").mkdir()
    validate_table("links", empty_table(load_suite("links")))
    assert list((project / "temporary").iterdir()) == []


def test_results_are_the_same_in_every_run(project):
    contacts = load(project, "contacts", make_contacts())
    assert validate_table("contacts", contacts).equals(validate_table("contacts", contacts))


def test_rules_are_counted_by_table_and_severity(project):
    summary = summarise_results(validate_table("contacts", load(project, "contacts", make_contacts().assign(sex="female"))))
    severities = [rule["meta"]["severity"] for rule in load_suite("contacts")["expectations"]]
    assert summary.set_index("severity")["n_rules"].to_dict() == {"critical": severities.count("critical"), "warning": severities.count("warning")}
    assert summary.set_index("severity")["n_broken"].to_dict() == {"critical": 0, "warning": 1}


def test_facts_hold_nothing_that_says_who_a_person_is(project):
    contacts = make_contacts().assign(surname=SECRET)
    contacts.loc[7, "duplicate_of"] = "K6"
    referral_facts = take_referral_facts(load(project, "referrals", make_referrals().assign(surname=SECRET)))
    contact_facts = take_contact_facts(load(project, "contacts", contacts))
    check_contracts({"referral_facts": referral_facts, "contact_facts": contact_facts})
    assert contact_facts.loc[contact_facts["is_duplicate"], "contact_id"].tolist() == ["K7"]
    assert not {"forename", "surname", "date_of_birth", "sex", "phone", "address", "postcode"} & {*referral_facts, *contact_facts}
    with pytest.raises(InputError, match="Table contact_facts: The table has its columns and no other."):
        check_contract("contact_facts", contact_facts.assign(surname=SECRET))


def test_a_contact_linked_to_two_people_breaks_the_contract_of_links(project):
    links = pd.DataFrame({"contact_id": ["K1", "K2"], "person_id": ["P1", "P1"], "match_probability": [0.99, 1.0]})
    check_contract("links", links)
    with pytest.raises(InputError, match="Table links: A contact is never linked to two people.*Rerun the stage"):
        check_contract("links", links.assign(contact_id="K1"))


def test_person_months_that_overlap_break_the_contract_of_the_panel(project):
    counts = dict.fromkeys(["n_contacts", "n_caller", "n_subject", "n_victim", "n_101", "n_999", "n_attended"], [2, 1])
    panel = pd.DataFrame({"trial_id": [1, 1], "month": [-1, 0], "exposure_days": [31, 30], **counts, "officer_minutes": [0.0, 12.5]})
    check_contract("panel", panel)
    with pytest.raises(InputError) as caught:
        check_contract("panel", panel.assign(month=0, n_101=[3, 0]))
    assert "Person-months neither overlap nor repeat." in str(caught.value) and "n_101 is at most n_contacts." in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda suite: "{", "expectations/links.json, line 1: is no JSON"),
        (lambda suite: json.dumps(suite | {"expectations": [{"type": "expect_column_to_exist", "kwargs": {"column": "a"}}]}), "needs `rule`, `reason` and `severity`"),
        (lambda suite: json.dumps(suite).replace("expect_column_values_to_be_unique", "expect_magic"), "Great Expectations refuses the rule"),
    ],
)
def test_a_suite_that_a_person_spoilt_is_told(project, change, told):
    path = project / "expectations" / "links.json"
    path.write_text(change(json.loads(path.read_text())))
    with pytest.raises(InputError, match=re.escape(told)):
        check_contract("links", pd.DataFrame({"contact_id": []}))


def test_a_suite_that_is_missing_is_told(project):
    with pytest.raises(InputError, match="expectations/nothing.json: missing"):
        validate_table("nothing", pd.DataFrame())
