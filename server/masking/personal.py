"""Personal data: e-mail, what databases quote, and values known by the word before them or by their form."""

import re
from functools import cache

from .forms import without_forms
from .rules import EDGE, END, KEY, PLAIN, Rule, Rules, settled

# Databases quote the row, the key or the value that they refuse. What ends such a quotation may stand in it too, so it
# ends at the last bracket where nothing better marks its end.
_ECHOES = Rules(
    Rule("row~contains", r"(row contains )\((?:.*\)|.*)", r"\1(<value>)"),
    Rule(
        ")=( )~=~(",
        r"(\([^()]{1,200}\) ?= ?)\((?!<value>\))(?:.{0,2000}?\)(?=[.,;\"'\\]|\s(?:already|is|exists|conflicts|was)\b|\s*$)"
        r"|.*\)|.*)",
        r"\1(<value>)",
    ),
    Rule("duplicate~entry", r"(duplicate entry )'(?!<value>')(?:.{0,2000}?'(?= for key)|[^']*'?)", r"\1'<value>'"),
    Rule(
        "key~value~is truncated~value incorrect varchar~value invalid~input",
        r"(key value is |truncated value: |(?:incorrect [\w ]{0,20}?|varchar )value:? "
        r"|invalid input (?:syntax|value) for [\w ]{1,60}: )(?:\((?!<value>).{0,1000}?\)(?=[.,;\"'\\]|\s*$)"
        r"|(\\?[\"'])(?!<value>).{0,1000}?\2)",
        r"\1<value>",
    ),
    Rule("parameters:", r"(parameters: )(?!<value>)(?:[\[({].*[\])}]|[\[({$].*)", r"\1<value>"),
    Rule("insert~into", r"(insert into .{1,500}? values ?)\((?!<value>)(?:.*\)|.*)", r"\1(<value>)"),
    Rule("dup~key:", r"(dup key: ?)\{(?:.*\}|.*)", r"\1<value>"),
)

# What may stand between a key and its value: `": "`, ` number is `, `>`, `#`.
_LINK = r"(?:[\s:=#.>'\"(\[\\-]{1,8}|(?:is|was|of|with|number|no|nr|n[°º]|value|ist|est|es|jest|ir)(?![a-z])){0,7}+"
_NUMBER = r"(?:[\s_-]?(?:numbers?|num|no|nr|nummer|numer|id|code|plate|\d(?=[\'\"]?\s?[:=]))(?![a-z]))?"
_SHORT = 5


def _keyed(mask: str, keys: str, value: str, link: str = _NUMBER + END + _LINK) -> Rule:
    """Make a rule for values after one of the keys, each written apart, with "_" or "-", or in camel case."""
    names = [key.strip() for key in keys.split(",")]
    spelled = "|".join(
        (EDGE if len(name) < _SHORT else "") + r"[\s_'\u2019-]{0,2}".join(map(re.escape, name.split()))
        for name in names
    )
    stems = {max(name.split(), key=len) for name in names}
    fewest = " ".join(stem for stem in stems if not any(other in stem for other in stems - {stem}))
    return Rule(fewest, f"({KEY}(?:{spelled}){link}){value}", rf"\1<{mask}>", re.I)


_DEGREES = r"[+-]?\d{1,3}\.\d{1,15}"
_HOUSE = r"(?=[^;\"'<>\n)]{0,60}?(?:\d[a-z]?,? (?-i:[A-ZÀ-Þ])|[^\W\d]\.? \d{1,5}[a-z]?(?:[,;\"'\]})]|\s*$)))"

