#!/usr/bin/env node
// The test vectors of sealed keys, conformance/sealed/vectors.json, by an implementation of docs/sealed-keys.md that shares nothing with
// the signer: AES-GCM, SHA-256 and plain RSA of Node, with OAEP and Base58Check written out, so that every byte follows from the inputs.
//
//     checks/sealed/vectors.mjs            compares the file with the inputs in it
//     checks/sealed/vectors.mjs --write    writes it again, after the format or an input was changed

import assert from 'node:assert/strict'
import {
    constants, createCipheriv, createDecipheriv, createHash, createPrivateKey, createPublicKey, generateKeyPairSync, privateDecrypt,
    publicEncrypt,
} from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const FILE = new URL('../../conformance/sealed/vectors.json', import.meta.url)
const ABOUT =
    'Keys sealed as docs/sealed-keys.md specifies, with all secrets in the clear: FOR TESTS ONLY, anyone can open them. ' +
    'checks/sealed/vectors.mjs computes everything from the inputs: each secret key, data key, nonce and seed.'

const sha256 = bytes => createHash('sha256').update(bytes).digest()

// Base58Check

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

function decodeBase58(text, prefix) {
    let number = 0n
    for (const character of text) number = number * 58n + BigInt(ALPHABET.indexOf(character))
    const digits = number.toString(16)
    const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
    const body = bytes.subarray(0, -4)
    assert.deepEqual(sha256(sha256(body)).subarray(0, 4), bytes.subarray(-4), `${text}: checksum`)
    assert.deepEqual(body.subarray(0, prefix.length), Buffer.from(prefix), `${text}: prefix`)
    return body.subarray(prefix.length)
}

/** The 32 bytes of a secret key, little-endian. */
const secretBytes = text => decodeBase58(text, [0x03, 0x96, 0xc0, 0x28])

// RSA-OAEP with SHA-256 for label and mask (RFC 8017, section 7.1.1), with a given seed

function mask(seed, length) {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) => sha256(Buffer.concat([seed, number(index)])))
    return Buffer.concat(blocks).subarray(0, length)
}

const xor = (left, right) => Buffer.from(left.map((byte, index) => byte ^ right[index]))

function wrap(publicKey, dataKey, seed) {
    const length = publicKey.asymmetricKeyDetails.modulusLength / 8
    const padding = Buffer.alloc(length - dataKey.length - 2 * 32 - 2)
    const block = Buffer.concat([sha256(Buffer.alloc(0)), padding, Buffer.from([1]), dataKey])
    const maskedBlock = xor(block, mask(seed, block.length))
    const maskedSeed = xor(seed, mask(maskedBlock, seed.length))
    const encoded = Buffer.concat([Buffer.from([0]), maskedSeed, maskedBlock])
    return publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, encoded)
}

// The format

function number(value) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
}

function field(value) {
    const bytes = Buffer.from(value)
    return Buffer.concat([number(bytes.length), bytes])
}

const list = elements => Buffer.concat([number(elements.length), ...elements])

function associatedData({ format, address, public_key, role, chain, store, recipients }) {
    const parts = store.store === 'cosmos'
        ? ['cosmos', store.account, store.database, store.container, store.rid]
        : ['embedded', store.id]
    const entries = recipients.map(({ key, algorithm, public_key, wrapped_key }) =>
        Buffer.concat([key, algorithm, Buffer.from(public_key, 'base64'), Buffer.from(wrapped_key, 'base64')].map(field)))
    return Buffer.concat([
        ...[format, address, public_key, role, chain].map(field), list(parts.map(field)), field(sha256(list(entries))),
    ])
}

function sealed(inputs, keys) {
    const { secret_key, data_key, address, public_key, role, chain, store, recipients, nonce } = inputs
    const dataKey = Buffer.from(data_key, 'hex')
    const written = {
        format: 'sealed/1', address, public_key, role, chain, store,
        recipients: recipients.map(({ recipient, seed }) => {
            const { vault_key, private_key } = keys[recipient]
            const publicKey = createPublicKey(private_key)
            const der = publicKey.export({ type: 'spki', format: 'der' })
            return {
                key: vault_key ?? `offline:${sha256(der).toString('hex')}`,
                algorithm: 'RSA-OAEP-256',
                public_key: der.toString('base64'),
                wrapped_key: wrap(publicKey, dataKey, Buffer.from(seed, 'hex')).toString('base64'),
            }
        }),
        nonce: Buffer.from(nonce, 'hex').toString('base64'),
    }
    const data = associatedData(written)
    const cipher = createCipheriv('aes-256-gcm', dataKey, Buffer.from(nonce, 'hex'))
    cipher.setAAD(data)
    const ciphertext = Buffer.concat([cipher.update(secretBytes(secret_key)), cipher.final(), cipher.getAuthTag()])
    return { associated_data: data.toString('hex'), sealed: { ...written, ciphertext: ciphertext.toString('base64') } }
}

