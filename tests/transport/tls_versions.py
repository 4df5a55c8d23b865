# SPDX-License-Identifier: Apache-2.0
"""
Which TLS versions a server speaks: one line a version, `TLSv1_2 refused` or `TLSv1_3 accepted`.

Run as a process of its own, since grpc reads its settings when it is first imported.
"""

import socket
import ssl

from transport.support import Member, Running, trusted

from psi.transport.probe import _context


def main() -> None:
    acme, beta = Member.make("acme-corp"), Member.make("beta-bank")
    with Running(beta, trusted(acme, beta)) as running:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = _context(acme)
            context.minimum_version = context.maximum_version = version
            with socket.create_connection(("127.0.0.1", running.port), 5) as plain:
                print(version.name, "accepted" if gets_in(context, plain) else "refused")


def gets_in(context: ssl.SSLContext, plain: socket.socket) -> bool:
    try:
        with context.wrap_socket(plain) as secure:
            return bool(secure.recv(1))
    except OSError:
        return False


if __name__ == "__main__":
    main()
