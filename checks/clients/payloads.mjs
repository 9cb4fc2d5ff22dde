// Consensus payloads, byte for byte as a baker builds them. All fields that no test varies are fixed.

import { createHash } from 'node:crypto';

export const MAINNET = Buffer.from('7a06a770', 'hex');

const BRANCH = Buffer.from('0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8', 'hex');
const OPERATIONS_HASH = Buffer.from('42e9bc4583d4f9fa6ba422733f45d3a44397141a953d2237bf8df62e5046eef7', 'hex');
const CONTEXT = Buffer.from('4c7319284b55068bb7c4e0b9f8585729db7fb27ab4ca9cff2038a1fc324f650c', 'hex');

const WATERMARK = { block: 0x11, preattestation: 0x12, attestation: 0x13 };

function uint(value, size) {
  const bytes = Buffer.alloc(size);
  bytes.writeUIntBE(value, 0, size);
  return bytes;
}

const prefixed = (bytes) => Buffer.concat([uint(bytes.length, 4), bytes]);

/** A block payload hash derived from a seed. */
export function payloadHashOf(seed) {
  return createHash('sha256').update(seed).digest();
}

/** A Tenderbake block header without its signature, preceded by watermark and chain id. */
export function block({ level, round = 0, lockedRound, payloadHash = payloadHashOf('a block'), chain = MAINNET }) {
  const fitness = Buffer.concat([
    prefixed(Buffer.from([2])),
    prefixed(uint(level, 4)),
    prefixed(lockedRound === undefined ? Buffer.alloc(0) : uint(lockedRound, 4)),
    prefixed(Buffer.from('ffffffff', 'hex')),
    prefixed(uint(round, 4)),
  ]);
  return Buffer.concat([
    Buffer.from([WATERMARK.block]),
    chain,
    uint(level, 4),
    uint(1, 1),
    BRANCH,
    Buffer.from('000000005e9dcbb0', 'hex'),
    uint(4, 1),
    OPERATIONS_HASH,
    prefixed(fitness),
    CONTEXT,
    payloadHash,
    uint(0, 4),
    Buffer.from('101895ca00000000', 'hex'),
    uint(0, 1),
    uint(2, 1),
  ]);
}

/** A vote for tz1, tz2 and tz3 keys. `dal` is the DAL content (hex of a signed Z), for attestations only. */
function slotVote(kind, { level, round = 0, slot = 0, payloadHash = payloadHashOf('a block'), chain = MAINNET, dal }) {
  const tag = kind === 'preattestation' ? 20 : dal === undefined ? 21 : 23;
  return Buffer.concat([
    Buffer.from([WATERMARK[kind]]),
    chain,
    BRANCH,
    uint(tag, 1),
    uint(slot, 2),
    uint(level, 4),
    uint(round, 4),
    payloadHash,
    Buffer.from(dal ?? '', 'hex'),
  ]);
}

/** A vote for tz4 keys: no slot and no DAL content, so that all votes of a round can be aggregated. */
function blsVote(kind, { level, round = 0, payloadHash = payloadHashOf('a block'), chain = MAINNET }) {
  return Buffer.concat([
    Buffer.from([WATERMARK[kind]]),
    chain,
    BRANCH,
    uint(kind === 'preattestation' ? 40 : 41, 1),
    uint(level, 4),
    uint(round, 4),
    payloadHash,
  ]);
}

/** The payload of one consensus kind in the form that a baker uses for this curve. */
export function consensus(kind, curve, fields) {
  if (kind === 'block') return block(fields);
  return curve === 'bls' ? blsVote(kind, fields) : slotVote(kind, fields);
}

export const CONSENSUS_KINDS = Object.keys(WATERMARK);

/** Watermark 3 followed by forged operations, as `RemoteSigner` and octez-client send it. */
export function operationPayload(forged) {
  return Buffer.concat([Buffer.from([3]), Buffer.from(forged, 'hex')]);
}
