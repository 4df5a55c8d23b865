# SPDX-License-Identifier: Apache-2.0
"""
The cryptography of docs/protocol.md in plain Python: the oracle of the kernels' tests.

It follows the pseudocode of RFC 9496, 9380 and 9497 line by line, with Python's integers and
hashlib, and shares nothing with the kernels. It is slow and not constant time, and never shipped.
"""
