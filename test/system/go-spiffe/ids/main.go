// Reads SPIFFE IDs, one a line, and lets go-spiffe parse each. Prints how many it takes as they are, and quotes up to ten others.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 0, 8192), 1<<20)
	taken, refused := 0, 0
	for lines.Scan() {
		id, err := spiffeid.FromString(lines.Text())
		if err == nil && id.String() == lines.Text() {
			taken++
			continue
		}
		refused++
		if refused <= 10 {
			fmt.Fprintf(os.Stderr, "%q: %v\n", lines.Text(), err)
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("{\"taken\": %d, \"refused\": %d}\n", taken, refused)
}
