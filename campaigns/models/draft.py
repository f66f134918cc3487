"""What somebody typed into a form and has not saved yet (C-01, Q-36)."""

from __future__ import annotations

from django.db import models

from engage.orgs.tenancy import Owned, OwnedQuerySet


class FormDraft(Owned):
    """The fields of one person's unsaved form, as posted. `form` names the form and its object: `campaign:12`."""

    user = models.ForeignKey("orgs.User", on_delete=models.CASCADE, related_name="+")
    form = models.CharField(max_length=40)
    fields = models.JSONField(default=dict)
    saved_at = models.DateTimeField()

    objects = OwnedQuerySet["FormDraft"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org", "user", "form"], name="one_draft_a_form")]

    def __str__(self) -> str:
        return f"draft of {self.form}"
