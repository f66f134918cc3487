"""Who signs in to the demo: shown by `engage up`, made by `engage load-demo`. Real nowhere else."""

from dataclasses import dataclass

PASSWORD = "engage-demo-2026"  # noqa: S105  printed on purpose; the demo has no other secret


@dataclass(frozen=True)
class DemoAccount:
    email: str
    role: str
    tenant: str


ACCOUNTS = (
    DemoAccount("asha@northline.example", "Admin", "Northline"),
    DemoAccount("mira@northline.example", "Marketer", "Northline"),
    DemoAccount("arun@northline.example", "Approver", "Northline"),
    DemoAccount("ana@northline.example", "Analyst", "Northline"),
    DemoAccount("omar@northline.example", "Operations", "Northline"),
    DemoAccount("luis@verde.example", "Admin", "Verde"),
)
