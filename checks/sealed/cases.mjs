#!/usr/bin/env node
// The conformance cases of sealed keys, conformance/cases/sealed.json: what each document must lead to is stated in case_tables.mjs, and
// checked here with reading.mjs and format.mjs. Each rule of the format must matter: a reader that leaves it out fails a case.
//
//     checks/sealed/cases.mjs            compares the file with the tables, and the tables with the readers
//     checks/sealed/cases.mjs --write    writes it again, after a table was changed

import { readFileSync, writeFileSync } from 'node:fs'
import { tables } from './case_tables.mjs'
import { open } from './format.mjs'
import { OF_TEXT, RULES, read } from './reading.mjs'

const FILE = new URL('../../conformance/cases/sealed.json', import.meta.url)
const VECTORS = new URL('../../conformance/sealed/vectors.json', import.meta.url)
const ABOUT =
    'Documents, and what each must lead to: a sealed key that opens, one that does not, or no sealed key at all. ' +
    'docs/sealed-keys.md specifies the format. All recovery keys are those of sealed/vectors.json. FOR TESTS ONLY: anyone can open them.'

/** The bytes of a case's document. */
function bytesOf({ document, document_hex, padded_to }) {
    const bytes = document_hex === undefined ? Buffer.from(document) : Buffer.from(document_hex, 'hex')
    return padded_to === undefined ? bytes : Buffer.concat([bytes, Buffer.alloc(padded_to - bytes.length, ' ')])
}

function verdict(item, keys) {
    const written = read(bytesOf(item))
    if (written === undefined) return { expected: 'malformed' }
    try {
        return { expected: 'opens', secret_key: open(written, keys[item.recovery_key].private_key) }
    } catch {
        return { expected: 'does_not_open' }
    }
}

const vectors = JSON.parse(readFileSync(VECTORS, 'utf8'))
const cases = tables(vectors)

const problems = []
for (const item of cases) {
    const { expected, secret_key } = verdict(item, vectors.keys)
    if (expected !== item.expected || secret_key !== item.secret_key) problems.push(`${item.id}: ${expected}, expected ${item.expected}`)
}
if (new Set(cases.map(({ id }) => id)).size < cases.length) problems.push('an id occurs twice')
const rules = [...OF_TEXT, ...Object.keys(RULES)]
for (const rule of rules) {
    if (!cases.some(item => item.expected === 'malformed' && read(bytesOf(item), rule))) problems.push(`no case fails without the rule: ${rule}`)
}
const text = `${JSON.stringify({ $schema: '../schema/sealed.schema.json', about: ABOUT, cases }, null, 2)}\n`
if (process.argv[2] === '--write') writeFileSync(FILE, text)
else if (readFileSync(FILE, 'utf8') !== text) problems.push('conformance/cases/sealed.json is out of date: run checks/sealed/cases.mjs --write')
if (problems.length > 0) {
    console.error(problems.join('\n'))
    process.exit(1)
}
const count = expected => cases.filter(item => item.expected === expected).length
console.log(
    `${cases.length} cases of sealed keys: ${count('opens')} open, ${count('does_not_open')} do not, ${count('malformed')} are malformed; ` +
    `a reader without one of ${rules.length} rules fails a case`)
