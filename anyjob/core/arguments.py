"""A task's signature, compiled once: bind, encode, decode and call by its type hints.

Arguments travel as a JSON object, parameter name to value. An argument that was not passed is not
stored, so the default of the function that runs applies. What is stored was decoded again under the
same hints first: what is accepted can be run.
"""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from anyjob.core.errors import ConfigurationError, InvalidArguments
from anyjob.core.limits import check_limits

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Signature:
    """How one function is called from stored arguments; immutable once made, any thread may use it."""

    def __init__(self, function: Callable[..., Any], task: str) -> None:
        """Compile `function`'s signature; `task` names it in errors. Raises ConfigurationError."""
        self._function = function
        self._task = task
        self._signature = inspect.signature(function)
        parameters = list(self._signature.parameters.values())
        hints = _hints(function, task)
        self._hints = hints
        self._names = tuple(p.name for p in parameters)
        self._variadic = any(p.kind in _VARIADIC for p in parameters)
        self._positional_only = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_ONLY)
        self._star = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self._stars = next((p.name for p in parameters if p.kind is p.VAR_KEYWORD), None)
        self._by_position = not self._variadic and all(
            p.kind in _POSITIONAL and p.default is p.empty for p in parameters
        )
        self._struct = _struct(parameters, hints, task)
        self._encoder = msgspec.json.Encoder(enc_hook=_encode_foreign, decimal_format="string")
        try:
            self._decoder = msgspec.json.Decoder(self._struct, dec_hook=_decode_foreign)
        except TypeError as error:
            raise ConfigurationError(
                f"task {task!r} has type hints that cannot be decoded: {error}"
            ) from error
        returns = hints.get("return", Any)
        self._result_decoder: msgspec.json.Decoder[Any] = _result_decoder(returns)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> msgspec.Struct:
        """Return the arguments as one value; raises InvalidArguments for missing and extra ones."""
        try:
            if self._variadic:
                return self._struct(**self._bound(args, kwargs))
            return self._struct(*args, **kwargs)
        except TypeError as error:
            raise InvalidArguments(
                f"task {self._task!r} takes {self._signature}: {_lower(str(error))}"
            ) from error

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._signature.bind(*args, **kwargs).arguments)

    def encode(self, arguments: msgspec.Struct) -> bytes:
        """Return the arguments as JSON, checked against the type hints; raises InvalidArguments."""
        try:
            payload = self._encoder.encode(arguments)
            self._decoder.decode(payload)
            if b"null" in payload:
                _refuse_nan(arguments)
            if payload.count(b"[") + payload.count(b"{") > 32:
                check_limits(payload, len(payload))
        except RecursionError as error:
            raise InvalidArguments(
                f"task {self._task!r} was given arguments nested too deeply"
            ) from error
        except Exception as error:  # encoding calls foreign hooks, such as a Pydantic model's
            raise InvalidArguments(
                f"task {self._task!r} was given arguments that do not fit its type hints: {_lower(str(error))}"
            ) from error
        return payload

    def decode(self, payload: msgspec.Raw | bytes) -> msgspec.Struct:
        """Return the arguments in a stored payload; raises InvalidArguments."""
        try:
            return self._decoder.decode(payload)
        except Exception as error:  # decoding calls foreign hooks, such as a Pydantic model's
            raise InvalidArguments(
                f"task {self._task!r} cannot take the stored arguments: {_lower(str(error))}"
            ) from error

    def call(self, arguments: msgspec.Struct) -> Any:
        """Call the function with decoded arguments and return what it returns."""
        if self._by_position:
            return self._function(*msgspec.structs.astuple(arguments))
        given = {
            name: value
            for name in self._names
            if (value := getattr(arguments, name)) is not msgspec.UNSET
        }
        positional = [given.pop(name) for name in self._positional_only if name in given]
        if self._star is not None:
            positional = [given.pop(n) for n in self._names_before_star(given)] + list(
                given.pop(self._star, ())
            )
        named = given.pop(self._stars, {}) if self._stars is not None else {}
        return self._function(*positional, **given, **named)

    def _names_before_star(self, given: Mapping[str, Any]) -> list[str]:
        before = self._names[: self._names.index(str(self._star))]
        return [name for name in before if name in given]

    def encode_result(self, result: Any) -> bytes:
        """Return a result as JSON; raises whatever its encoding raises."""
        payload = self._encoder.encode(result)
        if b"null" in payload:
            _refuse_nan(result)
        return payload

    def decode_result(self, payload: bytes) -> Any:
        """Return a stored result under the function's return hint; raises InvalidArguments."""
        try:
            return self._result_decoder.decode(payload)
        except Exception as error:  # decoding calls foreign hooks, such as a Pydantic model's
            raise InvalidArguments(
                f"the stored result of task {self._task!r} does not fit its return hint: {_lower(str(error))}"
            ) from error


