"""The SMTP door: pipelining, chunking, plain authentication; parsed by hand, because speed is measured against it."""

import asyncio
import binascii
import hashlib
import ipaddress
from collections.abc import Callable

from engage.local.carrier import mail
from engage.local.carrier.accounts import PLATFORM, Account
from engage.local.carrier.behaviour import CODES, Answer, by_address
from engage.local.carrier.connection import MORE, Connection
from engage.local.carrier.ledger import Entry

MOST_BYTES = 26_214_400
LONGEST_LINE = 2048
MOST_RECIPIENTS = 100
EHLO = (
    b"250-carrier\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
    b"250-ENHANCEDSTATUSCODES\r\n250-AUTH PLAIN\r\n250 SIZE %d\r\n" % MOST_BYTES
)
DOT = b"\r\n."
DATA_END = b"\r\n.\r\n"
TOO_LARGE = CODES["too_large"].smtp
FIXED = {b"NOOP": b"250 2.0.0 ok\r\n", b"VRFY": b"252 2.0.0 send to find out\r\n"}
NOBODY = b"503 5.5.1 no valid recipients\r\n"


def _address(line: bytes) -> tuple[str, bytes] | None:
    """The address between the brackets and the parameters after them; None if there is none."""
    start = line.find(b"<")
    end = line.find(b">", start)
    if start < 0 or end < 0:
        return None
    return line[start + 1 : end].decode("utf-8", "replace"), line[end + 1 :]


