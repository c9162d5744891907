"""What writes the reference pages."""
