"""The project's own words, which a name standing alone is told from: everything published is written with them and with numbers.

A surname in a published file that is no word of the templates, modules, documents, parameters or lists cannot have come
from there. Lists of names are left out, or no common name would be found; so are tests, where people are made up.
"""

import csv
from pathlib import Path

from pipeline.leaks import WORD, fold

WRITTEN = ("*.md", "*.yaml", "*.yml", "*.toml", "Makefile", "docs/**/*.md", "data/*/README.md", "data/raw/*/extracts.yaml", "examples/**/*.yaml", "expectations/*.json", "notebooks/**/*.ipynb")
LISTS = "data/reference/*.csv"
# Columns of the lists that hold names of people.
NAMES = {"name", "nicknames", "nickname", "forename", "surname"}


def project_words(root: Path) -> set[str]:
    """Return the words of the project at `root` as they are written there, without accents, and each in small letters as well.

    Capitals are told from the rest because details are kept in capitals: YOUNG is nobody's heading, Young may begin a sentence.
    """
    package = Path(__file__).parent
    paths = [*package.glob("*.py"), *package.glob("*.md"), *(package / "templates").rglob("*.*"), *(path for pattern in WRITTEN for path in root.glob(pattern))]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]
    texts += [text for path in root.glob(LISTS) for text in read_list(path)]
    words = {word for text in texts for word in WORD.findall(fold(text))}
    return words | {word.lower() for word in words}


def read_list(path: Path) -> list[str]:
    """Return what a list of data/reference says outside its columns of names."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [*(rows.fieldnames or []), *(value for row in rows for column, value in row.items() if column not in NAMES and isinstance(value, str))]
