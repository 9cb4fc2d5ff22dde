// Random payloads of operations and Base58Check texts, determined by a seed.

import bs58check from 'bs58check';

/** Random numbers below 2^32, by xorshift. */
export function random(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

class Maker {
  constructor(next) {
    this.next = next;
  }

  below(limit) {
    return this.next() % limit;
  }

  one(values) {
    return values[this.below(values.length)];
  }

  bytes(length) {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  uint(value, size) {
    const bytes = Buffer.alloc(size);
    bytes.writeUIntBE(value, 0, size);
    return bytes;
  }

  sized(bytes) {
    return Buffer.concat([this.uint(bytes.length, 4), bytes]);
  }

  /** A number with seven bits per byte, of up to eleven bytes; amounts of mutez have up to 63 bits. */
  natural() {
    let value = BigInt(this.next()) * BigInt(this.next()) * BigInt(this.one([1, 2, 4, 64]));
    value >>= BigInt(this.below(66));
    const bytes = [];
    do {
      bytes.push(Number(value & 0x7fn) | (value > 0x7fn ? 0x80 : 0));
      value >>= 7n;
    } while (value > 0n);
    return Buffer.from(bytes);
  }

  /** Tag 4 (tz5) is rare, since Taquito does not support it. */
  account() {
    return Buffer.concat([Buffer.from([this.below(64) === 0 ? 4 : this.below(4)]), this.bytes(20)]);
  }

  contract() {
    return Buffer.concat([Buffer.from([1]), this.bytes(20), Buffer.from([0])]);
  }

  address() {
    return this.below(2) ? this.contract() : Buffer.concat([Buffer.from([0]), this.account()]);
  }

  optional(make) {
    return this.below(2) ? Buffer.from([0]) : Buffer.concat([Buffer.from([0xff]), make()]);
  }

  /** Unit, 7, a pair of both, a string, an empty list. */
  michelson() {
    return Buffer.from(this.one(['030b', '0007', '070700070100000000', '0707000100bc01', '01000000026869', '0200000000']), 'hex');
  }

  key() {
    const curve = this.below(4);
    const key = Buffer.concat([Buffer.from([curve]), this.bytes([32, 33, 33, 48][curve])]);
    return Buffer.concat([key, this.optional(() => this.sized(this.bytes(96)))]);
  }

  entrypoint() {
    if (this.below(2)) return Buffer.from([this.below(10)]);
    const name = Buffer.from(this.one(['mint', 'a', 'stake', 'default', 'e'.repeat(31), 'with.dot%and@', 'with space']));
    return Buffer.concat([Buffer.from([0xff, name.length]), name]);
  }

  manager() {
    const own = {
      107: () => [this.key()],
      108: () => [
        this.natural(),
        this.address(),
        this.optional(() => Buffer.concat([this.entrypoint(), this.sized(this.michelson())])),
      ],
      109: () => [
        this.natural(),
        this.optional(() => this.account()),
        this.sized(Buffer.from('02000000170500036c0501036c050202000000080317053d036d0342', 'hex')),
        this.sized(this.michelson()),
      ],
      110: () => [this.optional(() => this.account())],
      111: () => [this.sized(this.michelson())],
      112: () => [this.optional(() => this.natural())],
      113: () => [this.natural(), this.contract()],
      114: () => [this.key()],
      115: () => [this.key()],
      158: () => [
        this.sized(this.michelson()),
        this.sized(Buffer.from('0368', 'hex')),
        this.address(),
        this.natural(),
        this.address(),
        this.sized(Buffer.from(this.one(['default', 'receive']))),
      ],
      200: () => [
        Buffer.from([this.below(3)]),
        this.sized(this.bytes(this.below(9))),
        this.sized(Buffer.from('0369', 'hex')),
        this.optional(() => this.sized(Buffer.concat([this.account(), this.account()]))),
      ],
      201: () => [this.sized(Buffer.concat([this.sized(this.bytes(this.below(4))), this.sized(this.bytes(2))]))],
      202: () => [this.bytes(20)],
      203: () => [this.bytes(20), this.bytes(32), this.bytes(4), this.bytes(32), this.bytes(8)],
      205: () => [this.bytes(20), this.account(), this.account()],
      206: () => [this.bytes(20), this.bytes(32), this.sized(this.bytes(this.below(40)))],
      207: () => [this.bytes(20), this.account()],
      230: () => [this.bytes(1), this.bytes(48), this.bytes(96)],
    };
    const tag = Number(this.one(Object.keys(own)));
    const numbers = [this.natural(), this.natural(), this.natural(), this.natural()];
    return Buffer.concat([Buffer.from([tag]), this.account(), ...numbers, ...own[tag]()]);
  }

  standalone() {
    const own = {
      1: () => [this.uint(this.below(2 ** 31), 4), this.bytes(32)],
      4: () => [this.bytes(20), this.bytes(20)],
      5: () => [this.account(), this.bytes(4), this.sized(this.bytes(32 * this.below(4)))],
      6: () => [this.account(), this.bytes(4), this.bytes(32), Buffer.from([this.below(3)])],
      9: () => [this.account(), this.account(), this.account()],
      17: () => [this.sized(this.bytes(this.below(30)))],
      21: () => [this.bytes(2), this.bytes(4), this.bytes(4), this.bytes(32)],
    };
    const tag = Number(this.one(Object.keys(own)));
    return Buffer.concat([Buffer.from([tag]), ...own[tag]()]);
  }

  contents() {
    if (this.below(5) === 0) return this.standalone();
    const batch = Array.from({ length: 1 + (this.below(3) === 0 ? this.below(3) : 0) }, () => this.manager());
    if (this.below(40) === 0) batch.push(this.standalone());
    return Buffer.concat(batch);
  }

  /** Changes, removes or inserts a few bytes. */
  spoiled(payload) {
    const at = 1 + this.below(payload.length - 1);
    switch (this.below(6)) {
      case 0:
        return payload.subarray(0, at + 1);
      case 1:
        return Buffer.concat([payload, this.bytes(1 + this.below(3))]);
      case 2:
        return Buffer.concat([payload.subarray(0, at), this.bytes(1), payload.subarray(at)]);
      case 3:
        return Buffer.concat([payload.subarray(0, at), payload.subarray(at + 1)]);
      case 4: {
        const spoiled = Buffer.from(payload);
        spoiled[at] ^= 1 << this.below(8);
        return spoiled;
      }
      default: {
        const spoiled = Buffer.from(payload);
        spoiled[at] = this.below(256);
        return spoiled;
      }
    }
  }
}

/** Payloads in hexadecimal digits: half of them valid, half of them damaged. */
export function* payloads(count, next) {
  const maker = new Maker(next);
  for (let number = 0; number < count; number += 1) {
    const payload = Buffer.concat([Buffer.from([3]), maker.bytes(32), maker.contents()]);
    yield (maker.below(2) ? payload : maker.spoiled(payload)).toString('hex');
  }
}

/** Tezos prefixes, with the lengths of their payloads. */
const PREFIXES = [
  ['06a19f', 20],
  ['06a1a1', 20],
  ['06a1a4', 20],
  ['06a1a6', 20],
  ['025a79', 20],
  ['067c75', 20],
  ['0d0f25d9', 32],
  ['03fee256', 33],
  ['03b28b7f', 33],
  ['069587cc', 48],
  ['0d0f3a07', 32],
  ['2bf64e07', 64],
  ['11a2e0c9', 32],
  ['1051eebd', 32],
  ['0396c028', 32],
  ['075a3cb329', 56],
  ['09edf1ae96', 56],
  ['09303973ab', 56],
  ['02051e3519', 56],
  ['09f5cd8612', 64],
  ['0d7365133f', 64],
  ['36f02c34', 64],
  ['04822b', 64],
  ['28ab40cf', 96],
  ['575200', 4],
  ['0134', 32],
  ['016af2', 32],
  ['0574', 32],
];

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** Texts: most of them valid, some with another length or prefix, some with a changed character. */
export function* texts(count, next) {
  const maker = new Maker(next);
  for (let number = 0; number < count; number += 1) {
    const [prefix, length] = maker.one(PREFIXES);
    const bytes = Buffer.concat([Buffer.from(prefix, 'hex'), maker.bytes(length)]);
    const what = maker.below(6);
    if (what === 0) bytes[maker.below(prefix.length / 2)] = maker.below(256);
    let text = bs58check.encode(what === 1 ? bytes.subarray(0, bytes.length - 1) : bytes);
    if (what === 2) {
      const at = maker.below(text.length);
      text = text.slice(0, at) + maker.one([...ALPHABET, '0', 'l', '']) + text.slice(at + 1);
    }
    yield text;
  }
}
