package clients

// At least one operation of every kind that tzgo's codec supports.

import (
	"bytes"
	"strings"
	"testing"

	"github.com/trilitech/tzgo/codec"
	"github.com/trilitech/tzgo/micheline"
	"github.com/trilitech/tzgo/tezos"
)

var (
	branch     = tezos.NewBlockHash(hexOf(32, 1))
	protocol   = tezos.NewProtocolHash(hexOf(32, 2))
	rollup     = tezos.NewAddress(tezos.AddressTypeSmartRollup, hexOf(20, 4))
	commitment = tezos.NewSmartRollupCommitHash(hexOf(32, 5))
	state      = tezos.NewSmartRollupStateHash(hexOf(32, 6))
	contract   = tezos.NewAddress(tezos.AddressTypeContract, hexOf(20, 8))
	recipient  = tezos.NewAddress(tezos.AddressTypeEd25519, hexOf(20, 9))
	delegate   = tezos.NewAddress(tezos.AddressTypeP256, hexOf(20, 10))
	otherKey   = tezos.NewKey(tezos.KeyTypeEd25519, hexOf(32, 11))
)

func managed(key key) codec.Manager {
	return codec.Manager{
		Source: key.address(), Fee: 1420, Counter: 7204321, GasLimit: 5200, StorageLimit: 257,
	}
}

func script() micheline.Script {
	unit := micheline.NewPrim(micheline.T_UNIT)
	return micheline.Script{
		Code: micheline.Code{
			Param:   micheline.NewCode(micheline.K_PARAMETER, unit),
			Storage: micheline.NewCode(micheline.K_STORAGE, unit),
			Code: micheline.NewCode(micheline.K_CODE, micheline.NewSeq(
				micheline.NewCode(micheline.I_CDR),
				micheline.NewCode(micheline.I_NIL, micheline.NewPrim(micheline.T_OPERATION)),
				micheline.NewCode(micheline.I_PAIR),
			)),
		},
		Storage: micheline.Unit,
	}
}

