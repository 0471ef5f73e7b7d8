"""What stands between this server and Catena, as real servers on loopback: an API (with TLS, too), proxies, a private CA."""

import base64
import json
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = {"access_token": "t", "expires_in": 3600, "scope": "resource_operation:read"}
PAGE: dict[str, Any] = {"items": [], "next_page": None}


class _Api(BaseHTTPRequestHandler):
    """Grants a token and lists nothing, unless the test says otherwise: (status, kind of body, body), by method."""

    says: ClassVar[dict[str, tuple[int, str, bytes]]] = {}

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        default = (200, "application/json", json.dumps(TOKEN if self.command == "POST" else PAGE).encode())
        status, kind, body = self.says.get(self.command, default)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer

    def log_message(self, *_: object) -> None: ...


@contextmanager
def _serving(server: ThreadingHTTPServer) -> Iterator[int]:
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up, as those do that do not trust a certificate."""


@contextmanager
def api(tls: ssl.SSLContext | None = None, **says: tuple[int, str, bytes]) -> Iterator[str]:
    """Serve an API on loopback and tell its address; `says` are answers by method."""
    server = _Server(("127.0.0.1", 0), type("Api", (_Api,), {"says": says}))
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    with _serving(server) as port:
        yield f"{'https' if tls else 'http'}://localhost:{port}"


class _Proxy(_Api):
    """Leads to localhost whatever host is asked for, and notes which; wants `user` where one is given."""

    user: ClassVar[str] = ""
    asked: ClassVar[list[str]]

    def _lead(self) -> None:
        wanted = "Basic " + base64.b64encode(self.user.encode()).decode()
        if self.user and self.headers.get("Proxy-Authorization") != wanted:
            return self.send_error(407, "Proxy Authentication Required")
        if self.command != "CONNECT":
            self.asked.append(self.path)
            return self._answer()
        self.asked.append(self.path)
        with socket.create_connection(("127.0.0.1", int(self.path.rpartition(":")[2]))) as target:
            self.send_response(200)
            self.end_headers()
            _copy(self.connection, target)

    do_GET = do_POST = do_CONNECT = _lead


def _copy(one: socket.socket, other: socket.socket) -> None:
    while True:
        for source in select.select([one, other], [], [])[0]:
            data = source.recv(65_536)
            if not data:
                return
            (other if source is one else one).sendall(data)


@contextmanager
def proxy(user: str = "") -> Iterator[tuple[str, list[str]]]:
    """Serve a proxy: its address, and what it was asked for."""
    asked: list[str] = []
    with _serving(_Server(("127.0.0.1", 0), type("Proxy", (_Proxy,), {"user": user, "asked": asked}))) as port:
        yield f"127.0.0.1:{port}", asked


@contextmanager
def socks() -> Iterator[tuple[str, list[str]]]:
    """Serve a SOCKS 5 proxy without sign-in that leads to localhost: its address, and the hosts it was asked for."""
    asked: list[str] = []

    def lead(one: socket.socket) -> None:
        with one:
            one.recv(2 + 255)
            one.sendall(b"\x05\x00")
            _, _, _, kind = one.recv(4)
            host = one.recv(one.recv(1)[0]).decode() if kind == 3 else str(ip_address(one.recv(4)))
            port = int.from_bytes(one.recv(2))
            asked.append(host)
            with socket.create_connection(("127.0.0.1", port)) as target:
                one.sendall(b"\x05\x00\x00\x01" + bytes(6))
                _copy(one, target)

    def accept() -> None:
        while True:
            try:
                one, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=lead, args=(one,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)


def private_ca(folder: Path, name: str = "localhost", days: int = 30) -> tuple[Path, ssl.SSLContext]:
    """Make a CA of one's own and a certificate for `name`: the CA's file, and what a server needs."""
    key, ca_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("Example Company CA", "Example Company CA", ca_key, ca_key, 30, is_ca=True)
    certificate = _certificate(name, "Example Company CA", key, ca_key, days, is_ca=False)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    chain = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return folder / "ca.pem", context


def _certificate(
    name: str,
    signer: str,
    key: ec.EllipticCurvePrivateKey,
    signing: ec.EllipticCurvePrivateKey,
    days: int,
    *,
    is_ca: bool,
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    now = datetime.now(UTC)
    build = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(signer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not is_ca:
        build = build.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return build.sign(signing, hashes.SHA256())
