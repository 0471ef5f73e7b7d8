"""Settings: read from the environment, checked, explained; the secret never shown."""

from pathlib import Path

import pytest

from server.errors import BadSettings, did_you_mean, nearest
from server.settings import load_settings


def test_the_environment_is_read_and_given_values_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATENA_MAX_CONCURRENCY", "3")
    monkeypatch.setenv("CATENA_BASE_URL", "https://staging.example/")
    settings = load_settings(max_operations=7)
    assert (settings.max_concurrency, settings.max_operations) == (3, 7)
    assert settings.base_url == "https://staging.example"


def test_an_empty_setting_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATENA_DEADLINE_S", "")
    assert load_settings().deadline_s == 45


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_CONCURRENCY", "0"),
        ("MAX_CONCURRENCY", "secretive"),
        ("BASE_URL", "ftp://secretive"),
        ("BASE_URL", "secretive"),
        ("DEADLINE_S", "-1"),
        ("DEMO", "secretive"),
        ("STORE_URL", "postgres://secretive"),
        ("STORE_URL", "redis://"),
        ("STORE_URL", "redis://host:secretive"),
        ("STORE_URL", "redis://host:6379/secretive"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_but_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CATENA_{name}", value)
    with pytest.raises(BadSettings, match=f"CATENA_{name}") as caught:
        load_settings()
    assert "secretive" not in str(caught.value)


def test_the_secret_comes_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("hunter2\n")
    settings = load_settings(client_id="me", client_secret_file=file)
    assert settings.secret().get_secret_value() == "hunter2"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_secret_is_read_as_shells_editors_and_stores_write_it(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(" hünter2\r\n".encode(encoding))
    assert load_settings(client_id="me", client_secret_file=file).secret().get_secret_value() == "hünter2"
    typed = load_settings(client_id=" me\n", client_secret="hunter2\n", scope="organization\r\n")
    assert (typed.client_id, typed.secret().get_secret_value(), typed.scope) == ("me", "hunter2", "organization")


PLACEHOLDERS = ["${input:catena-secret}", "${CATENA_CLIENT_SECRET}", "${env:SECRET:-none}", "{env:SECRET}", "%SECRET%",
                "$CATENA_CLIENT_SECRET", "<your secret>", "your-client-secret"]  # fmt: skip


@pytest.mark.parametrize("value", PLACEHOLDERS)
def test_a_placeholder_that_nothing_filled_in_is_named_as_one(value: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(value)
    for given in ({"client_secret": value}, {"client_secret_file": file}):
        with pytest.raises(BadSettings, match="CATENA_CLIENT_SECRET is a placeholder"):
            load_settings(client_id="me", **given).secret()
    for name in ("base_url", "scope", "max_concurrency"):
        with pytest.raises(BadSettings, match=f"CATENA_{name.upper()}: is a placeholder"):
            load_settings(**{name: value})


@pytest.mark.parametrize("value", ["$ecret", "a${b}c", "{", "50%", "s3cret$", "<b"])
def test_a_secret_of_odd_letters_is_no_placeholder(value: str) -> None:
    assert load_settings(client_id="me", client_secret=value).secret().get_secret_value() == value


def test_missing_credentials_are_explained() -> None:
    for given in ({}, {"client_id": "me"}, {"client_secret": "hunter2"}):
        with pytest.raises(BadSettings, match="CATENA_CLIENT_ID and CATENA_CLIENT_SECRET"):
            load_settings(**given).secret()


def test_no_form_of_the_settings_shows_the_secret() -> None:
    settings = load_settings(client_id="me", client_secret="hunter2")
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_the_nearest_names_come_first_and_few() -> None:
    known = ("user", "vehicle", "vehicle_location", "trailer")
    assert nearest("vehicel", known)[0] == "vehicle"
    assert nearest("VEHICLE-LOCATION", known) == ["vehicle_location"]
    assert did_you_mean("zzzz", known) == ""


def test_the_password_of_a_store_is_shown_nowhere() -> None:
    settings = load_settings(store_url="rediss://user:hunter2@redis.example:6380/1")
    assert settings.shares
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()}"


def test_a_shared_store_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.settings.find_spec", lambda name: None)
    assert not load_settings().shares
    with pytest.raises(BadSettings, match=r"catena-ops-mcp\[redis\]"):
        load_settings(store_url="redis://localhost:6379/0")


@pytest.mark.parametrize(
    ("base_url", "warned"),
    [
        ("http://api.example", True),
        ("http://127.0.0.1:8765", False),
        ("http://[::1]:1", False),
        ("https://api.example", False),
    ],
)
def test_an_address_without_tls_beyond_this_machine_is_warned_of(
    base_url: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load_settings(base_url=base_url)
    assert ("CATENA_BASE_URL" in settings.in_clear) is warned
    assert ("CATENA_BASE_URL: http without TLS" in caplog.text) is warned


@pytest.mark.parametrize(
    "issuer", ["http://id.example", "id.example", "https://id.example?x=1", "https://u:p@id.example"]
)
def test_an_issuer_that_anybody_between_could_play_is_refused(issuer: str) -> None:
    with pytest.raises(BadSettings, match="CATENA_AUTH_ISSUER"):
        load_settings(auth_issuer=issuer, auth_audience="https://ops.example.com/mcp")


def test_an_issuer_is_taken_letter_by_letter_and_never_without_an_audience() -> None:
    audience = "https://ops.example.com/mcp"
    for issuer in (
        "https://id.example/",
        "https://id.example",
        "http://127.0.0.1:9100",
        "http://localhost:9100/realms/x",
    ):
        assert load_settings(auth_issuer=issuer, auth_audience=audience).auth_issuer == issuer
    for given in ({"auth_issuer": "https://id.example"}, {"auth_audience": audience}):
        with pytest.raises(BadSettings, match="go together"):
            load_settings(**given)
