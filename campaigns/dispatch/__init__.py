"""The send: lanes that hand over a run's queue, each customer at most once (Q-01 to Q-08, C-23, C-44).

The invariants that the modules here keep, and where:

1. *Intent before the first byte.* A row is handed to an adapter only after a commit in which `chunk.intent_hi` covers
   it or its `retry` row is announced (`books`). That commit reads the run's state, consent and suppression in a
   snapshot taken after it got the run's shared lock.
2. *One owner.* Whoever writes about a chunk or a retry row has locked it and found its own `epoch` (`claims`). A new
   owner raises the epoch first.
3. *Never twice.* A row at or below `intent_hi`, or announced, that has no ledger row and is not waiting in `retry` was
   perhaps handed over: once its lease is dead it becomes Unconfirmed (`recovery`), and nobody sends it again.
4. *One row out, one row in.* What leaves the queue enters the ledger and the tally in the same commit (`ledger`), so
   the states add up to the number targeted at every moment.
5. *Nothing begins after the answer.* A lane looks at its halt flag and at the end of its lease, by a clock that runs on
   while the process sleeps, in the step that begins a message (`feed`).
"""

from campaigns.dispatch.lane import AHEAD, Left
from campaigns.dispatch.working import work_lane

__all__ = ["AHEAD", "Left", "work_lane"]
