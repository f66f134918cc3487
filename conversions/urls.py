"""Goals of campaigns and the org's default."""

from django.urls import path

from conversions import views

ORG = "o/<slug:org>/"

urlpatterns = [
    path(f"{ORG}campaigns/new/goal/", views.goal_panel, name="goal-panel-new"),
    path(f"{ORG}campaigns/new/goal/edit/", views.goal_edit, name="goal-edit-new"),
    path(f"{ORG}campaigns/<int:pk>/goal/", views.goal_panel, name="goal-panel"),
    path(f"{ORG}campaigns/<int:pk>/goal/edit/", views.goal_edit, name="goal-edit"),
    path(f"{ORG}campaigns/<int:pk>/goal/change/", views.goal_change, name="goal-change"),
    path(f"{ORG}settings/goal/", views.default_goal, name="settings-goal"),
    path(f"{ORG}settings/goal/remove/", views.default_goal_remove, name="settings-goal-remove"),
]
