// Reads a sealed key as docs/sealed-keys.md specifies it: the only form of each value, and nothing else. Shares nothing with the signer.

import { createPublicKey } from 'node:crypto'
import { derOf, lengthOf } from './format.mjs'
import { PREFIXES, addressOf, decodeBase58, sha256 } from './tezos.mjs'

const MAX_LENGTH = 65536
const FIELDS = ['format', 'address', 'public_key', 'role', 'chain', 'store', 'recipients', 'nonce', 'ciphertext']
const OF_STORE = { cosmos: ['store', 'account', 'database', 'container', 'rid'], embedded: ['store', 'id'] }
const OF_RECIPIENT = ['key', 'algorithm', 'public_key', 'wrapped_key']

const isObject = value => typeof value === 'object' && value !== null && !Array.isArray(value)
const areTexts = (object, names) => names.every(name => typeof object[name] === 'string')
const hasOnly = (object, names) => Object.keys(object).every(name => names.includes(name))

/** Whether a text is Base58Check of this many bytes with this prefix. */
function isBase58(text, prefix, length) {
    try {
        return decodeBase58(text, prefix).length === length
    } catch {
        return false
    }
}

const isBase64 = text => Buffer.from(text, 'base64').toString('base64') === text
const lengthOfBase64 = text => Buffer.from(text, 'base64').length
const isDistinct = values => new Set(values).size === values.length

/** A public key from the base64 of its DER; `undefined` if it cannot be read as one. */
function rsaKey(text) {
    try {
        return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
    } catch {
        return undefined
    }
}

/** Whether a name occurs twice in an object, at any depth; the text is valid JSON. */
function repeatsAName(text) {
    const open = []
    let last
    for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
        if (token === '{' || token === '[') open.push(new Set())
        if (token === '}' || token === ']') open.pop()
        if (token === ':') {
            const name = JSON.parse(last)
            if (open.at(-1).has(name)) return true
            open.at(-1).add(name)
        }
        last = token
    }
    return false
}

const HOST = /^(?:[a-z0-9-]+\.){2,}[a-z0-9-]+(?::(?!443$)[1-9][0-9]{0,4})?$/
const KEY = /^(release:)?https:\/\/([^/]*)\/keys\/[A-Za-z0-9-]{1,127}\/[A-Za-z0-9]{1,127}$/
const OFFLINE = /^offline:[0-9a-f]{64}$/

/** A vault that releases the key to confidential containers is called at port 443. */
const isInVault = ({ key }) => {
    const [, released, host = ''] = KEY.exec(key) ?? []
    return HOST.test(host) && !(released && host.includes(':'))
}
const isOffline = ({ key }) => OFFLINE.test(key)

/** What must hold of the JSON value, in this order: what follows may rely on what precedes. The essential ones cannot be left out. */
const ESSENTIAL = [
    document => isObject(document) && areTexts(document, FIELDS.filter(name => name !== 'store' && name !== 'recipients')),
    ({ store }) => isObject(store) && typeof store.store === 'string' && Object.hasOwn(OF_STORE, store.store),
    ({ store }) => areTexts(store, OF_STORE[store.store]),
    ({ recipients }) => Array.isArray(recipients),
    ({ recipients }) => recipients.every(recipient => isObject(recipient) && areTexts(recipient, OF_RECIPIENT)),
    ({ recipients }) => recipients.every(({ public_key }) => rsaKey(public_key)),
    ({ public_key }) => isBase58(public_key, PREFIXES.publicKey, 48),
]

/** The rules, by name. Each can be left out, for a reader that is careless in this respect. */
export const RULES = {
    'only the fields': document => hasOnly(document, FIELDS),
    'only the fields of a store': ({ store }) => hasOnly(store, OF_STORE[store.store]),
    'only the fields of a recipient': ({ recipients }) => recipients.every(recipient => hasOnly(recipient, OF_RECIPIENT)),
    'the format': ({ format }) => format === 'sealed/1',
    'the address of the public key': ({ address, public_key }) => address === addressOf(public_key),
    'a role': ({ role }) => role === 'consensus' || role === 'companion',
    'a chain': ({ chain }) => isBase58(chain, PREFIXES.chain, 4),
    'a store with all its parts': ({ store }) => Object.values(store).every(part => part !== ''),
    'the id of an embedded store': ({ store }) => store.store !== 'embedded' || /^[0-9a-f]{32}$/.test(store.id),
    'at most 16 recipients': ({ recipients }) => recipients.length <= 16,
    'identifiers': ({ recipients }) => recipients.every(recipient => isInVault(recipient) || isOffline(recipient)),
    'the algorithm': ({ recipients }) => recipients.every(({ algorithm }) => algorithm === 'RSA-OAEP-256'),
    'RSA keys in their only encoding': ({ recipients }) => recipients.every(({ public_key }) =>
        rsaKey(public_key).asymmetricKeyType === 'rsa' && derOf(rsaKey(public_key)).equals(Buffer.from(public_key, 'base64'))),
    '3072 bits': ({ recipients }) => recipients.every(({ public_key }) => {
        const { modulusLength } = rsaKey(public_key).asymmetricKeyDetails
        return modulusLength === undefined || modulusLength >= 3072
    }),
    'the fingerprint of a recovery key': ({ recipients }) => recipients.filter(isOffline).every(({ key, public_key }) =>
        key === `offline:${sha256(Buffer.from(public_key, 'base64')).toString('hex')}`),
    'wrapped keys as long as the RSA keys': ({ recipients }) => recipients.every(({ public_key, wrapped_key }) =>
        lengthOfBase64(wrapped_key) === lengthOf(rsaKey(public_key))),
    'each identifier once': ({ recipients }) => isDistinct(recipients.map(({ key }) => key)),
    'each public key once': ({ recipients }) => isDistinct(recipients.map(({ public_key }) => public_key)),
    'a recipient in a vault': ({ recipients }) => recipients.some(isInVault),
    'a recovery key': ({ recipients }) => recipients.some(isOffline),
    'base64 with padding': ({ recipients, nonce, ciphertext }) =>
        [nonce, ciphertext, ...recipients.flatMap(({ public_key, wrapped_key }) => [public_key, wrapped_key])].every(isBase64),
    'a nonce of 12 bytes': ({ nonce }) => lengthOfBase64(nonce) === 12,
    'a ciphertext of 48 bytes': ({ ciphertext }) => lengthOfBase64(ciphertext) === 48,
}

export const OF_TEXT = ['the length', 'each name once']

/** The sealed key in these bytes; `undefined` if they are malformed. `careless` is the name of a rule that is not applied. */
export function read(bytes, careless) {
    if (careless !== 'the length' && bytes.length > MAX_LENGTH) return undefined
    let text, document
    try {
        text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
        document = JSON.parse(text)
    } catch {
        return undefined
    }
    if (careless !== 'each name once' && repeatsAName(text)) return undefined
    if (!ESSENTIAL.every(rule => rule(document))) return undefined
    return Object.entries(RULES).every(([name, rule]) => name === careless || rule(document)) ? document : undefined
}
