"""The section economics of params.yaml, checked: years, rates, and the cost of the scheme. Builds on pipeline.param_types."""

from typing import Annotated

from pydantic import Field, model_validator

from pipeline.param_types import Probability, Section, Seed

Amount = Annotated[list[Annotated[float, Field(ge=0)]], Field(max_length=4)]


class Economics(Section):
    price_year: Annotated[int, Field(ge=1990, le=2100)]
    discount_rate: Annotated[float, Field(ge=0, le=0.2)]
    horizon_years: Annotated[int, Field(ge=1, le=60)]
    horizon_tried: Annotated[int, Field(ge=1, le=60)]
    kept_each_year: Probability
    optimism_benefits: Probability
    optimism_costs: Annotated[float, Field(ge=0, le=5)]
    staff_a_year: Amount
    staff_source: str
    contracts_a_year: Amount
    contracts_source: str
    other_costs_a_year: Amount
    other_costs_source: str
    volunteers_a_year: Amount
    volunteers_source: str
    draws: Annotated[int, Field(ge=1_000, le=1_000_000)]
    seed: Seed

    @model_validator(mode="after")
    def costs_are_whole(self):
        """Hold each cost to value, low, high and year together, low ≤ value ≤ high, and to a source."""
        for name in ("staff", "contracts", "other_costs", "volunteers"):
            amount, source = getattr(self, f"{name}_a_year"), getattr(self, f"{name}_source")
            if amount and len(amount) != 4:
                raise ValueError(f"{name}_a_year must hold value, low, high and year of the prices, or nothing")
            if amount and not amount[1] <= amount[0] <= amount[2]:
                raise ValueError(f"{name}_a_year must be low ≤ value ≤ high; it is given as value, low, high and year")
            if amount and not source.strip():
                raise ValueError(f"{name}_source must say where the cost comes from: no cost is shown without its source")
        return self
