"""Credentials: known by their own form, or by the key before them where the value is no sentence about it."""

import re
from functools import cache

from .rules import EDGE, KEY, PLAIN, Rule, Rules, settled

# Words that tell what is wrong with a credential; one among them, or a sentence with one, is no credential itself.
_TELLING = frozenset(
    "is are was be must should may can cannot not no too required invalid missing expired incorrect wrong empty blank short "
    "long weak least at most do does match matches has have mismatch exceeds already failed denied revoked unknown "
    "unauthorized forbidden rejected refused disabled locked null none nil true false undefined error valid found "
    "provided need needs needed mandatory optional default unset hidden "
    "ist sind muss darf nicht kein fehlt falsch leer kurz erforderlich abgelaufen ungültig ungültiges zu "
    "est doit pas trop requis invalide expiré manquant obligatoire incorrecte incorrect "
    "es debe inválido inválida obligatorio obligatoria requerido requerida incorrecta incorrecto caducado "
    "deve obrigatório obrigatória expirado non scaduto richiesto obbligatoria errata "
    "jest musi nie wymagane nieprawidłowe wygasł niet moet verplicht ongeldig verlopen".split()
)
_LONGEST_REASON = 500
_WORD = re.compile(r"[^\W\d_]+")
_PROSE = re.compile(r"[(\"']?(?:[^\W\d_]+(?:['\u2019/-][^\W\d_]+)*|\d{1,3})[.,;:!?)\"']{0,3}")
_REASON_CODE = re.compile(
    r"(?:invalid|expired|missing|malformed|empty|bad|wrong)[a-z_-]{1,30}|[a-z_-]{1,30}(?:expired|missing|required|notfound)",
    re.I,
)
_RANDOM = re.compile(r".*\d|.*[+/$%^~*#]|\w{10,}={1,2}$|.{32}|(?:.*?[a-z][A-Z]){3}", re.S)

_SECRET_STEMS = tuple(
    "pass pwd secret token key auth bearer basic signature sig= credential sess sid pin otp assertion kennwort contrase senha "
    "hasł wachtwoord парол".split()
)
_SECRET_PATTERN = (
    KEY
    + rf"(?:(?P<chosen>(?:passw(?:or[dt]|d)|passphrase|passcode|kennwort|contrase[ñn]a|senha|hasł[oa]|wachtwoord|пароль"
    rf"|{EDGE}(?:pwd|passe?|pin)))"
    r"|secret|token(?!s)|credentials?|signature|(?:access|account|api|auth|encryption|private|secret|signing"
    r"|subscription)[\s_-]?key|authorization|j?session|phpsessid|assertion"
    rf"|{EDGE}(?:sid|sig|otp|auth|bearer|basic)|(?<=[?&])(?:key|code))"
    r"(?:[\s_-]?(?:access[_-]?key|value|hash|key|id|string|data|confirmation|code|token)|[_-]?\d{1,2})?(?!\w)"
    r"(?P<link>\\{0,3}['\"]?\]?(?:\s{0,3}(?:=>|[:=>]|%3[AD])|\s{1,3}(?:is|was)(?=\s))?\s{0,3}(?:[\[({]\s{0,3})?)"
    r"(?P<scheme>(?:bearer|basic|token|digest|negotiate|apikey)\s{1,3})?"
    r"(?:(?P<quote>\\{0,3}[\"'`])(?P<quoted>.+?)(?:(?P=quote)|$)|(?P<bare>[^\s;&\"'<>\\]+))"
)


@cache
def _secret() -> re.Pattern[str]:
    return re.compile(_SECRET_PATTERN, re.I | re.S)


