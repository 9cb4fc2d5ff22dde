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

/**
 * Running stand-ins; `environment` has the settings for a signer, `control` is the address that injects faults. With the file of an RSA
 * private key, `recipient` is the identifier of that key in the vault, which unwraps sealed keys.
 */
export async function startStandIns({ unwrappingKey } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'azurehsm-signer-stand-ins-'));
  const file = join(folder, 'environment');
  const unwrapping = unwrappingKey ? ['--unwrapping-key', unwrappingKey] : [];
  const program = new Program(fileIn('STAND_INS'), [...ANY_FREE_PORTS, ...unwrapping, '--environment-file', file], {});
  const stop = async () => {
    await program.end();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const running = await program.reaches(() => program.output.includes('The stand-ins are running'), READY_WITHIN_MS);
    if (!running) throw new Error(`the stand-ins ended while starting:\n${program.output}`);
    const control = program.output.match(/curl (http:\/\/\S+)\//)[1];
    const recipient = program.output.match(/Recipient of sealed keys: (\S+)/)?.[1];
    return { environment: exported(await readFile(file, 'utf8')), control, recipient, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
