"""The words Catena's API knows, as its contract of 2026-06-26 lists them.

Hints for input and completion: the schema is provisional and its enums have grown before, so reads accept any value.
"""

from typing import Literal, get_args

RESOURCES = tuple(
    """
    asset driver_association driver_vehicle_association driver_event_log driver_safety_event
    dvir_log dvir_log_defect engine_log engine_status fuel_transaction fleet_info hos_availability
    hos_daily_snapshot hos_event hos_event_annotation hos_event_attachment hos_violation
    ifta_summary location_segment message group_message user vehicle vehicle_location vehicle_sensor
    vehicle_region_segment trailer trailer_association trailer_vehicle_association trailer_location
    trailer_status workflow
    """.split()
)
"""Kinds of record an operation can write. Drivers are `user`."""

SOURCES = tuple(
    """
    ada ai_eld air_eld alfa_eld alpha_eld als anytrek_pro anytrek_classic apex_eld apollo
    apollocloud ascend att awaregps azuga bigroad bluehorse_eld blueinktech bouncie budgetgps
    catena_simulator captain_eld carrier_lynx club_eld counting_trucks_eld cyntrx digital_eld
    dragon_eld drive_hos drive_hos_v2 driver_tech dsg_elogs dynamic_eld eighteighteight_eld eld_88
    eld_books eld_mandate eld_mandate_prime eroad eva_eld evo_eld expressway_eld extreme_eld ezlogz
    ez_lynk factor_eld firstgate fleetcomplete fleetcompletehub fleethunt fleetpulse fleetsharp
    fleetup fm forwardthinking forza_eld geotab gpsinsight gpstab gpstrackit grand_eld greenlight
    groundhog hcss hos247 hutch intellishift ironman_eld isaac jjkeller kinexaiot knight_eld
    konexial lioneight linxup loop_eld lucid_eld luna_eld lytx lytxv3 mapon matrack maven mdm_eld
    mobilefleet moonlight_eld motion_eld motive my_drivebook my_logs_eld nero netradyne
    new_eld_world nextgen_eld nextraq omnitracs onestep ontime_eld optima orbcomm orient_eld
    panda_eld payd peak_eld peoplenet phillips_connect phoenix pop_eld prologs proride_eld
    qualitylogs_eld randmcnally rastrac raven redfox regulog_eld ridehub roadeazy rock_eld
    rollingtrans routemate royal_eld safelane samsara selectivedrive simba_eld skybitz smart_elds
    sparkle_eld spireon sun_eld surfsight swift switchboard synergy_eld teletracnavman
    teletracnavman_director telogis tenna thermo_king think tive topcompliance_eld traccar
    trackease_eld trackpro traclog transflo trimble truckford truckspy truckx trueroad_eld tt
    txt_eld us_fast_eld verizon_connect vista_eld vistracks vlog_eld vulcansols_eld wialon webfleet
    xplore_eld zigzag_eld zms_eld zonar zubie
    """.split()
)
"""Integrations with telematics providers (TSPs)."""

OPERATION_TYPES = ("create", "update")
STATUSES = ("pending", "success", "failed")
LOG_STATUSES = ("success", "failed")
ERROR_TYPES = ("auth", "validation", "network", "tsp")
CONNECTION_STATUSES = ("active", "failed", "cancelled", "paused", "stale", "deleted")

RecordState = Literal["unresolved", "recovered", "unknown"]
OUTCOMES: tuple[RecordState, ...] = get_args(RecordState)
"""What can have become of a record that failed; words of this server, not of the API."""

RESOURCE_SYNONYMS = {
    "driver": "user",
    "truck": "vehicle",
    "fuelcharge": "fuel_transaction",  # the API's own parameter text names it, its enum does not
    "dvir": "dvir_log",
}
"""Words people and documents use for a resource, in lower case without punctuation, and the word the API takes."""

STATUS_SYNONYMS = {"succeeded": "success", "ok": "success", "error": "failed", "failure": "failed"}
"""The same of a status; the webhook of a success says `succeeded`."""

LISTED = {"resource": RESOURCES, "source_name": SOURCES, "operation": OPERATION_TYPES, "status": STATUSES}
"""The contract's words for each filter that takes one."""