_KEYS = Rules(
    _keyed(
        "birth date",
        "birth date, date of birth, birthday, dob, d.o.b., born, born on, geburtsdatum, geburtstag, geboren, geboren am, "
        "date de naissance, fecha de nacimiento, data di nascita, data de nascimento, data urodzenia, geboortedatum, "
        "dzimšanas datums",
        r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{8}|\d{1,2}\.? [^\W\d]{3,9}\.?,? \d{4}|[^\W\d]{3,9}\.? \d{1,2}[a-z]{0,2},? \d{4})"
        r"(?:[T ]\d\d:\d\d[\d:.]{0,12}Z?)?",
    ),
    _keyed(
        "plate",
        "license plate, licence plate, number plate, registration plate, registration number, plate, kennzeichen, "
        "immatriculation, matricula, matrícula, targa, kenteken, placa, numer rejestracyjny, valsts numurs",
        r"(?:(?-i:(?=[A-ZÄÖÜ -]{0,9}\d)[A-ZÄÖÜ\d]{1,8}(?:[ -][A-ZÄÖÜ\d]{1,5}){0,3})|(?=[a-z-]{0,9}\d)[a-z\d][a-z\d-]{2,9})(?![\w-])",
    ),
    _keyed(
        "licence",
        "driver s license, driver s licence, driving license, driving licence, license, licence, dl, cdl, dln, führerschein, "
        "fuehrerschein, führerscheinnummer, permis de conduire, numéro de permis, permis n°, licencia, licencia de conducir, carnet de conducir, "
        "prawo jazdy, prawa jazdy, patente, patente di guida, rijbewijs, rijbewijsnummer, cnh, habilitação, apliecība, 免許証",
        r"(?!\d{4}-\d\d-\d\d)(?=[A-Z-]{0,20}\d)[A-Z\d][A-Z\d/-]{3,20}(?![^\W_])",
    ),
    _keyed("vin", "vin, vehicle identification number, fahrgestellnummer", r"(?=[A-Z]{0,16}\d)[A-Z\d]{6,17}(?!\w)"),
    _keyed("card", "card, kartennummer, carte, tarjeta", r"\d{4}(?:[ -]?\d){8,15}(?!\d)"),
    _keyed(
        "id",
        "ssn, sin number, tin, nino, cpf, pesel, dni, nif, nie number, curp, bsn, social security, social insurance, "
        "national insurance, national id, national identity, national number, identity card, identity number, codice fiscale, "
        "steuer id, steuernummer, tax id, taxpayer id, personal code, personal number, personas kods, personnummer, passport, "
        "reisepass, passeport, pasaporte, aadhaar",
        r"(?!\d{4}-\d\d-\d\dT)(?=[A-Z]{0,6}[ -]?\d)(?:[A-Z\d](?:[./-]?[A-Z\d]){4,20}|\d{2,5}(?: \d{2,5}){1,4}|[A-Z]{2}(?: \d\d){3} [A-D])(?!\w)",
    ),
    _keyed(
        "phone",
        "phone, mobile, mobil, mobilnummer, cell, cellular, cellulare, tel, telephone, fax, handy, handynummer, gsm, whatsapp, "
        "telefon, telefonnummer, telefono, teléfono, telefone, téléphone, telefoon, celular, móvil, portable, komórka, tālrunis, "
        "電話番号, 電話, 携帯",
        r"[+(]{0,2}\d(?:[\s().\u2010-\u2015\u2212\uff0d/-]{0,3}\d){5,14}(?!\w)",
        r"(?:(?<=phone)[a-z]{0,8})?" + _NUMBER + END + _LINK,
    ),
    _keyed("coordinates", "lat, latitude, lon, lng, longitude", _DEGREES),
    _keyed(
        "coordinates",
        "coordinates, coordinate, coords, location, position, gps, geo, point",
        rf"{_DEGREES}(?:\s?[,;]\s?|\s){_DEGREES}",
    ),
    _keyed(
        "address",
        "address, addr, street, strasse, straße, adresse, dirección, direccion, indirizzo, endereço, adres",
        rf"(?!\d{{1,3}}(?:\.\d{{1,3}}){{3}}){_HOUSE}[^;\"'<>\n)\]}}]{{4,120}}",
        r"(?:[\s_-]?line)?[\s_-]?\d?['\"\\]{0,4}\s?[:=]\s?['\"\\]{0,4}",
    ),
    Rule(
        "~st ~rd ~ave ~dr ~ln ~hwy ~blvd ~ct street road drive lane highway parkway court",
        r"(?<!\w)\d{1,6}[A-Za-z]? (?:[A-Z][\w'.-]{0,20} ){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court"
        r"|Ct|Highway|Hwy|Parkway|Pkwy)\b\.?",
        "<address>",
        re.NOFLAG,
    ),
    Rule(
        "straße strasse str. weg platz allee gasse rue~ avenue~ via~ calle~ avenida~ rua~ ul. ~iela",
        r"(?<!\w)(?:[A-ZÄÖÜ][\w-]{1,30}(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse) \d{1,4}[a-z]?(?!\w)"
        r"|\d{1,4},? (?:rue|avenue) (?:[\w'\u2019-]{1,20} ){0,3}[A-Z][\w-]{1,20}"
        r"|(?:[Vv]ia|[Cc]alle|[Aa]venida|[Rr]ua|ul\.) (?:[\w'-]{1,20} ){0,3}[A-Z][\w-]{1,20},? \d{1,5}|[A-ZĀ-Ž]\w{1,20} iela \d{1,4})",
        "<address>",
        re.NOFLAG,
    ),
)

_DIGIT = re.compile(r"\d")


def mask_personal(text: str) -> str:
    """Replace personal data by what it is, `<email>`, `<phone>`, ..., and by `<value>` what a database quotes."""
    return text if PLAIN.fullmatch(text) else settled(_masked, text)


def _masked(text: str) -> str:
    if "@" in text or "40" in text or "64;" in text or "\uff20" in text:
        text = _without_emails(text)
    low = text.lower()
    if "(" in low or "'" in low or '"' in low:
        text = _ECHOES.applied(text, low)
    return without_forms(_KEYS.applied(text, low)) if _DIGIT.search(text) else text


# Scripts without blanks between words: what is written in them is no part of an address in other letters.
_JOINED = r"(?![\u0e00-\u0e7f\u3000-\u9fff\uac00-\ud7af\uff00-\uffef])"
_LETTER = r"\w\u0300-\u036f"
_LONGEST_LOCAL = 128


class _Email:
    """The patterns around an "@". What stands before it is read backwards, so that a long word is looked at once."""

    def __init__(self) -> None:
        self.at = re.compile(r"[@\uff20]|%40|&#(?:64|x40);|\\u0040", re.I)
        self.local = re.compile(rf"(?:{_JOINED}[{_LETTER}.+'\u2019%-])*{_JOINED}[{_LETTER}]|[{_LETTER}.+'\u2019%-]*\w")
        self.host = re.compile(
            rf"\[[\da-f.:]{{2,45}}\]|(?:{_JOINED}[{_LETTER}-])+(?:\.(?:{_JOINED}[{_LETTER}-])+)*|[{_LETTER}-]+(?:\.[{_LETTER}-]+)*",
            re.I,
        )


_email = cache(_Email)


def _without_emails(text: str) -> str:
    parts, done, email = [], 0, _email()
    for at in email.at.finditer(text):
        host = email.host.match(text, at.end())
        local = host and email.local.match(text[max(done, at.start() - _LONGEST_LOCAL) : at.start()][::-1])
        if local and host:
            parts += [text[done : at.start() - local.end()], "<email>"]
            done = host.end()
    return "".join(parts) + text[done:]
