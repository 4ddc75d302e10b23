package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

var block = bytes.Repeat([]byte("0123456789abcdef"), 4096)

// application answers `hello` to everything, in gRPC's shape to gRPC; `/bytes/N` with so many; and takes any body to its end.
func application() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Protocols: plain(true), Handler: http.HandlerFunc(answer)}
	return server.Serve(listener)
}

func answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	header := w.Header()
	var count int
	if _, err := fmt.Sscanf(r.URL.Path, "/bytes/%d", &count); err == nil {
		header.Set("content-length", strconv.Itoa(count))
		for ; count > 0; count -= len(block) {
			_, _ = w.Write(block[:min(count, len(block))])
		}
		return
	}
	if r.Header.Get("content-type") == "application/grpc" {
		header.Set("content-type", "application/grpc")
		header.Set(http.TrailerPrefix+"Grpc-Status", "0")
		_, _ = w.Write([]byte{0, 0, 0, 0, 8, 10, 6, 'h', 'e', 'l', 'l', 'o', '!'})
		return
	}
	_, _ = io.WriteString(w, "hello\n")
}

func plain(both bool) *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	protocols.SetHTTP1(both)
	return protocols
}

// transfers sends bodies, or has them sent, one after the other on one connection.
func transfers(o *options, _ int, began time.Time, t *tally) {
	transport := &http.Transport{WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10}
	if o.protocol == "grpc" {
		transport.Protocols = plain(false)
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for time.Since(began) < o.length {
		from := time.Now()
		var answered *http.Response
		var err error
		if o.up > 0 {
			body := io.LimitReader(forever{}, int64(o.up))
			request, _ := http.NewRequest("POST", "http://"+o.target+"/up", body)
			request.ContentLength = int64(o.up)
			answered, err = client.Do(request)
		} else {
			answered, err = client.Get("http://" + o.target + "/bytes/" + strconv.Itoa(o.down))
		}
		if err != nil {
			t.fail(err)
			return
		}
		n, err := io.Copy(io.Discard, answered.Body)
		answered.Body.Close()
		if err != nil || answered.StatusCode != 200 || o.down > 0 && n != int64(o.down) {
			t.fail(fmt.Errorf("status %d, %d bytes: %v", answered.StatusCode, n, err))
			return
		}
		t.bytes += int64(o.up + o.down)
		t.took = append(t.took, time.Since(from))
	}
}

type forever struct{}

func (forever) Read(p []byte) (int, error) { return copy(p, block), nil }
