"""Instructions that the guides must contain: the order of an emergency stop, and how to restore a database."""
import re
import unittest

from guides import commands
from templates import INFRA, ROOT

OPERATIONS = (ROOT / "docs/operations.md").read_text()


def section(heading: str) -> str:
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", OPERATIONS, re.M | re.S)[1]


class Guides(unittest.TestCase):
    def test_in_an_emergency_the_keys_are_disabled_before_the_app_is_stopped(self):
        first, second, *_ = commands(section("Emergency stop"))
        self.assertRegex(first, r"^az keyvault key set-attributes .*--enabled false")
        self.assertRegex(second, r"^az functionapp stop ")

    def test_the_same_holds_when_the_database_is_lost(self):
        text = section("Restore")
        self.assertLess(text.index("[disable the keys](#emergency-stop)"), text.index("az functionapp stop"))

    def test_a_database_is_restored_without_public_access_and_account_keys(self):
        (restore,) = [c for c in commands(section("Restore")) if c.startswith("az cosmosdb restore ")]
        self.assertIn("--public-network-access Disabled", restore)
        self.assertIn("--disable-local-auth true", restore)

    def test_the_maximum_distance_of_a_second_region_is_documented(self):
        row = re.search(r"^\| `secondRegion` .*$", (ROOT / "docs/deploy.md").read_text(), re.M)[0]
        descriptions = [
            re.search(r"@description\('(.*)'\)\nparam secondRegion", (INFRA / name).read_text())[1] for name in ("main.bicep", "resources.bicep")
        ]
        for text in (row, *descriptions, section("Failover")):
            self.assertIn("8,000 km", text)
