"""Log lines as a page may show them: without secrets, and without what says who a student is.

A page is sent around, and a server's log was never written for that. What is hidden is told by its
name (`password`, `cookie`, `e-mail` …) or by its looks (a token, an address); more than is needed
is hidden rather than less. A secret that has neither, such as one in the middle of a sentence,
cannot be told from other words.
"""

import json
import re
from collections.abc import Collection, Sequence
from functools import partial
from typing import Any, Final

from dress_rehearsal.plans.secrets import names_a_secret
from dress_rehearsal.plans.shown import HIDDEN, looks_secret

_MOST: Final = 4_000
"""So many characters of a text are looked at; no more are shown."""
_DEEPEST: Final = 6

_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SECRETS: Final = (
    "auth bearer captcha code csrf jwt keys nonce otp pass pin pwd sid sig tan totp xsrf"
)
_PEOPLE: Final = "email iban mail passport phone surname"
_NAMING: Final = frozenset(f"{_SECRETS} session sessionid {_PEOPLE}".split())
"""Words of a name by which a secret goes, or what says who somebody is."""
_PERSONAL: Final = re.compile(
    r"(first|last|full|given|family|middle|display|user|real|student|customer|person|buyer)"
    r"[ _.-]?name|e-?mail|phone|matric|birth|address|^name$|sess(ion)?[ _.-]?id$"
    r"|(?<![a-z])(login|ip|user|customer|buyer)$"
    r"|student[ _.-]?(id|no|nr|number)?$",
    re.IGNORECASE,
)
_HARMLESS: Final = re.compile(
    r"(status|error|http|response|exit|return|state|reason)[ _.-]?code|idempotency[ _.-]?key",
    re.IGNORECASE,
)
_AMOUNTS: Final = frozenset({"ms", "s", "ns", "us", "seconds", "count", "total", "bytes", "length"})

_QUERY: Final = re.compile(r"\?[^\s\"'<>\\]+")
_HEADER: Final = re.compile(
    r"((?:proxy-)?authorization|(?:set-)?cookies?)(\\?[\"'])?(\s{0,9}[:=]\s{0,9})"
    r"(?:(\\?[\"']).*?(?:\4|$)|[^\"'\n]+)",
    re.IGNORECASE,
)
_PAIR: Final = re.compile(
    r"(?P<name>[A-Za-z][\w.-]{0,60})(\\?[\"'])?(\s{0,9}(?:[=:]|%3[AD])\s{0,9})"
    r"(?P<value>(\\?[\"'])(?:\\\\|(?!\5).)*(?:\5|$)|\[[^\]]*\]?|\{[^}]*\}?"
    r"|[^\s\"'}&](?:[^\"'}&\n]*?)(?=[\s,;&]+\\?[\"']?[\w.-]{1,60}\\?[\"']?\s{0,3}[=:]|[\"'}&\n]|$))"
)
_NAME: Final = re.compile(r"-{0,2}[A-Za-z][\w.-]{0,60}")
_LISTED: Final = re.compile(
    r"(\\?[\"'])(?P<name>-{0,2}[A-Za-z][\w.-]{0,60})\1\s{0,3},\s{0,3}"
    r"(?:\\?[\"']\w{1,20}\\?[\"']\s{0,3}:\s{0,3})?"
    r"(?P<value>(\\?[\"'])(?:(?!\4).)*(?:\4|$))"
)
"""A name and its value, as headers are listed: `("Cookie", "sid=1")`, or as fields of their own."""
_SAID: Final = re.compile(
    r"\b(passw(?:or)?d|token|secret|pin|otp|cookie|session)(\s+(?:is|was)\s+\S+|\s+\S{0,99}\d\S*)",
    re.IGNORECASE,
)
_SCHEME: Final = re.compile(r"\b(bearer|basic|digest|negotiate)\s+[^\s\"',;]+", re.IGNORECASE)
_LOGIN: Final = re.compile(r"://[^/\s@]{1,300}@")
_MAIL: Final = re.compile(r"[\w.+-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\b[A-Za-z]{1,2}\d{7,8}\b")
"""A student's number as universities write it: `k01234567`."""
_JWT: Final = re.compile(r"\beyJ[\w.=-]{8,}")
_LONG: Final = re.compile(r"[\w+=~-]{16,}")
_RANDOM: Final = re.compile(
    r"(?=.*[A-Za-z])(?=.*\d.*\d).{20,}|(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{16,}|.*[0-9a-f]{24,}.*"
)

