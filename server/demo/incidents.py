"""Tell what goes wrong in the demo, when and for whom, so that an analysis can be compared with the truth."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from .ids import DAY, HOUR, MINUTE

Kind = Literal["weather", "flaw", "hang"]
Owner = Literal["partner", "fleet", "tsp", "catena", "unknown"]


@dataclass(frozen=True, slots=True)
class Episode:
    """Hold the script of one trouble; times are microseconds from the anchor.

    Weather is the state of a TSP at a moment: an attempt may pass later on. A flaw sits in the payload, so every
    attempt fails until the partner sends another payload. What hangs is never answered.
    """

    causes: tuple[str, ...]
    sources: tuple[str, ...]
    kind: Kind
    began: int = -10 * DAY
    ended: int | None = None
    resources: tuple[str, ...] = ()
    operation_type: str | None = None
    fleet_refs: tuple[str, ...] = ()
    hit: float = 1.0
    """Share of the writes in its reach that it strikes, at its beginning."""
    hit_later: float | None = None
    """The same share at the anchor, when it drifts there."""
    persists: float = 0.8
    """Chance that a further attempt fails too, while the weather lasts."""
    resent: float = 0.45
    heals: float = 0.0
    """Chance that the partner has corrected the payload before sending it again."""
    waits_for_end: bool = False
    """True when the partner sends again only after it is over."""
    retried: bool = True
    burst: float = 0.0
    """Extra writes in its time, such as a nightly sync that runs into it, as a part of the world's number."""
    key: str = ""
    title: str = ""
    owner: Owner = "unknown"

    def share_at(self, offset: int) -> float:
        """Give the share it strikes at a moment; zero outside its time."""
        if offset < self.began or (self.ended is not None and offset >= self.ended):
            return 0.0
        if self.hit_later is None:
            return self.hit
        return self.hit + (self.hit_later - self.hit) * min(1.0, (offset - self.began) / -self.began)

    def reaches(self, resource: str, operation_type: str, fleet_ref: str | None) -> bool:
        """Say whether a write at one of its sources is the sort it can strike."""
        return (
            (not self.resources or resource in self.resources)
            and (self.operation_type is None or operation_type == self.operation_type)
            and (not self.fleet_refs or fleet_ref in self.fleet_refs)
        )


@dataclass(frozen=True, slots=True)
class Incident:
    """Hold one trouble as it came to pass."""

    key: str
    title: str
    source_names: tuple[str, ...]
    fleet_refs: frozenset[str]
    """The fleets it failed operations of."""
    started: datetime
    ended: datetime | None
    owner: Owner
    resource: str | None
    causes: tuple[str, ...]
    operation_ids: frozenset[str] = field(repr=False)
    """Operations that it failed for good or that hang in it; those that passed on a later attempt are not among them."""

    @property
    def source_name(self) -> str | None:
        """Give the one TSP it happened at; None when there were several."""
        return self.source_names[0] if len(self.source_names) == 1 else None


