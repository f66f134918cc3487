"""The sandbox carrier: an independent process that takes messages, keeps its own ledger and reports receipts.

It imports nothing of Engage, so what it says can be held against what we say. The protocol is in docs/carrier.md.
"""
