// The requests of octez-client and octez-baker, byte for byte, and their strict parsing of answers.
//
// Written on a bare socket because no HTTP library of Node sends requests as cohttp does: every request on a new
// connection, every body chunked, header names in lower case, and a newline after the JSON.

import assert from 'node:assert/strict';
import { connect } from 'node:net';

const ACCEPT = 'application/json;q=1,application/bson;q=0.100,application/octet-stream;q=0.200';
const ANSWER_WITHIN_MS = 10_000;

function head(signer, method, target, moreHeaders = []) {
  return [
    `${method} ${target} HTTP/1.1`,
    `host: ${signer.host}:${signer.port}`,
    `accept: ${ACCEPT}`,
    ...moreHeaders,
    // Like TEZOS_SIGNER_HTTP_HEADERS, which octez sends with every request.
    ...Object.entries(signer.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    'user-agent: ocaml-cohttp/5.3.1',
    '',
    '',
  ].join('\r\n');
}

// An empty chunk would end the body.
const chunk = (text) => (text === '' ? '' : `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
const LAST_CHUNK = '0\r\n\r\n';

/** Ways to split one request: its body into chunks, and its bytes into writes. */
export const FRAMINGS = {
  'one chunk, one write': (headText, body) => [headText + chunk(body) + LAST_CHUNK],
  'headers, chunk and end in separate writes': (headText, body) => [headText, chunk(body), LAST_CHUNK],
  'the newline in a separate chunk': (headText, body) => [
    headText + chunk(body.slice(0, -1)) + chunk('\n') + LAST_CHUNK,
  ],
  'one byte per chunk': (headText, body) => [headText + [...body].map(chunk).join('') + LAST_CHUNK],
  'several chunks in separate writes': (headText, body) => [headText, ...body.match(/[^]{1,50}/g).map(chunk), LAST_CHUNK],
  'writes that end inside a header, a chunk size, a chunk and the end': (headText, body) => {
    const framed = chunk(body);
    return [
      headText.slice(0, 30),
      headText.slice(30) + framed.slice(0, 1),
      framed.slice(1, 40),
      framed.slice(40) + '0\r\n',
      '\r\n',
    ];
  },
  'one byte per write': (headText, body) => [...(headText + chunk(body) + LAST_CHUNK)],
};

/** The parsed answer, or undefined if it is incomplete: octez closes the connection itself, without waiting for the end. */
function parseAnswer(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [statusLine, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = new Map(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const rest = bytes.subarray(end + 4);
  const body = headers.get('transfer-encoding') === 'chunked' ? chunkedBody(rest) : sizedBody(rest, headers);
  return body && { statusLine, status: Number(statusLine.split(' ')[1]), headers, body: body.toString('utf8') };
}

function sizedBody(bytes, headers) {
  assert.match(headers.get('content-length') ?? '', /^\d+$/, 'an answer must declare its length');
  const length = Number(headers.get('content-length'));
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}

function chunkedBody(bytes) {
  const chunks = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}

/** One request on a new connection. Each of `writes` is flushed to the network before the next. */
export function exchange(signer, writes) {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let failure = new Error('the signer closed the connection');
    const socket = connect({ host: signer.host, port: signer.port, noDelay: true });
    const finish = (error, answer) => {
      socket.destroy();
      if (answer) resolve(answer);
      else
        reject(
          new Error(`no complete answer: ${error.message}; received: ${received.toString('latin1')}`, { cause: error }),
        );
    };
    socket.setTimeout(ANSWER_WITHIN_MS, () => finish(new Error(`nothing received for ${ANSWER_WITHIN_MS} ms`)));
    // A signer that refuses a long body early may close while it is still being sent: only the answer matters.
    socket.on('error', (error) => (failure = error));
    socket.on('close', () => finish(failure));
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      try {
        const answer = parseAnswer(received);
        if (answer) finish(undefined, answer);
      } catch (error) {
        finish(error);
      }
    });
    const writeFrom = (index) => {
      if (index < writes.length && socket.writable) socket.write(writes[index], () => writeFrom(index + 1));
    };
    writeFrom(0);
  });
}

export function get(signer, target) {
  return exchange(signer, [head(signer, 'GET', target)]);
}

/** A POST of `body`, unchanged. `jsonHex` creates the body of a request to sign. */
export function post(signer, target, body, framing = FRAMINGS['one chunk, one write']) {
  const headers = ['content-type: application/json', 'transfer-encoding: chunked'];
  return exchange(signer, framing(head(signer, 'POST', target, headers), body));
}

export const jsonHex = (payload) => `"${payload.toString('hex')}"\n`;

/** The bytes that a client signs to authenticate a request for a signature of `key` over `payload`. */
export function authenticationBytes(key, payload) {
  return Buffer.concat([Buffer.from([0x04, 0x01]), key.taggedHash, payload]);
}

export function signTarget(key, { version = 3, authentication, prefix = '' } = {}) {
  const query = new URLSearchParams();
  if (authentication !== undefined) query.set('authentication', authentication);
  if (version !== null) query.set('version', version);
  return `${prefix}/keys/${key.hash}${query.size > 0 ? `?${query}` : ''}`;
}

/**
 * One signature, as octez requests it: it first queries the authorized keys, every time and on a separate connection.
 *
 * @param {{ wallet?: import('./verification.mjs').SecretKey[] }} options the keys that the client may authenticate with
 */
export async function sign(signer, key, payload, { wallet = [], framing, ...target } = {}) {
  const authorized = readObject(await get(signer, `${target.prefix ?? ''}/authorized_keys`), 'authorized_keys', {
    optional: true,
  });
  const client = wallet.find((candidate) => authorized?.includes(candidate.hash));
  const authentication = client?.sign(authenticationBytes(key, payload));
  return post(signer, signTarget(key, { authentication, ...target }), jsonHex(payload), framing);
}

function assertJson(answer) {
  // Octez drops the parameters of a content type and then accepts JSON only.
  assert.equal(answer.headers.get('content-type')?.split(';')[0].trim(), 'application/json');
}

/** The one field of a successful answer. Octez refuses an answer with any other field. */
export function readObject(answer, field, { optional = false } = {}) {
  assert.equal(answer.statusLine, 'HTTP/1.1 200 OK', answer.body);
  assertJson(answer);
  const object = JSON.parse(answer.body);
  const fields = Object.keys(object);
  assert.deepEqual(fields, optional && fields.length === 0 ? [] : [field]);
  return object[field];
}

/** The message of a refusal, parsed as octez does: a list of errors with id `failure`. */
export function readFailure(body) {
  const errors = JSON.parse(body);
  assert.ok(Array.isArray(errors) && errors.length === 1, `not a list of one error: ${body}`);
  const [error] = errors;
  assert.deepEqual(Object.keys(error).sort(), ['id', 'kind', 'msg']);
  assert.equal(error.kind, 'temporary');
  assert.equal(error.id, 'failure');
  assert.equal(typeof error.msg, 'string');
  assert.notEqual(error.msg.trim(), '');
  return error.msg;
}

/** Asserts a refusal with this status, and returns its message. */
export function assertRefused(answer, status) {
  assert.equal(answer.status, status, answer.body);
  assertJson(answer);
  return readFailure(answer.body);
}

/** Asserts that the signature in the answer covers the payload, and returns it. */
export function assertSigned(answer, key, payload, scheme) {
  const signature = readObject(answer, 'signature');
  assert.equal(key.verify(signature, payload, scheme), true, `${signature} does not cover the payload`);
  return signature;
}

/** Asserts a refusal by the Functions host itself, which sends no body; octez prints its own message for these. */
export function assertRefusedByHost(answer, status) {
  assert.equal(answer.status, status, answer.body);
  assert.equal(answer.body, '');
}
