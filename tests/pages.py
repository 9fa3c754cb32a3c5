"""A page as a reader and a screen reader meet it: its tags in order, its text, its headings with what stands below each."""

import re
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
# What a value that was never put into words looks like in text; "none" and "information" are words.
NEVER_WORDED = re.compile(r"(?<![\w.])(nan|NaN|NaT|None|inf|-inf|<NA>|NA|undefined)(?![\w.])")


class Page(HTMLParser):
    """Collects the tags of a page in order, its text, and each heading with the text up to the next one of its level or above."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open, self.headings = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append([int(tag[1]), "", ""])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes what it did not open"

    def handle_data(self, data):
        if {"style", "script", "title"} & set(self.open):
            return
        self.text.append(data)
        if self.headings and "main" in self.open:
            is_heading = any(re.fullmatch("h[1-6]", tag) for tag in self.open)
            self.headings[-1][1 if is_heading else 2] += data

    def having(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self):
        """All text on one line."""
        return " ".join(" ".join(self.text).split())

    def empty_headings(self):
        """The headings below which nothing stands, neither text nor a deeper heading."""
        following = [*[level for level, _, _ in self.headings[1:]], 0]
        return [title for (level, title, body), after in zip(self.headings, following) if not body.strip() and after <= level]

    def never_worded(self):
        """Values that were never put into words, each with its surroundings."""
        return [self.words[max(found.start() - 40, 0) : found.end() + 40] for found in NEVER_WORDED.finditer(self.words)]
