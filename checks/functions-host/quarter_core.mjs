// Measures the package in the Functions host on an instance of 512 MB, which has a quarter of a core: `./run quarter-core`.
//
// Host and signer run in a control group with that quota of CPU time and that memory. Key Vault and Cosmos DB are stand-ins
// outside of it, with the delays of docs/performance.md. One baker requests its blocks and votes as octez does, with one key or, with
// `--keys`, several that vote at the same time. What is printed is the time beyond the delays of these services: the own time of the
// signer, or of signer and host. Ends with status 1 if a 99th percentile reaches the target. Those of the host in its first minute
// do not count: it is still compiling its code then.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';

import * as octez from '../clients/octez_wire.mjs';
import { consensus } from '../clients/payloads.mjs';
import { startStandIns } from '../clients/stand_ins.mjs';
import { PublicKey } from '../clients/verification.mjs';
import { App, pause } from './host.mjs';
import { Limits, NoLimits } from './limits.mjs';

const MEGABYTE = 2 ** 20;
const TARGET_P99_MS = 30;
const VAULT_MS = 20;
const STORE_MS = 8;
/** The time that the services take: for a vote they work at the same time, for a block one after the other. */
const SERVICES_MS = { block: VAULT_MS + STORE_MS, preattestation: VAULT_MS, attestation: VAULT_MS };
/** The time after the start that is reported on its own. */
const WARMING_UP_MS = 60_000;
/** The pause of a baker between its preattestation and its attestation of a level. */
const BETWEEN_VOTES_MS = 1_500;
const LEVELS_PER_BLOCK = 10;
const TIMER_MS = 10;
const FIRST_LEVEL = 1_000;
const AFTERWARDS = 'afterwards';

const { values: options } = parseArgs({
  options: {
    cores: { type: 'string', default: '0.25' },
    'period-ms': { type: 'string', default: '100' },
    'memory-mb': { type: 'string', default: '512' },
    keys: { type: 'string', default: '1' },
    levels: { type: 'string', default: '110' },
    'level-seconds': { type: 'string', default: '6' },
    'token-seconds': { type: 'string', default: '240' },
  },
});
const [cores, periodMs, memoryMb, keyCount, levels, levelSeconds, tokenSeconds] = [
  'cores',
  'period-ms',
  'memory-mb',
  'keys',
  'levels',
  'level-seconds',
  'token-seconds',
].map((name) => Number(options[name]));

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

function figures(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const [p50, p99, max] = [percentile(sorted, 0.5), percentile(sorted, 0.99), sorted.at(-1)];
  return { count: sorted.length, p50, p99, max };
}

const cell = (text) => `${text}`.padStart(10);
const ms = (value) => `${value.toFixed(1)} ms`;
const megabytes = (bytes) => `${(bytes / MEGABYTE).toFixed(0)} MB`;
const seconds = (value) => `${(value / 1000).toFixed(1)} s`;

