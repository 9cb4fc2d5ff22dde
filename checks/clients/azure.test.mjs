// Octez and Taquito against the packaged signer as it runs in Azure: behind a Functions host that requires a key, on two
// instances, with keys in Key Vault and marks in Cosmos DB. All three are stand-ins.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import {
  assertRefused,
  assertRefusedByHost,
  assertSigned,
  get,
  jsonHex,
  post,
  readObject,
  sign,
  signTarget,
} from './octez_wire.mjs';
import { CONSENSUS_CONTENTS, forge, manager, transfer } from './operations.mjs';
import { CONSENSUS_KINDS, consensus, payloadHashOf } from './payloads.mjs';
import { instancesWithLine, startInAzure } from './signer_process.mjs';
import { startStandIns } from './stand_ins.mjs';
import {
  OPERATION,
  assertFailure,
  assertFails,
  assertForbids,
  assertSigns,
  remote,
  splitPayload,
} from './taquito_calls.mjs';
import { PublicKey, SecretKey } from './verification.mjs';

const NEEDED = ['FUNCTIONS_HOST', 'SIGNER_PACKAGE', 'STAND_INS'];
const missing = NEEDED.filter((variable) => !process.env[variable]);
const skip = missing.length > 0 && `needs ${missing.join(' and ')}: see ./run`;

const INSTANCES = 2;
const LOGGED_WITHIN_MS = 5_000;
const NAME = { p256: 'baker-p256', secp256k1: 'baker-k256' };
const ADDRESS = { p256: 'tz3', secp256k1: 'tz2' };
const OTHER_BLOCK = payloadHashOf('another block');

// The marks live as long as the stand-ins. Each test signs at a fresh level, above those of the tests before.
let nextLevel = 1_000_000;
const freshLevel = () => nextLevel++;

/** The keys of `GET /keys`, by curve. */
async function listedKeys(signer) {
  const { status, body } = await get(signer, '/keys');
  assert.equal(status, 200, body);
  return Object.fromEntries(JSON.parse(body).map((key) => [key.curve, key]));
}

