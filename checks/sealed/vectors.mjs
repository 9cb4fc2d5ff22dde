#!/usr/bin/env node
// The test vectors of sealed keys, conformance/sealed/vectors.json, computed from the inputs in them by format.mjs.
//
//     checks/sealed/vectors.mjs            compares the file with the inputs in it
//     checks/sealed/vectors.mjs --write    writes it again, after the format or an input was changed

import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { open, sealed } from './format.mjs'
import { sha256 } from './tezos.mjs'

const FILE = new URL('../../conformance/sealed/vectors.json', import.meta.url)
const ABOUT =
    'Keys sealed as docs/sealed-keys.md specifies, with all secrets in the clear: FOR TESTS ONLY, anyone can open them. ' +
    'checks/sealed/vectors.mjs computes everything from the inputs: each secret key, data key, nonce and seed.'

// Inputs of a new file: the tz4 account of Octez' tests, sealed for each form of store and of recipient

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
        confidential: {
            vault_key: 'release:https://bakery-confidential.vault.azure.net/keys/release/00112233445566778899aabbccddeeff', private_key: privateKey(3072),
        },
    },
    vectors: [
        inputs('consensus', OCTEZ, 'consensus', 'NetXdQprcVkpaWU', COSMOS, ['north', 'safe']),
        inputs('companion', OCTEZ, 'companion', 'NetXnHfVqm9iesp', EMBEDDED, ['cabinet', 'west', 'north', 'safe']),
        inputs('confidential', OCTEZ, 'consensus', 'NetXdQprcVkpaWU', COSMOS, ['confidential', 'safe']),
    ],
})

function compute({ keys, vectors }) {
    for (const key of Object.values(keys)) {
        key.public_key = createPublicKey(key.private_key).export({ type: 'spki', format: 'pem' })
    }
    const complete = vectors.map(({ inputs }) => ({ inputs, ...sealed(inputs, keys) }))
    for (const { inputs, sealed } of complete) {
        for (const { recipient } of inputs.recipients) {
            assert.equal(open(sealed, keys[recipient].private_key), inputs.secret_key, `${inputs.name}, ${recipient}`)
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
