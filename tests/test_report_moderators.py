"""What readers are told of groups: what the data show, what they cannot, and that neither is a finding."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.figures import finish_figure
from pipeline.figures_diagnostics import draw_subgroups
from pipeline.markdown import read_template
from pipeline.report_moderators import find_detectable_factor, write_differing, write_section

PARAMETERS = SimpleNamespace(
    disclosure=SimpleNamespace(threshold=10), effect=SimpleNamespace(confidence=0.95), subgroups=SimpleNamespace(tried=["primary_need", "sex", "age", "pandemic"], people_at_least=30)
)


def groups(p_corrected=0.4):
    """Sex can be tested, of age one group only is large enough, need is on record for one kind only and the pandemic divides nobody."""
    rows = [
        ("everyone", "everyone", 0, -0.4, 0.1, -0.6, -0.2, 1140, 3965, "estimated", np.nan, np.nan),
        ("sex", "F", 1, -0.5, 0.1, -0.7, -0.3, 570, 1900, "estimated", 0.2, p_corrected),
        ("sex", "M", 2, -0.3, 0.2, -0.7, 0.1, 560, 1900, "estimated", 0.2, p_corrected),
        ("sex", "X", 3, np.nan, np.nan, np.nan, np.nan, pd.NA, 20, "not estimated: fewer than 30 people in an arm", 0.2, p_corrected),
        ("age", "under 35 years", 4, -0.5, 0.1, -0.7, -0.3, 1120, 1900, "estimated", np.nan, np.nan),
        ("age", "35 years and more", 5, np.nan, np.nan, np.nan, np.nan, 20, 1900, "not estimated: fewer than 30 people in an arm", np.nan, np.nan),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["characteristic", "level", "position", "estimate", "std_error", "ci_low", "ci_high", "n_referred", "n_comparison", "status", "p_interaction", "p_corrected"])


def section(subgroups):
    return " ".join(write_section({"subgroups": subgroups}, {}, PARAMETERS, read_template("moderators")).replace("\\", "").split())


def test_what_no_test_shows_is_not_said_to_be_absent():
    text = section(groups())
    assert "The data do not show that the effect differs by sex (p = 0.200; corrected 0.400)" in text
    assert "that is not proof that it does not" in text and "questions rather than answers" in text and "no difference" not in text


def test_a_difference_is_a_lead_and_no_finding():
    text = section(groups(0.01))
    assert "A lead, not a finding: the estimates differ by sex, from a ratio of 0.61 (women) to 0.74 (men)" in text and "The effect differs by" not in text
    assert "the estimates differ by sex" in write_differing(groups(0.01), 0.05) and "not a finding" in write_differing(groups(0.01), 0.05)


def test_groups_are_not_supported_where_a_check_of_the_model_failed():
    words = "is not supported either"
    for passed, is_said in ((False, True), (True, False)):
        tables = {"subgroups": groups(0.01), "model_checks": pd.DataFrame({"check": ["balance"], "passed": [passed]})}
        assert (words in write_section(tables, {}, PARAMETERS, read_template("moderators"))) == is_said


def test_a_characteristic_that_cannot_be_tested_says_why_and_the_number_of_tests_is_stated():
    text = section(groups())
    assert "differs by age cannot be tested: fewer than two of its groups are large enough" in text
    assert "differs by need cannot be looked at: nothing is recorded of it here, or everybody is alike" in text
    assert "4 characteristics were named before any result was seen" in text and "1 of them could be tested" in text


@pytest.mark.parametrize("table", [pd.DataFrame(), groups().iloc[:1]])
def test_extracts_without_any_group_say_so(table):
    assert section(table).startswith("Whether the effect differs between groups of people cannot be looked at")


def test_the_smallest_difference_that_could_be_found_is_that_of_the_two_most_precise_groups():
    """Standard errors 0.1 and 0.2: sqrt(0.05) = 0.2236; times 1.960 + 0.842 = 2.802 is 0.626, so a factor of 1.87."""
    known = groups().query("characteristic == 'sex'").dropna(subset=["estimate"])
    assert find_detectable_factor(known, 0.05) == pytest.approx(math.exp(2.8016 * 0.22361), rel=1e-3)
    assert "a factor of about 1.9" in section(groups())


def test_no_gap_reaches_the_reader():
    assert not re.search(r"(?<![A-Za-z])(nan|None|NaT|<NA>)(?![A-Za-z])", section(groups()))


def test_the_figure_says_in_words_what_it_shows():
    assert "women 0.61 (0.50 to 0.74)" in finish_figure("subgroups", "", draw_subgroups(groups()), dpi=40).alt
