// Many proxies against one xDS server: how long until the last of them has everything, or has a change, and what the server spends on it.
//
//	load -workload FILE -target HOST:PORT -control HOST:PORT -pid PID -streams N -mode delta|sotw [-tls DIR] PHASE…
//
// Phases: `cold`; `change:KIND` (one resource for all); `rotate` (every proxy's secrets); `burst:KIND:B`; `reconnect` (all anew, with what
// they have, and one change as the sign that everything before it was handled). Prints one line of JSON a phase.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type load struct {
	target, control, path string
	pid, parallel         int
	config                *tls.Config
	proxies               []*proxy
	current               atomic.Pointer[watch]
	ready                 chan int
	stats                 stats
	group                 atomic.Value
	closing               atomic.Bool
	errors                sync.Map
	generation            int
	timeout, settle       time.Duration
	open                  sync.WaitGroup
}

type phase struct {
	Phase      string          `json:"phase"`
	Seen       int             `json:"seen"`
	FirstMs    float64         `json:"firstMs"`
	LastMs     float64         `json:"lastMs"`
	CPUMs      float64         `json:"cpuMs"`
	ClientMs   float64         `json:"clientCpuMs"`
	RSSKiB     float64         `json:"rssKiB"`
	GrownKiB   float64         `json:"grownKiB"`
	Bytes      int64           `json:"bytes"`
	Responses  int64           `json:"responses"`
	Requests   int64           `json:"requests"`
	Group      string          `json:"group,omitempty"`
	Before     json.RawMessage `json:"before"`
	After      json.RawMessage `json:"after"`
	Errors     []string        `json:"errors,omitempty"`
	Generation int             `json:"generation"`
}

func main() {
	l := &load{ready: make(chan int, 1<<20)}
	workload := flag.String("workload", "", "the file with the resources")
	flag.StringVar(&l.target, "target", "", "xDS server")
	flag.StringVar(&l.control, "control", "", "where its changes are made")
	flag.IntVar(&l.pid, "pid", 0, "its process")
	streams := flag.Int("streams", 300, "proxies, a connection each")
	mode := flag.String("mode", "delta", "delta or sotw")
	dir := flag.String("tls", "", "folder with ca.pem, client.pem and client-key.pem")
	flag.IntVar(&l.parallel, "parallel", 128, "connections that are opened at once")
	flag.DurationVar(&l.timeout, "timeout", 60*time.Second, "for each phase")
	flag.DurationVar(&l.settle, "settle", 500*time.Millisecond, "after each phase, before CPU and memory are read")
	flag.Parse()
	debug.SetGCPercent(400)
	types, err := readWorkload(*workload)
	check(err)
	l.path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
	if *mode == "delta" {
		l.path = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources"
	}
	if *dir != "" {
		l.config = tlsOf(*dir)
	}
	for i := range *streams {
		p := &proxy{number: i, delta: *mode == "delta", types: types, current: &l.current, stats: &l.stats, fail: l.fail, ready: func(i int) { l.ready <- i }}
		for _, t := range types {
			p.has = append(p.has, has{versions: make([]string, len(t.Names))})
		}
		l.proxies = append(l.proxies, p)
	}
	for _, name := range flag.Args() {
		l.run(name)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
}

func tlsOf(dir string) *tls.Config {
	pem, err := os.ReadFile(dir + "/ca.pem")
	check(err)
	pair, err := tls.LoadX509KeyPair(dir+"/client.pem", dir+"/client-key.pem")
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	// One group for every server, so that nobody's handshake is the dearer one.
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, ServerName: "127.0.0.1", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}}
}

func (l *load) fail(what string) {
	if !l.closing.Load() {
		l.errors.Store(what, true)
	}
}

