"""The house's own law, as checks that fail."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.urls import URLPattern, URLResolver, get_resolver

from engage.orgs.tenancy import WITHOUT_POLICY

ROOT = Path(__file__).resolve().parent.parent
APPS = ("engage", "audiences", "channels", "campaigns", "conversions", "reporting")
DOORS = {"views", "doors", "webhooks", "tasks"}
FORBIDDEN_NAMES = {"services", "utils", "helpers", "misc", "common"}


def modules() -> list[Path]:
    found = [path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts]
    assert len(found) > 60
    return found


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def test_no_module_is_longer_than_500_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*modules(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 500
    }
    assert long == {}


def test_modules_are_named_for_their_idea() -> None:
    assert [path for path in modules() if path.stem in FORBIDDEN_NAMES] == []


def test_imports_stand_at_the_top() -> None:
    """A hidden import is a layering fault; only an app's `ready()` and a command's may wait for the models."""
    hidden = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in modules()
        if path.name != "apps.py"
        for function in ast.walk(tree(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def _assignments(path: Path, attribute: str) -> Iterator[int]:
    for node in ast.walk(tree(path)):
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AugAssign | ast.AnnAssign)
            else []
        )
        for target in targets:
            names = target.elts if isinstance(target, ast.Tuple) else [target]
            for name in names:
                if (
                    isinstance(name, ast.Attribute)
                    and name.attr == attribute
                    and isinstance(name.value, ast.Name)
                    and name.value.id in {"message", "locked"}
                ):
                    yield node.lineno


def test_a_messages_status_is_assigned_in_the_lifecycle_only() -> None:
    """C-19"""
    elsewhere = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules()
        if path.parts[-2:-1] != ("lifecycle",) and path.name != "lifecycle.py"
        for line in _assignments(path, "status")
    ]
    assert elsewhere == []


def _chain(node: ast.expr) -> list[str]:
    """`Model.objects.for_org(x).filter(y)` → ["Model", "objects", "for_org", "filter"]."""
    names: list[str] = []
    while True:
        if isinstance(node, ast.Call):
            node = node.func
        elif isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        elif isinstance(node, ast.Name):
            names.append(node.id)
            return names[::-1]
        else:
            return []


TENANT_MODELS = {
    model.__name__
    for model in apps.get_models()
    if model._meta.db_table not in WITHOUT_POLICY and any(field.name == "org" for field in model._meta.fields)
}
WRITES = {"create", "bulk_create"}


def test_reads_of_tenant_models_at_a_door_begin_with_for_org() -> None:
    """T-01, Q-09"""
    assert len(TENANT_MODELS) > 30
    loose = []
    for path in modules():
        if not DOORS & {path.stem, *path.relative_to(ROOT).parts}:
            continue
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call | ast.Attribute):
                continue
            chain = _chain(node)
            of_a_tenant = len(chain) > 2 and chain[0] in TENANT_MODELS and chain[1] == "objects"
            if of_a_tenant and chain[2] not in {"for_org", *WRITES}:
                loose.append(f"{path.relative_to(ROOT)}:{node.lineno} {'.'.join(chain)}")
    assert loose == []


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, prefix + str(entry.pattern))
        else:
            yield prefix + str(entry.pattern), entry


def test_every_page_of_an_org_goes_through_its_door() -> None:
    """T-11, Q-09"""
    org_pages = [
        (route, entry) for route, entry in _patterns(get_resolver()) if route.startswith("o/<slug:org>/")
    ]
    assert len(org_pages) > 15
    without = [route for route, entry in org_pages if not hasattr(entry.callback, "right")]
    assert without == []


@pytest.mark.parametrize("word", [".min.js", ".min.css", "node_modules"])
def test_nothing_third_party_lies_in_our_folders(word: str) -> None:
    ours = [*(ROOT / "static").rglob("*"), *(ROOT / "templates").rglob("*")]
    assert ours
    assert [path for path in ours if word in str(path)] == []
