// How signers and hosts end, and which requests are lost meanwhile.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { CONSENSUS_KINDS, consensus, payloadHashOf } from '../clients/payloads.mjs';
import { PublicKey } from '../clients/verification.mjs';
import { App, eventually, kill, pause, printsLevels, runs } from './host.mjs';
import { lost, vote } from './load.mjs';

/** The time within which a signer ends after its host. */
const ORPHAN_ENDS_WITHIN_MS = 3_000;
/** The host replaces an unresponsive signer after functionTimeout. The rest is for the start. */
const MAX_OUTAGE_MS = 15_000 + 4_000;

async function firstKey(host) {
  const [listed] = JSON.parse((await host.get('/keys')).body);
  return PublicKey.fromText(listed.curve, listed.public_key);
}

describe('a signer that ends', () => {
  let app;
  let host;
  let key;
  before(async () => {
    app = await App.unpack();
  });
  beforeEach(async () => {
    host = await app.startReady();
    key = await firstKey(host);
  });
  afterEach(async () => {
    await host?.stop();
  });
  after(async () => {
    await app?.remove();
  });

  let nextLevel = 1_000;
  const signs = () => host.sign(key, consensus('attestation', 'p256', { level: nextLevel++ }));

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    test(`${signal}: it is restarted each time, and no request is lost`, async () => {
      const load = vote(host, key, { bakers: 4, perSecond: 20 });
      // Exits with an error are counted, and the third stops the host.
      for (let round = 0; round < 4; round += 1) {
        await host.replaceSigner(signal);
        const before = load.answers.length;
        await eventually('a signature', () => load.answers.length > before + 10);
      }
      assert.deepEqual(lost(await load.stop(), key), []);
      assert.equal(host.count('exited with code'), 0);
    });
  }

  test('two concurrent signals, and a signal during the start, are not errors', async () => {
    const load = vote(host, key, { bakers: 4, perSecond: 20 });
    for (let round = 0; round < 4; round += 1) {
      const pid = await app.handler();
      kill(pid, 'SIGTERM');
      kill(pid, 'SIGINT');
      // The next one gets its signal as soon as it has a handler, long before it listens.
      const next = await eventually('the next signer', async () => (await app.handlers()).find((other) => other !== pid));
      await eventually('its signal handler', () => catchesSigterm(next));
      kill(next, 'SIGTERM');
      await eventually('another signer', async () => (await app.handlers()).some((other) => ![pid, next].includes(other)));
    }
    await eventually('a signature', async () => (await signs()).status === 200);
    await load.stop();
    assert.equal(host.count('exited with code'), 0);
  });

  test('kill -9 twice under load: only requests in flight are lost', async () => {
    const bakers = 6;
    const load = vote(host, key, { bakers });
    for (let round = 0; round < 2; round += 1) {
      const before = load.answers.length;
      await eventually('signatures', () => load.answers.length > before + 100);
      await host.replaceSigner('SIGKILL');
    }
    const before = load.answers.length;
    await eventually('signatures', () => load.answers.length > before + 100);
    assert.ok(lost(await load.stop(), key).length <= 2 * bakers);
  });

  test('the third kill stops the host, and the next host finds all marks', async () => {
    const payload = consensus('block', 'p256', { level: 2_000 });
    const signed = await host.sign(key, payload);
    assert.equal(signed.status, 200, signed.body);
    await host.replaceSigner('SIGKILL');
    await host.replaceSigner('SIGKILL');
    kill(await app.handler(), 'SIGKILL');
    await eventually('the host to end', () => host.program.ended, 20_000);
    assert.deepEqual(await app.handlers(), []);

    host = await app.startReady();
    assert.equal((await host.sign(key, payload)).body, signed.body);
    const other = consensus('block', 'p256', { level: 2_000, payloadHash: payloadHashOf('another') });
    assert.equal((await host.sign(key, other)).status, 409);
  });

  /** The time without signatures after the signer hangs. */
  async function outageOfHanging() {
    kill(await app.handler(), 'SIGSTOP');
    const begin = Date.now();
    await eventually('a signature', async () => (await signs()).status === 200, 60_000);
    return Date.now() - begin;
  }

  test('a signer that hangs is replaced after 15 seconds', async () => {
    const outage = await outageOfHanging();
    assert.ok(outage < MAX_OUTAGE_MS, `${outage} ms`);
  });

  test('the setting with which the template allows longer deadlines changes that time', async () => {
    await host.stop();
    const timeout = { AzureFunctionsJobHost__functionTimeout: '00:00:03' };
    host = await app.startReady({ ...app.development, ...timeout });
    const outage = await outageOfHanging();
    assert.ok(outage < 10_000, `${outage} ms`);
  });

  test('when the host dies, the signer ends, and the next host opens the store', async () => {
    const orphans = await host.crash();
    assert.equal(orphans.length, 1);
    const ended = async () => !(await runs(orphans[0]));
    await eventually('the orphan to end', ended, ORPHAN_ENDS_WITHIN_MS);
    host = await app.startReady();
    assert.equal((await signs()).status, 200);
  });

  test('a host that starts while the previous signer still runs waits for the store', async () => {
    await host.crash();
    host = await app.startReady();
    assert.equal((await signs()).status, 200);
    assert.equal(host.count('exited with code'), 0);
  });

  const restarts = {
    'host.json is touched': async () => {
      const now = new Date();
      await utimes(join(app.root, 'host.json'), now, now);
    },
    'an operator restarts it': async () => {
      const { status } = await host.post('/admin/host/restart', '', { headers: { 'x-functions-key': app.masterKey } });
      assert.ok(status < 300, `${status}`);
    },
  };
  for (const [what, restart] of Object.entries(restarts)) {
    test(`the script host restarts under load: ${what}`, async () => {
      const load = vote(host, key, { bakers: 4, perSecond: 20 });
      for (let round = 0; round < 3; round += 1) {
        const before = await app.handler();
        await restart();
        // The next signer is started before this one has ended, and waits for the store.
        await eventually('another signer', async () => (await app.handlers()).some((pid) => pid !== before), 30_000);
        await app.handler([before]);
        const answered = load.answers.length;
        const signed = () => load.answers.slice(answered).some(({ status }) => status === 200);
        await eventually('a signature', signed, 20_000);
      }
      await load.stop();
      assert.equal(host.program.ended, false);
      assert.equal(host.count('exited with code'), 0);
      assert.equal((await signs()).status, 200);
    });
  }

  test('contended positions while signers end: at most one payload is signed for each', async () => {
    const signed = new Map();
    let running = true;
    const enders = (async () => {
      while (running) {
        await host.replaceSigner('SIGTERM');
        await pause(300);
      }
    })();
    for (let level = 10_000; level < 10_060; level += 1) {
      const kind = CONSENSUS_KINDS[level % CONSENSUS_KINDS.length];
      const seeds = [0, 1, 2, 3, 4, 5, 6, 7].map((seed) => `${seed % 4}`);
      const answers = await Promise.all(
        seeds.map((seed) => host.sign(key, consensus(kind, 'p256', { level, payloadHash: payloadHashOf(seed) }))),
      );
      const winners = new Set(seeds.filter((_, index) => answers[index].status === 200));
      signed.set(level, winners);
    }
    running = false;
    await enders;
    assert.deepEqual([...signed].filter(([, winners]) => winners.size > 1), []);
    assert.ok([...signed.values()].filter(({ size }) => size === 1).length > 50);
  });
});

