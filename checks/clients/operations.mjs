// At least one sample of every operation that the forgers of Taquito and octez.js support. Taquito's forger is the newest;
// its RemoteSigner has not been released since, and depends on the forger of its own version.

import { LocalForger } from '@taquito/local-forging';
import { kindMapping } from '@taquito/local-forging/dist/lib/constants.js';

import { SecretKey, base58 } from './verification.mjs';
import { TZ4_ACCOUNT } from './octez_vectors.mjs';

/** The forger's own table of kinds, so that a kind added by a newer Taquito is noticed. */
export const FORGER_KINDS = Object.values(kindMapping);

export const BLOCK = base58('0134', Buffer.alloc(32, 1));
const PROTOCOLS = [base58('02aa', Buffer.alloc(32, 2)), base58('02aa', Buffer.alloc(32, 3))];
export const [PROTOCOL] = PROTOCOLS;
const ROLLUP = base58('067c75', Buffer.alloc(20, 4));
const COMMITMENT = base58('11a5868a', Buffer.alloc(32, 5));
const SLOT_HEADER = base58('0274b4', Buffer.alloc(48, 6));
const PAYLOAD_HASH = base58('016af2', Buffer.alloc(32, 7));
const DELEGATE = SecretKey.random('p256');

export const RECIPIENT = SecretKey.random('ed25519').hash;
export const CONTRACT = base58('025a79', Buffer.alloc(20, 8));

const UNIT = { prim: 'Unit' };
const SCRIPT = {
  code: [
    { prim: 'parameter', args: [{ prim: 'unit' }] },
    { prim: 'storage', args: [{ prim: 'unit' }] },
    { prim: 'code', args: [[{ prim: 'CDR' }, { prim: 'NIL', args: [{ prim: 'operation' }] }, { prim: 'PAIR' }]] },
  ],
  storage: UNIT,
};

export const forgeWith =
  (forger) =>
  (...contents) =>
    forger.forge({ branch: BLOCK, contents });

export const forge = forgeWith(new LocalForger());

/** A manager operation of this key; `more` also replaces the fields that every manager operation has. */
export const manager = (key, kind, more) => ({
  kind,
  source: key.hash,
  fee: '1420',
  counter: '7204321',
  gas_limit: '5200',
  storage_limit: '257',
  ...more,
});

export const transfer = (key, more) =>
  manager(key, 'transaction', { amount: '1000000', destination: RECIPIENT, ...more });

const call = (entrypoint, value, more) => (key) =>
  transfer(key, { destination: CONTRACT, parameters: { entrypoint, value }, ...more });

/** Staking is a transaction of a delegator to itself with one of four entrypoints. */
const staking =
  (entrypoint, value = UNIT, amount = '0') =>
  (key) =>
    transfer(key, { amount, destination: key.hash, parameters: { entrypoint, value } });

const vote = (ballot) => (key) => ({ kind: 'ballot', source: key.hash, period: 120, proposal: PROTOCOLS[0], ballot });

/**
 * `kind` is the forger's name, `policy` the name that allows it in the signer's settings.
 *
 * @type {{ title: string, kind: string, policy: string, contents: (key: SecretKey) => object }[]}
 */
