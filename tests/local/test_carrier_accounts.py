"""One account an org and sender: each sees its own messages only, and only the administrator makes them."""

import stat
from collections.abc import Iterator

import httpx
import pytest

from tests.local.carriers import Account, Carrier, mail, running


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carrier]:
    with running(tmp_path_factory.mktemp("accounts")) as carrier:
        yield carrier


def test_secrets_in_the_home_are_the_owners_only(carrier: Carrier) -> None:
    """H-30"""
    carrier.account("acme")
    for name in ("admin.key", "accounts.json", "ledger/acme.log"):
        assert stat.S_IMODE((carrier.home / name).stat().st_mode) == 0o600


def test_only_the_administrator_makes_accounts(carrier: Carrier) -> None:
    """H-30"""
    account = carrier.account("acme")
    for key in ("none", "wrong-key", account.key):
        answer = httpx.post(
            f"{carrier.url}/admin/accounts",
            json={"account": "evil"},
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 401


def test_making_an_account_again_changes_what_is_named(carrier: Carrier) -> None:
    """H-30: and secrets are never shown again."""
    carrier.account("twice", webhook_url="http://127.0.0.1:9/x", webhook_secret="hush", seed=3)
    carrier.account("twice", time_scale=60)
    shown = carrier.admin("GET", "accounts/twice").json()

    assert (shown["seed"], shown["time_scale"], shown["webhook_url"]) == (3, 60, "http://127.0.0.1:9/x")
    assert not {"key", "webhook_secret"} & shown.keys()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"account": "../evil", "key": "long-enough"}, "account"),
        ({"account": "new"}, "key: a new account needs one"),
        ({"account": "new", "key": "short"}, "key"),
        ({"account": "new", "key": "key-of-holder"}, "key: another account has it"),
        ({"account": "new", "key": "long-enough", "colour": "red"}, "colour: there is no such setting"),
        ({"account": "new", "key": "long-enough", "rates": {"bounced": 0.9, "delivered": 0.2}}, "rates"),
        (
            {"account": "new", "key": "long-enough", "behaviour": {"answer": "explode"}},
            "behaviour: answer is one of",
        ),
        (
            {"account": "new", "key": "long-enough", "behaviour": {"answer": "later", "code": "x"}},
            "code: a delay",
        ),
        ({"account": "new", "key": "long-enough", "behaviour": {"refuse": 2}}, "behaviour: chances"),
        ({"account": "new", "key": "long-enough", "webhook_url": "file:///etc/passwd"}, "webhook_url"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    carrier: Carrier, settings: dict[str, object], says: str
) -> None:
    """H-30: with what is wrong, and nothing changed."""
    carrier.account("holder")
    answer = carrier.admin("POST", "accounts", settings)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(says)
    assert carrier.admin("GET", "accounts/new").status_code == 404


def test_an_account_survives_a_restart(carrier: Carrier) -> None:
    """H-30: settings, keys that were used, messages."""
    account = carrier.account("lasting", behaviour={"answer": "later"})
    account.behaves(answer="accept")
    account.post("r-1", headers={"Idempotency-Key": "k-1"})
    carrier.end()
    carrier.start()

    assert account.post("r-1", headers={"Idempotency-Key": "k-1"}).json() == {"id": "lasting-1"}
    assert account.get("/v1/outbox/count").json() == {"count": 1, "accepted": 1}


def test_the_outbox_shows_the_newest_messages(carrier: Carrier) -> None:
    """H-01: readable, with subject or text, page by page, dated as sent."""
    account = carrier.account("shown", clock_shift=-86400)
    account.send("r-1")
    account.post("r-2", text="Bonjour")
    account.post("r-3", clock_shift=0)
    page = account.get("/v1/outbox?limit=2").json()
    rest = account.get(f"/v1/outbox?limit=2&before={page[-1]['id']}").json()

    assert [message["reference"] for message in page + rest] == ["r-3", "r-2", "r-1"]
    assert (page[1]["text"], page[1]["from"], page[1]["to"]) == ("Bonjour", "ACME", "+447700900123")
    assert (rest[0]["subject"], rest[0]["from"]) == ("Schön", "b+r-1@mail.example")
    assert rest[0]["at"] < rest[0]["accepted_at"]
    assert page[0]["at"] == page[0]["accepted_at"]
    raw = account.get(f"/v1/outbox/{rest[0]['id']}")
    assert (raw.headers["Content-Type"], raw.content) == ("message/rfc822", mail("r-1"))
    assert account.get(f"/v1/outbox/{page[1]['id']}").json()["text"] == "Bonjour"


def test_no_account_reads_anothers_outbox(carrier: Carrier) -> None:
    """H-01: the console's outbox page asks with an account's key, so it cannot show another org's mail."""
    ours, theirs = carrier.account("ours"), carrier.account("theirs")
    theirs.send("secret")
    theirs_id = theirs.get("/v1/outbox").json()[0]["id"]

    assert ours.get("/v1/outbox").json() == []
    assert ours.get(f"/v1/outbox/{theirs_id}").status_code == 404
    assert ours.get(f"/v1/outbox?before={theirs_id}").status_code == 404
    assert ours.get("/v1/outbox/count").json() == {"count": 0, "accepted": 0}
    nobody = Account(carrier, "theirs", "key-of-nobody")
    for path in ("/v1/outbox", f"/v1/outbox/{theirs_id}", "/v1/outbox/count"):
        assert httpx.get(carrier.url + path).status_code == 401
        assert nobody.get(path).status_code == 401
    assert (
        httpx.get(
            f"{carrier.url}/v1/outbox", headers={"Authorization": f"Bearer {carrier.admin_key}"}
        ).status_code
        == 401
    )


def test_the_outbox_is_bounded(carrier: Carrier) -> None:
    """H-01: the newest are kept, the ledger has all."""
    account = carrier.account("bounded", keep_bodies=8)
    for number in range(30):
        account.post(f"r-{number}")
    kept = account.get("/v1/outbox").json()

    assert 8 <= len(kept) <= 10
    assert kept[0]["reference"] == "r-29"
    assert account.get(f"/v1/outbox/{kept[-1]['id']}").status_code == 200
    assert account.get("/v1/outbox/bounded-1").status_code == 404
    assert len(account.ledger()) == 30


def test_bodies_may_be_switched_off(carrier: Carrier) -> None:
    """H-01: for measuring."""
    account = carrier.account("bare", keep_bodies=0)
    account.post("r-1")

    assert account.get("/v1/outbox").json() == []
    assert account.get("/v1/outbox/count").json() == {"count": 0, "accepted": 1}


def test_a_wrong_key_takes_no_message(carrier: Carrier) -> None:
    """H-39: auth_failed"""
    carrier.account("acme")
    answer = Account(carrier, "acme", "key-of-nobody").post("r-1")

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "auth_failed")


def test_a_key_that_was_changed_no_longer_works(carrier: Carrier) -> None:
    """H-30"""
    account = carrier.account("renewed")
    carrier.admin("POST", "accounts", {"account": "renewed", "key": "another-key"}).raise_for_status()

    assert account.post("r-1").status_code == 401
    assert Account(carrier, "renewed", "another-key").post("r-1").status_code == 202


def test_everyone_may_ask_whether_it_lives(carrier: Carrier) -> None:
    """H-01"""
    assert httpx.get(f"{carrier.url}/ping").status_code == 200
