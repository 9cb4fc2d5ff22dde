"""The findings of Microsoft's formatter and linter, as far as they can be found without them.

The formatter breaks what is longer than 120 characters, and joins what is broken needlessly. Of the linter's rules, this covers those
that are off by default.
"""
import json
import re
import unittest

from parameter_types import members
from syntax import decorators, parse, text
from templates import INFRA, ROOT

WIDTH = 120
FILES = sorted([*INFRA.rglob("*.bicep")])


def walk(node):
    yield node
    for child in node.named_children:
        yield from walk(child)


def on_one_line(node) -> str:
    return re.sub(r"\s*\n\s*", " ", text(node)).replace("( ", "(").replace(" )", ")")


class Layout(unittest.TestCase):
    def test_loops_begin_on_a_new_line(self):
        for path in FILES:
            self.assertEqual(re.findall(r"^(?!\s*//).*\[for .*", path.read_text(), re.M), [], path.name)

    def test_calls_and_ternaries_are_broken_only_if_they_are_too_long(self):
        for path in FILES:
            lines = path.read_text().split("\n")
            for node in walk(parse(path)):
                arguments = node.child_by_field_name("arguments").named_children if node.type == "call_expression" else []
                if not (len(arguments) > 1 or node.type == "ternary_expression"):
                    continue
                (first, column), (last, _) = node.start_point, node.end_point
                with self.subTest(f"{path.name}:{first + 1}"):
                    if first == last:
                        self.assertLessEqual(len(lines[first]), WIDTH)
                    elif not re.search(r"[{\[]\n", text(node)):
                        self.assertGreater(column + len(on_one_line(node)), WIDTH)

    def test_function_bodies_are_on_the_next_line_only_if_they_do_not_fit(self):
        for path in FILES:
            for node in parse(path).named_children:
                if node.type == "user_defined_function":
                    head, _, body = text(node).partition("=>")
                    with self.subTest(f"{path.name}: {head}"):
                        self.assertEqual(len(on_one_line(node)) > WIDTH, body.startswith("\n"))

    def test_whitespace_and_empty_lines(self):
        for path in FILES:
            source = path.read_text()
            self.assertIsNone(re.search(r"[ \t]+$|\t|\n\n\n|\{\n\n|\n\n\s*\}", source, re.M), path.name)
            self.assertTrue(source.endswith("\n") and not source.endswith("\n\n"), path.name)

    def test_whitespace_of_parameter_files(self):
        for path in (ROOT / "checks/infra/parameters").rglob("*.bicepparam"):
            source = path.read_text()
            self.assertIsNone(re.search(r"[ \t]+$|\t|\n\n\n", source, re.M), path.name)
            self.assertTrue(source.startswith("using '../../../../infra/main.bicep'\n\n"), path.name)


class Rules(unittest.TestCase):
    def test_all_rules_are_enabled(self):
        core = json.loads((INFRA / "bicepconfig.json").read_text())["analyzers"]["core"]
        self.assertIs(core["enabled"], True)
        self.assertEqual({name for name, rule in core["rules"].items() if rule != {"level": "warning"}}, set())
        off_by_default = {
            "no-hardcoded-outputs", "no-module-name", "use-description-outputs", "use-description-params",
            "use-description-type-properties", "use-description-types", "use-description-vars", "use-recent-api-versions",
            "use-recent-module-versions", "use-resource-id-functions", "use-user-defined-types", "what-if-short-circuiting",
        }  # fmt: skip
        self.assertLessEqual(off_by_default, set(core["rules"]))

    def test_no_type_is_a_bare_object_or_array(self):
        for path in FILES:
            for node in walk(parse(path)):
                if node.type == "primitive_type":
                    self.assertNotIn(text(node), ("object", "array"), f"{path.name}:{node.start_point[0] + 1}")

    def test_no_module_has_a_name(self):
        for path in FILES:
            for node in parse(path).named_children:
                if node.type == "module_declaration":
                    self.assertIsNone(re.search(r"^  name: ", text(node), re.M), f"{path.name}: {text(node)[:40]}")

    def test_all_declarations_have_descriptions(self):
        described = 0
        for path in FILES:
            for node in parse(path).named_children:
                kind = node.type.removesuffix("_declaration")
                if kind in ("parameter", "variable", "output", "type", "user_defined_function"):
                    self.assertRegex(decorators(node), r"^@description\('[^']", f"{path.name}: {text(node)[:60]}")
                    described += 1
                if node.type == "type_declaration" and node.named_children[-1].type == "object":
                    for name, _, above in members(node.named_children[-1]):
                        self.assertTrue(text(above[0]).startswith("@description('"), f"{path.name}: {name}")
        self.assertGreater(described, 200)

    def test_names_conditions_and_loops_do_not_depend_on_module_outputs(self):
        # A preview (what-if) would stop at such a module.
        given = {}
        for path in (INFRA / "main.bicep", INFRA / "resources.bicep", INFRA / "modules/signer.bicep"):
            for node in walk(parse(path)):
                if node.type == "module_declaration":
                    module = re.search(r"'(?:modules/)?(\w+\.bicep)'", text(node))[1]
                    for name in re.findall(r"^ {4,6}(\w+): (?:\[\n *for )?.*\.outputs\.", text(node), re.M):
                        given.setdefault(module, set()).add(name)
        self.assertLessEqual({"appSubnetIds", "workspaceId"}, given["cosmos.bicep"])
        self.assertLessEqual({"cosmosEndpoint", "endpointSubnetId"}, given["signer.bicep"])
        for module, names in given.items():
            for node in parse(INFRA / "modules" / module).named_children:
                if node.type in ("resource_declaration", "module_declaration"):
                    for line in re.findall(r"^  (?:  )?name: .*$|= if \(.*\)|^  for .*$", text(node), re.M):
                        used = set(re.findall(r"\b\w+\b", re.sub(r"'[^'$]*'", "", line)))
                        self.assertEqual(used & names, set(), f"{module}: {line}")
