"""Evaluates Bicep templates as a deployment would, as far as that is possible without Azure.

    deploy(Path("infra/resources.bicep"), {"networking": "isolated"}).one("Microsoft.KeyVault/vaults").properties

returns the resources that would be created with these parameters: it evaluates conditions, loops, variables, functions, modules and
their outputs. A parameter of the wrong type raises Refused, and so does fail().
A value that only Azure knows (an assigned address, say) is a Reference, which names its origin: "vaults:kv-token.properties.vaultUri".
Two references are equal if they have the same origin.
"""
from __future__ import annotations

import ipaddress
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import parameter_types
from syntax import PARSER, Reference, functions, imports, parse, text, unescape


def assigned(path: Path) -> dict:
    """The values in a file of parameters (.bicepparam)."""
    using, *rest = re.split(r"^(?=param )", path.read_text(), flags=re.M)
    # The grammar does not support such files, but a parameter has the syntax of a variable.
    root = PARSER.parse("".join(re.sub(r"^param", "var", part) for part in rest).encode()).root_node
    if root.has_error or not using.startswith("using '"):
        raise SyntaxError(f"{path} does not parse")
    file = File(path, {}, Deployment(), root)
    return {name: file.name(name) for _, name in file.declared}


class Refused(Exception):
    """An error that stops a deployment before it creates anything."""


@dataclass(frozen=True)
class ResourceReference(Reference):
    """A resource whose name is known, with the names of its parents."""

    name: object
    full_name: str

    def member(self, name):
        return self.name if name == "name" else super().member(name)


@dataclass
class Resource:
    """A resource that would be created."""

    type: str
    version: str
    name: object
    body: dict
    file: str
    # The resource group, if it is not the deployment's own.
    group: str

    @property
    def properties(self) -> dict:
        return self.body.get("properties", {})

    @property
    def id(self) -> Reference:
        return reference(self.type, self.name, self.group, self.body.get("parent")).member("id")

    @property
    def settings(self) -> dict:
        """The app settings of a site."""
        return {s["name"]: str(s["value"]) for s in self.properties["siteConfig"]["appSettings"]}


def reference(kind, name, group="", parent=None) -> ResourceReference:
    full_name = f"{parent.full_name}/{name}" if parent else str(name)
    return ResourceReference(f"{kind.split('/')[-1]}:{full_name}" + (f" in {group}" if group else ""), name, full_name)


@dataclass
class Deployment:
    resources: list[Resource] = field(default_factory=list)
    outputs: dict = field(default_factory=dict)

    def all(self, kind: str) -> list[Resource]:
        return [r for r in self.resources if r.type == kind]

    def one(self, kind: str) -> Resource:
        found = self.all(kind)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} resources of type {kind}, expected one")
        return found[0]


def deploy(path: Path, parameters: dict | None = None) -> Deployment:
    deployment = Deployment()
    deployment.outputs = File(path, parameters or {}, deployment).run()
    return deployment


class Optional(str):
    """The name of a member that may be absent, after `.?`."""


