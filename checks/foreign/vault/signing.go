package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"math/big"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	k256 "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// r and s, 32 bytes each (RFC 7518, section 3.4). About half of the signatures have a high s, as those of the service.
func signed(curve azkeys.CurveName, algorithm azkeys.SignatureAlgorithm, secret, digest []byte) ([]byte, error) {
	if len(digest) != 32 {
		return nil, fmt.Errorf("the digest has %d bytes, expected 32", len(digest))
	}
	signature := make([]byte, 64)
	switch {
	case curve == azkeys.CurveNameP256 && algorithm == azkeys.SignatureAlgorithmES256:
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret)
		if err != nil {
			return nil, err
		}
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			return nil, err
		}
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	case curve == azkeys.CurveNameP256K && algorithm == azkeys.SignatureAlgorithmES256K:
		result := k256.Sign(secp256k1.PrivKeyFromBytes(secret), digest)
		r, s := result.R(), result.S()
		// The library always returns the low s.
		if coin, err := rand.Int(rand.Reader, big.NewInt(2)); err != nil {
			return nil, err
		} else if coin.Sign() == 1 {
			s.Negate()
		}
		r.PutBytesUnchecked(signature[:32])
		s.PutBytesUnchecked(signature[32:])
	default:
		return nil, fmt.Errorf("algorithm %s does not match curve %s", algorithm, curve)
	}
	return signature, nil
}
