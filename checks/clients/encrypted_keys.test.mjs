// Encrypted secret keys: pytezos decrypts those of the signer, and the signer those of pytezos.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { fileIn } from './program.mjs';
import { signerBinary } from './signer_process.mjs';
import { SecretKey } from './verification.mjs';

const PASSWORD = 'correct horse';
const keys = ['ed25519', 'secp256k1', 'p256', 'bls'].map((curve) => SecretKey.random(curve));

function throughPytezos(texts) {
  const script = fileURLToPath(new URL('pytezos/encrypted_keys.py', import.meta.url));
  const input = texts.map((text) => `${text}\n`).join('');
  return execFileSync(fileIn('PYTEZOS_PYTHON'), ['-B', script, PASSWORD], { input, encoding: 'utf8' }).trim().split('\n');
}

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'azurehsm-signer-encrypted-'));
});
after(() => rm(folder, { recursive: true }));

/** An embedded vault with these keys, each imported from standard input. */
function imported(name, inputs, environment) {
  const data = join(folder, name);
  const options = { env: { PATH: process.env.PATH, LOCAL_DATA_DIR: data, ...environment }, encoding: 'utf8' };
  for (const [index, input] of inputs.entries()) {
    execFileSync(signerBinary(), ['keys', 'import', `key-${index}`], { ...options, input });
  }
  return { data, listed: execFileSync(signerBinary(), ['keys', 'list'], options) };
}

test('pytezos decrypts the keys of a key file with a passphrase', async () => {
  const inputs = keys.map((key) => key.secretText);
  const { data } = imported('vault', inputs, { LOCAL_VAULT_PASSPHRASE: PASSWORD });
  const file = JSON.parse(await readFile(join(data, 'keys.json'), 'utf8'));
  const encrypted = file.keys.map((key) => key.secret_key);
  assert.deepEqual(
    encrypted.map((text) => text.slice(0, 5)),
    ['edesk', 'spesk', 'p2esk', 'BLesk'],
  );
  assert.deepEqual(throughPytezos(encrypted), inputs);
});

test('keys encrypted by pytezos are imported with their password', () => {
  const encrypted = throughPytezos(keys.map((key) => key.secretText));
  const { listed } = imported(
    'imported',
    encrypted.map((text) => `${text}\n${PASSWORD}\n`),
  );
  for (const key of keys) assert.ok(listed.includes(key.hash), `${key.hash} in ${listed}`);
});
