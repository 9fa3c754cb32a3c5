"""The one error whose words a user sees."""


class InputError(Exception):
    """A mistake that a user can mend: the message says where, what was found and what to do.

    The message is shown as it stands, so it must never hold a personal value.
    """

    @classmethod
    def collect(cls, problems: list[str]) -> None:
        """Raise one error that lists all `problems`; do nothing when there are none."""
        if problems:
            raise cls("\n".join(problems))
