"""What people would use instead, as processes of their own."""
