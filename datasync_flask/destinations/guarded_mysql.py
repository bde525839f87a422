"""A PyMySQL connection that refuses servers that want the password itself."""

from __future__ import annotations

from typing import Any

from pymysql.connections import Connection
from pymysql.err import OperationalError

# Each proves that the client knows the password without sending it (MySQL manual, 8.4.1; MariaDB's ed25519).
_PROOFS = {"", "mysql_native_password", "caching_sha2_password", "client_ed25519"}
# These send the password itself; only inside TLS, where nobody on the way can read it.
_ONLY_IN_TLS = {"sha256_password"}


class WouldReveal(OperationalError):  # type: ignore[misc]  # PyMySQL has no types
    """The server asks for the password in a way that reveals it; nothing was sent."""


class GuardedConnection(Connection):  # type: ignore[misc]
    """A connection that ends if a server asks for the password in clear, or encrypted with the server's own key."""

    def _get_auth_plugin_handler(self, plugin_name: Any) -> Any:
        # Called for the greeting's plugin, and for each one that the server switches to, before an answer is sent.
        name = plugin_name.decode("ascii", "replace") if isinstance(plugin_name, bytes) else str(plugin_name)
        if self.password and name not in _PROOFS and not (name in _ONLY_IN_TLS and self._secure):
            raise WouldReveal(0, f"the server asks for {name[:40]}")
        return super()._get_auth_plugin_handler(plugin_name)

    def write_packet(self, payload: bytes) -> None:
        """Send a packet. Raises WouldReveal before a request for a public key to encrypt the password with, because
        whoever answers chooses that key.
        """
        if not self._is_in and not self._secure and self.password and bytes(payload) in {b"\x01", b"\x02"}:
            raise WouldReveal(0, "the server asks for the password encrypted with a key of its own")
        super().write_packet(payload)

    _is_in = False

    def _request_authentication(self) -> None:
        super()._request_authentication()
        self._is_in = True
