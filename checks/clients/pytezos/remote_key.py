"""A key of pytezos whose secret is kept by a remote signer."""

import requests
from pytezos.crypto.encoding import base58_decode, base58_encode
from pytezos.crypto.key import Key


class RemoteKey(Key):
    def __init__(self, url, address, headers=None):
        self._address = f'{url}/keys/{address}'
        self._headers = headers
        public = Key.from_encoded_key(self._request('GET')['public_key'])
        super().__init__(public.public_point, curve=public.curve)

    def sign(self, message, generic=False):
        payload = message if isinstance(message, str) else message.hex()
        signature = self._request('POST', json=payload)['signature']
        # There is no generic form of a tz4 signature.
        if not generic or self.curve == b'BL':
            return signature
        return base58_encode(base58_decode(signature.encode()), b'sig').decode()

    def _request(self, method, **body):
        answer = requests.request(method, self._address, headers=self._headers, timeout=20, **body)
        if not answer.ok:
            raise requests.HTTPError(f'{answer.status_code}: {answer.text}', response=answer)
        return answer.json()
