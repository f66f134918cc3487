"""The files that carry Engage to another machine: pins, compose file, image, CI."""

import re
import tomllib
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from engage.local import pins
from engage.local.home import CHECKOUT

PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
PINS = (CHECKOUT / "constraints.txt").read_text().split()


def declared() -> list[Requirement]:
    lists = [
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    return [Requirement(text) for texts in lists for text in texts]


def test_pip_and_uv_are_held_to_the_same_versions() -> None:
    """Issue 2 point 1."""
    assert PROJECT["tool"]["uv"]["constraint-dependencies"] == PINS


def test_every_declared_dependency_is_pinned_exactly_and_to_a_version_it_allows() -> None:
    """After a change of dependencies: `make pins`."""
    pinned = dict(pin.split("==") for pin in PINS)

    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", pin) for pin in PINS)
    for requirement in declared():
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), requirement


def test_what_is_installed_is_what_is_pinned() -> None:
    """The tests speak for the pinned versions. (Another Python or system may need a package more.)"""
    pinned = dict(pin.split("==") for pin in PINS)

    for name, version in pins.needed(map(str, declared())).items():
        assert pinned.get(name, version) == version, f"{name}: run `make pins`"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    compose: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
    services: dict[str, Any] = compose["services"]
    return services


def test_each_part_is_a_service_of_its_own(services: dict[str, Any]) -> None:
    """Issue 2 point 2."""
    assert services.keys() == {"web", "worker", "scheduler", "migrate", "postgres", "redis", "pgbouncer"}
    assert services["pgbouncer"]["profiles"] == ["pooled"]


def test_no_secret_stands_in_the_compose_file(services: dict[str, Any]) -> None:
    """Issue 2 point 2: whatever is secret comes from the environment, and a start without it says so."""
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if re.search("SECRET|PASSWORD", name):
                assert re.fullmatch(r"\$\{\w+(:\?[^}]+)?\}", str(value)), name
            if name.startswith("DATABASE"):
                assert re.search(r"//\w+:\$\{\w+_PASSWORD(:\?[^}]+)?\}@", str(value)), name
    required = re.findall(r"\$\{(\w+):\?", (CHECKOUT / "docker-compose.yml").read_text())
    assert {"SECRET_KEY", "RUNTIME_PASSWORD", "OWNER_PASSWORD", "POSTGRES_PASSWORD"} <= set(required)


def test_every_service_that_stays_is_watched_and_none_is_root(services: dict[str, Any]) -> None:
    """Issue 2 point 2: health checks, non-root, named volumes."""
    for name, service in services.items():
        assert service["user"] not in {"root", "0", "0:0"}, name
        assert name == "migrate" or service["healthcheck"]["test"], name
        for volume in service.get("volumes", []):
            assert re.match(r"[a-z]+:/|\./engage/local/compose/", volume), volume


def test_only_migrations_know_the_owner(services: dict[str, Any]) -> None:
    """Decisions 29."""
    knowing = {
        name for name, service in services.items() if "DATABASE_OWNER_URL" in service.get("environment", {})
    }

    assert knowing == {"migrate"}


def test_the_image_runs_as_a_plain_user_and_takes_no_secret_along() -> None:
    assert re.findall(r"^USER (\w+)$", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE) == ["engage"]
    assert {".git", ".env", "var"} <= set((CHECKOUT / ".dockerignore").read_text().split())


def test_ci_runs_what_a_person_runs_and_hides_nothing() -> None:
    """Issue 2 point 2."""
    script = (CHECKOUT / ".ci" / "run").read_text()

    assert "set -euo pipefail" in script
    assert script.splitlines()[-3:] == ["make check", "make test", "make bench"]
    assert not re.search(r"\|\| true|2>|>/dev/null 2|--deselect|--ignore", script)
