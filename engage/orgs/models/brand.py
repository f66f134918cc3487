"""What an org's customers see of it on our pages (T-24, H-18)."""

from __future__ import annotations

from django.db import models
from django.urls import reverse

from engage.orgs import colours
from engage.orgs.tenancy import Owned, OwnedQuerySet


class BrandQuerySet(OwnedQuerySet["Brand"]):
    def without_picture(self) -> BrandQuerySet:
        """Everything but the bytes of the logo, which only its own address needs."""
        return self.defer("logo")


class Brand(Owned):
    """An org's colour and logo. One row an org, none until something was chosen."""

    accent = models.CharField(max_length=7, blank=True, help_text="#rrggbb; empty: the product's own")
    logo = models.BinaryField(default=b"", help_text="A PNG that we drew")
    logo_digest = models.CharField(max_length=32, blank=True, help_text="Empty: no logo")
    logo_width = models.SmallIntegerField(default=0)
    logo_height = models.SmallIntegerField(default=0)

    objects = BrandQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["org"], name="one_brand_an_org")]

    def __str__(self) -> str:
        return f"brand of org {self.org_id}"

    @property
    def logo_address(self) -> str:
        """Public and unchanging: the digest in it is that of the picture. Empty without one."""
        if not self.logo_digest:
            return ""
        return reverse("brand-logo", kwargs={"org_id": self.org_id, "digest": self.logo_digest})

    @property
    def colours_address(self) -> str:
        """Of the stylesheet that the colour makes. Empty for the product's own colour."""
        if not self.accent:
            return ""
        digest = colours.digest(self.accent)
        return reverse("brand-colours", kwargs={"accent": self.accent[1:], "digest": digest})


class LandingText(Owned):
    """An org's own words on its landing page in one language. What is empty is said in the product's words."""

    language = models.CharField(max_length=10)
    heading = models.CharField(max_length=80, blank=True)
    introduction = models.TextField(max_length=500, blank=True)
    farewell = models.TextField(max_length=500, blank=True)
    revision = models.IntegerField(default=1)

    objects = OwnedQuerySet["LandingText"].as_manager()

    class Meta:
        ordering = ["language"]
        constraints = [
            models.UniqueConstraint(fields=["org", "language"], name="landing_text_once_a_language")
        ]

    def __str__(self) -> str:
        return f"landing page in {self.language}"
