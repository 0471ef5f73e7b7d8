"""Why no answer came: the network's errors in words that name the setting and the next step, never query or headers."""

import errno
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from ..errors import CatenaError, Unreachable, Unreadable, Untrusted
from .network import proxy_told
from .wire import NOT_JSON

EXPIRED, NOT_YET, OTHER_NAME, OTHER_ADDRESS = 10, 9, 62, 64
"""OpenSSL's numbers of what is wrong with a certificate; all others tell that its signer is not known."""


class network_as_ours:
    """Turn httpx's transport errors into ours; all but `token_url` is asked of CATENA_BASE_URL."""

    def __init__(self, token_url: str) -> None:
        self._token_url = httpx.URL(token_url)

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        if isinstance(exc, httpx.HTTPError):
            of_token = exc.request.url == self._token_url
            raise unanswered(exc, "CATENA_TOKEN_URL" if of_token else "CATENA_BASE_URL") from exc
        if isinstance(exc, httpx.InvalidURL):
            raise Unreachable(
                "The request has no address that can be asked: CATENA_BASE_URL or CATENA_TOKEN_URL is none, or an "
                "argument is too long for one. Correct it and try again."
            ) from exc


def unanswered(exc: httpx.HTTPError, setting: str) -> CatenaError:
    """Return our error for a request that was not answered; `setting` holds its address."""
    url = str(exc.request.url)
    host = f"{urlsplit(url).scheme}://{urlsplit(url).netloc.rpartition('@')[2]}"
    proxy = proxy_told(url)
    if isinstance(exc, httpx.DecodingError):
        return Unreadable(NOT_JSON)
    if isinstance(exc, httpx.TimeoutException):
        by = f" through the proxy {proxy}" if proxy else ""
        return Unreachable(
            f"{host} did not answer in time{by}. Try again; if it stays, ask for a shorter window or raise "
            "CATENA_REQUEST_TIMEOUT_S."
        )
    causes = list(causes_of(exc))
    if refused := next((c for c in causes if isinstance(c, ssl.SSLCertVerificationError)), None):
        return Untrusted(f"{host} cannot be reached: {_certificate(refused, setting)}")
    if isinstance(exc, httpx.ProxyError):
        return Unreachable(f"{host} cannot be reached: the proxy {proxy} {_proxy(str(exc))}")
    what, next_step = broken(causes, setting)
    if proxy and isinstance(exc, httpx.ConnectError) and not any(isinstance(c, ssl.SSLError) for c in causes):
        return Unreachable(
            f"{host} cannot be reached: the way leads through the proxy {proxy}, and {what}. Correct the proxy's "
            "address, or put the host into NO_PROXY."
        )
    return Unreachable(f"{host} cannot be reached: {what}. {next_step}")


def causes_of(exc: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and all that led to it, in groups too: one for each address that was tried."""
    while exc is not None:
        yield exc
        if isinstance(exc, BaseExceptionGroup):
            for one in exc.exceptions:
                yield from causes_of(one)
        exc = exc.__cause__ or exc.__context__


def _certificate(exc: ssl.SSLCertVerificationError, setting: str) -> str:
    code = getattr(exc, "verify_code", None)
    if code in (EXPIRED, NOT_YET):
        return "its certificate is not valid at this time. Check this machine's clock; if it is right, tell its owner."
    if code in (OTHER_NAME, OTHER_ADDRESS):
        return f"its certificate is for another name. Check {setting}, and whether something in between answers."
    return (
        "its certificate is signed by a CA that is not trusted here. If a proxy or your company signs, name the file of "
        "its CA certificates (PEM) in SSL_CERT_FILE, or add it to this machine's store."
    )


def _proxy(told: str) -> str:
    """Say what a proxy answered; `told` begins with its status where it is an HTTP proxy."""
    if told.startswith("407"):
        return "wants a user and password (407). Write them into its address: http://user:password@host:port."
    status = told[:3] if told[:3].isdecimal() else "no way there"
    return f"refused ({status}). Ask who runs it to let the host through, or put the host into NO_PROXY."


def broken(causes: list[BaseException], setting: str) -> tuple[str, str]:
    """Say what came in between, and what to do next; `causes` as `causes_of` tells them."""
    for exc in causes:
        if isinstance(exc, ssl.SSLError):
            return (
                "what answers there speaks no TLS that is understood here",
                f"Check the port, and http against https, in {setting}; or something in between answers.",
            )
        if isinstance(exc, socket.gaierror):
            return "the name is not found (DNS)", f"Check {setting} and the network; a proxy is named in HTTPS_PROXY."
        if isinstance(exc, ConnectionRefusedError):
            return "the connection is refused: nothing listens there", f"Check host and port in {setting}."
        if isinstance(exc, OSError) and exc.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM):
            return "this machine has no way there", "Check the network; a proxy is named in HTTPS_PROXY."
    if isinstance(causes[0], httpx.RemoteProtocolError):
        return (
            "it hung up, or answered with something that is no HTTP",
            f"Check the port, and http against https, in {setting}.",
        )
    if isinstance(causes[0], httpx.ReadError | httpx.WriteError):
        return "the connection broke off", f"Try again in a minute; if it stays, check http against https in {setting}."
    return f"the connection failed ({type(causes[0]).__name__})", f"Check the network and {setting}, then try again."
