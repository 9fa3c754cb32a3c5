"""What a second reader would strike out: a number typed into a sentence, and a percentage without saying of what.

Numbers of the report come from tables and parameters. What may stand typed is listed here, each with its reason.
The percentages of whole reports are read in test_bad_inputs, where every world is written once.
"""

import ast
import json
import math
import re
from statistics import NormalDist

from percentages import baseless

from pipeline import audit, control_summary, robustness
from pipeline.markdown import TEMPLATES

NOTEBOOKS = TEMPLATES.parent.parent / "notebooks"
# Modules that hold sentences, captions and words of figures.
WORDED = re.compile("report|wording|label|verdict|figures|limits|transparency|governance|maryland|not_shown|plan_page|robustness")
FILLED = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", flags=re.DOTALL)
# Typed numbers that are no results, by what they look like, each with its reason.
ALLOWED = {
    r"fell by 38 points .* \+0\.8 points \(−6\.0 to 7\.6; Finkelstein and others 2020\)": "published: N Engl J Med 382:152-162",
    r"\b95% intervals|\b(test|two) at 5%|more than 5% is what|finds in 80 of 100|find it in 80 of 100": "levels fixed in the code; see the test of the levels",
    r"\b([Oo]f|in|per|every) (every )?100\b": "the base of a share, not a result",
    r"\b(101|999)\b": "the telephone numbers of the police",
    r"[A-Z]\w+,? (and (others|[A-Z]\w+)|et al\.) \(?\d{4}\)?( and \d{4})?|\b(Holm|Platt) \d{4}|Rubin's rules \(1987\)": "the year of a paper, after its authors",
    r"\b(F1|SHA-256|section 136)\b": "the name of a measure, of a checksum, of a part of an Act",
    r"\b(ratios? of|below|from|includes?|leaves? out|interval to|shares of|at) 1\b(?!\.?\d)|\(1 = |£1\b": "the ratio of no difference, or one pound for one pound",
    r"\bof 5\*\*|at level 1\b": "the Maryland Scientific Methods Scale has five levels, and its lowest is a count before and after",
    r"^[123] (Data provision|Linkage|Analysis)": "GUILD numbers its own steps",
    r"\b1 months$": "a plural that is put right, not shown",
    r"< 0\.001": "the smallest p-value that is written out",
    r"0\.10 is a ratio that comes out about 11% too high|0\.80 means 20% fewer|0\.961 stands for 96\.1%": "sums done to explain a unit; see the test of the sums",
    r"reported that 90% of families|claims of falls in demand of up to 90%": "published by the schemes that are named in the sentence",
}  # fmt: skip


def typed_numbers(text):
    """What is left of `text` with a digit in it once everything that may stand typed is taken out; None where nothing is."""
    for pattern in ALLOWED:
        text = re.sub(pattern, " ", text)
    found = re.search(r"\S*\d\S*", text)
    return text[max(found.start() - 50, 0) : found.end() + 30] if found else None


def sentences_of(path):
    """Every piece of text with a space in it in a module, without docstrings and what says how a value is written."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = [node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef))]
    skipped = {id(node.body[0].value) for node in owners if isinstance(node.body[0], ast.Expr)}
    skipped |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.FormattedValue) and node.format_spec for part in ast.walk(node.format_spec)}
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped]
    return [re.sub(r"\{[^{}]*\}", " ", text) for text in texts if " " in text]


def test_no_number_is_typed_into_a_template():
    typed = {path.relative_to(TEMPLATES).as_posix(): typed_numbers(line) for path in sorted(TEMPLATES.rglob("*.j2")) for line in FILLED.sub("…", path.read_text(encoding="utf-8")).splitlines() if typed_numbers(line)}
    assert typed == {}


def test_no_number_is_typed_into_a_sentence_of_the_modules_that_write():
    modules = [path for path in sorted(TEMPLATES.parent.glob("*.py")) if WORDED.search(path.stem)]
    typed = {(path.stem, typed_numbers(text)) for path in modules for text in sentences_of(path) if typed_numbers(text)}
    assert len(modules) > 40 and typed == set()


def test_no_number_is_typed_into_a_caption_of_a_notebook():
    cells = [cell for path in sorted(NOTEBOOKS.rglob("*.ipynb")) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    texts = [node.value for cell in cells for node in ast.walk(ast.parse("".join(cell["source"]))) if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value]
    assert len(texts) > 25 and [typed_numbers(text) for text in texts if typed_numbers(text)] == []


def test_every_exception_is_still_needed():
    """An entry that nothing uses any longer would let a new number through unseen."""
    texts = [line for path in TEMPLATES.rglob("*.j2") for line in FILLED.sub("…", path.read_text(encoding="utf-8")).splitlines()]
    texts += [text for path in TEMPLATES.parent.glob("*.py") if WORDED.search(path.stem) for text in sentences_of(path)]
    assert [pattern for pattern in ALLOWED if not any(re.search(pattern, text) for text in texts)] == []


def test_the_check_finds_a_typed_number():
    assert typed_numbers("Contacts fell by 81 %.") and typed_numbers("of 1,250 clients") and typed_numbers("fell by 38 points")
    assert typed_numbers("Of 100 clients, … called 101 less often (Holm 1979); ratios below 1 mean fewer.") is None


def test_the_sums_that_explain_a_unit_are_right():
    assert round(100 * math.expm1(0.10)) == 11 and round(100 * (1 - 0.80)) == 20 and round(100 * 0.961, 1) == 96.1


def test_the_levels_named_in_sentences_are_those_of_the_code():
    assert audit.CONFIDENCE == 0.95 and control_summary.SIGNIFICANT == 0.05
    # A test at 5 % with 80 % power: the two normal quantiles added.
    assert robustness.POWER_FACTOR == round(NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.80), 2)


def test_a_percentage_of_nothing_is_found():
    assert baseless("The answer is 42%.") and baseless("It gives a fall of 80.9%, which is no evidence.") and baseless("Ratios are told. Aimed at are 93% to 97% and 6%.")
    assert baseless("| Design | Found |\n| --- | --- |\n| a | 50% |\n\n: What was found {#tbl-a}\n") == [("What was found", "Found", "50%")]
    assert baseless("| Design | Found |\n| --- | --- |\n| a | 50% |\n\n: What was found, as a share of replicates {#tbl-a}\n") == []
    assert baseless("People had 26% fewer police contacts (interval: 37% fewer to 13% fewer). It is 40% on the log scale.") == []
    assert baseless("Of 400 people most were accepted. On the whole 15% met a mentor.") == []
