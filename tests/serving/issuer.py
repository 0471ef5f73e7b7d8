"""An issuer of tokens as a real HTTP server with real keys: metadata, keys, and tokens for programs by client credentials."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

AUDIENCE = "http://127.0.0.1:8000/mcp"
MAKE: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class Issuer:
    """Signs tokens; `asked` are the paths it was asked for, `clients` secrets and claims of programs by id."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.keys: dict[str, tuple[str, Any]] = {}
        self.asked: list[str] = []
        self.clients: dict[str, tuple[str, dict[str, Any]]] = {}
        self.audience = AUDIENCE
        self.away = False
        self.rotate("k1", "ES256")

    def rotate(self, kid: str, algorithm: str, *, keep: bool = False) -> None:
        """Sign with a new key from now on."""
        self.keys = {**(self.keys if keep else {}), kid: (algorithm, MAKE[algorithm]())}
        self.kid = kid

    def token(self, *, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Sign a token; claims replace those of a good one, None leaves one out."""
        kid = self.kid
        algorithm, key = self.keys[kid]
        now = int(time.time())
        good = {"iss": self.address, "aud": self.audience, "sub": "dana", "client_id": "chat", "scope": "ops:read", "iat": now, "exp": now + 300}  # fmt: skip
        told = {name: value for name, value in (good | claims).items() if value is not None}
        about = {name: value for name, value in ({"kid": kid} | (headers or {})).items() if value is not None}
        return jwt.encode(told, key, algorithm, about)

    def jwks(self) -> dict[str, Any]:
        """Return the public keys."""
        return {"keys": [self._public(kid) for kid in self.keys]}

    def _public(self, kid: str) -> dict[str, Any]:
        algorithm, key = self.keys[kid]
        told: dict[str, Any] = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
        return told | {"kid": kid, "use": "sig", "alg": algorithm}

    def metadata(self) -> dict[str, Any]:
        """Return what clients and servers learn of it."""
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        }

    def granted(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Return the token of a program that names itself and its secret; None where it does not."""
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        known, claims = self.clients.get(name, ("", {}))
        if not secret or secret != known:
            return None
        scope = form.get("scope", "")
        token = self.token(**{"sub": name, "client_id": name, "scope": scope, "aud": form.get("resource")} | claims)
        return {"access_token": token, "token_type": "Bearer", "expires_in": 300, "scope": scope}


@contextmanager
def issuing() -> Iterator[Issuer]:
    """Run an issuer on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            told = {"/.well-known/openid-configuration": issuer.metadata, "/jwks": issuer.jwks}.get(self.path)
            self._say(503 if issuer.away else 200 if told else 404, told() if told and not issuer.away else {})

        def do_POST(self) -> None:
            issuer.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            granted = issuer.granted(form, self.headers.get("authorization", "")) if self.path == "/token" else None
            self._say(200 if granted else 401, granted or {"error": "invalid_client"})

        def _say(self, status: int, told: dict[str, Any]) -> None:
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
