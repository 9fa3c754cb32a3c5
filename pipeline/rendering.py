"""Markdown into the two forms of the report: one self-contained HTML page and one tagged PDF.

pandoc turns the Markdown into HTML and into Typst, which sets a tagged PDF; both come from wheels, so no system
package is needed. Title and banner go in as metadata, which pandoc escapes for either form; a variable would go in raw.
Builds on pipeline.markdown.
"""

import shutil
import tempfile
from pathlib import Path

import pypandoc
import typst

from pipeline.markdown import TEMPLATES

READER = "markdown-raw_html-raw_tex-raw_attribute-tex_math_dollars-citations-smart-native_divs-native_spans-yaml_metadata_block-example_lists"
FOOTER = "Made by the pipeline from the tables under reports/tables; every number stands there."


def render_html(markdown: str, folder: Path, path: Path, title: str, banner: str = "", footer: str = FOOTER) -> None:
    """Write `markdown` as one self-contained HTML page; `folder` holds figures/, `footer` says where the numbers stand."""
    arguments = ["--standalone", "--wrap=none", "--embed-resources", "--section-divs", "--toc", "--toc-depth=2", f"--template={TEMPLATES / 'report.html'}"]
    arguments += [f"--css={TEMPLATES / 'report.css'}", f"--lua-filter={TEMPLATES / 'html.lua'}", f"--resource-path={folder}"]
    arguments += ["--metadata=lang:en-GB", f"--metadata=pagetitle:{title}", f"--metadata=footer:{footer}", *([f"--metadata=banner:{banner}"] if banner else [])]
    pypandoc.convert_text(markdown, "html5", format=READER, extra_args=arguments, outputfile=str(path))


def render_pdf(markdown: str, folder: Path, path: Path, title: str, banner: str = "") -> None:
    """Write `markdown` as a tagged PDF (PDF/UA-1); `folder` holds figures/."""
    arguments = ["--standalone", "--wrap=none", f"--template={TEMPLATES / 'report.typ'}", f"--lua-filter={TEMPLATES / 'typst.lua'}"]
    arguments += [f"--metadata=title:{title}", *([f"--metadata=banner:{banner}"] if banner else [])]
    source = pypandoc.convert_text(markdown, "typst", format=READER, extra_args=arguments)
    # pandoc centres every table; under captions and text that start at the left, tables do too.
    source = source.replace("align(center)[#table(", "align(left)[#table(")
    with tempfile.TemporaryDirectory() as build:
        shutil.copytree(folder / "figures", Path(build) / "figures")
        entry = Path(build) / "report.typ"
        entry.write_text(source, encoding="utf-8")
        typst.compile(str(entry), output=str(path), root=build, format="pdf", pdf_standards=["ua-1"], ignore_system_fonts=True)
