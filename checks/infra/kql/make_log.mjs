// Produces a log with everything that the queries look for: runs a signer with its embedded default and one authorized client, and
// requests votes, repeats, other data, levels below the mark, and other signatures that are refused.
//
//   SIGNER_BIN=… node make_log.mjs FILE

import { spawn, spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign as signWith } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { blake2b } from '@noble/hashes/blake2.js';
import bs58check from 'bs58check';

const MAINNET = '7a06a770';
const TZ3 = Buffer.from('06a1a4', 'hex');
const EDPK = Buffer.from('0d0f25d9', 'hex');
const EDSIG = Buffer.from('09f5cd8612', 'hex');

const number = (value) => value.toString(16).padStart(8, '0');
const zeros = (bytes) => '00'.repeat(bytes);
const hashOf = (text) => createHash('sha256').update(text).digest('hex');
const tooLow = 1;
const level = 1_331;

/** A vote: watermark byte, chain, branch, tag, slot, level, round, payload hash. */
const vote = (watermark, tag, at, of) => `${watermark}${MAINNET}${hashOf('branch')}${tag}0000${number(at)}${number(0)}${hashOf(of)}`;
const preattestation = (at, of) => vote('12', '14', at, of);
const attestation = (at, of) => vote('13', '15', at, of);
/** A transfer of one mutez to an implicit account. */
const transfer = `03${hashOf('branch')}6c02${zeros(20)}00010000010002${zeros(20)}00`;

const client = generateKeyPairSync('ed25519');
const clientKey = bs58check.encode(Buffer.concat([EDPK, client.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)]));

function authentication(hash, payload) {
  const tagged = Buffer.concat([Buffer.from([2]), Buffer.from(bs58check.decode(hash)).subarray(TZ3.length)]);
  const bytes = Buffer.concat([Buffer.from([0x04, 0x01]), tagged, Buffer.from(payload, 'hex')]);
  const signature = signWith(null, blake2b(bytes, { dkLen: 32 }), client.privateKey);
  return bs58check.encode(Buffer.concat([EDSIG, signature]));
}

const binary = process.env.SIGNER_BIN;
const [target] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'signer-log-'));
const port = 20_000 + (process.pid % 20_000);
const environment = {
  PATH: process.env.PATH,
  LOCAL_DATA_DIR: folder,
  LOG_FORMAT: 'json',
  SIGNER_LISTEN: `127.0.0.1:${port}`,
  AUTHORIZED_KEYS: clientKey,
};

try {
  const generated = spawnSync(binary, ['keys', 'generate', 'first'], { env: environment, encoding: 'utf8' });
  const hash = generated.stdout.match(/tz3\w{33}/)?.[0];
  if (!hash) throw new Error(`unexpected output of keys generate:\n${generated.stdout}${generated.stderr}`);
  const signer = spawn(binary, [], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  let log = '';
  signer.stdout.on('data', (text) => (log += text));
  try {
    const url = `http://127.0.0.1:${port}`;
    for (let tries = 0; ; tries += 1) {
      const ready = await fetch(`${url}/health`).then((answer) => answer.ok, () => false);
      if (ready) break;
      if (tries === 200 || signer.exitCode !== null) throw new Error(`the signer does not answer:\n${log}`);
      await pause(50);
    }
    const request = async (expected, payload, { key = hash, as = authentication(hash, payload) } = {}) => {
      const answer = await fetch(`${url}/keys/${key}?authentication=${as}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-azure-functions-invocationid': crypto.randomUUID() },
        body: JSON.stringify(payload),
      });
      if (answer.status !== expected) throw new Error(`${answer.status}, expected ${expected}: ${await answer.text()}`);
    };
    await request(200, preattestation(level, 'block'));
    await request(200, attestation(level, 'block'));
    await request(200, attestation(level, 'block'));
    await request(409, attestation(level, 'another block'));
    await request(409, attestation(tooLow, 'block'));
    await request(409, attestation(level + 10_000_000, 'block'));
    await request(403, `05${zeros(4)}`);
    await request(403, transfer);
    await request(403, 'ff00');
    await request(401, attestation(level + 1, 'block'), { as: '' });
    const stranger = bs58check.encode(Buffer.concat([TZ3, Buffer.alloc(20, 7)]));
    await request(404, attestation(level, 'block'), { key: stranger, as: authentication(stranger, attestation(level, 'block')) });
  } finally {
    const ended = once(signer, 'close');
    signer.kill('SIGTERM');
    await ended;
  }
  writeFileSync(target, log);
} finally {
  rmSync(folder, { recursive: true });
}
