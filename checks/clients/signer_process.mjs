// Starts the signer as an operator would, and stops it: keys are imported on the command line, settings are in the
// environment. The signer is either the program itself, or its package behind a stand-in of the Azure Functions host.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { freePort } from './free_port.mjs';
import { Program, fileIn } from './program.mjs';

const HOST = '127.0.0.1';
const READY_WITHIN_MS = 10_000;
// The host unpacks the package first.
const HOST_READY_WITHIN_MS = 30_000;

/** Whether the requests of this suite reach the signer through the host, which answers some of them itself. */
export const behindHost = Boolean(process.env.FUNCTIONS_HOST);

/** Whether the requests of this suite reach the signer through a relay, which answers some of them itself. */
export const throughRelay = Boolean(process.env.THROUGH_RELAY);

/** The status for an operation of a key that is unknown: a relay forwards operations only of keys that it is configured for. */
export const STATUS_OF_UNKNOWN = throughRelay ? 403 : 404;

/** The program whose command line imports keys. */
export const signerBinary = () =>
  fileIn('SIGNER_BIN', fileURLToPath(new URL('../../target/release/azurehsm-signer', import.meta.url)));

async function importKey(dataDirectory, name, secretText) {
  const child = spawn(signerBinary(), ['keys', 'import', name], {
    env: { PATH: process.env.PATH, LOCAL_DATA_DIR: dataDirectory },
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
  #program;
  #release;

  constructor(program, port, headers, release) {
    this.#program = program;
    this.#release = release;
    this.host = HOST;
    this.port = port;
    this.url = `http://${HOST}:${port}`;
    /** The headers that a client is configured to send with every request. */
    this.headers = headers;
  }

  get output() {
    return this.#program.output;
  }

  reaches(condition, withinMs) {
    return this.#program.reaches(condition, withinMs);
  }

  async crash() {
    await this.#program.crash();
    await this.#release();
  }

  async stop() {
    await this.#program.end();
    await this.#release();
  }
}

/** The program itself: it listens once it is ready to sign, so any answer will do. */
const byItself = (settings) => ({
  program: (listen) => new Program(signerBinary(), ['serve'], { ...settings, SIGNER_LISTEN: listen }),
  isReady: ({ url }) => answers(url),
  withinMs: READY_WITHIN_MS,
});

/** A relay in front of a signer, which forwards every operation of its keys. */
const relayTo = (signer, keys, stateDirectory) => ({
  program: (listen) =>
    new Program(signerBinary(), ['relay'], {
      RELAY_LISTEN: listen,
      RELAY_UPSTREAMS: signer.url,
      RELAY_STATE_DIR: stateDirectory,
      RELAY_OPERATIONS: keys.map(({ hash }) => hash).join(','),
      RELAY_ALLOW_DRAIN_DELEGATE: 'true',
    }),
  isReady: ({ url }) => answers(`${url}/health`),
  withinMs: READY_WITHIN_MS,
});

const hostCommandLine = (...more) => ['--package', fileIn('SIGNER_PACKAGE'), ...more, '--listen'];

/** The package on a developer's host, which requires no function key, with the embedded vault. */
const atDeveloper = (settings) => ({
  program: (listen) => new Program(fileIn('FUNCTIONS_HOST'), [...hostCommandLine('--development'), listen], settings),
  // The host answers `GET /` before its handler runs.
  isReady: ({ url }) => answers(`${url}/health`),
  withinMs: HOST_READY_WITHIN_MS,
});

/** The package on a host as in Azure. */
const inAzure = (settings, functionKey, instances) => ({
  program: (listen) => {
    const options = hostCommandLine('--key', functionKey, '--instances', String(instances));
    return new Program(fileIn('FUNCTIONS_HOST'), [...options, listen], settings);
  },
  isReady: async (signer) => {
    // Running instances take turns: once each has been seen, one round of requests reaches all of them.
    const everyoneRuns = instancesWithLine(signer, "Executed 'Functions.health'").size === instances;
    for (let round = 0; round < instances; round += 1) if (!(await answers(`${signer.url}/health`))) return false;
    return everyoneRuns;
  },
  withinMs: HOST_READY_WITHIN_MS,
  headers: { 'x-functions-key': functionKey },
});

/** The instances with a line in the host's output, their own or the host's about them, that contains this text. */
export function instancesWithLine(signer, text) {
  const lines = signer.output.split('\n').filter((line) => line.includes(text));
  return new Set(lines.map((line) => line.match(/^\[\w+ (\d+)\]/)?.[1]));
}

async function start({ program, isReady, withinMs, headers = {} }, release = async () => {}) {
  let output = '';
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const port = await freePort(HOST);
    const started = program(`${HOST}:${port}`);
    const signer = new SignerProcess(started, port, headers, release);
    try {
      if (await signer.reaches(() => isReady(signer), withinMs)) return signer;
    } catch (error) {
      await started.end();
      throw error;
    }
    output = started.output;
  }
  throw new Error(`the signer ended while starting:\n${output}`);
}

/**
 * A running signer with these keys in its development vault.
 *
 * @param {{ keys: import('./verification.mjs').SecretKey[], settings?: Record<string, string> }} options
 */
export async function startSigner({ keys, settings = {} }) {
  const dataDirectory = await mkdtemp(join(tmpdir(), 'azurehsm-signer-clients-'));
  const removeData = () => rm(dataDirectory, { recursive: true, force: true });
  try {
    for (const [index, key] of keys.entries()) await importKey(dataDirectory, `key-${index}`, key.secretText);
    const all = { ...settings, LOCAL_DATA_DIR: dataDirectory };
    if (!throughRelay) return await start(behindHost ? atDeveloper(all) : byItself(all), removeData);
    const signer = await start(byItself(all), removeData);
    return await start(relayTo(signer, keys, join(dataDirectory, 'relay')), () => signer.stop());
  } catch (error) {
    await removeData();
    throw error;
  }
}

/** The program itself with these settings. It listens, but services that it needs may be down. */
export function startProgram(settings) {
  return start(byItself(settings));
}

/** Runs a command of the program with these settings: its exit code and output. */
export async function runProgram(commandLine, settings) {
  const program = new Program(signerBinary(), commandLine, settings);
  const code = await program.exitCode();
  return { code, output: program.output };
}

/** The packaged signer as it runs in Azure: keys and marks are in services, and the host requires this function key. */
export function startInAzure({ settings, functionKey, instances }) {
  return start(inAzure(settings, functionKey, instances));
}
