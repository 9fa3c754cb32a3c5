"""Searches files for personal details, whatever kind of file they are, and says which file holds which kind.

Takes the files' content, so that a draft, a zip and a notebook that is about to be published are searched alike. Builds
on pipeline.leaks (what is looked for) and pipeline.leak_texts (what a file says).
"""

from pathlib import Path

from pipeline.leak_texts import decode, read_keys, read_text
from pipeline.leaks import SINGLE, WORD, Details, find_details, fold, vocabulary

# Lines named in a message.
SHOWN = 3


def search_files(contents: dict[str, bytes], details: Details, public: str, passed_over: tuple[str, ...] = ()) -> list[str]:
    """Return a message per file that holds a personal detail: its name and the kinds, never the detail.

    `contents` are files by name; `public` is text known to hold nobody's details; `passed_over` are kinds not told.
    """
    known, ordinary = find_details(public, details), vocabulary(public)
    found = {name: search_file(name, content, details, ordinary) - known for name, content in sorted(contents.items())}
    kinds = {name: sorted({kind for kind, _ in details_found} - set(passed_over)) for name, details_found in found.items()}
    return [
        f"{name}: holds personal details ({', '.join(told)}), so nothing was published. Find where they enter and remove them.{place_single_names(contents[name], found[name]) if SINGLE in told else ''}"
        for name, told in kinds.items()
        if told
    ]


def place_single_names(content: bytes, found: set[tuple[str, str]]) -> str:
    """Return in words in which lines of a file single names stand, so that whoever may see them can judge whether they are names there."""
    names = {detail for kind, detail in found if kind == SINGLE}
    lines = [number for number, line in enumerate(decode(content).splitlines(), 1) if names & set(WORD.findall(fold(line).upper()))]
    where = f" The single name is in line {', '.join(map(str, lines[:SHOWN]))}." if lines else ""
    return f"{where} If it is no name there, write it into data/reference/glossary.csv: its words are the project's own."


def search_file(name: str, content: bytes, details: Details, ordinary: set[str]) -> set[tuple[str, str]]:
    """Return the details in a file's name, text and columns of keys as pairs of kind and detail, never to be shown."""
    text = read_text(name, content)
    return find_details(f"{name}\n{text}", details, ordinary) | {("key", cell) for cell in read_keys(name, text) & details.keys}


def read_files(folders: list[Path]) -> dict[str, bytes]:
    """Return the content of every file in `folders`, by the folder's name and the path within it."""
    return {f"{folder.name}/{path.relative_to(folder).as_posix()}": path.read_bytes() for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()}


def public_text() -> str:
    """Return the pipeline's own text, templates and modules, which holds nobody's details; what stands there is no leak.

    Parameters and notebooks are not part of it: those are written where the extracts are seen.
    """
    package = Path(__file__).parent
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted([*(package / "templates").rglob("*"), *package.glob("*.py")]) if path.is_file())