class File:
    """A template with its parameters. Names are evaluated lazily."""

    def __init__(self, path: Path, given: dict, deployment: Deployment, root=None, group=""):
        self.path, self.given, self.deployment, self.group = path.resolve(), given, deployment, group
        self.declared, self.values = {}, {}
        for node in (root or parse(self.path)).named_children:
            if node.type.endswith("_declaration") and node.type not in ("metadata_declaration", "type_declaration"):
                kind = node.type.removesuffix("_declaration")
                self.declared[kind == "output", text(next(c for c in node.named_children if c.type == "identifier"))] = node

    def run(self) -> dict:
        for is_output, name in self.declared:
            if not is_output:
                self.name(name)
        return {name: self.value(node.named_children[-1], {}) for (is_output, name), node in self.declared.items() if is_output}

    def name(self, name):
        if name not in self.values:
            node = self.declared[False, name]
            self.values[name] = getattr(self, node.type)(node, name)
        return self.values[name]

    def parameter_declaration(self, node, name):
        if name in self.given:
            wrong = parameter_types.mistakes(self.path, node, self.given[name])
            if wrong:
                raise Refused("; ".join(wrong))
            return self.given[name]
        if not any(text(c) == "=" for c in node.children):
            return Reference(f"parameter {name}")
        return self.value(node.named_children[-1], {})

    def variable_declaration(self, node, _):
        return self.value(node.named_children[-1], {})

    def resource_declaration(self, node, name):
        kind, _, version = self.value(node.named_children[1], {}).partition("@")
        existing = any(text(c) == "existing" for c in node.children if not c.is_named)

        def make(body, scope):
            value = self.value(body, scope)
            if not existing:
                self.deployment.resources.append(Resource(kind, version, value["name"], value, str(self.path.name), self.group))
            return reference(kind, value["name"], self.group, value.get("parent"))

        return self.bodies(node.named_children[-1], make, Reference(f"{name}, which is not deployed"))

    def module_declaration(self, node, name):
        target = self.path.parent / self.value(next(c for c in node.named_children if c.type == "string"), {})

        def make(body, scope):
            value = self.value(body, scope)
            group = re.fullmatch(r"resourceGroup\((?!resourceGroup\(\))(.*)\)", str(value.get("scope")))
            file = File(target, value.get("params", {}), self.deployment, group=group[1] if group else self.group)
            return {"outputs": file.run()}

        return self.bodies(node.named_children[-1], make, Reference(f"{name}, which is not deployed"))

    def bodies(self, node, make, absent, scope=None):
        scope = scope or {}
        if node.type == "if_statement":
            condition, body = node.named_children
            return self.bodies(body, make, absent, scope) if self.value(condition, scope) else absent
        if node.type == "for_statement":
            return [self.bodies(node.child_by_field_name("body"), make, absent, scope | each) for each in self.loop(node, scope)]
        return make(node, scope)

    def loop(self, node, scope):
        """The variables of each iteration."""
        children = [c for c in node.named_children if c.type != "comment"]
        names = [text(c) for c in children[0].named_children] or [text(children[0])]
        for index, item in enumerate(self.value(children[1], scope)):
            yield dict(zip(names, (item, index)))

    # --- expressions ------------------------------------------------------------------------------------------------

    def value(self, node, scope, then=()):
        """The value of an expression, followed by the member accesses in `then`.

        The grammar parses `a && b.c` as `(a && b).c`, and `a ? b : c.d` as `(a ? b : c).d`, so members are passed down to where they belong.
        """
        if node.type == "member_expression":
            name = text(node.child_by_field_name("property"))
            name = Optional(name) if any(text(child) in ("?", ".?") for child in node.children if not child.is_named) else name
            return self.value(node.child_by_field_name("object"), scope, (name, *then))
        if node.type == "subscript_expression":
            index = self.value(node.child_by_field_name("index"), scope)
            return self.value(node.child_by_field_name("object"), scope, (index, *then))
        if node.type in ("binary_expression", "ternary_expression", "unary_expression", "lambda_expression"):
            return getattr(self, node.type)(node, scope, then)
        value = getattr(self, node.type)(node, scope)
        for name in then:
            if isinstance(value, Reference):
                value = value.member(name)
            else:
                value = value.get(name) if isinstance(name, Optional) else value[name]
        return value

    def string(self, node, scope):
        parts, source, read = [], node.text[:-1], 1
        # By position: the grammar drops blanks between a quote and an interpolation.
        for child in (c for c in node.named_children if c.type == "interpolation"):
            start, end = child.start_byte - node.start_byte, child.end_byte - node.start_byte
            parts += [unescape(source[read:start].decode()), self.value(child.named_children[0], scope)]
            read = end
        parts = [p for p in [*parts, unescape(source[read:].decode())] if p != ""]
        return parts[0] if len(parts) == 1 and isinstance(parts[0], Reference) else "".join(str(p) for p in parts)

    def number(self, node, _):
        return int(text(node))

    def boolean(self, node, _):
        return text(node) == "true"

    def null(self, *_):
        return None

    def array(self, node, scope):
        result, items = [], [c for c in node.named_children if c.type != "comment"]
        while items:
            item = items.pop(0)
            if items and item.end_byte == items[0].start_byte:
                # The grammar parses a call as two items, a name and something in parentheses.
                source = text(item) + text(items.pop(0))
                item = PARSER.parse(f"var item = {source}\n".encode()).root_node.named_children[0].named_children[-1]
            result.append(self.value(item, scope))
        return result

    def object(self, node, scope):
        result = {}
        for prop in node.named_children:
            if prop.type == "object_property":
                key, value = [c for c in prop.named_children if c.type != "comment"]
                result[text(key) if key.type == "identifier" else str(self.value(key, scope))] = self.value(value, scope)
        return result

    def for_statement(self, node, scope):
        return [self.value(node.child_by_field_name("body"), scope | each) for each in self.loop(node, scope)]

    def parenthesized_expression(self, node, scope):
        return self.value(node.named_children[0], scope)

    def lambda_expression(self, node, scope, then=()):
        # The grammar parses `item => item.name` as `(item => item).name`.
        *names, body = node.named_children
        return lambda *given: self.value(body, scope | dict(zip(map(text, names), given)), then)

    def identifier(self, node, scope):
        return scope[text(node)] if text(node) in scope else self.name(text(node))

    def ternary_expression(self, node, scope, then):
        if self.value(node.child_by_field_name("condition"), scope):
            return self.value(node.child_by_field_name("consequence"), scope)
        return self.value(node.child_by_field_name("alternative"), scope, then)

    def unary_expression(self, node, scope, then):
        value = self.value(node.child_by_field_name("argument"), scope, then)
        return not value if text(node).startswith("!") else -value

    def binary_expression(self, node, scope, then):
        operator = next(text(c) for c in node.children if not c.is_named)
        left = self.value(node.child_by_field_name("left"), scope)
        if operator == "&&" and not left or operator == "||" and left:
            return left
        if operator == "??" and left is not None:
            return left
        right = self.value(node.child_by_field_name("right"), scope, then)
        return right if operator in ("&&", "||", "??") else OPERATORS[operator](left, right)

    def call_expression(self, node, scope):
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        values = [self.value(c, scope) for c in arguments.named_children if c.type != "comment"]
        declaring = imports(self.path).get(text(function), self.path)
        if text(function) in functions(declaring):
            return self.called(declaring, text(function), values)
        if text(function) == "loadTextContent":
            return (self.path.parent / values[0]).read_text()
        known = FUNCTIONS.get(text(function))
        if known is None or any(isinstance(v, Reference) for v in values) and text(function) not in TAKE_REFERENCES:
            return Reference(f"{text(function)}({', '.join(str(v) for v in values)})")
        return known(*values)


    def called(self, path, name, values):
        """The result of a user-defined function."""
        declared = functions(path)[name]
        parameters = next(c for c in declared.named_children if c.type == "parameters")
        names = [text(p.named_children[0]) for p in parameters.named_children]
        return File(path, {}, self.deployment).value(declared.named_children[-1], dict(zip(names, values)))


