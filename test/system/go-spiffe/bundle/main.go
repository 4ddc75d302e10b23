// Loads a SPIFFE bundle from a file, as go-spiffe reads it, and verifies a server by it. Prints what the bundle says and whom it met.
//
//	bundle FILE TRUST-DOMAIN HOST:PORT SPIFFE-ID
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

func run(file, domain, address, wanted string) (map[string]any, error) {
	trustDomain, err := spiffeid.TrustDomainFromString(domain)
	if err != nil {
		return nil, err
	}
	bundle, err := spiffebundle.Load(trustDomain, file)
	if err != nil {
		return nil, err
	}
	id, err := spiffeid.FromString(wanted)
	if err != nil {
		return nil, err
	}
	connection, err := tls.Dial("tcp", address, tlsconfig.TLSClientConfig(bundle, tlsconfig.AuthorizeID(id)))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	peer, err := x509svid.IDFromCert(connection.ConnectionState().PeerCertificates[0])
	if err != nil {
		return nil, err
	}
	sequence, _ := bundle.SequenceNumber()
	hint, _ := bundle.RefreshHint()
	return map[string]any{
		"sequence":    sequence,
		"refreshHint": hint / time.Second,
		"roots":       len(bundle.X509Authorities()),
		"peer":        peer.String(),
	}, nil
}

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "bundle FILE TRUST-DOMAIN HOST:PORT SPIFFE-ID")
		os.Exit(2)
	}
	met, err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(met); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
