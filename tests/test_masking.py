"""What others wrote, masked: tables of what goes and what stays, and properties that hold in any surroundings."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.masking import SAFE_HEADERS, mask_personal, mask_secrets, safe_header

# Made up, and put together here so that no scanner of secrets takes them for real ones.
TOKENS = {
    "AKIA": "IOSFODNN7EXAMPLE",
    "ghp_": "0123456789abcdefghijABCDEFGHIJ012345",
    "github_pat_": "11ABCDEFG0123456789_abcdefghij",
    "xoxb-": "123456789012-abcdefghij",
    "sk-": "proj-abcdefghij0123456789",
    "eyJ": "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123",
}


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abcDEF123456 used", "Authorization: Bearer <secret> used"),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_123 expired", "Bearer <secret> expired"),
        ("Basic dXNlcjpwYXNzd29yZA== refused", "Basic <secret> refused"),
        ('{"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}', '{"Authorization": "<secret>"}'),
        ("api_key=abcdef123 is not valid", "api_key=<secret> is not valid"),
        ("apikey: 9f8e7d6c5b4a", "apikey: <secret>"),
        ("?access_token=s3cr3tvalue&x=1", "?access_token=<secret>&x=1"),
        ("X-API-Key: k3y-0123456789", "X-API-Key: <secret>"),
        ("Cookie: session=abc123; theme=dark", "Cookie: <secret>"),
        ("set-cookie: sid=abc.def; Path=/; HttpOnly", "set-cookie: <secret>"),
        ("AKIAIOSFODNN7EXAMPLE", "<secret>"),
        ("ASIAIOSFODNN7EXAMPLE key", "<secret> key"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "<secret>"),
        ("github_pat_11ABCDEFG0123456789_abcdefghij", "<secret>"),
        ("xoxb-123456789012-abcdefghij", "<secret>"),
        ("key sk-proj-abcdefghij0123456789", "key <secret>"),
        ("password=hunter2 for user jo", "password=<secret> for user jo"),
        ("pwd=hunter;Server=x", "pwd=<secret>;Server=x"),
        ("Server=db;User Id=sa;Password=Pa ss", "Server=db;User Id=sa;Password=<secret> ss"),
        ("Password='a b;c1';x", "Password='<secret>';x"),
        ('{"password":"hunter2"}', '{"password":"<secret>"}'),
        ('{\\"password\\":\\"hunter2\\"}', '{\\"password\\":\\"<secret>\\"}'),
        ('{"password":"P@ss w0rd"}', '{"password":"<secret>"}'),
        ("client_secret=abcDEF", "client_secret=<secret>"),
        ('clientSecret: "abcDEF123"', 'clientSecret: "<secret>"'),
        ("postgres://u:p4ss@db.example/x", "postgres://<secret>@db.example/x"),
        ("https://user:pa@ss@host/path", "https://<secret>@host/path"),
        ("redis://:secretpw@host:6379/0", "redis://<secret>@host:6379/0"),
        ("https://ghtoken123@host/x", "https://<secret>@host/x"),
        (
            "https://x/y?X-Amz-Signature=0123abcdef&X-Amz-Credential=AKIA/2026",
            "https://x/y?X-Amz-Signature=<secret>&X-Amz-Credential=<secret>",
        ),
        ("https://acct.blob/x?sv=2020&sig=abc%2Bdef%3D&se=2026", "https://acct.blob/x?sv=2020&sig=<secret>&se=2026"),
        ("-----BEGIN RSA PRIVATE KEY-----\\nMIIEpAIBAAKCAQEA\\n-----END RSA PRIVATE KEY----- tail", "<secret> tail"),
        ("-----BEGIN PRIVATE KEY----- MIIEpAIBAAKCAQEA", "<secret>"),
        ("session id 8f7e6d5c4b3a unknown", "session id <secret> unknown"),
        ("JSESSIONID=0A1B2C3D4E; x", "JSESSIONID=<secret>; x"),
        ("sessionId: 42af99c1de", "sessionId: <secret>"),
        ("<password>hunter2</password>", "<password><secret></password>"),
        ("password%3Dhunter2%26x", "password%3D<secret>"),
        ("password: hunter", "password: <secret>"),
        ("Invalid password 'hunter' given", "Invalid password '<secret>' given"),
        ("SharedAccessKey=abc/def+ghi=;EntityPath=x", "SharedAccessKey=<secret>;EntityPath=x"),
        ("AccountKey=abcdef==", "AccountKey=<secret>"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "aws_secret_access_key = <secret>"),
        ("token abc123def456 is expired", "token <secret> is expired"),
        ("driver pin: 4821", "driver pin: <secret>"),
        ("PIN=4821", "PIN=<secret>"),
        ("token: password=hunter2", "token: <secret>"),
        ("Passwort: geheim1", "Passwort: <secret>"),
        ('{"token": "abcdefghijkl"}', '{"token": "<secret>"}'),
        ("refresh_token='abcdefgh'", "refresh_token='<secret>'"),
        ('auth_token => "abc123456"', 'auth_token => "<secret>"'),
        ("Proxy-Authorization: Basic abc123==", "Proxy-Authorization: Basic <secret>"),
        (
            "'Authorization': 'Bearer abcdefghijklmnop', 'X-Api-Key': 'zzzz'",
            "'Authorization': '<secret>', 'X-Api-Key': '<secret>'",
        ),
        ('Authorization: Digest username="jo", response="6629fae4"', "Authorization: Digest <secret>"),
        ("with password Summer2024!", "with password <secret>!"),
        ("mongodb+srv://admin:s3cr3t@cluster0.example/db", "mongodb+srv://<secret>@cluster0.example/db"),
        ('"secret":["abc123"]', '"secret":["<secret>"]'),
        ("pin 1234 is wrong", "pin <secret> is wrong"),
        ("oauth_token=abc&oauth_token_secret=def", "oauth_token=<secret>&oauth_token_secret=<secret>"),
        ('"password":"hunter2 and cut', '"password":"<secret>'),
    ],
)
def test_credentials_are_masked(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "password must be at least 8 characters",
        "Invalid token.",
        '{"password":"is too short"}',
        "token: expired",
        '{"password": ["This field is required."]}',
        '{"password":"Must be at least 8 characters long."}',
        "Unexpected token < in JSON at position 0",
        "Unexpected token 'u', \"undefined\" is not valid JSON",
        "Token: The token has expired",
        "Bearer token required",
        'WWW-Authenticate: Bearer realm="api", error="invalid_token"',
        "Basic authentication required",
        '{"error":"invalid_token","error_description":"The access token expired"}',
        '{"token_type":"Bearer","expires_in":3600}',
        "tokens: 5000",
        "token_expires_in=3600",
        "api key is missing",
        "API key: invalid",
        "password: required",
        "password=null",
        "secret is required",
        'Duplicate key value violates unique constraint "users_pkey"',
        "session expired",
        "Session not found",
        "Incorrect login credentials",
        "https://api.example.com:8080/path?to=x@y",
        "Authorization: denied",
        "authorization failed for driver",
        "The sid must be positive",
        "signature does not match",
        "Token 1 of 3",
        "Password policy requires at least 8 characters",
        "invalid authorization header",
        "Das Passwort ist zu kurz",
        "Passwort: zu kurz",
        'key "name" is missing',
        "auth 401 Invalid token",
        "request id 8f7e6d5c-1111",
        "Missing token accessToken",
        "token was revoked",
        "PIN must be 4 digits",
        '{"token":"ExpiredToken"}',
        '{"password":"Dieses Feld ist erforderlich"}',
        "Secret not found: fleet/samsara",
        "key=value pairs expected",
    ],
)
def test_sentences_about_credentials_stay(text: str) -> None:
    assert mask_secrets(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Email jane.o'neil+test@fleet-7.example.com is taken", "Email <email> is taken"),
        ("user jörg@müller.de exists", "user <email> exists"),
        ("user jo%40x.com", "user <email>"),
        ("user jo&#64;x.com", "user <email>"),
        ("user jo\\u0040x.com", "user <email>"),
        ("用户jo@x.com已存在", "用户<email>已存在"),
        ("почта иван@пример.рф занята", "почта <email> занята"),
        ("phone +1 (555) 201-3344 in use", "phone <phone> in use"),
        ("Phone number 555-201-3344 invalid", "Phone number <phone> invalid"),
        ("call (555) 201-3344", "call <phone>"),
        ("mobile=5552013344", "mobile=<phone>"),
        ("+49 170 1234567 is no number", "<phone> is no number"),
        ("+49 (0)30 12345678", "<phone>"),
        ("0049 170 1234567", "<phone>"),
        ("00491701234567", "<phone>"),
        ("number 030 12345678 taken", "number <phone> taken"),
        ("0171/1234567 ist vergeben", "<phone> ist vergeben"),
        ("0170-1234567", "<phone>"),
        ("01701234567", "<phone>"),
        ("030 / 12345678", "<phone>"),
        ("020 7946 0958", "<phone>"),
        ("07400 123456", "<phone>"),
        ("07400123456", "<phone>"),
        ("06 12 34 56 78 est pris", "<phone> est pris"),
        ("01.23.45.67.89", "<phone>"),
        ("+33 6 12 34 56 78", "<phone>"),
        ("0412 345 678", "<phone>"),
        ("(02) 9374 4000", "<phone>"),
        ("501 234 567 jest", "<phone> jest"),
        ("501-234-567", "<phone>"),
        ("22 123 45 67", "<phone>"),
        ("(11) 98765-4321", "<phone>"),
        ("11 98765-4321", "<phone>"),
        ("+55 11 98765-4321", "<phone>"),
        ("090-1234-5678", "<phone>"),
        ("03-1234-5678", "<phone>"),
        ("612 34 56 78", "<phone>"),
        ("91 234 56 78", "<phone>"),
        ("347 123 4567", "<phone>"),
        ("347 1234567", "<phone>"),
        ("06 1234 5678", "<phone>"),
        ("06-12345678", "<phone>"),
        ("26 123 456", "<phone>"),
        ("2612 3456", "<phone>"),
        ("+371 26123456", "<phone>"),
        ("55 1234 5678", "<phone>"),
        ("tel. 26123456", "tel. <phone>"),
        ("telefon: 501234567", "telefon: <phone>"),
        ('"phoneNumber":"5012345"', '"phoneNumber":"<phone>"'),
        ("telefonnummer 0301234567", "telefonnummer <phone>"),
        ("\uff10\uff19\uff10\uff0d\uff11\uff12\uff13\uff14\uff0d\uff15\uff16\uff17\uff18", "<phone>"),
        ("1-555-201-3344", "<phone>"),
        ("555.201.3344", "<phone>"),
        ("the number 4152013344 is taken", "the number <phone> is taken"),
        ("license number: D1234567 is taken", "license number: <licence> is taken"),
        ("licence no AB-12345 expired", "licence no <licence> expired"),
        ("driver's license D1234567", "driver's license <licence>"),
        ('{"licenseNumber":"X99887766"}', '{"licenseNumber":"<licence>"}'),
        ("driverLicenseNumber is D123", "driverLicenseNumber is <licence>"),
        ("driverLicenseNumber is D1234567", "driverLicenseNumber is <licence>"),
        ("DL: D1234567", "DL: <licence>"),
        ("DL D1234567", "DL <licence>"),
        ("CDL# 12345678", "CDL# <licence>"),
        ("CDL #A1234567", "CDL #<licence>"),
        ("Führerschein B072RRE2I55", "Führerschein <licence>"),
        ("Führerscheinnummer: B072RRE2I55", "Führerscheinnummer: <licence>"),
        ("permis de conduire 123456789012", "permis de conduire <licence>"),
        ("licencia de conducir 12345678A", "licencia de conducir <licence>"),
        ("prawo jazdy 00123/45/6789", "prawo jazdy <licence>"),
        ("driver_license_no=S1234", "driver_license_no=<licence>"),
        ("license plate B-AB 123 refused", "license plate <plate> refused"),
        ("licensePlate: ABC1234", "licensePlate: <plate>"),
        ('"plate":"abc123"', '"plate":"<plate>"'),
        ("plate number 7ABC123 exists", "plate number <plate> exists"),
        ("Kennzeichen M-XY 1234", "Kennzeichen <plate>"),
        ("placa ABC1D23", "placa <plate>"),
        ("kenteken: 12-ABC-3", "kenteken: <plate>"),
        ("VIN 1HGCM82633A004352 exists", "VIN <vin> exists"),
        ("vin: 1hgcm82633a004352", "vin: <vin>"),
        ("value 1FUJGLDR9CSBM1234 dup", "value <vin> dup"),
        ("SSN 123-45-6789", "SSN <id>"),
        ("ssn=123456789", "ssn=<id>"),
        ("CPF 529.982.247-25", "CPF <id>"),
        ("529.982.247-25 existe", "<id> existe"),
        ("52998224725", "<id>"),
        ("PESEL 44051401359", "PESEL <id>"),
        ("44051401359", "<id>"),
        ("nino AB123456C", "nino <id>"),
        ("AB 12 34 56 C", "<id>"),
        ("12345678Z", "<id>"),
        ("X1234567L", "<id>"),
        ("DNI: 12345678Z", "DNI: <id>"),
        ("codice RSSMRA85T10A562S", "codice <id>"),
        ("BSN 111222333", "BSN <id>"),
        ("Steuer-ID: 86095742719", "Steuer-ID: <id>"),
        ("161175-19997", "<id>"),
        ("811228-9874", "<id>"),
        ("passport number X1234567", "passport number <id>"),
        ("4111 1111 1111 1111 declined", "<card> declined"),
        ("card 4111-1111-1111-1111", "card <card>"),
        ("5555555555554444", "<card>"),
        ("3782 822463 10005", "<card>"),
        ("card number 7083050910386614310", "card number <card>"),
        ("DE89 3704 0044 0532 0130 00 wrong", "<iban> wrong"),
        ("DE89370400440532013000", "<iban>"),
        ("IBAN: GB82WEST12345698765432", "IBAN: <iban>"),
        ("lv80bank0000435195001", "<iban>"),
        ("NL91ABNA0417164300 x", "<iban> x"),
        ("dob 1980-02-03", "dob <birth date>"),
        ('"birthDate": "1980-02-03T00:00:00Z"', '"birthDate": "<birth date>"'),
        ("date of birth: 02/03/1980", "date of birth: <birth date>"),
        ("born on 3 February 1980", "born on <birth date>"),
        ("Geburtsdatum 03.02.1980", "Geburtsdatum <birth date>"),
        ('{"street":"12 Main St","x":1}', '{"street":"<address>","x":1}'),
        ('{"address":"Hauptstr. 5, 10115 Berlin"}', '{"address":"<address>"}'),
        ("stop at 12 Main Street refused", "stop at <address> refused"),
        ("at 1600 Pennsylvania Ave NW", "at <address> NW"),
        ("Hauptstraße 12 nicht gefunden", "<address> nicht gefunden"),
        ("12 rue de la Paix", "<address>"),
        ("Brīvības iela 12", "<address>"),
        ('{"lat":48.8566,"lng":2.3522}', '{"lat":<coordinates>,"lng":<coordinates>}'),
        ("latitude: -33.8688", "latitude: -<coordinates>"),
        ("location 40.7128, -74.0060 outside", "location <coordinates> outside"),
        ("40.712776,-74.005974", "<coordinates>"),
        ("coordinates (40.71, -74.00)", "coordinates (<coordinates>)"),
        ("40°42'46\"N", "<coordinates>"),
        (
            "ERROR: row refused. DETAIL: Failing row contains (12, Anna Berg, null).",
            "ERROR: row refused. DETAIL: Failing row contains (<value>).",
        ),
        (
            "duplicate key. Key (license_number, state)=(B7654321, OH) exists.",
            "duplicate key. Key (license_number, state)=(<value>) exists.",
        ),
        ("Key (email)=(Anna (x) Berg) already exists.", "Key (email)=(<value>) already exists."),
        ("Duplicate entry 'Anna-OH' for key 'x'", "Duplicate entry '<value>' for key 'x'"),
        ("Duplicate entry 'Ann'a-OH' for key 'users.name'", "Duplicate entry '<value>' for key 'users.name'"),
        ("The duplicate key value is (Anna, OH).", "The duplicate key value is <value>."),
        ("Truncated value: 'Anna Berg'.", "Truncated value: <value>."),
        ("[parameters: ('Anna Berg', 1)]", "[parameters: <value>"),
        ("INSERT INTO x (a) VALUES ('Anna')", "INSERT INTO x (a) VALUES (<value>)"),
        ('E11000 duplicate key error dup key: { name: "Anna" }', "E11000 duplicate key error dup key: <value>"),
        ("Incorrect string value: 'Anna' for column 'x'", "Incorrect string value: <value> for column 'x'"),
        ('invalid input syntax for type integer: "Anna"', "invalid input syntax for type integer: <value>"),
        ("XML <phone>0301234567</phone>", "XML <phone><phone></phone>"),
        ("8 (495) 123-45-67", "8 <phone>"),
        ("1300 975 707", "<phone>"),
        ("98765 43210", "<phone>"),
        ("+46 70 123 45 67", "<phone>"),
        ("permis n° 123456789", "permis n° <licence>"),
        ("D.O.B.: 1980-02-03", "D.O.B.: <birth date>"),
        ("Licence number MORGA657054SM9IJ 35", "Licence number <licence> 35"),
        ("Tax ID 12-3456789", "Tax ID <id>"),
        ("POINT(2.3522 48.8566)", "POINT(<coordinates>)"),
    ],
)
def test_personal_values_are_masked(text: str, masked: str) -> None:
    assert mask_personal(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Vehicle 281474976710656 not found",
        "request 2026-11-23T10:00:00Z failed",
        "status 504 after 30000 ms",
        "id 019ddd87-5c1e-7a40-9d6b-2f1c8a7e4b90 unknown",
        "epoch 1795446000",
        "epoch 1795446000000",
        '{"retryAfter":8,"code":"E1234567"}',
        "Rate limit of 96637 requests per minute",
        "Request-Id: 0HMVD9A5K2F1D:00000002",
        "x-amzn-trace-id Root=1-67891233-abcdef012345678912345678",
        "cause g_714d83be again",
        "10.0.0.1:8080 connection refused",
        "dial tcp 192.168.100.200:443: i/o timeout",
        "14/Jan/2026:22:36:12 +0000",
        "2026-11-23 10:00:00.123456+01:00",
        "at 23.11.2026 10:30",
        "expired at 2026-08-14T02:22:20.057Z",
        "Key count 12345678",
        '{"address":"must be at most 50 characters"}',
        "IP address 10.0.0.1 blocked",
        "Email address is invalid",
        "license expired",
        "phone is invalid",
        "Phone must have at least 10 digits",
        "Invalid latitude",
        "speed 12.34567 over",
        "version 1.2.3.4567",
        "page 3 of 10",
        "Duplicate value 12 for field x",
        "10 000 000 rows",
        "user 12345678 has no device 7654321",
        "batch 20261123-101500",
        "line 12 column 345",
        "Invalid value for driverActivationStatus. Can only be 'active' or 'deactivated'",
        "api.edge8.tsp.example | 502: Bad gateway",
        "cancelled 1234567 times",
        "/v2/vehicles/4152013344",
        "vehicle_id=4152013344",
        '{"id":4152013344}',
        "license plate is missing",
        "SSL: CERTIFICATE_VERIFY_FAILED (_ssl.c:1007)",
        "HTTPSConnectionPool(host='api.x.com', port=443): Max retries exceeded",
        "Data too long for column 'name' at row 1",
        "Le véhicule White Whale a été archivé par Ecrin Volcke le 19/Jan/2026",
        "Password policy requires at least 8 characters",
        "0x7f9a8b8c0d10",
        "trip 00000012345 closed",
        "vin is invalid",
        "Truncated response",
        "code=1234567",
        "12 345 678 bytes",
        "order 100-200-300",
        "telemetry 12345678 rows",
        "codes 4001 4002 4003",
        "Allowed values (active, inactive) for 'status'",
        "01/02/2026 10:00 - 01/03/2026 11:00",
        "Latitude must be between -90.0000 and 90.0000",
        "x-ratelimit-reset: 1795446000",
        "snowflake 1234567890123456789",
    ],
)
def test_ids_times_counts_and_sentences_stay(text: str) -> None:
    assert mask_personal(mask_secrets(text)) == text


NATIONAL = {
    "US": "(201) 555-0123",
    "CA": "(506) 234-5678",
    "MX": "200 123 4567, 222 123 4567",
    "GB": "0121 234 5678, 07400 123456",
    "IE": "(022) 12345, 085 012 3456",
    "DE": "030 123456, 01512 3456789",
    "AT": "01 234567890, 0664 123456",
    "CH": "021 234 56 78, 078 123 45 67",
    "FR": "01 23 45 67 89, 06 12 34 56 78",
    "BE": "012 34 56 78, 0450 00 12 34",
    "NL": "010 123 4567, 06 12345678",
    "ES": "810 12 34 56, 612 34 56 78",
    "PT": "21 234 5678, 912 345 678",
    "IT": "02 1234 5678, 312 345 6789",
    "PL": "12 345 67 89, 512 345 678",
    "CZ": "212 345 678, 601 123 456",
    "SK": "02 212 345 67, 0912 123 456",
    "HU": "(06 1) 234 5678, 06 20 123 4567",
    "SE": "08-12 34 56, 070-123 45 67",
    "FI": "013 1234567, 041 2345678",
    "LV": "63 123 456, 21 234 567",
    "LT": "(0-312) 34567, (0-612) 34567",
    "UA": "03112 34567, 050 123 4567",
    "RO": "021 123 4567, 0712 034 567",
    "BG": "02 123 456, 043 012 345",
    "GR": "21 2345 6789, 691 234 5678",
    "TR": "(0212) 345 67 89, 0501 234 56 78",
    "AU": "(02) 1234 5678, 0412 345 678",
    "NZ": "03 234 5678, 021 123 4567",
    "BR": "(11) 2345-6789, (11) 96123-4567",
    "AR": "011 2345-6789, 011 15-2345-6789",
    "CL": "600 123 456, (2) 2123 4567",
    "CO": "(601) 2345678, 321 1234567",
    "JP": "03-1234-5678, 090-1234-5678",
    "IN": "074104 10123, 081234 56789",
    "ZA": "010 123 4567, 071 123 4567",
    "IL": "02-123-4567, 050-234-5678",
}
"""A fixed and a mobile number of each country, never given out, as its own people write them."""


@pytest.mark.parametrize(("land", "numbers"), NATIONAL.items())
def test_a_number_is_known_by_the_way_a_country_writes_it(land: str, numbers: str) -> None:
    for number in numbers.split(", "):
        masked = mask_personal(f"'{number}' is refused")
        assert not any(c.isdigit() for c in masked), (land, number)


@pytest.mark.parametrize("name", ["Anna Berg", "Acme Logistics GmbH", "Truck 12", "Lucky Seven-17", "Depot Süd"])
def test_names_stay(name: str) -> None:
    assert mask_personal(f"'{name}' is already assigned") == f"'{name}' is already assigned"


# --- Properties ---

AROUND = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)
EDGES = st.sampled_from([" ", "'", '"', "(", ": ", ", ", "\n", "«", "|"])
FIGURES = "0123456789"


def figures(count: int, first: str = "123456789") -> st.SearchStrategy[str]:
    rest = st.text(FIGURES, min_size=count - 1, max_size=count - 1)
    return st.builds(str.__add__, st.sampled_from(first), rest)


def with_luhn(number: str) -> str:
    doubled = [int(c) * (1 + i % 2 * 1) for i, c in enumerate(reversed(number + "0"))]
    return number + str(-sum(sum(divmod(d, 10)) for d in doubled) % 10)


def iban_of(account: str) -> str:
    return f"DE{98 - int(account + '131400') % 97:02d}{account}"


def in_fours(number: str) -> str:
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


EMAILS = st.from_regex(
    r"[a-zäöü0-9][a-zäöü0-9._+-]{0,15}[a-zäöü0-9](?:@|%40|&#64;)[a-zäöü]{2,10}\.(?:com|example|de)", fullmatch=True
)
PHONES = st.one_of(
    st.from_regex(r"(?:[2-9][0-9]{2}-[2-9][0-9]{2}-[0-9]{4}|\([2-9][0-9]{2}\) [0-9]{3}-[0-9]{4})", fullmatch=True),
    st.from_regex(r"\+[1-9][0-9]{0,2} [0-9]{3} [0-9]{6}", fullmatch=True),
    st.from_regex(r"0[1-9][0-9]{2,3}[ /-][0-9]{6,7}", fullmatch=True),
    st.from_regex(r"0[1-9](?:[ .][0-9]{2}){4}", fullmatch=True),
    st.from_regex(r"[1-9]{2} 9[0-9]{4}-[0-9]{4}", fullmatch=True),
)
CARDS = figures(15, "4").map(with_luhn)
ACCOUNTS = figures(18).map(iban_of)
PERSONAL = st.one_of(EMAILS, PHONES, CARDS, CARDS.map(in_fours), ACCOUNTS, ACCOUNTS.map(in_fours))
KEYED_TOKENS = st.builds(
    "{}{}".format,
    st.sampled_from(["api_key=", "access_token=", "X-API-Key: ", "Bearer ", '"password":"', "clientSecret: '"]),
    st.from_regex(r"[a-z]{4}[0-9]{4}[A-Za-z0-9]{8,24}", fullmatch=True),
)
KNOWN_TOKENS = st.sampled_from(sorted(TOKENS.items())).map("".join)


@given(AROUND, EDGES, PERSONAL, EDGES, AROUND)
def test_no_personal_value_survives_in_any_surroundings(
    before: str, left: str, value: str, right: str, after: str
) -> None:
    assert value not in mask_personal(before + left + value + right + after)


@given(AROUND, EDGES, st.one_of(KEYED_TOKENS, KNOWN_TOKENS), EDGES, AROUND)
def test_no_credential_survives_in_any_surroundings(before: str, left: str, said: str, right: str, after: str) -> None:
    token = said.split(" ")[-1].split("=")[-1].split(":")[-1].strip("'\"")
    assert token not in mask_secrets(before + left + said + right + after)


PIECES = st.one_of(
    PERSONAL,
    KEYED_TOKENS,
    KNOWN_TOKENS,
    st.sampled_from(
        "phone license plate vin ssn card token password secret cookie= Key (email)=( ) ' \" : = <phone> <id> <secret> </ > "
        "address birth dob lat location 12 504 ://a:b@ key values ( Main Street row contains @ + - . is".split(" ")
    ),
    st.text(max_size=8),
)


@given(st.lists(PIECES, max_size=12), st.sampled_from(["", " ", ": "]))
def test_masking_twice_is_masking_once(pieces: list[str], between: str) -> None:
    text = between.join(pieces)
    for mask in (mask_secrets, mask_personal):
        assert mask(mask(text)) == mask(text)


@given(st.lists(st.from_regex(r"[A-Za-z]?[a-z]{1,12}[.,;!?]?", fullmatch=True), max_size=20).map(" ".join))
def test_plain_words_stay(text: str) -> None:
    assert mask_personal(mask_secrets(text)) == text


@given(st.uuids(), st.datetimes(), st.integers(0, 10**8 - 1), st.from_regex(r"g_[0-9a-f]{8}", fullmatch=True))
def test_what_identifies_an_operation_stays(operation: object, when: object, count: int, cause: str) -> None:
    text = f"operation {operation} of {cause} failed 504 at {when:%Y-%m-%dT%H:%M:%SZ} after {count} tries"
    assert mask_personal(mask_secrets(text)) == text


# --- Headers ---


@pytest.mark.parametrize(
    "name",
    [
        *sorted(SAFE_HEADERS),
        "X-Request-Id",
        "x-amzn-RequestId",
        "X-RateLimit-Remaining",
        "RateLimit-Reset",
        "X-Amzn-Trace-Id",
        "x-ms-correlation-request-id",
    ],
)
def test_headers_that_identify_a_request_or_tell_a_limit_are_shown(name: str) -> None:
    assert safe_header(name)


@pytest.mark.parametrize(
    "name",
    "set-cookie cookie authorization proxy-authorization x-api-key location www-authenticate x-user-email x-request-identity "
    "x-ratelimit x-auth-request-token server x-session-id".split(),
)
def test_any_other_header_is_not(name: str) -> None:
    assert not safe_header(name)


# --- Cost ---

STUMBLES = [
    "a@", "%40", "1 ", "1-", "(1", "123-12 ", "+1", "1 2-3.4/5 ", "1° ", "DE89 ", "A1", "AB 12 34 ", "password", "password=", 'password="',
    "password: 'a ", "(a)=(password=", "token is ", "api key ", "://a:b@", "://a:", "cookie:a=b;", "(a)=(", "row contains (",
    "duplicate entry '", "values (", "parameters: [", "invalid input value for a: \"", "-----BEGIN PRIVATE KEY-----", "eyJaaaaaaaa",
    "phone is is ", "license number is ", "plate A-", "card 1", "born 1", "location 1.1 ", "address: 'a ", "1 A ", "12 rue a ", "<phone>",
    "<password>", "\\\"", "\u0300", "\u7528", "is ",
]  # fmt: skip


@pytest.mark.parametrize("unit", STUMBLES)
def test_no_text_makes_a_pattern_backtrack(unit: str) -> None:
    text = (unit * 16_384)[:16_384]
    mask_personal(mask_secrets(text[:256]))  # builds the patterns
    began = time.process_time()
    mask_personal(mask_secrets(text))
    assert time.process_time() - began < 1  # in the order of 0.02; a quadratic pattern takes many seconds


def test_importing_it_loads_nothing_else_of_ours() -> None:
    code = (
        "import sys, server.masking; print([m for m in sys.modules if m.startswith('server.') and 'masking' not in m])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
