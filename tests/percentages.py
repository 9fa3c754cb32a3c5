"""Percentages that do not say of what they are, in the sentences and in the tables of a report's Markdown (without its escapes)."""

import re

PERCENT = re.compile(r"\d ?%")
# The level of an interval or of a test is no result.
LEVEL = re.compile(r"\b\d+% intervals?|\b(test|two) at 5%|(mark at|the) 5%( level)?|more than 5% is what")
WHOLE = r"(contacts|clients|people|mentors|referrals|families|hours|replicates|draws|specifications|controls|intervals|variance|spread|fall|rise|what the referred did|them|these|those)\b"
# How a sentence says of what its percentage is: its whole, what there is more or less of, or what a ratio ought to be.
SAID = re.compile(
    rf"\b[Oo]f ([\w’'-]+,? ){{0,4}}{WHOLE}|% in contacts|[Dd]emand of [\w,]+ clients|clients' demand|[Hh]ours (fall|fell) by|(benefits|costs) are (lowered|raised) by|costs raised by"
    r"|(contacts|calls) [^.;]*% (fewer|more)|% (fewer|more)( police)? (contacts|hours)|too (high|low)|on the log scale|0\.961 stands for|[Ff]alls? in (contacts|demand) of|drift of the arms by|naive fall of|discounted|contacts fell by"
)
# How a table says it: in the heading of the column, the caption or the name of the row.
HEADED = re.compile(rf"of that share|(shares?|percentages?|percent|changes?|points|loss|falls?)[^;,]* (of|in|are) ", flags=re.IGNORECASE)
# A cell that is a sentence rather than a value.
WORDY = 60


def baseless(markdown):
    """Every sentence and every cell in which a percentage stands without saying of what."""
    return baseless_sentences(markdown) + baseless_cells(markdown)


def baseless_sentences(markdown):
    """Sentences of paragraphs and lists; the sentence before may say it. What stands in brackets has the base of what it follows."""
    lines = [line for line in markdown.splitlines() if not line.startswith(("|", ": ", "![", "#"))]
    return [found for line in lines for found in unsaid(line)]


def unsaid(text):
    """The sentences of one paragraph with a percentage that neither they nor the one before says the base of."""
    sentences = re.split(r"(?<=[.!?]) +(?=[A-Z*‘“(])", LEVEL.sub("…", text))
    near = [" ".join(sentences[max(place - 1, 0) : place + 1]) for place in range(len(sentences))]
    open_near = [re.sub(r"\([^()]*\)", "", words) for words in near]
    return [sentence for sentence, words, bare in zip(sentences, near, open_near) if PERCENT.search(sentence) and not SAID.search(bare if PERCENT.search(bare) else words)]


def baseless_cells(markdown):
    """Cells of tables: a sentence is held to what sentences are held to; a value to heading, caption and the name of its row."""
    found = []
    for caption, heads, rows in tables_of(markdown):
        for row in rows:
            for head, cell in zip(heads, row):
                if PERCENT.search(cell) and (unsaid(cell) if len(cell) > WORDY else not any(HEADED.search(said) for said in (head, caption, row[0])) and not SAID.search(cell)):
                    found.append((caption, head, cell))
    return found


def tables_of(markdown):
    """Every table: its caption, its headings and its rows of cells."""
    for block, caption in re.findall(r"((?:^\|.*\n)+)\n: (.*?) *\{#", markdown, flags=re.M):
        heads, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()]
        yield caption, heads, rows
