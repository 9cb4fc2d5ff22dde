// Package clients is a user of tzgo, with a signer behind Azure Functions.
package clients

import "net/http"

type withHeaders map[string]string

// RoundTrip adds the headers: tzgo's remote signer has no option for them.
func (headers withHeaders) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	return http.DefaultTransport.RoundTrip(request)
}
