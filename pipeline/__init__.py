"""From extracts to report: the logic behind the notebooks."""

import os

# Linear algebra on one thread: sums then have one order on every machine, and processes side by side do not fight for
# cores. It must be said before numpy is first imported, so it stands here.
for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
