// The requests of octez-client and octez-baker, and whether these could read the answers.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { LEVEL, PAYLOADS, SIGNED_BATCH, TZ4_ACCOUNT } from './octez_vectors.mjs';
import {
  FRAMINGS,
  assertRefused,
  assertRefusedByHost,
  assertSigned,
  authenticationBytes,
  get,
  jsonHex,
  post,
  readObject,
  sign,
  signTarget,
} from './octez_wire.mjs';
import { CONSENSUS_KINDS, consensus, payloadHashOf } from './payloads.mjs';
import { behindHost, startSigner, throughRelay } from './signer_process.mjs';
import { SecretKey } from './verification.mjs';

const CURVES = ['ed25519', 'secp256k1', 'p256', 'bls'];
const ADDRESS = { ed25519: 'tz1', secp256k1: 'tz2', p256: 'tz3', bls: 'tz4' };
const OTHER_BLOCK = payloadHashOf('another block');

const baker = Object.fromEntries(CURVES.map((curve) => [curve, SecretKey.random(curve)]));
const companion = SecretKey.random('bls');
const account = SecretKey.fromText('bls', TZ4_ACCOUNT.secret);
const stranger = SecretKey.random('p256');

// Each test signs at a fresh level, so that none depends on the marks of another.
let nextLevel = LEVEL + 1;
const freshLevel = () => nextLevel++;

