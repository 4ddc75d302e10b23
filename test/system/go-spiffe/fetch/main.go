// Fetches an X.509-SVID and a JWT-SVID as go-spiffe does it in a program that is told nothing but SPIFFE_ENDPOINT_SOCKET, verifies both by
// the bundles from there, and prints their IDs.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := workloadapi.New(ctx)
	check(err)
	defer client.Close()
	x509, err := client.FetchX509Context(ctx)
	check(err)
	bundle, found := x509.Bundles.Get(x509.DefaultSVID().ID.TrustDomain())
	if !found {
		check(fmt.Errorf("no bundle"))
	}
	id, _, err := x509svid.Verify(x509.DefaultSVID().Certificates, bundle)
	check(err)
	token, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: "db"})
	check(err)
	bundles, err := client.FetchJWTBundles(ctx)
	check(err)
	verified, err := jwtsvid.ParseAndValidate(token.Marshal(), bundles, []string{"db"})
	check(err)
	fmt.Printf("x509=%s jwt=%s\n", id, verified.ID)
}
