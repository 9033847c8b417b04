"""The user's own playbooks around a bootstrap and before a cleanup: their texts, their runs, how those end. Pure."""
