// A program that a test starts and ends, with its output.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

const STOPPED_WITHIN_MS = 5_000;
const POLL_MS = 20;

/** The file that an environment variable names. */
export function fileIn(variable, otherwise) {
  const file = process.env[variable] || otherwise;
  if (!file) throw new Error(`${variable} is not set`);
  if (!existsSync(file)) throw new Error(`${variable}: no file ${file}`);
  return file;
}

export class Program {
  #child;
  #output = '';

  /** Starts it in a folder with these settings, without inheriting those of the test runner. */
  constructor(file, commandLine, settings, folder) {
    this.#child = spawn(file, commandLine, {
      cwd: folder,
      env: { PATH: process.env.PATH, ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const input of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input, crlfDelay: Infinity }).on('line', (line) => (this.#output += `${line}\n`));
    }
  }

  /** The lines of both streams. An unfinished line follows once it is finished, or once its stream ends. */
  get output() {
    return this.#output;
  }

  get ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** True once `condition` holds, false if the program ends first; throws if neither happens in time. */
  async reaches(condition, withinMs) {
    const deadline = Date.now() + withinMs;
    while (!this.ended) {
      if (await condition()) return true;
      if (Date.now() > deadline) throw new Error(`timed out after ${withinMs} ms:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return false;
  }

  /** Waits until it ends. */
  async exitCode() {
    if (!this.ended) await once(this.#child, 'close');
    return this.#child.exitCode;
  }

  /** Kills it. */
  async crash() {
    if (this.ended) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  async end() {
    if (this.ended) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    const impatience = setTimeout(() => this.#child.kill('SIGKILL'), STOPPED_WITHIN_MS);
    await closed;
    clearTimeout(impatience);
  }
}
