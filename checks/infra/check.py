#!/usr/bin/env python3
"""Checks Bicep files against Azure's own resource type definitions, without the Bicep compiler.

    pip install tree-sitter==0.25.2 tree-sitter-bicep==1.1.0
    check.py FOLDER            # every *.bicep below FOLDER; prints findings, one per line, and exits with 1 if there are any

Finds: syntax errors; resource types and API versions that do not exist (types/ has those used by the templates, and versions.json
lists all versions of these types); unknown, read-only and missing required properties; string values outside an enumeration;
literals of the wrong type; names used but not declared; modules that do not exist, unknown and missing module parameters, unknown
outputs; imports of names that another file does not export; unused parameters, variables, imports, types and functions.
It does not evaluate expressions: computed values are not checked. The type definitions are data of
Azure/bicep-types-az (MIT), commit 1f896de2, August 2026.
"""
import json
import sys
from pathlib import Path

import tree_sitter
import tree_sitter_bicep

TYPES = Path(__file__).parent / "types"
VERSIONS = {k.lower(): v for k, v in json.loads((TYPES / "versions.json").read_text()).items()}
FILES = {p.stem.lower(): p for p in TYPES.glob("*@*.json")}
PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
ALWAYS = {"name", "parent", "scope", "dependsOn", "asserts"}
REQUIRED, READ_ONLY = 1, 2
BUILTIN = set(
    """any array base64 base64ToJson base64ToString bool cidrHost cidrSubnet coalesce concat contains dataUri
    dataUriToString dateTimeAdd dateTimeFromEpoch dateTimeToEpoch deployer deployment empty endsWith environment extensionResourceId fail
    filter first flatten format getSecret groupBy guid indexOf int intersection items join json last lastIndexOf length
    list listAccountSas listKeys listServiceSas loadFileAsBase64 loadJsonContent loadTextContent loadYamlContent
    managementGroup managementGroupResourceId map mapValues max min newGuid nameof objectKeys padLeft parseCidr parseUri
    pickZones providers range readEnvironmentVariable reduce reference replace resourceGroup resourceId shallowMerge skip
    sort split startsWith string subscription subscriptionResourceId substring take tenant tenantResourceId toLogicalZone
    toLogicalZones toLower toObject toPhysicalZone toPhysicalZones toUpper trim union uniqueString uri uriComponent
    uriComponentToString utcNow az sys true false null
    description metadata secure allowed minLength maxLength minValue maxValue batchSize export sealed discriminator
    string int bool object array resourceInput resourceOutput""".split()
)


def text(node):
    return node.text.decode()


def children(node, *kinds):
    return [c for c in node.named_children if c.type in kinds]


def walk(node, *kinds):
    if node.type in kinds:
        yield node
    for child in node.named_children:
        yield from walk(child, *kinds)


def literal(node):
    """The text of a string without interpolation, or None."""
    if node is None or node.type != "string" or any(c.type == "interpolation" for c in node.named_children):
        return None
    return "".join(text(c) for c in node.named_children)


def properties(obj):
    """(name or None, value node, node) for each property of an object literal."""
    for prop in children(obj, "object_property"):
        parts = prop.named_children
        if not parts or parts[0].type == "resource_declaration":
            continue
        key = parts[0]
        name = text(key) if key.type == "identifier" else literal(key)
        yield name, parts[-1] if len(parts) > 1 else None, prop


def bodies(node):
    """The possible object literals of a resource or module body, through conditions and loops."""
    if node is None:
        return
    if node.type == "object":
        yield node
    elif node.type in ("if_statement", "for_statement", "parenthesized_expression", "array"):
        for child in node.named_children:
            if child.type in ("object", "if_statement", "for_statement"):
                yield from bodies(child)


def is_exported(node):
    above = node.prev_named_sibling
    return above is not None and above.type == "decorators" and "@export()" in text(above)


