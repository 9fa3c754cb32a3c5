"""A small project of its own for tests: real suites and parameters, and extracts of a few hundred rows without mistakes."""

import shutil
from pathlib import Path

import pandas as pd
import yaml

ROOT = Path(__file__).parent.parent
FOLDER = "data/raw/force"
# Somebody who must never be named in a message, a log or the Data Docs.
SECRET = "Quattlebaum"
KEY = "a key for tests, as long as it must be"


def make_referrals() -> pd.DataFrame:
    """Return twelve referrals, one in each month of 2017; the first client is the secret one."""
    referred = pd.date_range("2017-01-01", periods=12, freq="MS") + pd.Timedelta(days=9)
    rows = [
        {
            "referral_id": f"R{i}", "client_id": f"C{i}", "forename": "Ann", "surname": SECRET if i == 0 else "Smith", "date_of_birth": "1980-05-17",
            "sex": "F", "phone": "07700 900123", "address": "1 High Street", "postcode": "DH1 3LE", "referred_on": day.date().isoformat(),
            "referral_source": "health", "primary_need": "loneliness", "accepted": "true",
            "first_contact_on": (day + pd.Timedelta(days=7)).date().isoformat(), "closed_on": (day + pd.Timedelta(days=90)).date().isoformat(), "closure_reason": "goals_met",
        }
        for i, day in enumerate(referred)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def make_contacts() -> pd.DataFrame:
    """Return a contact every five days from January 2014 to April 2022, by turns through 999 and 101."""
    received = pd.date_range("2014-01-01 10:00", "2022-04-30 10:00", freq="5D")
    rows = [
        {
            "contact_id": f"K{i}", "incident_id": f"I{i}", "received_at": str(at), "service": "police", "channel": ["101", "999"][i % 2],
            "opening_code": "ASB", "closing_code": "ASB", "grade": "3", "role": "caller", "forename": "Ann", "surname": SECRET if i == 0 else "Smith",
            "date_of_birth": "1980-05-17", "sex": "F", "phone": "+44 7700 900123", "address": "1 High Street", "postcode": "dh13le", "nominal_id": "N1",
            "attended": "false", "officer_minutes": "30.0", "duplicate_of": "",
        }
        for i, at in enumerate(received)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def make_exits() -> pd.DataFrame:
    """Return one exit of a client and one of a person known by nominal_id."""
    return pd.DataFrame({"client_id": ["C1", ""], "nominal_id": ["", "N1"], "from_on": ["2018-01-01", "2018-03-01"], "to_on": ["", "2018-04-01"], "reason": ["death", "custody"]})


def make_mentors() -> pd.DataFrame:
    """Return one mentor."""
    return pd.DataFrame({"mentor_id": ["M1"], "joined_on": ["2016-01-04"], "left_on": [""], "lived_experience": ["true"], "former_client": ["false"]})


EXTRACTS = {"referrals": make_referrals, "contacts": make_contacts, "exits": make_exits, "mentors": make_mentors}


def write_extracts(project: Path, **changed: pd.DataFrame | None) -> Path:
    """Write a set of extracts into `project` and return its folder; `changed` gives other tables, or None to leave one out."""
    folder = project / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in EXTRACTS.items():
        table = changed[name] if name in changed else make()
        if table is not None:
            table.to_csv(folder / f"{name}.csv", index=False)
    (folder / "extracts.yaml").write_text("simulated: false\n")
    (folder / "person_key.txt").write_text(f"{KEY}\n")
    return folder


def set_param(project: Path, name: str, value) -> None:
    """Set the parameter `name` (section.parameter) in the params.yaml of `project`."""
    path = project / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    section, parameter = name.split(".")
    params[section][parameter] = value
    path.write_text(yaml.safe_dump(params))


def write_project(project: Path) -> None:
    """Write what marks a project: dvc.yaml, params.yaml (the repository's, reading `FOLDER`) and the suites."""
    (project / "dvc.yaml").write_text("stages: {}\n")
    (project / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"))
    set_param(project, "extracts.folder", FOLDER)
    shutil.copytree(ROOT / "expectations", project / "expectations")
