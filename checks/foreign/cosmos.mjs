// Vercel's Cosmos DB emulator, which keeps everything in memory, behind a proxy that adapts its answers for the SDK.

import { once } from 'node:events';
import { Agent, request as plainRequest } from 'node:http';
import { createSecureServer } from 'node:http2';
import { fileURLToPath } from 'node:url';

import { Server } from './servers.mjs';

const HOST = '127.0.0.1';
const EMULATOR = fileURLToPath(new URL('emulator.mjs', import.meta.url));
const AUTHORIZATION = 'type=aad&ver=1.0&sig=for-https://cosmos.azure.com';
// Headers that a proxy does not forward.
const CONNECTION_HEADERS = /^(:.*|host|connection|keep-alive|transfer-encoding|content-length|authorization)$/;

async function bodyOf(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const withoutConnection = (headers) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !CONNECTION_HEADERS.test(name)));

/** The emulator's answer, changed to that of the service. */
function adapted(path, account, { status, body, ...answer }) {
  if (path === '/') return { ...answer, status, body: JSON.stringify({ ...JSON.parse(body), ...account }) };
  if (status === 200 && path.endsWith('/pkranges')) {
    return { ...answer, status, body: body.replace('"id":0,', '"id":"0",') };
  }
  // The emulator crashes on a missing item.
  if (status === 500 && body.includes('Cannot read properties of undefined')) return { ...answer, status: 404, body };
  return { ...answer, status, body };
}

export class Cosmos {
  #emulator = new Server();
  #emulatorPort;
  #agent;
  #proxy;
  #containers = 0;
  /** Properties of the account that replace the emulator's. */
  account = {};

  constructor(tls) {
    this.#proxy = createSecureServer({ ...tls, allowHTTP1: true }, (request, response) => {
      this.#answer(request, response).catch((error) => response.destroy(error));
    });
  }

  get url() {
    return `https://localhost:${this.#proxy.address().port}/`;
  }

  /** An account with these regions, some of which are writable; all are the same emulator. */
  accountIn(names, { writable = names.slice(0, 1), consistency = 'Strong' } = {}) {
    const locations = (names) => names.map((name) => ({ name, databaseAccountEndpoint: this.url }));
    return {
      writableLocations: locations(writable),
      readableLocations: locations(names),
      userConsistencyPolicy: { defaultConsistencyLevel: consistency },
    };
  }

  async start() {
    this.#proxy.listen(0, HOST);
    await once(this.#proxy, 'listening');
    await this.startEmulator();
  }

  /** Starts the emulator, with an empty container whose id was never used before. */
  async startEmulator() {
    this.#agent = new Agent({ keepAlive: true });
    this.#emulatorPort = await this.#emulator.start(process.execPath, [EMULATOR]);
    await this.#create('/dbs', { id: 'signer' });
    // The emulator's ids start over, but the service never reuses one.
    for (let number = 0; number < this.#containers; number += 1) {
      await this.#create('/dbs/signer/colls', { id: `container-${number}` });
    }
    const partitionKey = { paths: ['/pkh'], kind: 'Hash', version: 2 };
    this.container = (await this.#create('/dbs/signer/colls', { id: 'marks', partitionKey }))._rid;
    this.#containers += 1;
  }

  /** Kills the emulator, which loses all data. The proxy keeps running, and resets incoming requests. */
  async crashEmulator() {
    await this.#emulator.crash();
    this.#agent?.destroy();
  }

  async stop() {
    this.#proxy.close();
    await this.crashEmulator();
  }

  /** All stored marks. */
  async marks() {
    const { body } = await this.#request('GET', '/dbs/signer/colls/marks/docs');
    return JSON.parse(body).Documents;
  }

  async #create(path, document) {
    const { status, body } = await this.#request('POST', path, {}, Buffer.from(JSON.stringify(document)));
    if (status !== 201) throw new Error(`POST ${path}: ${status}: ${body}`);
    return JSON.parse(body);
  }

  /** Sends a request to the emulator. */
  async #request(method, path, headers = {}, body = Buffer.alloc(0)) {
    const all = { ...headers, 'content-length': body.length };
    const address = { host: HOST, port: this.#emulatorPort, agent: this.#agent };
    const request = plainRequest({ ...address, method, path, headers: all });
    request.end(body);
    const [answer] = await once(request, 'response');
    return { status: answer.statusCode, headers: answer.headers, body: (await bodyOf(answer)).toString() };
  }

  async #answer(request, response) {
    if (decodeURIComponent(request.headers.authorization) !== AUTHORIZATION) {
      response.writeHead(401).end('{"message":"the token is for another resource"}');
      return;
    }
    const forwarded = withoutConnection(request.headers);
    const answer = await this.#request(request.method, request.url, forwarded, await bodyOf(request));
    const { status, headers, body } = adapted(request.url, this.account, answer);
    response.writeHead(status, withoutConnection(headers)).end(body);
  }
}
