// What the host sends to Application Insights, whose records are billed by their size.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';

import { consensus } from '../clients/payloads.mjs';
import { PublicKey } from '../clients/verification.mjs';
import { App, SIGNER, eventually, printsLevels } from './host.mjs';

/** The host sends records once it has 500 of them, and otherwise after 30 s. */
const SIGNATURES = 520;
const MAX_LINE_BYTES = 450;
/** A record has the line twice: as its message, and among its properties. docs/costs.md counts this size. */
const MAX_RECORD_BYTES = 1_500;

/** A receiver of telemetry. */
class Ingestion {
  records = [];

  async start() {
    this.server = createServer(async (request, response) => {
      const chunks = await request.toArray();
      const body = Buffer.concat(chunks);
      if (request.url === '/v2/track') {
        const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
        this.records.push(...`${text}`.split('\n').filter(Boolean).map((line) => JSON.parse(line)));
      }
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"itemsReceived":1,"itemsAccepted":1,"errors":[]}');
    });
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const url = `http://127.0.0.1:${this.server.address().port}/`;
    const ids = 'InstrumentationKey=11111111-2222-3333-4444-555555555555';
    this.connectionString = `${ids};IngestionEndpoint=${url};LiveEndpoint=${url}`;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('telemetry of the host', { skip: !printsLevels && 'Core Tools send none' }, () => {
  const ingestion = new Ingestion();
  let app;
  let host;
  let key;
  before(async () => {
    await ingestion.start();
    app = await App.unpack();
    const settings = { APPLICATIONINSIGHTS_CONNECTION_STRING: ingestion.connectionString };
    host = await app.startReady({ ...app.development, ...settings, WEBSITE_SITE_NAME: 'func-signer-abcdefghijklm' });
    const [listed] = JSON.parse((await host.get('/keys')).body);
    key = PublicKey.fromText(listed.curve, listed.public_key);
  });
  after(async () => {
    await host?.stop();
    await app?.remove();
    ingestion.stop();
  });

  test('one record for each signature, which has its line, and none for requests or performance counters', async () => {
    for (let level = 10_000_000; level < 10_000_000 + SIGNATURES; level += 1) {
      assert.equal((await host.sign(key, consensus('preattestation', key.curve, { level }))).status, 200);
    }
    await eventually('the first records', () => ingestion.records.length > 0, 60_000);
    const signed = [];
    for (const record of ingestion.records) {
      assert.equal(record.name, 'AppTraces', JSON.stringify(record));
      const { message, properties } = record.data.baseData;
      assert.equal(properties.Category, SIGNER, message);
      const { event, invocation, level } = JSON.parse(message).fields;
      if (event !== 'signed') continue;
      signed.push(level);
      assert.match(invocation, /^[0-9a-f-]{36}$/);
      assert.ok(message.length < MAX_LINE_BYTES, message);
      const size = JSON.stringify(record).length;
      assert.ok(size < MAX_RECORD_BYTES, `${size}: ${JSON.stringify(record)}`);
    }
    assert.ok(signed.length > 400, `${signed.length}`);
    assert.equal(new Set(signed).size, signed.length, 'one record each');
  });
});
