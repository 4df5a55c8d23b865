# SPDX-License-Identifier: Apache-2.0
"""The answering side's keys: one for each client and epoch (docs/protocol.md, section 4)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from psi.crypto.blinding import PAIRWISE_LABEL
from psi.crypto.keys import key_seed, pad_key
from psi.crypto.signing import Signer, verify_signature
from psi.crypto.voprf import derive_key_pair
from psi.errors import RefusedError, VerifyError
from psi.protocol.ledger import Ledger
from psi.protocol.messages import KeyCert, Signed
from psi.protocol.sizes import epoch_bounds

__all__ = ["ServerKey", "ServerKeys", "prefix_of"]

_KEY_INFO: Final = b"OVL1-P"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKey:
    """The key of one client in one epoch, with the promise that was signed for it."""

    private_key: bytes = field(repr=False)
    pad_key: bytes = field(repr=False)
    cert: Signed[KeyCert]

    @property
    def prefix(self) -> bytes:
        """What stands before every indicator in the PRF input: label and scope."""
        return prefix_of(self.cert.body)


def prefix_of(cert: KeyCert) -> bytes:
    """`"OVL1-P" || scope`, with `scope = SHA256(encoding of KeyCert)`."""
    return PAIRWISE_LABEL + hashlib.sha256(cert.encode()).digest()


class ServerKeys:
    """Derives keys from the epoch's master and issues each certificate once."""

    def __init__(
        self,
        *,
        server: str,
        signer: Signer,
        master_of: Callable[[int], bytes],
        ledger: Ledger,
        epoch_seconds: int,
    ) -> None:
        """
        Args:
            master_of: The master of an epoch, 32 secret bytes; raises for an epoch that ended.
        """
        self._server = server
        self._signer = signer
        self._master_of = master_of
        self._ledger = ledger
        self._epoch_seconds = epoch_seconds
        self._cache: dict[tuple[str, int], ServerKey] = {}

    def of(self, client: str, epoch: int, profile_digest: bytes) -> ServerKey:
        """
        The key for this client; its certificate is stored before it is first used.

        Raises:
            RefusedError: The certificate of this epoch was made under other matching rules or
                another master; a new one waits for the next epoch (docs/protocol.md, 4).
        """
        key = self._cache.get((client, epoch))
        if key is None:
            key = self._derive(client, epoch, profile_digest)
            self._cache[client, epoch] = key
        if key.cert.body.profile_digest != profile_digest:
            raise RefusedError(
                "the keys of this period were made under other matching rules",
                slug="rules-differ",
                hint="the rules in policy.toml take effect with the next period",
                detail={"renews_at": key.cert.body.not_after},
            )
        return key

    def forget_before(self, epoch: int) -> None:
        """Drop the keys of ended epochs."""
        self._cache = {k: v for k, v in self._cache.items() if k[1] >= epoch}

    def _derive(self, client: str, epoch: int, profile_digest: bytes) -> ServerKey:
        master = self._master_of(epoch)
        pair = derive_key_pair(key_seed(master, self._server, client, epoch), _KEY_INFO)
        cert = self._ledger.key_cert(client, epoch)
        if cert is None:
            cert = self._issue(client, epoch, pair.public_key, profile_digest)
        if cert.body.pk != pair.public_key:
            raise RefusedError(
                "the master key of this period was lost; a new one waits for the next period",
                slug="state-damaged",
                detail={"renews_at": cert.body.not_after},
            )
        if not self._is_ours(cert):
            # The identity key was replaced since: the same promise, in the new name.
            cert = Signed(cert.body, self._signer.sign(KeyCert.NAME, cert.body.encode()))
        return ServerKey(
            private_key=pair.private_key,
            pad_key=pad_key(master, self._server, client, epoch),
            cert=cert,
        )

    def _is_ours(self, cert: Signed[KeyCert]) -> bool:
        try:
            key = self._signer.public_key
            verify_signature(key, KeyCert.NAME, cert.body.encode(), cert.signature)
        except VerifyError:
            return False
        return True

    def _issue(self, client: str, epoch: int, pk: bytes, profile_digest: bytes) -> Signed[KeyCert]:
        not_before, not_after = epoch_bounds(epoch, self._epoch_seconds)
        body = KeyCert(
            server=self._server,
            client=client,
            epoch=epoch,
            pk=pk,
            not_before=not_before,
            not_after=not_after,
            profile_digest=profile_digest,
        )
        signature = self._signer.sign(KeyCert.NAME, body.encode())
        return self._ledger.issue_key_cert(Signed(body, signature))
