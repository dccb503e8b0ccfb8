"""The neutral model becomes Envoy messages and then bytes; nothing here knows what the user wrote."""
