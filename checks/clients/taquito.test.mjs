// Taquito's RemoteSigner, with operations from Taquito's own forger.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import {
  ANONYMOUS,
  CONSENSUS_CONTENTS,
  CONTRACT,
  FORGER_KINDS,
  RECIPIENT,
  SAMPLES,
  forge,
  manager,
  transfer,
} from './operations.mjs';
import { CONSENSUS_KINDS, consensus, payloadHashOf } from './payloads.mjs';
import { STATUS_OF_UNKNOWN, startSigner, throughRelay } from './signer_process.mjs';
import { OPERATION, assertFails, assertForbids, assertSigns, remote, splitPayload } from './taquito_calls.mjs';
import { SecretKey } from './verification.mjs';

const CURVES = ['ed25519', 'secp256k1', 'p256'];
const ADDRESS = { ed25519: 'tz1', secp256k1: 'tz2', p256: 'tz3' };

const keyOf = (curve) => SecretKey.random(curve);
const policies = (...entries) =>
  JSON.stringify({ keys: Object.fromEntries(entries.map(([key, policy]) => [key.hash, policy])) });

/** Manager operations have a counter, and only they can be batched. */
const isManager = ({ contents }, key) => 'counter' in contents(key);

test('every kind that the forger supports has a sample, or a reason why no key signs it with watermark 3', () => {
  const sampled = new Set(SAMPLES.map(({ kind }) => kind));
  const excluded = Object.keys({ ...CONSENSUS_CONTENTS, ...ANONYMOUS });
  assert.deepEqual([...sampled, ...excluded].sort(), FORGER_KINDS.toSorted());
});

describe('keys that may sign every operation', () => {
  const keys = CURVES.map(keyOf);
  let signer;
  before(async () => {
    const operations = ['any', 'update_consensus_key', 'update_companion_key', 'drain_delegate'];
    const everything = { kinds: [], operations };
    signer = await startSigner({ keys, settings: { POLICY: policies(...keys.map((key) => [key, everything])) } });
  });
  after(() => signer?.stop());

  for (const key of keys) {
    const address = ADDRESS[key.curve];

    test(`${address}: public key and its hash`, async () => {
      assert.equal(await remote(signer, key).publicKeyHash(), key.hash);
      assert.equal(await remote(signer, key).publicKey(), key.text);
      await remote(signer, key).verifyPublicKey(key.text);
      await assert.rejects(remote(signer, key).verifyPublicKey(keyOf(key.curve).text), {
        name: 'PublicKeyVerificationFailedError',
      });
    });

    for (const { title, contents } of SAMPLES) {
      test(`${address}: ${title}`, async () => {
        await assertSigns(signer, key, await forge(contents(key)));
      });
    }

    const batches = {
      'a reveal and a transfer': [manager(key, 'reveal', { public_key: key.text }), transfer(key)],
      'a hundred transfers': Array.from({ length: 100 }, (_, index) => transfer(key, { counter: String(index + 1) })),
      'one of every manager operation': SAMPLES.filter((sample) => isManager(sample, key)).map(({ contents }) =>
        contents(key),
      ),
    };
    for (const [title, contents] of Object.entries(batches)) {
      test(`${address}: a batch of ${title}`, async () => {
        await assertSigns(signer, key, await forge(...contents));
      });
    }

    for (const [kind, contents] of Object.entries(CONSENSUS_CONTENTS)) {
      test(`${address}: ${kind} is refused with watermark 3, which has no mark`, async () => {
        await assertForbids(signer, key, await forge(contents));
        await assertForbids(signer, key, await forge(transfer(key), contents));
      });
    }

    for (const { title, contents } of SAMPLES.filter((sample) => !isManager(sample, key))) {
      test(`${address}: ${title} is refused in a batch: no protocol accepts it there`, async () => {
        await assertForbids(signer, key, await forge(transfer(key), contents(key)));
      });
    }
  }

  test('an unknown key', async () => {
    const unknown = keyOf('p256');
    await assertFails(remote(signer, unknown).publicKey(), 'PublicKeyNotFoundError', 404);
    await assertFails(
      remote(signer, unknown).sign(await forge(transfer(unknown)), OPERATION),
      throughRelay ? 'OperationNotAuthorized' : 'PublicKeyNotFoundError',
      STATUS_OF_UNKNOWN,
    );
  });
});

describe('keys that may sign one kind of operation each', () => {
  const keys = new Map([...new Set(SAMPLES.map(({ policy }) => policy))].map((name) => [name, keyOf('p256')]));
  let signer;
  before(async () => {
    const entries = [...keys].map(([name, key]) => [key, { kinds: [], operations: [name] }]);
    signer = await startSigner({ keys: [...keys.values()], settings: { POLICY: policies(...entries) } });
  });
  after(() => signer?.stop());

  for (const [name, key] of keys) {
    test(`${name}, and nothing else`, async () => {
      for (const { title, policy, contents } of SAMPLES) {
        const forged = await forge(contents(key));
        if (policy === name) {
          await assertSigns(signer, key, forged);
        } else {
          const reason = await assertForbids(signer, key, forged);
          assert.ok(reason.includes(policy), `the reason to refuse "${title}" does not name ${policy}: ${reason}`);
        }
      }
    });
  }
});

