"""What people are told about the fields: a hint, a sample value, and other headings that their files use."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Final, NamedTuple

from audiences.intake.fields import Kind


class About(NamedTuple):
    hint: str = ""
    sample: str = ""
    aliases: tuple[str, ...] = ()


_LIST: Final = "Several with | between them."
_YES_NO: Final = "yes or no."

_LINE: Final = {
    "line_no": About("The line's number on its bill, from 1.", "1", ("line", "line_number")),
    "item": About("The product's code.", "SKU-7", ("item_code", "product", "product_code", "sku")),
    "quantity": About("1 when empty.", "2", ("qty",)),
    "price": About("Of one.", "649.50", ("unit_price", "rate")),
    "amount": About("Of the line.", "1299.00", ("line_amount",)),
}

GUIDE: Final[dict[Kind, dict[str, About]]] = {
    Kind.CUSTOMERS: {
        "external_id": About("Your own number for the customer.", "C-1001", ("id", "customer_id", "customer")),
        "first_name": About("", "Asha", ("firstname", "given_name")),
        "last_name": About("", "Rao", ("lastname", "surname", "family_name")),
        "email": About("The address to write to.", "asha@example.com", ("e_mail", "mail", "email_address")),
        "other_emails": About(f"Further addresses. {_LIST}"),
        "phone": About("The number to send to.", "+919812345670", ("mobile", "mobile_number", "phone_number")),
        "other_phones": About(f"Further numbers. {_LIST}"),
        "email_promotional": About("Consent to promotional e-mail: yes or no.", "yes"),
        "email_service": About("Consent to service e-mail: yes or no."),
        "sms_promotional": About("Consent to promotional SMS: yes or no.", "no"),
        "sms_service": About("Consent to service SMS: yes or no."),
        "consent_at": About("When the consent was said. A yes without it never lifts a no.", "2026-03-01T10:30"),
        "consent_source": About("Where it was said.", "web form"),
        "do_not_disturb": About("yes blocks promotional SMS and calls.", "no", ("dnd",)),
        "gender": About("female, male or other.", "female", ("sex",)),
        "birth_date": About("A date like 1990-05-17.", "1990-05-17", ("birthday", "dob", "date_of_birth")),
        "anniversary": About("A date like 2015-02-28."),
        "language": About("A language's code.", "en", ("locale",)),
        "time_zone": About("A time zone's name.", "Asia/Kolkata", ("timezone",)),
        "country": About("Two letters.", "IN"),
        "region": About("State or province.", "Maharashtra", ("state", "province")),
        "city": About("", "Pune", ("town",)),
        "home_store": About("A store's code.", "PUN-01"),
        "registered_at": About("When the customer joined.", "2024-03-01T10:30", ("registered", "joined_at")),
        "units": About(f"Codes of your units. {_LIST}"),
        "loyalty_member": About(_YES_NO, "yes", ("member",)),
        "tier": About("", "Gold", ("loyalty_tier",)),
        "points": About("A whole number.", "1200", ("points_balance",)),
    },
    Kind.STORES: {
        "code": About("", "PUN-01", ("store", "store_code", "store_id", "id")),
        "name": About("", "Pune, MG Road", ("store_name",)),
        "zone": About("A zone's code.", "west", ("zone_code",)),
        "unit": About("The code of the unit that the store belongs to.", "", ("unit_code",)),
        "city": About("", "Pune", ("town",)),
        "country": About("Two letters.", "IN"),
        "online": About(_YES_NO, "no"),
    },
    Kind.ZONES: {
        "code": About("", "west", ("zone", "zone_code", "id")),
        "name": About("", "West", ("zone_name",)),
        "parent": About("The code of the zone above, which stands before this one.", "", ("parent_code",)),
    },
    Kind.PRODUCTS: {
        "code": About("", "SKU-7", ("sku", "item_code", "product_code", "product_id", "id")),
        "name": About("", "Ceramic mug 350 ml", ("product_name", "title", "description")),
        "brand": About("", "Northline"),
        "category": About("From the top down with > between.", "Kitchen > Mugs", ("product_category",)),
    },
    Kind.TRANSACTIONS: {
        "external_id": About("The bill's number.", "B-90001", ("id", "bill", "bill_number", "transaction_id")),
        "customer": About("The customer's external id.", "C-1001", ("customer_id", "customer_external_id")),
        "customer_email": About("Instead of it, an address that only one customer has."),
        "customer_phone": About("Instead of it, a number that only one customer has.", "", ("customer_mobile",)),
        "at": About("When it was bought.", "2026-03-14T18:05", ("time", "date", "transaction_at", "billed_at")),
        "kind": About("sale (when empty) or return.", "sale", ("type",)),
        "store": About("The store's code.", "PUN-01", ("store_code", "store_id")),
        "gross": About("Before discount.", "1299.00", ("gross_amount",)),
        "discount": About("", "100.00", ("discount_amount",)),
        "tax": About("", "183.00", ("tax_amount",)),
        "net": About("Paid: after discount, with tax. No sign, also of a return.", "1199.00", ("net_amount", "total")),
        "currency": About("The organisation's.", ""),
        "source": About("Where it was bought: store, web, app …", "store"),
        "payment_modes": About(_LIST, "card", ("payment_mode", "payment")),
        "coupon_codes": About(_LIST, "", ("coupon_code", "coupons")),
        "returns": About("Of a return: the bill that it reduces.", "", ("returned_bill", "original_bill")),
        **{name: about._replace(sample="") for name, about in _LINE.items()},
    },
    Kind.LINES: {
        "transaction": About("The bill's number.", "B-90001", ("bill", "bill_number", "transaction_id", "external_id")),
        **_LINE,
    },
    Kind.CLEARINGS: {
        "address": About("An address that is invalid or bounced hard.", "asha@example.com", ("email", "phone")),
        "reason": About("Why it works again.", "She wrote to us from it"),
    },
}  # fmt: skip

# What every new record needs.
REQUIRED: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.CUSTOMERS: ("external_id",),
    Kind.STORES: ("code",),
    Kind.ZONES: ("code",),
    Kind.PRODUCTS: ("code",),
    Kind.TRANSACTIONS: ("external_id",),
    Kind.LINES: ("transaction", "line_no", "item", "amount"),
    Kind.CLEARINGS: ("address", "reason"),
}


def sample_file(kind: Kind, extra: Iterable[str] = ()) -> str:
    """A CSV with every usual column and one row; `extra` are the org's own columns."""
    shown = {
        name: about.sample for name, about in GUIDE[kind].items() if about.sample or name in REQUIRED[kind]
    }
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([*shown, *extra])
    writer.writerow([*shown.values(), *("" for _ in extra)])
    return buffer.getvalue()
