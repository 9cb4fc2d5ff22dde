// Texts and keys of Tezos, as far as sealed keys need them: Base58Check, BLAKE2b, and the public key of a tz4 secret. Written out, with
// nothing but SHA-256 of Node.

import { createHash } from 'node:crypto'

export const sha256 = bytes => createHash('sha256').update(bytes).digest()

// Base58Check

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

export const PREFIXES = {
    address: [0x06, 0xa1, 0xa6], chain: [0x57, 0x52, 0x00], publicKey: [0x06, 0x95, 0x87, 0xcc], secretKey: [0x03, 0x96, 0xc0, 0x28],
}

export function encodeBase58(prefix, body) {
    const bytes = Buffer.concat([Buffer.from(prefix), body])
    let number = BigInt(`0x${Buffer.concat([bytes, sha256(sha256(bytes)).subarray(0, 4)]).toString('hex')}`)
    let text = ''
    for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text
    return text
}

/** The bytes after the prefix. Throws if the text is not the only one for these bytes. */
export function decodeBase58(text, prefix) {
    let number = 0n
    for (const character of text) number = number * 58n + BigInt(ALPHABET.indexOf(character))
    const digits = number.toString(16)
    const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
    const body = bytes.subarray(prefix.length, -4)
    if (encodeBase58(prefix, body) !== text) throw new Error(`${text}: not Base58Check with this prefix`)
    return body
}

/** The 32 bytes of a secret key, little-endian. */
export const secretBytes = text => decodeBase58(text, PREFIXES.secretKey)

export const secretText = bytes => encodeBase58(PREFIXES.secretKey, bytes)

// BLAKE2b (RFC 7693), without a key

const MASK = (1n << 64n) - 1n
const IV = [
    0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n,
    0x510e527fade682d1n, 0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n,
]
const SIGMA = [
    '0123456789abcdef', 'ea489fd61c02b753', 'b8c052fdae367194', '7931dcbe265a40f8', '905724afe1bc683d',
    '2c6a0b834d75fe19', 'c51fed4a0763928b', 'db7ec13950f4862a', '6fe9b308c2d714a5', 'a2847615fb9e3cd0',
].map(row => [...row].map(digit => parseInt(digit, 16)))

export function blake2b(input, length) {
    const rotate = (value, bits) => ((value >> bits) | (value << (64n - bits))) & MASK
    const state = [...IV]
    state[0] ^= 0x01010000n ^ BigInt(length)
    const blocks = Math.max(1, Math.ceil(input.length / 128))
    for (let block = 0; block < blocks; block++) {
        const bytes = Buffer.alloc(128)
        input.copy(bytes, 0, block * 128, Math.min(input.length, block * 128 + 128))
        const words = Array.from({ length: 16 }, (_, index) => bytes.readBigUInt64LE(index * 8))
        const v = [...state, ...IV]
        v[12] ^= BigInt(Math.min(input.length, block * 128 + 128))
        if (block === blocks - 1) v[14] ^= MASK
        const mix = (a, b, c, d, x, y) => {
            v[a] = (v[a] + v[b] + x) & MASK
            v[d] = rotate(v[d] ^ v[a], 32n)
            v[c] = (v[c] + v[d]) & MASK
            v[b] = rotate(v[b] ^ v[c], 24n)
            v[a] = (v[a] + v[b] + y) & MASK
            v[d] = rotate(v[d] ^ v[a], 16n)
            v[c] = (v[c] + v[d]) & MASK
            v[b] = rotate(v[b] ^ v[c], 63n)
        }
        for (let round = 0; round < 12; round++) {
            const word = index => words[SIGMA[round % 10][index]]
            for (let column = 0; column < 4; column++) {
                mix(column, column + 4, column + 8, column + 12, word(2 * column), word(2 * column + 1))
            }
            for (let column = 0; column < 4; column++) {
                const [b, c, d] = [1, 2, 3].map(shift => ((column + shift) % 4) + 4 * shift)
                mix(column, b, c, d, word(8 + 2 * column), word(9 + 2 * column))
            }
        }
        for (let index = 0; index < 8; index++) state[index] ^= v[index] ^ v[index + 8]
    }
    const output = Buffer.alloc(64)
    state.forEach((word, index) => output.writeBigUInt64LE(word, index * 8))
    return output.subarray(0, length)
}

/** The address of a public key, both as texts. */
export const addressOf = publicKey => encodeBase58(PREFIXES.address, blake2b(decodeBase58(publicKey, PREFIXES.publicKey), 20))

// BLS12-381, group G1: y² = x³ + 4

const P = 0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn
const ORDER = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n
const GENERATOR = [
    0x17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bbn,
    0x08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1n,
]

const modulo = number => ((number % P) + P) % P

function inverse(number) {
    let [a, b, x, y] = [modulo(number), P, 1n, 0n]
    while (b) [a, b, x, y] = [b, a % b, y, x - (a / b) * y]
    return modulo(x)
}

/** The sum of two points; `undefined` is the neutral element. */
function add(left, right) {
    if (!left || !right) return left ?? right
    const [[x1, y1], [x2, y2]] = [left, right]
    if (x1 === x2 && y1 !== y2) return undefined
    const slope = x1 === x2 ? 3n * x1 * x1 * inverse(2n * y1) : (y2 - y1) * inverse(x2 - x1)
    const x = modulo(slope * slope - x1 - x2)
    return [x, modulo(slope * (x1 - x) - y1)]
}

/** The public key of a secret, as text. Throws if the secret is not a number from 1 to the order of the group. */
export function publicKeyOf(secret) {
    let number = BigInt(`0x${Buffer.from(secret).reverse().toString('hex')}`)
    if (secret.length !== 32 || number === 0n || number >= ORDER) throw new Error('not a secret key')
    let [sum, power] = [undefined, GENERATOR]
    for (; number > 0n; number >>= 1n) {
        if (number & 1n) sum = add(sum, power)
        power = add(power, power)
    }
    const [x, y] = sum
    const bytes = Buffer.from(x.toString(16).padStart(96, '0'), 'hex')
    bytes[0] |= 0x80 | (2n * y > P ? 0x20 : 0)
    return encodeBase58(PREFIXES.publicKey, bytes)
}
