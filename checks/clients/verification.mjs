// Keys and signatures, implemented with @noble only.
//
// Neither the signer nor Taquito takes part in a verification: a mistake that they share would otherwise go unnoticed.

import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { p256 } from '@noble/curves/nist.js';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { blake2b } from '@noble/hashes/blake2.js';
import bs58check from 'bs58check';

const bls = bls12_381.longSignatures;

/** The message of a tz4 signature: Octez calls these signature versions 1 (aug) and 2, 3 (pop). */
export const BLS_SCHEMES = {
  pop: { tag: 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_', message: (_publicKey, bytes) => bytes },
  aug: {
    tag: 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_AUG_',
    message: (publicKey, bytes) => Buffer.concat([publicKey, bytes]),
  },
  proof: { tag: 'BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_', message: (_publicKey, bytes) => bytes },
};

const ECDSA_SIGN = { prehash: false, format: 'compact' };

// Octez verifies secp256k1 with libsecp256k1, which rejects the high half of s; its P-256 accepts both halves.
const ecdsa = (curve, lowS) => ({
  randomSecret: () => curve.utils.randomSecretKey(),
  publicKey: (secret) => curve.getPublicKey(secret, true),
  sign: (bytes, secret) => curve.sign(digest(bytes), secret, { ...ECDSA_SIGN, lowS: true }),
  verify: (signature, bytes, publicKey) => curve.verify(signature, digest(bytes), publicKey, { ...ECDSA_SIGN, lowS }),
});

/** Everything that depends on the curve, by its name on the signer's command line. */
const CURVES = {
  ed25519: {
    tag: 0,
    secretPrefix: '0d0f3a07',
    publicPrefix: '0d0f25d9',
    publicLength: 32,
    hashPrefix: '06a19f',
    signaturePrefix: '09f5cd8612',
    signatureLength: 64,
    randomSecret: () => ed25519.utils.randomSecretKey(),
    publicKey: (secret) => ed25519.getPublicKey(secret),
    sign: (bytes, secret) => ed25519.sign(digest(bytes), secret),
    verify: (signature, bytes, publicKey) => ed25519.verify(signature, digest(bytes), publicKey, { zip215: false }),
  },
  secp256k1: {
    tag: 1,
    secretPrefix: '11a2e0c9',
    publicPrefix: '03fee256',
    publicLength: 33,
    hashPrefix: '06a1a1',
    signaturePrefix: '0d7365133f',
    signatureLength: 64,
    ...ecdsa(secp256k1, true),
  },
  p256: {
    tag: 2,
    secretPrefix: '1051eebd',
    publicPrefix: '03b28b7f',
    publicLength: 33,
    hashPrefix: '06a1a4',
    signaturePrefix: '36f02c34',
    signatureLength: 64,
    ...ecdsa(p256, false),
  },
  bls: {
    tag: 3,
    secretPrefix: '0396c028',
    publicPrefix: '069587cc',
    publicLength: 48,
    hashPrefix: '06a1a6',
    signaturePrefix: '28ab40cf',
    signatureLength: 96,
    randomSecret: () => bls12_381.utils.randomSecretKey(),
    publicKey: (secret) => bls.getPublicKey(secret).toBytes(),
    sign: (bytes, secret, scheme = 'pop') =>
      bls.sign(blsMessage(bls.getPublicKey(secret).toBytes(), bytes, scheme), secret).toBytes(),
    verify: (signature, bytes, publicKey, scheme = 'pop') =>
      bls.verify(signature, blsMessage(publicKey, bytes, scheme), publicKey),
  },
};

const GENERIC_SIGNATURE_PREFIX = '04822b';

function blsMessage(publicKey, bytes, scheme) {
  const { tag, message } = BLS_SCHEMES[scheme];
  return bls.hash(message(publicKey, bytes), tag);
}

/** The digest that tz1, tz2 and tz3 keys sign: Blake2b-256 of the payload, including the watermark byte. */
export function digest(bytes) {
  return blake2b(bytes, { dkLen: 32 });
}

/** Base58check text of a prefix in hex, followed by `bytes`. */
export function base58(prefix, bytes) {
  return bs58check.encode(Buffer.concat([Buffer.from(prefix, 'hex'), bytes]));
}

/** The bytes after the prefix; throws unless prefix and length are as expected. */
export function decodeBase58(text, prefix, length) {
  const decoded = Buffer.from(bs58check.decode(text));
  const start = Buffer.from(prefix, 'hex');
  if (!decoded.subarray(0, start.length).equals(start)) throw new Error(`${text} does not have the prefix ${prefix}`);
  const bytes = decoded.subarray(start.length);
  if (bytes.length !== length) throw new Error(`${text} has ${bytes.length} bytes, expected ${length}`);
  return bytes;
}

// The secret of a tz4 key is written little-endian in text, and big-endian everywhere else.
const secretAsWritten = (curve, secret) => (curve === 'bls' ? Buffer.from(secret).reverse() : secret);

/** A public key, which verifies signatures. */
export class PublicKey {
  constructor(curve, bytes) {
    const { publicPrefix, hashPrefix, tag } = CURVES[curve];
    this.curve = curve;
    this.bytes = Buffer.from(bytes);
    this.text = base58(publicPrefix, this.bytes);
    const hash = Buffer.from(blake2b(this.bytes, { dkLen: 20 }));
    this.hash = base58(hashPrefix, hash);
    /** The key hash with its tag, 21 bytes, as in operations and authentication requests. */
    this.taggedHash = Buffer.concat([Buffer.from([tag]), hash]);
  }

  static fromText(curve, text) {
    return new PublicKey(curve, decodeBase58(text, CURVES[curve].publicPrefix, CURVES[curve].publicLength));
  }

  /** Whether `signature` (text with the curve's prefix, as octez-signer returns it) covers `payload`. */
  verify(signature, payload, scheme) {
    const { verify, signaturePrefix, signatureLength } = CURVES[this.curve];
    return verify(decodeBase58(signature, signaturePrefix, signatureLength), payload, this.bytes, scheme);
  }
}

/** A key whose secret the tests have: to import into the signer, or as a client's key. */
export class SecretKey extends PublicKey {
  #secret;

  constructor(curve, secret) {
    super(curve, CURVES[curve].publicKey(secret));
    this.#secret = secret;
  }

  static random(curve) {
    return new SecretKey(curve, CURVES[curve].randomSecret());
  }

  static fromText(curve, text) {
    return new SecretKey(curve, secretAsWritten(curve, decodeBase58(text, CURVES[curve].secretPrefix, 32)));
  }

  get secretText() {
    return base58(CURVES[this.curve].secretPrefix, secretAsWritten(this.curve, this.#secret));
  }

  /** A signature made here, not by the signer, as text with the curve's prefix or the generic one. */
  sign(payload, { generic = false, scheme } = {}) {
    const { sign, signaturePrefix } = CURVES[this.curve];
    return base58(generic ? GENERIC_SIGNATURE_PREFIX : signaturePrefix, sign(payload, this.#secret, scheme));
  }
}