class Smtp(Connection):
    """One client. `_account` is None until it has authenticated, or is `platform` on the loopback interface."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = self.transport.get_extra_info("peername")
        local = peer is not None and ipaddress.ip_address(peer[0]).is_loopback
        self._account: Account | None = self.accounts.get(PLATFORM) if local else None
        self._failures = 0
        self._forget()
        self.transport.write(b"220 carrier ESMTP\r\n")

    @property
    def account(self) -> Account:
        """Whose message this is; nobody gets past MAIL without."""
        if self._account is None:
            raise LookupError("no account before MAIL")
        return self._account

    def _forget(self) -> None:
        """Between two messages."""
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._verdict: Answer | None = None
        self._chunks: list[bytes] = []
        self._wanted, self._last = 0, False

    def first_step(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        if end < 0:
            if len(data) - at > LONGEST_LINE:
                self.answer(b"500 5.5.2 line too long\r\n")
                self.close()
            return MORE
        line = data[at:end].rstrip(b"\r")
        verb = line[:4].upper()
        command = COMMANDS.get(verb)
        if command is None or len(line) > LONGEST_LINE:
            self.answer(FIXED.get(verb, b"500 5.5.2 unknown command\r\n"))
        else:
            command(self, line)
        return end + 1

    def _ehlo(self, line: bytes) -> None:
        self._forget()
        self.answer(EHLO if line[:1] in b"Ee" else b"250 carrier\r\n")

    def _auth(self, line: bytes) -> None:
        words = line.split()
        if len(words) < 2 or words[1].upper() != b"PLAIN":
            self.answer(b"504 5.5.4 only PLAIN\r\n")
        elif len(words) == 2:
            self.answer(b"334 \r\n")
            self.step = self._credentials_step
        else:
            self._credentials(words[2])

    def _credentials_step(self, data: bytes, at: int) -> int:
        end = data.find(b"\n", at)
        if end < 0:
            return MORE
        self.step = self.first_step
        self._credentials(data[at:end].strip())
        return end + 1

    def _credentials(self, encoded: bytes) -> None:
        try:
            _, name, key = binascii.a2b_base64(encoded, strict_mode=True).decode().split("\0")
        except (binascii.Error, ValueError):
            self.answer(b"501 5.5.2 cannot decode\r\n")
            return
        found = self.accounts.with_key(name, key)
        if found is not None:
            self._account = found
            self.answer(b"235 2.7.0 welcome\r\n")
            return
        self._failures += 1
        self.answer(CODES["auth_failed"].smtp)
        if self._failures >= 3:
            self.close()

    def _mail(self, line: bytes) -> None:
        address = _address(line)
        if self._account is None:
            self.answer(b"530 5.7.0 authentication required\r\n")
        elif address is None:
            self.answer(b"501 5.5.4 MAIL FROM:<address>\r\n")
        elif self._sender is not None:
            self.answer(b"503 5.5.1 one sender a message\r\n")
        elif b"SIZE=" in (parameters := address[1].upper()) and _size(parameters) > MOST_BYTES:
            self.answer(TOO_LARGE)
        else:
            self._sender = address[0]
            self._reply_to_step(self._account.behaviour.standing("mail"), b"250 2.1.0 ok\r\n", self._forget)

    def _rcpt(self, line: bytes) -> None:
        address = _address(line)
        if self._sender is None:
            self.answer(b"503 5.5.1 MAIL first\r\n")
        elif address is None or "@" not in address[0] or not address[0].isprintable():
            self.answer(b"501 5.1.3 RCPT TO:<name@domain>\r\n")
        elif len(self._recipients) >= MOST_RECIPIENTS:
            self.answer(b"452 4.5.3 too many recipients\r\n")
        else:
            self._recipients.append(address[0])
            asked = by_address(address[0]) if self.account.settings.test_addresses else None
            if asked is not None and asked.at != "rcpt":
                self._verdict, asked = asked, None
            elif asked is None:
                asked = self.account.behaviour.standing("rcpt")
            self._reply_to_step(asked, b"250 2.1.5 ok\r\n", self._recipients.pop)

    def _reply_to_step(self, answer: Answer | None, ok: bytes, undo: Callable[[], object]) -> None:
        """Answer a step of the envelope as told; a refused one is as if it had not been said."""
        if answer is None:
            self.answer(ok)
        elif answer.code:
            undo()
            self._refuse(answer)
        elif answer.kind == "slow":
            self.hold(answer.seconds, lambda: self.answer(ok))
        else:
            self.enact(answer, self.account, lambda: self.answer(ok))

    def _refuse(self, answer: Answer) -> None:
        self.account.counts["refused" if answer.kind == "refuse" else "later"] += 1
        self.answer(CODES[answer.code].smtp)
        if answer.closes:
            self.close()

    def _data(self, line: bytes) -> None:
        del line
        if not self._recipients:
            self.answer(NOBODY)
        elif self._chunks:
            self.answer(b"503 5.5.1 BDAT has begun\r\n")
        else:
            self.answer(b"354 end with <CRLF>.<CRLF>\r\n")
            self.step = self._content

    def _content(self, data: bytes, at: int) -> int:
        if self._breaks_in_the_body(data, at):
            return MORE
        end = data.find(DOT, at)
        plain = data[at : at + 1] != b"."
        if not plain or not data.startswith(DATA_END, end):
            plain = False
            end = at - 2 if data.startswith(b".\r\n", at) else data.find(DATA_END, max(end, at))
            if end < 0:
                return self._unless_too_large(len(data) - at)
        self.step = self.first_step
        raw = data[at : end + 2]
        self._finish(raw if plain else (b"\r\n" + raw).replace(DOT, b"\r\n")[2:])
        return end + len(DATA_END)

    def _bdat(self, line: bytes) -> None:
        words = line.split()
        if len(words) < 2 or not words[1].isdigit():
            self.answer(b"501 5.5.4 BDAT size [LAST]\r\n")
            self.close()
            return
        self._wanted = int(words[1])
        self._last = words[2:3] in ([b"LAST"], [b"last"])
        if self._wanted + sum(map(len, self._chunks)) > MOST_BYTES:
            self._unless_too_large(MOST_BYTES + 1)
        self.step = self._chunk

    def _chunk(self, data: bytes, at: int) -> int:
        if self._recipients and self._breaks_in_the_body(data, at):
            return MORE
        end = at + self._wanted
        if len(data) < end:
            return MORE
        self.step = self.first_step
        if not self._recipients:
            self.answer(NOBODY)
            return end
        self._chunks.append(data[at:end])
        if self._last:
            self._finish(b"".join(self._chunks))
        else:
            self.answer(b"250 2.0.0 %d bytes taken\r\n" % self._wanted)
        return end

    def _unless_too_large(self, size: int) -> int:
        if size > MOST_BYTES:
            self.answer(TOO_LARGE)
            self.close()
        return MORE

    def _breaks_in_the_body(self, data: bytes, at: int) -> bool:
        if len(data) == at:
            return False
        mishap = self._verdict if self._verdict and self._verdict.at == "body" else None
        mishap = mishap or self.account.behaviour.standing("body")
        if mishap is not None:
            self.enact(mishap, self.account, lambda: None)
        return mishap is not None

    def _finish(self, raw: bytes) -> None:
        """The whole message is here: judge it, and record it unless told otherwise."""
        account, facts = self.account, mail.facts(raw)
        verdict = (
            self._verdict
            or account.behaviour.standing("data")
            or account.behaviour.by_chance(facts.reference)
        )
        if verdict is None:
            self.answer(b"250 2.0.0 queued as %s\r\n" % self._record(account, raw, facts, "ok"))
        elif verdict.code:
            self._refuse(verdict)
            self._forget()
        elif verdict.kind == "lose":
            self._record(account, raw, facts, "lost")
            self.close()
        elif verdict.kind == "slow":
            queued = self._record(account, raw, facts, "ok")
            self.hold(verdict.seconds, lambda: self.answer(b"250 2.0.0 queued as %s\r\n" % queued))
        else:
            self.enact(
                verdict,
                account,
                lambda: self.answer(b"250 2.0.0 queued as %s\r\n" % self._record(account, raw, facts, "ok")),
            )

    def _record(self, account: Account, raw: bytes, facts: mail.Facts, answer: str) -> bytes:
        sha = hashlib.sha256(memoryview(raw)[facts.body_at :]).hexdigest()[:32]
        shift = account.settings.clock_shift if facts.shift is None else facts.shift
        sender = self._sender or ""
        queued = ""
        for to in self._recipients:
            entry = Entry(
                "smtp", facts.reference, "", 0, facts.message_id, sender, to, len(raw), sha, shift, answer
            )
            queued = account.accept(entry, raw, self.writer)
        self._forget()
        return queued.encode()

    def _rset(self, line: bytes) -> None:
        del line
        self._forget()
        self.answer(b"250 2.0.0 ok\r\n")

    def _quit(self, line: bytes) -> None:
        del line
        self.answer(b"221 2.0.0 bye\r\n")
        self.close()

    def say_goodbye(self) -> None:
        self.answer(b"421 4.3.2 carrier stops\r\n")


def _size(parameters: bytes) -> int:
    size = parameters.partition(b"SIZE=")[2].split()[0:1]
    return int(size[0]) if size and size[0].isdigit() else 0


COMMANDS: dict[bytes, Callable[[Smtp, bytes], None]] = {
    b"MAIL": Smtp._mail,
    b"RCPT": Smtp._rcpt,
    b"DATA": Smtp._data,
    b"BDAT": Smtp._bdat,
    b"EHLO": Smtp._ehlo,
    b"HELO": Smtp._ehlo,
    b"AUTH": Smtp._auth,
    b"RSET": Smtp._rset,
    b"QUIT": Smtp._quit,
}
