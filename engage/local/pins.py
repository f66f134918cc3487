"""`make pins`: write the exact versions that are installed here into constraints.txt and pyproject.toml.

pip reads the first, uv the second; a test keeps them equal. Only what the project needs is pinned, not what else
happens to be installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from itertools import chain

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from engage.local.home import CHECKOUT


def needed(declared: Iterable[str]) -> dict[str, str]:
    """Name → installed version of all that these requirements ask for, directly or not."""
    waiting = [(Requirement(text), "") for text in declared]
    seen: set[tuple[str, str]] = set()
    versions: dict[str, str] = {}
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            raise SystemExit(f"{name} is needed but not installed: run `make deps` first") from None
        versions[name] = found.version
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(Requirement(text), wanted) for text in found.requires or []]
    return versions


def with_pins(pyproject: str, pins: list[str]) -> str:
    """The text of pyproject.toml with its list of constraints replaced."""
    block = "constraint-dependencies = [\n" + "".join(f'    "{pin}",\n' for pin in pins) + "]\n"
    return re.sub(r"constraint-dependencies = \[\n.*?\]\n", lambda _: block, pyproject, flags=re.DOTALL)


def main() -> None:
    path = CHECKOUT / "pyproject.toml"
    text = path.read_text()
    project = tomllib.loads(text)
    optional = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    versions = needed(chain(project["project"]["dependencies"], *optional, *groups))
    pins = [f"{name}=={version}" for name, version in sorted(versions.items())]
    (CHECKOUT / "constraints.txt").write_text("\n".join(pins) + "\n")
    path.write_text(with_pins(text, pins))
    sys.stdout.write(f"{len(pins)} packages pinned\n")


if __name__ == "__main__":
    main()