// operations has rows for each kind, in the form of tzgo's default parameters. If no protocol accepts that form today, refused
// is part of the signer's answer.
var operations = []struct {
	title   string
	kind    tezos.OpType
	content func(key key) codec.Operation
	refused string
}{
	{"reveal", tezos.OpTypeReveal, func(key key) codec.Operation {
		return &codec.Reveal{Manager: managed(key), PublicKey: tezos.MustParseKey(key.Public)}
	}, ""},
	{"transfer", tezos.OpTypeTransaction, func(key key) codec.Operation {
		return &codec.Transaction{Manager: managed(key), Amount: 1_000_000, Destination: recipient}
	}, ""},
	{"call", tezos.OpTypeTransaction, func(key key) codec.Operation {
		call := micheline.Parameters{Entrypoint: "mint", Value: micheline.NewInt64(-42)}
		return &codec.Transaction{Manager: managed(key), Destination: contract, Parameters: &call}
	}, ""},
	{"origination", tezos.OpTypeOrigination, func(key key) codec.Operation {
		return &codec.Origination{Manager: managed(key), Script: script()}
	}, ""},
	{"origination with a delegate", tezos.OpTypeOrigination, func(key key) codec.Operation {
		return &codec.Origination{Manager: managed(key), Balance: 1, Delegate: delegate, Script: script()}
	}, ""},
	{"delegation", tezos.OpTypeDelegation, func(key key) codec.Operation {
		return &codec.Delegation{Manager: managed(key), Delegate: delegate}
	}, ""},
	{"end of a delegation", tezos.OpTypeDelegation, func(key key) codec.Operation {
		return &codec.Delegation{Manager: managed(key)}
	}, ""},
	{"register global constant", tezos.OpTypeRegisterConstant, func(key key) codec.Operation {
		return &codec.RegisterGlobalConstant{Manager: managed(key), Value: micheline.NewInt64(7)}
	}, ""},
	{"set deposits limit", tezos.OpTypeSetDepositsLimit, func(key key) codec.Operation {
		limit := tezos.N(500_000_000)
		return &codec.SetDepositsLimit{Manager: managed(key), Limit: &limit}
	}, ""},
	{"end of a deposits limit", tezos.OpTypeSetDepositsLimit, func(key key) codec.Operation {
		return &codec.SetDepositsLimit{Manager: managed(key)}
	}, ""},
	{"increase paid storage", tezos.OpTypeIncreasePaidStorage, func(key key) codec.Operation {
		return &codec.IncreasePaidStorage{Manager: managed(key), Amount: tezos.NewZ(100), Destination: contract}
	}, ""},
	{"update consensus key", tezos.OpTypeUpdateConsensusKey, func(key key) codec.Operation {
		return &codec.UpdateConsensusKey{Manager: managed(key), PublicKey: otherKey}
	}, "older form of update_consensus_key"},
	{"transfer ticket", tezos.OpTypeTransferTicket, func(key key) codec.Operation {
		return &codec.TransferTicket{
			Manager: managed(key), Contents: micheline.NewString("one"), Type: micheline.NewPrim(micheline.T_STRING),
			Ticketer: contract, Amount: 2, Destination: contract, Entrypoint: "receive",
		}
	}, ""},
	{"smart rollup originate", tezos.OpTypeSmartRollupOriginate, func(key key) codec.Operation {
		return &codec.SmartRollupOriginate{
			Manager: managed(key), Pvm: tezos.PvmKindWasm200, Kernel: hexOf(4, 12), Proof: hexOf(9, 13),
			Type: micheline.NewPrim(micheline.T_BYTES),
		}
	}, "older form of smart_rollup_originate"},
	{"smart rollup add messages", tezos.OpTypeSmartRollupAddMessages, func(key key) codec.Operation {
		return &codec.SmartRollupAddMessages{
			Manager: managed(key), Messages: []tezos.HexBytes{hexOf(1, 0), {}, hexOf(3, 14)},
		}
	}, ""},
	{"smart rollup cement", tezos.OpTypeSmartRollupCement, func(key key) codec.Operation {
		return &codec.SmartRollupCement{Manager: managed(key), Rollup: rollup}
	}, ""},
	{"smart rollup publish", tezos.OpTypeSmartRollupPublish, func(key key) codec.Operation {
		publish := &codec.SmartRollupPublish{Manager: managed(key), Rollup: rollup}
		publish.Commitment.State = state
		publish.Commitment.InboxLevel = 1331
		publish.Commitment.Predecessor = state
		publish.Commitment.NumberOfTicks = 11_000_000_000
		return publish
	}, ""},
	{"smart rollup refute", tezos.OpTypeSmartRollupRefute, func(key key) codec.Operation {
		return &codec.SmartRollupRefute{Manager: managed(key), Rollup: rollup, Opponent: recipient}
	}, "smart_rollup_refute"},
	{"smart rollup timeout", tezos.OpTypeSmartRollupTimeout, func(key key) codec.Operation {
		timeout := &codec.SmartRollupTimeout{Manager: managed(key), Rollup: rollup}
		timeout.Stakers.Alice = recipient
		timeout.Stakers.Bob = delegate
		return timeout
	}, ""},
	{"smart rollup execute outbox message", tezos.OpTypeSmartRollupExecuteOutboxMessage, func(key key) codec.Operation {
		return &codec.SmartRollupExecuteOutboxMessage{
			Manager: managed(key), Rollup: rollup, Cemented: commitment, Proof: hexOf(18, 15),
		}
	}, ""},
	{"smart rollup recover bond", tezos.OpTypeSmartRollupRecoverBond, func(key key) codec.Operation {
		return &codec.SmartRollupRecoverBond{Manager: managed(key), Rollup: rollup, Staker: recipient}
	}, ""},
	{"dal publish commitment", tezos.OpTypeDalPublishCommitment, func(key key) codec.Operation {
		return &codec.DalPublishCommitment{
			Manager: managed(key), Level: 1331, Index: 31, Commitment: hexOf(48, 16), Proof: hexOf(96, 17),
		}
	}, "content tag 255"},
	{"proposals", tezos.OpTypeProposals, func(key key) codec.Operation {
		return &codec.Proposals{Source: key.address(), Period: 120, Proposals: []tezos.ProtocolHash{protocol, protocol}}
	}, ""},
	{"ballot yay", tezos.OpTypeBallot, ballot(tezos.BallotVoteYay), ""},
	{"ballot nay", tezos.OpTypeBallot, ballot(tezos.BallotVoteNay), ""},
	{"ballot pass", tezos.OpTypeBallot, ballot(tezos.BallotVotePass), ""},
	{"failing noop", tezos.OpTypeFailingNoop, func(key) codec.Operation {
		return &codec.FailingNoop{Arbitrary: "hello"}
	}, ""},
	{"drain delegate", tezos.OpTypeDrainDelegate, func(key key) codec.Operation {
		return &codec.DrainDelegate{ConsensusKey: key.address(), Delegate: delegate, Destination: recipient}
	}, ""},
}

