"""Say what goes wrong in this world, where and when. Times are hours before now; `ended` 0 is still going on."""

from dataclasses import dataclass
from typing import Literal

from .causes import RELEASE

Kind = Literal["fails", "hangs", "cancels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One trouble. Of the writes it reaches `share` are struck; of those tried again `cured` go through."""

    causes: tuple[str, ...] = ()
    sources: tuple[str, ...]
    fleets: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    operation: str | None = None
    hour: int | None = None
    """The hour of day (UTC) in which alone it strikes."""
    began: float
    ended: float = 0.0
    share: float
    tries: int = 1
    cured: float = 0.0
    again: float = 0.0
    """The share of failed writes that the partner sends again, `after` so many hours."""
    after: tuple[float, float] = (0.5, 3.0)
    heals: dict[str, str] | None = None
    """What a second write corrects; the fields it had spoilt are in `spoils`. `$` stands for the old value."""
    spoils: tuple[tuple[str, str], ...] = ()
    kind: Kind = "fails"

    def reaches(self, source: str, fleet: str, resource: str, operation: str) -> bool:
        """Say whether it can strike such a write at all."""
        return (
            source in self.sources
            and (not self.fleets or fleet in self.fleets)
            and (not self.resources or resource in self.resources)
            and self.operation in (None, operation)
        )


_OUTAGE = ("Müller & Söhne Spedition", "vistula-cargo", "baltija-auto")
_CLASS = (("vehicle_class", RELEASE),)
_ALWAYS = 24.0 * 40

INCIDENTS = (
    Incident(causes=("session",), sources=("eroad",), fleets=("southern-cross-haulage",), began=76.3, share=1.0),
    Incident(
        causes=("down", "down", "silent"), sources=("mapon",), fleets=_OUTAGE, began=23.6, ended=19.4, share=0.92,
        tries=3, cured=0.12, again=0.8, after=(4.5, 7.0),
    ),
    Incident(causes=("down",), sources=("mapon",), fleets=("karpaty-trans",), began=23.6, share=1.0, tries=3),
    *(
        Incident(
            causes=(f"class_{source}",), sources=(source,), resources=("vehicle",), began=9.2, share=0.9, again=0.3,
            after=(0.3, 2.0), spoils=_CLASS, heals={"vehicle_class": "TRUCK"},
        )
        for source in ("gpsinsight", "linxup", "skybitz")
    ),
    Incident(
        causes=("login",), sources=("transflo",), resources=("user",), operation="create", began=_ALWAYS, share=0.3,
        again=0.7, heals={"username": "$2"},
    ),
    Incident(
        causes=("phone",), sources=("transflo",), resources=("user",), operation="create", began=_ALWAYS, share=0.25,
        again=0.7, spoils=(("phone", "call the yard"),), heals={"phone": "+15554710098"},
    ),
    Incident(
        causes=("night",), sources=("linxup",), fleets=("kestrel-couriers",), hour=2, began=240, share=0.85, tries=3,
        cured=0.45, again=0.6, after=(1.0, 3.0),
    ),
    Incident(causes=("locked",), sources=("tenna",), resources=("vehicle",), began=_ALWAYS, share=0.12, again=0.5),
    Incident(causes=("certificate",), sources=("skybitz",), began=0.7, share=1.0, tries=2),
    Incident(
        causes=("odometer",), sources=("gpsinsight",), resources=("vehicle",), operation="update", began=74,
        ended=26.5, share=0.6,
    ),
    Incident(
        causes=("licence",), sources=("nextraq",), resources=("user",), began=_ALWAYS, share=0.2, again=0.5,
        heals={"license_number": "$-R"},
    ),
    Incident(causes=("plate",), sources=("mapon",), resources=("vehicle",), operation="create", began=_ALWAYS, share=0.3),
    Incident(causes=("right",), sources=("traccar",), fleets=("vistula-cargo",), began=122, share=0.45),
    Incident(causes=("organisation",), sources=("nordlys_telematikk",), began=_ALWAYS, share=0.16),
    Incident(
        causes=("long_name",), sources=("orbcomm",), fleets=("sakura-haulage",), resources=("user",), began=_ALWAYS, share=0.3
    ),
    Incident(sources=("surfsight",), began=6.2, share=1.0, kind="hangs"),
    Incident(sources=("orbcomm",), fleets=("ironbridge-demolition",), began=30, share=1.0, kind="cancels"),
    Incident(causes=("gone",), sources=("netradyne",), began=_ALWAYS, share=0.04),
    Incident(causes=("deadline",), sources=("netradyne",), began=_ALWAYS, share=0.05, tries=2, cured=0.5, again=0.4),
    Incident(causes=("crash",), sources=("eroad",), began=_ALWAYS, share=0.05, tries=3, cured=0.6),
    Incident(causes=("refused",), sources=("linxup",), began=_ALWAYS, share=0.03, tries=3, cured=0.7, again=0.5),
    Incident(causes=("mute",), sources=("nextraq",), began=_ALWAYS, share=0.03),
)  # fmt: skip

BURSTS = (
    *((("kestrel-couriers", "linxup"), 24 * day + 14.0, 24 * day + 13.1, 16) for day in range(10)),
    (("prairie-oil", "skybitz"), 0.68, 0.02, 6),
    (("blue-heron-bus", "surfsight"), 6.1, 1.4, 28),
    (("ironbridge-demolition", "orbcomm"), 21.0, 2.0, 11),
)
"""Writes beside the usual ones: connection, from and to, how many."""
