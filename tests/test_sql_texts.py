"""No SQL text is made of data: what is put into one is a constant of ours, or was read by a person and stands below."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import ROOT, modules, tree

SQL = re.compile(
    r"\b(SELECT|INSERT INTO|DELETE FROM|UPDATE|CREATE|ALTER|DROP|GRANT|TRUNCATE|COPY|JOIN|WHERE|CASE WHEN|EXISTS|"
    r"ORDER BY|UNION ALL|SET LOCAL)\b"
)
RUNS = {
    "execute",
    "executemany",
    "execute_values",
    "execute_batch",
    "raw",
    "RawSQL",
    "extra",
    "copy_expert",
    "mogrify",
}
# Makes an identifier or a literal of what it is given.
QUOTES = {"quote", "quote_name", "Identifier", "Literal", "int", "len"}
# Of a request: upper case, and no constant.
TYPED = {"GET", "POST", "COOKIES", "META", "FILES"}
# Read by a person: parts of SQL that our own modules made of constants, names of columns and numbers, never of what
# somebody typed. A new one is added only after it was read in the same way.
REVIEWED: dict[str, set[str]] = {
    # Names of staged columns, which the importer chose from its own table of columns.
    "audiences/intake/staging.py": {"columns", "filled", "name"},
    # A tree compiled by the registry of fields: columns and operators of ours, every value a parameter.
    "audiences/segments/compiler.py": {"alias", "parts.source", "select", "where"},
    "audiences/segments/counting.py": {
        "base.sql",
        "columns",
        "one",
        "parts.base",
        "parts.source",
        "query.sql",
    },
    "audiences/segments/fields/facets.py": {"column"},
    "audiences/reach.py": {"chosen.sql"},
    "campaigns/dispatch/window.py": {"rows"},
    "campaigns/receipts/recording.py": {"EARLIEST.days"},
    "campaigns/funnel.py": {"judging.sql(statement('preview_funnel'))"},
    "campaigns/holding.py": {"chosen.sql", "_WRITE_DOWN.format(chosen=chosen.sql)"},
    "campaigns/judging.py": {"' OR '.join(missing)"},
    "campaigns/merge_sql.py": {"name", "position", "sql"},
    "campaigns/overlap.py": {"chosen", "rivals", "_SHARE.format(mine=chosen, other=rivals)"},
    "campaigns/preview.py": {"chosen.sql", "_WORST_FIRST.format(chosen=chosen.sql)"},
    "conversions/horizon.py": {"number", "predicate.sql"},
    "conversions/conditions.py": {
        "field.source",
        "name",
        "operator.sql.format(v='s.v', p=name)",
        "test",
        "value",
    },
    # Set up by the operator's own command, before anybody signs in.
    "engage/local/roles.py": {"database", "why"},
    "engage/orgs/migration_ops.py": {"name"},
}


def is_ours(value: ast.expr) -> bool:
    """Whether an expression is a literal, a module's constant, or joined or quoted from such."""
    match value:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name.isupper()
        case ast.Attribute(attr=name):
            return (name.isupper() and name not in TYPED) or (name == "value" and is_ours(value.value))
        case ast.Subscript(value=inner):
            return is_ours(inner)
        case ast.JoinedStr(values=parts):
            return all(is_ours(part.value) for part in parts if isinstance(part, ast.FormattedValue))
        case ast.BinOp(left=left, right=right):
            return is_ours(left) and is_ours(right)
        case ast.IfExp(body=body, orelse=other):
            return is_ours(body) and is_ours(other)
        case ast.Call(func=ast.Name(id=name), args=args):
            return name in QUOTES or (name == "sorted" and all(map(is_ours, args)))
        case ast.Call(func=ast.Attribute(attr="join"), args=[ast.GeneratorExp(generators=loops)]):
            return all(is_ours(loop.iter) for loop in loops)
        case ast.Call(func=ast.Attribute(attr="SQL"), args=args):
            return all(map(is_ours, args))
        case ast.Call(func=ast.Attribute(attr=name, value=inner), args=args, keywords=named):
            given = [*args, *(keyword.value for keyword in named)]
            if name in QUOTES:
                return True
            return (
                name in {"format", "replace", "join", "items"} and is_ours(inner) and all(map(is_ours, given))
            )
    return False