def _hints(function: Callable[..., Any], task: str) -> dict[str, Any]:
    target = inspect.unwrap(function)
    if not inspect.isfunction(target) and not inspect.ismethod(target):
        target = getattr(target, "__call__", target)  # noqa: B004 - the hints of a callable object
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the type hints of task {task!r} cannot be resolved: {error}; import the names it uses"
            " at run time, outside `if TYPE_CHECKING`"
        ) from error


def _struct(
    parameters: list[inspect.Parameter], hints: dict[str, Any], task: str
) -> type[msgspec.Struct]:
    """Build the Struct whose constructor binds like the function: positional fields, then
    keyword-only ones.
    """
    positional: list[Any] = []
    named: list[Any] = []
    for parameter in parameters:
        hint = hints.get(parameter.name, Any)
        if parameter.kind is parameter.VAR_POSITIONAL:
            named.append((parameter.name, tuple[hint, ...], msgspec.UNSET))
        elif parameter.kind is parameter.VAR_KEYWORD:
            named.append((parameter.name, dict[str, hint], msgspec.UNSET))
        elif parameter.kind in _POSITIONAL and not _has_variadic(parameters):
            positional.append(_field(parameter, hint))
        else:
            named.append(_field(parameter, hint))
    name = f"Arguments_of_{task.replace('.', '_').replace('-', '_')}"
    base = msgspec.defstruct(name, positional)
    return msgspec.defstruct(name, named, bases=(base,), kw_only=True, forbid_unknown_fields=True)


def _has_variadic(parameters: list[inspect.Parameter]) -> bool:
    return any(p.kind in _VARIADIC for p in parameters)


def _field(parameter: inspect.Parameter, hint: Any) -> Any:
    # UNSET stands for "not passed": msgspec leaves such a field out when it encodes.
    if parameter.default is parameter.empty:
        return (parameter.name, hint)
    return (parameter.name, hint, msgspec.UNSET)


def _result_decoder(hint: Any) -> msgspec.json.Decoder[Any]:
    try:
        return msgspec.json.Decoder(Any if hint is None else hint, dec_hook=_decode_foreign)
    except TypeError:
        # A hint that JSON cannot carry typed, such as a union of two models, gives the plain value.
        return msgspec.json.Decoder()


def _encode_foreign(value: Any) -> Any:
    # Pydantic's models, known by what they offer: the library itself is never imported here.
    if hasattr(value, "__pydantic_validator__"):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"objects of type {type(value).__qualname__!r} cannot be stored")


def _decode_foreign(kind: type, value: Any) -> Any:
    if hasattr(kind, "__pydantic_validator__"):
        return kind.model_validate(value)  # type: ignore[attr-defined]
    raise NotImplementedError(f"objects of type {kind.__qualname__!r} cannot be read back")


def _refuse_nan(value: Any) -> None:
    """Raise ValueError if `value` holds a float that JSON has no number for; msgspec would write
    null.
    """
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} has no place in JSON")
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _refuse_nan(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            _refuse_nan(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            _refuse_nan(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            _refuse_nan(getattr(value, name))


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:300]