describe('a signer with default settings', () => {
  let signer;
  before(async () => {
    signer = await startSigner({ keys: [...Object.values(baker), companion, account] });
  });
  after(() => signer?.stop());

  for (const curve of CURVES) {
    const key = baker[curve];

    test(`${ADDRESS[curve]}: public key`, async () => {
      assert.equal(readObject(await get(signer, `/keys/${key.hash}`), 'public_key'), key.text);
    });

    for (const kind of CONSENSUS_KINDS) {
      test(`${ADDRESS[curve]}: ${kind}, and a repeat`, async () => {
        const payload = consensus(kind, curve, { level: freshLevel() });
        const first = assertSigned(await sign(signer, key, payload), key, payload);
        const second = assertSigned(await sign(signer, key, payload), key, payload);

        // Two signatures over one header are two block hashes, which the protocol punishes.
        if (kind === 'block') assert.equal(second, first);
      });

      test(`${ADDRESS[curve]}: another ${kind} and a lower round are refused, a higher round is signed`, async () => {
        const level = freshLevel();
        const request = (fields) => sign(signer, key, consensus(kind, curve, { level, ...fields }));
        await request({ round: 1 }).then((answer) => readObject(answer, 'signature'));

        assertRefused(await request({ round: 1, payloadHash: OTHER_BLOCK }), 409);
        assertRefused(await request({ round: 0 }), 409);
        assertRefused(await request({ level: level - 1, round: 9 }), 409);
        const next = consensus(kind, curve, { level, round: 2, payloadHash: OTHER_BLOCK });
        assertSigned(await sign(signer, key, next), key, next);
      });
    }

    test(`${ADDRESS[curve]}: concurrent block, preattestation and attestation of one level`, async () => {
      const level = freshLevel();
      await Promise.all(
        CONSENSUS_KINDS.map(async (kind) => {
          const payload = consensus(kind, curve, { level });
          assertSigned(await sign(signer, key, payload), key, payload);
        }),
      );
    });

    test(`${ADDRESS[curve]}: of ten different concurrent attestations, exactly one is signed`, async () => {
      const level = freshLevel();
      const payloads = Array.from({ length: 10 }, (_, index) =>
        consensus('attestation', curve, { level, payloadHash: payloadHashOf(`${index}`) }),
      );
      const answers = await Promise.all(payloads.map((payload) => sign(signer, key, payload)));

      const signed = payloads.flatMap((payload, index) =>
        answers[index].status === 200 ? [[answers[index], payload]] : [],
      );
      assert.equal(signed.length, 1);
      assertSigned(signed[0][0], key, signed[0][1]);
      answers.filter((answer) => answer.status !== 200).forEach((answer) => assertRefused(answer, 409));
    });

    test(`${ADDRESS[curve]}: ten concurrent replays of one block get one signature`, async () => {
      const payload = consensus('block', curve, { level: freshLevel() });
      const answers = await Promise.all(Array.from({ length: 10 }, () => sign(signer, key, payload)));

      assert.equal(new Set(answers.map((answer) => assertSigned(answer, key, payload))).size, 1);
    });
  }

  for (const curve of ['ed25519', 'secp256k1', 'p256']) {
    test(`${ADDRESS[curve]}: an attestation with DAL content is signed; with other content or none, it is refused`, async () => {
      const key = baker[curve];
      const fields = { level: freshLevel() };
      const payload = consensus('attestation', curve, { ...fields, dal: '8020' });

      assertSigned(await sign(signer, key, payload), key, payload);
      assertRefused(await sign(signer, key, consensus('attestation', curve, { ...fields, dal: '01' })), 409);
      assertRefused(await sign(signer, key, consensus('attestation', curve, fields)), 409);
    });

    test(`${ADDRESS[curve]}: the version of the request changes nothing`, async () => {
      const key = baker[curve];
      for (const version of [0, 1, 2, 3, 4, null]) {
        const payload = consensus('attestation', curve, { level: freshLevel() });
        assertSigned(await sign(signer, key, payload, { version }), key, payload);
      }
    });
  }

  test('tz4: the companion key signs the same bytes as the consensus key', async () => {
    const payload = consensus('attestation', 'bls', { level: freshLevel() });
    assertSigned(await sign(signer, baker.bls, payload), baker.bls, payload);
    assertSigned(await sign(signer, companion, payload), companion, payload);
  });

  const schemes = [
    [1, 'aug'],
    [2, 'pop'],
    [3, 'pop'],
    [4, 'pop'],
    [null, 'pop'],
  ];
  for (const [version, scheme] of schemes) {
    for (const kind of CONSENSUS_KINDS) {
      test(`tz4: ${kind} with version=${version ?? '(absent)'} is signed in the ${scheme} scheme`, async () => {
        const payload = consensus(kind, 'bls', { level: freshLevel() });
        assertSigned(await sign(signer, baker.bls, payload, { version }), baker.bls, payload, scheme);
      });
    }
  }

  for (const version of ['0', '-1', 'three']) {
    test(`tz4: version=${version} is refused`, async () => {
      const answer = await sign(signer, baker.bls, consensus('attestation', 'bls', { level: freshLevel() }), {
        version,
      });
      assert.ok(answer.status >= 400 && answer.status < 500, answer.statusLine);
      assertRefused(answer, answer.status);
    });
  }

  test('tz4: the same signatures as those of Octez, byte for byte', async () => {
    const signature = async (version) =>
      readObject(await sign(signer, account, PAYLOADS.blsAttestation, { version }), 'signature');
    assert.equal(await signature(3), TZ4_ACCOUNT.pop);
    assert.equal(await signature(1), TZ4_ACCOUNT.aug);
    assert.equal(await signature(2), TZ4_ACCOUNT.pop);
  });

  for (const [title, framing] of Object.entries(FRAMINGS)) {
    test(`a request sent as ${title}`, async () => {
      const payload = consensus('attestation', 'p256', { level: freshLevel() });
      assertSigned(await sign(signer, baker.p256, payload, { framing }), baker.p256, payload);
    });
  }

  // The signer ignores an empty path segment, but the host's routing finds no function then.
  test(`a base address that ends in a slash: ${behindHost ? 'the host answers 404' : 'works as without'}`, async () => {
    const key = baker.p256;
    const payload = consensus('attestation', 'p256', { level: freshLevel() });
    const proof = await get(signer, `//bls_prove_possession/${baker.bls.hash}`);
    const publicKey = await get(signer, `//keys/${key.hash}`);
    if (behindHost) {
      assertRefusedByHost(proof, 404);
      assertRefusedByHost(publicKey, 404);
      assertRefusedByHost(await get(signer, '//authorized_keys'), 404);
      assertRefusedByHost(await post(signer, signTarget(key, { prefix: '/' }), jsonHex(payload)), 404);
    } else {
      assertRefused(proof, 403);
      assert.equal(readObject(publicKey, 'public_key'), key.text);
      assertSigned(await sign(signer, key, payload, { prefix: '/' }), key, payload);
    }
  });

  test('an empty object of authorized keys: octez need not authenticate', async () => {
    assert.equal((await get(signer, '/authorized_keys')).body.trim(), '{}');
  });

  // Above all levels signed by the tests before, so that no mark can be the reason for a refusal.
  const level = LEVEL + 10_000;
  const attestation = consensus('attestation', 'p256', { level });
  const withByte = (index, value) => Buffer.from(attestation).fill(value, index, index + 1);
  const key = baker.p256;
  const refusedRequests = [
    ['GET of an unknown key', () => get(signer, `/keys/${stranger.hash}`), 404],
    ['POST to an unknown key', () => post(signer, signTarget(stranger), jsonHex(attestation)), 404],
    ['the list of known keys, not allowed', () => get(signer, '/known_keys'), 403],
    ['a proof of possession, not allowed', () => get(signer, `/bls_prove_possession/${baker.bls.hash}`), 403],
    ['an operation, not allowed', () => post(signer, signTarget(key), jsonHex(SIGNED_BATCH.payload)), 403],
    ['a body that is not JSON', () => post(signer, signTarget(key), `${attestation.toString('hex')}\n`), 400],
    [
      'a body that is a JSON object',
      () => post(signer, signTarget(key), `{"data":${jsonHex(attestation).trim()}}\n`),
      400,
    ],
    ['a JSON string that is not hex', () => post(signer, signTarget(key), '"attestation"\n'), 400],
    ['an odd number of hex digits', () => post(signer, signTarget(key), '"13a"\n'), 400],
    ['an empty body', () => post(signer, signTarget(key), ''), 400],
    ['an empty payload', () => post(signer, signTarget(key), '""\n'), 403],
    ['a truncated payload', () => post(signer, signTarget(key), jsonHex(attestation.subarray(0, -1))), 403],
    [
      'a payload with a trailing byte',
      () => post(signer, signTarget(key), jsonHex(Buffer.concat([attestation, Buffer.from([0])]))),
      403,
    ],
    ['an unknown watermark', () => post(signer, signTarget(key), jsonHex(withByte(0, 0xff))), 403],
    ['the watermark of the first protocols', () => post(signer, signTarget(key), jsonHex(withByte(0, 0x02))), 403],
    [
      'an attestation behind the watermark of a preattestation',
      () => post(signer, signTarget(key), jsonHex(withByte(0, 0x12))),
      403,
    ],
    [
      'a vote in the form of tz4 for a tz3 key',
      () => post(signer, signTarget(key), jsonHex(consensus('attestation', 'bls', { level }))),
      403,
    ],
    ['a vote in the form of tz3 for a tz4 key', () => post(signer, signTarget(baker.bls), jsonHex(attestation)), 403],
    ['a level beyond 31 bits', () => post(signer, signTarget(key), jsonHex(withByte(40, 0x80))), 403],
    ['a body of more than 128 KiB', () => post(signer, signTarget(key), jsonHex(Buffer.alloc(70_000, 3))), 413],
  ];
  for (const [title, request, status] of refusedRequests) {
    test(`${title}: ${status}, with an error that octez can read`, async () => {
      assertRefused(await request(), status);
    });
  }

  test(`an unknown route: 404, ${behindHost ? 'without a body' : 'with an error that octez can read'}`, async () => {
    const answer = await get(signer, '/chains/main/blocks/head');
    // The host has the routes of the package, so the request does not reach the signer.
    if (behindHost) assertRefusedByHost(answer, 404);
    else assertRefused(answer, 404);
  });

  test("the bytes of an authentication are never signed: they would authenticate another client", async () => {
    assertRefused(await post(signer, signTarget(key), jsonHex(authenticationBytes(key, attestation))), 403);
  });
});