/** Opens a sealed key with a recovery key, by Node's own OAEP. */
function open(written, privateKey) {
    const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64')
    const { wrapped_key } = written.recipients.find(({ public_key }) => public_key === der)
    const dataKey = privateDecrypt(
        { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, Buffer.from(wrapped_key, 'base64'))
    const bytes = Buffer.from(written.ciphertext, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', dataKey, Buffer.from(written.nonce, 'base64'))
    decipher.setAAD(associatedData(written))
    decipher.setAuthTag(bytes.subarray(-16))
    return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()])
}

// Inputs of a new file: the tz4 account of Octez' tests, and one whose secret is the number 2

const COSMOS = { store: 'cosmos', account: 'bakery', database: 'signer', container: 'märks', rid: 'u7kYALg2ZXo=' }
const EMBEDDED = { store: 'embedded', id: '00112233445566778899aabbccddeeff' }
const OCTEZ = {
    secret_key: 'BLsk1hKAHyGqY9qRbgoSVnjiSmDWpKGjFF3WNQ7BaiaMUA6RMA6Pfq',
    public_key: 'BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV',
    address: 'tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn',
}

const privateKey = bits => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: bits })
    return createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' })).export({ type: 'pkcs8', format: 'pem' })
}

const bytes = (name, length) => sha256(name).subarray(0, length).toString('hex')

function inputs(name, account, role, chain, store, recipients) {
    const seeds = recipients.map((recipient, index) => ({ recipient, seed: bytes(`${name}: seed ${index}`, 32) }))
    const [data_key, nonce] = [bytes(`${name}: data key`, 32), bytes(`${name}: nonce`, 12)]
    return { name, ...account, data_key, role, chain, store, recipients: seeds, nonce }
}

const fresh = () => ({
    keys: {
        north: { vault_key: 'https://bakery-north.vault.azure.net/keys/sealing/0123456789abcdef0123456789abcdef', private_key: privateKey(3072) },
        west: { vault_key: 'https://bakery-west.managedhsm.azure.net/keys/sealing-2/fedcba9876543210fedcba9876543210', private_key: privateKey(4096) },
        safe: { private_key: privateKey(3072) },
        cabinet: { private_key: privateKey(4096) },
    },
    vectors: [
        inputs('consensus', OCTEZ, 'consensus', 'NetXdQprcVkpaWU', COSMOS, ['north', 'safe']),
        inputs('companion', OCTEZ, 'companion', 'NetXnHfVqm9iesp', EMBEDDED, ['cabinet', 'west', 'north', 'safe']),
    ],
})

function compute({ keys, vectors }) {
    for (const key of Object.values(keys)) {
        key.public_key = createPublicKey(key.private_key).export({ type: 'spki', format: 'pem' })
    }
    const complete = vectors.map(({ inputs }) => ({ inputs, ...sealed(inputs, keys) }))
    for (const { inputs, sealed } of complete) {
        for (const { recipient } of inputs.recipients) {
            assert.deepEqual(open(sealed, keys[recipient].private_key), secretBytes(inputs.secret_key), `${inputs.name}, ${recipient}`)
        }
    }
    return `${JSON.stringify({ about: ABOUT, keys, vectors: complete }, null, 2)}\n`
}

const stored = existsSync(FILE) ? readFileSync(FILE, 'utf8') : undefined
const { keys, vectors } = stored ? JSON.parse(stored) : (({ keys, vectors }) => ({ keys, vectors: vectors.map(inputs => ({ inputs })) }))(fresh())
const computed = compute({ keys, vectors })
if (process.argv[2] === '--write') {
    writeFileSync(FILE, computed)
} else if (computed !== stored) {
    console.error('conformance/sealed/vectors.json is not what its inputs yield: run checks/sealed/vectors.mjs --write')
    process.exit(1)
} else {
    console.log(`${vectors.length} vectors of sealed keys are as specified`)
}
