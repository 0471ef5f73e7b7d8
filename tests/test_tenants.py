"""The file of tenants: what it says, how it is refused, and who belongs to whom."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from server.errors import BadSettings
from server.tenants import Tenants, load_tenants
from tests.conftest import settings_of

CONNECTION = "01A0188B-6D9E-72D0-A4C3-5BAB14F4733F"
FILE = f"""
[[tenant]]
name = "acme"
claims = {{ tenant = "acme" }}
client_id_env = "ACME_ID"
client_secret_env = "ACME_SECRET"
connections = ["{CONNECTION}"]
fleets = ["keystone-parcel", "sandbox"]

[[tenant]]
name = "support"
claims = {{ "realm_access.roles" = ["support", "admin"], "https://id.example/kind" = "staff" }}
client_id_file = "{{folder}}/id"
client_secret_file = "{{folder}}/secret"
"""


@pytest.fixture
def tenants(tmp_path: Path) -> Tenants:
    (tmp_path / "id").write_text("support-id\n")
    (tmp_path / "secret").write_text("hush\n")
    (tmp_path / "tenants.toml").write_text(FILE.replace("{folder}", str(tmp_path)))
    return load_tenants(tmp_path / "tenants.toml", {"ACME_ID": "acme-id", "ACME_SECRET": "hush-hush"})


def test_claims_choose_the_tenant_and_nobody_guesses_between_two(tenants: Tenants) -> None:
    def whose(**claims: Any) -> str | None:
        found = tenants.of({name.replace("kind", "https://id.example/kind"): value for name, value in claims.items()})
        return found.name if found else None

    staff: dict[str, Any] = {"kind": "staff", "realm_access": {"roles": ["dev", "support"]}}
    assert whose(tenant="acme") == "acme"
    assert whose(tenant=["other", "acme"]) == "acme"
    assert whose(**staff) == "support"
    for nobody in (
        {},
        {"tenant": "acm"},
        {"tenant": None},
        {"tenant": {"acme": 1}},
        {"kind": "staff"},
        staff | {"kind": "x"},
    ):
        assert whose(**nobody) is None, nobody
    assert whose(tenant="acme", **staff) is None


def test_credentials_are_those_that_the_file_names_and_no_others(tenants: Tenants) -> None:
    server = settings_of(client_id="the-servers-own", client_secret=SecretStr("its secret"))
    found = [tenant.settings(server) for tenant in tenants.each]
    assert [(one.client_id, one.secret().get_secret_value()) for one in found] == [
        ("acme-id", "hush-hush"),
        ("support-id", "hush"),
    ]
    assert "hush" not in repr(tenants)


def test_a_tenant_whose_credentials_are_not_there_has_none(tmp_path: Path) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text('[[tenant]]\nname = "acme"\nclaims = {tenant = "acme"}\nclient_id_env = "NOT_SET"\n')
    (tenant,) = load_tenants(path, {}).each
    with pytest.raises(BadSettings, match="no Catena credentials for the tenant 'acme'"):
        tenant.settings(settings_of()).secret()


def test_what_a_tenant_may_see_is_read_in_any_form_of_an_id(tenants: Tenants) -> None:
    acme, support = tenants.each
    assert acme.allowance.connections == frozenset({CONNECTION.lower()})
    assert acme.allowance.fleets == frozenset({"keystone-parcel", "sandbox"})
    assert not support.allowance.bounded


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "missing required field `tenant`"),
        ("[[tenant]", "line 1"),
        ('[[tenant]]\nname = "a"', "missing required field `claims`"),
        ('[[tenant]]\nname = "a"\nclaims = {}', "claims"),
        ('[[tenant]]\nname = ""\nclaims = {a = "b"}', "name of its own"),
        (2 * '[[tenant]]\nname = "a"\nclaims = {a = "b"}\n', "name of its own"),
        ('[[tenant]]\nname = "a"\nclaims = {a = 7}', "claims"),
        ('[[tenant]]\nname = "a"\nclaims = {a = "b"}\nclient_secret = "hush"', "unknown field `client_secret`"),
        ('[[tenant]]\nname = "a"\nclaims = {a = "b"}\nconnection = []', "unknown field `connection`"),
        ('[[tenant]]\nname = "a"\nclaims = {a = "b"}\nconnections = ["hush"]', "Invalid UUID"),
        ('[[tenant]]\nname = "a"\nclaims = {a = "b"}\nfleets = "one"', "array"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_never_what(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "tenants.toml"
    path.write_text(text)
    with pytest.raises(BadSettings, match="CATENA_TENANTS_FILE") as refused:
        load_tenants(path)
    assert why in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(BadSettings, match="FileNotFoundError"):
        load_tenants(Path("/nowhere/tenants.toml"))
