"""Check the setup: each part on its own, told as soon as it is known, with what to do next."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import msgspec

from .app import build_server
from .catena.query import Filters, Query
from .errors import BadSettings, OpsError
from .runtime import Runtime, running, utc_now
from .settings import IN_CLEAR, Settings


class Check(msgspec.Struct, frozen=True):
    """One part: whether it is fine, None where it could not be tried, and what to tell of it."""

    name: str
    fine: bool | None
    told: str


class Report(msgspec.Struct):
    """What `doctor --json` prints."""

    version: str
    fine: bool
    checks: list[Check]


Tell = Callable[[Check], None]


async def check_setup(load: Callable[[], Settings], tell: Tell) -> None:
    """Check the setup that `load` reads, each part also after one that fails."""
    from .catena.client import Retries

    try:
        settings = load()
        server = build_server(settings, retries=Retries(attempts=2))  # who checks wants to know now
    except BadSettings as exc:
        return tell(Check("settings", False, str(exc)))
    client = "the clients of its tenants" if settings.tenants_file else f"client {settings.client_id[:6]}…"
    who = "the built-in demo API" if settings.demo else f"{settings.base_url} as {client}"
    clear = f"; {' and '.join(settings.in_clear)}: {IN_CLEAR}" if settings.in_clear and not settings.demo else ""
    tell(Check("settings", True, who + clear))
    if settings.auth_issuer:
        await _check_issuer(settings.auth_issuer, tell)
    if settings.tenants_file and not settings.demo:
        return await _check_tenants(settings.tenants_file, settings, tell)
    async with server.runtime() as runtime:
        if not settings.demo and not await _tried("network", _network, runtime, tell):
            for untried in ("token", "list", "store"):
                tell(Check(untried, None, "not tried: it needs a way out of this machine"))
            return
        signed_in = await _tried("token", _token, runtime, tell)
        if signed_in:
            await _tried("scope", _scope, runtime, tell)
            await _tried("list", _list, runtime, tell)
        else:
            tell(Check("list", None, "not tried: it needs a token"))
        await _tried("store", _store, runtime, tell)
        tell(clock_check((await runtime.client()).date))


async def _check_issuer(issuer: str, tell: Tell) -> None:
    from .serving.keys import IssuerAway, Keys

    try:
        tell(Check("issuer", True, f"{issuer}, keys found: {await Keys(issuer).count()}"))
    except IssuerAway as exc:
        tell(Check("issuer", False, f"{issuer}: {exc}"))


async def _check_tenants(path: Path, settings: Settings, tell: Tell) -> None:
    """Check each tenant's credentials by a token; those of the server itself are nobody's then."""
    from .tenants import load_tenants

    try:
        tenants = load_tenants(path)
    except BadSettings as exc:
        return tell(Check("tenants", False, str(exc)))
    for tenant in tenants.each:
        async with running(Runtime(tenant.settings(settings))) as runtime:
            await _tried(f"tenant {tenant.name}", _token, runtime, tell)


async def _tried(
    name: str, try_it: Callable[[Runtime], Awaitable[tuple[bool, str]]], runtime: Runtime, tell: Tell
) -> bool:
    try:
        fine, told = await try_it(runtime)
    except OpsError as exc:
        fine, told = False, str(exc)
    tell(Check(name, fine, told))
    return fine


async def _network(runtime: Runtime) -> tuple[bool, str]:
    from .catena.network import proxy_told, trust_told

    await runtime.client()
    ways = {}
    for url in (runtime.settings.base_url, runtime.settings.token_url):
        proxy = proxy_told(url)
        ways[urlsplit(url).hostname] = f"through the proxy {proxy}" if proxy else "directly"
    return True, f"{'; '.join(f'{host} {how}' for host, how in ways.items())}; {trust_told()}"


async def _token(runtime: Runtime) -> tuple[bool, str]:
    token = await (await runtime.client()).token()
    return True, f"granted, renewed in {token.stale_at - anyio.current_time():,.0f} s"


async def _scope(runtime: Runtime) -> tuple[bool, str]:
    from .catena.answers import OPERATIONS_SCOPE

    scopes = (await (await runtime.client()).token()).scopes
    granted = OPERATIONS_SCOPE in scopes or not scopes
    lacks = "" if granted else f"; {OPERATIONS_SCOPE} is missing, ask Catena's support to grant it"
    return granted, (", ".join(sorted(scopes)) or "not told by the token endpoint") + lacks


async def _list(runtime: Runtime) -> tuple[bool, str]:
    client, now, asked_at = await runtime.client(), runtime.clock(), anyio.current_time()
    page = await client.list_page(Query(Filters(), now - timedelta(hours=1), now), 1)
    found = "an operation" if page.items else "no operation"
    return True, f"{found} in the last hour, answered in {anyio.current_time() - asked_at:.2f} s"


async def _store(runtime: Runtime) -> tuple[bool, str]:
    sharing = await runtime.sharing()
    return (True, "memory://, held by this process") if sharing is None else await sharing.store.check()


def clock_check(date: str | None) -> Check:
    """Compare this machine's clock with the `Date` of the API's last answer."""
    told = None
    with suppress(ValueError, OverflowError):  # none, or one that no calendar holds
        told = parsedate_to_datetime(date or "").astimezone(UTC)
    if told is None:
        return Check("clock", True, "the API tells no time to compare with")
    ahead = (utc_now() - told).total_seconds()
    if abs(ahead) < 60:
        return Check("clock", True, f"within a minute of the API's ({ahead:+.0f} s)")
    wrong = f"{ahead:+,.0f} s against the API's: windows that end now are off by that; set this machine's clock"
    return Check("clock", False, wrong)
