package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// grpcCalls makes unary calls on one connection of HTTP/2, as little as there can be of a client.
func grpcCalls(o *options, number int, began time.Time, t *tally) {
	conn, err := net.Dial("tcp", o.target)
	if err != nil {
		t.fail(err)
		return
	}
	defer conn.Close()
	// Whatever never ends is a failure.
	_ = conn.SetDeadline(began.Add(o.length + 10*time.Second))
	c := &grpcConnection{conn: conn, options: o, tally: t, from: map[uint32]time.Time{}, slots: make(chan struct{}, o.streams)}
	c.writer = bufio.NewWriterSize(conn, 64<<10)
	c.framer = http2.NewFramer(c.writer, bufio.NewReaderSize(conn, 64<<10))
	c.framer.SetMaxReadFrameSize(1 << 20)
	c.decoder = hpack.NewDecoder(4096, c.field)
	_, _ = io.WriteString(c.writer, http2.ClientPreface)
	_ = c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
	_ = c.framer.WriteWindowUpdate(0, 1<<30)
	done := make(chan error, 1)
	go func() { done <- c.read() }()
	for n := 0; ; n++ {
		// In a closed loop the turn comes first.
		if o.rate == 0 && !c.turn(done) {
			return
		}
		from, more := o.begins(began, number, n)
		if !more {
			break
		}
		if o.rate != 0 && !c.turn(done) {
			return
		}
		if err := c.call(uint32(2*n+1), from); err != nil {
			t.fail(err)
			return
		}
	}
	c.lock.Lock()
	open := len(c.from)
	c.ending = true
	c.lock.Unlock()
	if open == 0 {
		return
	}
	if err := <-done; err != nil {
		t.fail(err)
	}
}

// turn waits until another call may begin; false: the connection is over.
func (c *grpcConnection) turn(done <-chan error) bool {
	select {
	case c.slots <- struct{}{}:
		return true
	case err := <-done:
		c.tally.fail(err)
		return false
	}
}

type grpcConnection struct {
	conn    net.Conn
	options *options
	tally   *tally
	writer  *bufio.Writer
	framer  *http2.Framer
	decoder *hpack.Decoder
	slots   chan struct{}
	ok      bool
	said    string
	// Of what both sides touch.
	lock   sync.Mutex
	from   map[uint32]time.Time
	ending bool
}

func (c *grpcConnection) call(stream uint32, from time.Time) error {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.from[stream] = from
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.headers(), EndHeaders: true})
	if err := c.framer.WriteData(stream, true, []byte{0, 0, 0, 0, 8, 10, 6, 'h', 'e', 'l', 'l', 'o', '!'}); err != nil {
		return err
	}
	return c.writer.Flush()
}

// headers is the same block every time: nothing of it goes into a table.
func (c *grpcConnection) headers() []byte {
	var block []byte
	for _, header := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", c.options.path}, {":authority", "localhost"},
		{"content-type", "application/grpc"}, {"te", "trailers"}, {"user-agent", "calls/1"},
	} {
		block = append(block, 0, byte(len(header[0])))
		block = append(block, header[0]...)
		block = append(block, byte(len(header[1])))
		block = append(block, header[1]...)
	}
	return block
}

func (c *grpcConnection) field(f hpack.HeaderField) {
	switch {
	case f.Name == "grpc-status" && f.Value == "0":
		c.ok = true
	case f.Name == ":status" && f.Value != "200", f.Name == "grpc-status", f.Name == "grpc-message":
		c.said += f.Name + " " + f.Value + " "
	}
}

// read ends when no call is open any more.
func (c *grpcConnection) read() error {
	received := uint32(0)
	for {
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return err
		}
		ended := false
		switch frame := frame.(type) {
		case *http2.HeadersFrame:
			c.ok = false
			if _, err := c.decoder.Write(frame.HeaderBlockFragment()); err != nil {
				return err
			}
			ended = frame.StreamEnded()
		case *http2.DataFrame:
			received += frame.Length
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				c.write(func() { _ = c.framer.WriteSettingsAck() })
			}
		case *http2.PingFrame:
			if !frame.IsAck() {
				data := frame.Data
				c.write(func() { _ = c.framer.WritePing(true, data) })
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return fmt.Errorf("%s", frame.Header())
		}
		if received > 1<<28 {
			c.write(func() { _ = c.framer.WriteWindowUpdate(0, received) })
			received = 0
		}
		if ended && c.end(frame.Header().StreamID) {
			return nil
		}
	}
}

func (c *grpcConnection) write(what func()) {
	c.lock.Lock()
	defer c.lock.Unlock()
	what()
	_ = c.writer.Flush()
}

// end says whether the connection is to end.
func (c *grpcConnection) end(stream uint32) bool {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.ok {
		c.tally.took = append(c.tally.took, time.Since(c.from[stream]))
	} else {
		c.tally.fail(fmt.Errorf("answered %s", c.said))
	}
	delete(c.from, stream)
	<-c.slots
	return c.ending && len(c.from) == 0
}
