"""`python -m engage.local.carrier`: see docs/carrier.md."""

import argparse
import asyncio
import gc
import logging
import sys
from pathlib import Path

from engage.local.carrier.behaviour import BadSetting
from engage.local.carrier.carrier import Carrier, Unable, lock_home


async def serve(arguments: argparse.Namespace) -> None:
    carrier = Carrier(arguments.home, fsync=arguments.fsync)
    await carrier.run(arguments.host, smtp_port=arguments.smtp_port, http_port=arguments.http_port)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m engage.local.carrier", description="The sandbox carrier."
    )
    parser.add_argument(
        "--home", type=Path, required=True, help="where accounts, ledgers and messages are kept"
    )
    parser.add_argument("--smtp-port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--http-port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--fsync", action="store_true", help="acceptance survives a loss of power, too")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="carrier: %(message)s", stream=sys.stdout)
    try:
        lock_home(arguments.home)
        gc.set_threshold(50_000, 20, 100)  # messages make no cycles; looking for them costs time
        asyncio.run(serve(arguments))
    except (Unable, BadSetting, OSError) as error:
        logging.getLogger("carrier").error("%s", error)  # noqa: TRY400 (one line that says what to do)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
