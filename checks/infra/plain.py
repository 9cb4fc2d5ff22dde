"""Rewrites the templates below a folder for parsers that do not support user-defined types and functions.

    plain.py infra target/plain

Imports are removed, a type is replaced by its primitive type, and a call of an imported function by an empty string. Files that only
declare types and functions are left out. Line numbers do not change.
"""
import sys
from pathlib import Path

from parameter_types import declared
from syntax import functions, imports, parse, text

# Functions that these parsers do not support.
UNKNOWN = {"cidrSubnet", "fail"}


def kind(path: Path, node) -> str:
    """The primitive type: array, object, string, int or bool."""
    if node.type == "identifier":
        found = declared(path, text(node))
        return kind(found.path, found.node)
    if node.type in ("type", "nullable_type", "parenthesized_type"):
        return kind(path, node.named_children[0])
    return {"array_type": "array", "object": "object", "union_type": "string"}.get(node.type) or text(node)


def walk(node):
    yield node
    for child in node.named_children:
        yield from walk(child)


def replaced(path: Path) -> list[tuple[int, int, str]]:
    """The replacements: start, end, and new text."""
    known = {name for name, source in imports(path).items() if name in functions(source)} | UNKNOWN
    found = []
    for node in walk(parse(path)):
        if found and node.start_byte < found[-1][1]:
            continue
        if node.type == "import_functionality":
            found.append((node.start_byte, node.end_byte, ""))
        elif node.type == "type":
            found.append((node.start_byte, node.end_byte, kind(path, node)))
        elif node.type == "call_expression" and any(
            n.type == "call_expression" and text(n.child_by_field_name("function")) in known for n in walk(node)
        ):
            found.append((node.start_byte, node.end_byte, "''" + "\n" * text(node).count("\n")))
    return found


def plain(path: Path) -> str:
    source = path.read_bytes()
    for start, end, text_instead in reversed(replaced(path)):
        source = source[:start] + text_instead.encode() + source[end:]
    return source.decode()


def main():
    folder, target = map(Path, sys.argv[1:])
    for path in folder.rglob("*.bicep"):
        declarations = {n.type for n in parse(path).named_children} - {"comment", "decorators", "import_functionality"}
        if declarations <= {"type_declaration", "user_defined_function"}:
            continue
        written = target / path.relative_to(folder)
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(plain(path))


if __name__ == "__main__":
    main()
