"""Searches files for personal details, whatever kind of file they are, and says which file holds which kind.

Takes the files' content, so that a draft, a zip and a notebook that is about to be published are searched alike. Builds
on pipeline.leaks (what is looked for) and pipeline.leak_texts (what a file says).
"""

from pathlib import Path

from pipeline.leak_texts import read_text
from pipeline.leaks import Details, find_details, vocabulary


def search_files(contents: dict[str, bytes], details: Details, public: str, passed_over: tuple[str, ...] = ()) -> list[str]:
    """Return a message per file that holds a personal detail: its name and the kinds, never the detail.

    `contents` are files by name; `public` is text known to hold nobody's details; `passed_over` are kinds not told.
    """
    known, ordinary = find_details(public, details), vocabulary(public)
    found = {name: {kind for kind, _ in find_details(f"{name}\n{read_text(name, content)}", details, ordinary) - known} - set(passed_over) for name, content in sorted(contents.items())}
    return [
        f"{name}: holds personal details ({', '.join(sorted(kinds))}), so nothing was published. Find where they enter and remove them."
        for name, kinds in found.items()
        if kinds
    ]


def read_files(folders: list[Path]) -> dict[str, bytes]:
    """Return the content of every file in `folders`, by the folder's name and the path within it."""
    return {f"{folder.name}/{path.relative_to(folder).as_posix()}": path.read_bytes() for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()}


def public_text() -> str:
    """Return the pipeline's own text, templates and modules, which holds nobody's details; what stands there is no leak.

    Parameters and notebooks are not part of it: those are written where the extracts are seen.
    """
    package = Path(__file__).parent
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted([*(package / "templates").rglob("*"), *package.glob("*.py")]) if path.is_file())
