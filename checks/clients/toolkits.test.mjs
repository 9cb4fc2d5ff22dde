// Taquito and octez.js as users combine them: the newest toolkits with the signer class of docs/octez.md, and Taquito's
// own remote signer, which is older than its toolkit.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';

import * as taquito from '@taquito/taquito';
import * as octezJs from '@tezos-x/octez.js';
import { LocalForger } from '@tezos-x/octez.js-local-forging';
import { kindMapping } from '@tezos-x/octez.js-local-forging/dist/lib/constants.js';
import { verifySignature } from '@tezos-x/octez.js-utils';
import * as taquito21 from 'taquito-21';
import { LocalForger as LocalForger21 } from 'taquito-21-local-forging';
import { kindMapping as kindMapping21 } from 'taquito-21-local-forging/dist/lib/constants.js';

import { ANONYMOUS, CONSENSUS_CONTENTS, SAMPLES, forgeWith, manager, transfer } from './operations.mjs';
import { CONSENSUS_KINDS, consensus, payloadHashOf } from './payloads.mjs';
import { RemoteSigner } from './remote_signer.mjs';
import { STATUS_OF_UNKNOWN, startSigner, throughRelay } from './signer_process.mjs';
import { OPERATION, assertFailure, remote, splitPayload } from './taquito_calls.mjs';
import { firstTransfer } from './toolkits.mjs';
import { SecretKey } from './verification.mjs';

const ADDRESS = { ed25519: 'tz1', secp256k1: 'tz2', p256: 'tz3', bls: 'tz4' };
const MAX_FEE = 1_000_000;

const keys = Object.keys(ADDRESS).map((curve) => SecretKey.random(curve));
let signer;
before(async () => {
  const operations = ['any', 'drain_delegate', 'update_consensus_key', 'update_companion_key'];
  const policy = { default: { operations, max_fee: MAX_FEE, proof_of_possession: true } };
  signer = await startSigner({ keys, settings: { POLICY: JSON.stringify(policy) } });
});
after(() => signer?.stop());

const signerOf = (key) => new RemoteSigner(signer.url, key.hash, signer.headers);

async function assertSigns(key, bytes, watermark = OPERATION) {
  const { prefixSig, sbytes } = await signerOf(key).sign(bytes, watermark);
  assert.ok(key.verify(prefixSig, Buffer.concat([watermark, Buffer.from(bytes, 'hex')])));
  assert.ok(sbytes.startsWith(bytes) && sbytes.length === bytes.length + (key.curve === 'bls' ? 192 : 128));
  return prefixSig;
}

const assertRefused = (key, status, reason, bytes, watermark = OPERATION) =>
  assert.rejects(signerOf(key).sign(bytes, watermark), ({ message }) => {
    assert.ok(message.startsWith(`${status}: `), message);
    assert.match(message, reason);
    return true;
  });

for (const [title, { TezosToolkit }] of Object.entries({ 'Taquito 25': taquito, 'octez.js': octezJs })) {
  describe(`${title}, with the signer class of docs/octez.md`, () => {
    for (const key of keys) {
      test(`${ADDRESS[key.curve]}: the first transfer of an account`, async () => {
        const { contents, signature, bytes } = await firstTransfer(TezosToolkit, signerOf(key));
        const [reveal, { kind }] = contents;
        assert.deepEqual([reveal.kind, kind], ['reveal', 'transaction']);
        const signatureLength = key.curve === 'bls' ? 192 : 128;
        assert.ok(key.verify(signature, Buffer.from(`03${bytes.slice(0, -signatureLength)}`, 'hex')));
        if (key.curve === 'bls') assert.ok(key.verify(reveal.proof, key.bytes, 'proof'));
      });
    }
  });
}

