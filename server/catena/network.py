"""The way out of this machine: which proxy leads to a host, whose certificates are trusted, and an HTTP client that knows.

httpx would read the same variables, but does not take every form in which people write NO_PROXY, trusts its own list
of certificates instead of this machine's, and raises errors that name no variable.
"""

import os
import re
import ssl
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
import httpx
import truststore

from ..errors import BadSettings

SOCKS = ("socks5", "socks5h")
DEFAULT_PORTS = {"http": 80, "https": 443}


def open_http(addresses: Iterable[str], timeout_s: float, most: int) -> httpx.AsyncClient:
    """Return a client for these addresses, with at most `most` connections.

    Raises:
        BadSettings: A proxy or a file of certificates cannot be used; the variable that names it is told.
    """
    context = trusted()
    limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
    mounts = {}
    for address in addresses:
        if proxy := proxy_of(address):
            parts = urlsplit(address)
            mounts[f"{parts.scheme}://{parts.netloc}"] = httpx.AsyncHTTPTransport(
                verify=context, limits=limits, proxy=_usable(proxy, parts.scheme, context)
            )
    return httpx.AsyncClient(timeout=timeout_s, limits=limits, verify=context, mounts=mounts, trust_env=False)


def trusted() -> ssl.SSLContext:
    """Return whose certificates are trusted: those of SSL_CERT_FILE or SSL_CERT_DIR, else this machine's.

    Raises:
        BadSettings: The variable names nothing that can be used.
    """
    if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR"):
        return _named_certificates()
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.platform == "linux":  # a small container image has none of its own
        context.load_verify_locations(certifi.where())
    return context


def _named_certificates() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if file := os.environ.get("SSL_CERT_FILE"):
        try:
            context.load_verify_locations(cafile=file)
        except OSError as exc:  # ssl.SSLError too
            raise BadSettings(
                f"SSL_CERT_FILE names {file!r}, which holds no certificates that can be read ({type(exc).__name__}). "
                "Name a readable file of CA certificates in PEM form, or unset it to trust those of this machine."
            ) from None
    for folder in filter(None, os.environ.get("SSL_CERT_DIR", "").split(os.pathsep)):
        if not Path(folder).is_dir():
            raise BadSettings(
                f"SSL_CERT_DIR names {folder!r}, which is no folder. Name one with hashed CA certificates, or unset it "
                "to trust those of this machine."
            )
        context.load_verify_locations(capath=folder)
    return context


def trust_told() -> str:
    """Say whose certificates are trusted."""
    named = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    return f"certificates of {' and '.join(named)}" if named else "certificates of this machine"


def proxy_of(address: str) -> str | None:
    """Return the proxy that leads to an address, None where none does; from the environment or the system's settings."""
    parts = urlsplit(address)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    host = parts.hostname or ""
    if not proxy or bypassed(host, parts.port or DEFAULT_PORTS[parts.scheme], proxies.get("no", "")):
        return None
    if not _from_environment(parts.scheme) and proxy_bypass(host):  # exceptions of macOS and Windows
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def proxy_told(address: str) -> str:
    """Return host and port of the proxy to an address, without user and password, and what names it; "" for none."""
    proxy = proxy_of(address)
    if not proxy:
        return ""
    scheme = urlsplit(address).scheme
    return f"{proxy.partition('://')[2].rpartition('@')[2].partition('/')[0]} ({_from_environment(scheme) or 'the system'})"


def _from_environment(scheme: str) -> str:
    """Return the name of the variable that names a proxy, as it is written; "" where none does."""
    names = [f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY"]
    return next((name for name in names if os.environ.get(name)), "")


def bypassed(host: str, port: int, entries: str) -> bool:
    """Return whether NO_PROXY names a host: by name, suffix, address, network, each with or without a port, or `*`."""
    return any(_names(entry, host, port) for entry in re.split(r"[,\s]+", entries) if entry)


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    entry = re.sub(r"^\w+://", "", entry).rstrip("/.").lower()
    try:
        network = ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    else:
        return _is_in(host, str(network))
    name, wanted = re.fullmatch(r"(.*?)(?::(\d+))?", entry, re.S).groups()  # type: ignore[union-attr]  # matches all
    if wanted and int(wanted) != port:
        return False
    name = name.strip("[]").removeprefix("*").removeprefix(".")
    return bool(name) and (host == name or host.endswith("." + name) or _is_in(host, name))


def _is_in(host: str, network: str) -> bool:
    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _usable(proxy: str, scheme: str, context: ssl.SSLContext) -> httpx.Proxy:
    """Return a proxy as httpx takes it.

    Raises:
        BadSettings: It is none, or needs a package that is not installed.
    """
    name = _from_environment(scheme) or "The system's proxy setting"
    kind = proxy.partition("://")[0].lower()
    if kind in SOCKS and not find_spec("socksio"):
        raise BadSettings(
            f"{name} names a SOCKS proxy, and the package `socksio` is not installed. Install this server with its "
            "extra `socks` (pip install 'catena-ops-mcp[socks]'), name an http:// proxy, or put the host into NO_PROXY."
        )
    try:
        _ = urlsplit(proxy).port  # raises where httpx would connect to another
        return httpx.Proxy(proxy, ssl_context=context if kind == "https" else None)
    except (ValueError, httpx.InvalidURL):
        raise BadSettings(
            f"{name} names a proxy that cannot be used. Write it as http://host:port, with http, https, socks5 or "
            "socks5h, or unset it."
        ) from None
