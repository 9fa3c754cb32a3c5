"""What the sections of params.yaml are built from: the strict base of a section, and the kinds of values."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
PairCount = Annotated[int, Field(ge=10_000, le=100_000_000)]
Months = Annotated[int, Field(ge=1, le=60)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


def read_day(text) -> date:
    """Return the day that `text` says, for example "2019-03-31"; raise ValueError when it is of another format."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except (TypeError, ValueError):
        raise ValueError('must be a day as "2019-03-31", in quotes') from None


Day = Annotated[date, BeforeValidator(read_day)]


class Section(BaseModel):
    """A section of params.yaml: refuses names it does not know and values of another type."""

    # Strict: otherwise `true` would pass for one month, and "12" for twelve.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
