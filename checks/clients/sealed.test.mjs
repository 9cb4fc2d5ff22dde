// Sealed keys of the shipped program, whose signatures and proofs of possession are verified by @noble/curves. Opening one takes a
// vault, which is a stand-in.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { post, jsonHex } from './octez_wire.mjs';
import { TZ4_ACCOUNT } from './octez_vectors.mjs';
import { consensus, payloadHashOf } from './payloads.mjs';
import { runProgram, startProgram } from './signer_process.mjs';
import { startStandIns } from './stand_ins.mjs';
import { PublicKey } from './verification.mjs';

const skip = !process.env.STAND_INS && 'needs STAND_INS: see ./run';
const OPENED_WITHIN_MS = 10_000;
const MAINNET = 'NetXdQprcVkpaWU';

/** The scheme of each version of signatures that octez may request. */
const SCHEMES = { 1: 'aug', 2: 'pop', 3: 'pop' };

/** What each role signs for a tz4 key: 78 bytes, with tag 40 or 41. */
const VOTES = { consensus: ['preattestation', 'attestation'], companion: ['attestation'] };

describe('sealed keys', { skip }, () => {
  const keys = {};
  const proofs = {};
  let folder;
  let standIns;
  let signer;

  async function run(...commandLine) {
    const { code, output } = await runProgram(commandLine, standIns.environment);
    assert.equal(code, 0, output);
    return output;
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'azurehsm-signer-sealed-'));
    const vectors = JSON.parse(await readFile(new URL('../../conformance/sealed/vectors.json', import.meta.url)));
    const file = async (name, text) => {
      await writeFile(join(folder, name), text);
      return join(folder, name);
    };
    const { north, safe } = vectors.keys;
    standIns = await startStandIns({ unwrappingKey: await file('north-private.pem', north.private_key) });
    const inVault = `${standIns.recipient}=${await file('north.pem', north.public_key)}`;
    const offline = await file('safe.pem', safe.public_key);
    const recovery = await file('safe-private.pem', safe.private_key);
    const store = await file('store.json', await run('marks', 'store', '--json'));
    for (const role of Object.keys(VOTES)) {
      const where = ['--folder', join(folder, 'sealed')];
      const options = ['--role', role, '--chain', MAINNET, '--store', store, '--recipient', inVault, '--recipient', offline];
      const created = await run('sealed', 'create', role, ...options, ...where);
      keys[role] = PublicKey.fromText('bls', created.split('\n')[0].split('  ').at(-1));
      proofs[role] = (await run('sealed', 'prove', role, '--recovery-key', recovery, ...where)).trim();
    }
    signer = await startProgram({ ...standIns.environment, SEALED_KEYS_DIR: join(folder, 'sealed') });
    const opened = () => signer.output.split('sealed_key_opened').length > Object.keys(VOTES).length;
    assert.ok(await signer.reaches(opened, OPENED_WITHIN_MS), signer.output);
  });
  after(async () => {
    await signer?.stop();
    await standIns?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  let level = 1_000_000;
  for (const [role, kinds] of Object.entries(VOTES)) {
    for (const kind of kinds) {
      for (const [version, scheme] of Object.entries(SCHEMES)) {
        test(`${role}: the ${kind} of version ${version} is signed in the scheme ${scheme}, and covers only its bytes`, async () => {
          level += 1;
          const key = keys[role];
          const payload = consensus(kind, 'bls', { level });
          assert.equal(payload.length, 78);
          const answer = await post(signer, `/keys/${key.hash}?version=${version}`, jsonHex(payload));
          assert.equal(answer.status, 200, answer.body);
          const { signature } = JSON.parse(answer.body);
          assert.ok(key.verify(signature, payload, scheme));
          assert.ok(!key.verify(signature, payload, scheme === 'aug' ? 'pop' : 'aug'));
          assert.ok(!key.verify(signature, consensus(kind, 'bls', { level, payloadHash: payloadHashOf('another') }), scheme));
        });
      }
    }

    test(`${role}: its proof of possession is one of its own public key, and not a signature`, () => {
      const key = keys[role];
      assert.ok(key.verify(proofs[role], key.bytes, 'proof'));
      assert.ok(!key.verify(proofs[role], key.bytes, 'pop'));
      assert.ok(!key.verify(proofs[role], PublicKey.fromText('bls', TZ4_ACCOUNT.publicKey).bytes, 'proof'));
    });
  }
});
