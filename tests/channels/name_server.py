"""A name server on loopback that answers TXT and CNAME questions from tables, over UDP."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Thread

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from dns.rdatatype import CNAME

Zone = Mapping[str, list[str]]


@contextmanager
def serving(zone: Zone, *, aliases: Mapping[str, str] | None = None, mute: bool = False) -> Iterator[str]:
    """Serve this zone (name → texts, each as it stands in a zone file); gives host:port. A mute one never answers.

    Both tables may be changed while it serves.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.bind(("127.0.0.1", 0))
        server = Thread(target=_answer, args=(door, zone, aliases if aliases is not None else {}, mute))
        server.start()
        try:
            host, port = door.getsockname()
            yield f"{host}:{port}"
        finally:
            # An empty datagram ends it; closing a socket would not wake who reads it.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
                bell.sendto(b"", ("127.0.0.1", port))
            server.join()


def _answer(door: socket.socket, zone: Zone, aliases: Mapping[str, str], mute: bool) -> None:
    while True:
        packet, asker = door.recvfrom(4096)
        if not packet:
            return
        if mute:
            continue
        question = dns.message.from_wire(packet)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.AA | dns.flags.RA
        name = question.question[0].name.to_text(omit_final_dot=True)
        asks_for_alias = question.question[0].rdtype == CNAME
        if asks_for_alias and name in aliases:
            answer.answer.append(dns.rrset.from_text(name + ".", 60, "IN", "CNAME", aliases[name] + "."))
        elif not asks_for_alias and (texts := zone.get(name)):
            answer.answer.append(dns.rrset.from_text(name + ".", 60, "IN", "TXT", *texts))
        elif not any(known.endswith(name) for known in [*zone, *aliases]):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        door.sendto(answer.to_wire(), asker)
