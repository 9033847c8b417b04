"""What commands take: one module a command, imported for `--help` alone, and the options that they share."""
