"""One worker of the benchmark of the send: lanes until the run is over, then its CPU time. Waits for a line to begin.

python benchmarks/_lane.py lane ORG RUN          the product's own lane
python benchmarks/_lane.py bare ORG RUN MESSAGES the adapter alone, on messages rendered before: the reference
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import django

django.setup()

from channels.email import opening
from channels.email.session import Extensions
from campaigns import dispatch
from campaigns.dispatch import work as works
from campaigns.dispatch.working import new_event_loop
from channels.feed import Batch
from channels.protocol import Outcome, Outgoing
from engage.orgs.tenancy import org_context


def _only_data() -> None:
    """As with a relay that offers no CHUNKING."""
    greet = opening._greet

    async def greeted(*arguments: object) -> Extensions:
        offered = await greet(*arguments)
        return Extensions(pipelining=offered.pipelining, chunking=False)

    opening._greet = greeted


def _lanes(org: int, run: int) -> int:
    while dispatch.work_lane(org_id=org, run_id=run).reason not in {"halted", "idle"}:
        pass
    return 0


def _bare(org: int, run: int, messages: int) -> int:
    with org_context(org):
        work = works.load(org, run)
        empty = [""] * len(work.content.slots)
    at = int(time.time())
    rendered = []
    for seq in range(1, messages + 1):
        to = f"person{seq}@example.com" if work.channel_name == "email" else f"+44{7_000_000_000 + seq}"
        body, reference = work.renderer(seq, seq, to, empty, at)
        rendered.append(Outgoing(seq, to, body, reference, reference))
    _begin()
    accepted = count()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(
            work.channel.send(
                Batch(rendered),
                lambda _, result: next(accepted) if result.outcome is Outcome.ACCEPTED else None,
            )
        )
    return next(accepted)


def _begin() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    global BEGAN
    BEGAN = resource.getrusage(resource.RUSAGE_SELF)


BEGAN = resource.getrusage(resource.RUSAGE_SELF)

if __name__ == "__main__":
    kind, org, run, *more = sys.argv[1:]
    if os.environ.get("BENCH_ONLY_DATA"):
        _only_data()
    if kind == "bare":
        did = _bare(int(org), int(run), int(more[0]))
    else:
        _begin()
        did = _lanes(int(org), int(run))
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - BEGAN.ru_utime - BEGAN.ru_stime
    sys.stdout.write(json.dumps({"cpu": cpu, "did": did, "peak_mb": used.ru_maxrss / 1024}) + "\n")
