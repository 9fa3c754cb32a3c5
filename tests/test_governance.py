"""Who answers for the results, what was assumed and decided, and in what a run departs from its plan."""

import ast
from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import InputError
from pipeline.params import check_params, load_sections

ROOT = Path(__file__).parent.parent
SECTIONS = load_sections()


def assurance(**changes):
    return check_params({"assurance": SECTIONS["assurance"] | changes}).assurance


def test_nobody_assures_their_own_work():
    with pytest.raises(InputError, match="assurer must not be the analyst"):
        assurance(analyst="A. Nalyst", assurer=" a. nalyst")
    assert assurance(analyst="A. Nalyst", assurer="B. Other", assured_on="2027-03-31").assured_on == date(2027, 3, 31)


def test_a_day_of_assurance_needs_somebody_who_assured():
    with pytest.raises(InputError, match="assured_on must stay empty until the assurer is named"):
        assurance(assured_on="2027-03-31")


def test_every_public_function_says_what_comes_back():
    """Functions that others may call have a docstring; those of a method module begin with what they return or do."""
    silent = [
        f"{path.name}: {node.name}"
        for path in (ROOT / "pipeline").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert not silent
