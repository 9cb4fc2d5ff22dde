// The conformance cases of sealed keys: documents, and what each must lead to, by hand.

import { createPublicKey } from 'node:crypto'
import { derOf, encrypt, encryptSecret, lengthOf, recipient, wrap } from './format.mjs'
import { addressOf, publicKeyOf, secretBytes, sha256 } from './tezos.mjs'

const clone = value => JSON.parse(JSON.stringify(value))

/** As many bytes as needed, from a name. */
const bytes = (name, length) =>
    Buffer.concat(Array.from({ length: Math.ceil(length / 32) }, (_, index) => sha256(`${name} ${index}`))).subarray(0, length)

/** An RSA public key of which nobody has the private part. */
function publicKey(name, bits) {
    const n = bytes(name, Math.ceil(bits / 8))
    n[0] = (n[0] & (0xff >> ((8 - (bits % 8)) % 8))) | (1 << ((bits - 1) % 8))
    n[n.length - 1] |= 1
    return createPublicKey({ key: { kty: 'RSA', n: n.toString('base64url'), e: 'AQAB' }, format: 'jwk' })
}

/** A DER element. */
function der(tag, ...parts) {
    const body = Buffer.concat(parts)
    const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 0xff]
    return Buffer.concat([Buffer.from([tag, ...length]), body])
}

