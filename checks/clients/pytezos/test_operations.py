"""At least one operation of every kind that pytezos forges."""

from pytezos.crypto.encoding import base58_decode, base58_encode
from pytezos.operation.forge import forge_operation
from pytezos.operation.group import OperationGroup
from pytezos.rpc.kind import operation_tags
from signer import BRANCH, CHAIN, MAX_FEE, SignerTest, base58, context, for_each_key

UNIT = {'prim': 'Unit'}
RECIPIENT = base58(b'tz1', 20, 9)
DELEGATE = base58(b'tz3', 20, 10)
CONTRACT = base58(b'KT1', 20, 8)
ROLLUP = base58(b'sr1', 20, 4)
COMMITMENT = base58(b'src1', 32, 5)
SCRIPT = {
    'code': [
        {'prim': 'parameter', 'args': [{'prim': 'unit'}]},
        {'prim': 'storage', 'args': [{'prim': 'unit'}]},
        {'prim': 'code', 'args': [[{'prim': 'CDR'}, {'prim': 'NIL', 'args': [{'prim': 'operation'}]}, {'prim': 'PAIR'}]]},
    ],
    'storage': UNIT,
}


def managed(key, kind, **more):
    fields = {'fee': '1420', 'counter': '7204321', 'gas_limit': '5200', 'storage_limit': '257'}
    return {'kind': kind, 'source': key.public_key_hash(), **fields, **more}


def transfer(key, **more):
    return managed(key, 'transaction', **{'amount': '1000000', 'destination': RECIPIENT, **more})


def call(entrypoint, value=UNIT, amount='0', destination=None):
    return lambda key: transfer(
        key,
        amount=amount,
        destination=destination or key.public_key_hash(),
        parameters={'entrypoint': entrypoint, 'value': value},
    )


MANAGED = {
    'reveal': lambda key: managed(key, 'reveal', public_key=key.public_key()),
    'transfer': transfer,
    'call': call('mint', {'prim': 'Pair', 'args': [{'int': '-42'}, {'string': 'for you'}]}, destination=CONTRACT),
    'stake': call('stake', amount='6000000000'),
    'unstake': call('unstake', amount='6000000000'),
    'finalize unstake': call('finalize_unstake'),
    'set delegate parameters': call(
        'set_delegate_parameters',
        {'prim': 'Pair', 'args': [{'int': '5000000'}, {'prim': 'Pair', 'args': [{'int': '100000000'}, UNIT]}]},
    ),
    'origination': lambda key: managed(key, 'origination', balance='0', script=SCRIPT),
    'origination with a delegate': lambda key: managed(key, 'origination', balance='1', delegate=DELEGATE, script=SCRIPT),
    'delegation': lambda key: managed(key, 'delegation', delegate=DELEGATE),
    'end of a delegation': lambda key: managed(key, 'delegation'),
    'register global constant': lambda key: managed(key, 'register_global_constant', value={'int': '7'}),
    'transfer ticket': lambda key: managed(
        key,
        'transfer_ticket',
        ticket_contents={'string': 'one'},
        ticket_ty={'prim': 'string'},
        ticket_ticketer=CONTRACT,
        ticket_amount='2',
        destination=CONTRACT,
        entrypoint='receive',
    ),
    'smart rollup add messages': lambda key: managed(key, 'smart_rollup_add_messages', message=['00', '', 'c0ffee']),
    'smart rollup execute outbox message': lambda key: managed(
        key,
        'smart_rollup_execute_outbox_message',
        rollup=ROLLUP,
        cemented_commitment=COMMITMENT,
        output_proof='beef' * 9,
    ),
}
ALONE = {'failing noop': lambda key: {'kind': 'failing_noop', 'arbitrary': 'hello'}}

WITHOUT_SIGNATURE = {'activate_account', 'double_consensus_operation_evidence'}
# Covered by test_consensus.py.
VOTES = {
    *('preattestation', 'attestation', 'attestation_with_dal'),
    *('preattestations_aggregate', 'attestations_aggregate', 'endorsement', 'endorsement_with_slot'),
}


def group(key, *contents):
    return OperationGroup(context=context(key), contents=list(contents), chain_id=CHAIN, branch=BRANCH)


def is_forged(kind):
    try:
        forge_operation({'kind': kind})
    except NotImplementedError:
        return False
    except KeyError:
        return True
    raise AssertionError(f'{kind} has no fields')


class Operations(SignerTest):
    def assert_signs_group(self, operations):
        signed = operations.sign()
        payload = b'\x03' + bytes.fromhex(operations.forge())
        curve = signed.key.curve
        raw = base58_decode(signed.signature.encode())
        self.assertEqual(signed.binary_payload(), payload[1:] + raw)
        self.assert_covers(signed.signature, signed.key, payload, base58_encode(raw, curve + b'sig').decode())

    @for_each_key
    def test_every_kind_that_pytezos_forges_has_a_row(self, key):
        rows = {content(key)['kind'] for content in [*MANAGED.values(), *ALONE.values()]}
        self.assertEqual(rows | WITHOUT_SIGNATURE | VOTES, {kind for kind in operation_tags if is_forged(kind)})

    @for_each_key
    def test_operations(self, key):
        for title, content in {**MANAGED, **ALONE}.items():
            with self.subTest(title):
                self.assert_signs_group(group(key, content(key)))

    @for_each_key
    def test_a_batch_of_one_of_each(self, key):
        self.assert_signs_group(group(key, *(content(key) for content in MANAGED.values())))

    @for_each_key
    def test_a_fee_over_the_maximum_of_the_policy(self, key):
        self.assert_signs_group(group(key, transfer(key, fee=str(MAX_FEE))))
        self.assert_refused(403, 'fee', group(key, transfer(key, fee=str(MAX_FEE + 1))).sign)
