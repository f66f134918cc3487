"""The one-command start: embedded servers, their guardian, and the supervisor behind `engage up`."""
