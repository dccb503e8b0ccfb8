"""What of a proxy matters to what it is to have."""
