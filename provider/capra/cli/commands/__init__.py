"""What commands do: one module a command."""
