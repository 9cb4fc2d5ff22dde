package clients

// Keys, and requests that the signer or the Functions host refuses.

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/trilitech/tzgo/codec"
	"github.com/trilitech/tzgo/tezos"
)

func TestPublicKeys(t *testing.T) {
	forEachKey(t, func(t *testing.T, key key) {
		public, err := client(t).GetKey(context.Background(), key.address())
		if err != nil {
			t.Fatal(err)
		}
		if public.String() != key.Public || public.Address().String() != key.Hash {
			t.Errorf("%s of %s, expected %s of %s", public, public.Address(), key.Public, key.Hash)
		}
	})
}

func TestAuthorizedKeys(t *testing.T) {
	authorized, err := client(t).AuthorizedKeys(context.Background())
	if err != nil || len(authorized) != 0 {
		t.Errorf("%v, %v: no authentication is required here", authorized, err)
	}
}

func TestAnUnknownKey(t *testing.T) {
	stranger := key{Hash: delegate.String()}
	_, err := client(t).GetKey(context.Background(), delegate)
	assertRefused(t, err, 404, delegate.String())
	status, err := strconv.Atoi(os.Getenv("STATUS_OF_UNKNOWN"))
	if err != nil {
		t.Fatalf("STATUS_OF_UNKNOWN: %v", err)
	}
	assertOperationRefused(t, stranger, operation(&codec.FailingNoop{Arbitrary: "hello"}), status, delegate.String())
}

func TestAFeeOverTheMaximumOfThePolicy(t *testing.T) {
	forEachKey(t, func(t *testing.T, key key) {
		transfer := func(fee tezos.N) *codec.Op {
			manager := managed(key)
			manager.Fee = fee
			return operation(&codec.Transaction{Manager: manager, Amount: 1, Destination: recipient})
		}
		limit := tezos.N(parsed[int64](t, "MAX_FEE"))
		assertSigns(t, key, transfer(limit))
		assertOperationRefused(t, key, transfer(limit+1), 403, "fee")
	})
}

func TestAnOperationWithoutContentsIsAnEmptyPayload(t *testing.T) {
	forEachKey(t, func(t *testing.T, key key) {
		assertOperationRefused(t, key, operation(), 403, "empty")
	})
}

// SignMessage sets no branch, and then tzgo sends an empty payload.
func TestAMessage(t *testing.T) {
	forEachKey(t, func(t *testing.T, key key) {
		_, err := client(t).SignMessage(context.Background(), key.address(), "hello")
		assertRefused(t, err, 403, "empty")
	})
}

func TestAPathPrefixIsDropped(t *testing.T) {
	url := strings.TrimSuffix(fromEnvironment(t, "SIGNER_URL"), "/") + "/signer/tz3"
	signer := connected(t, url, parsed[map[string]string](t, "SIGNER_HEADERS"))
	forEachKey(t, func(t *testing.T, key key) {
		if _, err := signer.GetKey(context.Background(), key.address()); err != nil {
			t.Error(err)
		}
	})
}

// WithAuthKey stores the key, but nothing uses it.
func TestRequestsThatNeedAuthentication(t *testing.T) {
	url := fromEnvironment(t, "STRICT_SIGNER_URL")
	if url == "" {
		t.Skip("no signer requires authentication here")
	}
	authentication := tezos.PrivateKey{Type: tezos.KeyTypeEd25519, Data: ed25519.NewKeyFromSeed(hexOf(32, 23))}
	signer := connected(t, url, nil).WithAuthKey(authentication)
	forEachKey(t, func(t *testing.T, key key) {
		noop := operation(&codec.FailingNoop{Arbitrary: "hello"})
		_, err := signer.SignOperation(context.Background(), key.address(), noop)
		assertRefused(t, err, http.StatusUnauthorized, "missing authentication signature")
	})
}

// So this suite verifies signatures of tz4 keys elsewhere.
func TestTzgoAcceptsAnySignatureOfATz4Key(t *testing.T) {
	forEachKey(t, func(t *testing.T, key key) {
		wrong := tezos.NewSignature(tezos.SignatureTypeBls12_381, hexOf(96, 24))
		if !key.isBls() {
			wrong = tezos.NewSignature(tezos.SignatureTypeGeneric, hexOf(64, 24))
		}
		digest := tezos.Digest([]byte{3})
		if err := tezos.MustParseKey(key.Public).Verify(digest[:], wrong); (err == nil) != key.isBls() {
			t.Error(err)
		}
	})
}

// Only as in Azure: without a function key the host refuses, and tzgo drops a key in the URL together with the path.
func TestWithoutTheFunctionKey(t *testing.T) {
	headers := parsed[map[string]string](t, "SIGNER_HEADERS")
	if len(headers) == 0 {
		t.Skip("this signer requires no function key")
	}
	url := fromEnvironment(t, "SIGNER_URL")
	for title, address := range map[string]string{
		"no key":               url,
		"a key in the address": url + "?code=" + headers["x-functions-key"],
	} {
		t.Run(title, func(t *testing.T) {
			forEachKey(t, func(t *testing.T, key key) {
				_, err := connected(t, address, nil).GetKey(context.Background(), key.address())
				assertRefused(t, err, http.StatusUnauthorized)
			})
		})
	}
}