/** Whether the process has a handler for SIGTERM (bit 14 of the mask), or has ended. */
async function catchesSigterm(pid) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const caught = status.match(/^SigCgt:\s+([0-9a-f]+)$/m)?.[1];
  return !status || (caught && (BigInt(`0x${caught}`) >> 14n) & 1n);
}

describe('a signer that cannot start', () => {
  let app;
  before(async () => {
    app = await App.unpack();
  });
  after(async () => {
    await app?.remove();
  });

  for (const [what, settings, reasons] of [
    ['two wrong settings', { NODE_URLS: 'node.example', HEAD_THRESHOLD: 'far' }, ['NODE_URLS: ', 'HEAD_THRESHOLD: ']],
    ['a setting with a typo', { COSMOS_CONTANER: 'marks' }, ['COSMOS_CONTANER', 'COSMOS_CONTAINER']],
    ['embedded, not on a laptop', { AZURE_FUNCTIONS_ENVIRONMENT: undefined }, ['KEY_VAULT_URL', 'COSMOS_ENDPOINT']],
  ]) {
    test(`${what}: each start logs the reason in one entry, and the host ends`, { skip: !printsLevels }, async () => {
      const all = Object.entries({ ...app.development, ...settings });
      const host = await app.start(Object.fromEntries(all.filter(([, value]) => value !== undefined)));
      try {
        await eventually('the host to end', () => host.program.ended, 30_000);
        const errors = host.signerEntries.filter(({ level }) => level === 'Error');
        // The host tries three times.
        assert.equal(errors.length, 3, host.output);
        for (const { message } of errors) for (const reason of reasons) assert.ok(message.includes(reason), message);
      } finally {
        await host.stop();
      }
    });
  }

  test('another process holds the store: the signer logs its id, and waits', { skip: !printsLevels }, async () => {
    const first = await app.startReady();
    await first.stop();
    const holder = spawn('flock', ['--no-fork', join(app.data, 'marks.lock'), 'sleep', '60']);
    try {
      const host = await app.start();
      try {
        const waits = () => host.signerEntries.some(({ message }) => message.includes(`${holder.pid}`));
        await eventually('a line with its id', waits);
        assert.equal((await app.handlers()).length, 1);
        assert.notEqual((await readFile(join(app.data, 'marks.lock'))).length, 0);
        kill(holder.pid, 'SIGKILL');
        await eventually('a healthy signer', () => host.isReady(), 20_000);
        assert.equal(host.count('exited with code'), 0);
      } finally {
        await host.stop();
      }
    } finally {
      holder.kill('SIGKILL');
    }
  });
});
