"""
Form decoding, and the refusal of parameters that Stripe does not know. Those that exist, and their types, are
read from the SDK's own typed dicts (`stripe.params`), the freshest description of the API on the machine.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

from lib.practice.replies import StripeRefusal, invalid

Checker = Callable[[object, str], Any]
"""Turns what arrived into a Python value, or raises a refusal that names the parameter."""

Annotation = Any
"""Whatever may stand after the colon of a typed dict's field."""

_SEGMENT = re.compile(r"\[([^\]]*)\]")
_INTEGER = re.compile(r"-?\d{1,18}")


def decode_form(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Nests `a[b][0]=c` as `{"a": {"b": {"0": "c"}}}`; `a[]=c` counts its own positions."""
    decoded: dict[str, Any] = {}
    for name, value in pairs:
        head = name.split("[", 1)[0]
        segments = [head, *_SEGMENT.findall(name[len(head) :])]
        level = decoded
        for segment in segments[:-1]:
            below = level.setdefault(segment, {})
            if not isinstance(below, dict):
                raise invalid(f"Invalid object: {below}", param=name)
            level = below
        level[segments[-1] or str(len(level))] = value
    return decoded


def check(params: Mapping[str, Any], spec: str) -> dict[str, Any]:
    """Returns the parameters with the types that the SDK's typed dict `spec` declares.

    Args:
        spec: For instance `CustomerCreateParams` or `checkout.SessionCreateParams`.

    Raises:
        StripeRefusal: For an unknown, missing or ill-typed parameter.
    """
    fields, required = _top_level(spec)
    if "payment_method_types" in params and "payment_method_types" not in fields:
        raise invalid(
            "The `payment_method_types` parameter is no longer supported. Use "
            "`allowed_payment_method_types`, or leave it out for dynamic payment methods.",
            param="payment_method_types",
            code="payment_method_types_no_longer_supported",
        )
    checked = _check_struct(params, "", fields)
    for name in required:
        if name not in checked:
            raise _missing(name)
    return checked


@cache
def _top_level(spec: str) -> tuple[dict[str, Checker], tuple[str, ...]]:
    package, _, name = spec.rpartition(".")
    path = f"stripe.params.{package}" if package else "stripe.params"
    fields, required = _struct(getattr(import_module(path), name))
    if name.endswith("UpdateParams"):
        # An update unsets a plain string by an empty one.
        fields = {key: _emptyable(checker) for key, checker in fields.items()}
    return fields, required


def _struct(typed_dict: type[Any]) -> tuple[dict[str, Checker], tuple[str, ...]]:
    """The fields of a typed dict, less those of the SDK's request options."""
    options: set[str] = set()
    for base in getattr(typed_dict, "__orig_bases__", ()):
        if getattr(base, "__name__", "") == "RequestOptions":
            options = set(base.__annotations__)
    module = import_module(typed_dict.__module__)
    fields = {
        name: _compile(annotation, module)
        for name, annotation in typed_dict.__annotations__.items()
        if name not in options
    }
    required = sorted(typed_dict.__required_keys__ - options)
    return fields, tuple(required)


def _compile(annotation: Annotation, module: ModuleType) -> Checker:
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return _compile(_evaluate(annotation, module), module)
    origin: Any = get_origin(annotation)
    if origin in (typing.Required, typing.NotRequired):
        return _compile(get_args(annotation)[0], module)
    if origin in (Union, types.UnionType):
        return _compile_union(get_args(annotation), module)
    if origin is Literal:
        return _one_of(tuple(get_args(annotation)))
    if origin is list:
        return _list_of(_compile(get_args(annotation)[0], module))
    if origin is dict:
        return _check_mapping
    if hasattr(annotation, "__required_keys__"):
        return _lazy_struct(annotation)
    return _SCALARS.get(annotation, _check_string)


def _evaluate(text: str, module: ModuleType) -> Annotation:
    """Reads an annotation such as `"Literal['a']|Params|str"`."""
    scope = dict(vars(module))
    parts = [part.strip() for part in _split_union(text) if "UntypedStripeObject" not in part]
    evaluated = tuple(eval(part, scope) for part in parts)  # noqa: S307  the SDK's own source
    return evaluated[0] if len(evaluated) == 1 else Union[evaluated]  # noqa: UP007


def _split_union(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == "|" and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def _compile_union(members: tuple[Any, ...], module: ModuleType) -> Checker:
    choices: list[Any] = []
    scalars: list[Checker] = []
    nested, listed, allows_empty = None, None, False
    for member in members:
        if isinstance(member, ForwardRef):
            member = _evaluate(member.__forward_arg__, module)
        origin = get_origin(member)
        if origin is Literal:
            allows_empty = allows_empty or "" in get_args(member)
            choices += [choice for choice in get_args(member) if choice != ""]
        elif origin is list:
            listed = _compile(member, module)
        elif origin is dict or hasattr(member, "__required_keys__"):
            nested = nested or _compile(member, module)
        elif member is not types.NoneType:
            scalars.append(_compile(member, module))
    if choices:
        # `Literal[...]|str` keeps the SDK's type open; the API itself refuses other values.
        scalars = [checker for checker in scalars if checker is not _check_string]
        scalars.append(_one_of(tuple(choices)))

    def check_union(value: object, param: str) -> object:
        if value == "" and allows_empty:
            return ""
        if isinstance(value, Mapping) and nested:
            return nested(value, param)
        if isinstance(value, Mapping | list) and listed:
            return listed(value, param)
        return _first_fit(scalars, value, param)

    return check_union


def _first_fit(checkers: list[Checker], value: object, param: str) -> object:
    refusal = invalid(f"Invalid object: {value}", param=param)
    for checker in checkers:
        try:
            return checker(value, param)
        except StripeRefusal as refused:
            refusal = refused
    raise refusal


def _emptyable(checker: Checker) -> Checker:
    if checker is not _check_string:
        return checker
    return lambda value, param: "" if value == "" else _check_string(value, param)


def _lazy_struct(typed_dict: type[Any]) -> Checker:
    # Most nested typed dicts of an endpoint are never used: compile on first sight.
    compiled: list[tuple[dict[str, Checker], tuple[str, ...]]] = []

    def check_nested(value: object, param: str) -> object:
        if not isinstance(value, Mapping):
            raise invalid("Invalid object", param=param)
        if not compiled:
            compiled.append(_struct(typed_dict))
        fields, required = compiled[0]
        checked = _check_struct(value, param, fields)
        for name in required:
            if name not in checked:
                raise _missing(f"{param}[{name}]")
        return checked

    return check_nested


def _check_struct(
    params: Mapping[str, Any], prefix: str, fields: dict[str, Checker]
) -> dict[str, Any]:
    paths = {name: f"{prefix}[{name}]" if prefix else name for name in params}
    unknown = [paths[name] for name in params if name not in fields]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise invalid(
            f"Received unknown parameter{plural}: {', '.join(unknown)}",
            param=unknown[0],
            code="parameter_unknown",
        )
    return {
        name: fields[name](value, paths[name])
        for name, value in params.items()
        if value is not None
    }


def _missing(param: str) -> StripeRefusal:
    return invalid(f"Missing required param: {param}.", param=param, code="parameter_missing")


def _check_string(value: object, param: str) -> str:
    if isinstance(value, Mapping | list | bool):
        raise invalid(f"Invalid string: {value}", param=param)
    text = str(value)
    if text == "":
        raise invalid(
            f"You passed an empty string for '{param}'. We assume empty values are an attempt to "
            f"unset a parameter; however '{param}' cannot be unset. You should remove '{param}' "
            "from your request or supply a non-empty value.",
            param=param,
            code="parameter_invalid_empty",
        )
    if len(text) > 5000:
        raise invalid(
            f"Invalid string: {text[:20]}...{text[-20:]}; must be at most 5000 characters",
            param=param,
        )
    return text


def _check_integer(value: object, param: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    raise invalid(f"Invalid integer: {value}", param=param, code="parameter_invalid_integer")


def _check_boolean(value: object, param: str) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise invalid(f"Invalid boolean: {value}", param=param)


def _check_mapping(value: object, param: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise invalid("Invalid object", param=param)
    for key, item in value.items():
        if isinstance(item, Mapping | list):
            raise invalid(f"Invalid string: {item}", param=f"{param}[{key}]")
    return {str(key): "" if item is None else str(item) for key, item in value.items()}


def _one_of(choices: tuple[Any, ...]) -> Checker:
    def check_choice(value: object, param: str) -> object:
        if value in choices:
            return value
        listed = f"one of {', '.join(map(str, choices))}" if len(choices) > 1 else str(choices[0])
        raise invalid(f"Invalid {param}: must be {listed}", param=param)

    return check_choice


def _list_of(item: Checker) -> Checker:
    def check_list(value: object, param: str) -> list[Any]:
        if isinstance(value, Mapping):
            if not all(str(key).isdecimal() for key in value):
                raise invalid("Invalid array", param=param)
            value = [value[key] for key in sorted(value, key=int)]
        if not isinstance(value, list | tuple):
            raise invalid("Invalid array", param=param)
        return [item(element, f"{param}[{index}]") for index, element in enumerate(value)]

    return check_list


_SCALARS: dict[Any, Checker] = {
    str: _check_string,
    int: _check_integer,
    bool: _check_boolean,
    dict: _check_mapping,
}
