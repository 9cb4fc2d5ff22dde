"""Keys, and requests that the signer or the Functions host refuses."""

import unittest

from remote_key import RemoteKey
from signer import HEADERS, KEYS, STRICT_URL, URL, VERIFIED_BY_PYTEZOS, SignerTest, base58, for_each_key


class Requests(SignerTest):
    def test_public_keys(self):
        for known in KEYS:
            key = RemoteKey(URL, known.public_key_hash(), HEADERS)
            self.assertEqual(key.public_key(), known.public_key())
            self.assertEqual(key.public_key_hash(), known.public_key_hash())
            self.assertFalse(key.is_secret)

    def test_an_unknown_key(self):
        stranger = base58(b'tz3', 20, 10)
        self.assert_refused(404, stranger, RemoteKey, URL, stranger, HEADERS)

    @for_each_key
    def test_invalid_payloads(self, key):
        for payload, status, words in [
            (b'', 403, 'empty'),
            ('03a', 400, 'hexadecimal'),
            ('operation', 400, 'hexadecimal'),
            (b'\x03', 403, 'is not signed'),
            (b'\x05\x01\x00', 403, 'packed data'),
        ]:
            with self.subTest(payload):
                self.assert_refused(status, words, key.sign, payload)

    @for_each_key
    def test_pytezos_cannot_verify_signatures_of_tz3_and_tz4(self, key):
        """For tz4 it uses the older scheme; for tz3 it uses the API of fastecdsa before version 4."""
        error = {b'BL': ValueError, b'p2': TypeError}.get(key.curve)
        if error is None:
            self.assertIn(key.curve, VERIFIED_BY_PYTEZOS)
            return
        payload = bytes.fromhex('03' + '01' * 32 + '110000000568656c6c6f')
        signature = self.assert_signs(key, payload)
        with self.assertRaises(error):
            key.verify(signature, payload)

    @unittest.skipUnless(STRICT_URL, 'no signer that requires authenticated requests')
    def test_requests_that_need_authentication(self):
        for key in KEYS:
            strict = RemoteKey(STRICT_URL, key.public_key_hash())
            self.assert_refused(401, 'missing authentication signature', strict.sign, b'\x03')

    @unittest.skipUnless(HEADERS, 'this signer requires no function key')
    def test_without_the_function_key(self):
        for key in KEYS:
            self.assert_refused(401, '', RemoteKey, URL, key.public_key_hash())
