"""The amounts of docs/costs.md, against the resources that the template creates: a change of the template that costs money is seen here."""
import importlib.util
import json
import re
import unittest
from collections import Counter
from decimal import Decimal

from templates import ACCOUNT, CONTAINER, ENDPOINT, KEY, METRIC_ALERT, PLAN, QUERY_ALERT, RETENTION, ROOT, SITE, STORAGE, WEB_TEST, ZONE, deployed

PAGE = (ROOT / "docs/costs.md").read_text()
HOURS, SECONDS = 730, 2_628_000

# The usage of a key, and of an instance, as the page says.
SIGNATURES, REQUESTS = 876_000, 1_752_000
SIGNER_LOG, AUDIT_LOG, BLOB_LOG = Decimal("1.23"), Decimal("0.88"), Decimal("0.26")
# The reads of an instance whose vault signs at every level, and of one whose vault signs nothing; and their part of the audit log.
READS, READS_IDLE = 8_760, 43_800
READS_LOG, READS_IDLE_LOG = Decimal("0.03"), Decimal("0.06")
# A write by the page's rule: 10 RU for the first kilobyte of an item, 4 for each further one.
ITEM_KB = Decimal("2.25")
RU_PER_WRITE = 10 + 4 * (ITEM_KB - 1)
# A read by the page's rule, with strong consistency.
RU_PER_READ = 2 * (1 + (ITEM_KB - 1) / 5)
# What the witness of an instance reads of a key: the mark of each vote, and the stops once a minute (src/witness/tasks.rs); and in the
# busiest second, when a block of the key is on chain, too.
MARKS_READ, STOPS_READ = 438_000, 43_800
READS_AT_ONCE = 3
# Three kinds of payloads at a level, for two bakers.
WRITES_AT_ONCE = 6
# An instance that signs appends to the history at this interval (src/audit/writer.rs).
APPEND_SECONDS = 10
RELAY_REQUESTS = SIGNATURES + 4380

# The most that one key and one baker may cost, by network access and by whether they use the relay.
TARGETS = {
    ("private", REQUESTS): 76,
    ("private", RELAY_REQUESTS): 68,
    ("public", REQUESTS): 60,
    ("public", RELAY_REQUESTS): 52,
}

# A section of the page, with its parameters, and the requests of a month if they are not two for each signature.
SECTIONS = {
    "The defaults": ({}, REQUESTS),
    "With the relay": ({}, RELAY_REQUESTS),
    "Without private endpoints": ({"networking": "public"}, REQUESTS),
    "An instance of 2,048 MB": ({"instanceMemory": 2048}, REQUESTS),
    "Two instances, two regions": ({"alwaysReady": 2, "secondRegion": "northeurope"}, REQUESTS),
    "A signer in each of two regions": ({"secondRegion": "northeurope", "signerInSecondRegion": True}, SIGNATURES + 2 * 4380),
    "Serverless": ({"databaseCapacity": "serverless"}, REQUESTS),
    "Free tier": ({"databaseCapacity": "freeTier"}, REQUESTS),
    "Premium": ({"plan": "premium"}, REQUESTS),
}
# A section that only has what is added to the defaults.
ADDED = {
    "A third region for the marks": ({"secondRegion": "northeurope"}, {"secondRegion": "northeurope", "thirdRegion": "uksouth"}),
    "Isolated": ({}, {"networking": "isolated"}),
    "Tz4 keys": ({}, {"sealedKeys": True}),
    "History of signatures": ({}, {"auditRetentionDays": 365}),
}


