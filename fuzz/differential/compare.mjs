// Decodes random payloads and texts with the signer and with Taquito, and compares the results.
//
// A difference that is not listed in `known_differences.mjs` with its reason is an error.

import { parseArgs } from 'node:util';

import { knownDifference } from './known_differences.mjs';
import { payloads, random, texts } from './random.mjs';
import { decodeAll } from './signer.mjs';
import { taquitoOperations, taquitoText } from './taquito.mjs';

const options = parseArgs({
  options: { payloads: { type: 'string', default: '300000' }, texts: { type: 'string', default: '50000' }, seed: { type: 'string', default: '1' } },
}).values;
const [payloadCount, textCount, seed] = ['payloads', 'texts', 'seed'].map((name) => {
  const value = Number(options[name]);
  if (!Number.isSafeInteger(value) || value < 1) {
    console.error(`--${name} is ${options[name]}, expected a number from 1`);
    process.exit(2);
  }
  return value;
});

const next = random(seed);
const known = new Map();
const unexplained = [];
let alike = 0;
let refusedByBoth = 0;

async function compare(input, ours, theirs, what) {
  const [left, right] = [ours, theirs].map((value) => JSON.stringify(value));
  if (left === right) {
    if (ours === null) refusedByBoth += 1;
    else alike += 1;
    return;
  }
  const reason = await knownDifference(what, input, ours, theirs);
  if (reason) known.set(reason, (known.get(reason) ?? 0) + 1);
  else unexplained.push({ what, input, ours, theirs });
}

for await (const [hex, ours] of decodeAll('payload', payloads(payloadCount, next))) {
  await compare(hex, ours, await taquitoOperations(hex), 'payload');
}
const ofPayloads = { alike, refusedByBoth };
[alike, refusedByBoth] = [0, 0];
for await (const [text, ours] of decodeAll('text', texts(textCount, next))) {
  await compare(text, ours, taquitoText(text), 'text');
}

const figure = (number) => number.toLocaleString('en-US');
for (const [reason, count] of [...known].sort()) console.log(`${figure(count).padStart(9)}  ${reason}`);
for (const difference of unexplained.slice(0, 20)) console.error(JSON.stringify(difference));
console.log(`texts: ${figure(textCount)}, ${figure(alike)} decoded by both alike, ${figure(refusedByBoth)} refused by both`);
console.log(`payloads: ${figure(ofPayloads.refusedByBoth)} refused by both`);
const differences = [...known.values()].reduce((sum, count) => sum + count, 0);
console.log(
  `differential: ${figure(payloadCount)} payloads, ${figure(ofPayloads.alike)} decoded by both alike, ` +
    `${figure(differences)} known differences, ${figure(unexplained.length)} unexplained`,
);
process.exit(unexplained.length === 0 ? 0 : 1);
