"""Messages of which only the descriptor is known: found by name, read from the user's data."""
