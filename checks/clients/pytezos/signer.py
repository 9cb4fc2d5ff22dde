"""A running signer, described by the environment that ../other_languages.mjs sets, and assertions about its answers."""

import functools
import json
import os
import unittest
from types import SimpleNamespace

import requests
from pytezos.context.impl import ExecutionContext
from pytezos.crypto.encoding import base58_encode
from pytezos.crypto.key import Key
from remote_key import RemoteKey

URL = os.environ['SIGNER_URL']
STRICT_URL = os.environ['STRICT_SIGNER_URL']
HEADERS = json.loads(os.environ['SIGNER_HEADERS'])
FIRST_LEVEL = int(os.environ['FIRST_LEVEL'])
MAX_FEE = int(os.environ['MAX_FEE'])
KEYS = [Key.from_encoded_key(key['public_key']) for key in json.loads(os.environ['SIGNER_KEYS'])]

# For the other two, see test_requests.py.
VERIFIED_BY_PYTEZOS = (b'ed', b'sp')

CHAIN = 'NetXdQprcVkpaWU'
CHAIN_BYTES = bytes.fromhex('7a06a770')


def base58(prefix, length, byte):
    return base58_encode(bytes([byte]) * length, prefix).decode()


BRANCH = base58(b'B', 32, 1)


def context(key):
    """What pytezos reads from a node when it signs."""
    main = SimpleNamespace(watermark=CHAIN_BYTES.hex)
    return ExecutionContext(key=key, shell=SimpleNamespace(chains=SimpleNamespace(main=main)))


def for_each_key(test):
    @functools.wraps(test)
    def with_each(self):
        for key in KEYS:
            with self.subTest(key=key.public_key_hash()):
                test(self, RemoteKey(URL, key.public_key_hash(), HEADERS))

    return with_each


class SignerTest(unittest.TestCase):
    def assert_covers(self, signature, key, payload, own_form):
        """Verified by pytezos, and again from the file, independently of it."""
        if key.curve in VERIFIED_BY_PYTEZOS:
            self.assertTrue(key.verify(signature, payload))
        line = {'hash': key.public_key_hash(), 'payload': payload.hex(), 'signature': own_form}
        with open(os.environ['SIGNATURES'], 'a', encoding='utf8') as signatures:
            signatures.write(f'{json.dumps(line)}\n')

    def assert_signs(self, key, payload):
        signature = key.sign(payload)
        self.assert_covers(signature, key, payload, own_form=signature)
        return signature

    def assert_refused(self, status, words, sign, *arguments):
        with self.assertRaises(requests.HTTPError) as refusal:
            sign(*arguments)
        self.assertEqual(refusal.exception.response.status_code, status, refusal.exception)
        self.assertIn(words, str(refusal.exception))
