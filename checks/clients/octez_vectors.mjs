// Vectors from the sources of Octez, or computed from them with libraries that are not used here, to check this suite's
// own code against.

const hex = (text) => Buffer.from(text, 'hex');

/** A batch of a reveal and a transaction with its signature (encoding samples of protocol 025). */
export const SIGNED_BATCH = {
  payload: hex(
    '038fcf233671b6a04fcf679d2a381c2544ea6c1ea29ba6157776ed842426e5cab8' +
      '6b00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcf940202ab0100009d05b06ea36a6ad464d94dc07a38b77b80b577c1ae51bbd8d20105cd5aed496c00' +
      '6c00ba3bed311a5d7b06dc4daf3c94c5c406927e4bcfed0203b51000c0843d000002298c03ed7d454a101eb7022bc95f7e5f41ac7800',
  ),
  digest: 'e6753903f4b286f3d990ef24fb9a14b00f52215801c7e40ccf69e472935796d9',
  publicKey: hex('9d05b06ea36a6ad464d94dc07a38b77b80b577c1ae51bbd8d20105cd5aed496c'),
  signature: hex(
    '6c7157e12e95a182e2d6caa7c7d275faf1dbaf97ec974b89c1ca1e27b43d063b975a4425b0c88d4cc00d88df6c6ca0328bfbd329a53eef6b59506e5cbc7dc90b',
  ),
};

/** Payloads for mainnet at level 1331 with an all-zero payload hash, and the digests of the two block headers. */
export const PAYLOADS = {
  attestation: hex(
    '137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8' +
      `15000000000533000000${'00'.repeat(33)}`,
  ),
  attestationWithDal: hex(
    '137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8' +
      `17000000000533000000${'00'.repeat(33)}8020`,
  ),
  blsPreattestation: hex(
    `127a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a82800000533${'00'.repeat(36)}`,
  ),
  blsAttestation: hex(
    `137a06a7700e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a82900000533${'00'.repeat(36)}`,
  ),
};
export const BLOCK_DIGESTS = {
  roundTwo: 'bd6bba73972e0f9ef6ceb0b4e7d742ae04a0921b19b4bd2e8ce0f61d06537126',
  roundTwoLockedOne: '5b5fee8e4d8e8ec2cff7bdc3e502b61e12ee388e1ea1654aa3ecccc7f4b7043a',
};
export const LEVEL = 1331;
export const NO_PAYLOAD = Buffer.alloc(32);

/** The public test account of Octez's own integration tests, with its signatures over `PAYLOADS.blsAttestation`. */
export const TZ4_ACCOUNT = {
  hash: 'tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn',
  publicKey: 'BLpk1yUiLJ7RezbyViD5ZvWTfQndM3TRRYmvYWkUfH2EJqsLFnzzvpJss6pbuz3U1DDMpk8v16nV',
  secret: 'BLsk1hKAHyGqY9qRbgoSVnjiSmDWpKGjFF3WNQ7BaiaMUA6RMA6Pfq',
  pop: 'BLsigAJedzg2UyEeTYDMiezqfXmzXKJ72diqU7EEdVd73wc5JTN75R8PQA9okoBTxXvE8Mva23yK5hChaUQZwCVdbWGG6Eux586FSrVovHw5E1BniBKqVEtAjqh4XLzttJcdwCmGSYi5oF',
  aug: 'BLsigBQ6dAjQNwsSWeuaYfpYjPxvDf4m5fUXVQJd2219KyRqoxmZ5uqVSJAiQDBo8n6sqhv5fopUHRWSWJoFtqcdyYAvV2myCtNtoDhMHoUtuH7J7WfreUJ27UXMTruUbzvUc3itWUuUsT',
  proof:
    'BLsig9a5nLiDGB7zGFTWJGdsZT3WPMCTAh5qVUmJekTzPbiQttFVD6jDg4Mf1gEV8Y3fq7sv9Vs6U7Tpx9ZST7GZdw9NGz9JLkdfeXmGz5yh1BnVSr5aYcLfPEpwteCGRx4Bk1q2SuaAnh',
};
