"""Encrypts the secret keys on standard input with the password in the first argument, or decrypts them. One key per line."""

import functools
import sys

from fastecdsa.encoding.sec1 import SEC1Encoder
from pytezos.crypto.key import Key

# pytezos uses the API of fastecdsa before version 4.
SEC1Encoder.encode_public_key = staticmethod(functools.partial(SEC1Encoder.encode_public_key, SEC1Encoder()))

for line in sys.stdin:
    key = Key.from_encoded_key(line.strip(), passphrase=sys.argv[1])
    encrypted = line[2:5] == 'esk'
    print(key.secret_key(None if encrypted else sys.argv[1]))
