// Calls through a data path, and the application at its end: how many at most, how long each takes at a given rate, how many bytes a second.
//
//	calls -serve
//	calls -target HOST:PORT [-protocol http1|grpc] [-connections C] [-streams S] [-seconds T] [-rate R] [-path PATH]
//	calls -target HOST:PORT [-protocol http1|grpc] -up BYTES | -down BYTES
//
// `-serve` prints its address and answers on it over HTTP/1.1 and HTTP/2 in plaintext. Otherwise one line of JSON is printed. Without
// `-rate` each connection has S calls under way at any time. With it they begin at fixed times, and one that had to wait for its turn
// counts from when it should have begun.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

type options struct {
	target, protocol, path         string
	connections, streams, up, down int
	length                         time.Duration
	rate                           float64
}

type result struct {
	Calls  int     `json:"calls"`
	Failed int     `json:"failed"`
	Error  string  `json:"error,omitempty"`
	S      float64 `json:"seconds"`
	Rps    float64 `json:"rps"`
	P50    float64 `json:"p50Us"`
	P99    float64 `json:"p99Us"`
	MiBps  float64 `json:"mibPerS"`
}

// tally is one connection's; they are joined in the end.
type tally struct {
	took   []time.Duration
	failed int
	err    error
	bytes  int64
}

func (t *tally) fail(err error) {
	t.failed++
	if t.err == nil {
		t.err = err
	}
}

func main() {
	var o options
	serve := flag.Bool("serve", false, "be the application")
	flag.StringVar(&o.target, "target", "", "where to call")
	flag.StringVar(&o.protocol, "protocol", "http1", "http1 or grpc")
	flag.StringVar(&o.path, "path", "/bench.Calls/Unary", "what to call")
	flag.IntVar(&o.connections, "connections", 8, "how many")
	flag.IntVar(&o.streams, "streams", 8, "calls at once on a connection, of gRPC")
	flag.DurationVar(&o.length, "for", 5*time.Second, "how long")
	flag.Float64Var(&o.rate, "rate", 0, "calls a second; 0: as many as there can be")
	flag.IntVar(&o.up, "up", 0, "bytes of each request's body")
	flag.IntVar(&o.down, "down", 0, "bytes of each answer's body")
	flag.Parse()
	if *serve {
		check(application())
		return
	}
	one := http1Calls
	switch {
	case o.up > 0 || o.down > 0:
		one = transfers
	case o.protocol == "grpc":
		one = grpcCalls
	}
	tallies := make([]tally, o.connections)
	began := time.Now()
	var all sync.WaitGroup
	for i := range tallies {
		all.Go(func() { one(&o, i, began, &tallies[i]) })
	}
	all.Wait()
	check(json.NewEncoder(os.Stdout).Encode(join(tallies, time.Since(began))))
}

func join(tallies []tally, length time.Duration) result {
	r := result{S: length.Seconds()}
	var took []time.Duration
	var bytes int64
	for _, t := range tallies {
		took = append(took, t.took...)
		r.Failed += t.failed
		bytes += t.bytes
		if t.err != nil && r.Error == "" {
			r.Error = t.err.Error()
		}
	}
	slices.Sort(took)
	r.Calls = len(took)
	r.Rps = float64(len(took)) / r.S
	r.MiBps = float64(bytes) / r.S / (1 << 20)
	if len(took) > 0 {
		r.P50 = float64(took[len(took)/2].Nanoseconds()) / 1e3
		r.P99 = float64(took[len(took)*99/100].Nanoseconds()) / 1e3
	}
	return r
}

// begins waits for the time of the n-th call of a connection; false: no more. It answers from when the call counts.
func (o *options) begins(began time.Time, connection, n int) (time.Time, bool) {
	now := time.Now()
	if o.rate == 0 {
		return now, now.Sub(began) < o.length
	}
	apart := time.Duration(float64(time.Second) * float64(o.connections) / o.rate)
	due := began.Add(time.Duration(n)*apart + apart*time.Duration(connection)/time.Duration(o.connections))
	if due.Sub(began) >= o.length {
		return now, false
	}
	if wait := time.Until(due); wait > 0 {
		time.Sleep(wait)
		return time.Now(), true
	}
	return due, true
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "calls:", err)
		os.Exit(2)
	}
}
