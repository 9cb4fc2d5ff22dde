// Where the signer and Taquito differ, and why. Nothing else may differ.

import { taquitoOperations } from './taquito.mjs';

const UNKNOWN_TO_TAQUITO =
  /^(smart_rollup_(cement|publish|refute|timeout|recover_bond)|double_|dal_entrapment_evidence|vdf_revelation)/;
const ALONE = /^(activate_account|ballot|drain_delegate|failing_noop|proposals|seed_nonce_revelation)/;
const WITH_PROOF = /^(reveal|update_consensus_key|update_companion_key)$/;
const WITH_MICHELSON =
  /^(transaction|origination|register_global_constant|transfer_ticket|smart_rollup_originate)/;
const NAMED_ENTRYPOINTS = [
  'default', 'root', 'do', 'set_delegate', 'remove_delegate', 'deposit', 'stake', 'unstake', 'finalize_unstake',
  'set_delegate_parameters',
];
const KNOWN_TO_SIGNER = [
  'tz1', 'tz2', 'tz3', 'tz4', 'tz5', 'KT1', 'sr1', 'edpk', 'sppk', 'p2pk', 'BLpk', 'edsk', 'spsk', 'p2sk', 'BLsk',
  'edesk', 'spesk', 'p2esk', 'BLesk', 'edsig', 'spsig1', 'p2sig', 'sig', 'BLsig', 'Net', 'B', 'vh', 'o',
];
const MAX_MUTEZ = 2n ** 63n - 1n;
const MAX_OF_TEN_BYTES = 2n ** 70n - 1n;

/** Only the signer decodes it. */
const TAQUITO_REFUSES = {
  'Taquito does not know this kind': ({ ours }) => ours.contents.some(({ kind }) => UNKNOWN_TO_TAQUITO.test(kind)),
  'Taquito does not know tz5': ({ input, ours }) =>
    ours.contents.some(({ source, destination }) => [source, destination].some(isTz5)) || isTakenWithoutTz5(input),
  'Taquito writes a call of default with Unit without parameters': ({ input }) => input.includes('ff0000000002030b'),
  'Taquito writes an entrypoint that has a tag by its tag': ({ input }) =>
    NAMED_ENTRYPOINTS.some((name) => {
      const bytes = Buffer.from(name);
      return input.includes(`ffff${bytes.length.toString(16).padStart(2, '0')}${bytes.toString('hex')}`);
    }),
  'Taquito reads a proof of possession or a whitelist to the end of the payload, even if other fields follow': ({ input, ours }) =>
    ours.contents.length > 1 &&
    ((input.includes('ff00000060') && ours.contents.some(({ kind }) => WITH_PROOF.test(kind))) ||
      ours.contents.some(({ kind }) => kind === 'smart_rollup_originate')),
  'the signer does not parse Michelson, which is invalid here': ({ ours }) =>
    ours.contents.some(({ kind }) => WITH_MICHELSON.test(kind)),
};

/** Only Taquito decodes it. */
const SIGNER_REFUSES = {
  'the signer refuses a consensus operation behind watermark byte 03': ({ theirs }) =>
    theirs.contents.some(({ kind }) => kind.startsWith('attestation')),
  'the signer refuses a batch of operations that cannot be batched, as every protocol does': ({ theirs }) =>
    theirs.contents.length > 1 && theirs.contents.some(({ kind }) => ALONE.test(kind)),
  'the signer refuses mutez beyond 63 bits and other numbers beyond ten bytes, as the protocol does': ({ theirs }) =>
    theirs.parsed.some(
      ({ fee, amount, balance, limit, counter, gas_limit: gas, storage_limit: storage, kind }) =>
        [fee, kind === 'transaction' ? amount : 0, balance, limit].some((number) => isAbove(number, MAX_MUTEZ)) ||
        [counter, gas, storage].some((number) => isAbove(number, MAX_OF_TEN_BYTES)),
    ),
  'the signer refuses an entrypoint with invalid characters, as the protocol does': ({ theirs }) =>
    theirs.contents.some(({ entrypoint }) => entrypoint !== null && !/^[A-Za-z0-9_.%@]{1,31}$/.test(entrypoint)),
  'Taquito takes it with a byte more or less, too': async ({ input, theirs }) => {
    for (const other of [input.slice(0, -2), `${input}00`]) {
      const taken = await taquitoOperations(other);
      if (taken?.contents.length === theirs.contents.length) return true;
    }
    return false;
  },
  'the signer refuses a negative level': ({ theirs }) => theirs.parsed.some(({ level }) => level < 0),
};

function isTz5(address) {
  return address !== null && address.startsWith('tz5');
}

function isAbove(number, limit) {
  // Taquito formats numbers above 10^21 like floating-point ones.
  return number !== undefined && (String(number).includes('e') || BigInt(number) > limit);
}

/** Whether Taquito accepts it with tag 0 (tz1) in place of a tag 4, for example of a delegate, which the signer's result does not include. */
async function isTakenWithoutTz5(hex) {
  let spoiled = hex;
  for (let at = 66; at < hex.length; at += 2) {
    if (hex.slice(at, at + 2) !== '04') continue;
    const one = `${hex.slice(0, at)}00${hex.slice(at + 2)}`;
    if ((await taquitoOperations(one)) !== null) return true;
    spoiled = `${spoiled.slice(0, at)}00${spoiled.slice(at + 2)}`;
    if ((await taquitoOperations(spoiled)) !== null) return true;
  }
  return false;
}

/** The known reason for a difference, if any. */
export async function knownDifference(what, input, ours, theirs) {
  if (what === 'text') {
    if (theirs === null) return ours.prefix === 'tz5' ? 'Taquito does not know tz5' : null;
    return ours === null && !KNOWN_TO_SIGNER.includes(theirs.prefix) ? 'the signer does not support this prefix' : null;
  }
  if ((ours !== null) === (theirs !== null)) return null;
  for (const [reason, holds] of Object.entries(theirs === null ? TAQUITO_REFUSES : SIGNER_REFUSES)) {
    if (await holds({ input, ours, theirs })) return reason;
  }
  return null;
}
