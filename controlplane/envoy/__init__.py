"""The neutral model becomes Envoy messages, then bytes; nothing here knows what the user wrote."""
