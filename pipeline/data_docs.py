"""Data Docs: one page for the analyst that says which rule held, in Great Expectations' words and in ours.

Great Expectations' own pages load scripts and styles from outside and leave copies in a world-readable
temporary folder. So its sentences and counts are taken from its renderer, and the page around them is ours.
"""

import string

import pandas as pd
from jinja2 import Environment

PAGE = """<!DOCTYPE html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data Docs: are the extracts what we were promised?</title>
<style>
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { border: 1px solid #767676; padding: .3rem .5rem; text-align: left; vertical-align: top; }
td.number { text-align: right; white-space: nowrap; }
tr.failed td:first-child { font-weight: 700; border-left: .4rem solid #a4161a; }
.wide { overflow-x: auto; }
</style>
</head>
<body>
<main>
<h1>Data Docs: are the extracts what we were promised?</h1>
<p>Made by Great Expectations {{ version }}. {{ n_failed_critical }} critical rules and {{ n_failed_warning }} warnings failed, of {{ n_rules }} rules.
A failed critical rule stops the run; a failed warning reaches the report. Counts are exact: this page stays on the secure disk.</p>
<nav aria-label="Tables"><ul>
{%- for table in tables %}
<li><a href="#{{ table.name }}">{{ table.name }}</a>: {{ table.n_failed }} of {{ table.rules | length }} rules failed</li>
{%- endfor %}
</ul></nav>
{%- for table in tables %}
<h2 id="{{ table.name }}">{{ table.name }}</h2>
<div class="wide" tabindex="0" role="region" aria-label="Rules of {{ table.name }}">
<table>
<caption>Rules of {{ table.name }}, from expectations/{{ table.name }}.json</caption>
<thead><tr><th scope="col">Result</th><th scope="col">Severity</th><th scope="col">Rule</th><th scope="col">Great Expectations says</th><th scope="col">Rows that break it</th><th scope="col">Rows looked at</th><th scope="col">Why it matters</th></tr></thead>
<tbody>
{%- for rule in table.rules %}
<tr{% if not rule.passed %} class="failed"{% endif %}><td>{{ "held" if rule.passed else "FAILED" }}</td><td>{{ rule.severity }}</td><td>{{ rule.rule }}</td><td>{{ rule.sentence }}</td><td class="number">{{ "{:,}".format(rule.n_unexpected) }}</td><td class="number">{{ "{:,}".format(rule.n_rows) }}</td><td>{{ rule.reason }}</td></tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endfor %}
</main>
</body>
</html>
"""


def render_data_docs(results: pd.DataFrame, *runs) -> str:
    """Return the page for `runs` of Great Expectations and the same as validation_results, in the same order."""
    import great_expectations

    rules = results.assign(sentence=[say_expectation(rule.expectation_config) for run in runs for rule in run.results])
    failed = rules[~rules["passed"]]
    tables = [
        {"name": name, "rules": group.to_dict("records"), "n_failed": int((~group["passed"]).sum())}
        for name, group in rules.groupby("table", sort=False)
    ]
    return Environment(autoescape=True).from_string(PAGE).render(
        version=great_expectations.__version__,
        tables=tables,
        n_rules=len(rules),
        n_failed_critical=int((failed["severity"] == "critical").sum()),
        n_failed_warning=int((failed["severity"] == "warning").sum()),
    )


def say_expectation(expectation) -> str:
    """Return the sentence in which Great Expectations renders an expectation, with its values filled in.

    The values are those of the suite; none comes from the table.
    """
    from great_expectations.render.renderer.inline_renderer import InlineRenderer

    said = InlineRenderer(render_object=expectation).get_rendered_content()[0].to_json_dict()["value"]
    values = {name: param["value"] for name, param in said.get("params", {}).items()}
    return string.Template(said.get("template", "")).safe_substitute(values)
