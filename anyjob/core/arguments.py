"""A task's signature, compiled once: bind, encode, decode and call by its type hints.

Arguments travel as a JSON object, parameter name to value. An argument that was not passed is not
stored, so the default of the function that runs applies. What is stored was decoded again under the
same hints first: what is accepted can be run.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from types import GenericAlias
from typing import Any

import msgspec

from anyjob.core.codec import decoder_of, encode_value, is_plain, is_untyped
from anyjob.core.errors import ConfigurationError, InvalidArguments
from anyjob.core.limits import MAX_ARGUMENT_CONTAINERS, MAX_ARGUMENT_DEPTH, check_limits

_Parameter = inspect.Parameter
_POSITIONAL = (_Parameter.POSITIONAL_ONLY, _Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (_Parameter.VAR_POSITIONAL, _Parameter.VAR_KEYWORD)
#: What comes back as it went, whatever its value.
_SURE = frozenset({bool, str})
_SCALARS = frozenset({type(None), bool, int, float, str, msgspec.UnsetType})


class Signature:
    """How one function is called from stored arguments; immutable, any thread may use it."""

    def __init__(self, function: Callable[..., Any], task: str) -> None:
        """Compile `function`'s signature; `task` names it in errors. Raises ConfigurationError."""
        self._function = function
        self._task = task
        self._signature = _signature(function, task)
        parameters = list(self._signature.parameters.values())
        hints = _hints(function, task)
        self._plan_call(parameters)
        self._untyped = tuple(p.name for p in parameters if is_untyped(hints.get(p.name, Any)))
        self._struct = _struct(parameters, hints, task)
        try:
            self._decoder = decoder_of(self._struct)
        except TypeError as error:
            raise ConfigurationError(
                f"task {task!r} has type hints that cannot be decoded: {error}"
            ) from error
        self._result_hint = hints.get("return", Any)
        self._result_decoder = _result_decoder(self._result_hint)
        self._fits_any_result = is_untyped(self._result_hint)

    def _plan_call(self, parameters: Sequence[_Parameter]) -> None:
        kinds = {p.kind: p.name for p in parameters}
        self._star = kinds.get(_Parameter.VAR_POSITIONAL)
        self._stars = kinds.get(_Parameter.VAR_KEYWORD)
        plain = [p for p in parameters if p.kind not in _VARIADIC]
        # The struct binds faster than `inspect`, and like the function where all may be named.
        self._bind_by_struct = len(plain) == len(parameters) and not any(
            p.kind is p.POSITIONAL_ONLY for p in plain
        )
        #: Whether every stored argument is passed by position, as it stands in the struct.
        self._all_in_order = self._bind_by_struct and all(
            p.kind in _POSITIONAL and p.default is p.empty for p in plain
        )
        # Before *args a place cannot be left out, so there an absent argument is its default.
        by_place = [
            p
            for p in plain
            if p.kind is p.POSITIONAL_ONLY or (self._star and p.kind in _POSITIONAL)
        ]
        self._by_place = tuple((p.name, p.default) for p in by_place)
        self._by_name = tuple(p.name for p in plain if p not in by_place)
        self._all_by_name = not by_place and len(plain) == len(parameters)
        self._placed_only = frozenset(p.name for p in plain if p.kind is p.POSITIONAL_ONLY)
        self._nameable = frozenset(p.name for p in plain) - self._placed_only

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> msgspec.Struct:
        """Return the arguments as one value; raises InvalidArguments for missing and extra ones."""
        try:
            if self._bind_by_struct:
                return self._struct(*args, **kwargs)
            return self._struct(**self._bound(args, kwargs))
        except TypeError as error:
            raise InvalidArguments(
                f"task {self._task!r} takes {self._signature}: {_lower(error)}"
            ) from error

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if self._stars is None:
            return dict(self._signature.bind(*args, **kwargs).arguments)
        # **kwargs take the name of a positional-only parameter too; `bind` of Python 3.11 does not.
        apart = {name: value for name, value in kwargs.items() if name in self._placed_only}
        others = {name: value for name, value in kwargs.items() if name not in apart}
        bound = dict(self._signature.bind(*args, **others).arguments)
        if apart:
            bound[self._stars] = bound.get(self._stars, {}) | apart
        return bound

    def encode(self, arguments: msgspec.Struct) -> bytes:
        """Return the arguments as JSON, checked against the type hints; raises InvalidArguments."""
        try:
            payload = encode_value(arguments)
            self._decoder.decode(payload)
            # What is shorter than that has no room for so many brackets.
            if (
                len(payload) > MAX_ARGUMENT_DEPTH
                and payload.count(b"[") + payload.count(b"{") > MAX_ARGUMENT_DEPTH
            ):
                check_limits(
                    payload,
                    len(payload),
                    depth=MAX_ARGUMENT_DEPTH,
                    containers=MAX_ARGUMENT_CONTAINERS,
                )
        except RecursionError as error:
            raise InvalidArguments(
                f"task {self._task!r} was given arguments nested too deeply"
            ) from error
        except Exception as error:  # encoding calls foreign hooks, such as a Pydantic model's
            raise InvalidArguments(
                f"task {self._task!r} was given arguments that do not fit its type hints:"
                f" {_lower(error)}"
            ) from error
        for name in self._untyped:
            value = getattr(arguments, name)
            if type(value) not in _SCALARS and not is_plain(value):
                raise InvalidArguments(
                    f"task {self._task!r} was given a {type(value).__qualname__} for {name!r}, and"
                    " without a type hint it would come back as something else; annotate the"
                    " parameter, or pass what JSON has: text, numbers, lists, dicts by text"
                )
        return payload

    def decode(self, payload: msgspec.Raw | bytes) -> msgspec.Struct:
        """Return the arguments in a stored payload; raises InvalidArguments."""
        try:
            arguments: msgspec.Struct = self._decoder.decode(payload)
        except (Exception, SystemExit) as error:  # calls user code, such as a model's validator
            raise InvalidArguments(
                f"task {self._task!r} cannot take the stored arguments: {_lower(error)}"
            ) from error
        if self._stars is not None:
            self._refuse_twice(getattr(arguments, self._stars))
        return arguments

    def _refuse_twice(self, extra: Mapping[str, Any] | msgspec.UnsetType) -> None:
        """Raise InvalidArguments if **kwargs hold a parameter that has a place of its own."""
        if isinstance(extra, Mapping) and (twice := self._nameable & extra.keys()):
            raise InvalidArguments(
                f"task {self._task!r} cannot take the stored arguments: {min(twice)!r} stands in"
                f" {self._stars!r} too"
            )

    def call(self, arguments: msgspec.Struct) -> Any:
        """Call the function with decoded arguments and return what it returns."""
        if self._all_in_order:
            return self._function(*msgspec.structs.astuple(arguments))
        named = {
            name: value
            for name in self._by_name
            if (value := getattr(arguments, name)) is not msgspec.UNSET
        }
        if self._all_by_name:
            return self._function(**named)
        positional = [
            default if (value := getattr(arguments, name)) is msgspec.UNSET else value
            for name, default in self._by_place
        ]
        if self._star is not None:
            positional += getattr(arguments, self._star) or ()
        if self._stars is not None:
            named |= getattr(arguments, self._stars) or {}
        return self._function(*positional, **named)

    def encode_result(self, result: Any) -> bytes:
        """Return a result as JSON, checked against the return hint: whoever waits for it reads it
        under that hint.

        Raises whatever its encoding raises, and InvalidArguments for what does not fit.
        """
        payload = encode_value(result)
        if not (
            self._fits_any_result or (type(result) in _SURE and type(result) is self._result_hint)
        ):
            self._decode_result(payload, "the result")
        return payload

    def decode_result(self, payload: bytes) -> Any:
        """Return a stored result under the function's return hint; raises InvalidArguments."""
        return self._decode_result(payload, "the stored result")

    def _decode_result(self, payload: bytes, what: str) -> Any:
        try:
            return self._result_decoder.decode(payload)
        except (Exception, SystemExit) as error:  # calls user code, such as a model's validator
            raise InvalidArguments(
                f"{what} of task {self._task!r} does not fit its return hint: {_lower(error)}"
            ) from error


