"""What this installation keeps secret: mailbox passwords sealed under its key, and the secret of its Message-IDs."""

from collections.abc import Callable

from caesura.domain.secrets import NONCE_BYTES, Secrets, digest, open_sealed, seal


class Keyring:
    """Seals and opens; `entropy(n)` gives n random bytes. `message_secret` derives Message-IDs and links."""

    def __init__(self, secrets: Secrets, entropy: Callable[[int], bytes]) -> None:
        self.secrets = secrets
        self.message_secret = digest(secrets.pepper, b"message ids")
        self._entropy = entropy

    def seal(self, workspace_id: int, name: str, plain: str) -> bytes:
        """Seals the password of mailbox `name`; the blob opens nowhere else."""
        key = self.secrets.sealing[0]
        return seal(key, self._entropy(NONCE_BYTES), plain.encode(), _context(workspace_id, name))

    def open(self, workspace_id: int, name: str, sealed: bytes) -> str:
        """Opens it again. Raises Unavailable when it was sealed elsewhere or damaged."""
        return open_sealed(self.secrets.sealing, sealed, _context(workspace_id, name)).decode()


def _context(workspace_id: int, name: str) -> bytes:
    return f"mailbox\0{workspace_id}\0{name}".encode()
