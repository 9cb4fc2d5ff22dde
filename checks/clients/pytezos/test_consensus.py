"""Votes and blocks as pytezos encodes them, and the effect of the signer's marks."""

from pytezos.block.header import BlockHeader
from pytezos.operation.forge import forge_operation_group
from pytezos.operation.group import OperationGroup
from pytezos.sandbox.parameters import USHUAIA
from signer import BRANCH, CHAIN, CHAIN_BYTES, FIRST_LEVEL, SignerTest, base58, context, for_each_key

WATERMARKS = {'preattestation': b'\x12', 'attestation': b'\x13', 'attestation_with_dal': b'\x13'}


def vote(kind, level, round, block):
    content = {'kind': kind, 'slot': 0, 'level': level, 'round': round, 'block_payload_hash': base58(b'vh', 32, block)}
    if kind == 'attestation_with_dal':
        content['dal_attestation'] = '513'
    return content


def vote_payload(kind, level, round, block):
    """pytezos forges the bytes after the watermark; its own `sign` would prepend the watermark used before 2022."""
    forged = forge_operation_group({'branch': BRANCH, 'contents': [vote(kind, level, round, block)]})
    return WATERMARKS[kind] + CHAIN_BYTES + forged


def aggregate(kind):
    content = {'level': FIRST_LEVEL, 'round': 0, 'block_payload_hash': base58(b'vh', 32, 1)}
    committee = [{'slot': 0}] if kind == 'attestations_aggregate' else [0]
    return {'kind': kind, 'consensus_content': content, 'committee': committee}


def block(key, level, round, payload):
    return BlockHeader(
        context=context(key),
        protocol_data={
            'protocol': USHUAIA,
            'payload_hash': base58(b'vh', 32, payload),
            'payload_round': round,
            'proof_of_work_nonce': '101895ca00000000',
            'liquidity_baking_toggle_vote': 'pass',
        },
        shell_header={
            'level': level,
            'proto': 1,
            'predecessor': BRANCH,
            'timestamp': '2025-11-24T16:00:00Z',
            'validation_pass': 4,
            'operations_hash': base58(b'LLo', 32, 20),
            'fitness': ['02', f'{level:08x}', '', 'ffffffff', f'{round:08x}'],
            'context': base58(b'Co', 32, 21),
        },
    )


class Consensus(SignerTest):
    def assert_signs_block(self, header):
        signature = header.sign().signature
        self.assert_covers(signature, header.key, b'\x11' + CHAIN_BYTES + header.forge(), own_form=signature)
        return signature

    @for_each_key
    def test_votes(self, key):
        for offset, kind in enumerate(WATERMARKS):
            with self.subTest(kind):
                payload = lambda *fields: vote_payload(kind, *fields)
                level = FIRST_LEVEL + 10 * offset
                # pytezos does not support votes of tz4 keys.
                if key.curve == b'BL':
                    self.assert_refused(403, '40 and 41 are for tz4', key.sign, payload(level, 1, 1))
                    continue
                self.assert_signs(key, payload(level, 1, 1))
                self.assert_signs(key, payload(level, 1, 1))
                self.assert_refused(409, 'already signed with different data', key.sign, payload(level, 1, 2))
                self.assert_refused(409, 'below the high watermark', key.sign, payload(level, 0, 1))
                self.assert_signs(key, payload(level, 2, 2))
                self.assert_signs(key, payload(level + 1, 0, 3))

    @for_each_key
    def test_votes_signed_by_pytezos_itself_have_the_watermark_used_before_2022(self, key):
        old = {
            'endorsement': {'kind': 'endorsement', 'level': FIRST_LEVEL},
            'endorsement_with_slot': {
                'kind': 'endorsement_with_slot',
                'slot': 0,
                'endorsement': {
                    'branch': BRANCH,
                    'operations': {'kind': 'endorsement', 'level': FIRST_LEVEL},
                    'signature': base58(b'sig', 64, 1),
                },
            },
        }
        today = {kind: vote(kind, FIRST_LEVEL, 0, 1) for kind in WATERMARKS}
        aggregates = {kind: aggregate(kind) for kind in ('preattestations_aggregate', 'attestations_aggregate')}
        for kind, content in {**old, **today, **aggregates}.items():
            with self.subTest(kind):
                operations = OperationGroup(context=context(key), contents=[content], chain_id=CHAIN, branch=BRANCH)
                self.assert_refused(403, 'watermark byte 02 is not supported', operations.sign)

    @for_each_key
    def test_blocks(self, key):
        first = self.assert_signs_block(block(key, FIRST_LEVEL, 1, 1))
        self.assertEqual(self.assert_signs_block(block(key, FIRST_LEVEL, 1, 1)), first)
        other = block(key, FIRST_LEVEL, 1, 2)
        self.assert_refused(409, 'already signed with different data', other.sign)
        self.assert_refused(409, 'below the high watermark', block(key, FIRST_LEVEL, 0, 1).sign)
        self.assert_signs_block(block(key, FIRST_LEVEL, 2, 2))
        self.assert_signs_block(block(key, FIRST_LEVEL + 1, 0, 3))
