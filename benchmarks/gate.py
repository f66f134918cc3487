"""All benchmarks at their smallest size, for CI: is every result right, and is no work ten times as dear as it was?

    python benchmarks/gate.py

Judged are correctness and CPU a unit, with a wide margin for shared machines and cold caches; never wall time. It stops at
nothing: every benchmark runs, then the exit status tells.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("imports", "segments", "attribution", "send", "receipts", "pages")
# CPU microseconds a unit, three to five times what a busy machine of two cores showed at this size.
MOST = {
    "file: customers": 250,
    "file: customers, the same file again": 200,
    "file: transactions": 220,
    "calls of 1,000 customers": 280,
    "one day of new transactions": 300,
    "SMTP DATA: lane CPU a message": 2_500,
    "SMTP BDAT: lane CPU a message": 2_000,
    "HTTP, one request a message: lane CPU a message": 2_500,
    "reports taken in": 3_000,
    "exact count: city": 100_000,
    "exact count: five conditions": 300_000,
    "union of two lists": 500_000,
    "campaign list: in the process, without its queries": 250_000,
    "campaign: in the process, without its queries": 150_000,
    "campaign report: in the process, without its queries": 250_000,
    "delivery dashboard: in the process, without its queries": 250_000,
}


def main() -> int:
    here = Path(__file__).parent
    faults, known = [], set()
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            told = Path(folder) / f"{name}.json"
            began = time.monotonic()
            command = [sys.executable, str(here / f"{name}.py"), "--size", "tiny", "--json", str(told)]
            status = subprocess.run(command, check=False, env=os.environ).returncode
            print(f"  {name}: {time.monotonic() - began:.0f} s", flush=True)
            if not told.exists():
                faults.append(f"{name} ended with status {status} and told nothing")
                continue
            for figure in json.loads(told.read_text(encoding="utf-8")):
                known.add(figure["name"])
                most = MOST.get(figure["name"])
                if not figure["correct"]:
                    faults.append(f"{name}: “{figure['name']}” is not correct")
                if most is not None and (figure["cpu_us"] or 0) > most:
                    faults.append(
                        f"{name}: “{figure['name']}” took {figure['cpu_us']:.0f} µs of CPU a unit, at most {most}"
                    )
    faults += [f"no benchmark told “{name}”" for name in MOST if name not in known]
    for fault in faults:
        print(f"BENCHMARK: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
