"""Which `Idempotency-Key` was used for which message, for a day at least: an index of the ledger."""

from engage.local.carrier.ledger import Entry, Ledger

DAY_MS = 86_400_000


class Keys:
    """Two generations of key → offset in the ledger; the older is dropped whole, so memory holds two days at most."""

    def __init__(self, ledger: Ledger, *, now_ms: int) -> None:
        self._ledger = ledger
        self._since = now_ms
        self._recent: dict[str, int] = {}
        self._older: dict[str, int] = {}
        rows, end = ledger.rows(0)
        while rows:
            for offset, row in rows:
                if row.entry.key and row.at > now_ms - DAY_MS:
                    self._recent[self._name(row.entry.key, row.entry.part)] = offset
            rows, end = ledger.rows(end)

    @staticmethod
    def _name(key: str, part: int) -> str:
        return f"{part} {key}"

    def add(self, entry: Entry, offset: int, *, now_ms: int) -> None:
        if now_ms - self._since > DAY_MS:
            self._older, self._recent, self._since = self._recent, {}, now_ms
        self._recent[self._name(entry.key, entry.part)] = offset

    def offset(self, entry: Entry) -> int | None:
        """Where the row is that was written under this key, for this part of its request."""
        name = self._name(entry.key, entry.part)
        return self._recent.get(name) or self._older.get(name)
