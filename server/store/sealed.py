"""Names that tell nothing and values that nobody else can read, for what is kept where others may look."""

import hmac
import os

from pydantic import SecretStr

NONCE = 12
TAG = 32


def named_for(secret: SecretStr, kind: str, *tenant: str) -> str:
    """Return a name under which what one tenant keeps lies, and that nobody can tell without its secret."""
    told = "\0".join((kind, *tenant)).encode()
    return f"{kind}-{hmac.digest(secret.get_secret_value().encode(), told, 'sha256')[:16].hex()}"


class Seal:
    """Keys of one tenant, derived from its secret: another tenant, or another version, finds and opens nothing of it."""

    def __init__(self, secret: SecretStr, *tenant: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derive = HKDF(SHA256(), length=96, salt=None, info="\0".join(tenant).encode()).derive
        keys = derive(secret.get_secret_value().encode())
        self._naming, self._sealing, self._signing = keys[:32], AESGCM(keys[32:64]), keys[64:]

    def name(self, kind: str, *parts: str) -> str:
        """Return the name under which a thing is kept: equal for equal parts, and telling its kind alone."""
        digest = hmac.digest(self._naming, "\0".join((kind, *parts)).encode(), "sha256")
        return f"catena-ops:{kind}:{digest[:16].hex()}"

    def close(self, name: str, value: bytes) -> bytes:
        """Return a value sealed for one name."""
        nonce = os.urandom(NONCE)
        return nonce + self._sealing.encrypt(nonce, value, name.encode())

    def close_alike(self, name: str, value: bytes) -> bytes:
        """Return a value sealed for one name, the same each time: for what is short, and told again and again."""
        nonce = self._tag(name, value)[:NONCE]
        return nonce + self._sealing.encrypt(nonce, value, name.encode())

    def open(self, name: str, sealed: bytes) -> bytes | None:
        """Return what was sealed for a name; None for anything else."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._sealing.decrypt(sealed[:NONCE], sealed[NONCE:], name.encode())
        except (InvalidTag, ValueError):
            return None

    def sign(self, name: str, value: bytes) -> bytes:
        """Return a value that stays readable, signed for one name: for what is written too often to be sealed."""
        return self._tag(name, value) + value

    def signed(self, name: str, found: bytes) -> bytes | None:
        """Return what was signed for a name; None for anything else."""
        tag, value = found[:TAG], found[TAG:]
        return value if hmac.compare_digest(tag, self._tag(name, value)) else None

    def _tag(self, name: str, value: bytes) -> bytes:
        return hmac.digest(self._signing, name.encode() + b"\0" + value, "sha256")
