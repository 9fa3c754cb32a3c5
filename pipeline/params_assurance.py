"""Who answers for the results: the section `assurance` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.param_types import Day, Section


class Assurance(Section):
    commissioner: Annotated[str, Field(min_length=1)]
    analyst: Annotated[str, Field(min_length=1)]
    assurer: Annotated[str, Field(min_length=1)]
    approver: Annotated[str, Field(min_length=1)]
    assured_on: Day | Literal[""]
    statement: Annotated[str, Field(min_length=1)]
    code_reviewed_by: Annotated[str, Field(min_length=1)]
    code_published_at: Annotated[str, Field(min_length=1)]
    funder: Annotated[str, Field(min_length=1)]
    sunset_on: Day

    @model_validator(mode="after")
    def assured_by_another(self):
        """Hold the assurer to be named and not the analyst once there is a day of assurance."""
        is_named = not self.assurer.lower().startswith("to be ")
        if is_named and self.assurer.strip().lower() == self.analyst.strip().lower():
            raise ValueError("assurer must not be the analyst")
        if self.assured_on and not is_named:
            raise ValueError("assured_on must stay empty until the assurer is named")
        return self
