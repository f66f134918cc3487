"""What a tree is read against: the org, its clock and settings, its declared attributes, the audiences it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from audiences.models import Attribute, AudienceVersion
from engage.orgs.access import Access
from engage.orgs.models import Org, OrgSettings
from engage.orgs.tenancy import org_pk

if TYPE_CHECKING:
    from audiences.segments.choices import Key, Source


class Frame:
    """Reads rows when they are first needed and keeps them; made anew for each request, run or job.

    With `access` only what a member's scope covers can be named (T-11); without, what is stored is trusted.
    """

    def __init__(
        self, org: Org | int, settings: OrgSettings, at: datetime, access: Access | None = None
    ) -> None:
        self.org_id = org_pk(org)
        self.settings = settings
        self.at = at
        self.access = access
        self.today: date = settings.today(at)
        self._attributes: dict[str, Attribute] | None = None
        self._versions: dict[int, AudienceVersion] = {}
        self._labels: dict[str, dict[Key, str]] = {}

    @property
    def params(self) -> dict[str, Any]:
        return {"org": self.org_id}

    @property
    def attributes(self) -> Mapping[str, Attribute]:
        """The declared attributes by key."""
        if self._attributes is None:
            self._attributes = {row.key: row for row in Attribute.objects.for_org(self.org_id)}
        return self._attributes

    def versions(self, ids: Iterable[int]) -> list[AudienceVersion]:
        """Versions of audiences by id, with their audience; an unknown one is left out."""
        wanted = list(ids)
        missing = [pk for pk in wanted if pk not in self._versions]
        if missing:
            rows = AudienceVersion.objects.for_org(self.org_id).filter(pk__in=missing)
            self._versions |= {row.pk: row for row in rows.select_related("audience")}
        return [self._versions[pk] for pk in wanted if pk in self._versions]

    def know(self, versions: Iterable[AudienceVersion]) -> None:
        """Versions that the caller has at hand."""
        self._versions |= {version.pk: version for version in versions}

    def labels(self, source: Source, keys: Sequence[Key]) -> Mapping[Key, str]:
        """What the source calls these keys; those that do not exist are left out."""
        known = self._labels.setdefault(source.key, {})
        missing = [key for key in keys if key not in known]
        if missing:
            known.update(source.labels(self, missing))
        return known
