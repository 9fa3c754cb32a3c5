"""From extracts to report: the logic behind the notebooks."""

import os
import sys

# Linear algebra on one thread: sums then have one order on every machine, and processes side by side do not fight for
# cores. It must be said before numpy is first imported, so it stands here.
for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# Checking JSON that other libraries read, jsonschema would build a grammar of internet addresses in every process that
# imports it (papermill, Great Expectations): a second and a half for a check that nobody here asks for. It takes the
# package as absent.
sys.modules.setdefault("rfc3987_syntax", None)