_DONE: Final = re.compile(rf"(([=:]|bearer|://)\s{{0,9}})?{HIDDEN}@?", re.IGNORECASE)
"""What is hidden already, with what would have given it away."""


def redacted(text: str, kept: Collection[str] = ()) -> str:
    """Return a text with `HIDDEN` in place of what could be a secret or says who somebody is.

    Args:
        text: words of a log, of any length; what is beyond the 4,000th character is left out.
        kept: trace ids that stay, alone and in a `traceparent`.
    """
    if len(text) > _MOST:
        text = re.sub(r"\S+\Z", "", text[:_MOST]) + HIDDEN
    text = _QUERY.sub(f"?{HIDDEN}", text)
    text = _HEADER.sub(_headed, text)
    for pattern in (_LISTED, _PAIR):
        text = _paired(pattern, text)
    text = _SAID.sub(rf"\1 {HIDDEN}", text)
    text = _SCHEME.sub(rf"\1 {HIDDEN}", text)
    text = _LOGIN.sub(f"://{HIDDEN}@", text)
    for pattern in (_MAIL, _JWT, _NUMBER):
        text = pattern.sub(HIDDEN, text)
    text = _LONG.sub(partial(_unless_kept, kept), text)
    return HIDDEN if looks_secret(_DONE.sub(" ", text)) else text


def redacted_value(name: str, value: Any, kept: Collection[str] = (), depth: int = 0) -> Any:
    """Return what a field of JSON holds, with `HIDDEN` in place of what is not shown, however deep.

    Args:
        name: the field's; a list's entries go by the name of the list.
        value: of JSON.
        kept: as `redacted`.
        depth: how deep in the line it is; too deep to be read, all of it is hidden.
    """
    if value is None or isinstance(value, bool):
        return value
    is_amount = isinstance(value, (int, float)) and name.rpartition("_")[2].lower() in _AMOUNTS
    if (hides(name) and not is_amount) or depth > _DEEPEST:
        return HIDDEN
    if isinstance(value, dict):
        return {
            redacted(key, kept): redacted_value(
                _under(key, own, list(value.values())), own, kept, depth + 1
            )
            for key, own in value.items()
        }
    if isinstance(value, list):
        before = [None, *value[:-1]]
        return [
            redacted_value(_under(name, own, [last]), own, kept, depth + 1)
            for own, last in zip(value, before, strict=True)
        ]
    return redacted(value, kept) if isinstance(value, str) else value


def _under(name: str, value: Any, beside: Sequence[Any]) -> str:
    """Return the name that a value goes by: one that hides, where such a name stands beside it."""
    if isinstance(value, (dict, list)) or _is_hiding_name(value):
        return name
    return next((each for each in beside if _is_hiding_name(each)), name)


def _is_hiding_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None and hides(value)


def redacted_field(name: str, value: Any, kept: Collection[str] = ()) -> str:
    """Return a field in words: its name and its value, as far as they are shown."""
    own = redacted_value(name, value, kept)
    words = json.dumps(own, ensure_ascii=False) if isinstance(own, (dict, list)) else str(own)
    return f"{redacted(name, kept)} {words}"


def hides(name: str) -> bool:
    """Return whether a name says that its value is a secret, or says who somebody is."""
    if _HARMLESS.search(name):
        return False
    if names_a_secret(name) or _PERSONAL.search(name):
        return True
    return not _NAMING.isdisjoint(word.lower() for word in _WORDS.findall(name))


def _headed(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2] or ''}{found[3]}{HIDDEN}"


def _paired(pattern: re.Pattern[str], text: str) -> str:
    """Hide the values of pairs whose names hide them; look into the values of all others."""
    parts, place = [], 0
    while (found := pattern.search(text, place)) is not None:
        is_hidden = hides(found["name"])
        parts += [text[place : found.start("value")], *([HIDDEN] if is_hidden else [])]
        place = found.end() if is_hidden else found.start("value")
    return "".join([*parts, text[place:]])


def _unless_kept(kept: Collection[str], found: re.Match[str]) -> str:
    """Return a long word as it is, where it is no random one or carries a trace id that stays."""
    word = found[0]
    for trace in kept:
        before, has, after = word.partition(trace)
        if has and re.fullmatch(r"([\w.]{0,20}=)?([0-9a-f]{2}-)?", before) and len(after) <= 20:
            return word
    return HIDDEN if _RANDOM.fullmatch(word) else word
