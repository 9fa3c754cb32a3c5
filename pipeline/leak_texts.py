"""What a file says, so that it can be searched: the text of pages, notebooks, tables and PDFs, and pictures' hidden parts.

A page is read both as it is written and without its tags, because a name may stand in two cells; a notebook's strings
are decoded first, because `\\n` would grow onto the next word. The drawn part of a picture cannot be read: figures are
drawn from the controlled tables, which are searched.
"""

import base64
import csv
import html
import io
import json
import re
import struct
import zlib

from pipeline.errors import InputError

TAG = re.compile(r"<[^<>]*>")
EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
PNG = b"\x89PNG\r\n\x1a\n"
# The chunks of a PNG in which programs leave words; the pixels, IDAT, are passed over.
PNG_TEXT = {b"tEXt", b"iTXt", b"zTXt", b"eXIf"}
XML = (b"<?xpacket", b"<x:", b"<?xml")
ELEMENT = re.compile(r"</?[\w:.-]+")
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL | re.IGNORECASE)
ROW = re.compile(r"<tr\b.*?(?=<tr\b|</table>)", re.DOTALL | re.IGNORECASE)
CELL = re.compile(r"<t[hd]\b[^>]*>(.*?)(?=<t[hd]\b|</t|$)", re.DOTALL | re.IGNORECASE)
# What a column of keys is headed by, as its last word.
KEY_HEADING = re.compile(r"(?:^|[\W_])(?:ids?|refs?|reference|urn|key)$", re.IGNORECASE)
PDF_STRING = re.compile(rb"\((?:[^()\\]|\\.)*\)|<[0-9A-Fa-f\s]{4,}>", re.DOTALL)


def read_text(name: str, content: bytes) -> str:
    """Return what the file `name` says."""
    if content.startswith(PNG):
        return read_png(content)
    if content.startswith(b"%PDF"):
        return read_pdf(name, content)
    text = decode(content)
    if name.endswith((".ipynb", ".json")):
        return read_json(text)
    return read_page(text) if name.endswith((".html", ".htm", ".svg", ".xml", ".md")) else text


def decode(content: bytes) -> str:
    """Return bytes as text: UTF-8, else Windows-1252, which old systems write; what neither knows is replaced."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def read_page(text: str) -> str:
    """Return a page as it is written and as it is read, embedded pictures as what they hide."""
    pictures = [read_png(base64.b64decode(packed)) for packed in EMBEDDED.findall(text)]
    # Where a long word may break is no end of it.
    bare = EMBEDDED.sub(" ", text).replace("<wbr>", "")
    return "\n".join([html.unescape(bare), html.unescape(TAG.sub(" ", bare)), *pictures])


def read_json(text: str) -> str:
    """Return the strings and names in a JSON text such as a notebook, each as a page; lists of lines are joined first.

    A text that is no JSON is returned as it is.
    """
    try:
        tree = json.loads(text)
    except ValueError:
        return text
    return "\n".join(say(tree))


def say(tree, key: str = "") -> list[str]:
    """Return what a JSON value says; `key` is its name, because under image/png stands a picture."""
    if isinstance(tree, dict):
        return [part for name, value in tree.items() for part in [name, *say(value, name)]]
    if isinstance(tree, list) and all(isinstance(value, str) for value in tree):
        return say("".join(tree) if any(value.endswith("\n") for value in tree) or key == "image/png" else "\n".join(tree), key)
    if isinstance(tree, list):
        return [part for value in tree for part in say(value, key)]
    if key == "image/png" and isinstance(tree, str):
        return [read_png(base64.b64decode(tree))]
    if isinstance(tree, str):
        return [read_page(tree) if "<" in tree or "&" in tree else tree]
    return [json.dumps(tree)]


def read_png(content: bytes) -> str:
    """Return what the text chunks of a PNG say, unpacked where they are packed."""
    said, place = [], len(PNG)
    while place + 8 <= len(content):
        (size,), kind = struct.unpack(">I", content[place : place + 4]), content[place + 4 : place + 8]
        if kind in PNG_TEXT:
            chunk = content[place + 8 : place + 8 + size]
            said += [decode(chunk), *map(decode, unpack_parts(chunk))]
        place += size + 12
        if kind == b"IEND":
            break
    # What stands behind the end of the picture is no picture.
    return "\n".join([*said, decode(content[place:])]).replace("\0", " ")


def unpack_parts(chunk: bytes) -> list[bytes]:
    """Return the deflated parts of a text chunk, found behind its noughts."""
    unpacked = []
    for place in [place + 1 for place, letter in enumerate(chunk[:120]) if letter == 0]:
        for start in (place, place + 1):
            try:
                unpacked.append(zlib.decompress(chunk[start:]))
            except zlib.error:
                continue
    return unpacked


def read_pdf(name: str, content: bytes) -> str:
    """Return what the pages of the PDF `name` say, and its words outside them: metadata, bookmarks, alternative texts.

    What begins like a PDF and has no end has no pages. Elements of the metadata are passed over, what they hold is not.
    Raises InputError where pages cannot be read.
    """
    described = [ELEMENT.sub(" ", decode(match.group(1))) for match in STREAM.finditer(content) if match.group(1).lstrip().startswith(XML)]
    strings = [read_pdf_string(string) for string in PDF_STRING.findall(STREAM.sub(b"", content))]
    return "\n".join([*(read_pages(name, content) if b"startxref" in content else []), *strings, *map(html.unescape, described)])


def read_pages(name: str, content: bytes) -> list[str]:
    """Return the text of each page of a whole PDF; raise InputError where it cannot be read."""
    from pypdf import PdfReader  # takes a third of a second to import

    try:
        return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    except Exception as error:  # whatever stops the reader, the pages were not searched
        raise InputError(f"{name}: its pages cannot be read ({type(error).__name__}), so nobody can say whom they name. Make the report again with `make report`.") from None


def read_pdf_string(string: bytes) -> str:
    """Return a string of a PDF, written in brackets or as hexadecimal digits, in either of its two encodings."""
    if string.startswith(b"<"):
        digits = re.sub(rb"\s", b"", string[1:-1])
        raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    else:
        raw = re.sub(rb"\\(.)", rb"\1", string[1:-1], flags=re.DOTALL)
    return raw[2:].decode("utf-16-be", errors="replace") if raw.startswith(b"\xfe\xff") else decode(raw)


def read_keys(name: str, text: str) -> set[str]:
    """Return the cells below headings such as "client_id" in what the file `name` says: of a CSV table, and of the tables of pages and notebooks."""
    tables = [list(csv.reader(text.splitlines()))] if name.endswith(".csv") else []
    tables += [[[html.unescape(TAG.sub("", cell)) for cell in CELL.findall(row)] for row in ROW.findall(table)] for table in TABLE.findall(text)]
    return {cell for rows in tables for cell in cells_below(rows)}


def cells_below(rows: list[list[str]]) -> list[str]:
    """Return the cells of `rows` that stand below a heading of a key, whichever row holds it."""
    found: list[str] = []
    headed: set[int] = set()
    for row in rows:
        found += [row[place].strip() for place in headed if place < len(row)]
        headed |= {place for place, cell in enumerate(row) if KEY_HEADING.search(cell.strip())}
    return found
