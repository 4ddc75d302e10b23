// Both ends of a SPIFFE bundle endpoint (https_spiffe), as go-spiffe has them.
//
//	federation fetch URL SPIFFE-ID ROOTS.pem        what the endpoint gave, as JSON
//	federation serve TRUST-DOMAIN ROOTS.pem SVID.pem KEY.pem SEQUENCE    prints the address that it listens on
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/spiffe/go-spiffe/v2/bundle/spiffebundle"
	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/federation"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

func main() {
	log.SetFlags(0)
	if os.Args[1] == "fetch" {
		fetch(os.Args[2], spiffeid.RequireFromString(os.Args[3]), os.Args[4])
		return
	}
	sequence, err := strconv.ParseUint(os.Args[6], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	serve(spiffeid.RequireTrustDomainFromString(os.Args[2]), os.Args[3], os.Args[4], os.Args[5], sequence)
}

func fetch(url string, id spiffeid.ID, rootsFile string) {
	roots, err := x509bundle.Load(id.TrustDomain(), rootsFile)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	bundle, err := federation.FetchBundle(ctx, id.TrustDomain(), url, federation.WithSPIFFEAuth(roots, id))
	if err != nil {
		log.Fatal(err)
	}
	sequence, _ := bundle.SequenceNumber()
	hint, _ := bundle.RefreshHint()
	told, err := json.Marshal(map[string]any{
		"roots":    len(bundle.X509Authorities()),
		"jwtKeys":  len(bundle.JWTAuthorities()),
		"sequence": sequence,
		"hintS":    hint.Seconds(),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(told))
}

func serve(domain spiffeid.TrustDomain, rootsFile, certFile, keyFile string, sequence uint64) {
	roots, err := x509bundle.Load(domain, rootsFile)
	if err != nil {
		log.Fatal(err)
	}
	svid, err := x509svid.Load(certFile, keyFile)
	if err != nil {
		log.Fatal(err)
	}
	bundle := spiffebundle.FromX509Authorities(domain, roots.X509Authorities())
	bundle.SetSequenceNumber(sequence)
	bundle.SetRefreshHint(10 * time.Second)
	handler, err := federation.NewHandler(domain, bundle)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", tlsconfig.TLSServerConfig(svid))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().String())
	log.Fatal(http.Serve(listener, handler))
}