export const SAMPLES = [
  ['reveal', 'reveal', (key) => manager(key, 'reveal', { public_key: key.text })],
  ['transfer to an account', 'transaction', (key) => transfer(key)],
  ['transfer to a tz4 account', 'transaction', (key) => transfer(key, { destination: TZ4_ACCOUNT.hash })],
  ['transfer of the largest possible amount', 'transaction', (key) => transfer(key, { amount: '9223372036854775807' })],
  ['transfer to a contract', 'transaction', (key) => transfer(key, { destination: CONTRACT })],
  [
    'call of a named entrypoint',
    'transaction',
    call('mint', { prim: 'Pair', args: [{ int: '-42' }, { string: 'for you' }] }),
  ],
  ['call of the longest entrypoint', 'transaction', call('e'.repeat(31), { bytes: '00ff' })],
  ['call of the default entrypoint with a value', 'transaction', call('default', { int: '7' })],
  ['call of entrypoint root', 'transaction', call('root', UNIT)],
  ['call of entrypoint do', 'transaction', call('do', [])],
  ['call of entrypoint set_delegate', 'transaction', call('set_delegate', { string: DELEGATE.hash })],
  ['call of entrypoint remove_delegate', 'transaction', call('remove_delegate', UNIT)],
  ['call of entrypoint deposit', 'transaction', call('deposit', UNIT)],
  ["call of a contract's own entrypoint stake", 'transaction', call('stake', UNIT)],
  ['stake', 'transaction:stake', staking('stake', UNIT, '6000000000')],
  ['unstake', 'transaction:unstake', staking('unstake', UNIT, '6000000000')],
  ['finalize unstake', 'transaction:finalize_unstake', staking('finalize_unstake')],
  [
    'set delegate parameters',
    'transaction:set_delegate_parameters',
    staking('set_delegate_parameters', {
      prim: 'Pair',
      args: [{ int: '5000000' }, { prim: 'Pair', args: [{ int: '100000000' }, UNIT] }],
    }),
  ],
  ['origination', 'origination', (key) => manager(key, 'origination', { balance: '0', script: SCRIPT })],
  [
    'origination with a delegate',
    'origination',
    (key) => manager(key, 'origination', { balance: '1', delegate: DELEGATE.hash, script: SCRIPT }),
  ],
  ['delegation', 'delegation', (key) => manager(key, 'delegation', { delegate: DELEGATE.hash })],
  ['end of a delegation', 'delegation', (key) => manager(key, 'delegation', {})],
  [
    'register global constant',
    'register_global_constant',
    (key) => manager(key, 'register_global_constant', { value: { prim: 'Pair', args: [{ int: '1' }, { int: '2' }] } }),
  ],
  ['set deposits limit', 'set_deposits_limit', (key) => manager(key, 'set_deposits_limit', { limit: '500000000' })],
  ['end of a deposits limit', 'set_deposits_limit', (key) => manager(key, 'set_deposits_limit', {})],
  // Below 64: the protocol reads a signed number here and the forger writes an unsigned one; up to 63 the two agree.
  [
    'increase paid storage',
    'increase_paid_storage',
    (key) => manager(key, 'increase_paid_storage', { amount: '63', destination: CONTRACT }),
  ],
  [
    'update consensus key',
    'update_consensus_key',
    (key) => manager(key, 'update_consensus_key', { pk: DELEGATE.text }),
  ],
  [
    'update consensus key to tz4, with proof of possession',
    'update_consensus_key',
    (key) => manager(key, 'update_consensus_key', { pk: TZ4_ACCOUNT.publicKey, proof: TZ4_ACCOUNT.proof }),
  ],
  [
    'update companion key, with proof of possession',
    'update_companion_key',
    (key) => manager(key, 'update_companion_key', { pk: TZ4_ACCOUNT.publicKey, proof: TZ4_ACCOUNT.proof }),
  ],
  [
    'transfer ticket',
    'transfer_ticket',
    (key) =>
      manager(key, 'transfer_ticket', {
        ticket_contents: { string: 'one' },
        ticket_ty: { prim: 'string' },
        ticket_ticketer: CONTRACT,
        ticket_amount: '2',
        destination: CONTRACT,
        entrypoint: 'receive',
      }),
  ],
  ...['arith', 'wasm_2_0_0', 'riscv'].map((pvm) => [
    `smart rollup originate (${pvm})`,
    'smart_rollup_originate',
    (key) =>
      manager(key, 'smart_rollup_originate', { pvm_kind: pvm, kernel: '0061736d', parameters_ty: { prim: 'bytes' } }),
  ]),
  [
    'smart rollup originate with a whitelist',
    'smart_rollup_originate',
    (key) =>
      manager(key, 'smart_rollup_originate', {
        pvm_kind: 'wasm_2_0_0',
        kernel: '0061736d',
        parameters_ty: { prim: 'bytes' },
        whitelist: [DELEGATE.hash, RECIPIENT],
      }),
  ],
  [
    'smart rollup add messages',
    'smart_rollup_add_messages',
    (key) => manager(key, 'smart_rollup_add_messages', { message: ['00', '', 'c0ffee'] }),
  ],
  [
    'smart rollup execute outbox message',
    'smart_rollup_execute_outbox_message',
    (key) =>
      manager(key, 'smart_rollup_execute_outbox_message', {
        rollup: ROLLUP,
        cemented_commitment: COMMITMENT,
        output_proof: 'beef'.repeat(9),
      }),
  ],
  [
    'dal publish commitment',
    'dal_publish_commitment',
    (key) =>
      manager(key, 'dal_publish_commitment', {
        slot_header: { slot_index: 31, commitment: SLOT_HEADER, commitment_proof: 'ab'.repeat(96) },
      }),
  ],
  ['proposals', 'proposals', (key) => ({ kind: 'proposals', source: key.hash, period: 120, proposals: PROTOCOLS })],
  ['ballot yay', 'ballot:yay', vote('yay')],
  ['ballot nay', 'ballot:nay', vote('nay')],
  ['ballot pass', 'ballot:pass', vote('pass')],
  [
    'failing noop (a signed message)',
    'failing_noop',
    () => ({ kind: 'failing_noop', arbitrary: Buffer.from('hello').toString('hex') }),
  ],
  [
    'drain delegate',
    'drain_delegate',
    (key) => ({ kind: 'drain_delegate', consensus_key: key.hash, delegate: DELEGATE.hash, destination: RECIPIENT }),
  ],
].map(([title, policy, contents]) => ({ title, kind: policy.split(':')[0], policy, contents }));

const ATTESTATION = { slot: 0, level: 1331, round: 0, block_payload_hash: PAYLOAD_HASH };

/** Kinds of the forger's table that are signed with watermark 0x13, which keeps a mark: never with watermark 3. */
export const CONSENSUS_CONTENTS = {
  attestation: { kind: 'attestation', ...ATTESTATION },
  attestation_with_dal: { kind: 'attestation_with_dal', ...ATTESTATION, dal_attestation: '1' },
};

/** Kinds of the forger's table that carry no signature, so that no signer is involved; each with the reason. */
export const ANONYMOUS = {
  seed_nonce_revelation: 'anyone who knows the nonce may reveal it',
  activate_account: 'the activation code replaces the signature',
};
