"""The parameters: read from params.yaml, checked, handed on section by section."""

from datetime import date
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from pipeline.errors import InputError
from pipeline.param_types import Count, Day, Months, PairCount, Probability, Section, Seed
from pipeline.params_assurance import Assurance
from pipeline.params_economics import Economics
from pipeline.tables import project_root


class Extracts(Section):
    folder: Annotated[str, Field(min_length=1)]
    kind: Literal["identified", "pseudonymised", "panel"]
    outcomes: list[Annotated[str, Field(min_length=1)]]
    first_month: Annotated[str, Field(pattern=r"^(\d{4}-(0[1-9]|1[0-2]))?$")]
    covariates: list[Annotated[str, Field(min_length=1)]]


class Simulate(Section):
    size: Annotated[int, Field(ge=1_000, le=20_000_000)]
    seed: Seed
    true_irr: Annotated[float, Field(gt=0, le=5)]


class Study(Section):
    contacts_from: Day
    contacts_to: Day
    referrals_from: Day
    referrals_to: Day

    @model_validator(mode="after")
    def dates_in_order(self):
        """Hold the dates to contacts_from < referrals_from < referrals_to < contacts_to."""
        if not self.contacts_from < self.referrals_from < self.referrals_to < self.contacts_to:
            raise ValueError("must be in the order contacts_from, referrals_from, referrals_to, contacts_to")
        return self


class Claim(Section):
    referred_from: Day
    complete_by: Day
    months: Months


class Linkage(Section):
    engine: Literal["duckdb", "spark"]
    floor: Probability
    accept_from: Probability
    shared_by_at_most: Count
    names_at_most: Count
    largest_share: Annotated[float, Field(gt=0, le=1)]
    seed: Seed
    sampled_pairs: PairCount
    training_pairs: PairCount
    sure_rules_recall: Annotated[float, Field(gt=0, le=1)]
    rare_name_at_most: Count
    memory_gib: Annotated[float, Field(ge=0.5)]
    silver_people: Count
    draws: Annotated[int, Field(ge=2, le=1_000)]

    @model_validator(mode="after")
    def floor_below_threshold(self):
        """Hold the floor to at most the accept threshold."""
        if self.floor > self.accept_from:
            raise ValueError("accept_from must not lie below floor")
        return self


class LinkChecks(Section):
    thresholds: Annotated[list[Probability], Field(min_length=1)]
    months_before: Months
    months_after: Months


class ClericalReview(Section):
    pairs: Annotated[int, Field(ge=20, le=100_000)]
    bands: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(min_length=1)]
    seed: Seed

    @model_validator(mode="after")
    def bands_rise(self):
        """Hold the bands to rise."""
        if self.bands != sorted(set(self.bands)):
            raise ValueError("bands must rise")
        return self


class Panel(Section):
    months_before: Months
    months_after: Months
    washout_days: Annotated[int, Field(ge=0, le=365)]
    trigger_months: Months
    needs_recent_contact: bool
    lag_edges: Annotated[list[Months], Field(min_length=1)]
    last_days: Annotated[int, Field(ge=1, le=28)]
    comparisons_per_month: Count
    minimum_cohort: Count
    minimum_observed: Probability
    seed: Seed

    @model_validator(mode="after")
    def windows_fit(self):
        """Hold the lag edges to rise, and the washout to leave something to count."""
        if self.lag_edges != sorted(set(self.lag_edges)):
            raise ValueError("lag_edges must rise")
        if self.trigger_months > self.months_before:
            raise ValueError("trigger_months must not exceed months_before")
        if self.washout_days >= 28 * self.months_after:
            raise ValueError("washout_days must be shorter than months_after")
        return self


class Implementation(Section):
    days: Annotated[list[Count], Field(min_length=1)]

    @model_validator(mode="after")
    def days_rise(self):
        """Hold the days to rise."""
        if self.days != sorted(set(self.days)):
            raise ValueError("days must rise")
        return self


class Effect(Section):
    draws: Annotated[int, Field(ge=20, le=100_000)]
    seed: Seed
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    unengaged_irr: Annotated[list[Annotated[float, Field(gt=0, le=5)]], Field(min_length=1)]
    later_referrals: Literal["removed", "followed"]
    matches: Annotated[int, Field(ge=1, le=100)]
    caliper: Annotated[float, Field(gt=0, le=100)]
    caliper_alone: Annotated[float, Field(gt=0, le=100)]


