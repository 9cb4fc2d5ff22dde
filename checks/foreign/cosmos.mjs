// The Cosmos DB emulator of Vercel, which keeps everything in memory, behind a proxy for what the SDK cannot work with.

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

/** What the emulator answers, as the service would. */
function putRight(path, account, { status, body, ...answer }) {
  if (path === '/') return { ...answer, status, body: JSON.stringify({ ...JSON.parse(body), ...account }) };
  if (status === 200 && path.endsWith('/pkranges')) {
    return { ...answer, status, body: body.replace('"id":0,', '"id":"0",') };
  }
  // It reads fields of an item without checking that there is one.
  if (status === 500 && body.includes('Cannot read properties of undefined')) return { ...answer, status: 404, body };
  return { ...answer, status, body };
}

export class Cosmos {
  #emulator = new Server();
  #emulatorPort;
  #agent;
  #proxy;
  #containers = 0;
  /** What the account says, where the emulator says something else. */
  account = {};

  constructor(tls) {
    this.#proxy = createSecureServer({ ...tls, allowHTTP1: true }, (request, response) => {
      this.#answer(request, response).catch((error) => response.destroy(error));
    });
  }

  get url() {
    return `https://localhost:${this.#proxy.address().port}/`;
  }

  /** An account in these regions, of which some take writes; all are the same emulator. */
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

  /** Starts it, with an empty container whose id no container before had. */
  async startEmulator() {
    this.#agent = new Agent({ keepAlive: true });
    this.#emulatorPort = await this.#emulator.start(process.execPath, [EMULATOR]);
    await this.#create('/dbs', { id: 'signer' });
    // Its ids start over, and the service never uses one twice.
    for (let number = 0; number < this.#containers; number += 1) {
      await this.#create('/dbs/signer/colls', { id: `container-${number}` });
    }
    const partitionKey = { paths: ['/pkh'], kind: 'Hash', version: 2 };
    this.container = (await this.#create('/dbs/signer/colls', { id: 'marks', partitionKey }))._rid;
    this.#containers += 1;
  }

  /** Kills the emulator, and all that it holds is gone. The proxy stays, and resets the requests that it gets. */
  async crashEmulator() {
    await this.#emulator.crash();
    this.#agent?.destroy();
  }

  async stop() {
    this.#proxy.close();
    await this.crashEmulator();
  }

  /** All marks, as the emulator holds them. */
  async marks() {
    const { body } = await this.#ask('GET', '/dbs/signer/colls/marks/docs');
    return JSON.parse(body).Documents;
  }

  async #create(path, document) {
    const { status, body } = await this.#ask('POST', path, {}, Buffer.from(JSON.stringify(document)));
    if (status !== 201) throw new Error(`POST ${path}: ${status}: ${body}`);
    return JSON.parse(body);
  }

  /** Asks the emulator. */
  async #ask(method, path, headers = {}, body = Buffer.alloc(0)) {
    const all = { ...headers, 'content-length': body.length };
    const address = { host: HOST, port: this.#emulatorPort, agent: this.#agent };
    const request = plainRequest({ ...address, method, path, headers: all });
    request.end(body);
    const [answer] = await once(request, 'response');
    return { status: answer.statusCode, headers: answer.headers, body: (await bodyOf(answer)).toString() };
  }

  async #answer(request, response) {
    if (decodeURIComponent(request.headers.authorization) !== AUTHORIZATION) {
      response.writeHead(401).end('{"message":"the token is for something else"}');
      return;
    }
    const forwarded = withoutConnection(request.headers);
    const answer = await this.#ask(request.method, request.url, forwarded, await bodyOf(request));
    const { status, headers, body } = putRight(request.url, this.account, answer);
    response.writeHead(status, withoutConnection(headers)).end(body);
  }
}
