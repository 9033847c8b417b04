"""Bootstrap data that is a template: rendered as cloud-init renders it, with what the host says of itself. Pure."""
