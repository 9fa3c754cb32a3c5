"""A report's page as what can be checked: its tables by name, its sentences by section. Needs the standard library only."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

EMBEDDED = re.compile(r"data:[a-z/+-]+;base64,[A-Za-z0-9+/=\s]+")
# A number as the report writes it; parts of names, dates, versions and hashes are none.
NUMBER = re.compile(r"(?<![\w.,\u2212-])[-\u2212+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w]|[.,-]\d)")
# What has digits and is no count or estimate: dates in words, the threshold itself, what is below a limit.
NO_NUMBER = re.compile(
    r"\b\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November|December) \d{4}|fewer than \d+(?! fewer)|[<\u2265\u2264>] ?\d[\d.]*"
)
SIGNED_POUNDS = re.compile(r"([-\u2212+])£")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


@dataclass
class Page:
    """What a page holds: tables as rows of cells by the name in their id, and blocks of text with the heading above them."""

    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    heads: dict[str, list[str]] = field(default_factory=dict)
    blocks: list[tuple[str, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text outside tables, white space made one."""
        return " ".join(text for _, text in self.blocks)


class Reader(HTMLParser):
    """Fills a Page while it reads."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.page, self.heading, self.table, self.cells, self.words = Page(), "", None, None, []
        self.is_head, self.is_caption, self.is_passed_over = False, False, 0

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag in ("style", "script", "nav"):
            self.is_passed_over += 1
        elif tag == "table":
            self.end_block()
            self.table = (named.get("id") or f"tbl-{len(self.page.tables)}").removeprefix("tbl-")
            self.page.tables[self.table], self.page.heads[self.table] = [], []
        elif tag == "thead":
            self.is_head = True
        elif tag == "tr":
            self.cells = []
        elif tag in ("p", "li", "dt", "dd", "figcaption", "caption", *HEADINGS) or (tag in ("td", "th") and self.table is not None):
            self.end_block()
        elif tag == "img":
            self.end_block()
            self.page.blocks.append((self.heading, clean(named.get("alt") or "")))

    def handle_endtag(self, tag):
        if tag in ("style", "script", "nav"):
            self.is_passed_over -= 1
        elif tag in ("td", "th") and self.cells is not None:
            self.cells.append(self.take())
        elif tag == "tr" and self.table is not None and self.cells is not None:
            (self.page.heads if self.is_head else self.page.tables)[self.table].extend(self.cells if self.is_head else [self.cells])
            self.cells = None
        elif tag == "thead":
            self.is_head = False
        elif tag == "table":
            self.table = None
        elif tag in HEADINGS:
            self.heading = self.take()
            self.page.blocks.append((self.heading, self.heading))
        elif tag in ("p", "li", "dt", "dd", "figcaption", "caption"):
            self.end_block()

    def handle_data(self, data):
        if not self.is_passed_over:
            self.words.append(data)

    def take(self) -> str:
        """Return the text since the last tag that began a block."""
        words, self.words = clean("".join(self.words)), []
        return words

    def end_block(self):
        """Keep the text since the last block as a block of its own."""
        words = self.take()
        if words and self.cells is None:
            self.page.blocks.append((self.heading, words))


def clean(text: str) -> str:
    """Return text with single spaces."""
    return re.sub(r"\s+", " ", text).strip()


def read_page(content: bytes) -> Page:
    """Return the page in `content`, embedded pictures left out."""
    reader = Reader()
    reader.feed(EMBEDDED.sub("", content.decode("utf-8")))
    reader.end_block()
    return reader.page


def read_numbers(text: str) -> list[tuple[float, int, str]]:
    """Return each number in a text as value, decimals shown (fewer than none where it is rounded to thousands), and its words.

    Pounds are rounded to three figures, or written in millions.
    """
    found = []
    text = NO_NUMBER.sub(" ", SIGNED_POUNDS.sub(r"£\1", text.replace("\u2060", "")))
    for match in NUMBER.finditer(text):
        written = match.group().replace(",", "").replace("\u2212", "-").lstrip("+")
        value, decimals = float(written), len(written.partition(".")[2])
        if text[: match.start()].endswith("£"):
            digits = written.lstrip("-")
            if text[match.end() :].startswith(" million"):
                value, decimals = round(value * 1e6), decimals - 6
            elif decimals == 0 and len(digits) > 3 and not int(digits[3:]):
                decimals = 3 - len(digits)
        found.append((value, decimals, match.group()))
    return found
