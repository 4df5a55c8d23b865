# SPDX-License-Identifier: Apache-2.0
"""
The settings of both sides' connections (docs/reliability.md, section 2).

Times are milliseconds where grpc's names end in `_ms`.
"""

from typing import Final

__all__ = ["CALL_DEADLINE_S", "MAX_MESSAGE_BYTES", "SERVER_OPTIONS", "client_options"]

Options = tuple[tuple[str, int | str], ...]

CALL_DEADLINE_S: Final = 15.0
MAX_MESSAGE_BYTES: Final = 2**20
_MAX_METADATA_BYTES: Final = 8 * 1024

_BOTH: Final[Options] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
    # Blinded elements do not compress, and a compressed message could unfold to any size.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Without it a stopped peer is noticed only after more than a minute.
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)

SERVER_OPTIONS: Final[Options] = (
    *_BOTH,
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    # A client has four calls in flight; more would only hold threads.
    ("grpc.max_concurrent_streams", 8),
    ("grpc.max_connection_idle_ms", 300_000),
    # A member that holds calls open without sending them is cut off in the end.
    ("grpc.max_connection_age_ms", 900_000),
    ("grpc.max_connection_age_grace_ms", 30_000),
    ("grpc.server_handshake_timeout_ms", 10_000),
    # About 60 KB each; enough for every member of an alliance many times over.
    ("grpc.max_allowed_incoming_connections", 2_048),
    # Two servers on one port would share its calls between them without anyone noticing.
    ("grpc.so_reuseport", 0),
)


def client_options(target_name: str) -> Options:
    """The settings of a channel to the server whose certificate has this DNS name."""
    return (
        *_BOTH,
        ("grpc.ssl_target_name_override", target_name),
        # grpc would follow `http_proxy` by itself, even to loopback.
        ("grpc.enable_http_proxy", 0),
        # Retries are ours: the same bytes, counted and named.
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        # A channel of its own connection, not one shared with whoever calls the same address.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 250),
        ("grpc.min_reconnect_backoff_ms", 10_000),
        ("grpc.max_reconnect_backoff_ms", 4_000),
    )
