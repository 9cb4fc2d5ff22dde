// Third-party servers for Key Vault and Cosmos DB, and a managed identity endpoint that issues tokens for them.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { Agent, request as secureRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { fileIn } from '../clients/program.mjs';
import { Cosmos } from './cosmos.mjs';
import { Server } from './servers.mjs';

// The fake's challenge has the last three labels as the resource, and the SDK requires the vault's name to have one more.
const SERVICE = 'foreign.vault.localhost';
const VAULT = `bakery.${SERVICE}`;

/** A self-signed certificate. */
async function makeCertificate(folder) {
  const files = { certificate: join(folder, 'certificate.pem'), privateKey: join(folder, 'key.pem') };
  const names = `subjectAltName=DNS:localhost,DNS:${VAULT}`;
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.privateKey];
  const extensions = ['-addext', names, '-addext', 'basicConstraints=critical,CA:FALSE'];
  const subject = ['-subj', '/CN=foreign servers', '-days', '2', '-out', files.certificate];
  await promisify(execFile)('openssl', ['req', '-x509', ...key, ...extensions, ...subject]);
  return files;
}

class Identity {
  #server = createServer((request, response) => {
    const resource = new URL(request.url, 'http://localhost').searchParams.get('resource');
    const expires = Math.floor(Date.now() / 1_000) + 3_600;
    const token = { access_token: `for-${resource}`, expires_on: `${expires}`, token_type: 'Bearer', resource };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(token));
  });

  async start() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${this.#server.address().port}/msi/token`;
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

export class Vault {
  #server = new Server();
  #files;
  #agent;
  #port = 0;

  constructor(folder, { certificate, privateKey }, ca) {
    this.#files = ['-keys', join(folder, 'keys.json'), '-certificate', certificate, '-private-key', privateKey];
    // The vault is killed and restarted, which would break open connections.
    this.#agent = new Agent({ ca, keepAlive: false });
  }

  get url() {
    return `https://${VAULT}:${this.#port}/`;
  }

  /** Starts the vault, with the keys that it had before. */
  async start() {
    this.#port = await this.#server.start(fileIn('VAULT'), ['-listen', `127.0.0.1:${this.#port}`, ...this.#files]);
  }

  /** Kills the vault. */
  async crash() {
    await this.#server.crash();
  }

  /** Creates a version of a key, and returns its path, which the other methods take. */
  async create(name, description) {
    const request = { key_ops: ['sign', 'verify'], ...description };
    const { key } = await this.#request('POST', `/keys/${name}/create`, request);
    return new URL(key.kid).pathname;
  }

  async enable(version, enabled) {
    await this.#request('PATCH', version, { attributes: { enabled } });
  }

  async tags(version) {
    return (await this.#request('GET', version)).tags;
  }

  async #request(method, path, body) {
    const headers = { authorization: `Bearer for-https://${SERVICE}`, host: new URL(this.url).host };
    const address = { host: '127.0.0.1', port: this.#port, servername: VAULT, agent: this.#agent };
    const request = secureRequest({ ...address, method, path: `${path}?api-version=2025-07-01`, headers });
    request.end(body && JSON.stringify(body));
    const [answer] = await once(request, 'response');
    const text = (await answer.toArray()).join('');
    if (answer.statusCode !== 200) throw new Error(`${method} ${path}: ${answer.statusCode}: ${text}`);
    return JSON.parse(text);
  }
}

/** Starts all three servers; `environment` has the settings for a signer. */
export async function startAzure() {
  const folder = await mkdtemp(join(tmpdir(), 'azurehsm-signer-foreign-'));
  const files = await makeCertificate(folder);
  const [key, cert] = await Promise.all([readFile(files.privateKey), readFile(files.certificate)]);
  const identity = new Identity();
  const vault = new Vault(folder, files, cert);
  const cosmos = new Cosmos({ key, cert });
  const stop = async () => {
    identity.stop();
    await Promise.all([vault.crash(), cosmos.stop()]);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all([identity.start(), vault.start(), cosmos.start()]);
  } catch (error) {
    await stop();
    throw error;
  }
  cosmos.account = cosmos.accountIn(['West Europe']);
  const environment = {
    KEY_VAULT_URL: vault.url,
    COSMOS_ENDPOINT: cosmos.url,
    IDENTITY_ENDPOINT: identity.url,
    IDENTITY_HEADER: 'a secret',
    SSL_CERT_FILE: files.certificate,
    // Otherwise the SDK queries the metadata service of virtual machines.
    COSMOS_DISABLE_IMDS: '1',
  };
  return { vault, cosmos, environment, stop };
}
