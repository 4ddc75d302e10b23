// Watches a Workload API as go-spiffe does it, and prints each X.509 context that it is given, one a line. Every SVID is verified by the
// bundle that came with it.
//
//	watch unix:///path
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type printer struct{}

func (printer) OnX509ContextUpdate(context *workloadapi.X509Context) {
	svid := context.DefaultSVID()
	bundle, found := context.Bundles.Get(svid.ID.TrustDomain())
	if !found {
		fail(fmt.Errorf("no bundle of %s", svid.ID.TrustDomain()))
	}
	id, _, err := x509svid.Verify(svid.Certificates, bundle)
	if err != nil {
		fail(err)
	}
	line, err := json.Marshal(map[string]any{
		"id":     id.String(),
		"serial": svid.Certificates[0].SerialNumber.Text(16),
		"roots":  len(bundle.X509Authorities()),
	})
	if err != nil {
		fail(err)
	}
	fmt.Println(string(line))
}

func (printer) OnX509ContextWatchError(err error) {
	fmt.Fprintln(os.Stderr, err)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "watch unix:///path")
		os.Exit(2)
	}
	if err := workloadapi.WatchX509Context(context.Background(), printer{}, workloadapi.WithAddr(os.Args[1])); err != nil {
		fail(err)
	}
}
