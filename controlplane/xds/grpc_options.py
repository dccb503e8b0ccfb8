"""How gRPC is set up: what it takes, and when it gives a connection up."""

from typing import Final

MEBIBYTE: Final = 1 << 20

CHANNEL_OPTIONS: Final = (
    # A node with 70,000 subscriptions sends 7 MB when it reconnects; gRPC's own limit is 4 MiB.
    # What one peer can make the server hold is this and a window, so it is not more than twice.
    ("grpc.max_receive_message_length", 16 * MEBIBYTE),
    ("grpc.max_send_message_length", -1),
    # Without these gRPC refuses streams at random when a thousand reconnect at once.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
    ("grpc.max_concurrent_streams", 100_000),
    # Two servers on one port would each get half of the proxies.
    ("grpc.so_reuseport", 0),
    # Clients that never finish their handshake; gRPC's own limit is 120 s.
    ("grpc.server_handshake_timeout_ms", 5_000),
    # Connections without a stream: each costs 100 kB. Envoy comes back within 30 s.
    ("grpc.max_connection_idle_ms", 60_000),
    # A dead peer is noticed within 40 s, and a peer may ping as often as Envoy's bootstrap says.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # So is one that does not read from its socket and so keeps a response in memory.
    ("grpc.http2.ping_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
)