async function control(standIns, path, body) {
  const answer = await fetch(`${standIns.control}${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
}

/** Requests one signature as octez does, which is two requests, each on a connection of its own. */
async function request(host, key, kind, level) {
  const payload = consensus(kind, key.curve, { level });
  const start = performance.now();
  octez.readObject(await octez.get(host, '/authorized_keys'), 'authorized_keys', { optional: true });
  const listed = performance.now();
  octez.assertSigned(await octez.post(host, octez.signTarget(key), octez.jsonHex(payload)), key, payload);
  const end = performance.now();
  const services = SERVICES_MS[kind];
  return { slot: `${key.hash} ${kind} ${level}`, start, both: end - start - services, signing: end - listed - services };
}

/** One baker at real pace, whose keys sign at the same time. */
async function bake(host, keys) {
  const requests = [];
  const all = async (kind, level) => {
    requests.push(...(await Promise.all(keys.map((key) => request(host, key, kind, level)))));
  };
  const start = performance.now();
  for (let level = FIRST_LEVEL; level < FIRST_LEVEL + levels; level += 1) {
    if (level % LEVELS_PER_BLOCK === 0) requests.push(await request(host, keys[0], 'block', level));
    await all('preattestation', level);
    await pause(Math.min(BETWEEN_VOTES_MS, (levelSeconds * 1000) / 4));
    await all('attestation', level);
    await pause(Math.max(0, start + (level - FIRST_LEVEL + 1) * levelSeconds * 1000 - performance.now()));
  }
  return requests;
}

/** The time of each signature in the signer, from the lines that it logs. */
function inSigner(host) {
  const times = new Map();
  for (const { message } of host.signerEntries) {
    const { fields } = JSON.parse(message);
    if (fields.event === 'signed') times.set(`${fields.key} ${fields.kind} ${fields.level}`, fields.ms - SERVICES_MS[fields.kind]);
  }
  return times;
}

async function measure(limits) {
  const standIns = await startStandIns();
  const app = await App.unpack();
  let host;
  try {
    await control(standIns, '/faults/key-vault', { on: 'sign', effect: { delay: { fixed_ms: VAULT_MS } } });
    for (const on of ['create_item', 'replace_item']) {
      await control(standIns, '/faults/cosmos', { on, effect: { delay: { fixed_ms: STORE_MS } } });
    }
    for (let number = 1; number < keyCount; number += 1) {
      await control(standIns, '/key-vault/keys', { name: `baker-p256-${number}`, curve: 'P-256' });
    }
    await control(standIns, '/identity/token-life', { seconds: tokenSeconds });

    const start = performance.now();
    host = await app.startReady(standIns.environment, limits.prefix);
    const ready = performance.now();
    const listed = JSON.parse((await host.get('/keys')).body);
    const used = listed.filter(({ name }) => name.startsWith('baker-p256'));
    const keys = used.map(({ curve, public_key: publicKey }) => PublicKey.fromText(curve, publicKey));
    const first = await request(host, keys[0], 'attestation', FIRST_LEVEL - 1);
    const started = limits.cpu();
    const before = limits.processes();
    const signed = performance.now();
    console.log(`cold start: healthy after ${seconds(ready - start)}, first signature after ${seconds(signed - start)}`);
    console.log(`  it took ${ms(first.both)} beyond the services; throttled in ${started.throttled} of ${started.periods} periods`);

    const tokensBefore = await tokens(standIns);
    const lateness = monitorEventLoopDelay({ resolution: TIMER_MS });
    lateness.enable();
    const requests = await bake(host, keys);
    const end = limits.cpu();
    const running = limits.processes();
    const signer = inSigner(host);
    const renewed = (await tokens(standIns)) - tokensBefore;
    console.log(`${keys.length} keys, ${levels} levels of ${levelSeconds} s; ${renewed} tokens renewed meanwhile`);
    const [throttled, periods] = [end.throttled - started.throttled, end.periods - started.periods];
    console.log(`throttled in ${throttled} of ${periods} periods, for ${seconds(end.throttledMs - started.throttledMs)}\n`);

    const isWarm = ({ start: at }) => at - ready >= WARMING_UP_MS;
    const phases = [
      [`the first ${WARMING_UP_MS / 1000} s`, requests.filter((one) => !isWarm(one))],
      [AFTERWARDS, requests.filter(isWarm)],
    ];
    const IN_SIGNER = 'in the signer';
    const parts = {
      [IN_SIGNER]: ({ slot }) => signer.get(slot),
      'POST through the host': ({ signing }) => signing,
      'GET and POST, as octez': ({ both }) => both,
    };
    console.log(`${'beyond the services'.padEnd(40)}${['signatures', 'p50', 'p99', 'max'].map(cell).join('')}`);
    let worst = 0;
    for (const [phase, during] of phases) {
      if (during.length === 0) throw new Error(`no signature in ${phase}: use more --levels`);
      for (const [part, time] of Object.entries(parts)) {
        const { count, p50, p99, max } = figures(during.map(time));
        console.log(`${`${phase}: ${part}`.padEnd(40)}${[count, ms(p50), ms(p99), ms(max)].map(cell).join('')}`);
        if (part === IN_SIGNER || phase === AFTERWARDS) worst = Math.max(worst, p99);
      }
    }

    // A timer of this process, which has no quota, shows what else the machine is doing.
    console.log(`\nthe machine: a timer was late by ${ms(lateness.percentile(99) / 1e6 - TIMER_MS)} at p99`);
    for (const { name, resident, residentPeak } of running) {
      console.log(`memory of ${name}: ${megabytes(resident)} resident, ${megabytes(residentPeak)} at most, of ${memoryMb} MB`);
    }
    const cpuMs = (processes) => processes.reduce((sum, process) => sum + process.cpuMs, 0);
    const each = (cpuMs(running) - cpuMs(before)) / requests.length;
    console.log(`CPU time of both: ${ms(each)} per signature, with what runs in between`);
    return worst;
  } finally {
    await host?.stop();
    await app.remove();
    await standIns.stop();
  }
}

/** How many tokens were issued. */
async function tokens(standIns) {
  const counts = await (await fetch(`${standIns.control}/requests`)).json();
  return counts.identity.token ?? 0;
}

let limits;
try {
  limits = new Limits({ cores, periodMicroseconds: periodMs * 1000, memoryBytes: memoryMb * MEGABYTE });
} catch (error) {
  if (!(error instanceof NoLimits)) throw error;
  console.log(`NOT MEASURED: control groups cannot be created here, which needs root: ${error.message}`);
  process.exit(0);
}
console.log(`${cores} cores in periods of ${periodMs} ms and ${memoryMb} MB, by control groups version ${limits.version}`);
try {
  const worst = await measure(limits);
  console.log(`\nhighest p99 that counts: ${ms(worst)}; target: under ${TARGET_P99_MS} ms`);
  process.exitCode = worst < TARGET_P99_MS ? 0 : 1;
} finally {
  limits.remove();
}
