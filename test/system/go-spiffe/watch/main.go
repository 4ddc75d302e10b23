// Watches a Workload API as go-spiffe does it, and prints each X.509 context that it is given, one a line. Every SVID is verified by the
// bundle that came with it. With an audience it fetches a JWT-SVID, has the API validate it, verifies it by the bundle, and prints that.
//
//	watch unix:///path [AUDIENCE]
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
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

func jwt(address, audience string) (map[string]any, error) {
	ctx := context.Background()
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(address))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	svid, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience})
	if err != nil {
		return nil, err
	}
	validated, err := client.ValidateJWTSVID(ctx, svid.Marshal(), audience)
	if err != nil {
		return nil, err
	}
	bundles, err := client.FetchJWTBundles(ctx)
	if err != nil {
		return nil, err
	}
	verified, err := jwtsvid.ParseAndValidate(svid.Marshal(), bundles, []string{audience})
	if err != nil {
		return nil, err
	}
	_, others := client.ValidateJWTSVID(ctx, svid.Marshal(), audience+"-of-others")
	return map[string]any{
		"id":       svid.ID.String(),
		"api":      validated.ID.String(),
		"verified": verified.ID.String(),
		"audience": verified.Audience,
		"refused":  others != nil,
	}, nil
}

func main() {
	if len(os.Args) == 3 {
		seen, err := jwt(os.Args[1], os.Args[2])
		if err != nil {
			fail(err)
		}
		line, _ := json.Marshal(seen)
		fmt.Println(string(line))
		return
	}
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "watch unix:///path [AUDIENCE]")
		os.Exit(2)
	}
	if err := workloadapi.WatchX509Context(context.Background(), printer{}, workloadapi.WithAddr(os.Args[1])); err != nil {
		fail(err)
	}
}