export function tables({ keys, vectors }) {
    const { inputs, sealed: original } = vectors[0]
    const { inputs: otherInputs, sealed: embedded } = vectors[1]
    const dataKey = Buffer.from(inputs.data_key, 'hex')
    const secret = secretBytes(inputs.secret_key)
    const otherSecret = Buffer.concat([Buffer.from([7]), Buffer.alloc(31)])
    const otherPublicKey = publicKeyOf(otherSecret)
    const rsa = name => createPublicKey(keys[name].public_key)
    const text = value => `${JSON.stringify(value, null, 2)}\n`
    const flip = (encoded, index) => {
        const changed = Buffer.from(encoded, 'base64')
        changed[index] ^= 1
        return changed.toString('base64')
    }

    const cases = []
    const add = (expected, id, why, consequence, document, more = {}) => {
        const given = typeof document === 'string' ? { document } : { document_hex: document.toString('hex') }
        const opened = expected === 'opens' ? { secret_key: more.secret_key ?? inputs.secret_key } : {}
        cases.push({ id: `sealed/${id}`, why, consequence, ...given, recovery_key: 'safe', ...more, expected, ...opened })
    }
    const changed = change => {
        const written = clone(original)
        return change(written) ?? written
    }
    /** Changed before it was sealed, so that it would open if it was read. */
    const resealed = (change, key = dataKey, bytes = secret) => {
        const written = changed(change)
        written.ciphertext = encryptSecret(written, key, bytes)
        return written
    }
    const opens = (id, why, document, more) => add('opens', id, why, 'lost_slot', document, more)
    const malformed = (id, why, consequence, change) => add('malformed', id, why, consequence, text(resealed(change)))
    const malformedText = (id, why, document, more, consequence = 'cosmetic') => add('malformed', id, why, consequence, document, more)
    const closed = (id, why, consequence, change, more) => add('does_not_open', id, why, consequence, text(changed(change)), more)
    const recipientOf = (name, bits, id) => {
        const key = publicKey(name, bits)
        return recipient(key, wrap(key, dataKey, bytes(name, 32)), id)
    }
    const faked = (name, bits) => recipientOf(name, bits, `https://${name}.vault.azure.net/keys/sealing/0123`)

    // Valid documents

    opens('valid/cosmos', 'A consensus key with its marks in a container, for a vault and a recovery key.', text(original))
    for (const recovery_key of ['safe', 'cabinet']) {
        opens(`valid/embedded-by-${recovery_key}`, 'A companion key with an embedded store, for four recipients: each recovery key opens it.',
            text(embedded), { recovery_key, secret_key: otherInputs.secret_key })
    }
    opens('valid/by-the-key-of-the-vault', 'The private part of any recipient opens it: nothing in it depends on where a key is kept.',
        text(original), { recovery_key: 'north' })
    opens('valid/compact', 'White space between the values does not count.', JSON.stringify(original))
    opens('valid/other-order', 'Fields may come in any order, since JSON libraries write them in any order.',
        text(Object.fromEntries(Object.entries(original).reverse())))
    opens('valid/escapes', 'A JSON text with escapes is the same value: some libraries escape every slash and every non-ASCII character.',
        JSON.stringify(original).replaceAll('/', '\\/').replaceAll('ä', '\\u00e4'))
    opens('valid/longest', 'A document of 65,536 bytes is not too long.', text(original), { padded_to: 65536 })
    const of16 = resealed(written => {
        written.recipients.push(...Array.from({ length: 14 }, (_, index) => faked(`vault-${index}`, 3072)))
    })
    opens('valid/16-recipients', 'Sixteen recipients are allowed.', text(of16))
    opens('valid/recipient-with-a-port', 'The vault of a recipient may have a port, as stand-ins in tests do.',
        text(resealed(written => { written.recipients[0].key = 'https://bakery-north.vault.localhost:8443/keys/sealing/0123' })))
    opens('valid/recipient-released-to-containers', 'A vault may release the key of a recipient to confidential containers, instead of unwrapping with it.',
        text(resealed(written => { written.recipients[0].key = 'release:https://bakery-north.vault.azure.net/keys/release/0123' })))
    opens('valid/rsa-of-3073-bits', 'RSA keys of 3072 bits or more are allowed; the wrapped key has the length of the modulus in whole bytes.',
        text(resealed(written => written.recipients.push(faked('odd', 3073)) && undefined)))

    // Not a document of this format

    const compact = JSON.stringify(original)
    malformedText('text/empty', 'An empty file, as after a write that failed, is not a sealed key.', '')
    malformedText('text/half', 'Half a file, as after a copy that was interrupted, is not a sealed key.', compact.slice(0, compact.length / 2))
    malformedText('text/without-its-last-byte', 'A file without its last byte is not a sealed key.', compact.slice(0, -1))
    malformedText('text/twice', 'Nothing follows the object: a reader that stops at its end reads half of the file.', compact + compact)
    malformedText('text/list', 'The document is an object, and not its values in order.', JSON.stringify(Object.values(original)))
    malformedText('text/not-utf-8', 'The document is UTF-8; a reader that replaces what is not may read another store.',
        Buffer.from(compact.replace('ä', '\u0000')).map(byte => byte === 0 ? 0xe4 : byte), {}, 'slashing')
    malformedText('text/too-long', 'A document of 65,537 bytes is too long, even if the rest is white space.', text(original), { padded_to: 65537 })
    malformedText('text/comment', 'JSON has no comments.', compact.replace('{', '{/* north */'))
    for (const name of Object.keys(original)) {
        malformedText(`fields/without-${name.replaceAll('_', '-')}`, `Without ${name}, it is not clear what is sealed, for whom, or for what.`,
            text(changed(written => delete written[name] && undefined)))
        malformedText(`fields/${name.replaceAll('_', '-')}-twice`, `With two values of ${name}, two readers can use different ones.`,
            compact.replace('{', `{${JSON.stringify(name)}:${JSON.stringify(original[name])},`), {}, 'slashing')
    }
    for (const [name, value] of Object.entries(original)) {
        malformedText(`fields/${name.replaceAll('_', '-')}-of-another-type`, `${name} has one type; a reader that converts others reads what nobody wrote.`,
            text(changed(written => { written[name] = typeof value === 'string' ? [value] : JSON.stringify(value) })))
    }
    malformed('fields/one-more', 'An unknown field could be meant to restrict the key, so it is not ignored.', 'cosmetic', written => { written.note = '' })
    malformed('fields/other-format', 'Another version of the format can have other rules.', 'slashing', written => { written.format = 'sealed/2' })
    malformed('fields/format-in-capitals', 'The tag of the format has one spelling.', 'cosmetic', written => { written.format = 'Sealed/1' })

    // Public values

    malformed('key/other-address', 'The address is that of the public key: a signer that trusts it signs for another key.', 'lost_slot',
        written => { written.address = addressOf(otherPublicKey) })
    malformed('key/address-with-a-space', 'An address has one spelling.', 'cosmetic', written => { written.address += ' ' })
    malformed('key/wrong-checksum', 'A public key with a wrong checksum was mistyped.', 'lost_slot',
        written => { written.public_key = written.public_key.replace('BLpk1yUi', 'BLpk1yUj') })
    malformed('key/other-curve', 'Only tz4 keys are sealed. An HSM keeps keys of other curves.', 'cosmetic', written => {
        written.public_key = 'p2pk66Y3178eHvgWFA4CDsgGPhbkWtwrYCVUKJnsAi41eGP7MbHKv24'
        written.address = 'tz3QUCqZb3fyQ9PkrbR2rjQMKuvhJ8tpZRP1'
    })
    for (const [id, role] of [['in-capitals', 'Consensus'], ['unknown', 'baker'], ['empty', '']]) {
        malformed(`key/role-${id}`, 'There are two roles, consensus and companion, each with one spelling.', 'slashing', written => { written.role = role })
    }
    malformed('key/chain-with-a-wrong-checksum', 'A chain id with a wrong checksum was mistyped.', 'slashing',
        written => { written.chain = written.chain.replace('NetXdQ', 'NetXdR') })
    malformed('key/chain-in-hexadecimal', 'A chain has one spelling, Net….', 'cosmetic', written => { written.chain = '7a06a770' })

    // The mark store

    const ofStore = (id, why, change, consequence = 'slashing') => malformed(`store/${id}`, why, consequence, change)
    for (const name of ['account', 'database', 'container', 'rid']) {
        ofStore(`empty-${name}`, `Without ${name}, other stores have the same identity, and they may lack the marks.`, written => { written.store[name] = '' })
        malformedText(`store/without-${name}`, `Without ${name}, other stores have the same identity, and they may lack the marks.`,
            text(changed(written => delete written.store[name] && undefined)), {}, 'slashing')
    }
    ofStore('unknown-type', 'A store of an unknown type cannot be compared with the one in use.', written => { written.store = { store: 'file', id: '0' } })
    ofStore('one-more-field', 'A further field could distinguish stores, so it is not ignored.', written => { written.store.region = 'north' })
    malformedText('store/account-twice', 'With two accounts, two readers can compare with different stores.',
        compact.replace('"account":', '"account":"bakery2","account":'), {}, 'slashing')
    malformedText('store/as-a-list', 'A store is an object, and not its values in order.',
        text(changed(written => { written.store = Object.values(written.store) })))
    for (const [id, value] of [['short', '0'.repeat(31)], ['long', '0'.repeat(33)], ['in-capitals', 'A'.repeat(32)], ['empty', '']]) {
        ofStore(`embedded-id-${id}`, 'The id of an embedded store has 32 hexadecimal digits in lower case, so that no two spellings are the same store.',
            written => { written.store = { store: 'embedded', id: value } })
    }

    // Recipients

    const [north, safe] = original.recipients
    const ofRecipients = (id, why, change, consequence = 'cosmetic') => malformed(`recipients/${id}`, why, consequence, change)
    ofRecipients('none', 'Without recipients, nobody can open it.', written => { written.recipients = [] }, 'lost_slot')
    ofRecipients('no-recovery-key', 'Without a recovery key, a lost vault is a lost key.', written => { written.recipients.splice(1, 1, faked('west', 3072)) }, 'lost_slot')
    ofRecipients('no-vault', 'Without a recipient in a vault, no signer can open it.', written => { written.recipients.splice(0, 1, recipientOf('second', 3072)) }, 'lost_slot')
    ofRecipients('17', 'More than sixteen recipients are not allowed: a signer would wait for too many vaults.', written => {
        written.recipients.push(...Array.from({ length: 15 }, (_, index) => faked(`vault-${index}`, 3072)))
    })
    ofRecipients('identifier-twice', 'One identifier with two public keys: one of them is wrong.', written => { written.recipients.push({ ...faked('west', 3072), key: north.key }) })
    ofRecipients('public-key-twice', 'One public key under two identifiers: what loses one loses both.',
        written => { written.recipients.push({ ...north, key: 'https://bakery-west.vault.azure.net/keys/sealing/0123' }) }, 'lost_slot')
    ofRecipients('one-more-field', 'A further field could restrict the recipient, so it is not ignored.', written => { written.recipients[0].note = '' })
    for (const name of Object.keys(north)) {
        malformedText(`recipients/without-${name.replaceAll('_', '-')}`, `A recipient without ${name} cannot unwrap.`, text(changed(written => delete written.recipients[0][name] && undefined)))
        malformedText(`recipients/${name.replaceAll('_', '-')}-of-another-type`, `${name} is a text, and nothing that can be converted to one.`, text(changed(written => { written.recipients[0][name] = 1 })))
    }
    malformedText('recipients/key-twice', 'With two identifiers, two readers can call different vaults.',
        compact.replace('"key":', '"key":"https://bakery-west.vault.azure.net/keys/sealing/0123","key":'), {}, 'slashing')
    malformedText('recipients/as-lists', 'A recipient is an object, and not its values in order.',
        text(changed(written => { written.recipients = written.recipients.map(Object.values) })))
    malformedText('recipients/one-object', 'Recipients are a list.', text(changed(written => { written.recipients = written.recipients[0] })))
    for (const [id, key] of [
        ['host-in-capitals', 'https://Bakery-north.vault.azure.net/keys/sealing/0123'],
        ['port-443', 'https://bakery-north.vault.azure.net:443/keys/sealing/0123'],
        ['http', 'http://bakery-north.vault.azure.net/keys/sealing/0123'],
        ['without-scheme', 'bakery-north.vault.azure.net/keys/sealing/0123'],
        ['without-version', 'https://bakery-north.vault.azure.net/keys/sealing'],
        ['with-empty-version', 'https://bakery-north.vault.azure.net/keys/sealing/'],
        ['with-further-path', 'https://bakery-north.vault.azure.net/keys/sealing/0123/0'],
        ['with-query', 'https://bakery-north.vault.azure.net/keys/sealing/0123?api-version=7.4'],
        ['with-user', 'https://north@bakery-north.vault.azure.net/keys/sealing/0123'],
        ['with-path-before', 'https://bakery-north.vault.azure.net/a/keys/sealing/0123'],
        ['of-a-secret', 'https://bakery-north.vault.azure.net/secrets/sealing/0123'],
        ['of-a-bare-host', 'https://localhost/keys/sealing/0123'],
        ['with-a-space', 'https://bakery-north.vault.azure.net/keys/sealing/0123 '],
        ['empty', ''],
        ['released-with-a-port', 'release:https://bakery-north.vault.localhost:8443/keys/release/0123'],
        ['released-in-capitals', 'Release:https://bakery-north.vault.azure.net/keys/release/0123'],
        ['released-without-scheme', 'release:bakery-north.vault.azure.net/keys/release/0123'],
        ['released-twice', 'release:release:https://bakery-north.vault.azure.net/keys/release/0123'],
    ]) {
        ofRecipients(`identifier-${id}`, 'A key in a vault has one spelling, https://<vault>/keys/<name>/<version>, possibly after release:; any other could be read as another vault.',
            written => {
                written.recipients[0].key = key
                written.recipients.push(faked('west', 3072))
            })
    }
    const fingerprint = safe.key.slice('offline:'.length)
    for (const [id, key] of [
        ['of-another-key', `offline:${sha256('other').toString('hex')}`],
        ['in-capitals', `offline:${fingerprint.toUpperCase()}`],
        ['short', `offline:${fingerprint.slice(1)}`],
        ['scheme-in-capitals', `Offline:${fingerprint}`],
    ]) {
        ofRecipients(`fingerprint-${id}`, 'A recovery key is identified by the SHA-256 of its public key, in lower case; a wrong one names a key that cannot open it.',
            written => { written.recipients[1].key = key }, 'lost_slot')
    }
    for (const [id, algorithm] of [['with-sha-1', 'RSA-OAEP'], ['in-lower-case', 'rsa-oaep-256'], ['pkcs1', 'RSA1_5'], ['empty', '']]) {
        ofRecipients(`algorithm-${id}`,
            'There is one algorithm, RSA-OAEP-256, so that no file can make a signer use a weaker one.',
            written => { written.recipients[0].algorithm = algorithm }, 'slashing')
    }
    for (const bits of [2048, 3071]) {
        ofRecipients(`rsa-of-${bits}-bits`, 'An RSA key of less than 3072 bits is weaker than the tz4 key.', written => { written.recipients.push(faked('short', bits)) }, 'slashing')
    }
    const spki = derOf(rsa('north'))
    const inner = spki.subarray(24)
    const withKey = (id, why, encoded) => ofRecipients(`public-key-${id}`, why, written => { written.recipients[0].public_key = encoded.toString('base64') })
    withKey('with-a-further-byte', 'Nothing follows the DER: the fingerprint would be another one for the same key.', Buffer.concat([spki, Buffer.alloc(1)]))
    withKey('pkcs1', 'The public key is a SubjectPublicKeyInfo, and not an RSAPublicKey.', inner)
    withKey('without-parameters', 'rsaEncryption has the parameters NULL: without them, the key has another encoding and fingerprint.',
        der(0x30, der(0x30, Buffer.from('06092a864886f70d010101', 'hex')), der(0x03, Buffer.concat([Buffer.alloc(1), inner]))))
    withKey('for-pss', 'A key for RSASSA-PSS only signs; the identifier is rsaEncryption.',
        der(0x30, der(0x30, Buffer.from('06092a864886f70d01010a', 'hex')), der(0x03, Buffer.concat([Buffer.alloc(1), inner]))))
    withKey('in-ber', 'Lengths have the shortest form, as DER requires.', Buffer.concat([Buffer.from([0x30, 0x83, 0x00]), spki.subarray(2)]))
    withKey('of-p256', 'A recipient has an RSA key, since only RSA keys unwrap in a vault.',
        Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296' +
            '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5', 'hex'))
    withKey('empty', 'A recipient has a public key.', Buffer.alloc(0))
    const wrappedOf = (id, encoded) => ofRecipients(`wrapped-key-${id}`, 'A wrapped key is as long as the modulus of the RSA key.', written => { written.recipients[0].wrapped_key = encoded.toString('base64') })
    const wrapped = Buffer.from(north.wrapped_key, 'base64')
    wrappedOf('short', wrapped.subarray(1))
    wrappedOf('long', Buffer.concat([Buffer.alloc(1), wrapped]))
    wrappedOf('empty', Buffer.alloc(0))

    // Bytes in base64

    const spelled = (id, why, spell) => {
        for (const [field, pick] of [['nonce', written => [written, 'nonce']], ['ciphertext', written => [written, 'ciphertext']],
            ['public-key', written => [written.recipients[1], 'public_key']], ['wrapped-key', written => [written.recipients[0], 'wrapped_key']]]) {
            const document = changed(written => {
                const [object, name] = pick(written)
                object[name] = spell(object[name])
            })
            if (text(document) !== text(original)) malformedText(`base64/${field}-${id}`, why, text(document))
        }
    }
    spelled('without-padding', 'Base64 has padding: bytes have one spelling.', encoded => encoded.replace(/=+$/, ''))
    spelled('url-safe', 'Base64 has the alphabet with + and /, and not that for URLs.', encoded => encoded.replaceAll('+', '-').replaceAll('/', '_'))
    spelled('with-a-line-break', 'Base64 has no line breaks.', encoded => `${encoded.slice(0, 8)}\n${encoded.slice(8)}`)
    spelled('with-more-padding', 'Base64 has no more padding than it needs.', encoded => `${encoded}====`)
    spelled('in-hexadecimal', 'Bytes are in base64, and not in hexadecimal.', encoded => Buffer.from(encoded, 'base64').toString('hex'))
    // Their last characters encode bits that are not used.
    malformedText('base64/unused-bits', 'Bits that no byte uses are zero: bytes have one spelling.',
        text(resealed(written => {
            const entry = faked('unused bits', 3076)
            entry.key = 'https://unused.vault.azure.net/keys/sealing/0123'
            const at = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
            entry.wrapped_key = entry.wrapped_key.replace(/(.)(=+)$/, (_, last, padding) => at[at.indexOf(last) + 1] + padding)
            if (!entry.wrapped_key.endsWith('=')) throw new Error('no padding')
            written.recipients.push(entry)
        })))
    malformed('nonce/11-bytes', 'A nonce of AES-GCM has 12 bytes here: others are handled differently by every library.', 'cosmetic', written => { written.nonce = bytes('nonce', 11).toString('base64') })
    malformed('nonce/16-bytes', 'A nonce of AES-GCM has 12 bytes here: others are handled differently by every library.', 'cosmetic', written => { written.nonce = bytes('nonce', 16).toString('base64') })
    for (const length of [0, 16, 47, 49, 64]) {
        malformedText(`ciphertext/${length}-bytes`, 'A ciphertext has 48 bytes: 32 of the secret, and 16 of the tag, which is never shortened.',
            text(changed(written => {
                written.ciphertext = Buffer.concat([Buffer.from(written.ciphertext, 'base64'), Buffer.alloc(16)]).subarray(0, length).toString('base64')
            })), {}, 'slashing')
    }
    malformedText('ciphertext/33-bytes-of-secret', 'A ciphertext has 48 bytes: a longer secret is not a secret key.',
        text(resealed(() => undefined, dataKey, Buffer.concat([secret, Buffer.alloc(1)]))))

    // Authentic values that were changed

    const authenticated = (id, what, change, consequence = 'slashing') =>
        closed(`changed/${id}`, `${what} is authenticated: someone who can write the file cannot change it.`, consequence, change)
    authenticated('key', 'The public key, with its address,', written => {
        written.public_key = otherPublicKey
        written.address = addressOf(otherPublicKey)
    })
    authenticated('role', 'The role', written => { written.role = 'companion' })
    authenticated('chain', 'The chain', written => { written.chain = embedded.chain })
    for (const [name, value] of Object.entries({ account: 'bakery2', database: 'Signer', container: 'marks', rid: 'u7kYALg2ZXq=' })) {
        authenticated(`store-${name}`, `The store, with its ${name},`, written => { written.store[name] = value })
    }
    authenticated('type-of-store', 'The type of the store', written => { written.store = embedded.store })
    authenticated('store-with-parts-moved', 'The boundary between the parts of the store', written => {
        written.store.account = 'bakerys'
        written.store.database = 'igner'
    })
    authenticated('vault', 'The vault of a recipient', written => { written.recipients[0].key = north.key.replace('north', 'east') })
    authenticated('version', 'The version of a recipient', written => { written.recipients[0].key = `${north.key}0` })
    authenticated('public-key-of-a-recipient', 'The public key of a recipient', written => { written.recipients[0].public_key = derOf(publicKey('east', 3072)).toString('base64') })
    authenticated('wrapped-key-of-another', 'The wrapped key of each other recipient', written => { written.recipients[0].wrapped_key = flip(north.wrapped_key, 383) })
    authenticated('order', 'The order of the recipients', written => written.recipients.reverse() && undefined)
    authenticated('one-recipient-more', 'The list of recipients', written => written.recipients.push(faked('east', 3072)) && undefined)
    const ofThree = resealed(written => written.recipients.push(faked('east', 3072)) && undefined)
    closed('changed/one-recipient-less', 'The list of recipients is authenticated: someone who can write the file cannot take one away.', 'lost_slot', () => {
        const written = clone(ofThree)
        written.recipients.pop()
        return written
    })
    authenticated('nonce', 'The nonce', written => { written.nonce = flip(written.nonce, 0) }, 'lost_slot')
    for (const [id, index] of [['first-byte', 0], ['last-byte-of-the-secret', 31], ['first-byte-of-the-tag', 32], ['last-byte-of-the-tag', 47]]) {
        authenticated(`ciphertext-${id}`, 'Every byte of the ciphertext', written => { written.ciphertext = flip(written.ciphertext, index) }, 'lost_slot')
    }
    authenticated('secret-of-another', 'The secret, as part of this key,', written => {
        written.nonce = embedded.nonce
        written.ciphertext = embedded.ciphertext
    })
    authenticated('recipients-of-another', 'The list of recipients', written => { written.recipients = clone(embedded.recipients) })
    closed('recipient/another-key', 'A key that is not a recipient does not open it.', 'slashing', () => undefined, { recovery_key: 'cabinet' })
    closed('recipient/exchanged-wrapped-keys', 'A wrapped key is only for the recipient that it is listed with.', 'lost_slot', written => {
        [written.recipients[0].wrapped_key, written.recipients[1].wrapped_key] = [safe.wrapped_key, north.wrapped_key]
    })
    closed('recipient/changed-wrapped-key', 'A wrapped key that was changed is not unwrapped.', 'lost_slot',
        written => { written.recipients[1].wrapped_key = flip(safe.wrapped_key, 383) })

    // Sealed otherwise than specified

    const otherwise = (id, why, change, key, bytes) => add('does_not_open', `otherwise/${id}`, why, 'lost_slot', text(resealed(change, key, bytes)))
    const wrappedOtherwise = (id, why, wrapped) => otherwise(id, why, written => { written.recipients[1].wrapped_key = wrapped.toString('base64') })
    const [seed, key] = [bytes('seed', 32), rsa('safe')]
    wrappedOtherwise('oaep-with-sha-1', 'OAEP has SHA-256 for both the label and the mask.', wrap(key, dataKey, seed, { name: 'sha1' }))
    wrappedOtherwise('oaep-with-a-label', 'The label of OAEP is empty.', wrap(key, dataKey, seed, { label: 'sealed/1' }))
    const filling = bytes('filling', lengthOf(key) - 35).map(byte => byte || 1)
    wrappedOtherwise('pkcs1-v1_5', 'The padding of PKCS #1 v1.5 leaks to anyone who may ask the vault often enough.',
        encrypt(key, Buffer.concat([Buffer.from([0, 2]), filling, Buffer.alloc(1), dataKey])))
    for (const length of [16, 31, 33]) {
        const other = bytes('data key', length)
        otherwise(`data-key-of-${length}-bytes`, 'A data key has 32 bytes, for AES-256: it is neither cut nor filled.',
            written => { written.recipients[1].wrapped_key = wrap(key, other, seed).toString('base64') }, Buffer.concat([other, Buffer.alloc(32)]).subarray(0, 32))
    }
    otherwise('secret-of-another-key', 'A sealed key can state any public key, so that of the secret is compared.', () => undefined, dataKey, otherSecret)
    otherwise('secret-in-big-endian', 'The secret is the number in little-endian order, as in BLsk….', () => undefined, dataKey, Buffer.from(secret).reverse())
    for (const [id, number] of [['zero', Buffer.alloc(32)], ['too-large', Buffer.alloc(32, 0xff)]]) {
        otherwise(`secret-${id}`, 'A secret is a number from 1 to the order of the group, without it.', () => undefined, dataKey, number)
    }
    return cases
}
