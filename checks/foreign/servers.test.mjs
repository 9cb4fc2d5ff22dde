// The signer with third-party servers: our stand-ins might misinterpret Azure in the same way as the signer.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { assertRefused, assertSigned, get, jsonHex, post, signTarget } from '../clients/octez_wire.mjs';
import { CONSENSUS_KINDS, consensus, payloadHashOf } from '../clients/payloads.mjs';
import { runProgram, startProgram } from '../clients/signer_process.mjs';
import { PublicKey } from '../clients/verification.mjs';
import { startAzure } from './azure.mjs';

const WITHIN_MS = 20_000;
const CONTENDED_LEVELS = 100;
const OTHER = payloadHashOf('another block');

const P256 = { kty: 'EC', crv: 'P-256' };
const P256K = { kty: 'EC', crv: 'P-256K' };

/** The key versions in the vault, and which of them sign. The vault lists two per page. */
const KEYS = [
  { name: 'alice', ...P256, signs: true },
  { name: 'bob', ...P256K, signs: true },
  { name: 'carol', kty: 'EC-HSM', crv: 'P-256', signs: true },
  { name: 'carol', ...P256K, signs: true },
  { name: 'carol', ...P256, attributes: { enabled: false } },
  { name: 'carol', ...P256, signs: true },
  { name: 'dave', ...P256, attributes: { enabled: false } },
  { name: 'erin', ...P256, key_ops: ['verify'] },
  { name: 'frank', kty: 'RSA' },
  { name: 'grace', kty: 'EC', crv: 'P-384' },
  { name: 'heidi', ...P256, attributes: { enabled: true, exp: 1_600_000_000 } },
  { name: 'ivan', ...P256, attributes: { enabled: true, nbf: 4_000_000_000 } },
];
/** Words of the reasons why the others do not sign, and how often each occurs. */
const SKIPPED = {
  'is disabled': 2,
  "'sign' is not among": 1,
  'type is RSA': 1,
  'curve is P-384': 1,
  expired: 1,
  'not valid before': 1,
};

let nextLevel = 1_000;
const freshLevel = () => nextLevel++;

const sign = (signer, key, payload) => post(signer, signTarget(key), jsonHex(payload));

async function start(azure, settings = {}) {
  const signer = await startProgram({ ...azure.environment, ...settings });
  await signer.reaches(async () => (await get(signer, '/health')).status === 200, WITHIN_MS);
  return signer;
}

const listed = async (signer) => JSON.parse((await get(signer, '/keys')).body);

/** Repeats a request until it is signed. Until then, the signer may fail, but never refuse. */
async function eventuallySigned(signer, key, payload) {
  let answer;
  await signer.reaches(async () => {
    answer = await sign(signer, key, payload);
    assert.ok([200, 500].includes(answer.status), answer.body);
    return answer.status === 200;
  }, WITHIN_MS);
  return assertSigned(answer, key, payload);
}

