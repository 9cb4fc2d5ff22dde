// Clients in other languages: each has tests in its own language, which read the signer's address and keys from the
// environment and write the signatures to a file.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { fileIn } from './program.mjs';
import { STATUS_OF_UNKNOWN } from './signer_process.mjs';

const MAX_FEE = 1_000_000;

/** The policy that the tests of these clients expect: every operation, and a fee limit that can be exceeded. */
export const POLICY = {
  default: {
    operations: ['any', 'drain_delegate', 'update_consensus_key', 'update_companion_key'],
    max_fee: MAX_FEE,
  },
};

/** How to run the tests of each client, which are in the folder of its name. ./run builds and installs the programs. */
const COMMAND_LINES = {
  tzgo: () => [fileIn('TZGO_TESTS'), []],
  pytezos: () => [fileIn('PYTEZOS_PYTHON'), ['-B', '-m', 'unittest']],
};

export const CLIENTS = Object.keys(COMMAND_LINES);

/** Runs the tests of a client; throws their output unless all pass. */
async function passes(client, environment) {
  const [program, commandLine] = COMMAND_LINES[client]();
  const { PATH, HOME } = process.env;
  const child = spawn(program, commandLine, {
    cwd: fileURLToPath(new URL(client, import.meta.url)),
    env: { PATH, HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  assert.equal(code, 0, output);
}

/**
 * Runs the tests of a client, and verifies every signature that it received, independently of the client's code.
 *
 * @param {keyof typeof COMMAND_LINES} client
 * @param {{ keys: import('./verification.mjs').PublicKey[], firstLevel: number, strict?: { url: string } }} options the
 *   keys of `signer`, a level above all their marks, and another signer with the same keys that requires authenticated
 *   requests
 */
export async function assertWorks(client, signer, { keys, firstLevel, strict }) {
  const results = await mkdtemp(join(tmpdir(), `azurehsm-signer-${client}-`));
  const signatures = join(results, 'signatures');
  try {
    await passes(client, {
      SIGNER_URL: signer.url,
      STRICT_SIGNER_URL: strict?.url ?? '',
      STATUS_OF_UNKNOWN: String(STATUS_OF_UNKNOWN),
      SIGNER_HEADERS: JSON.stringify(signer.headers),
      SIGNER_KEYS: JSON.stringify(keys.map(({ hash, text }) => ({ hash, public_key: text }))),
      FIRST_LEVEL: String(firstLevel),
      MAX_FEE: String(MAX_FEE),
      SIGNATURES: signatures,
    });
    const lines = (await readFile(signatures, 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
    for (const key of keys) {
      const own = lines.filter(({ hash }) => hash === key.hash);
      assert.notEqual(own.length, 0, `${client} got no signature of ${key.hash}`);
      for (const { payload, signature } of own) {
        assert.ok(key.verify(signature, Buffer.from(payload, 'hex')), `${signature} does not cover ${payload}`);
      }
    }
  } finally {
    await rm(results, { recursive: true, force: true });
  }
}
