package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// http1Calls makes one call after the other on one connection, as little as there can be of a client.
func http1Calls(o *options, number int, began time.Time, t *tally) {
	conn, err := net.Dial("tcp", o.target)
	if err != nil {
		t.fail(err)
		return
	}
	defer conn.Close()
	// Whatever never ends is a failure.
	end := began.Add(o.length + 10*time.Second)
	_ = conn.SetDeadline(end)
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nhost: localhost\r\nuser-agent: calls/1\r\naccept: */*\r\n\r\n", o.path)
	reader := bufio.NewReaderSize(conn, 64<<10)
	for n := 0; ; n++ {
		from, more := o.begins(began, number, n)
		if !more {
			return
		}
		if _, err := conn.Write(request); err != nil {
			t.fail(err)
			return
		}
		again, err := readAnswer(reader)
		if err != nil {
			t.fail(err)
			return
		}
		t.took = append(t.took, time.Since(from))
		if again {
			continue
		}
		conn.Close()
		if conn, err = net.Dial("tcp", o.target); err != nil {
			t.fail(err)
			return
		}
		_ = conn.SetDeadline(end)
		reader.Reset(conn)
	}
}

// readAnswer reads one whose length is stated; false: no other comes on this connection.
func readAnswer(reader *bufio.Reader) (again bool, err error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return false, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return false, fmt.Errorf("answered %s", bytes.TrimSpace(line))
	}
	length, again := -1, true
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return false, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			length, _ = strconv.Atoi(string(value))
		case bytes.EqualFold(name, []byte("connection")) && bytes.EqualFold(value, []byte("close")):
			again = false
		}
	}
	if length < 0 {
		return false, fmt.Errorf("an answer without its length")
	}
	_, err = io.CopyN(io.Discard, reader, int64(length))
	return again, err
}
