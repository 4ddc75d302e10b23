// step-ca's own server, without the key services of clouds that its command has, so that it is built in a minute: step-ca CONFIG.
package main

import (
	"fmt"
	"os"

	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/ca"
)

func main() {
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(file string) error {
	settings, err := config.LoadConfiguration(file)
	if err != nil {
		return err
	}
	server, err := ca.New(settings, ca.WithConfigFile(file), ca.WithQuiet(true))
	if err != nil {
		return err
	}
	return server.Run()
}
