package clients

// Votes and blocks as tzgo encodes them, and the effect of the signer's marks.

import (
	"context"
	"testing"
	"time"

	"github.com/trilitech/tzgo/codec"
	"github.com/trilitech/tzgo/tezos"
)

var chain = tezos.Mainnet

func uint32Bytes(value int32) tezos.HexBytes {
	return tezos.HexBytes{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}
}

func block(level, round int32, seed byte) *codec.BlockHeader {
	header := &codec.BlockHeader{
		Level:            level,
		Proto:            1,
		Predecessor:      branch,
		Timestamp:        time.Unix(1_764_000_000, 0),
		ValidationPass:   4,
		OperationsHash:   tezos.NewOpListListHash(hexOf(32, 20)),
		Fitness:          []tezos.HexBytes{{2}, uint32Bytes(level), {}, uint32Bytes(-1), uint32Bytes(round)},
		Context:          tezos.NewContextHash(hexOf(32, 21)),
		PayloadHash:      tezos.NewPayloadHash(hexOf(32, seed)),
		ProofOfWorkNonce: hexOf(8, 22),
		LbVote:           tezos.FeatureVotePass,
		AiVote:           tezos.FeatureVoteOn,
	}
	return header.WithChainId(chain)
}

func preattestation(level, round int32, seed byte) *codec.Op {
	return operation(&codec.TenderbakePreendorsement{
		Level: level, Round: round, BlockPayloadHash: tezos.NewPayloadHash(hexOf(32, seed)),
	}).WithChainId(chain)
}

func attestation(level, round int32, seed byte) *codec.Op {
	return operation(&codec.TenderbakeEndorsement{
		Level: level, Round: round, BlockPayloadHash: tezos.NewPayloadHash(hexOf(32, seed)),
	}).WithChainId(chain)
}

func TestVotes(t *testing.T) {
	level := firstLevel(t)
	forEachKey(t, func(t *testing.T, key key) {
		for title, vote := range map[string]func(level, round int32, seed byte) *codec.Op{
			"preattestation": preattestation,
			"attestation":    attestation,
		} {
			t.Run(title, func(t *testing.T) {
				if key.isBls() {
					// tzgo does not support votes of tz4 keys.
					assertOperationRefused(t, key, vote(level, 1, 1), 403, "40 and 41 are for tz4")
					return
				}
				assertSigns(t, key, vote(level, 1, 1))
				assertSigns(t, key, vote(level, 1, 1))
				assertOperationRefused(t, key, vote(level, 1, 2), 409, "already signed with different data")
				assertOperationRefused(t, key, vote(level, 0, 1), 409, "below the high watermark")
				assertSigns(t, key, vote(level, 2, 2))
				assertSigns(t, key, vote(level+1, 0, 3))
			})
		}
	})
}

func TestBlocks(t *testing.T) {
	level := firstLevel(t)
	forEachKey(t, func(t *testing.T, key key) {
		first := assertSignsBlock(t, key, block(level, 1, 1))
		if again := assertSignsBlock(t, key, block(level, 1, 1)); !first.Equal(again) {
			t.Errorf("%s and %s are two block hashes", first, again)
		}
		for _, other := range []struct {
			header *codec.BlockHeader
			reason string
		}{
			{block(level, 1, 2), "already signed with different data"},
			{block(level, 0, 1), "below the high watermark"},
		} {
			_, err := client(t).SignBlock(context.Background(), key.address(), other.header)
			assertRefused(t, err, 409, other.reason)
		}
		assertSignsBlock(t, key, block(level, 2, 2))
		assertSignsBlock(t, key, block(level+1, 0, 3))
	})
}

// Without the chain id, the bytes are not a vote, for which a mark could be kept, and are refused.
func TestAVoteWithoutItsChain(t *testing.T) {
	forEachKey(t, func(t *testing.T, key key) {
		vote := attestation(firstLevel(t)+10, 0, 1)
		vote.ChainId = nil
		assertOperationRefused(t, key, vote, 403, "is not signed")
	})
}
