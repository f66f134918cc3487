"""Records from outside, by file or by call, under one set of rules (A-12 to A-17).

`take` is the door for calls, `files` for files; both hand batches to the kind's own module, which reads a record
(pure, may reject it), then writes a batch with a handful of set-based statements in one transaction.
"""

from audiences.intake.answers import Answer, Answers, Verdict
from audiences.intake.fields import Kind
from audiences.intake.take import take

__all__ = ["Answer", "Answers", "Kind", "Verdict", "take"]
