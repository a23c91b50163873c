"""What one can do: one function, one transaction."""
