// Calls of Taquito's RemoteSigner, and their expected results.

import assert from 'node:assert/strict';

import { RemoteSigner } from '@taquito/remote-signer';

import { readFailure } from './octez_wire.mjs';
import { base58, decodeBase58 } from './verification.mjs';

const SIGNATURE_PREFIX = { ed25519: '09f5cd8612', secp256k1: '0d7365133f', p256: '36f02c34' };
const GENERIC_PREFIX = '04822b';
export const OPERATION = Uint8Array.of(3);

// A copy, since Taquito adds a header to the object.
export const remote = (signer, key) => new RemoteSigner(key.hash, signer.url, { headers: { ...signer.headers } });

/** Signs through Taquito, and verifies independently of it that the signature covers watermark and bytes. */
export async function assertSigns(signer, key, hexBytes, watermark = OPERATION) {
  const { bytes, sbytes, sig, prefixSig } = await remote(signer, key).sign(hexBytes, watermark);
  const raw = decodeBase58(prefixSig, SIGNATURE_PREFIX[key.curve], 64);

  assert.equal(key.verify(prefixSig, Buffer.concat([watermark, Buffer.from(hexBytes, 'hex')])), true);
  assert.equal(sig, base58(GENERIC_PREFIX, raw));
  assert.equal(bytes, hexBytes);
  assert.equal(sbytes, hexBytes + raw.toString('hex'));
  return prefixSig;
}

/** Asserts that Taquito fails with an error of this name, and returns the body of the answer. */
export async function assertFailure(promise, name, status) {
  const error = await promise.then(
    () => assert.fail('the request succeeded'),
    (reason) => reason,
  );
  assert.equal(error.name, name, error.message);
  const response = error.cause ?? error;
  assert.equal(response.status, status);
  return response.body;
}

/** Asserts that Taquito fails with an error of this name that contains the signer's reason, and returns the reason. */
export async function assertFails(promise, name, status) {
  return readFailure(await assertFailure(promise, name, status));
}

export async function assertForbids(signer, key, hexBytes, watermark = OPERATION) {
  return assertFails(remote(signer, key).sign(hexBytes, watermark), 'OperationNotAuthorized', 403);
}

/** A consensus payload as Taquito takes it: watermark and chain id are separate from the other bytes. */
export const splitPayload = (payload) => [payload.subarray(5).toString('hex'), payload.subarray(0, 5)];
