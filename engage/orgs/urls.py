"""Sign-in, accounts, the switcher, settings, people, audit, jobs."""

from django.urls import path

from engage.orgs import kit
from engage.orgs.views import account, api, brand, home, people, settings, trail

ORG = "o/<slug:org>/"

urlpatterns = [
    path("", home.home, name="home"),
    path("sign-in/", account.sign_in, name="sign-in"),
    path("sign-in/code/", account.sign_in_code, name="sign-in-code"),
    path("sign-out/", account.sign_out, name="sign-out"),
    path("prove/", account.prove, name="prove"),
    path("kit/", kit.kit, name="kit"),
    path("account/", account.account, name="account"),
    path("account/password/", account.change_password, name="change-password"),
    path("account/codes/", account.set_up_codes, name="set-up-codes"),
    path("account/codes/off/", account.turn_off_codes, name="turn-off-codes"),
    path("invitation/<str:token>/", account.invitation, name="invitation"),
    path("api/v1/me", api.me, name="api-me"),
    path(ORG, home.org_home, name="org-home"),
    path(f"{ORG}filling/", home.filling, name="filling"),
    path(f"{ORG}settings/", settings.overview, name="settings"),
    path(f"{ORG}settings/general/", settings.general, name="settings-general"),
    path(f"{ORG}settings/brand/", brand.page, name="settings-brand"),
    path(f"{ORG}settings/brand/logo/", brand.logo, name="settings-logo"),
    path(f"{ORG}settings/brand/logo/remove/", brand.logo_remove, name="settings-logo-remove"),
    path(f"{ORG}settings/brand/reset/", brand.reset, name="settings-brand-reset"),
    path(f"{ORG}settings/switches/", settings.switches, name="settings-switches"),
    path(f"{ORG}settings/keys/", settings.keys, name="settings-keys"),
    path(f"{ORG}settings/keys/<int:pk>/revoke/", settings.key_revoke, name="settings-key-revoke"),
    path(f"{ORG}settings/members/", people.member_list, name="members"),
    path(f"{ORG}settings/members/invite/", people.invite, name="member-invite"),
    path(f"{ORG}settings/members/<int:pk>/", people.member_edit, name="member"),
    path(f"{ORG}settings/members/<int:pk>/status/", people.member_status, name="member-status"),
    path(f"{ORG}settings/invitations/<int:pk>/", people.invitation_change, name="invitation-change"),
    path(f"{ORG}settings/roles/", people.role_list, name="roles"),
    path(f"{ORG}settings/roles/new/", people.role_edit, name="role-new"),
    path(f"{ORG}settings/roles/<int:pk>/", people.role_edit, name="role"),
    path(f"{ORG}settings/units/", people.unit_list, name="units"),
    path(f"{ORG}settings/units/new/", people.unit_edit, name="unit-new"),
    path(f"{ORG}settings/units/<int:pk>/", people.unit_edit, name="unit"),
    path(f"{ORG}settings/audit/", trail.audit_log, name="audit"),
    path(f"{ORG}settings/audit/verify/", trail.audit_verify, name="audit-verify"),
    path(f"{ORG}jobs/", trail.job_list, name="jobs"),
    path(f"{ORG}jobs/<int:pk>/", trail.job_page, name="job"),
    path(f"{ORG}jobs/<int:pk>/cancel/", trail.job_cancel, name="job-cancel"),
    path(f"{ORG}jobs/<int:pk>/files/<slug:which>/", trail.job_file, name="job-file"),
]
