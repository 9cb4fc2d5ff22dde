// How the host forwards requests, answers and log lines.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import * as octez from '../clients/octez_wire.mjs';
import { CONSENSUS_KINDS, consensus, payloadHashOf } from '../clients/payloads.mjs';
import { PublicKey, SecretKey } from '../clients/verification.mjs';
import { App, SIGNER, eventually, printsLevels } from './host.mjs';

const HOSTNAME = 'signer.example.net';
const STRANGER = SecretKey.random('p256');

let nextLevel = 1_000;
const freshVote = (fields) => consensus('attestation', 'p256', { level: nextLevel++, ...fields });
const jsonHex = (payload) => JSON.stringify(payload.toString('hex'));

describe('the package in the Functions host', () => {
  let app;
  let host;
  let key;
  before(async () => {
    app = await App.unpack();
    // Core Tools set this variable themselves, to the host's address.
    host = await app.startReady({ ...app.development, WEBSITE_HOSTNAME: HOSTNAME });
    const [listed] = JSON.parse((await host.get('/keys')).body);
    key = PublicKey.fromText(listed.curve, listed.public_key);
  });
  after(async () => {
    await host?.stop();
    await app?.remove();
  });

  test('the host finds every function, without a warning', { skip: !printsLevels }, async () => {
    const headers = { 'x-functions-key': app.masterKey };
    const functions = JSON.parse((await host.get('/admin/functions', { headers })).body);
    assert.deepEqual(functions.map(({ name }) => name).sort(), ['health', 'keys', 'sign']);
    const complaints = host.entries.filter(({ category, level }) => category !== SIGNER && level !== 'Information');
    assert.deepEqual(complaints, []);
  });

  test('routes: answers of the signer have a body, a 404 of the host has none', async () => {
    const ofKey = `/keys/${key.hash}`;
    for (const [path, status, bySigner] of [
      ['/keys', 200, true],
      ['/keys/', 200, true],
      [ofKey, 200, true],
      ['/authorized_keys', 200, true],
      ['/known_keys', 403, true],
      [`/bls_prove_possession/${STRANGER.hash}`, 404, true],
      [`/keys/${STRANGER.hash}`, 404, true],
      ['/health', 200, true],
      ['/Health', 404, true],
      ['/healthy', 404, false],
      ['/keys/one/two', 404, false],
      ['/other_keys', 404, false],
    ]) {
      const { status: actual, body } = await host.get(path);
      assert.deepEqual([actual, body !== ''], [status, bySigner], `${path}: ${body}`);
    }
    for (const [method, path] of [
      ['PUT', ofKey],
      ['DELETE', ofKey],
      ['POST', '/health'],
      ['POST', '/authorized_keys'],
    ]) {
      const { status, body } = await host.request(path, { method });
      assert.deepEqual([status, body], [404, ''], `${method} ${path}`);
    }
  });

  test('the headers for a relay pass the host in both directions', async () => {
    const { headers } = await host.get('/authorized_keys');
    const named = ['store', 'policy', 'version'].map((name) => headers.get(`x-signer-${name}`));
    assert.match(named.join(' '), /^[0-9a-f]{64} [0-9a-f]{64} \d+\.\d+\.\d+/);
    const companion = { ...host.headers, 'x-signer-companion': STRANGER.hash };
    for (const [payload, extra, expected] of [
      [freshVote(), {}, ['signed', null, null]],
      [freshVote(), { headers: companion }, ['signed', null, 'payload']],
      [Buffer.from('07', 'hex'), {}, ['refused', 'payload', null]],
    ]) {
      const answer = await host.post(`/keys/${key.hash}`, jsonHex(payload), extra);
      const said = ['verdict', 'reason', 'companion-reason'].map((name) => answer.headers.get(`x-signer-${name}`));
      assert.deepEqual(said, expected, answer.body);
    }
  });

  test('HEAD gets the answer to GET, without a body', async () => {
    for (const path of ['/health', '/keys', `/keys/${key.hash}`, '/authorized_keys']) {
      const { status, body } = await host.request(path, { method: 'HEAD' });
      assert.deepEqual([status, body], [200, ''], path);
    }
  });

  test('without the host key or with a wrong one, only /health answers', async () => {
    const body = jsonHex(freshVote());
    for (const headers of [{}, { 'x-functions-key': 'wrong' }]) {
      for (const path of ['/keys', `/keys/${key.hash}`, '/authorized_keys', '/keys?code=wrong']) {
        const answer = await host.get(path, { headers });
        assert.deepEqual([answer.status, answer.body], [401, ''], path);
      }
      const answer = await host.post(`/keys/${key.hash}`, body, { headers });
      assert.deepEqual([answer.status, answer.body], [401, '']);
      assert.equal((await host.get('/health', { headers })).status, 200);
    }
    const inTheQuery = await host.post(`/keys/${key.hash}?code=${app.hostKey}&version=3`, body, { headers: {} });
    assert.equal(inTheQuery.status, 200, inTheQuery.body);
  });

  for (const [framing, writes] of Object.entries(octez.FRAMINGS)) {
    test(`a request of octez arrives: ${framing}`, async () => {
      const payload = freshVote();
      const answer = await octez.post(host, octez.signTarget(key), octez.jsonHex(payload), writes);
      octez.assertSigned(answer, key, payload);
    });
  }

  test('a body with Content-Length, without a type, or with `Expect: 100-continue`', async () => {
    for (const headers of [{ 'content-type': 'application/json' }, {}, { expect: '100-continue' }]) {
      const payload = freshVote();
      const head = Object.entries({ ...host.headers, ...headers, host: HOSTNAME, connection: 'close' });
      const body = jsonHex(payload);
      const answer = await octez.exchange(host, [
        `POST /keys/${key.hash} HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}`,
        `content-length: ${body.length}\r\n\r\n`,
        body,
      ]);
      octez.assertSigned(answer, key, payload);
    }
  });

  test('refusals reach the client unchanged', async () => {
    for (const [path, body, status] of [
      [`/keys/${key.hash}`, '"zz"', 400],
      [`/keys/${key.hash}`, '', 400],
      [`/keys/${key.hash}`, jsonHex(Buffer.from('07', 'hex')), 403],
      [`/keys/${key.hash}`, JSON.stringify('00'.repeat(100_000)), 413],
      [`/keys/${STRANGER.hash}`, jsonHex(freshVote()), 404],
    ]) {
      const answer = await host.post(path, body);
      assert.equal(answer.status, status, answer.body);
      assert.notEqual(octez.readFailure(answer.body), '');
    }
  });

  test('a repeated block gets the same signature, another block at its position none', async () => {
    const level = nextLevel++;
    const sign = (fields) => host.sign(key, consensus('block', 'p256', { level, ...fields }));
    const [first, second] = [await sign(), await sign()];
    assert.equal(first.status, 200, first.body);
    assert.deepEqual([second.status, second.body], [first.status, first.body]);
    assert.equal((await sign({ payloadHash: payloadHashOf('another') })).status, 409);
  });

  test('of 20 concurrent payloads for one position, one is signed', async () => {
    for (const kind of CONSENSUS_KINDS) {
      const level = nextLevel++;
      const payloads = Array.from({ length: 20 }, (_, seed) =>
        consensus(kind, 'p256', { level, payloadHash: payloadHashOf(`${seed}`) }),
      );
      const answers = await Promise.all(payloads.map((payload) => host.sign(key, payload)));
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(19).fill(409)]);
    }
  });

  test('the hints contain the address that clients use', () => {
    const hosts = [...host.output.matchAll(/https?:\/\/[^\s"\/]+/g)].map(([address]) => address);
    const expected = printsLevels ? `https://${HOSTNAME}` : host.url.replace('127.0.0.1', 'localhost');
    assert.equal(host.count(`octez-client import secret key first ${expected}/${key.hash}`), 1);
    assert.equal(host.count(`curl ${expected}/keys`), 1);
    const signers = host.output.match(/"address":"(127\.0\.0\.1:\d+)"/)?.[1];
    assert.ok(signers, 'no line with the address');
    assert.deepEqual(hosts.filter((address) => address.endsWith(signers)), []);
  });

  test('the host logs the signer\'s lines at their levels', { skip: !printsLevels }, async () => {
    await host.replaceSigner('SIGTERM');
    const events = () => host.signerEntries.map(({ level, message }) => ({ level, line: JSON.parse(message) }));
    await eventually('a signature', async () => (await host.sign(key, freshVote())).status === 200);
    const expected = { INFO: 'Information', WARN: 'Warning', ERROR: 'Error' };
    for (const { level, line } of events()) assert.equal(level, expected[line.level], JSON.stringify(line));
    // The development vault logs a warning.
    assert.ok(events().some(({ level }) => level === 'Warning'));
  });

  test('neither host nor signer logs secrets', async () => {
    const client = SecretKey.random('p256');
    const authentication = client.sign(Buffer.from('0401', 'hex'));
    const path = `/keys/${key.hash}?authentication=${authentication}&code=${app.hostKey}`;
    assert.equal((await host.post(path, jsonHex(freshVote()))).status, 200);
    for (const secret of [app.hostKey, app.masterKey, authentication]) assert.equal(host.count(secret), 0);
  });
});
