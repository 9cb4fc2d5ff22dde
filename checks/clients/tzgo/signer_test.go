package clients

// A running signer, described by the environment that ../other_languages.mjs sets, and assertions about its answers.

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trilitech/tzgo/codec"
	"github.com/trilitech/tzgo/rpc"
	"github.com/trilitech/tzgo/signer/remote"
	"github.com/trilitech/tzgo/tezos"
)

const answerWithin = 20 * time.Second

// A key of the signer, from SIGNER_KEYS.
type key struct {
	Hash   string `json:"hash"`
	Public string `json:"public_key"`
}

func (k key) address() tezos.Address { return tezos.MustParseAddress(k.Hash) }

func (k key) isBls() bool { return k.address().Type() == tezos.AddressTypeBls12_381 }

// A variable that ../other_languages.mjs sets; without it, there is no signer to test.
func fromEnvironment(t *testing.T, name string) string {
	t.Helper()
	value, isSet := os.LookupEnv(name)
	if !isSet {
		t.Fatalf("%s is not set: run ../run", name)
	}
	return value
}

func parsed[T any](t *testing.T, name string) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(fromEnvironment(t, name)), &value); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}

func keys(t *testing.T) []key { return parsed[[]key](t, "SIGNER_KEYS") }

// firstLevel is a level above those of all signatures so far.
func firstLevel(t *testing.T) int32 { return parsed[int32](t, "FIRST_LEVEL") }

func connected(t *testing.T, url string, headers map[string]string) *remote.RemoteSigner {
	t.Helper()
	signer, err := remote.New(url, &http.Client{Transport: withHeaders(headers), Timeout: answerWithin})
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func client(t *testing.T) *remote.RemoteSigner {
	return connected(t, fromEnvironment(t, "SIGNER_URL"), parsed[map[string]string](t, "SIGNER_HEADERS"))
}

func forEachKey(t *testing.T, test func(t *testing.T, key key)) {
	for _, key := range keys(t) {
		t.Run(key.Hash[:3], func(t *testing.T) { test(t, key) })
	}
}

// A library would accept its own mistakes. So every signature is also recorded for ../other_languages.mjs, which verifies
// them without tzgo.
func record(t *testing.T, key key, payload []byte, signature tezos.Signature) {
	t.Helper()
	line, err := json.Marshal(map[string]string{
		"hash": key.Hash, "payload": hex.EncodeToString(payload), "signature": signature.String(),
	})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(fromEnvironment(t, "SIGNATURES"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}

func assertCovers(t *testing.T, key key, payload []byte, signature tezos.Signature, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	record(t, key, payload, signature)
	// tzgo accepts any signature of a tz4 key.
	if key.isBls() {
		return
	}
	digest := tezos.Digest(payload)
	if err := tezos.MustParseKey(key.Public).Verify(digest[:], signature); err != nil {
		t.Fatalf("%s: %v", signature, err)
	}
}

func assertSigns(t *testing.T, key key, operation *codec.Op) {
	t.Helper()
	signature, err := client(t).SignOperation(context.Background(), key.address(), operation)
	assertCovers(t, key, operation.WatermarkedBytes(), signature, err)
}

func assertSignsBlock(t *testing.T, key key, header *codec.BlockHeader) tezos.Signature {
	t.Helper()
	signature, err := client(t).SignBlock(context.Background(), key.address(), header)
	assertCovers(t, key, header.WatermarkedBytes(), signature, err)
	return signature
}

// assertRefused expects this status, and these words in the reason: tzgo's error contains the whole body.
func assertRefused(t *testing.T, err error, status int, words ...string) {
	t.Helper()
	var refusal rpc.HTTPStatus
	if !errors.As(err, &refusal) {
		t.Fatalf("not refused with %d: %v", status, err)
	}
	if refusal.StatusCode() != status {
		t.Fatalf("status %d, expected %d: %v", refusal.StatusCode(), status, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Fatalf("%q is not in: %v", word, err)
		}
	}
}

func assertOperationRefused(t *testing.T, key key, operation *codec.Op, status int, words ...string) {
	t.Helper()
	_, err := client(t).SignOperation(context.Background(), key.address(), operation)
	assertRefused(t, err, status, words...)
}

func hexOf(length int, value byte) tezos.HexBytes { return bytes.Repeat([]byte{value}, length) }
