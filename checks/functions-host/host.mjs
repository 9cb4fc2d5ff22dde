// The real Functions host with the package: `func` of Azure Functions Core Tools, or the command FUNCTIONS_HOST.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { freePort } from '../clients/free_port.mjs';
import { Program, fileIn } from '../clients/program.mjs';

const HOST = '127.0.0.1';
const PROGRAM = 'azurehsm-signer';
const READY_WITHIN_MS = 60_000;
const POLL_MS = 20;

/** Core Tools do not print levels, so tests of levels need the host itself. */
export const printsLevels = !process.env.FUNC;

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Polls until `condition` is truthy and returns that; throws after `withinMs`. */
export async function eventually(what, condition, withinMs = 20_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await pause(POLL_MS);
  }
}

/** Whether a process runs. A zombie does not. */
async function runs(pid) {
  try {
    return !/^State:\s+Z/m.test(await readFile(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The process that started this one. */
async function parentOf(pid) {
  return Number((await readFile(`/proc/${pid}/status`, 'utf8')).match(/^PPid:\s+(\d+)$/m)[1]);
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended already.
    if (error.code !== 'ESRCH') throw error;
  }
}

/** The file in which the host keeps its keys. */
function secrets(hostKey, masterKey) {
  const key = (name, value) => ({ name, value, encrypted: false });
  const more = { hostName: null, instanceId: null, source: 'runtime', decryptionKeyId: '' };
  return JSON.stringify({
    masterKey: key('master', masterKey),
    functionKeys: [key('default', hostKey)],
    systemKeys: [],
    ...more,
  });
}

/** An unpacked package, and folders for the state of the host and the embedded store. */
export class App {
  hostKey = randomBytes(28).toString('hex');
  masterKey = randomBytes(28).toString('hex');

  static async unpack() {
    const app = new App();
    app.folder = await mkdtemp(join(tmpdir(), 'azurehsm-signer-functions-host-'));
    app.root = join(app.folder, 'app');
    app.data = join(app.folder, 'data');
    // Core Tools keep the keys below the folder for temporary files.
    for (const secretsFolder of ['secrets', 'temporary/secrets/functions/secrets']) {
      await mkdir(join(app.folder, 'state', secretsFolder), { recursive: true });
      await writeFile(join(app.folder, 'state', secretsFolder, 'host.json'), secrets(app.hostKey, app.masterKey));
    }
    await promisify(execFile)('unzip', ['-q', fileIn('SIGNER_PACKAGE'), '-d', app.root]);
    return app;
  }

  /** Settings of a developer's machine: keys and marks are files. */
  get development() {
    return { AZURE_FUNCTIONS_ENVIRONMENT: 'Development', COSMOS_DISABLE_IMDS: '1', LOCAL_DATA_DIR: this.data };
  }

  /** Starts a host, without waiting for anything. `prefix` is a command that runs the one appended to it. */
  async start(settings = this.development, prefix = []) {
    const port = await freePort(HOST);
    return new FunctionsHost(this, port, this.#program(port, settings, prefix));
  }

  /** Starts a host, and waits until the signer is healthy. */
  async startReady(settings, prefix) {
    const host = await this.start(settings, prefix);
    if (!(await host.program.reaches(() => host.isReady(), READY_WITHIN_MS))) {
      throw new Error(`the host ended while starting:\n${host.program.output}`);
    }
    return host;
  }

  #program(port, settings, prefix) {
    const state = join(this.folder, 'state');
    const program = (file, commandLine, environment, folder) => {
      const [first, ...rest] = [...prefix, file, ...commandLine];
      return new Program(first, rest, environment, folder);
    };
    if (process.env.FUNC) {
      const files = { HOME: state, TMPDIR: join(state, 'temporary'), AzureWebJobsSecretStorageType: 'Files' };
      const environment = { FUNCTIONS_WORKER_RUNTIME: 'custom', ...files, ...settings };
      return program(process.env.FUNC, ['start', '--enableAuth', '--port', `${port}`], environment, this.root);
    }
    const variables = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    const commandLine = [this.root, `${port}`, state, ...variables];
    return program(fileIn('FUNCTIONS_HOST'), commandLine, { HOME: process.env.HOME });
  }

  /** The process ids of this app's signers. */
  async handlers() {
    const running = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
      if (program === join(this.root, PROGRAM) && (await runs(pid))) running.push(Number(pid));
    }
    return running;
  }

  /** The process id of the only signer, once there is only one and it is not one of `others`. */
  async handler(others = []) {
    const one = async () => {
      const running = await this.handlers();
      return running.length === 1 && !others.includes(running[0]) && running[0];
    };
    return eventually('exactly one signer', one);
  }

  /** Ends what still runs, and removes all files. */
  async remove() {
    for (const pid of await this.handlers()) kill(pid, 'SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }
}

const LEVELS = { info: 'Information', warn: 'Warning', fail: 'Error', crit: 'Error' };
/** The category of what the signer writes. */
export const SIGNER = 'Host.Function.Console';

/** A host, and the requests of its clients. */
class FunctionsHost {
  constructor(app, port, program) {
    this.app = app;
    this.port = port;
    this.host = HOST;
    this.program = program;
    this.url = `http://${HOST}:${port}`;
    /** What a client is configured to send with every request. */
    this.headers = { 'x-functions-key': app.hostKey };
  }

  get output() {
    return this.program.output;
  }

  /** The log of the host's console: `level: category[id]`, and the indented message below. */
  get entries() {
    const entries = [];
    for (const line of this.output.split('\n')) {
      const [, level, category] = line.match(/^(info|warn|fail|crit): (.*)\[\d+\]$/) ?? [];
      if (level) entries.push({ level: LEVELS[level], category, message: '' });
      else if (line.startsWith('      ') && entries.length > 0) {
        const entry = entries.at(-1);
        entry.message += (entry.message && '\n') + line.slice(6);
      }
    }
    return entries;
  }

  /** The log entries of the signer, without one whose message has not been written yet. */
  get signerEntries() {
    return this.entries.filter(({ category, message }) => category === SIGNER && message);
  }

  /** How many lines of the output contain a text. */
  count(text) {
    return this.output.split('\n').filter((line) => line.includes(text)).length;
  }

  /** Whether the signer is healthy. */
  async isReady() {
    try {
      return (await this.get('/health')).status === 200;
    } catch {
      return false;
    }
  }

  async request(path, { headers = this.headers, timeoutMs = 60_000, ...options } = {}) {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(`${this.url}${path}`, { headers, redirect: 'manual', signal, ...options });
    return { status: answer.status, headers: answer.headers, body: await answer.text() };
  }

  get(path, options) {
    return this.request(path, options);
  }

  post(path, body, options) {
    return this.request(path, { method: 'POST', body, ...options });
  }

  /** Requests a signature. */
  sign(key, payload, options) {
    return this.post(`/keys/${key.hash}`, JSON.stringify(payload.toString('hex')), options);
  }

  /** Sends a signal to the signer, and waits until another one runs. */
  async replaceSigner(signal) {
    const before = await this.app.handler();
    kill(before, signal);
    return this.app.handler([before]);
  }

  /** Kills the host, not the signer, whose process ids it returns. Core Tools are a parent of the host. */
  async crash() {
    const handlers = await this.app.handlers();
    for (const pid of handlers) {
      const parent = await parentOf(pid);
      // An orphan's parent is not the host.
      if (parent > 1) kill(parent, 'SIGKILL');
    }
    await this.program.crash();
    return handlers;
  }

  async stop() {
    await this.crash();
    for (const pid of await this.app.handlers()) kill(pid, 'SIGKILL');
    await eventually('all signers to end', async () => (await this.app.handlers()).length === 0);
  }
}

export { kill, runs };
