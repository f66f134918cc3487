"""Staff declare addresses usable again by file (A-11): one address a row, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from audiences import consent
from audiences.contacts import LONGEST, Malformed, address_key, masked, normal
from audiences.intake import values
from audiences.intake.answers import Answer, Rejected, Verdict
from audiences.intake.desk import Desk
from audiences.intake.fields import Field, Kind, Sheet, by_name, read_sheet
from audiences.models import AddressRef, ContactPoint


@dataclass(frozen=True, slots=True)
class Clearing:
    """An address in normal form, and why it works again."""

    kind: str
    value: str
    reason: str

    @property
    def key(self) -> int:
        return address_key(self.kind, self.value)


class ClearingWriter:
    """Clears addresses of one org, whoever has them. Call `write` inside its context, after `only_one_intake`."""

    kind = Kind.CLEARINGS

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.fields = by_name(Field("address", values.text(LONGEST)), Field("reason", values.text(200)))

    def read(self, sheet: Sheet) -> list[Clearing | Rejected]:
        return read_sheet(sheet, self.fields, "address", "reason").each(self._clearing)

    def _clearing(self, _: int, given: dict[str, str]) -> Clearing:
        kind = ContactPoint.Kind.EMAIL if "@" in given["address"] else ContactPoint.Kind.PHONE
        try:
            value = normal(kind.value, given["address"], self.desk.region)
        except Malformed:
            reason = "This is no address. Correct it at its customer instead."
            raise Rejected("malformed", "address", reason) from None
        return Clearing(kind.value, value, given["reason"])

    def name_of(self, record: Clearing) -> str:
        return masked(record.kind, record.value)

    def prepare(self, batch: Sequence[tuple[int, Clearing]]) -> None:
        """Nothing is needed before the transaction."""

    def write(self, batch: Sequence[tuple[int, Clearing]], at: datetime) -> list[Answer]:
        """One answer a record, in order; the address is cleared for every customer who has it, each audited."""
        held = self._contacts([record.key for _, record in batch])
        answers = []
        for number, record in batch:
            contacts = held.get((record.kind, record.key))
            if contacts is None:
                why = Rejected("unknown_address", "address", "No customer has this address.")
                answers.append(Answer.rejection(number, self.name_of(record), why))
                continue
            broken = [contact for contact in contacts if contact.state in consent.BROKEN]
            for contact in broken:
                cleared = consent.clear_contact(
                    self.desk.org_id, contact.customer_id, contact.kind, contact.value,
                    reason=record.reason, by=self.desk.by, at=at,
                )  # fmt: skip
                contact.state = cleared.state
            verdict = Verdict.UPDATED if broken else Verdict.UNCHANGED
            answers.append(Answer(number, self.name_of(record), verdict))
        return answers

    def _contacts(self, keys: Sequence[int]) -> dict[tuple[str, int], list[ContactPoint]]:
        org_id = self.desk.org_id
        owners = AddressRef.objects.for_org(org_id).filter(kind__in=ContactPoint.Kind.values, key__in=keys)
        found: dict[tuple[str, int], list[ContactPoint]] = {}
        for contact in ContactPoint.objects.for_org(org_id).filter(
            customer_id__in=set(owners.values_list("customer_id", flat=True)), key__in=keys
        ):
            found.setdefault((contact.kind, contact.key), []).append(contact)
        return found
