"""One HTTP request, on a connection of its own: webhooks, and the visits of people who open and click."""

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

TIMEOUT = 30.0
MOST_READ = 65536
AS_IT_IS = "/%?&=+,;:@!$'()*~#[]-._"


class NoAnswer(Exception):
    """There was none within the time, or not in HTTP."""


async def fetch(method: str, url: str, *, headers: Mapping[str, str], body: bytes = b"") -> int:
    """The status of the answer; redirects are not followed."""
    try:
        async with asyncio.timeout(TIMEOUT):
            return await _exchange(method, url, headers=headers, body=body)
    except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError) as error:
        raise NoAnswer(f"{url}: {error!r}") from None


async def _exchange(method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> int:
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in {"http", "https"}:
        raise ValueError("not an http(s) address")
    secure = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=secure, limit=MOST_READ)
    try:
        target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=AS_IT_IS)
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {parts.netloc.rpartition('@')[2]}",
            "Connection: close",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        version, status, *_ = (await reader.readuntil(b"\r\n")).split(b" ")
        if not version.startswith(b"HTTP/1."):
            raise ValueError("not an HTTP answer")
        while await reader.read(MOST_READ):
            continue
        return int(status)
    finally:
        writer.close()
