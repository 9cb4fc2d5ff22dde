// The other files rely on `verification.mjs` and `payloads.mjs`; here both are checked against vectors from elsewhere.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { block, consensus } from './payloads.mjs';
import { BLOCK_DIGESTS, LEVEL, NO_PAYLOAD, PAYLOADS, SIGNED_BATCH, TZ4_ACCOUNT } from './octez_vectors.mjs';
import { PublicKey, SecretKey, base58, decodeBase58, digest } from './verification.mjs';

const hex = (bytes) => Buffer.from(bytes).toString('hex');

function withOneBitChanged(bytes) {
  const changed = Buffer.from(bytes);
  changed[changed.length - 1] ^= 1;
  return changed;
}

describe('generated keys', () => {
  const beginnings = {
    ed25519: ['edsk', 'edpk', 'tz1', 'edsig'],
    secp256k1: ['spsk', 'sppk', 'tz2', 'spsig1'],
    p256: ['p2sk', 'p2pk', 'tz3', 'p2sig'],
    bls: ['BLsk', 'BLpk', 'tz4', 'BLsig'],
  };
  const payload = Buffer.from('03aabbcc', 'hex');

  for (const [curve, texts] of Object.entries(beginnings)) {
    test(`${curve}: the text forms of Tezos, and a signature that covers only the signed bytes`, () => {
      const key = SecretKey.random(curve);
      const signature = key.sign(payload);

      [key.secretText, key.text, key.hash, signature].forEach((text, index) => {
        assert.ok(text.startsWith(texts[index]), `${text} does not start with ${texts[index]}`);
      });
      assert.equal(SecretKey.fromText(curve, key.secretText).hash, key.hash);
      assert.equal(PublicKey.fromText(curve, key.text).hash, key.hash);
      assert.equal(key.verify(signature, payload), true);
      assert.equal(key.verify(signature, withOneBitChanged(payload)), false);
      assert.equal(SecretKey.random(curve).verify(signature, payload), false);
    });
  }

  const halves = [
    ['secp256k1', '0d7365133f', 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n, false],
    ['p256', '36f02c34', 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n, true],
  ];
  for (const [curve, prefix, order, accepted] of halves) {
    test(`${curve}: the high half of s is ${accepted ? 'accepted' : 'refused'}, as in Octez`, () => {
      const key = SecretKey.random(curve);
      const low = decodeBase58(key.sign(payload), prefix, 64);
      const s = order - BigInt(`0x${hex(low.subarray(32))}`);
      const high = Buffer.concat([low.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);

      assert.equal(key.verify(base58(prefix, high), payload), accepted);
    });
  }
});

describe('vectors from Octez', () => {
  test('a signed batch verifies', () => {
    const key = new PublicKey('ed25519', SIGNED_BATCH.publicKey);
    const signature = base58('09f5cd8612', SIGNED_BATCH.signature);

    assert.equal(hex(digest(SIGNED_BATCH.payload)), SIGNED_BATCH.digest);
    assert.equal(key.verify(signature, SIGNED_BATCH.payload), true);
    assert.equal(key.verify(signature, withOneBitChanged(SIGNED_BATCH.payload)), false);
  });

  test('the tz4 account: key, both signature schemes and proof of possession, none accepted as another', () => {
    const key = SecretKey.fromText('bls', TZ4_ACCOUNT.secret);
    const messages = { pop: PAYLOADS.blsAttestation, aug: PAYLOADS.blsAttestation, proof: key.bytes };

    assert.equal(key.hash, TZ4_ACCOUNT.hash);
    assert.equal(key.text, TZ4_ACCOUNT.publicKey);
    for (const actual of Object.keys(messages)) {
      for (const expected of Object.keys(messages)) {
        assert.equal(
          key.verify(TZ4_ACCOUNT[actual], messages[actual], expected),
          actual === expected,
          `${actual} accepted as ${expected}`,
        );
      }
    }
  });

  const fields = { level: LEVEL, payloadHash: NO_PAYLOAD };
  const votes = [
    ['attestation', 'p256', {}, PAYLOADS.attestation],
    ['attestation', 'p256', { dal: '8020' }, PAYLOADS.attestationWithDal],
    ['preattestation', 'bls', {}, PAYLOADS.blsPreattestation],
    ['attestation', 'bls', {}, PAYLOADS.blsAttestation],
  ];
  for (const [kind, curve, more, expected] of votes) {
    test(`${kind} of a ${curve} key ${JSON.stringify(more)}: the payload that this suite builds`, () => {
      assert.equal(hex(consensus(kind, curve, { ...fields, ...more })), hex(expected));
    });
  }

  test('block headers: the payloads that this suite builds', () => {
    assert.equal(hex(digest(block({ ...fields, round: 2 }))), BLOCK_DIGESTS.roundTwo);
    assert.equal(hex(digest(block({ ...fields, round: 2, lockedRound: 1 }))), BLOCK_DIGESTS.roundTwoLockedOne);
  });
});