describe('the package in Azure', { skip }, () => {
  const functionKey = randomBytes(28).toString('hex');
  const key = {};
  let standIns;
  let signer;
  let withoutKey;
  let withWrongKey;
  before(async () => {
    standIns = await startStandIns();
    const policy = { default: { operations: ['reveal', 'transaction'] } };
    const settings = { ...standIns.environment, POLICY: JSON.stringify(policy) };
    signer = await startInAzure({ settings, functionKey, instances: INSTANCES });

    const { host, port, url } = signer;
    withoutKey = { host, port, url };
    withWrongKey = { host, port, url, headers: { 'x-functions-key': randomBytes(28).toString('hex') } };
    const listed = await listedKeys(signer);
    for (const curve of Object.keys(NAME)) key[curve] = PublicKey.fromText(curve, listed[curve].public_key);
  });
  after(async () => {
    await signer?.stop();
    await standIns?.stop();
  });

  test('GET /keys lists the keys of the vault', async () => {
    const listed = await listedKeys(signer);
    assert.deepEqual(Object.keys(listed).sort(), Object.keys(NAME).sort());
    for (const [curve, { name, public_key_hash: hash }] of Object.entries(listed)) {
      assert.equal(name, NAME[curve]);
      assert.equal(hash, key[curve].hash);
      assert.ok(hash.startsWith(ADDRESS[curve]), hash);
    }
  });

  for (const curve of Object.keys(NAME)) {
    test(`${ADDRESS[curve]}, octez: public key`, async () => {
      assert.equal(readObject(await get(signer, `/keys/${key[curve].hash}`), 'public_key'), key[curve].text);
    });

    for (const kind of CONSENSUS_KINDS) {
      test(`${ADDRESS[curve]}, octez: ${kind}: a repeat at the other instance is signed, other data refused`, async () => {
        const level = freshLevel();
        const request = (fields) => sign(signer, key[curve], consensus(kind, curve, { level, ...fields }));
        const payload = consensus(kind, curve, { level, round: 1 });
        const first = assertSigned(await request({ round: 1 }), key[curve], payload);
        // The instances take turns, and octez's query of the authorized keys took one: without it, this reaches the other one.
        const again = await post(signer, signTarget(key[curve]), jsonHex(payload));
        const second = assertSigned(again, key[curve], payload);
        const reachedBoth = () => instancesWithLine(signer, `"level":${level},"round":1,`).size === INSTANCES;
        assert.ok(await signer.reaches(reachedBoth, LOGGED_WITHIN_MS));
        // Two signatures over one header are two block hashes, which the protocol punishes.
        if (kind === 'block') assert.equal(second, first);

        for (const fields of [{ round: 1, payloadHash: OTHER_BLOCK }, { round: 0 }, { level: level - 1, round: 9 }]) {
          assertRefused(await request(fields), 409);
        }
        const next = { round: 2, payloadHash: OTHER_BLOCK };
        assertSigned(await request(next), key[curve], consensus(kind, curve, { level, ...next }));
      });
    }

    test(`${ADDRESS[curve]}, octez: of ten different concurrent attestations, exactly one is signed`, async () => {
      const level = freshLevel();
      const payloads = Array.from({ length: 10 }, (_, index) =>
        consensus('attestation', curve, { level, payloadHash: payloadHashOf(`${index}`) }),
      );
      const answers = await Promise.all(payloads.map((payload) => sign(signer, key[curve], payload)));

      const signed = answers.flatMap(({ status }, index) => (status === 200 ? [index] : []));
      assert.equal(signed.length, 1);
      assertSigned(answers[signed[0]], key[curve], payloads[signed[0]]);
      answers.filter(({ status }) => status !== 200).forEach((answer) => assertRefused(answer, 409));
    });

    test(`${ADDRESS[curve]}, octez: ten concurrent replays of one block get one signature`, async () => {
      const payload = consensus('block', curve, { level: freshLevel() });
      const answers = await Promise.all(Array.from({ length: 10 }, () => sign(signer, key[curve], payload)));

      assert.equal(new Set(answers.map((answer) => assertSigned(answer, key[curve], payload))).size, 1);
    });

    test(`${ADDRESS[curve]}, octez: no function key, or a wrong one: 401, and no mark is written`, async () => {
      const level = freshLevel();
      const refused = consensus('attestation', curve, { level, payloadHash: OTHER_BLOCK });
      for (const client of [withoutKey, withWrongKey]) {
        for (const target of ['/authorized_keys', '/keys', `/keys/${key[curve].hash}`]) {
          assertRefusedByHost(await get(client, target), 401);
        }
        assertRefusedByHost(await post(client, signTarget(key[curve]), jsonHex(refused)), 401);
      }

      const payload = consensus('attestation', curve, { level });
      assertSigned(await sign(signer, key[curve], payload), key[curve], payload);
    });

    test(`${ADDRESS[curve]}, Taquito: public key, and operations that the policy allows`, async () => {
      const reveal = manager(key[curve], 'reveal', { public_key: key[curve].text });
      assert.equal(await remote(signer, key[curve]).publicKey(), key[curve].text);
      await assertSigns(signer, key[curve], await forge(transfer(key[curve])));
      await assertSigns(signer, key[curve], await forge(reveal, transfer(key[curve])));
    });

    test(`${ADDRESS[curve]}, Taquito: operations that the policy does not allow`, async () => {
      const delegation = await forge(transfer(key[curve]), manager(key[curve], 'delegation', {}));
      assert.match(await assertForbids(signer, key[curve], delegation), /delegation/);
      await assertForbids(signer, key[curve], await forge(CONSENSUS_CONTENTS.attestation));
    });

    for (const kind of CONSENSUS_KINDS) {
      test(`${ADDRESS[curve]}, Taquito: ${kind}: signed, signed again, and different data refused`, async () => {
        const level = freshLevel();
        const payload = (fields) => splitPayload(consensus(kind, curve, { level, ...fields }));
        const first = await assertSigns(signer, key[curve], ...payload());
        const second = await assertSigns(signer, key[curve], ...payload());
        if (kind === 'block') assert.equal(second, first);

        const different = remote(signer, key[curve]).sign(...payload({ payloadHash: OTHER_BLOCK }));
        await assertFails(different, 'HttpResponseError', 409);
      });
    }

    test(`${ADDRESS[curve]}, Taquito: no function key, or a wrong one: 401`, async () => {
      const forged = await forge(transfer(key[curve]));
      for (const client of [withoutKey, withWrongKey]) {
        const failing = remote(client, key[curve]);
        assert.equal(await assertFailure(failing.publicKey(), 'HttpResponseError', 401), '');
        assert.equal(await assertFailure(failing.sign(forged, OPERATION), 'HttpResponseError', 401), '');
      }
    });
  }

  test('a key that the vault does not have: 404, with an error that octez can read', async () => {
    const stranger = SecretKey.random('p256');
    const payload = consensus('attestation', 'p256', { level: freshLevel() });
    assertRefused(await get(signer, `/keys/${stranger.hash}`), 404);
    assertRefused(await sign(signer, stranger, payload), 404);
  });

  test('GET /health needs no function key', async () => {
    assert.equal((await get(withoutKey, '/health')).status, 200);
  });

  test('the signer never logs the function key', () => {
    const ownLines = signer.output.split('\n').filter((line) => line.startsWith('[handler '));
    assert.notEqual(ownLines.length, 0);
    assert.deepEqual(
      ownLines.filter((line) => line.includes(functionKey)),
      [],
    );
  });
});