describe('a signer that expects authentication', () => {
  const clients = Object.fromEntries(CURVES.map((curve) => [curve, SecretKey.random(curve)]));
  const key = SecretKey.random('p256');
  const tz4 = SecretKey.random('bls');
  let signer;
  before(async () => {
    signer = await startSigner({
      keys: [key, tz4],
      settings: {
        AUTHORIZED_KEYS: Object.values(clients)
          .map((client) => client.text)
          .join(','),
      },
    });
  });
  after(() => signer?.stop());

  test('lists the clients that may authenticate', async () => {
    const named = readObject(await get(signer, '/authorized_keys'), 'authorized_keys');
    assert.deepEqual(
      named.toSorted(),
      Object.values(clients)
        .map((client) => client.hash)
        .sort(),
    );
  });

  for (const curve of CURVES) {
    for (const signing of [key, tz4]) {
      test(`${ADDRESS[curve]} client, ${signing.hash.slice(0, 3)} key: signed`, async () => {
        const payload = consensus('attestation', signing.curve, { level: freshLevel() });
        assertSigned(await sign(signer, signing, payload, { wallet: [stranger, clients[curve]] }), signing, payload);
      });
    }
  }

  for (const curve of ['ed25519', 'secp256k1', 'p256']) {
    test(`${ADDRESS[curve]} client, signature with the generic prefix: signed`, async () => {
      const payload = consensus('attestation', 'p256', { level: freshLevel() });
      const authentication = clients[curve].sign(authenticationBytes(key, payload), { generic: true });
      assertSigned(await sign(signer, key, payload, { authentication }), key, payload);
    });
  }

  const client = clients.ed25519;
  const other = (payload) => Buffer.concat([payload.subarray(0, -1), Buffer.from([payload.at(-1) ^ 1])]);
  const wrong = {
    'no authentication': () => undefined,
    'an empty authentication': () => '',
    'text that is not a signature': () => 'edsig',
    'the signature of a stranger': (payload) => stranger.sign(authenticationBytes(key, payload)),
    'the signature of the signing key itself': (payload) => key.sign(authenticationBytes(key, payload)),
    'a signature over another payload': (payload) => client.sign(authenticationBytes(key, other(payload))),
    'a signature for another key': (payload) => client.sign(authenticationBytes(tz4, payload)),
    'a signature over the payload alone': (payload) => client.sign(payload),
    'a signature for a nonce request': (payload) => client.sign(authenticationBytes(key, payload).fill(2, 1, 2)),
    'a tz4 signature of the other scheme': (payload) =>
      clients.bls.sign(authenticationBytes(key, payload), { scheme: 'proof' }),
  };
  for (const [title, authenticate] of Object.entries(wrong)) {
    test(`${title}: 401, and no mark is written`, async () => {
      const fields = { level: freshLevel() };
      const refused = consensus('attestation', 'p256', { ...fields, payloadHash: OTHER_BLOCK });
      assertRefused(await sign(signer, key, refused, { authentication: authenticate(refused) }), 401);

      const payload = consensus('attestation', 'p256', fields);
      assertSigned(await sign(signer, key, payload, { wallet: [client] }), key, payload);
    });
  }

  test('a public key needs no authentication', async () => {
    assert.equal(readObject(await get(signer, `/keys/${key.hash}`), 'public_key'), key.text);
  });
});