describe('policies', () => {
  const chain = { mainnet: 'NetXdQprcVkpaWU', ghostnet: 'NetXnHfVqm9iesp' };
  const operations =
    (...contents) =>
    async (key) => ({ watermark: OPERATION, bytes: await forge(...contents.map((content) => content(key))) });
  const payload = (bytes) => () => ({ watermark: bytes.subarray(0, 1), bytes: bytes.subarray(1).toString('hex') });
  const vote = (kind, level) => payload(consensus(kind, 'p256', { level }));
  const packed = payload(Buffer.from('0501000000026869', 'hex'));
  const send = (more) => (key) => transfer(key, more);
  const delegate = (key) => manager(key, 'delegation', {});
  const drain = (key) => ({
    kind: 'drain_delegate',
    consensus_key: key.hash,
    delegate: RECIPIENT,
    destination: RECIPIENT,
  });

  // Each refused request is paired with a signed one that differs only in the reason for the refusal.
  const rows = [
    {
      title: 'no policy: consensus only',
      refused: operations(send()),
      signed: vote('attestation', 1),
      reason: /transaction/,
    },
    {
      title: 'a kind of operation that is not listed',
      policy: { operations: ['transaction'] },
      refused: operations(delegate),
      signed: operations(send()),
      reason: /delegation/,
    },
    {
      title: 'a batch in which one operation is not allowed',
      policy: { operations: ['transaction'] },
      refused: operations(send(), send(), delegate),
      signed: operations(send(), send(), send()),
      reason: /delegation/,
    },
    {
      title: 'an amount that exceeds the maximum together with the storage of a new account',
      policy: { operations: ['transaction'], max_amount: 1_064_250 },
      refused: operations(send({ amount: '1000001' })),
      signed: operations(send({ amount: '1000000' })),
      reason: /amount/,
    },
    {
      title: 'an amount over the maximum, last in a batch',
      policy: { operations: ['transaction'], max_amount: 1_000_000 },
      refused: operations(send({ amount: '1' }), send({ amount: '1000001' })),
      signed: operations(send({ amount: '1' }), send({ amount: '1' })),
      reason: /amount/,
    },
    {
      title: 'a fee over the maximum',
      policy: { operations: ['any'], max_fee: 5_000 },
      refused: operations(send({ fee: '5001' })),
      signed: operations(send({ fee: '5000' })),
      reason: /fee/,
    },
    {
      title: 'a destination that is not listed',
      policy: { operations: ['transaction'], destinations: [RECIPIENT] },
      refused: operations(send({ destination: CONTRACT })),
      signed: operations(send({ destination: RECIPIENT })),
      reason: new RegExp(CONTRACT),
    },
    {
      title: 'a contract that is listed, and an account that is not',
      policy: { operations: ['transaction'], destinations: [CONTRACT] },
      refused: operations(send({ destination: RECIPIENT })),
      signed: operations(send({ destination: CONTRACT })),
      reason: new RegExp(RECIPIENT),
    },
    {
      title: 'draining a delegate, with a consensus key that may sign any operation',
      policy: { operations: ['any'] },
      refused: operations(drain),
      signed: operations(send()),
      reason: /drain_delegate/,
    },
    {
      title: 'draining a delegate is listed: another kind is refused',
      policy: { operations: ['drain_delegate'] },
      refused: operations(send()),
      signed: operations(drain),
      reason: /transaction/,
    },
    {
      title: 'a consensus kind that is not listed',
      policy: { kinds: ['preattestation', 'attestation'] },
      refused: vote('block', 1),
      signed: vote('attestation', 1),
      reason: /block/,
    },
    {
      title: 'a chain that is not listed',
      policy: { chains: [chain.ghostnet] },
      refused: vote('attestation', 1),
      signed: payload(consensus('attestation', 'p256', { level: 1, chain: Buffer.from('af1864d9', 'hex') })),
      reason: new RegExp(chain.mainnet),
    },
    {
      title: 'packed data, not allowed',
      refused: packed,
      signed: vote('attestation', 1),
      reason: /packed/,
    },
    {
      title: 'packed data, allowed: an operation is still refused',
      policy: { packed_data: true },
      refused: operations(send()),
      signed: packed,
      reason: /transaction/,
    },
  ].map((row) => ({ ...row, key: keyOf('p256') }));

  let signer;
  before(async () => {
    const entries = rows.filter(({ policy }) => policy).map(({ key, policy }) => [key, policy]);
    signer = await startSigner({ keys: rows.map(({ key }) => key), settings: { POLICY: policies(...entries) } });
  });
  after(() => signer?.stop());

  for (const { title, refused, signed, reason, key } of rows) {
    test(title, async () => {
      const requests = { refused: await refused(key), signed: await signed(key) };
      assert.match(await assertForbids(signer, key, requests.refused.bytes, requests.refused.watermark), reason);
      await assertSigns(signer, key, requests.signed.bytes, requests.signed.watermark);
    });
  }
});

describe('blocks and votes', () => {
  const keys = CURVES.map(keyOf);
  let signer;
  before(async () => {
    signer = await startSigner({ keys });
  });
  after(() => signer?.stop());

  for (const key of keys) {
    for (const kind of CONSENSUS_KINDS) {
      test(`${ADDRESS[key.curve]}: ${kind}: signed, signed again, and different data refused`, async () => {
        const payload = (fields) => splitPayload(consensus(kind, key.curve, { level: 10, ...fields }));
        const first = await assertSigns(signer, key, ...payload());
        const second = await assertSigns(signer, key, ...payload());
        if (kind === 'block') assert.equal(second, first);

        for (const fields of [{ payloadHash: payloadHashOf('another block') }, { level: 9 }]) {
          await assertFails(remote(signer, key).sign(...payload(fields)), 'HttpResponseError', 409);
        }
        await assertSigns(signer, key, ...payload({ round: 1, payloadHash: payloadHashOf('another block') }));
        await assertSigns(signer, key, ...payload({ level: 11 }));
      });
    }
  }
});
