"""What applies to a destination or a server: rules, credentials."""
