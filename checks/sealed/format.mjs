// The format sealed/1 of docs/sealed-keys.md, by an implementation that shares nothing with the signer: AES-GCM, SHA-256 and plain RSA of
// Node, with OAEP written out, so that every byte follows from the inputs.

import {
    constants, createCipheriv, createDecipheriv, createHash, createPublicKey, privateDecrypt, publicEncrypt,
} from 'node:crypto'
import { publicKeyOf, secretBytes, secretText, sha256 } from './tezos.mjs'

// RSA-OAEP with SHA-256 for label and mask (RFC 8017, section 7.1.1), with a given seed

const hash = (name, bytes) => createHash(name).update(bytes).digest()

function mask(name, seed, length) {
    const blocks = Array.from({ length: Math.ceil(length / 20) }, (_, index) => hash(name, Buffer.concat([seed, number(index)])))
    return Buffer.concat(blocks).subarray(0, length)
}

const xor = (left, right) => Buffer.from(left.map((byte, index) => byte ^ right[index]))

export const lengthOf = publicKey => Math.ceil(publicKey.asymmetricKeyDetails.modulusLength / 8)

/** Encrypts a padded block with plain RSA. */
export const encrypt = (publicKey, block) => publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, block)

export function wrap(publicKey, dataKey, seed, { name = 'sha256', label = '' } = {}) {
    const digest = hash(name, label)
    const padding = Buffer.alloc(lengthOf(publicKey) - dataKey.length - 2 * digest.length - 2)
    const block = Buffer.concat([digest, padding, Buffer.from([1]), dataKey])
    const start = seed.subarray(0, digest.length)
    const maskedBlock = xor(block, mask(name, start, block.length))
    const maskedSeed = xor(start, mask(name, maskedBlock, start.length))
    return encrypt(publicKey, Buffer.concat([Buffer.from([0]), maskedSeed, maskedBlock]))
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

export function associatedData({ format, address, public_key, role, chain, store, recipients }) {
    const parts = store.store === 'cosmos'
        ? ['cosmos', store.account, store.database, store.container, store.rid]
        : ['embedded', store.id]
    const entries = recipients.map(({ key, algorithm, public_key, wrapped_key }) =>
        Buffer.concat([key, algorithm, Buffer.from(public_key, 'base64'), Buffer.from(wrapped_key, 'base64')].map(field)))
    return Buffer.concat([
        ...[format, address, public_key, role, chain].map(field), list(parts.map(field)), field(sha256(list(entries))),
    ])
}

/** Encrypts a secret for everything else in `written`. */
export function encryptSecret(written, dataKey, secret) {
    const cipher = createCipheriv('aes-256-gcm', dataKey, Buffer.from(written.nonce, 'base64'))
    cipher.setAAD(associatedData(written))
    return Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

export const derOf = publicKey => publicKey.export({ type: 'spki', format: 'der' })

/** A recipient as it is written, from its public key; a recovery key without an identifier. */
export const recipient = (publicKey, wrapped, id) => ({
    key: id ?? `offline:${sha256(derOf(publicKey)).toString('hex')}`,
    algorithm: 'RSA-OAEP-256',
    public_key: derOf(publicKey).toString('base64'),
    wrapped_key: wrapped.toString('base64'),
})

export function sealed(inputs, keys) {
    const { secret_key, data_key, address, public_key, role, chain, store, recipients, nonce } = inputs
    const dataKey = Buffer.from(data_key, 'hex')
    const written = {
        format: 'sealed/1', address, public_key, role, chain, store,
        recipients: recipients.map(({ recipient: name, seed }) => {
            const publicKey = createPublicKey(keys[name].private_key)
            return recipient(publicKey, wrap(publicKey, dataKey, Buffer.from(seed, 'hex')), keys[name].vault_key)
        }),
        nonce: Buffer.from(nonce, 'hex').toString('base64'),
    }
    const data = associatedData(written).toString('hex')
    return { associated_data: data, sealed: { ...written, ciphertext: encryptSecret(written, dataKey, secretBytes(secret_key)) } }
}

/** Opens a sealed key with a recovery key, by Node's own OAEP, and returns the secret key as text. Throws if it does not open. */
export function open(written, privateKey) {
    const der = derOf(createPublicKey(privateKey)).toString('base64')
    const found = written.recipients.find(({ public_key }) => public_key === der)
    if (!found) throw new Error('not a recipient')
    const dataKey = privateDecrypt(
        { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, Buffer.from(found.wrapped_key, 'base64'))
    const bytes = Buffer.from(written.ciphertext, 'base64')
    const decipher = createDecipheriv('aes-256-gcm', dataKey, Buffer.from(written.nonce, 'base64'))
    decipher.setAAD(associatedData(written))
    decipher.setAuthTag(bytes.subarray(-16))
    const secret = Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()])
    if (publicKeyOf(secret) !== written.public_key) throw new Error('the secret of another key')
    return secretText(secret)
}