class Checker:
    def __init__(self):
        self.findings = []
        self.trees = {}

    def tree(self, path):
        path = path.resolve()
        if path not in self.trees:
            self.trees[path] = PARSER.parse(path.read_bytes()).root_node
        return self.trees[path]

    def report(self, path, node, message):
        self.findings.append(f"{path}:{node.start_point[0] + 1}: {message}")

    # --- values against types -------------------------------------------------------------------------------------

    def value(self, path, node, types, ref, where):
        kind = types[ref]["$type"]
        if node is None or kind == "AnyType" or node.type == "null":
            return
        if node.type == "ternary_expression":
            for field in ("consequence", "alternative"):
                self.value(path, node.child_by_field_name(field), types, ref, where)
            return
        if node.type == "parenthesized_expression" and len(node.named_children) == 1:
            return self.value(path, node.named_children[0], types, ref, where)
        text_value = literal(node)
        if kind in ("ObjectType", "DiscriminatedObjectType"):
            if node.type == "object":
                self.object(path, node, types, ref, where)
            elif node.type in ("string", "boolean", "number", "array"):
                self.report(path, node, f"{where}: an object is expected")
        elif kind == "ArrayType":
            item = types[ref]["itemType"]["$ref"]
            if node.type == "array":
                for child in node.named_children:
                    if child.type == "for_statement":
                        for body in bodies(child):
                            self.value(path, body, types, item, where + "[]")
                    elif child.type != "comment":
                        self.value(path, child, types, item, where + "[]")
            elif node.type == "for_statement":
                for body in bodies(node):
                    self.value(path, body, types, item, where + "[]")
            elif node.type in ("string", "boolean", "number", "object"):
                self.report(path, node, f"{where}: an array is expected")
        elif kind == "UnionType":
            parts = [types[e["$ref"]] for e in types[ref]["elements"]]
            allowed = [t["value"] for t in parts if t["$type"] == "StringLiteralType"]
            open_ended = any(t["$type"] != "StringLiteralType" for t in parts)
            if text_value is not None and not open_ended and text_value not in allowed:
                self.report(path, node, f"{where}: '{text_value}' is not one of {', '.join(allowed)}")
        elif kind == "StringLiteralType":
            if text_value is not None and text_value != types[ref]["value"]:
                self.report(path, node, f"{where}: must be '{types[ref]['value']}'")
        else:
            wrong = {
                "StringType": ("boolean", "number", "object", "array"),
                "IntegerType": ("boolean", "string", "object", "array"),
                "BooleanType": ("number", "string", "object", "array"),
            }.get(kind, ())
            if node.type in wrong:
                self.report(path, node, f"{where}: {kind} expected, {node.type} found")

    def object(self, path, node, types, ref, where, top=False):
        definition = types[ref]
        known = dict(definition.get("properties") or definition.get("baseProperties") or {})
        if definition["$type"] == "DiscriminatedObjectType":
            name = definition["discriminator"]
            chosen = next((literal(v) for n, v, _ in properties(node) if n == name), None)
            if chosen in definition["elements"]:
                known |= types[definition["elements"][chosen]["$ref"]]["properties"]
            elif chosen is not None:
                return self.report(path, node, f"{where}.{name}: '{chosen}' is not one of {', '.join(definition['elements'])}")
            else:
                return
        spread = any(c.type not in ("object_property", "comment", "decorators") for c in node.named_children)
        seen, rest = set(), definition.get("additionalProperties")
        for name, value, prop in properties(node):
            if name is None:
                spread = True
                continue
            if name in seen:
                self.report(path, prop, f"{where}.{name}: given twice")
            seen.add(name)
            if name in known:
                if known[name]["flags"] & READ_ONLY and not (top and name in ALWAYS):
                    self.report(path, prop, f"{where}.{name}: read-only")
                elif name != "name" or not top:
                    self.value(path, value, types, known[name]["type"]["$ref"], f"{where}.{name}")
            elif rest:
                self.value(path, value, types, rest["$ref"], f"{where}.{name}")
            elif not (top and name in ALWAYS):
                self.report(path, prop, f"{where}.{name}: no such property (known: {', '.join(sorted(known)[:40])})")
        if not spread:
            for name, p in known.items():
                if p["flags"] & REQUIRED and not p["flags"] & READ_ONLY and name not in seen:
                    self.report(path, node, f"{where}: required property {name} is missing")

    # --- declarations ---------------------------------------------------------------------------------------------

    def resource(self, path, node, parent_type=None):
        existing = any(not c.is_named and text(c) == "existing" for c in node.children)
        declared = next((literal(c) for c in children(node, "string")), None)
        if declared is None:
            return self.report(path, node, "the resource type must be a plain string")
        kind, _, version = declared.partition("@")
        if parent_type:
            outer, _, outer_version = parent_type.partition("@")
            kind, version = f"{outer}/{kind}", version or outer_version
        full = f"{kind}@{version}"
        for body in bodies(node.named_children[-1]):
            for nested in walk(body, "resource_declaration"):
                self.resource(path, nested, full)
        versions = VERSIONS.get(kind.lower())
        if versions is None:
            return self.report(path, node, f"{kind}: unknown type; check it by other means and add it to types/")
        if version not in versions:
            return self.report(path, node, f"{kind}: no API version {version} (the newest are {', '.join(versions[-6:])})")
        file = FILES.get(full.replace("/", ".").lower())
        if file is None:
            newest = [v for v in versions if f"{kind}@{v}".replace("/", ".").lower() in FILES]
            return self.report(path, node, f"{kind}: use one of {', '.join(newest)}, whose definitions are in types/")
        if existing:
            return
        data = json.loads(file.read_text())
        for body in bodies(node.named_children[-1]):
            self.object(path, body, data["types"], data["body"], kind.split("/")[-1], top=True)

    def module(self, path, node):
        target = next((literal(c) for c in children(node, "string")), None)
        if target is None or target.startswith(("br:", "br/", "ts:", "ts/")):
            return self.report(path, node, "modules must be local files: registry modules cannot be restored offline")
        file = (path.parent / target).resolve()
        if not file.is_file():
            return self.report(path, node, f"module {target} does not exist")
        wanted = {}
        for parameter in walk(self.tree(file), "parameter_declaration"):
            has_default = any(not c.is_named and text(c) == "=" for c in parameter.children)
            nullable = "?" in text(parameter).split("=")[0]
            wanted[text(children(parameter, "identifier")[0])] = has_default or nullable
        for body in bodies(node.named_children[-1]):
            given = next((v for n, v, _ in properties(body) if n == "params"), None)
            if given is not None and given.type != "object":
                continue
            names = {n for n, _, _ in properties(given)} if given is not None else set()
            for name in sorted(n for n in names if n and n not in wanted):
                self.report(path, node, f"module {target} has no parameter {name}")
            for name, optional in wanted.items():
                if not optional and name not in names:
                    self.report(path, node, f"module {target} requires the parameter {name}")

    def names(self, path, root):
        kinds = ("parameter_declaration", "variable_declaration", "resource_declaration", "module_declaration",
                 "user_defined_function", "type_declaration", "metadata_declaration", "output_declaration")
        declared, outputs = {}, {}
        for node in walk(root, "import_functionality"):
            exported = self.exported(path.parent / (literal(children(node, "string")[0]) or ""))
            for name in children(node, "identifier"):
                declared[text(name)] = name
                if text(name) not in exported:
                    self.report(path, name, f"{text(name)} is imported, but not exported by that file")
        for node in walk(root, *kinds):
            ids = children(node, "identifier")
            if not ids or node.type in ("metadata_declaration", "output_declaration"):
                continue
            declared.setdefault(text(ids[0]), node)
            if node.type == "module_declaration":
                outputs[text(ids[0])] = next((literal(c) for c in children(node, "string")), None)
        local = {text(n) for n in walk(root, "loop_variable", "loop_enumerator")}
        for loop in walk(root, "for_statement"):
            first = loop.child_by_field_name("initializer")
            if first is not None:
                local.add(text(first))
        for function in walk(root, "lambda_expression", "user_defined_function"):
            local |= {text(i) for i in walk(function, "identifier")}
        used = {}
        for node in walk(root, "identifier"):
            parent = node.parent
            first = parent.named_children[0] == node
            if parent.type in ("import_functionality", "parameter") and (first or parent.type != "parameter"):
                continue
            if parent.type in kinds and first or parent.type == "object_property" and first and len(parent.named_children) > 1:
                continue
            used.setdefault(text(node), node)
        for name, node in used.items():
            if name not in declared and name not in local and name not in BUILTIN:
                self.report(path, node, f"{name} is not declared")
        for name, node in declared.items():
            if name not in used and node.type != "resource_declaration" and node.type != "module_declaration" and not is_exported(node):
                self.report(path, node, f"{name} is declared, but never used")
        for member in walk(root, "member_expression"):
            chain = text(member).replace("!", "").replace("?", "").split(".")
            if len(chain) == 3 and chain[1] == "outputs" and outputs.get(chain[0]):
                file = (path.parent / outputs[chain[0]]).resolve()
                if file.is_file():
                    have = {text(children(o, "identifier")[0]) for o in walk(self.tree(file), "output_declaration")}
                    if chain[2] not in have:
                        self.report(path, member, f"{outputs[chain[0]]} has no output {chain[2]}")

    def exported(self, path):
        if not path.is_file():
            return set()
        kinds = ("user_defined_function", "type_declaration", "variable_declaration")
        return {text(children(node, "identifier")[0]) for node in children(self.tree(path), *kinds) if is_exported(node)}

    def file(self, path):
        root = self.tree(path)
        for node in walk(root, "ERROR"):
            self.report(path, node, "syntax error")
        if root.has_error:
            # A missing token, such as the end of a string, has no ERROR node.
            if not any(walk(root, "ERROR")):
                self.report(path, root, "syntax error")
            return
        for node in root.named_children:
            if node.type == "resource_declaration":
                self.resource(path, node)
            elif node.type == "module_declaration":
                self.module(path, node)
        self.names(path, root)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    paths = sorted(Path(sys.argv[1]).rglob("*.bicep"))
    checker = Checker()
    for path in paths:
        checker.file(path)
    print("\n".join(dict.fromkeys(checker.findings)) or f"{len(paths)} files: no findings")
    sys.exit(bool(checker.findings) or not paths)


if __name__ == "__main__":
    main()
