"""Checks values against the types in a Bicep file, as the compiler and Azure do before anything is deployed."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from syntax import Reference, decorators, imports, parse, text, unescape

PRIMITIVES = {"string": str, "int": int, "bool": bool, "object": dict, "array": list}


def mistakes(path: Path, declaration, value) -> list[str]:
    """The errors in the value of a parameter. `declaration` is its declaration, in the file `path`."""
    above = decorated(decorators_of(declaration))
    node = next(c for c in declaration.named_children if c.type in ("type", "primitive_type"))
    return [*of_type(path, node, value, text(declaration.named_children[0])), *limits(above, value, text(declaration.named_children[0]))]


@dataclass
class Declared:
    path: Path
    node: object
    sealed: bool


def declared(path: Path, name: str) -> Declared:
    """A named type that the file declares or imports."""
    for node in parse(path).named_children:
        if node.type == "type_declaration" and text(node.named_children[0]) == name:
            return Declared(path, node.named_children[-1], "@sealed()" in decorators(node))
    if name in imports(path):
        return declared(imports(path)[name], name)
    raise AssertionError(f"{path.name} has no type {name}")


def properties(path: Path, name: str) -> set[str]:
    """The names of the properties of an object type."""
    return {key for key, _, _ in members(declared(path, name).node)}


def members(node) -> Iterator[tuple[str, object, list]]:
    """Each property of an object type: its name, its type and its decorators."""
    for prop in (c for c in node.named_children if c.type == "object_property"):
        key = prop.children[0]
        name = unescape("".join(text(c) for c in key.named_children)) if key.type == "string" else text(key)
        yield name, prop.children[-1], decorators_of(prop)


def decorators_of(node) -> list:
    above = node.prev_named_sibling
    return above.named_children if above is not None and above.type == "decorators" else []


def decorated(nodes) -> dict[str, object]:
    """The first argument of each decorator."""
    found = {}
    for node in nodes:
        call = node.named_children[0]
        arguments = call.child_by_field_name("arguments").named_children
        if arguments:
            found[text(call.child_by_field_name("function"))] = literal(arguments[0])
    return found


def literal(node):
    if node.type == "array":
        return [literal(c) for c in node.named_children]
    if node.type == "number":
        return int(text(node))
    return text(node)[1:-1] if node.type == "string" else text(node)


def limits(above: dict, value, where: str) -> Iterator[str]:
    if value is None or isinstance(value, Reference):
        return
    size = len(value) if isinstance(value, (str, list)) else value
    if "minLength" in above and size < above["minLength"]:
        yield f"{where}: {value!r} is too short"
    if "maxLength" in above and size > above["maxLength"]:
        yield f"{where}: {value!r} is too long"
    if "minValue" in above and size < above["minValue"]:
        yield f"{where}: {value} is too small"
    if "maxValue" in above and size > above["maxValue"]:
        yield f"{where}: {value} is too large"
    if "allowed" in above and value not in above["allowed"]:
        yield f"{where}: {value!r} is not one of {above['allowed']}"


def of_type(path: Path, node, value, where: str, sealed: bool = False) -> Iterator[str]:
    if isinstance(value, Reference):
        return
    if node.type in ("type", "parenthesized_type"):
        yield from of_type(path, node.named_children[0], value, where)
    elif node.type == "nullable_type":
        if value is not None:
            yield from of_type(path, node.named_children[0], value, where)
    elif node.type == "primitive_type":
        if type(value) is not PRIMITIVES[text(node)]:
            yield f"{where}: {value!r} is not of type {text(node)}"
    elif node.type == "union_type":
        if value not in [literal(c) for c in node.named_children]:
            yield f"{where}: {value!r} is not {text(node)}"
    elif node.type == "string":
        if value != literal(node):
            yield f"{where}: {value!r} is not {text(node)}"
    elif node.type == "array_type":
        if not isinstance(value, list):
            yield f"{where}: {value!r} is not a list"
        else:
            for index, item in enumerate(value):
                yield from of_type(path, node.named_children[0], item, f"{where}[{index}]")
    elif node.type == "identifier":
        found = declared(path, text(node))
        yield from of_type(found.path, found.node, value, where, found.sealed)
    elif node.type == "object":
        yield from of_object(path, node, value, where, sealed)
    else:
        raise AssertionError(f"unsupported {node.type}: {text(node)}")


def of_object(path: Path, node, value, where: str, sealed: bool) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is not an object"
        return
    known = {name: (kind, above) for name, kind, above in members(node)}
    for name, (kind, above) in known.items():
        if name == "*":
            continue
        if name not in value and kind.type != "nullable_type":
            yield f"{where}: {name} is missing"
        elif name in value:
            yield from of_type(path, kind, value[name], f"{where}.{name}")
            yield from limits(decorated(above), value[name], f"{where}.{name}")
    for name in value.keys() - known.keys():
        if "*" in known:
            yield from of_type(path, known["*"][0], value[name], f"{where}.{name}")
        elif sealed:
            yield f"{where}: {name} is an unknown property"