describe('third-party servers', () => {
  const version = {};
  const key = {};
  let azure;
  let signers;
  before(async () => {
    azure = await startAzure();
    for (const { name, signs, ...description } of KEYS) {
      const created = await azure.vault.create(name, description);
      if (signs) version[name] ??= created;
    }
    signers = await Promise.all([start(azure), start(azure)]);
    for (const { name, version: id, curve, public_key: text } of await listed(signers[0])) {
      if (version[name]?.endsWith(id)) key[name] = PublicKey.fromText(curve, text);
    }
  });
  after(async () => {
    await Promise.all(signers?.map((signer) => signer.stop()) ?? []);
    await azure?.stop();
  });

  test('both instances find all keys that can sign, over several pages, and log why others do not', async () => {
    const expected = KEYS.filter(({ signs }) => signs).map(({ name, crv }) => `${name} ${crv}`);
    const curves = { p256: 'P-256', secp256k1: 'P-256K' };
    for (const signer of signers) {
      const found = (await listed(signer)).map(({ name, curve }) => `${name} ${curves[curve]}`);
      assert.deepEqual(found.sort(), expected.sort());
      const reasons = signer.output.split('\n').filter((line) => line.includes('"event":"key_left_out"'));
      for (const [words, number] of Object.entries(SKIPPED)) {
        assert.equal(reasons.filter((line) => line.includes(words)).length, number, `${words} in ${reasons}`);
      }
    }
  });

  for (const name of ['alice', 'bob', 'carol']) {
    for (const kind of CONSENSUS_KINDS) {
      test(`${name}: ${kind}: a repeat at the other instance is signed, other data refused`, async () => {
        const level = freshLevel();
        const payload = (fields) => consensus(kind, key[name].curve, { level, round: 1, ...fields });
        const [first, second] = signers;
        const signature = assertSigned(await sign(first, key[name], payload()), key[name], payload());
        for (const signer of [second, first]) {
          const again = assertSigned(await sign(signer, key[name], payload()), key[name], payload());
          if (kind === 'block') assert.equal(again, signature);
          for (const fields of [{ payloadHash: OTHER }, { round: 0 }, { level: level - 1, round: 9 }]) {
            assertRefused(await sign(signer, key[name], payload(fields)), 409);
          }
        }
        const [mark] = (await azure.cosmos.marks()).filter(({ id }) => id.endsWith(`${key[name].hash}:${kind}`));
        assert.deepEqual([mark.level, mark.round], [level, 1]);
      });
    }
  }

  for (const name of ['alice', 'bob']) {
    for (const kind of ['block', 'attestation']) {
      test(`${name}: two different concurrent ${kind}s at two instances: exactly one is signed, ${CONTENDED_LEVELS} times`, async () => {
        const won = [0, 0];
        for (let number = 0; number < CONTENDED_LEVELS; number += 1) {
          const level = freshLevel();
          const payloads = [undefined, OTHER].map((payloadHash) =>
            consensus(kind, key[name].curve, { level, ...(payloadHash && { payloadHash }) }),
          );
          const signAt = (instance, payload) => sign(signers[instance], key[name], payloads[payload]);
          // They take turns in being sent first.
          const order = number % 2 ? [1, 0] : [0, 1];
          const answers = await Promise.all(order.map((one) => signAt(one, one)));
          const winner = order[answers.findIndex(({ status }) => status === 200)];
          const loser = 1 - winner;
          const signature = assertSigned(answers[order.indexOf(winner)], key[name], payloads[winner]);
          assertRefused(answers[order.indexOf(loser)], 409);
          won[winner] += 1;

          const again = assertSigned(await signAt(loser, winner), key[name], payloads[winner]);
          if (kind === 'block') assert.equal(again, signature);
          assertRefused(await signAt(winner, loser), 409);
        }
        assert.ok(Math.min(...won) > 0, `won: ${won}`);
      });
    }
  }

  test('a killed signer remembers after its restart what it has signed', async () => {
    const released = [];
    for (const kind of CONSENSUS_KINDS) {
      const fields = { level: freshLevel() };
      const payload = consensus(kind, key.alice.curve, fields);
      const signature = assertSigned(await sign(signers[0], key.alice, payload), key.alice, payload);
      const other = consensus(kind, key.alice.curve, { ...fields, payloadHash: OTHER });
      released.push({ kind, payload, signature, other });
    }
    await signers[0].crash();
    signers[0] = await start(azure);

    for (const { kind, payload, signature, other } of released) {
      assertRefused(await sign(signers[0], key.alice, other), 409);
      const again = assertSigned(await sign(signers[0], key.alice, payload), key.alice, payload);
      if (kind === 'block') assert.equal(again, signature);
    }
  });

  test('the vault is killed during a vote, then the signer: the mark holds, and only that vote is signed', async () => {
    const level = freshLevel();
    const payload = (fields) => consensus('attestation', key.bob.curve, { level, ...fields });
    await azure.vault.crash();
    assertRefused(await sign(signers[0], key.bob, payload()), 500);
    const isMarked = ({ id, level: at }) => id.endsWith(`${key.bob.hash}:attestation`) && at === level;
    assert.ok((await azure.cosmos.marks()).some(isMarked));
    await signers[0].crash();
    await azure.vault.start();
    signers[0] = await start(azure);

    for (const signer of signers) {
      assertRefused(await sign(signer, key.bob, payload({ payloadHash: OTHER })), 409);
      await eventuallySigned(signer, key.bob, payload());
    }
  });

  test('a disabled key does not sign and is not listed; enabled again, it signs', async () => {
    const signer = await start(azure, { KEYS_REFRESH_SECONDS: '1' });
    const payload = () => consensus('attestation', key.alice.curve, { level: freshLevel() });
    const isListed = async () => (await listed(signer)).some(({ public_key_hash: hash }) => hash === key.alice.hash);
    await azure.vault.enable(version.alice, false);
    const { status, body } = await sign(signer, key.alice, payload());
    // The vault's error, or the signer's own if it has noticed already.
    assert.ok([500, 404].includes(status), body);
    await signer.reaches(async () => !(await isListed()), WITHIN_MS);
    assert.match(assertRefused(await sign(signer, key.alice, payload()), 404), /disabled/);
    const ofBob = consensus('attestation', key.bob.curve, { level: freshLevel() });
    assertSigned(await sign(signer, key.bob, ofBob), key.bob, ofBob);

    await azure.vault.enable(version.alice, true);
    await signer.reaches(isListed, WITHIN_MS);
    await eventuallySigned(signer, key.alice, payload());
    await signer.stop();
  });

  test('`marks bind` writes the id of the container into the tags of the keys', async () => {
    const { code, output } = await runProgram(['marks', 'bind'], azure.environment);
    assert.equal(code, 0, output);
    const store = `${azure.cosmos.url.slice('https://'.length)}signer/marks#${azure.cosmos.container}`;
    for (const path of Object.values(version)) assert.equal((await azure.vault.tags(path))['signer-marks'], store);
  });

  test('`doctor` finds an expired key, and that the emulator has no roles', async () => {
    const { output } = await runProgram(['doctor', '--sign'], azure.environment);
    const failed = output.split('\n').filter((line) => line.startsWith('failed'));
    assert.equal(failed.length, 2, output);
    assert.match(failed[0], /^failed +vault\.expiry +heidi/);
    assert.match(failed[1], /^failed +marks\.delete /);
    const signed = output.split('\n').filter((line) => /^ok +vault\.sign /.test(line));
    assert.equal(signed.length, KEYS.filter(({ signs }) => signs).length, output);
  });

  test('the database comes back empty: nothing is signed before the keys are bound and the marks raised', async () => {
    const level = freshLevel();
    const payload = (fields) => consensus('block', key.alice.curve, { level, ...fields });
    assertSigned(await sign(signers[0], key.alice, payload()), key.alice, payload());
    await azure.cosmos.crashEmulator();
    const above = payload({ level: level + 1 });
    assertRefused(await sign(signers[0], key.alice, above), 500);
    await azure.cosmos.startEmulator();

    const refuses = async (signer, words) => {
      for (const bytes of [payload({ payloadHash: OTHER }), above]) {
        assert.match(assertRefused(await sign(signer, key.alice, bytes), 500), words);
      }
    };
    for (const signer of signers) await refuses(signer, /lost what it acknowledged|the container .*was deleted/);
    await signers[1].crash();
    signers[1] = await startProgram(azure.environment);
    await refuses(signers[1], /bound to another mark store/);
    assert.deepEqual(await azure.cosmos.marks(), []);

    await Promise.all(signers.map((signer) => signer.stop()));
    for (const commandLine of [
      ['marks', 'bind'],
      ['marks', 'raise', 'NetXdQprcVkpaWU', key.alice.hash, `${level}`],
    ]) {
      const { code, output } = await runProgram(commandLine, azure.environment);
      assert.equal(code, 0, output);
    }
    signers = await Promise.all([start(azure), start(azure)]);
    for (const signer of signers) {
      assertRefused(await sign(signer, key.alice, payload({ payloadHash: OTHER })), 409);
      assertSigned(await sign(signer, key.alice, above), key.alice, above);
    }
  });
});