class Staggered(Section):
    unit: Literal["auto", "month", "quarter", "half"]
    people_per_start: Count
    block_months: Months

    @model_validator(mode="after")
    def blocks_fit(self):
        """Hold the blocks to whole half-years, so that every unit fits into them."""
        if self.block_months % 6:
            raise ValueError("block_months must be 6, 12 or another multiple of 6")
        return self


class Diagnostics(Section):
    block_months: Annotated[int, Field(ge=1, le=12)]
    relative_magnitudes: Annotated[list[Annotated[float, Field(ge=0, le=10)]], Field(min_length=1)]
    smoothness: Annotated[list[Annotated[float, Field(ge=0, le=10)]], Field(min_length=1)]
    score_deals: Annotated[int, Field(ge=99, le=100_000)]
    few_people: Count


class Subgroups(Section):
    tried: list[Literal["primary_need", "referral_source", "prior_demand", "age", "sex", "pandemic"]]
    people_at_least: Annotated[int, Field(ge=10)]
    ages_from: Annotated[list[Annotated[int, Field(ge=1, le=120)]], Field(min_length=1)]
    contacts_from: Annotated[list[Count], Field(min_length=1)]
    pandemic_from: Day

    @model_validator(mode="after")
    def bands_rise(self):
        """Hold the bands to rise, and no characteristic to be named twice."""
        for name in ("ages_from", "contacts_from"):
            if getattr(self, name) != sorted(set(getattr(self, name))):
                raise ValueError(f"{name} must rise")
        if len(set(self.tried)) < len(self.tried):
            raise ValueError("tried must name each characteristic once")
        return self


class PassMarks(Section):
    balance_at_most: Annotated[float, Field(gt=0)]
    effective_comparisons_at_least: Count
    pre_trend_p_at_least: Probability
    influence_at_most: Annotated[float, Field(gt=0)]
    later_referred_at_most: Probability
    overlap_at_least: Probability
    converged_at_least: Probability
    clusters_at_least: Count
    negative_control_coverage_at_least: Probability
    link_rate_at_least: Probability
    precision_at_least: Probability
    recall_at_least: Probability
    recall_change_at_most: Probability


class Sensitivity(Section):
    months_after: Annotated[list[Months], Field(min_length=1)]
    washout_days: Annotated[list[Annotated[int, Field(ge=0, le=365)]], Field(min_length=1)]
    outcomes: Annotated[list[str], Field(min_length=1)]
    pandemic_months: Annotated[list[Literal["in", "out"]], Field(min_length=1)]
    pandemic: Annotated[list[Day], Field(min_length=2, max_length=2)]
    exposure: Annotated[list[Literal["in_area", "at_liberty"]], Field(min_length=1)]
    accept_from: Annotated[list[Probability], Field(min_length=1)]
    trigger_months: Annotated[list[Months], Field(min_length=1)]
    lag_edges: Annotated[list[Annotated[list[Months], Field(min_length=1)]], Field(min_length=1)]
    duplicates: Annotated[list[Literal["left_out", "counted"]], Field(min_length=1)]
    later_referrals: Annotated[list[Literal["removed", "followed"]], Field(min_length=1)]

    @model_validator(mode="after")
    def choices_fit(self):
        """Hold each set of lag edges to rise, and the pandemic to end after its beginning."""
        if any(edges != sorted(set(edges)) for edges in self.lag_edges):
            raise ValueError("each set of lag_edges must rise")
        if self.pandemic[0] > self.pandemic[1]:
            raise ValueError("pandemic must end after it begins")
        return self


class Plan(Section):
    fixed_on: Day
    audit: Annotated[str, Field(min_length=1)]
    comparison: Literal["not_yet_referred"]
    estimator: Annotated[str, Field(min_length=1)]
    estimand: Literal["referral"]
    outcome: Annotated[str, Field(min_length=1)]
    engaged_by: Annotated[str, Field(min_length=1)]
    later_referrals: Literal["removed", "followed"]
    months_before: Months
    months_after: Months
    trigger_months: Months
    needs_recent_contact: bool
    washout_days: Annotated[int, Field(ge=0, le=365)]
    accept_from: Probability


class Audit(Section):
    worlds: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    bias_at_most: Annotated[float, Field(gt=0)]
    coverage_at_least: Probability
    false_positives_at_most: Probability
    beyond_errors: Annotated[float, Field(ge=0)]
    replicates_at_least: Count
    coverage_aim: Annotated[list[Probability], Field(min_length=2, max_length=2)]
    false_positives_aim: Probability


class NegativeControls(Section):
    number: Annotated[int, Field(ge=20, le=10_000)]
    seed: Seed
    draws: Annotated[int, Field(ge=20, le=1_000)]


