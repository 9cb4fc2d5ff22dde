// Two hosts with keys in one Key Vault and marks in one Cosmos DB account. Both services are stand-ins.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { CONSENSUS_KINDS, consensus, payloadHashOf } from '../clients/payloads.mjs';
import { startStandIns } from '../clients/stand_ins.mjs';
import { PublicKey } from '../clients/verification.mjs';
import { App, eventually, pause, printsLevels } from './host.mjs';

const skip = !process.env.STAND_INS && 'needs STAND_INS: see ./run';

let nextLevel = 1_000;

describe('two hosts on one store', { skip }, () => {
  const apps = [];
  let standIns;
  let hosts;
  let key;
  before(async () => {
    standIns = await startStandIns();
    for (let index = 0; index < 2; index += 1) apps.push(await App.unpack());
    hosts = await Promise.all(apps.map((app) => app.startReady(standIns.environment)));
    const listed = JSON.parse((await hosts[0].get('/keys')).body);
    const { curve, public_key: publicKey } = listed.find(({ name }) => name === 'baker-p256');
    key = PublicKey.fromText(curve, publicKey);
  });
  after(async () => {
    await Promise.all((hosts ?? []).map((host) => host.stop()));
    await Promise.all(apps.map((app) => app.remove()));
    await standIns?.stop();
  });

  for (const kind of CONSENSUS_KINDS) {
    test(`${kind}: the other host signs a repeat, and neither signs another payload`, async () => {
      const level = nextLevel++;
      const sign = (host, fields) => host.sign(key, consensus(kind, 'p256', { level, ...fields }));
      const [first, second] = [await sign(hosts[0]), await sign(hosts[1])];
      assert.deepEqual([first.status, second.status], [200, 200], second.body);
      if (kind === 'block') assert.equal(second.body, first.body);
      for (const host of hosts) {
        assert.equal((await sign(host, { payloadHash: payloadHashOf('another') })).status, 409);
      }
    });
  }

  test('contended positions while signers end and are killed: at most one payload is signed for each', async () => {
    let running = true;
    const endSigners = async (host) => {
      // Kills count as errors, and the third stops the host.
      for (let round = 0; running; round += 1) {
        await host.replaceSigner(round === 3 || round === 6 ? 'SIGKILL' : 'SIGTERM');
        await pause(500);
      }
    };
    const ending = Promise.all(hosts.map(endSigners));
    const winners = [];
    for (let round = 0; round < 100; round += 1) {
      const kind = CONSENSUS_KINDS[round % CONSENSUS_KINDS.length];
      const level = nextLevel++;
      const seeds = [0, 1, 2, 3, 4, 5, 6, 7].map((seed) => `${seed >> 1}`);
      // Each payload goes to both hosts.
      const answers = await Promise.all(
        seeds.map((seed, index) => {
          const payload = consensus(kind, 'p256', { level, payloadHash: payloadHashOf(seed) });
          return hosts[index % 2].sign(key, payload);
        }),
      );
      winners.push(new Set(seeds.filter((_, index) => answers[index].status === 200)));
    }
    running = false;
    await ending;
    assert.deepEqual(winners.filter(({ size }) => size > 1), []);
    assert.ok(winners.filter(({ size }) => size === 1).length > 80, `${winners.map(({ size }) => size)}`);
  });

  test('one host dies: the other continues to sign', async () => {
    await hosts[0].crash();
    const answer = await hosts[1].sign(key, consensus('attestation', 'p256', { level: nextLevel++ }));
    assert.equal(answer.status, 200, answer.body);
    await eventually('its signer to end', async () => (await apps[0].handlers()).length === 0);
    hosts[0] = await apps[0].startReady(standIns.environment);
  });

  test('an outage of all services: log levels are right, and the SDK logs nothing', { skip: !printsLevels }, async () => {
    await standIns.stop();
    const answer = await hosts[0].sign(key, consensus('attestation', 'p256', { level: nextLevel++ }));
    assert.equal(answer.status, 500, answer.body);
    const lines = () => hosts[0].signerEntries.map(({ level, message }) => ({ level, line: JSON.parse(message) }));
    await eventually('an error', () => lines().some(({ level }) => level === 'Error'));
    const levels = { INFO: 'Information', WARN: 'Warning', ERROR: 'Error' };
    for (const { level, line } of lines()) assert.equal(level, levels[line.level], JSON.stringify(line));
    // The SDK logs this every two seconds.
    assert.equal(hosts[0].count('Failed response'), 0);
  });

  test('no secret is in a log', () => {
    const secrets = [standIns.environment.IDENTITY_HEADER, ...apps.flatMap((app) => [app.hostKey, app.masterKey])];
    for (const host of hosts) for (const secret of secrets) assert.equal(host.count(secret), 0);
    for (const host of hosts) assert.equal(host.count('eyJ'), 0, 'a token');
  });
});