describe('a signer that lists its keys and proves possession', () => {
  const keys = [account, SecretKey.random('bls'), SecretKey.random('p256')];
  let signer;
  before(async () => {
    signer = await startSigner({
      keys,
      settings: { ALLOW_LIST_KNOWN_KEYS: 'true', POLICY: JSON.stringify({ default: { proof_of_possession: true } }) },
    });
  });
  after(() => signer?.stop());

  test('lists its keys', async () => {
    const named = readObject(await get(signer, '/known_keys'), 'known_keys');
    assert.deepEqual(named.toSorted(), keys.map((key) => key.hash).sort());
  });

  test('proves possession of a tz4 key with the tag for proofs', async () => {
    const key = keys[1];
    const proof = readObject(await get(signer, `/bls_prove_possession/${key.hash}`), 'bls_prove_possession');
    assert.equal(key.verify(proof, key.bytes, 'proof'), true);
  });

  test('the same proof as that of Octez, byte for byte', async () => {
    assert.equal(
      readObject(await get(signer, `/bls_prove_possession/${account.hash}`), 'bls_prove_possession'),
      TZ4_ACCOUNT.proof,
    );
  });

  test('no proof for a key that is not tz4, nor for an unknown one', async () => {
    const notBls = await get(signer, `/bls_prove_possession/${keys[2].hash}`);
    assert.ok(notBls.status >= 400 && notBls.status < 500, notBls.statusLine);
    assertRefused(notBls, notBls.status);
    assertRefused(await get(signer, `/bls_prove_possession/${SecretKey.random('bls').hash}`), 404);
  });
});

describe('paths that octez does not use', () => {
  let signer;
  before(async () => {
    signer = await startSigner({ keys: [baker.p256] });
  });
  after(() => signer?.stop());

  test('GET /health reports success, GET /keys lists the key', async () => {
    assert.equal((await get(signer, '/health')).status, 200);
    const list = await get(signer, '/keys');
    assert.equal(list.status, 200);
    assert.ok(list.body.includes(baker.p256.hash));
  });

  test('GET / is empty', { skip: throughRelay && 'no host looks for a sign of life of a relay' }, async () => {
    const { status, body } = await get(signer, '/');
    assert.deepEqual([status, body], [200, '']);
  });
});