def documents():
    """The functions of checks/docs/check.py."""
    spec = importlib.util.spec_from_file_location("check_documents", ROOT / "checks/docs/check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check = documents()
PRICES = {row[0]: check.number(row[1]) for table in check.tables(PAGE) if table[0][0] == "price" for row in table[1:]}


def documented(section) -> dict[str, Decimal]:
    """The amount for each price in a section of the page."""
    (text,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## )", PAGE, re.M | re.S)
    amounts = Counter()
    for _, _, price, amount in check.tables(text)[0][1:-1]:
        amounts[price] += check.number(amount)
    return dict(amounts)


def instances(deployment) -> tuple[list[int], Decimal]:
    """The always-ready instances of each app, the one that signs first, and the memory of one in GB; none on Premium."""
    counts, memory = [], Decimal(0)
    for site in deployment.all(SITE):
        if "functionAppConfig" in site.properties:
            scale = site.properties["functionAppConfig"]["scaleAndConcurrency"]
            counts.append(sum(group["instanceCount"] for group in scale["alwaysReady"]))
            memory = Decimal(scale["instanceMemoryMB"]) / 1024
    return counts, memory


def units(deployment, requests) -> Counter:
    """The units of each price that the resources of a deployment use in a month, with one key that signs at every level."""
    used = Counter()
    by_app, memory = instances(deployment)
    flex = sum(by_app)
    premium = sum(plan.body["sku"].get("capacity", 1) for plan in deployment.all(PLAN) if plan.body["sku"]["name"] == "EP1")
    if flex:
        used["flex-baseline"] = flex * memory * SECONDS
        used["flex-execution"] = requests * memory
        used["flex-request"] = requests
    used["ep1"] = premium
    # A signing key is restored into the vault of each further app; each vault has a key for sealed keys of its own.
    sealing = sum(key.properties["kty"] == "RSA-HSM" for key in deployment.all(KEY))
    used["hsm-key"] = (len(deployment.all(KEY)) - sealing) * len(deployment.all(SITE)) + sealing
    # A vault signs only for the app in its region, and only the first app gets requests.
    idle = sum(by_app[1:])
    signing = flex + premium - idle
    # A search of the vault also reads the key for sealed keys.
    used["key-operation"] = SIGNATURES + signing * READS + idle * READS_IDLE + sealing * READS
    account = deployment.one(ACCOUNT).properties
    for container in deployment.all(CONTAINER):
        if autoscale := container.properties["options"].get("autoscaleSettings"):
            least = max(autoscale["maxThroughput"] // 10, 100)
            used["cosmos"] += 0 if account["enableFreeTier"] else len(account["locations"]) * Decimal(least) / 100 * HOURS
        elif container.name == "marks":
            used["cosmos-serverless"] += SIGNATURES * RU_PER_WRITE
    used["logs"] = SIGNER_LOG + AUDIT_LOG + signing * READS_LOG + idle * READS_IDLE_LOG + (signing + idle) * BLOB_LOG
    for rule in deployment.all(QUERY_ALERT):
        if rule.properties["enabled"]:
            used[f"log-alert-{rule.properties['evaluationFrequency'].removeprefix('PT').removesuffix('M')}"] += 1
    used["metric-alert"] = len(deployment.all(METRIC_ALERT))
    for test in deployment.all(WEB_TEST):
        used["web-test"] += len(test.properties["Locations"]) * HOURS * 3600 // test.properties["Frequency"]
    used["blob-write"] = len(deployment.all(RETENTION)) * SECONDS // APPEND_SECONDS
    used["storage"] = len(deployment.all(STORAGE))
    used["endpoint"] = len(deployment.all(ENDPOINT)) * HOURS
    used["dns-zone"] = len(deployment.all(ZONE))
    return used


def amounts(used) -> dict[str, Decimal]:
    return {price: check.cents(count * PRICES[price]) for price, count in used.items() if count}


def total(requests, **parameters) -> Decimal:
    """What a deployment costs in a month."""
    return sum(amounts(units(deployed(**parameters), requests)).values())


class Costs(unittest.TestCase):
    maxDiff = None

    def compare(self, section, used):
        page, computed = documented(section), amounts(used)
        self.assertEqual(set(page), set(computed), section)
        for price, amount in computed.items():
            # The page rounds each line of a price.
            self.assertLessEqual(abs(page[price] - amount), Decimal("0.01"), f"{section}: {price} is {page[price]}, expected {amount}")

    def test_the_page_has_what_the_template_creates(self):
        for section, (parameters, requests) in SECTIONS.items():
            with self.subTest(section):
                self.compare(section, units(deployed(**parameters), requests))

    def test_additions_are_the_difference_of_two_deployments(self):
        for section, (before, after) in ADDED.items():
            with self.subTest(section):
                self.compare(section, units(deployed(**after), REQUESTS) - units(deployed(**before), REQUESTS))

    def test_the_defaults_stay_within_the_targets(self):
        for (networking, requests), most in TARGETS.items():
            # The default is given by leaving it out.
            parameters = {} if networking == "private" else {"networking": networking}
            self.assertLessEqual(total(requests, **parameters), most, (networking, requests))

    def test_the_lowest_amounts_in_the_text_are_those_of_the_template(self):
        (text,) = re.findall(r"^### How low it gets\n(.*?)(?=^## )", PAGE, re.M | re.S)
        for memory in (512, 2048):
            for networking, requests in TARGETS:
                amount = total(requests, instanceMemory=memory, networking=networking)
                self.assertIn(f"${amount}", text, (memory, requests, networking))

    def test_a_key_with_two_bakers_stays_within_the_least_throughput(self):
        text = " ".join(PAGE.split())
        self.assertIn(f"A write costs about {RU_PER_WRITE:.0f} RU.", text)
        self.assertIn(f"less than {ITEM_KB} kB with the fields of the service", text)
        busiest = WRITES_AT_ONCE * RU_PER_WRITE
        self.assertIn(f"{busiest:.0f} RU in the busiest second", text)
        self.assertLess(busiest, 100)

    def test_the_reads_of_the_witness_fit_beside_the_writes(self):
        text = " ".join(PAGE.split())
        self.assertIn(f"A read costs about {RU_PER_READ.normalize()} RU", text)
        self.assertIn(f"{MARKS_READ:,} and {STOPS_READ:,} reads for each key and instance", text)
        self.assertLess(READS_AT_ONCE * RU_PER_READ, 8)
        self.assertLess(WRITES_AT_ONCE * RU_PER_WRITE + READS_AT_ONCE * RU_PER_READ, 100)
        (reads,) = re.findall(r"2\.5 × (\S+) \| cosmos-serverless", PAGE)
        self.assertEqual(check.number(reads), MARKS_READ + STOPS_READ)
        (interval,) = re.findall(r"STOPS_INTERVAL: Duration = Duration::from_mins\((\d+)\)", (ROOT / "src/witness/tasks.rs").read_text())
        self.assertEqual(STOPS_READ, SECONDS // 60 // int(interval))

    def test_the_availability_test_is_an_addition(self):
        used = units(deployed(availabilityTest=True), REQUESTS) - units(deployed(), REQUESTS)
        page = documented("Availability test")
        for price, amount in amounts(used).items():
            self.assertEqual(page[price], amount, price)

    def test_the_host_adds_records_of_failed_requests_only(self):
        logging = json.loads((ROOT / "host.json").read_text())["logging"]
        # The signer's own lines are Host.Function.Console.
        levels = {"default": "Warning", "Host.Function.Console": "Information", "Host.Results": "Error"}
        self.assertEqual(logging["logLevel"], levels)
        self.assertIs(logging["applicationInsights"]["enablePerformanceCountersCollection"], False)
