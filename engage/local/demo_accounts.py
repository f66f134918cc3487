"""Who signs in to the demo: shown by `engage up`, made by `engage load-demo`. Real nowhere else."""

from dataclasses import dataclass

JOB_KIND = "demo"
PASSWORD = "engage-demo-2026"  # noqa: S105  printed on purpose; the demo has no other secret


@dataclass(frozen=True)
class DemoAccount:
    """`role` as it is shown, `role_key` of the ready-made role; `also` are further tenants with the same role."""

    email: str
    name: str
    role: str
    role_key: str
    tenant: str
    also: tuple[str, ...] = ()


ACCOUNTS = (
    DemoAccount("asha@northline.example", "Asha Rao", "Admin", "admin", "Northline", also=("Verde",)),
    DemoAccount("mira@northline.example", "Mira Novak", "Marketer", "marketer", "Northline"),
    DemoAccount("arun@northline.example", "Arun Mehta", "Approver", "approver", "Northline"),
    DemoAccount("ana@northline.example", "Ana Silva", "Analyst", "analyst", "Northline"),
    DemoAccount("omar@northline.example", "Omar Haddad", "Operations", "ops", "Northline"),
    DemoAccount("luis@verde.example", "Luis Ortega", "Admin", "admin", "Verde"),
)
