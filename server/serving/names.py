"""The hosts a server goes by. A page on the web can make a browser send anything here, but not under these names."""

import ipaddress
import re
from collections.abc import Iterable

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_HOST = re.compile(r"(?:(\[[0-9a-f:.]+\])|([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?::[0-9]{0,5})?")


def name_of(host: str) -> str | None:
    """Return the name in a Host header: in lower case, without port and last dot; None for what is no host."""
    found = _HOST.fullmatch(host.lower())
    if found is None or not found[1]:
        return found and found[2]
    try:
        return f"[{ipaddress.IPv6Address(found[1][1:-1])}]"
    except ValueError:
        return None


class Names:
    """Host names that are known; compared whole, whatever the port."""

    def __init__(self, names: Iterable[str]) -> None:
        self._known = frozenset(filter(None, map(name_of, names)))

    def hosts(self, given: list[str]) -> bool:
        """Return whether these Host headers are one, of a known host."""
        return len(given) == 1 and name_of(given[0]) in self._known

    def origins(self, given: list[str]) -> bool:
        """Return whether these Origin headers are none, as from a program, or one of a page of a known host."""
        if not given:
            return True
        scheme, _, host = given[0].partition("://")
        return len(given) == 1 and scheme.lower() in ("http", "https") and name_of(host) in self._known


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a server that listens on this address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return name_of(host) == "localhost"


def is_every_address(host: str) -> bool:
    """Return whether a server that listens on this address is reached by all of the machine's."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
