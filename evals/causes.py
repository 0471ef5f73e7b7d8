"""Hold why the TSPs of this world refuse a write, and who has to act: the truth that grouping is measured against.

`$name` is filled with a detail of the record or of the attempt, so that the texts of one cause differ.
"""

from dataclasses import dataclass
from typing import Literal

Owner = Literal["partner", "fleet", "tsp", "catena", "unknown"]


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason to refuse: what the TSP sends, and who has to act."""

    key: str
    error_type: str
    status: int | None
    text: str
    owner: Owner
    waits: bool = False
    """Whether the TSP says when to come back."""


RELEASE = "RIGID_HGV"
"""What a bad release of the partner writes into a field of every vehicle."""

_DOWN_PAGE = """<html><head><title>503 Service Unavailable</title></head><body><center><h1>503 Service Unavailable</h1></center>
<hr><center>$host</center></body></html>"""
_ENUM_TRACE = """java.lang.IllegalArgumentException: No enum constant com.skybitz.asset.model.AssetClass.RIGID_HGV
\tat java.base/java.lang.Enum.valueOf(Enum.java:273)
\tat com.skybitz.asset.api.AssetResource.put(AssetResource.java:$small)"""
_TRACCAR_RIGHT = "Manager access required - SecurityException (PermissionsService:$small < *:$number < ...)"

_ALL = (
    Cause(
        "session",
        "auth",
        401,
        '{"errors":[{"status":"401","title":"Unauthorized","detail":"Session $uuid has expired, sign in again"}]}',
        "fleet",
    ),
    Cause("down", "tsp", 503, _DOWN_PAGE, "tsp"),
    Cause(
        "silent",
        "network",
        None,
        "HTTPSConnectionPool(host='$host', port=443): Read timed out. (read timeout=30)",
        "tsp",
    ),
    Cause(
        "class_gpsinsight",
        "validation",
        422,
        '{"message":"The given data was invalid.","errors":{"vehicle_class":["The selected value RIGID_HGV is invalid."]}}',
        "partner",
    ),
    Cause("class_linxup", "validation", 400, "Asset $unit: unknown vehicle class 'RIGID_HGV'", "partner"),
    Cause("class_skybitz", "tsp", 500, _ENUM_TRACE, "partner"),
    Cause(
        "login",
        "validation",
        409,
        '{"code":"DRIVER_EXISTS","message":"A driver with login \'$login\' already exists in company $number"}',
        "partner",
    ),
    Cause(
        "phone",
        "validation",
        400,
        '{"code":"BAD_PHONE","message":"Phone \'$phone\' of $person is not in E.164"}',
        "partner",
    ),
    Cause(
        "night",
        "tsp",
        429,
        '{"error":"Rate limit of $small requests per minute reached","request":"$uuid"}',
        "partner",
        waits=True,
    ),
    Cause(
        "brakes",
        "validation",
        422,
        '{"result":"rejected","reason":"Inspection $number: brake defect marked MAJOR, vehicle not safe to operate"}',
        "partner",
    ),
    Cause("locked", "tsp", 409, "Le véhicule « $unit » est verrouillé par l'utilisateur $login", "partner"),
    Cause(
        "certificate",
        "network",
        None,
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1129)",
        "tsp",
    ),
    Cause(
        "odometer",
        "validation",
        422,
        '{"message":"The given data was invalid.","errors":{"odometer_km":["Must be greater than the last reading ($number)."]}}',
        "partner",
    ),
    Cause(
        "licence",
        "validation",
        400,
        "No se pudo guardar el operador $person: la licencia $licence está vencida",
        "partner",
    ),
    Cause("plate", "validation", 409, "Pojazd o numerze rejestracyjnym $plate już istnieje (konto $number)", "partner"),
    Cause("right", "tsp", 400, _TRACCAR_RIGHT, "fleet"),
    Cause(
        "organisation", "validation", 400, "Ugyldig organisasjonsnummer: '$number' finnes ikke i registeret", "partner"
    ),
    Cause("long_name", "validation", 400, "ドライバー名『$person』は50文字以内で入力してください", "partner"),
    Cause("gone", "tsp", 404, '{"error":{"code":404,"message":"Device $number not found"}}', "partner"),
    Cause("crash", "tsp", 500, "An unexpected error occurred. Reference: $uuid", "tsp"),
    Cause("refused", "network", None, "java.net.ConnectException: Connection refused ($host:443)", "tsp"),
    Cause("deadline", "tsp", 504, '{"message":"context deadline exceeded","trace":"$uuid"}', "tsp"),
    Cause("mute", "tsp", 500, "", "unknown"),
)

CAUSES = {cause.key: cause for cause in _ALL}
