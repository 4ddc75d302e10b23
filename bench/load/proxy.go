package main

// One proxy: an ADS stream that subscribes in Envoy's order, accepts everything, and knows which resources it has.

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
)

// Those that depend on what came before: clusters, endpoints, listeners, then the rest at once.
var order = []string{"CDS", "EDS", "LDS"}

type watch struct {
	kind   string
	marker []byte
	need   int
	seen   func(proxy int)
}

type has struct {
	asked bool
	// By name's index: the version (delta), or a mark that it came.
	versions []string
	count    int
	version  string
	marked   []int
	markedOf *watch
}

type proxy struct {
	number  int
	delta   bool
	types   []*resourceType
	has     []has
	current *atomic.Pointer[watch]
	conn    *connection
	told    bool
	ready   func(proxy int)
	isReady bool
	fail    func(string)
	stats   *stats
}

type stats struct{ bytes, messages, requests atomic.Int64 }

func (p *proxy) begin(conn *connection) {
	p.conn, p.told = conn, false
	again := p.isReady
	for i := range p.has {
		p.has[i].asked = false
	}
	for i, t := range p.types {
		// Who reconnects knows what it wants, and asks for all of it.
		if again || t.Kind == order[0] {
			p.ask(i, "")
		}
	}
}

func (p *proxy) ask(i int, nonce string) {
	t, h := p.types[i], &p.has[i]
	var names []string
	if !t.wildcard {
		names = t.Names
	}
	first := !h.asked
	h.asked = true
	var b []byte
	if p.delta {
		b = p.node(b, 1)
		b = appendText(b, 2, t.URL)
		if first {
			for _, name := range names {
				b = appendText(b, 3, name)
			}
			for k, version := range h.versions {
				if version != "" {
					b = appendBytes(b, 5, appendText(appendText(nil, 1, t.Names[k]), 2, version))
				}
			}
		}
		b = appendText(b, 6, nonce)
	} else {
		b = appendText(b, 1, h.version)
		b = p.node(b, 2)
		for _, name := range names {
			b = appendText(b, 3, name)
		}
		b = appendText(b, 4, t.URL)
		b = appendText(b, 5, nonce)
	}
	p.stats.requests.Add(1)
	p.conn.send(b)
}

func (p *proxy) node(b []byte, number int) []byte {
	if p.told {
		return b
	}
	p.told = true
	return appendBytes(b, number, appendText(appendText(appendText(nil, 1, fmt.Sprintf("node-%d", p.number)), 2, "bench"), 6, "envoy"))
}

func (p *proxy) receive(message []byte) {
	p.stats.messages.Add(1)
	url := string(find(message, 4))
	i := slices.IndexFunc(p.types, func(t *resourceType) bool { return t.URL == url })
	if i == -1 {
		p.fail("a type that nobody asked for: " + url)
		return
	}
	t, h := p.types[i], &p.has[i]
	w := p.current.Load()
	if h.markedOf != w {
		h.markedOf, h.marked = w, nil
	}
	for rest := message; len(rest) > 0; {
		number, value, next := field(rest)
		if number == 0 {
			p.fail("a malformed response")
			return
		}
		rest = next
		if number == 2 {
			p.take(t, h, value, w)
		}
	}
	if !p.delta {
		h.version = string(find(message, 1))
	}
	p.ask(i, string(find(message, 5)))
	p.subscribeNext()
	if w != nil && w.kind == t.Kind && len(h.marked) >= w.need {
		h.markedOf, h.marked = nil, nil
		w.seen(p.number)
	}
}

func (p *proxy) take(t *resourceType, h *has, resource []byte, w *watch) {
	name, version := "", "there"
	if p.delta {
		name, version = string(find(resource, 3)), string(find(resource, 1))
	} else {
		name = string(find(find(resource, 2), 1))
	}
	k, known := t.index[name]
	if !known {
		p.fail("a resource that nobody asked for: " + name)
		return
	}
	if h.versions[k] == "" {
		h.count++
	}
	h.versions[k] = version
	if w != nil && w.kind == t.Kind && bytes.Contains(resource, w.marker) && !slices.Contains(h.marked, k) {
		h.marked = append(h.marked, k)
	}
}

func (p *proxy) subscribeNext() {
	if p.isReady {
		return
	}
	for _, kind := range order {
		i := slices.IndexFunc(p.types, func(t *resourceType) bool { return t.Kind == kind })
		if !p.has[i].asked {
			p.ask(i, "")
		}
		if p.has[i].count < len(p.types[i].Names) {
			return
		}
	}
	all := true
	for i, t := range p.types {
		if !p.has[i].asked {
			p.ask(i, "")
		}
		all = all && p.has[i].count == len(t.Names)
	}
	if all {
		p.isReady = true
		p.ready(p.number)
	}
}
