"""The serving role owns nothing and bypasses nothing: checked before anything is served."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import connection

_ROLE = """
SELECT r.rolsuper OR r.rolbypassrls,
       EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'public'::regnamespace),
       EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid),
       r.rolname
FROM pg_roles r WHERE r.rolname = current_user
"""


def refuse_powerful_role() -> None:
    """Raise `ImproperlyConfigured` when the connected role could step over the tenants' walls."""
    with connection.cursor() as cursor:
        cursor.execute(_ROLE)
        bypasses, owns, inherits, name = cursor.fetchone()
    if bypasses or owns or inherits:
        raise ImproperlyConfigured(
            f"The database role “{name}” may bypass row-level security, owns tables or belongs to another role. "
            "DATABASE_URL must name the runtime role; migrations use DATABASE_OWNER_URL."
        )
