import bs58check from 'bs58check';

/** A remote signer for Taquito and octez.js, which also reads the signatures of tz4 keys. */
export class RemoteSigner {
  constructor(url, address, headers = {}) {
    Object.assign(this, { url, address, headers });
  }

  async publicKeyHash() {
    return this.address;
  }

  async publicKey() {
    return this.request('public_key', `keys/${this.address}`);
  }

  async secretKey() {
    throw new Error('the secret key stays with the signer');
  }

  async sign(bytes, watermark = []) {
    const body = JSON.stringify(Buffer.from(watermark).toString('hex') + bytes);
    const signature = await this.request('signature', `keys/${this.address}`, { method: 'POST', body });
    const raw = bs58check.decode(signature).slice(this.address.startsWith('tz4') ? -96 : -64);
    return { bytes, sig: signature, prefixSig: signature, sbytes: bytes + Buffer.from(raw).toString('hex') };
  }

  // For the reveal of a tz4 key. The policy must allow it.
  async provePossession() {
    const proof = await this.request('bls_prove_possession', `bls_prove_possession/${this.address}`);
    return { prefixSig: proof };
  }

  async request(field, path, options) {
    const headers = { 'content-type': 'application/json', ...this.headers };
    const answer = await fetch(`${this.url}/${path}`, { ...options, headers });
    if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
    return (await answer.json())[field];
  }
}