func (l *load) connectAll() {
	slots := make(chan struct{}, l.parallel)
	for _, p := range l.proxies {
		slots <- struct{}{}
		l.open.Add(1)
		go func() {
			defer l.open.Done()
			conn, group, err := dial(l.target, l.path, l.config, func(n int) { l.stats.bytes.Add(int64(n)) })
			<-slots
			if err != nil {
				l.fail(err.Error())
				return
			}
			if group != "" {
				l.group.Store(group)
			}
			p.begin(conn)
			if err := conn.serve(p.receive); err != nil {
				l.fail(err.Error())
			}
			conn.net.Close()
		}()
	}
}

func (l *load) hook(path string) json.RawMessage {
	response, err := http.Get("http://" + l.control + path)
	if err != nil {
		l.fail(err.Error())
		return nil
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != 200 {
		l.fail(path + ": " + response.Status)
	}
	if len(body) == 0 {
		return nil
	}
	return body
}

func (l *load) run(name string) {
	kind, argument, _ := strings.Cut(name, ":")
	result := phase{Phase: name}
	result.Before = l.hook("/stats")
	before, client, began := usageOf(l.pid), ownCPUMs(), [3]int64{l.stats.bytes.Load(), l.stats.messages.Load(), l.stats.requests.Load()}
	var start time.Time
	arrived := l.ready
	times := 1
	path := ""
	arm := func(kind string, need int) {
		arrived = make(chan int, len(l.proxies))
		marker := fmt.Sprintf("gen-%08d", l.generation+times)
		l.current.Store(&watch{kind: kind, marker: []byte(marker), need: need, seen: func(i int) { arrived <- i }})
	}
	switch kind {
	case "cold":
		start = time.Now()
		l.connectAll()
	case "change", "burst":
		what, count, _ := strings.Cut(argument, ":")
		if count != "" {
			times, _ = strconv.Atoi(count)
		}
		arm(what, 1)
		path = "/change?kind=" + what
	case "rotate":
		arm("SDS", 2)
		path = "/change?kind=SDS"
	case "reconnect":
		l.closing.Store(true)
		for _, p := range l.proxies {
			p.conn.net.Close()
		}
		l.open.Wait()
		l.closing.Store(false)
		time.Sleep(l.settle)
		before, client = usageOf(l.pid), ownCPUMs()
		arm("ECDS", 1)
		start = time.Now()
		l.connectAll()
		path = "/change?kind=ECDS"
	}
	if path != "" {
		if start.IsZero() {
			start = time.Now()
		}
		go func(from int) {
			for i := 1; i <= times; i++ {
				l.hook(fmt.Sprintf("%s&gen=%d", path, from+i))
			}
		}(l.generation)
		l.generation += times
	}
	limit := time.After(l.timeout)
	for result.Seen < len(l.proxies) {
		select {
		case <-arrived:
			ms := float64(time.Since(start).Microseconds()) / 1000
			if result.Seen == 0 {
				result.FirstMs = ms
			}
			result.Seen++
			result.LastMs = ms
			continue
		case <-limit:
			l.fail(fmt.Sprintf("%s: %d of %d in time", name, result.Seen, len(l.proxies)))
		}
		break
	}
	time.Sleep(l.settle)
	after := usageOf(l.pid)
	result.After = l.hook("/stats")
	result.CPUMs, result.ClientMs = after.cpuMs-before.cpuMs, ownCPUMs()-client
	result.RSSKiB, result.GrownKiB = after.rssKiB, after.rssKiB-before.rssKiB
	result.Bytes, result.Responses, result.Requests = l.stats.bytes.Load()-began[0], l.stats.messages.Load()-began[1], l.stats.requests.Load()-began[2]
	result.Group, _ = l.group.Load().(string)
	result.Generation = l.generation
	l.errors.Range(func(what, _ any) bool {
		result.Errors = append(result.Errors, what.(string))
		return len(result.Errors) < 5
	})
	l.errors.Clear()
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
	// What follows would say nothing.
	if result.Seen < len(l.proxies) {
		os.Exit(0)
	}
}