_TOKENS = Rules(
    Rule(
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ sk_ rk_ pk_ npm_ hf_ shpat_ samsara_api_",
        r"(?<![A-Za-z])(?:gh[opsur]_\w{16,}|github_pat_\w{16,}|[prs]k_(?:live|test)_\w{8,}|npm_\w{24,}|hf_\w{20,}|shpat_\w{16,}"
        r"|samsara_api_\w{8,})",
        "<secret>",
        re.A,
    ),
)
_CREDENTIALS = Rules(
    Rule("private~key-", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:.*?-----END [A-Z ]{0,30}-----|.*)", "<secret>"),
    # A JSON web token, also one that was cut.
    Rule("eyj", r"(?<![A-Za-z])eyJ[\w-]{8,}[\w.=-]*", "<secret>", re.A),
    Rule("akia asia aiza", r"A(?:(?:KI|SI)A[A-Z\d]{12,}|Iza[\w-]{24,})", "<secret>", re.A),
    Rule("xox sk- rk- glpat-", r"(?<![A-Za-z])(?:xox[a-z]{1,2}|[rs]k|glpat)-[\w-]{12,}", "<secret>", re.A),
    Rule("ya29. sg.", r"(?<![A-Za-z])(?:ya29\.[\w-]{8,}|SG\.[\w-]{16,}(?:\.[\w-]{16,})?)", "<secret>", re.A),
    # What stands before the "@" of an address; a port and a path with an "@" in it do not.
    Rule(
        "://",
        r"(://)(?!<secret>@)(?:[^\s/?#@:'\"<>]{0,128}:(?!\d{1,5}[/?#])[^\s'\"<>]{0,512}|[^\s/?#@:'\"<>]{1,512})@",
        r"\1<secret>@",
    ),
    Rule("digest~", r"(digest )(?:\w{1,20}=(?:\"[^\"]{0,512}\"|[^\s,]{1,512})(?:,\s{0,3})?){2,20}", r"\1<secret>"),
    Rule(
        "cookie",
        KEY + r"(cookie2?['\"\\]{0,4}\s{0,3}[:=]\s{0,3}['\"\\]{0,4})[\w!#$%&*+.^|~-]{1,80}=[^\s;'\"\\]{1,4096}"
        r"(?:;\s{0,2}[\w!#$%&*+.^|~-]{1,80}(?:=[^;'\"\\]{0,4096})?)*",
        r"\1<secret>",
    ),
)


def mask_secrets(text: str) -> str:
    """Replace credentials by `<secret>`. A sentence about a credential ("password is too short") stays."""
    return text if PLAIN.fullmatch(text) else settled(_without_secrets, text)


def _without_secrets(text: str) -> str:
    low = text.lower()
    text = _CREDENTIALS.applied(text, low)
    if "_" in low:
        text = _TOKENS.applied(text, low)
    for stem in _SECRET_STEMS:
        if stem in low:
            return _without_keyed_secrets(text)
    return text


def _without_keyed_secrets(text: str) -> str:
    parts, done, at = [], 0, 0
    while found := _secret().search(text, at):
        kind = "bare" if found["quoted"] is None else "quoted"
        at = found.start(kind)  # what stays may hold the next key
        if _is_secret(found):
            at = found.start(kind) + len(found[kind].rstrip(".,;:!?)]}"))
            parts += [text[done : found.start(kind)], "<secret>"]
            done = at
    return "".join(parts) + text[done:]


def _is_secret(found: re.Match[str]) -> bool:
    value, chosen, quoted = found["quoted"] or found["bare"], bool(found["chosen"]), found["quoted"] is not None
    bare = value.strip(" .,;:!?)]}([{*")
    if not bare or bare[0] == "<":  # masked already, by us or by others
        return False
    if len(words := value.split()) > 1 and all(map(_PROSE.fullmatch, words)):
        return not _tells(value)
    if (_tells(bare) and not re.search(r"\d", bare)) or (not chosen and _REASON_CODE.fullmatch(bare)):
        return False
    link = found["link"].strip("\\'\"[]({ \t")
    if link in ("=", "=>", ">") or link.startswith("%"):
        return chosen or not bare.isdigit() or len(bare) > 5
    random = (len(bare) >= 6 and _RANDOM.match(bare) is not None) or (chosen and bare.isdigit() and len(bare) >= 4)
    if chosen and link:  # a chosen word may be any word, but then nothing follows it
        return random or quoted or re.match(r"\s*(?:$|[,;&}\])\n\"'|])", found.string[found.end("bare") :]) is not None
    return random or (quoted and (chosen or (":" in link and len(words) == 1 and len(bare) > 3)))


def _tells(value: str) -> bool:
    return len(value) <= _LONGEST_REASON and not _TELLING.isdisjoint(_WORD.findall(value.lower()))
