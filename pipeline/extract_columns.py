"""What a set of extracts of each kind holds: its tables, their columns, and what each column may say.

The one place that says so: the reader, the mapping, the draft of a mapping and the check before anything runs are given
`tables` (a table's name → its columns → what a column holds) and know none by themselves.
"""

# What a column holds: text, a date, a time (date and time of day), a flag (true or false, never blank) or a number.
REFERRALS = {
    "referral_id": "text", "client_id": "text", "forename": "text", "surname": "text", "date_of_birth": "date",
    "sex": "text", "phone": "text", "address": "text", "postcode": "text", "referred_on": "date",
    "referral_source": "text", "primary_need": "text", "accepted": "flag", "first_contact_on": "date",
    "closed_on": "date", "closure_reason": "text",
}  # fmt: skip
CONTACTS = {
    "contact_id": "text", "incident_id": "text", "received_at": "time", "service": "text", "channel": "text",
    "opening_code": "text", "closing_code": "text", "grade": "text", "role": "text", "forename": "text",
    "surname": "text", "date_of_birth": "date", "sex": "text", "phone": "text", "address": "text",
    "postcode": "text", "nominal_id": "text", "attended": "flag", "officer_minutes": "number", "duplicate_of": "text",
}  # fmt: skip
EXITS = {"client_id": "text", "nominal_id": "text", "from_on": "date", "to_on": "date", "reason": "text"}
MENTORS = {"mentor_id": "text", "joined_on": "date", "left_on": "date", "lived_experience": "flag", "former_client": "flag"}

IDENTIFIED = {"referrals": REFERRALS, "contacts": CONTACTS, "exits": EXITS, "mentors": MENTORS}
# A set may come without these.
OPTIONAL = ("exits", "mentors")
# No set of its table can do without these; every other column may be declared absent. Flags are needed too: a blank counts neither way.
NEEDED = {
    "referrals": ("referral_id", "client_id", "referred_on"),
    "contacts": ("contact_id", "incident_id", "received_at", "service", "role"),
    "exits": ("from_on", "reason"),
    "mentors": ("mentor_id",),
}
# What a column with a closed list may hold, by table; their codes are mapped to these.
CODES = {
    "referrals": {"sex": ("F", "M", "X")},
    "contacts": {
        "service": ("police", "ambulance", "fire", "mental_health", "council"),
        "channel": ("999", "101", "online", "front_desk", "other_agency"),
        "grade": ("1", "2", "3", "4", "5"),
        "role": ("caller", "subject", "victim"),
        "sex": ("F", "M", "X"),
    },
    "exits": {"reason": ("death", "custody", "hospital", "moved away")},
    "mentors": {},
}
