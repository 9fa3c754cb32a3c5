"""The one error whose words a user sees, and how a command ends with them."""

import re
import sys
from collections.abc import Callable

# What has the shape of a phone number, a postcode or an e-mail address is withheld from messages, whatever it is.
PERSONAL_SHAPE = re.compile(
    r"(?<![\w.])(?:\+44|0044|0)[ -]?\(?\d(?:[ ()-]?\d){8,9}(?!\d)|\b[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}\b|\b[\w.+-]+@[\w-]+\.[\w.-]+"
)


class InputError(Exception):
    """A mistake that a user can mend: the message says where, what was found and what to do.

    The message is shown as it stands, so it must never hold a personal value.
    """

    @classmethod
    def collect(cls, problems: list[str]) -> None:
        """Raise one error that lists all `problems`; do nothing when there are none."""
        if problems:
            raise cls("\n".join(problems))


def withhold(message: str) -> str:
    """Return `message` without what has the shape of a phone number, a postcode or an e-mail address."""
    return PERSONAL_SHAPE.sub("[withheld]", message)


def run_command(command: Callable[[], None], preface: str = "") -> int:
    """Run `command` and return the exit code: 0, or 1 after telling a user's mistake on stderr, behind `preface`."""
    try:
        command()
    except InputError as error:
        print(withhold(f"{preface}{error}"), file=sys.stderr)
        return 1
    return 0
