"""Syntax trees of Bicep files, and queries that need no evaluation."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tree_sitter
import tree_sitter_bicep

PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))


@cache
def parse(path: Path):
    root = PARSER.parse(path.read_bytes()).root_node
    if root.has_error:
        raise SyntaxError(f"{path} does not parse")
    return root


def text(node) -> str:
    return node.text.decode()


def decorators(node) -> str:
    """The decorators of a declaration."""
    above = node.prev_named_sibling
    return text(above) if above is not None and above.type == "decorators" else ""


@cache
def imports(path: Path) -> dict[str, Path]:
    """The names that a file imports, with their files."""
    found = {}
    for node in parse(path).named_children:
        if node.type == "import_functionality":
            *names, source = node.named_children
            found |= {text(name): path.parent / text(source)[1:-1] for name in names}
    return found


@cache
def functions(path: Path) -> dict[str, object]:
    return {text(n.named_children[0]): n for n in parse(path).named_children if n.type == "user_defined_function"}


@dataclass(frozen=True)
class Reference:
    """A value that only exists in a real deployment."""

    path: str

    def __str__(self):
        return self.path

    def member(self, name):
        return Reference(f"{self.path}.{name}")


def unescape(content: str) -> str:
    return content.replace("\\'", "'").replace("\\n", "\n").replace("\\$", "$").replace("\\\\", "\\")
