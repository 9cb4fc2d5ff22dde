package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys/fake"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

const pageSize = 2

// A version of a key; its identifier is in the bundle.
type version struct {
	Bundle azkeys.KeyBundle
	Secret []byte
}

type keys struct {
	mutex    sync.Mutex
	file     string
	versions []*version
}

func openKeys(file string) (*keys, error) {
	keys := &keys{file: file}
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return keys, nil
	}
	if err != nil {
		return nil, err
	}
	return keys, json.Unmarshal(content, &keys.versions)
}

func (keys *keys) save() error {
	content, err := json.Marshal(keys.versions)
	if err != nil {
		return err
	}
	return os.WriteFile(keys.file, content, 0o600)
}

func (keys *keys) server() *fake.Server {
	return &fake.Server{
		CreateKey:                         keys.create,
		GetKey:                            keys.get,
		UpdateKey:                         keys.update,
		Sign:                              keys.sign,
		NewListKeyPropertiesPager:         keys.list,
		NewListKeyPropertiesVersionsPager: keys.listVersions,
	}
}

func (version *version) isOf(name string) bool {
	return version.Bundle.Key.KID.Name() == name
}

// The caller holds the lock. The fake passes name and version together as the name.
func (keys *keys) find(name, of string) *version {
	wanted := path.Join(name, of)
	for _, version := range keys.versions {
		id := version.Bundle.Key.KID
		if id.Name()+"/"+id.Version() == wanted {
			return version
		}
	}
	return nil
}

func random() []byte {
	bytes := make([]byte, 16)
	_, _ = rand.Read(bytes)
	return bytes
}

func (keys *keys) create(_ context.Context, name string, wanted azkeys.CreateKeyParameters, _ *azkeys.CreateKeyOptions) (
	answer azfake.Responder[azkeys.CreateKeyResponse], refusal azfake.ErrorResponder,
) {
	keys.mutex.Lock()
	defer keys.mutex.Unlock()
	id := azkeys.ID("https://vault/keys/" + name + "/" + hex.EncodeToString(random()))
	created := &version{Bundle: azkeys.KeyBundle{Attributes: wanted.KeyAttributes, Tags: wanted.Tags}}
	if created.Bundle.Attributes == nil {
		enabled := true
		created.Bundle.Attributes = &azkeys.KeyAttributes{Enabled: &enabled}
	}
	created.Bundle.Key = &azkeys.JSONWebKey{KID: &id, Kty: wanted.Kty, Crv: wanted.Curve, KeyOps: wanted.KeyOps}
	key := created.Bundle.Key
	switch {
	case *wanted.Kty == azkeys.KeyTypeRSA:
		key.N, key.E = make([]byte, 256), []byte{1, 0, 1}
		_, _ = rand.Read(key.N)
	case *wanted.Curve == azkeys.CurveNameP256K:
		secret, err := secp256k1.GeneratePrivateKey()
		if err != nil {
			refusal.SetError(err)
			return
		}
		point := secret.PubKey().SerializeUncompressed()
		created.Secret, key.X, key.Y = secret.Serialize(), point[1:33], point[33:]
	default:
		curve := map[azkeys.CurveName]elliptic.Curve{
			azkeys.CurveNameP256: elliptic.P256(), azkeys.CurveNameP384: elliptic.P384(),
		}[*wanted.Curve]
		secret, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			refusal.SetError(err)
			return
		}
		point, _ := secret.PublicKey.Bytes()
		half := (len(point) - 1) / 2
		created.Secret, _ = secret.Bytes()
		key.X, key.Y = point[1:1+half], point[1+half:]
	}
	keys.versions = append(keys.versions, created)
	if err := keys.save(); err != nil {
		refusal.SetError(err)
		return
	}
	answer.SetResponse(http.StatusOK, azkeys.CreateKeyResponse{KeyBundle: created.Bundle}, nil)
	return
}

func (keys *keys) get(_ context.Context, name, of string, _ *azkeys.GetKeyOptions) (
	answer azfake.Responder[azkeys.GetKeyResponse], refusal azfake.ErrorResponder,
) {
	keys.mutex.Lock()
	defer keys.mutex.Unlock()
	if version := keys.find(name, of); version == nil {
		refusal.SetResponseError(http.StatusNotFound, "KeyNotFound")
	} else {
		answer.SetResponse(http.StatusOK, azkeys.GetKeyResponse{KeyBundle: version.Bundle}, nil)
	}
	return
}

