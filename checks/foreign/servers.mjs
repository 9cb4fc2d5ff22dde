// A server in a separate process, which prints the port on which it listens.

import { Program } from '../clients/program.mjs';

const READY_WITHIN_MS = 20_000;

export class Server {
  #program;

  /** Starts it, and waits until it listens. */
  async start(file, commandLine) {
    this.#program = new Program(file, commandLine, {});
    const found = () => this.#program.output.match(/listening on port (\d+)/);
    if (!(await this.#program.reaches(found, READY_WITHIN_MS))) throw new Error(this.#program.output);
    return Number(found()[1]);
  }

  /** Kills it. */
  async crash() {
    await this.#program?.crash();
  }
}
