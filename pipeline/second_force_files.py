"""The files of the second demonstration force: its column names, its codes, its formats; see pipeline.second_force."""

from datetime import datetime
from pathlib import Path

import pandas as pd
from openpyxl import Workbook
from openpyxl.styles import Font

UK_DAY, UK_CLOCK = "%d/%m/%Y", "%H:%M"
# Named by its part of the world, as somebody would who sends it.
REGISTER_TITLE, REGISTER_NOTE = "Northshire Peer Support: register of referrals", "Exported for the evaluation. Do not forward."
# Excel makes every file differ by its date of making, unless it is said.
MADE_ON = datetime(2022, 1, 10)

REGISTER = {
    "referral_id": "Ref no", "client_id": "Client ref", "forename": "First name", "surname": "Family name", "date_of_birth": "DoB", "sex": "Gender",
    "phone": "Mobile / landline", "address": "House and street", "postcode": "Post code", "referred_on": "Date of referral", "referral_source": "Referred by",
    "primary_need": "Main reason", "accepted": "Taken on?", "first_contact_on": "First met", "closed_on": "Case closed", "closure_reason": "How it ended",
}  # fmt: skip
CALLS = {
    "contact_id": "Log no", "incident_id": "Incident n°", "day": "Date received", "clock": "Time received", "channel": "Received by", "opening_code": "Type (opened)",
    "closing_code": "Type (closed)", "grade": "Priority", "role": "Involvement", "forename": "Given names", "surname": "Last name", "date_of_birth": "Born", "sex": "M/F",
    "phone": "Contact number", "address": "Street address", "postcode": "Postal code", "nominal_id": "Person URN", "attended": "Unit deployed", "officer_minutes": "Time spent (min)",
    "duplicate_of": "Repeat of log",
}  # fmt: skip
ABSENCES = {"client_id": "client_ref", "nominal_id": "person_urn", "from_on": "start_date", "to_on": "end_date", "reason": "absence_type"}
MENTORS = {"mentor_id": "Volunteer", "joined_on": "Started", "left_on": "Finished", "lived_experience": "Lived experience?", "former_client": "Once a client?"}

GENDERS = {"F": "Female", "M": "Male", "X": "Other / not stated"}
SEXES = {"F": "f", "M": "m", "X": "n"}
YES_NO = {True: "Y", False: "N"}
PATHS = {
    "neighbourhood_policing": "Local policing", "control_room": "Contact centre", "response_policing": "Response", "housing": "Housing provider", "health": "NHS",
    "probation": "Probation", "charity": "Voluntary sector", "social_care": "Council – social care", "self": "Self or family",
}  # fmt: skip
REASONS = {
    "bereavement": "Bereavement", "domestic_abuse": "Domestic abuse", "loneliness": "Isolation", "depression": "Mental health", "substance_misuse": "Drugs / alcohol",
    "homelessness": "Housing", "offending": "Offending",
}  # fmt: skip
ENDINGS = {
    "goals_met": "Completed", "goals_partly_met": "Completed in part", "disengaged": "Dropped out", "no_response": "No reply / declined", "not_suitable": "Unsuitable",
    "left_area_or_died": "Moved or deceased",
}  # fmt: skip
CHANNELS = {"999": "999 – emergency", "101": "101 – non-emergency", "online": "Web form", "front_desk": "Enquiry office", "other_agency": "Partner"}
ROLES = {"caller": "INF", "subject": "SUS/POI", "victim": "AGG"}
GRADES = {"1": "Immediate", "2": "Priority", "3": "Scheduled", "4": "Resolved by phone", "5": "Record only"}
TYPES = {
    "VAP": "01 Violence", "DAI": "02 Domestic", "THF": "03 Theft", "CDM": "04 Damage", "ASB": "05 Anti-social behaviour", "NEI": "06 Neighbours", "WEL": "07 Welfare", "MIS": "08 Missing",
    "MHD": "09 S.136", "SUI": "10 Self-harm", "DRG": "11 Drugs", "NUI": "12 Nuisance calls", "ENQ": "13 Enquiry", "HOX": "14 Hoax / abandoned",
}  # fmt: skip
ABSENCE_TYPES = {"death": "DEC", "custody": "HMP", "hospital": "INP", "moved away": "OUT"}


def rename(table: pd.DataFrame, names: dict[str, str], codes: dict[str, dict]) -> pd.DataFrame:
    """Return the columns `names` of `table` under those names, with `codes` in place of ours."""
    coded = table.assign(**{column: table[column].map(words) for column, words in codes.items()})
    return coded[list(names)].rename(columns=names)


def rename_referrals(referrals: pd.DataFrame) -> pd.DataFrame:
    """Return the register as Northshire keeps it: dates of birth as UK text, other dates as dates."""
    born = pd.to_datetime(referrals["date_of_birth"]).dt.strftime(UK_DAY)
    codes = {"sex": GENDERS, "referral_source": PATHS, "primary_need": REASONS, "accepted": YES_NO, "closure_reason": ENDINGS}
    return rename(referrals.assign(date_of_birth=born), REGISTER, codes)


def rename_contacts(contacts: pd.DataFrame) -> pd.DataFrame:
    """Return the contacts as Northshire's control room exports them: day and time of day apart, in UK order, to the minute."""
    received, born = contacts["received_at"], pd.to_datetime(contacts["date_of_birth"])
    told = contacts.assign(day=received.dt.strftime(UK_DAY), clock=received.dt.strftime(UK_CLOCK), date_of_birth=born.dt.strftime(UK_DAY))
    codes = {"channel": CHANNELS, "role": ROLES, "grade": GRADES, "sex": SEXES, "opening_code": TYPES, "closing_code": TYPES, "attended": YES_NO}
    return rename(told, CALLS, codes).assign(month=received.dt.strftime("%Y-%m"))


def rename_exits(exits: pd.DataFrame) -> pd.DataFrame:
    """Return the exits as Northshire sends them, dates as dates."""
    return rename(exits, ABSENCES, {"reason": ABSENCE_TYPES})


def rename_mentors(mentors: pd.DataFrame) -> pd.DataFrame:
    """Return the mentors as Northshire lists them."""
    words = {True: "Yes", False: "No"}
    return rename(mentors, MENTORS, {"lived_experience": words, "former_client": words})


def write_register(register: pd.DataFrame, path: Path) -> None:
    """Write the register as a workbook of two sheets, the rows below a merged title, a note and the header."""
    book = Workbook()
    notes, sheet = book.active, book.create_sheet("Referrals")
    notes.title = "Notes"
    notes.append([REGISTER_NOTE])
    sheet.append([REGISTER_TITLE])
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(register.columns))
    sheet.append([REGISTER_NOTE])
    sheet.append(list(register.columns))
    for row in register.astype(object).where(register.notna(), None).itertuples(index=False, name=None):
        sheet.append([cell.to_pydatetime() if isinstance(cell, pd.Timestamp) else cell for cell in row])
    sheet["A1"].font = Font(bold=True)
    book.properties.created = book.properties.modified = MADE_ON
    with path.open("wb") as file:
        book.save(file)


def write_months(calls: pd.DataFrame, folder: Path) -> None:
    """Write the calls as a file for each month, with semicolons, in Windows-1252, as spreadsheets export them in Europe."""
    folder.mkdir(parents=True)
    for month, rows in calls.groupby("month"):
        rows.drop(columns="month").to_csv(folder / f"calls_{month}.csv", sep=";", index=False, encoding="cp1252", lineterminator="\r\n")
