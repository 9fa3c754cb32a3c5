"""Named cases of the linkage: a few contacts each of made-up people whose names nobody else in the simulated force bears.

Each contact stands on a line of its own: whose it is, then forename, surname, date of birth, sex, phone, address, postcode,
nominal id, as a force would write them. Contacts of one letter are one person's. A question mark fits two people of the
case and must stand alone; a dash says too little and must belong to nobody.
"""

import pandas as pd

FIELDS = ["forename", "surname", "date_of_birth", "sex", "phone", "address", "postcode", "nominal_id"]
HOME, OTHER = ("9 Wren Court", "DH7 7QA"), ("88 Station Road", "TS9 4ZZ")
LETTERS = "ABCDEFGHIJ"
MANY = ["Adric Quostel", "Belma Rostel", "Donna Sustel", "Ferwin Tustel", "Gesther Vostel", "Jethan Wustel", "Kunice Xostel", "Levelyn Yustel", "Mezra Zostel", "Negan Custel"]


def many(surname_end, phone, address, postcode, born=None):
    """Ten differently named people of one phone or address."""
    names = [name.split() for name in MANY]
    return [(letter, one, f"{other}{surname_end}", born, None, phone, address, postcode, None) for letter, (one, other) in zip(LETTERS, names)]


CASES = {
    "twins": [
        ("A", "Rowena", "Mickleover", "1995-06-19", "F", "07700 111303", "7 Elm Road", "DH7 7QG", None),
        ("B", "Daphne", "Mickleover", "1995-06-19", "F", "07700 111303", "7 Elm Road", "DH7 7QG", None),
        ("?", None, "Mickleover", "1995-06-19", "F", "07700 111303", "7 Elm Road", "DH7 7QG", None),
    ],
    "father and son of one name at one address": [
        ("A", "Ambrose", "Hextallby", "1950-04-17", "M", "07700 111302", "6 Elm Road", "DH7 7QF", None),
        ("B", "Ambrose", "Hextallby", "1981-10-28", "M", "07700 111302", "6 Elm Road", "DH7 7QF", None),
        ("?", "Ambrose", "Hextallby", None, "M", "07700 111302", "6 Elm Road", "DH7 7QF", None),
    ],
    "a person who marries": [
        ("A", "Yvette", "Ombersley", "1990-11-30", "F", "07700 111202", None, "DH7 7QC", None),
        ("A", "Yvette", "Trevanion", "1990-11-30", "F", "07700 111202", None, None, None),
    ],
    "a person who marries and keeps the home": [
        ("A", "Zillah", "Ashgarthen", "1991-12-29", "F", None, "10 Larch Road", "DH7 7QS", None),
        ("A", "Zillah", "Corbeaulx", "1991-12-29", "F", None, "10 Larch Road", "DH7 7QS", None),
    ],
    "a person who moves": [
        ("A", "Octavia", "Pellingbury", "1979-12-01", "F", "07700 111204", "1 Alder Close", "DH7 7QD", None),
        ("A", "Octavia", "Pellingbury", "1979-12-01", "F", "07700 111204", *OTHER, None),
    ],
    "a person who changes phone": [
        ("A", "Barnabas", "Dunquerke", "1968-01-22", "M", "07700 111206", "2 Alder Close", "DH7 7QM", None),
        ("A", "Barnabas", "Dunquerke", None, "M", "07700 111207", "2 Alder Close", "DH7 7QM", None),
    ],
    "a person who moves and changes phone": [
        ("A", "Philippa", "Oxnaforde", "1982-02-14", "F", "07700 111208", "3 Alder Close", "DH7 7QN", None),
        ("A", "Philippa", "Oxnaforde", "1982-02-14", "F", "07700 111209", *OTHER, None),
    ],
    "typing errors": [
        ("A", "Marguerite", "Wolstenholme", "1958-07-04", "F", "07700 111210", "4 Alder Close", "DH7 7QP", None),
        ("A", "Margueritte", "Wolstenholm", "1958-07-04", "F", None, None, "DH7 7QP", None),
        ("A", "Marguerite", "Wolstneholme", "1958-07-05", "F", "07700 111210", None, None, None),
        ("A", "Marguerite", "Wolstenholme", None, "F", "07700 111211", "4 Alder Cl", "DH7 7QP", None),
    ],
    "day and month exchanged": [
        ("A", "Petra", "Quennelby", "1984-03-09", "F", None, *HOME, None),
        ("A", "Petra", "Quennelby", "1984-09-03", "F", None, None, "DH7 7QA", None),
    ],
    "a nickname": [
        ("A", "Elizabeth", "Zellathorpe", "1961-02-27", "F", "07700 111201", None, None, None),
        ("A", "Liz", "Zellathorpe", "1961-02-27", "F", None, "3 Larch Road", "DH7 7QB", None),
    ],
    "forename and surname swapped": [
        ("A", "Isolde", "Vantongeren", "1971-07-15", "F", "07700 111203", None, None, None),
        ("A", "Vantongeren", "Isolde", "1971-07-15", None, "07700 111203", None, None, None),
    ],
    "withheld numbers": [
        ("A", "Eustace", "Norrington", "1966-06-06", "M", "Withheld", None, "DH7 7QR", None),
        ("B", "Clemency", "Overthwaite", "1977-07-07", "F", "Withheld", None, "TS9 4ZY", None),
        ("C", "Eustace", "Underbarrow", None, "M", "00000000000", None, "DL9 4ZY", None),
        ("D", "Clemency", "Patterdale", None, "F", "00000000000", None, "NE9 4ZY", None),
        ("-", "Eustace", None, None, "M", "Withheld", None, None, None),
    ],
    "a phone that a household shares": [
        ("A", "Leopold", "Farthingoe", "1960-01-02", "M", "07700 111301", "5 Elm Road", "DH7 7QE", None),
        ("B", "Winifred", "Farthingoe", "1963-08-21", "F", "07700 111301", "5 Elm Road", "DH7 7QE", None),
        ("?", None, "Farthingoe", None, None, "07700 111301", "5 Elm Road", "DH7 7QE", None),
    ],
    "a switchboard": [
        *many("by", "01632 960998", None, None),
        ("-", None, None, None, None, "01632 960998", None, None, None),
    ],
    "a care home": [
        *many("ham", "01632 960999", "1 Home Road", "DH7 7QK", "1931-01-31"),
        ("A", "Adric", "Quostelham", "1931-01-31", "M", None, "1 Home Road", "DH7 7QK", None),
    ],
    "two strangers of one common name": [
        ("A", "John", "Smith", "1948-02-03", "M", None, None, "TS9 4ZX", None),
        ("B", "John", "Smith", "1987-10-21", "M", None, None, "DH7 7QT", None),
        ("?", "John", "Smith", None, "M", None, None, "SR9 9ZZ", None),
    ],
    "a common name and nothing else": [
        ("A", "Margaret", "Brown", "1952-05-25", "F", "07700 111212", None, "DH7 7QU", None),
        ("?", "Margaret", "Brown", None, None, None, None, None, None),
        ("?", "Margaret", "Brown", None, None, None, None, None, None),
    ],
    "one nominal id": [
        ("A", "Ulric", "Snaithwaite", None, "M", None, None, None, "N-CASE-1"),
        ("A", "Ulric", None, "1955-05-05", "M", "07700 111205", None, None, "N-CASE-1"),
    ],
    "one name and two nominal ids": [
        ("A", "Clement", "Jarrowby", None, "M", None, None, "DH7 7QH", "N-CASE-2"),
        ("B", "Clement", "Jarrowby", None, "M", None, None, "DH7 7QH", "N-CASE-3"),
    ],
    "nothing that identifies": [
        ("-", "Gwendal", None, None, "F", None, None, None, None),
        ("-", None, None, None, None, "07700 111304", None, None, None),
    ],
    "a client": [("A", "Thaddeus", "Ollerenshaw", "1988-08-08", "M", "07700 111401", "2 Oak Road", "DH7 7QJ", None)],
    "a client in the register twice": [
        ("A", "Hepzibah", "Lazonbury", "1975-03-21", "F", "07700 111402", "3 Oak Road", "DH7 7QV", None),
        ("A", "Hepzibah", "Lazonbury", "1975-03-21", "F", "07700 111403", None, None, None),
    ],
}
# client_id, referred_on, then the fields as above. The register writes the client referred twice under two client_ids.
REGISTER = [
    ("CASE-FOUND", "2018-05-01", "Thaddeus", "Ollerenshaw", "1988-08-08", "M", None, "2 Oak Road", "DH7 7QJ"),
    ("CASE-UNKNOWN", "2018-05-01", "Xanthe", "Nobodyson", "1970-01-31", "F", "07700 111499", "4 Oak Road", "DH7 7QL"),
    ("CASE-AGAIN", "2019-09-09", "Hepzibah", "Lazonbury", "1975-03-21", "F", "07700 111403", None, None),
    ("CASE-FIRST", "2018-02-02", "Hepzibah", "Lazonbury", "1975-03-21", "F", "07700 111402", "3 Oak Road", "DH7 7QV"),
]


def case_contacts():
    """The contacts of all cases, numbered within their case."""
    rows = [(f"{case} {number:02}", *details) for case, people in CASES.items() for number, (_, *details) in enumerate(people, 1)]
    return pd.DataFrame(rows, columns=["contact_id", *FIELDS])


def case_referrals():
    """The register's entries of the cases."""
    return pd.DataFrame(REGISTER, columns=["client_id", "referred_on", *FIELDS[:-1]])


def sort_people(people):
    """The letters of a case's contacts as linked: a new letter for each new person, - for nobody."""
    letters = {}
    return ["-" if pd.isna(person) else letters.setdefault(person, "ABCDEFGHIJKL"[len(letters)]) for person in people]


def expected_people(case):
    """The letters that `sort_people` must give for the case."""
    letters, named = {}, []
    for number, (letter, *_) in enumerate(CASES[case]):
        named.append("-" if letter == "-" else letters.setdefault(letter if letter != "?" else f"?{number}", "ABCDEFGHIJKL"[len(letters)]))
    return named