def inserted(node: ast.AST, other_texts: set[str]) -> Iterator[ast.expr]:
    """What is put into an SQL text here, by whichever way of formatting; `other_texts` are constants that are none."""
    match node:
        case ast.JoinedStr(values=parts) if _reads_as_sql(node):
            yield from (part.value for part in parts if isinstance(part, ast.FormattedValue))
        case ast.Call(func=ast.Attribute(attr="format", value=text), args=args, keywords=named) if (
            _reads_as_sql(text) or _names_a_text(text, other_texts)
        ):
            yield from (*args, *(keyword.value for keyword in named))
        case ast.BinOp(op=ast.Mod() | ast.Add(), left=left, right=right) if _reads_as_sql(
            left
        ) or _reads_as_sql(right):
            yield from (left, right)


def _names_a_text(node: ast.expr, other_texts: set[str]) -> bool:
    """A constant, here or of another module, or a file of SQL."""
    match node:
        case ast.Name(id=name):
            return name.isupper() and name not in other_texts
        case ast.Attribute(attr=name):
            return name.isupper() or name == "sql"
        case ast.Call(func=ast.Name(id="statement")):
            return True
    return False


def _reads_as_sql(node: ast.AST) -> bool:
    parts: list[ast.AST] = [*node.values] if isinstance(node, ast.JoinedStr) else [node]
    return any(
        isinstance(p, ast.Constant) and isinstance(p.value, str) and SQL.search(p.value) for p in parts
    )


def texts_that_run(node: ast.AST) -> Iterator[ast.expr]:
    """The text that a call hands to the database."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in RUNS and node.args:
            yield node.args[1] if name.startswith("execute_") and len(node.args) > 1 else node.args[0]


def loose(path: Path) -> set[str]:
    found: set[str] = set()
    module = tree(path)
    texts: dict[str, ast.expr] = {}
    for line in module.body:
        if isinstance(line, ast.Assign | ast.AnnAssign) and isinstance(
            line.value, ast.Constant | ast.JoinedStr
        ):
            names = line.targets if isinstance(line, ast.Assign) else [line.target]
            texts |= {name.id: line.value for name in names if isinstance(name, ast.Name)}
    others = {name for name, text in texts.items() if not _reads_as_sql(text)}
    for node in ast.walk(module):
        found |= {ast.unparse(value) for value in inserted(node, others) if not is_ours(value)}
        for text in texts_that_run(node):
            if isinstance(text, ast.Call | ast.BinOp) and not is_ours(text):
                found.add(ast.unparse(text))
    return found


def test_no_sql_text_is_formatted_from_data() -> None:
    """Q-27"""
    found = {str(path.relative_to(ROOT)): loose(path) for path in modules()}
    unread = {path: sorted(texts - REVIEWED.get(path, set())) for path, texts in found.items()}
    assert {path: texts for path, texts in unread.items() if texts} == {}


@pytest.mark.parametrize(
    "line",
    [
        "cursor.execute(f\"SELECT * FROM orgs_org WHERE name = '{name}'\")",
        "cursor.execute(\"SELECT * FROM orgs_org WHERE name = '%s'\" % name)",
        'cursor.execute("SELECT * FROM orgs_org WHERE name = \'" + request.GET["name"] + "\'")',
        'cursor.execute("SELECT * FROM orgs_org WHERE name = {}".format(form.cleaned_data["name"]))',
        'sql = f"SELECT 1 FROM orgs_org ORDER BY {order}"',
        "cursor.execute(made_of(name))",
        'TEXT = "SELECT 1 WHERE {where}"\nTEXT.format(where=where)',
        'Org.objects.raw(f"SELECT * FROM orgs_org WHERE id = {request.pk}")',
    ],
)
def test_every_way_of_formatting_is_seen(tmp_path: Path, line: str) -> None:
    """Q-27: the check itself would fail for each of them."""
    module = tmp_path / "door.py"
    module.write_text(line, encoding="utf-8")
    assert loose(module)


def test_parameters_and_constants_may_stand_in_a_text(tmp_path: Path) -> None:
    module = tmp_path / "door.py"
    module.write_text(
        'cursor.execute("SELECT 1 FROM orgs_org WHERE name = %(name)s", {"name": name})\n'
        'cursor.execute(f"SELECT {COLUMNS} FROM orgs_org WHERE {reachability.STATE} = %s", [state])\n',
        encoding="utf-8",
    )
    assert loose(module) == set()
