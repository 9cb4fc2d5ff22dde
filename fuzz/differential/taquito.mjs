// Taquito's results, in the signer's format.
//
// Taquito's decoder tolerates missing and invalid bytes, since it is meant for bytes from a node. So a payload only counts as
// accepted if Taquito forges the same bytes from the result.

import { LocalForger } from '@taquito/local-forging';
import { b58DecodeAndCheckPrefix } from '@taquito/utils';

const forger = new LocalForger();

const STAKING = ['stake', 'unstake', 'finalize_unstake', 'set_delegate_parameters'];

/** Branch and contents, or `null` if Taquito does not decode exactly this payload. */
export async function taquitoOperations(hex) {
  const operations = hex.slice(2);
  try {
    const parsed = await forger.parse(operations);
    if (parsed.contents.length === 0 || (await forger.forge(parsed)) !== operations) return null;
    const decoded = { branch: parsed.branch, contents: parsed.contents.map(content) };
    // For the reasons of differences; not compared.
    return Object.defineProperty(decoded, 'parsed', { value: parsed.contents });
  } catch {
    return null;
  }
}

function content(parsed) {
  const isTransaction = parsed.kind === 'transaction';
  const entrypoint = isTransaction ? (parsed.parameters?.entrypoint ?? 'default') : (parsed.entrypoint ?? null);
  const isStaking = isTransaction && parsed.destination.startsWith('tz') && STAKING.includes(entrypoint);
  let kind = parsed.kind;
  if (isStaking) kind = `transaction:${entrypoint}`;
  if (kind === 'ballot') kind = `ballot:${parsed.ballot}`;
  const hasDestination = ['transaction', 'transfer_ticket', 'drain_delegate'].includes(parsed.kind);
  return {
    amount: isTransaction ? parsed.amount : (parsed.balance ?? null),
    destination: hasDestination ? parsed.destination : null,
    entrypoint,
    fee: parsed.fee ?? null,
    kind,
    source: parsed.source ?? (parsed.kind === 'drain_delegate' ? parsed.delegate : null),
  };
}

/** Prefix and payload of a Base58Check text, or `null`. */
export function taquitoText(text) {
  try {
    const [payload, prefix] = b58DecodeAndCheckPrefix(text);
    // Taquito prints a line before the longer kind of edsk.
    return { payload: Buffer.from(payload).toString('hex'), prefix: prefix.replace('_', '') };
  } catch {
    return null;
  }
}