describe('accounts', () => {
  let azure;
  before(async () => {
    azure = await startAzure();
    await azure.vault.create('alice', P256);
  });
  after(() => azure?.stop());

  const [WEST, NORTH] = ['West Europe', 'North Europe'];
  for (const [title, regions, options, words] of [
    ['the consistency of the emulator', [WEST], { consistency: 'Session' }, /Session, expected Strong/],
    ['two regions, one of them writable', [WEST, NORTH], {}],
    ['two writable regions', [WEST, NORTH], { writable: [WEST, NORTH] }, /several regions/],
  ]) {
    test(`${title}: votes are ${words ? 'not ' : ''}signed`, async () => {
      azure.cosmos.account = azure.cosmos.accountIn(regions, options);
      const signer = await startProgram(azure.environment);
      await signer.reaches(async () => (await listed(signer)).length === 1, WITHIN_MS);
      const [{ curve, public_key: text }] = await listed(signer);
      const key = PublicKey.fromText(curve, text);
      const payload = consensus('attestation', curve, { level: freshLevel() });
      if (words) {
        await signer.reaches(async () => words.test(assertRefused(await sign(signer, key, payload), 500)), WITHIN_MS);
        assert.deepEqual(
          (await azure.cosmos.marks()).filter(({ level }) => level === nextLevel - 1),
          [],
        );
      } else {
        await eventuallySigned(signer, key, payload);
      }
      await signer.stop();
    });
  }
});
