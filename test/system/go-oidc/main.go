// Verifies a token as a relying party does that knows only its issuer: by discovery, with go-oidc unmodified.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
)

type seen struct {
	Issuer   string   `json:"issuer"`
	Subject  string   `json:"subject"`
	Audience []string `json:"audience"`
	Refused  bool     `json:"refused"`
}

// main ISSUER CA-FILE AUDIENCE TOKEN
func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(issuer, caFile, audience, token string) error {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	ctx := oidc.ClientContext(context.Background(), client)
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return err
	}
	verified, err := provider.Verifier(&oidc.Config{ClientID: audience}).Verify(ctx, token)
	if err != nil {
		return err
	}
	_, refused := provider.Verifier(&oidc.Config{ClientID: audience + "-other"}).Verify(ctx, token)
	return json.NewEncoder(os.Stdout).Encode(seen{verified.Issuer, verified.Subject, verified.Audience, refused != nil})
}