def _signature(function: Callable[..., Any], task: str) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"task {task!r} has no signature that can be read: {error}; wrap it in a function"
        ) from error


def _hints(function: Callable[..., Any], task: str) -> dict[str, Any]:
    target: Any = inspect.unwrap(function)
    while isinstance(target, functools.partial):
        target = inspect.unwrap(target.func)
    if not inspect.isroutine(target):
        target = type(target).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except Exception as error:  # evaluates annotations, which are user code
        raise ConfigurationError(
            f"the type hints of task {task!r} cannot be resolved: {error}; import the names it uses"
            " at run time, outside `if TYPE_CHECKING`"
        ) from error


def _struct(
    parameters: Sequence[_Parameter], hints: Mapping[str, Any], task: str
) -> type[msgspec.Struct]:
    """Build the Struct whose constructor binds like the function.

    Positional fields come first, in the order of the function, then keyword-only ones.
    """
    variadic = any(p.kind in _VARIADIC for p in parameters)
    positional: list[Any] = []
    named: list[Any] = []
    for parameter in parameters:
        in_order = parameter.kind in _POSITIONAL and not variadic
        (positional if in_order else named).append(_field(parameter, hints))
    name = f"Arguments_of_{task.replace('.', '_').replace('-', '_')}"
    base = msgspec.defstruct(name, positional)
    return msgspec.defstruct(name, named, bases=(base,), kw_only=True, forbid_unknown_fields=True)


def _field(parameter: _Parameter, hints: Mapping[str, Any]) -> Any:
    # UNSET stands for "not passed": msgspec leaves such a field out when it encodes.
    hint = hints.get(parameter.name, Any)
    if parameter.kind is parameter.VAR_POSITIONAL:
        return (parameter.name, GenericAlias(tuple, (hint, ...)), msgspec.UNSET)
    if parameter.kind is parameter.VAR_KEYWORD:
        return (parameter.name, GenericAlias(dict, (str, hint)), msgspec.UNSET)
    if parameter.default is parameter.empty:
        return (parameter.name, hint)
    return (parameter.name, hint, msgspec.UNSET)


def _result_decoder(hint: Any) -> msgspec.json.Decoder[Any]:
    try:
        return decoder_of(hint)
    except TypeError:
        # A hint that JSON cannot carry typed, such as a union of two models, gives the plain value.
        return msgspec.json.Decoder()


def _lower(error: BaseException) -> str:
    text = str(error)
    return text[:1].lower() + text[1:300]