describe('octez.js', () => {
  const forge = forgeWith(new LocalForger());

  test('every kind that the forger supports has a sample, or a reason why no key signs it with watermark 3', () => {
    const covered = new Set(SAMPLES.map(({ kind }) => kind));
    for (const kind of Object.keys({ ...CONSENSUS_CONTENTS, ...ANONYMOUS })) covered.add(kind);
    assert.deepEqual([...covered].sort(), Object.values(kindMapping).toSorted());
  });

  for (const key of keys) {
    const address = ADDRESS[key.curve];

    test(`${address}: public key`, async () => {
      assert.equal(await signerOf(key).publicKey(), key.text);
    });

    for (const { title, contents } of SAMPLES) {
      test(`${address}: ${title}`, async () => {
        const bytes = await forge(contents(key));
        const signature = await assertSigns(key, bytes);
        assert.equal(verifySignature(bytes, key.text, signature, OPERATION), true);
      });
    }

    for (const kind of CONSENSUS_KINDS) {
      test(`${address}: ${kind}: signed, signed again, and different data refused`, async () => {
        const payload = (fields) => splitPayload(consensus(kind, key.curve, { level: 10, ...fields }));
        const first = await assertSigns(key, ...payload());
        const second = await assertSigns(key, ...payload());
        if (kind === 'block') assert.equal(second, first);
        const other = { payloadHash: payloadHashOf('another block') };
        await assertRefused(key, 409, /already signed with different data/, ...payload(other));
        await assertRefused(key, 409, /below the high watermark/, ...payload({ level: 9 }));
        await assertSigns(key, ...payload({ round: 1, ...other }));
      });
    }

    test(`${address}: a fee over the policy's maximum, a vote with watermark 3, and text that is not hex`, async () => {
      await assertSigns(key, await forge(transfer(key, { fee: String(MAX_FEE) })));
      await assertRefused(key, 403, /fee/, await forge(transfer(key, { fee: String(MAX_FEE + 1) })));
      await assertRefused(key, 403, /consensus operation/, await forge(CONSENSUS_CONTENTS.attestation));
      await assertRefused(key, 400, /hexadecimal/, 'operation');
    });
  }

  test('an unknown key', async () => {
    const stranger = SecretKey.random('p256');
    await assert.rejects(signerOf(stranger).publicKey(), { message: /^404: .*no key tz3/ });
    const reason = throughRelay ? /RELAY_OPERATIONS/ : /no key tz3/;
    await assertRefused(stranger, STATUS_OF_UNKNOWN, reason, await forge(transfer(stranger)));
  });
});

describe('a signer that requires authenticated requests', () => {
  let strict;
  before(async () => {
    strict = await startSigner({ keys, settings: { AUTHORIZED_KEYS: SecretKey.random('ed25519').text } });
  });
  after(() => strict?.stop());

  for (const key of keys) {
    test(`${ADDRESS[key.curve]}: neither Taquito nor the class of docs/octez.md authenticates`, async () => {
      const reason = /^401: .*missing authentication signature/;
      await assert.rejects(new RemoteSigner(strict.url, key.hash).sign('00', OPERATION), { message: reason });
      const body = await assertFailure(remote(strict, key).sign('00', OPERATION), 'HttpResponseError', 401);
      assert.match(body, /missing authentication signature/);
    });
  }
});

describe("Taquito's remote signer, and the toolkit of its version", () => {
  const forge = forgeWith(new LocalForger21());
  const [tz1, , tz3, tz4] = keys;

  test('its toolkit cannot send the first transfer of an account', async () => {
    await assert.rejects(firstTransfer(taquito21.TezosToolkit, remote(signer, tz1)), ({ cause }) => {
      assert.equal(cause.status, 403);
      assert.match(cause.body, /the older form of reveal, .* is probably out of date/);
      return true;
    });
  });

  test('with the newest toolkit it can', async () => {
    const { contents } = await firstTransfer(taquito.TezosToolkit, remote(signer, tz1));
    assert.equal(contents[0].kind, 'reveal');
  });

  test('its toolkit cannot encode a tz4 key', async () => {
    const update = manager(tz3, 'update_consensus_key', { pk: tz4.text });
    await assert.rejects(async () => forge(update), { name: 'InvalidPublicKeyError' });
  });

  const known = SAMPLES.filter(({ kind, contents }) => {
    return Object.values(kindMapping21).includes(kind) && !JSON.stringify(contents(tz3)).includes('BLpk');
  });
  for (const { title, kind, contents } of known) {
    const isOlder = ['reveal', 'update_consensus_key'].includes(kind);
    test(`forged by that toolkit: ${title}: ${isOlder ? 'refused' : 'signed'}`, async () => {
      const bytes = await forge(contents(tz3));
      if (isOlder) await assertRefused(tz3, 403, new RegExp(`the older form of ${kind}`), bytes);
      else await assertSigns(tz3, bytes);
    });
  }

  test('tz4: it receives the signature, and throws', async () => {
    const bytes = await forge(manager(tz4, 'delegation', {}));
    await assert.rejects(remote(signer, tz4).sign(bytes, OPERATION), {
      name: 'InvalidSignatureError',
      message: /BLsig.*unsupported prefix/,
    });
    await assertSigns(tz4, bytes);
  });
});

describe('docs/octez.md', () => {
  const samples = {
    'remote_signer.mjs': 'import',
    'tzgo/function_key.go': 'type',
    'pytezos/remote_key.py': 'import',
  };
  for (const [file, start] of Object.entries(samples)) {
    test(`contains the tested ${file}`, async () => {
      const docs = await readFile(new URL('../../docs/octez.md', import.meta.url), 'utf8');
      const code = await readFile(new URL(file, import.meta.url), 'utf8');
      assert.ok(docs.includes(code.slice(code.indexOf(`\n${start} `) + 1)));
    });
  }
});
