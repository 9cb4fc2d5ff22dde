// Starts the signer as an operator would, and stops it: keys come through the command line, settings through the
// environment.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HOST = '127.0.0.1';
const READY_WITHIN_MS = 10_000;
const STOPPED_WITHIN_MS = 5_000;
const POLL_MS = 20;

function signerBinary() {
  const binary =
    process.env.SIGNER_BIN ?? fileURLToPath(new URL('../../target/release/azurehsm-signer', import.meta.url));
  if (!existsSync(binary)) {
    throw new Error(`no signer at ${binary}: run \`cargo build --release\` first, or set SIGNER_BIN`);
  }
  return binary;
}

/** A port that nothing listens on now. Another process may take it before the signer does: the caller tries again. */
async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** The settings of one signer, and none of the settings of whoever runs the tests. */
function environment(settings) {
  return { PATH: process.env.PATH, ...settings };
}

async function importKey(dataDirectory, name, secretText) {
  const child = spawn(signerBinary(), ['keys', 'import', name], {
    env: environment({ LOCAL_DATA_DIR: dataDirectory }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  // A process that ends before it has read its input is reported by its exit code below, not by the broken pipe.
  child.stdin.on('error', () => {});
  child.stdin.end(secretText);
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`keys import ${name} ended with ${code}:\n${output}`);
}

async function answers(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).status === 200;
  } catch {
    return false;
  }
}

class SignerProcess {
  #child;
  #dataDirectory;
  #output = '';

  constructor(child, dataDirectory, port) {
    this.#child = child;
    this.#dataDirectory = dataDirectory;
    this.host = HOST;
    this.port = port;
    this.url = `http://${HOST}:${port}`;
    child.stdout.on('data', (text) => (this.#output += text));
    child.stderr.on('data', (text) => (this.#output += text));
  }

  get output() {
    return this.#output;
  }

  get ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** True once `GET /` answers, false if the process ended before; throws if neither happens in time. */
  async ready() {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!this.ended) {
      if (await answers(this.url)) return true;
      if (Date.now() > deadline) throw new Error(`the signer does not answer on ${this.url}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return false;
  }

  async end() {
    if (this.ended) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), STOPPED_WITHIN_MS);
    await closed;
    clearTimeout(impatience);
  }

  async stop() {
    await this.end();
    await rm(this.#dataDirectory, { recursive: true, force: true });
  }
}

/**
 * A running signer with these keys in its development vault.
 *
 * @param {{ keys: import('./verification.mjs').SecretKey[], settings?: Record<string, string> }} options
 */
export async function startSigner({ keys, settings = {} }) {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'azurehsm-signer-clients-'));
  try {
    for (const [index, key] of keys.entries()) await importKey(dataDirectory, `key-${index}`, key.secretText);
    return await serve(dataDirectory, settings);
  } catch (error) {
    await rm(dataDirectory, { recursive: true, force: true });
    throw error;
  }
}

async function serve(dataDirectory, settings) {
  let output = '';
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const port = await freePort();
    const child = spawn(signerBinary(), ['serve'], {
      env: environment({ ...settings, SIGNER_LISTEN: `${HOST}:${port}`, LOCAL_DATA_DIR: dataDirectory }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const signer = new SignerProcess(child, dataDirectory, port);
    try {
      if (await signer.ready()) return signer;
    } catch (error) {
      await signer.end();
      throw error;
    }
    output = signer.output;
  }
  throw new Error(`the signer ended while starting:\n${output}`);
}
