"""Encodings: CSV files in Windows-1252 written anew as UTF-8, which DuckDB reads, and files that lie about theirs found out.

DuckDB reads other encodings only with an extension that it downloads, which a closed network does not allow.
"""

import re
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.errors import InputError
from pipeline.tables import private_folder

# What Python puts in the place of bytes that are no text.
UNREADABLE = "\ufffd"
TOP_LINES, PIECE = 1200, 2**24
CODECS = {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}
# é, £ or ’ as UTF-8 writes them; read as Windows-1252 they would be Ã©, Â£ and â€™, which nobody types.
UTF_8_LETTERS = re.compile(rb"\xc2[\xa0-\xbf]|\xc3[\x80-\xbf]|\xe2\x80[\x90-\xa6]")


def decode_top(path: Path, encoding: str) -> list[str]:
    """Return the first lines of `path` as text; letters of another encoding further down are told when the rows are read."""
    with path.open(encoding=CODECS[encoding], errors="replace", newline="") as lines:
        return list(islice(lines, TOP_LINES))


@contextmanager
def as_utf_8(path: Path, where: str, encoding: str):
    """Give the path of a file that holds the text of `path` in UTF-8: itself, or a copy that is deleted afterwards.

    The copy lies on the secure disk. Raises InputError when a file said to be Windows-1252 is not, by the number of the line.
    """
    if encoding == "utf-8":
        yield path
        return
    with TemporaryDirectory(dir=private_folder(), prefix=".transcoded-") as folder:
        copy = Path(folder) / "copy.csv"
        transcode(path, copy, where)
        yield copy


def transcode(path: Path, copy: Path, where: str) -> None:
    """Write the Windows-1252 file `path` as UTF-8 to `copy`, piece by piece, in whole lines."""
    n_lines, rest = 0, b""
    with path.open("rb") as source, copy.open("wb") as target:
        while piece := source.read(PIECE):
            whole, newline, rest = (rest + piece).rpartition(b"\n")
            n_lines += write_piece(whole + newline, target, where, n_lines)
        write_piece(rest, target, where, n_lines)


def write_piece(piece: bytes, target, where: str, n_lines: int) -> int:
    """Write `piece` as UTF-8 to `target` and return how many lines it holds; `n_lines` came before it."""
    if not piece.isascii():
        found = UTF_8_LETTERS.search(piece)
        if found or piece.startswith(b"\xef\xbb\xbf"):
            line = n_lines + piece.count(b"\n", 0, found.start() if found else 0) + 1
            raise InputError(f"{where}, line {line}: said to be windows-1252, but holds letters in UTF-8. Say `encoding: utf-8` if the whole file is; if both occur, export it again in one.")
    try:
        target.write(piece.decode("cp1252").encode())
    except UnicodeDecodeError as error:
        line = n_lines + piece.count(b"\n", 0, error.start) + 1
        raise InputError(f"{where}, line {line}: is no windows-1252 text. Save the file as CSV, encoded as UTF-8, or correct its encoding in extracts.yaml.") from None
    return piece.count(b"\n")
