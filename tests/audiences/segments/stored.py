"""An imagined world's rows in the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from audiences import models as m
from audiences import profile
from audiences.contacts import address_key
from audiences.keys import folded, lookup_key
from campaigns.models import Delivery
from engage.orgs import months
from engage.orgs.models import Org, OrgUnit
from tests.audiences.segments.world import ATTRIBUTES, CATEGORIES, CHANNELS, PRODUCTS, STORES, ZONES, World


def store(world: World) -> None:
    """The same rows in the database, with the profile kept as intake keeps it."""
    org = world.org
    ids = _catalogue(org)
    people = world.people
    now = {"created_at": world.at, "updated_at": world.at}
    m.Customer.objects.bulk_create(
        m.Customer(
            org=org,
            id=one.id,
            city_norm=_fold(one.row["city"]),
            region_norm=_fold(one.row["region"]),
            home_store_id=ids["store", one.home_store] if one.home_store else None,
            merged_into=1 if one.merged else None,
            **one.row,
            **now,
        )
        for one in people
    )
    m.CustomerUnit.objects.bulk_create(
        m.CustomerUnit(org=org, customer_id=one.id, unit_id=ids["unit", unit])
        for one in people
        for unit in one.units
    )
    _store_contacts(world)
    m.AttributeValue.objects.bulk_create(
        m.AttributeValue(
            org=org, customer_id=one.id, attribute_id=ids["attribute", key], **_typed(key, value)
        )
        for one in people
        for key, value in one.attributes.items()
    )
    _store_bills(world, ids)
    _store_contacted(world)
    profile.recompute(org, [one.id for one in people], at=world.at)


def _fold(text: str | None) -> str | None:
    return folded(text) if text else None


def _typed(key: str, value: Any) -> dict[str, Any]:
    match ATTRIBUTES[key]:
        case m.Attribute.Type.NUMBER:
            return {"number": value}
        case m.Attribute.Type.DATE:
            return {"day": value}
        case m.Attribute.Type.DATETIME:
            return {"instant": value}
        case m.Attribute.Type.YES_NO:
            return {"flag": value}
        case _:
            return {"text": value, "text_norm": folded(value)}


def _catalogue(org: Org) -> dict[tuple[str, str], int]:
    ids: dict[tuple[str, str], int] = {}
    for code in ("u1", "u2"):
        ids["unit", code] = OrgUnit.objects.create(
            org=org, code=code, name=code, created_at=org.created_at
        ).pk
    for code, path in ZONES.items():
        ids["zone", code] = m.Zone.objects.create(org=org, code=code, name=code, path=path).pk
    for code, (zone, unit) in STORES.items():
        ids["store", code] = m.Store.objects.create(
            org=org,
            code=code,
            name=code,
            zone_id=ids["zone", zone] if zone else None,
            unit_id=ids["unit", unit] if unit else None,
        ).pk
    for code, path in CATEGORIES.items():
        ids["category", code] = m.Category.objects.create(org=org, code=code, name=code, path=path).pk
    for code, (category, brand) in PRODUCTS.items():
        category_id = ids["category", category] if category else None
        ids["product", code] = m.Product.objects.create(
            org=org, code=code, brand=brand, category_id=category_id
        ).pk
    for key, type_ in ATTRIBUTES.items():
        options = ["Small", "Large"] if type_ == m.Attribute.Type.CHOICE else []
        ids["attribute", key] = m.Attribute.objects.create(
            org=org, key=key, label=key.title(), type=type_, choices=options
        ).pk
    return ids


def _store_contacts(world: World) -> None:
    m.ContactPoint.objects.bulk_create(
        m.ContactPoint(
            org=world.org,
            customer_id=one.id,
            kind=kind,
            value=value,
            key=address_key(kind, value),
            state=state,
            state_at=world.at,
        )
        for one in world.people
        for kind, (value, state) in one.contacts.items()
    )
    m.Subscription.objects.bulk_create(
        m.Subscription(
            org=world.org,
            customer_id=one.id,
            channel=channel,
            message_class=message_class,
            value=value,
            at=at,
            source="test",
        )
        for one in world.people
        for (channel, message_class), (value, at) in one.consents.items()
    )
    m.AddressOptOut.objects.bulk_create(
        m.AddressOptOut(
            org=world.org,
            channel=channel,
            message_class=message_class,
            key=address_key(CHANNELS[channel], value),
            at=at,
            source="test",
        )
        for (channel, message_class, value), at in world.optouts.items()
    )


def _store_bills(world: World, ids: dict[tuple[str, str], int]) -> None:
    bills, lines, links = [], [], []
    for one in world.people:
        for bill in one.bills:
            common = {
                "org": world.org,
                "customer_id": one.id,
                "received_at": world.at,
                "changed_at": world.at,
            }
            bills.append(
                m.Transaction(
                    id=bill.id,
                    txn_at=bill.at,
                    external_id=bill.number,
                    kind="sale",
                    store_id=ids["store", bill.store] if bill.store else None,
                    net=bill.net,
                    net_after_returns=bill.net_after_returns,
                    fully_returned=bill.fully_returned,
                    items=bill.items,
                    source=bill.source,
                    payment_modes=bill.modes,
                    coupon_codes=bill.coupons,
                    **common,
                )
            )
            lines += _lines(
                world, one.id, bill.at, bill.id, [(x.product, x.quantity, x.amount) for x in bill.lines], ids
            )
            for number, (at, back, net) in enumerate(bill.returns):
                pk = bill.id + 1_000_000 * (number + 1)
                bills.append(
                    m.Transaction(
                        id=pk,
                        txn_at=at,
                        external_id=f"R-{pk}",
                        kind="return",
                        net=net,
                        net_after_returns=net,
                        returns_external_id=bill.number,
                        **common,
                    )
                )
                lines += _lines(world, one.id, at, pk, [(p, q, a) for p, (q, a) in back.items()], ids)
                links.append(
                    m.ExternalRef(
                        org=world.org,
                        kind="return",
                        key=lookup_key("return", bill.number),
                        value=f"R-{pk}",
                        customer_id=one.id,
                        txn_at=at,
                        txn_id=pk,
                    )
                )
    days = [row.txn_at.date() for row in bills]
    months.ensure("audiences_transaction", days)
    months.ensure("audiences_transactionline", days)
    m.Transaction.objects.bulk_create(bills)
    m.TransactionLine.objects.bulk_create(lines)
    m.ExternalRef.objects.bulk_create(links)


def _store_contacted(world: World) -> None:
    """The ledger. What was not sent has its dates too, so that only the state can tell."""
    months.ensure("campaigns_delivery", [world.at.date()])
    Delivery.objects.bulk_create(
        Delivery(
            org=world.org,
            customer_id=one.id,
            run_on=world.at.date(),
            run_id=1,
            seq=one.id * 10 + number,
            campaign_id=contact.campaign,
            message_id=contact.message,
            slot=0,
            variant=0,
            arm=Delivery.Arm.TEST,
            channel=contact.channel,
            state=Delivery.State.SENT if contact.sent else Delivery.State.UNCONFIRMED,
            due_at=world.at,
            state_at=world.at,
            anchors_changed_at=world.at,
            **{f"{what}_at": at for what, at in contact.at.items()},
        )
        for one in world.people
        for number, contact in enumerate(one.contacted)
    )


def _lines(
    world: World,
    customer_id: int,
    at: datetime,
    txn_id: int,
    rows: list[tuple[str, int, int]],
    ids: dict[tuple[str, str], int],
) -> list[m.TransactionLine]:
    return [
        m.TransactionLine(
            org=world.org,
            customer_id=customer_id,
            txn_at=at,
            txn_id=txn_id,
            line_no=number,
            product_id=ids["product", product],
            quantity=quantity,
            amount=amount,
        )
        for number, (product, quantity, amount) in enumerate(rows, start=1)
    ]
