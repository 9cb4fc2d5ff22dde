// The tests of tzgo and pytezos: directly against the program with keys of all curves, and through the Functions host as
// in Azure with the keys of Key Vault.

import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { get } from './octez_wire.mjs';
import { CLIENTS, POLICY, assertWorks } from './other_languages.mjs';
import { behindHost, startInAzure, startSigner } from './signer_process.mjs';
import { startStandIns } from './stand_ins.mjs';
import { PublicKey, SecretKey } from './verification.mjs';

const CURVES = ['ed25519', 'secp256k1', 'p256', 'bls'];
const settings = { POLICY: JSON.stringify(POLICY) };

// A client's tests use several levels from the first one up.
let nextLevel = 1_000_000;
const freshLevels = () => (nextLevel += 1_000);

describe('clients in other languages', () => {
  let keys;
  let signer;
  let standIns;
  let strict;
  before(async () => {
    if (behindHost) {
      standIns = await startStandIns();
      const functionKey = randomBytes(28).toString('hex');
      signer = await startInAzure({ settings: { ...standIns.environment, ...settings }, functionKey, instances: 1 });
      const listed = JSON.parse((await get(signer, '/keys')).body);
      keys = listed.map((key) => PublicKey.fromText(key.curve, key.public_key));
    } else {
      keys = CURVES.map((curve) => SecretKey.random(curve));
      signer = await startSigner({ keys, settings });
      const AUTHORIZED_KEYS = SecretKey.random('ed25519').text;
      strict = await startSigner({ keys, settings: { ...settings, AUTHORIZED_KEYS } });
    }
  });
  after(async () => {
    await signer?.stop();
    await strict?.stop();
    await standIns?.stop();
  });

  for (const client of CLIENTS) {
    test(client, () => assertWorks(client, signer, { keys, firstLevel: freshLevels(), strict }));
  }
});
