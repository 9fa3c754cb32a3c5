"""What cohort and person-months are made from, so that a stage can make them again under other choices without asking which kind it has.

Both sources answer alike: `cohort(panel)` gives the cohort before weighting under the values of that section of params.yaml,
`months(...)` the person-months around its time zeros. Builds on pipeline.cohort and pipeline.panel (contacts and
referrals), on pipeline.time_away (custody and hospital) and on pipeline.ready_panel (a ready panel).
"""

from typing import NamedTuple

import pandas as pd

from pipeline.cohort import build_cohort
from pipeline.panel import build_panel
from pipeline.ready_panel import ReadyPanel, build_panel_cohort, months_around
from pipeline.time_away import days_at_liberty


class RecordSource(NamedTuple):
    """Contacts and referrals without identifiers, and whose they are."""

    links: pd.DataFrame
    persons: pd.DataFrame
    person_exits: pd.DataFrame
    contact_facts: pd.DataFrame
    referral_facts: pd.DataFrame
    study: object
    claim: object

    def cohort(self, panel) -> pd.DataFrame:
        """Return pipeline.cohort.build_cohort of these records."""
        return build_cohort(self.links, self.persons, self.person_exits, self.contact_facts, self.referral_facts, self.study, self.claim, panel)

    def months(self, cohort: pd.DataFrame, months_before: int, months_after: int, washout_days: int) -> pd.DataFrame:
        """Return pipeline.panel.build_panel of these records."""
        return build_panel(cohort, self.links, self.contact_facts, self.person_exits, self.study, months_before, months_after, washout_days)

    def at_liberty(self, months: pd.DataFrame, cohort: pd.DataFrame) -> pd.Series:
        """Return pipeline.time_away.days_at_liberty of these records."""
        return days_at_liberty(months, cohort, self.person_exits)

    def with_duplicates(self) -> "RecordSource":
        """Return the same records, those that the force marks as duplicates counted like any other."""
        return self._replace(contact_facts=self.contact_facts.assign(is_duplicate=False))


class MonthSource(NamedTuple):
    """A ready panel."""

    ready: ReadyPanel
    study: object
    claim: object

    def cohort(self, panel) -> pd.DataFrame:
        """Return pipeline.ready_panel.build_panel_cohort of this panel."""
        return build_panel_cohort(self.ready, self.study, self.claim, panel)

    def months(self, cohort: pd.DataFrame, months_before: int, months_after: int, washout_days: int) -> pd.DataFrame:
        """Return pipeline.ready_panel.months_around of this panel; the washout in whole months."""
        return months_around(cohort, self.ready, months_before, months_after, washout_days)

    def at_liberty(self, months: pd.DataFrame, cohort: pd.DataFrame) -> pd.Series:
        """Return the exposure as it stands: a panel of months does not say why a person was away."""
        return months["exposure_days"].astype(float)


def sources_of(resolved: dict[float, tuple], contact_facts: pd.DataFrame, referral_facts: pd.DataFrame, study, claim) -> dict[float, RecordSource]:
    """Return a source per accept threshold from `resolved` (links, persons and person_exits, pipeline.thresholds)."""
    return {threshold: RecordSource(*people, contact_facts, referral_facts, study, claim) for threshold, people in resolved.items()}
