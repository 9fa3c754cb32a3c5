"""The one error whose words a user sees, and how a command ends with them."""

import sys
from collections.abc import Callable


class InputError(Exception):
    """A mistake that a user can mend: the message says where, what was found and what to do.

    The message is shown as it stands, so it must never hold a personal value.
    """

    @classmethod
    def collect(cls, problems: list[str]) -> None:
        """Raise one error that lists all `problems`; do nothing when there are none."""
        if problems:
            raise cls("\n".join(problems))


def run_command(command: Callable[[], None], preface: str = "") -> int:
    """Run `command` and return the exit code: 0, or 1 after telling a user's mistake on stderr, behind `preface`."""
    try:
        command()
    except InputError as error:
        print(f"{preface}{error}", file=sys.stderr)
        return 1
    return 0