func (keys *keys) update(_ context.Context, name, of string, wanted azkeys.UpdateKeyParameters, _ *azkeys.UpdateKeyOptions) (
	answer azfake.Responder[azkeys.UpdateKeyResponse], refusal azfake.ErrorResponder,
) {
	keys.mutex.Lock()
	defer keys.mutex.Unlock()
	version := keys.find(name, of)
	if version == nil {
		refusal.SetResponseError(http.StatusNotFound, "KeyNotFound")
		return
	}
	if wanted.Tags != nil {
		version.Bundle.Tags = wanted.Tags
	}
	if wanted.KeyAttributes != nil && wanted.KeyAttributes.Enabled != nil {
		version.Bundle.Attributes.Enabled = wanted.KeyAttributes.Enabled
	}
	if err := keys.save(); err != nil {
		refusal.SetError(err)
		return
	}
	answer.SetResponse(http.StatusOK, azkeys.UpdateKeyResponse{KeyBundle: version.Bundle}, nil)
	return
}

func (keys *keys) sign(_ context.Context, name, of string, wanted azkeys.SignParameters, _ *azkeys.SignOptions) (
	answer azfake.Responder[azkeys.SignResponse], refusal azfake.ErrorResponder,
) {
	keys.mutex.Lock()
	version := keys.find(name, of)
	keys.mutex.Unlock()
	if version == nil {
		refusal.SetResponseError(http.StatusNotFound, "KeyNotFound")
		return
	}
	key := version.Bundle.Key
	if !*version.Bundle.Attributes.Enabled {
		refusal.SetResponseError(http.StatusForbidden, "Forbidden")
		return
	}
	signature, err := signed(*key.Crv, *wanted.Algorithm, version.Secret, wanted.Value)
	if err != nil {
		refusal.SetResponseError(http.StatusBadRequest, "BadParameter")
		return
	}
	result := azkeys.KeyOperationResult{KID: key.KID, Result: signature}
	answer.SetResponse(http.StatusOK, azkeys.SignResponse{KeyOperationResult: result}, nil)
	return
}

func (keys *keys) list(*azkeys.ListKeyPropertiesOptions) (answer azfake.PagerResponder[azkeys.ListKeyPropertiesResponse]) {
	keys.mutex.Lock()
	defer keys.mutex.Unlock()
	newest := map[string]*azkeys.KeyProperties{}
	var names []string
	for _, version := range keys.versions {
		id := version.Bundle.Key.KID
		if newest[id.Name()] == nil {
			names = append(names, id.Name())
		}
		unversioned := azkeys.ID(strings.TrimSuffix(string(*id), "/"+id.Version()))
		newest[id.Name()] = properties(version, &unversioned)
	}
	slices.Sort(names)
	for page := range slices.Chunk(names, pageSize) {
		var entries []*azkeys.KeyProperties
		for _, name := range page {
			entries = append(entries, newest[name])
		}
		result := azkeys.KeyPropertiesListResult{Value: entries}
		answer.AddPage(http.StatusOK, azkeys.ListKeyPropertiesResponse{KeyPropertiesListResult: result}, nil)
	}
	return
}

func (keys *keys) listVersions(name string, _ *azkeys.ListKeyPropertiesVersionsOptions) (
	answer azfake.PagerResponder[azkeys.ListKeyPropertiesVersionsResponse],
) {
	keys.mutex.Lock()
	defer keys.mutex.Unlock()
	var all []*azkeys.KeyProperties
	for _, version := range keys.versions {
		if version.isOf(name) {
			all = append(all, properties(version, version.Bundle.Key.KID))
		}
	}
	for page := range slices.Chunk(all, pageSize) {
		result := azkeys.KeyPropertiesListResult{Value: page}
		answer.AddPage(http.StatusOK, azkeys.ListKeyPropertiesVersionsResponse{KeyPropertiesListResult: result}, nil)
	}
	return
}

func properties(version *version, id *azkeys.ID) *azkeys.KeyProperties {
	return &azkeys.KeyProperties{KID: id, Attributes: version.Bundle.Attributes, Tags: version.Bundle.Tags}
}