def merge(*values):
    if isinstance(values[0], list):
        return list(dict.fromkeys(item for value in values for item in value))
    result = {}
    for each in values:
        result |= each
    return result


def split(value, separators):
    if isinstance(value, Reference):
        # The only value from Azure that a template splits, in Azure's format.
        account = re.fullmatch(r"databaseAccounts:(.*)\.properties\.documentEndpoint", str(value))
        if account is None:
            return Reference(f"split({value}, {separators})")
        value = f"https://{account[1]}.documents.azure.com:443/"
    return re.split("|".join(map(re.escape, separators)), value)


def concat(*values):
    return [item for value in values for item in value] if isinstance(values[0], list) else "".join(map(str, values))


def fail(message):
    raise Refused(message)


def parse_cidr(value):
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise Refused(str(error)) from None
    return {"network": str(network.network_address), "cidr": network.prefixlen}


def cidr_subnet(value, prefix, index):
    try:
        return str(list(ipaddress.ip_network(value, strict=False).subnets(new_prefix=prefix))[index])
    except (IndexError, ValueError) as error:
        raise Refused(str(error)) from None


OPERATORS = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
FUNCTIONS = {
    "cidrSubnet": cidr_subnet,
    "concat": concat,
    "contains": lambda values, value: value in values,
    "empty": lambda value: not value,
    "fail": fail,
    "first": lambda values: values[0],
    "filter": lambda values, matches: [v for v in values if matches(v)],
    "guid": lambda *parts: f"guid({', '.join(str(p) for p in parts)})",
    "int": int,
    "items": lambda value: [{"key": k, "value": value[k]} for k in sorted(value)],
    "join": lambda values, separator: separator.join(str(v) for v in values),
    "last": lambda values: values[-1],
    "length": len,
    "map": lambda values, change: [change(v) for v in values],
    "max": max,
    "min": min,
    "padLeft": lambda value, width, fill: str(value).rjust(width, fill),
    "parseCidr": parse_cidr,
    "replace": lambda value, old, new: str(value).replace(old, str(new)),
    "resourceId": lambda kind, name: reference(kind, name).member("id"),
    "split": split,
    "startsWith": lambda value, start: value.startswith(start),
    "string": lambda value: json.dumps(value) if isinstance(value, (dict, list)) else str(value),
    "subscriptionResourceId": lambda kind, name: reference(kind, name).member("id"),
    "toLower": str.lower,
    "union": merge,
    "uniqueString": lambda *_: "token",
}
TAKE_REFERENCES = ("empty", "fail", "guid", "replace", "split", "string", "uniqueString")
