// The stand-ins of Key Vault, Cosmos DB and managed identity, with their two initial keys.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Program, fileIn } from './program.mjs';

const READY_WITHIN_MS = 20_000;
const ANY_FREE_PORTS = ['--key-vault-port', '--cosmos-port', '--identity-port', '--tezos-node-port', '--control-port'].flatMap((option) => [
  option,
  '0',
]);

/** The variables that a file of shell commands exports; no value has a quote in it. */
function exported(commands) {
  return Object.fromEntries(
    [...commands.matchAll(/^export (\w+)='([^']*)'$/gm)].map(([, name, value]) => [name, value]),
  );
}

/** Running stand-ins; `environment` has the settings for a signer, `control` is the address that injects faults. */
export async function startStandIns() {
  const folder = await mkdtemp(join(tmpdir(), 'azurehsm-signer-stand-ins-'));
  const file = join(folder, 'environment');
  const program = new Program(fileIn('STAND_INS'), [...ANY_FREE_PORTS, '--environment-file', file], {});
  const stop = async () => {
    await program.end();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const running = await program.reaches(() => program.output.includes('The stand-ins are running'), READY_WITHIN_MS);
    if (!running) throw new Error(`the stand-ins ended while starting:\n${program.output}`);
    const control = program.output.match(/curl (http:\/\/\S+)\//)[1];
    return { environment: exported(await readFile(file, 'utf8')), control, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
