"""Python values as JSON and back: models of Pydantic beside what msgspec knows, and no NaN.

Pydantic's models are known by what they offer; the library itself is never imported here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec


def encode_value(value: Any) -> bytes:
    """Return a value as JSON; raises whatever its encoding raises, ValueError for a NaN."""
    payload = _encoder.encode(value)
    # msgspec writes null for the floats that JSON has no number for.
    if b"null" in payload:
        _refuse_nan(msgspec.to_builtins(value, enc_hook=_dump_model))
    return payload


def decoder_of(kind: Any) -> msgspec.json.Decoder[Any]:
    """Return a decoder for a type; raises TypeError for one that JSON cannot carry typed."""
    return msgspec.json.Decoder(kind, dec_hook=_read_model)


def is_untyped(hint: Any) -> bool:
    """Whether values under this hint come back as JSON makes them: Any, list, dict[str, Any]."""
    if hint is Any or hint in (dict, list, tuple):
        return True
    inner = get_args(hint)
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return all(one is NoneType or is_untyped(one) for one in inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return inner[0] in (str, Any) and is_untyped(inner[1])
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return all(one is ... or is_untyped(one) for one in inner)
    return False


def is_plain(value: Any) -> bool:
    """Whether a value comes back from JSON as it went, but for a tuple that becomes a list."""
    if value is None or isinstance(value, str | int | float):
        return True
    if type(value) in (list, tuple):
        return all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return False


def _write_model(value: Any) -> msgspec.Raw:
    if hasattr(value, "__pydantic_validator__"):
        text: str = value.model_dump_json(by_alias=True, round_trip=True)
        return msgspec.Raw(text.encode())
    raise NotImplementedError(f"objects of type {type(value).__qualname__!r} cannot be stored")


def _dump_model(value: Any) -> Any:
    return value.model_dump()


def _read_model(kind: Any, value: Any) -> Any:
    if not hasattr(kind, "__pydantic_validator__"):
        raise NotImplementedError(f"objects of type {kind.__qualname__!r} cannot be read back")
    try:
        return kind.model_validate_json(msgspec.json.encode(value))
    except ValueError as error:
        # Its own text repeats the input, which may be secret.
        raise ValueError(_complaints(error)) from None


def _complaints(error: Any) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found[:3])


def _refuse_nan(value: Any) -> None:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} has no place in JSON")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_nan(key)
            _refuse_nan(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_nan(item)


_encoder = msgspec.json.Encoder(enc_hook=_write_model, decimal_format="string")
