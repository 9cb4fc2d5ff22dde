// A Key Vault with Microsoft's own wire format: the fake server of the SDK for Go parses requests and writes answers, pages
// and the challenge. Only the keys are implemented here; they are stored in a file.
//
// For tests only: a token for this vault permits everything.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys/fake"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address and port")
	state := flag.String("keys", "keys.json", "file with the keys")
	certificate := flag.String("certificate", "certificate.pem", "certificate of the server")
	privateKey := flag.String("private-key", "key.pem", "its private key")
	flag.Parse()

	keys, err := openKeys(*state)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on port %d\n", listener.Addr().(*net.TCPAddr).Port)
	vault := &vault{transport: fake.NewServerTransport(keys.server())}
	log.Fatal(http.ServeTLS(listener, vault, *certificate, *privateKey))
}

type vault struct {
	transport *fake.ServerTransport
	lists     atomic.Int64
}

// ServeHTTP passes the request to the fake, which was written for use inside a client, and so needs the operation's name and an
// absolute URL.
func (vault *vault) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	host := request.Host
	if authorization := request.Header.Get("Authorization"); authorization == "" {
		// The fake derives the challenge's resource from the host by removing the first label, but not the port.
		host, _, _ = net.SplitHostPort(host)
	} else if !isFor(authorization, host) {
		http.Error(writer, "the token is for another resource", http.StatusUnauthorized)
		return
	}
	operation := operationOf(request.Method, request.URL.Path)
	// The fake panics if a client cancels a request: it then writes to a channel that it has closed.
	lasting := context.WithoutCancel(request.Context())
	request = request.WithContext(context.WithValue(lasting, runtime.CtxAPINameKey{}, operation))
	request.URL.Scheme, request.URL.Host = "https", host
	if isFirstPage := strings.Contains(operation, "Pager") && !strings.Contains(request.URL.Path, "/fake_page_"); isFirstPage {
		// The fake identifies a listing by its path, so concurrent ones need different paths. Links to further pages keep them.
		request.URL.Path = fmt.Sprintf("/lists/%d%s", vault.lists.Add(1), request.URL.Path)
	}
	answer, err := vault.transport.Do(request)
	var refusal *azcore.ResponseError
	switch {
	case errors.As(err, &refusal):
		answer = refusal.RawResponse
	case err != nil:
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	for name, values := range answer.Header {
		writer.Header()[name] = values
	}
	writer.WriteHeader(answer.StatusCode)
	if answer.Body != nil {
		_, _ = io.Copy(writer, answer.Body)
	}
}

// Whether a token of azure.mjs's identity endpoint is for this vault: `for-https://<host without its first label>`.
func isFor(authorization, host string) bool {
	name, _, _ := net.SplitHostPort(host)
	_, service, _ := strings.Cut(name, ".")
	return authorization == "Bearer for-https://"+service
}

// The SDK for Go's name of the requested operation.
func operationOf(method, path string) string {
	path, _, _ = strings.Cut(path, "/fake_page_")
	// The SDK for Rust appends a slash.
	path = strings.TrimSuffix(path, "/")
	switch last := path[strings.LastIndex(path, "/")+1:]; {
	case method == http.MethodGet && last == "keys":
		return "Client.NewListKeyPropertiesPager"
	case method == http.MethodGet && last == "versions":
		return "Client.NewListKeyPropertiesVersionsPager"
	case method == http.MethodGet:
		return "Client.GetKey"
	case method == http.MethodPatch:
		return "Client.UpdateKey"
	case method == http.MethodPost && last == "create":
		return "Client.CreateKey"
	case method == http.MethodPost && last == "sign":
		return "Client.Sign"
	default:
		return method + " " + path
	}
}