class Disclosure(Section):
    threshold: Annotated[int, Field(ge=1)]
    rounding: Annotated[int, Field(ge=1)]


class Release(Section):
    moved_share: Annotated[float, Field(gt=0, le=1)]
    heaviest_at_most: Annotated[float, Field(gt=0, le=1)]


class Report(Section):
    scheme: Annotated[str, Field(min_length=1)]
    published_by: Annotated[str, Field(min_length=1)]


class Record(Section):
    organisation: Annotated[str, Field(min_length=1)]
    team: Annotated[str, Field(min_length=1)]
    responsible_owner: Annotated[str, Field(min_length=1)]
    contact: Annotated[str, Field(min_length=1)]
    phase: Literal["idea", "design", "development", "beta", "production", "retired"]


class Parameters(Section):
    """All sections, or those that a stage declares; the others are None."""

    extracts: Extracts | None = None
    simulate: Simulate | None = None
    study: Study | None = None
    claim: Claim | None = None
    linkage: Linkage | None = None
    link_checks: LinkChecks | None = None
    clerical_review: ClericalReview | None = None
    panel: Panel | None = None
    implementation: Implementation | None = None
    effect: Effect | None = None
    staggered: Staggered | None = None
    diagnostics: Diagnostics | None = None
    subgroups: Subgroups | None = None
    pass_marks: PassMarks | None = None
    sensitivity: Sensitivity | None = None
    plan: Plan | None = None
    audit: Audit | None = None
    negative_controls: NegativeControls | None = None
    economics: Economics | None = None
    disclosure: Disclosure | None = None
    release: Release | None = None
    report: Report | None = None
    record: Record | None = None
    assurance: Assurance | None = None


def load_sections(*names: str) -> dict:
    """Return the sections `names` of params.yaml as plain values, dates as text.

    Without names, all sections. Raises InputError when the file cannot be read, a section is missing or empty, a name
    stands twice or a date stands without quotes.
    """
    path = project_root() / "params.yaml"
    try:
        text = path.read_text(encoding="utf-8")
        sections = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise InputError(f"params.yaml{line}: cannot be read. Mend it, or restore it with `git checkout params.yaml`.") from None
    if not isinstance(sections, dict):
        raise InputError("params.yaml: holds no sections. Restore it with `git checkout params.yaml`.")
    InputError.collect([f"params.yaml: the section {name} is missing or empty. Restore it from git." for name in names if sections.get(name) is None])
    InputError.collect(find_repeated_names(text))
    InputError.collect(find_unquoted_dates(sections))
    return {name: sections[name] for name in (names or sections)}


def find_repeated_names(text: str) -> list[str]:
    """Return a line for each name that stands twice in its section of `text`: YAML would silently take the last, and DVC refuses."""
    top = yaml.compose(text, Loader=yaml.SafeLoader).value
    blocks = [("", top), *((f"{key.value}.", value.value) for key, value in top if isinstance(value, yaml.MappingNode))]
    names = [f"{section}{key.value}" for section, block in blocks for key, _ in block]
    return [f"params.yaml, {name}: stands there {names.count(name)} times. Keep one." for name in sorted(set(names)) if names.count(name) > 1]


def find_unquoted_dates(sections: dict) -> list[str]:
    """Return a line for each date that stands without quotes, because DVC reads params.yaml too and knows text only."""
    return [
        f"params.yaml, {section}.{name}: a date must stand in quotes. Write \"{value}\"."
        for section, values in sections.items()
        if isinstance(values, dict)
        for name, value in values.items()
        if isinstance(value, date)
    ]


def check_params(sections: dict) -> Parameters:
    """Return `sections` as checked Parameters.

    Raises InputError that lists every unknown name and every value out of range at once.
    """
    try:
        return Parameters.model_validate(sections)
    except ValidationError as error:
        InputError.collect([describe_mistake(mistake) for mistake in error.errors()])


def describe_mistake(mistake: dict) -> str:
    """Return one line about a mistake that pydantic found: where, what was found, what to do."""
    where = ".".join(str(part) for part in mistake["loc"])
    if mistake["type"] == "extra_forbidden":
        return f"params.yaml, {where}: no such parameter. Correct the name or remove it; the README lists them all."
    if mistake["type"] == "missing":
        return f"params.yaml, {where}: missing. Restore it from git."
    message = mistake["msg"].removeprefix("Value error, ")
    found = "" if isinstance(mistake["input"], dict) else f" Found {mistake['input']!r}."
    return f"params.yaml, {where}: {message[0].lower()}{message[1:]}.{found} Change the value."