EPISODES = (
    Episode(
        key="expired_credentials",
        title="A fleet's Samsara token no longer works",
        owner="fleet",
        kind="weather",
        causes=("samsara_token",),
        sources=("samsara",),
        fleet_refs=("prairie-line-logistics",),
        began=-(22 * HOUR + 55 * MINUTE),
        persists=1.0,
        retried=False,
        resent=0.3,
    ),
    Episode(
        key="tsp_outage",
        title="Geotab did not answer",
        owner="tsp",
        kind="weather",
        causes=("geotab_unavailable", "geotab_timeout"),
        sources=("geotab",),
        began=-(3 * DAY + 5 * HOUR + 40 * MINUTE),
        ended=-(3 * DAY + 3 * HOUR + 5 * MINUTE),
        hit=0.88,
        persists=0.97,
        resent=0.86,
        waits_for_end=True,
        burst=0.005,
    ),
    Episode(
        key="recent_outage",
        title="Omnitracs answered with gateway errors",
        owner="tsp",
        kind="weather",
        causes=("omnitracs_gateway", "omnitracs_page"),
        sources=("omnitracs",),
        began=-(9 * HOUR + 20 * MINUTE),
        ended=-(7 * HOUR + 50 * MINUTE),
        hit=0.93,
        persists=0.97,
        resent=0.88,
        waits_for_end=True,
        burst=0.0035,
    ),
    Episode(
        key="rate_limit_storm",
        title="A bulk import ran into Motive's rate limit",
        owner="partner",
        kind="weather",
        causes=("motive_limit",),
        sources=("motive",),
        fleet_refs=("keystone-parcel",),
        began=-(5 * HOUR + 10 * MINUTE),
        ended=-(4 * HOUR + 15 * MINUTE),
        hit=0.72,
        persists=0.74,
        resent=0.82,
        waits_for_end=True,
        burst=0.012,
    ),
    Episode(
        key="bad_deploy",
        title="A release of the partner sent a wrong activation status to Samsara",
        owner="partner",
        kind="flaw",
        causes=("samsara_activation",),
        sources=("samsara",),
        resources=("user",),
        began=-(13 * HOUR + 35 * MINUTE),
        ended=-(6 * HOUR + 50 * MINUTE),
        resent=0.67,
        heals=1.0,
        waits_for_end=True,
        burst=0.008,
    ),
    Episode(
        key="duplicates",
        title="Drivers that the TSP already knows",
        owner="partner",
        kind="flaw",
        causes=("samsara_duplicate", "geotab_duplicate", "motive_duplicate", "azuga_duplicate", "zonar_duplicate"),
        sources=("samsara", "geotab", "motive", "azuga", "zonar"),
        resources=("user",),
        operation_type="create",
        resent=0.3,
    ),
    Episode(
        key="slow_drift",
        title="Webfleet refuses more and more number plates of trailers",
        owner="partner",
        kind="flaw",
        causes=("webfleet_plate",),
        sources=("webfleet",),
        resources=("trailer",),
        hit=0.01,
        hit_later=0.15,
        resent=0.25,
        heals=0.3,
    ),
    Episode(
        key="hanging",
        title="Writes to a Wialon connection are never answered",
        owner="catena",
        kind="hang",
        causes=("wialon_silence",),
        sources=("wialon",),
        fleet_refs=("baltic-forwarding",),
        began=-8 * HOUR,
        resent=0.0,
    ),
)
"""The troubles with a name. Weather comes before flaws: a TSP that is away does not look at payloads."""


def _noise(
    cause: str, kind: Kind, *resources: str, heals: float = 0.55, operation_type: str | None = None, rarity: float = 1.0
) -> Episode:
    return Episode(
        causes=(cause,),
        sources=(_source_of(cause),),
        kind=kind,
        resources=resources,
        heals=heals if kind == "flaw" else 0.0,
        operation_type=operation_type,
        hit=rarity,
    )


def _source_of(cause: str) -> str:
    name = cause.partition("_")[0]
    return {"verizon": "verizon_connect", "simulator": "catena_simulator"}.get(name, name)


NOISE = (
    # The place in this list decides the days: every sixth cause shares its days, so neighbours of one TSP stand apart.
    _noise("samsara_missing", "flaw", "vehicle", "trailer", operation_type="update", heals=0.2),
    _noise("geotab_password", "flaw", "user", operation_type="create"),
    _noise("motive_dial", "weather"),
    _noise("verizon_permission", "flaw", "user", heals=0.3),
    _noise("jjkeller_fields", "flaw", "user"),
    _noise("wialon_number", "flaw", "vehicle", "user"),
    _noise("motive_phone", "flaw", "user", heals=0.8),
    _noise("isaac_connect", "weather"),
    _noise("samsara_username", "flaw", "user"),
    _noise("geotab_session", "weather"),
    _noise("samsara_deadline", "weather"),
    _noise("geotab_quota", "weather"),
    _noise("isaac_empty", "weather"),
    _noise("verizon_nginx", "weather"),
    _noise("omnitracs_soap", "flaw", "vehicle"),
    _noise("zonar_read", "weather"),
    _noise("motive_go", "flaw", "vehicle"),
    _noise("samsara_rpc", "flaw", "dvir_log", "fuel_transaction", heals=0.0),
    _noise("trimble_soap", "flaw", "user", "vehicle"),
    _noise("jjkeller_orders", "flaw", "user", "message", heals=0.0, rarity=0.04),
    _noise("wialon_access", "flaw", "user", "trailer", heals=0.2),
    _noise("samsara_limit", "weather"),
    _noise("lytx_page", "weather"),
    _noise("azuga_dns", "weather"),
    _noise("geotab_generic", "weather"),
    _noise("trimble_nested", "flaw", "user"),
    _noise("webfleet_german", "flaw", "user", heals=0.4),
    _noise("simulator_unlogged", "weather"),
    _noise("fleetcomplete_text", "flaw", "vehicle", "message"),
    _noise("teletracnavman_spanish", "flaw", "vehicle", heals=0.3),
)
"""What fails all the time somewhere: each cause is seen on some days only, as in life."""
