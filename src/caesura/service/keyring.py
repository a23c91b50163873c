"""What this installation keeps secret: mailboxes' secrets, sealed under its key, and the secret of its Message-IDs."""

from collections.abc import Callable

from caesura.domain.secrets import NONCE_BYTES, Secrets, digest, open_sealed, seal


class Keyring:
    """Seals and opens; `entropy(n)` gives n random bytes. `message_secret` derives Message-IDs and links.

    `digest` names the key without telling it.
    """

    def __init__(self, secrets: Secrets, entropy: Callable[[int], bytes]) -> None:
        self.secrets = secrets
        self.message_secret = digest(secrets.pepper, b"message ids")
        self.digest = digest(secrets.pepper, b"caesura secret key")
        self._entropy = entropy

    def seal(self, workspace_id: int, name: str, plain: str, purpose: str = "mailbox") -> bytes:
        """Seals a secret of mailbox `name`: its password, or for the purpose `dkim` its key. It opens nowhere else."""
        key = self.secrets.sealing[0]
        return seal(key, self._entropy(NONCE_BYTES), plain.encode(), _context(workspace_id, name, purpose))

    def open(self, workspace_id: int, name: str, sealed: bytes, purpose: str = "mailbox") -> str:
        """Opens it again. Raises Unavailable when it was sealed elsewhere or damaged."""
        return open_sealed(self.secrets.sealing, sealed, _context(workspace_id, name, purpose)).decode()


def _context(workspace_id: int, name: str, purpose: str) -> bytes:
    return f"{purpose}\0{workspace_id}\0{name}".encode()