// Kinds that carry no signature, so that no signer is involved, and votes, which consensus_test.go covers.
var notOperations = map[tezos.OpType]string{
	tezos.OpTypeActivateAccount:              "the activation code replaces the signature",
	tezos.OpTypeSeedNonceRevelation:          "anyone who knows the nonce may reveal it",
	tezos.OpTypeVdfRevelation:                "anyone may compute it",
	tezos.OpTypeDoubleBakingEvidence:         "anyone may denounce",
	tezos.OpTypeDoubleAttestationEvidence:    "anyone may denounce",
	tezos.OpTypeDoublePreattestationEvidence: "anyone may denounce",
	tezos.OpTypeEndorsement:                  "a vote",
	tezos.OpTypePreattestation:               "a vote",
	tezos.OpTypeEndorsementWithSlot:          "a vote before 2022",
}

func ballot(vote tezos.BallotVote) func(key key) codec.Operation {
	return func(key key) codec.Operation {
		return &codec.Ballot{Source: key.address(), Period: 120, Proposal: protocol, Ballot: vote}
	}
}

func operation(contents ...codec.Operation) *codec.Op {
	op := codec.NewOp().WithBranch(branch)
	for _, content := range contents {
		op.WithContents(content)
	}
	return op
}

func TestEveryKindThatTzgoForgesHasARow(t *testing.T) {
	rows := map[tezos.OpType]bool{tezos.OpTypeSmartRollupRefute: true}
	for _, row := range operations {
		rows[row.kind] = true
	}
	for tag := 0; tag <= 0xff; tag++ {
		kind := tezos.ParseOpTag(byte(tag))
		data := append(branch.Bytes(), bytes.Repeat([]byte{byte(tag)}, 100)...)
		_, err := codec.DecodeOp(data)
		if err != nil && strings.Contains(err.Error(), "unsupported operation tag") {
			continue
		}
		if _, isExcluded := notOperations[kind]; !isExcluded && !rows[kind] {
			t.Errorf("%s (tag %d) has no row: %v", kind, tag, err)
		}
	}
}

func TestOperations(t *testing.T) {
	forEachKey(t, func(t *testing.T, key key) {
		for _, row := range operations {
			t.Run(row.title, func(t *testing.T) {
				content := row.content(key)
				if content.Kind() != row.kind {
					t.Fatalf("%s, expected %s", content.Kind(), row.kind)
				}
				if row.refused == "" {
					assertSigns(t, key, operation(content))
				} else {
					assertOperationRefused(t, key, operation(content), 403, "is not signed", row.refused)
				}
			})
		}
	})
}

// With the parameters of a protocol before Seoul.
func TestARevealInItsOlderForm(t *testing.T) {
	params := *tezos.DefaultParams
	params.Version = tezos.Versions[tezos.PtSeouLo] - 1
	forEachKey(t, func(t *testing.T, key key) {
		reveal := &codec.Reveal{Manager: managed(key), PublicKey: tezos.MustParseKey(key.Public)}
		assertOperationRefused(t, key, operation(reveal).WithParams(&params), 403, "older form of reveal")
	})
}

func TestABatch(t *testing.T) {
	forEachKey(t, func(t *testing.T, key key) {
		batch := []codec.Operation{}
		for _, row := range operations {
			if content := row.content(key); row.refused == "" && content.GetCounter() > 0 {
				batch = append(batch, content)
			}
		}
		assertSigns(t, key, operation(batch...))
	})
}

func TestStaking(t *testing.T) {
	forEachKey(t, func(t *testing.T, key key) {
		for title, add := range map[string]func(*codec.Op) *codec.Op{
			"stake":                   func(op *codec.Op) *codec.Op { return op.WithStake(6_000_000_000) },
			"unstake":                 func(op *codec.Op) *codec.Op { return op.WithUnstake(6_000_000_000) },
			"unstake all":             func(op *codec.Op) *codec.Op { return op.WithUnstakeAll(0) },
			"finalize unstake":        func(op *codec.Op) *codec.Op { return op.WithFinalizeUnstake() },
			"set delegate parameters": func(op *codec.Op) *codec.Op { return op.WithSetBakerParams(100_000_000, 5_000_000) },
		} {
			t.Run(title, func(t *testing.T) {
				assertSigns(t, key, add(codec.NewOp().WithBranch(branch).WithSource(key.address())))
			})
		}
	})
}
