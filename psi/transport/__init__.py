# SPDX-License-Identifier: Apache-2.0
"""
The way between two members: gRPC over TLS 1.3 with a certificate on both sides.

Only this package imports grpc. It has no plaintext mode and no option that weakens TLS.
"""

import os
from typing import Final

# grpcio has no setting for the lowest TLS version. TLS 1.3 has suites of its own, so a list that
# names one TLS 1.2 suite for RSA leaves nothing that a P-256 certificate could use below 1.3, and
# 1.2 ends in the handshake. grpc reads the variable once, so it is set before grpc is imported;
# whatever the environment said is replaced, since it could only weaken this. Should grpc have been
# imported first, `psi.transport.auth` still refuses every call that is not TLS 1.3.
_NO_SUITE_BELOW_TLS_1_3: Final = "ECDHE-RSA-AES128-GCM-SHA256"
os.environ["GRPC_SSL_CIPHER_SUITES"] = _NO_SUITE_BELOW_TLS_1_3
# The C core writes each failed handshake to stderr, where a command prints its own explanation.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
