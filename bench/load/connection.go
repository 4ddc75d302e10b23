package main

// A client's side of HTTP/2 with one gRPC stream, as lean as it can be: one goroutine a connection, one buffer for what is written. It
// announces Envoy's windows and keeps to the server's.

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2/hpack"
)

const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameGoAway       = 7
	frameWindow       = 8
	frameContinuation = 9

	streamWindow     = 16 << 20
	connectionWindow = 24 << 20
)

type connection struct {
	net    net.Conn
	reader *bufio.Reader
	out    []byte
	queue  [][]byte
	// What the server lets us send yet, on the connection and on the stream.
	windows  [2]int
	initial  int
	received int
	header   [5]byte
	headerN  int
	message  []byte
	messageN int
	onBytes  func(n int)
}

// dial connects, says the preface and opens the gRPC stream.
func dial(address, path string, config *tls.Config, onBytes func(int)) (*connection, string, error) {
	raw, err := (&net.Dialer{Timeout: 60 * time.Second}).Dial("tcp", address)
	if err != nil {
		return nil, "", err
	}
	group := ""
	if config != nil {
		secure := tls.Client(raw, config)
		_ = secure.SetDeadline(time.Now().Add(120 * time.Second))
		if err := secure.Handshake(); err != nil {
			raw.Close()
			return nil, "", err
		}
		_ = secure.SetDeadline(time.Time{})
		group = secure.ConnectionState().CurveID.String()
		raw = secure
	}
	c := &connection{net: raw, reader: bufio.NewReaderSize(raw, 16<<10), windows: [2]int{65535, 65535}, initial: 65535, onBytes: onBytes}
	c.out = append(c.out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"...)
	c.frame(frameSettings, 0, 0, []byte{0, 2, 0, 0, 0, 0, 0, 4, byte(streamWindow >> 24), streamWindow >> 16 & 255, streamWindow >> 8 & 255, 0})
	c.window(0, connectionWindow-65535)
	c.frame(frameHeaders, 4, 1, headersOf(address, path, config != nil))
	return c, group, nil
}

// headersOf writes each header as a literal that no table keeps, so that the block is the same on every connection.
func headersOf(address, path string, secure bool) []byte {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	var block []byte
	for _, header := range [][2]string{{":method", "POST"}, {":scheme", scheme}, {":path", path}, {":authority", address}, {"content-type", "application/grpc"}, {"te", "trailers"}} {
		block = append(block, 0)
		for _, text := range header {
			block = append(block, byte(len(text)))
			block = append(block, text...)
		}
	}
	return block
}

func (c *connection) frame(kind, flags byte, stream uint32, payload []byte) {
	n := len(payload)
	c.out = append(c.out, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	c.out = binary.BigEndian.AppendUint32(c.out, stream)
	c.out = append(c.out, payload...)
}

func (c *connection) window(stream uint32, more int) {
	c.frame(frameWindow, 0, stream, binary.BigEndian.AppendUint32(nil, uint32(more)))
}

// send queues one gRPC message; it leaves with the next flush, or once the windows allow it.
func (c *connection) send(message []byte) {
	framed := make([]byte, 0, len(message)+5)
	framed = append(framed, 0)
	framed = binary.BigEndian.AppendUint32(framed, uint32(len(message)))
	c.queue = append(c.queue, append(framed, message...))
	c.drain()
}

func (c *connection) drain() {
	for len(c.queue) > 0 {
		n := min(len(c.queue[0]), 16384, c.windows[0], c.windows[1])
		if n <= 0 {
			return
		}
		c.frame(frameData, 0, 1, c.queue[0][:n])
		c.windows[0] -= n
		c.windows[1] -= n
		if c.queue[0] = c.queue[0][n:]; len(c.queue[0]) == 0 {
			c.queue = c.queue[1:]
		}
	}
}

func (c *connection) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.net.Write(c.out)
	c.out = c.out[:0]
	return err
}

// serve reads until the connection ends; onMessage gets each response.
func (c *connection) serve(onMessage func([]byte)) error {
	var head [9]byte
	for {
		if c.reader.Buffered() < 9 {
			if err := c.flush(); err != nil {
				return err
			}
		}
		if _, err := io.ReadFull(c.reader, head[:]); err != nil {
			return err
		}
		n := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
		c.onBytes(n + 9)
		if head[3] == frameData {
			if err := c.data(n, head[4], onMessage); err != nil {
				return err
			}
			continue
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(c.reader, payload); err != nil {
			return err
		}
		if err := c.control(head[3], head[4], binary.BigEndian.Uint32(head[5:])&0x7fffffff, payload); err != nil {
			return err
		}
	}
}

func (c *connection) control(kind, flags byte, stream uint32, payload []byte) error {
	switch kind {
	case frameHeaders, frameContinuation:
		if flags&1 != 0 {
			return fmt.Errorf("the stream ended: %s", statusOf(payload))
		}
	case frameReset:
		return fmt.Errorf("RST_STREAM %d", binary.BigEndian.Uint32(payload))
	case frameGoAway:
		return fmt.Errorf("GOAWAY %d", binary.BigEndian.Uint32(payload[4:]))
	case frameSettings:
		if flags&1 != 0 {
			return nil
		}
		for ; len(payload) >= 6; payload = payload[6:] {
			if binary.BigEndian.Uint16(payload) == 4 {
				value := int(binary.BigEndian.Uint32(payload[2:]))
				c.windows[1] += value - c.initial
				c.initial = value
			}
		}
		c.frame(frameSettings, 1, 0, nil)
		c.drain()
	case framePing:
		if flags&1 == 0 {
			c.frame(framePing, 1, 0, payload)
		}
	case frameWindow:
		c.windows[min(stream, 1)] += int(binary.BigEndian.Uint32(payload) & 0x7fffffff)
		c.drain()
	}
	return nil
}

func statusOf(block []byte) string {
	text := ""
	fields, _ := hpack.NewDecoder(4096, nil).DecodeFull(block)
	for _, f := range fields {
		text += f.Name + "=" + f.Value + " "
	}
	return text
}

func (c *connection) data(n int, flags byte, onMessage func([]byte)) error {
	total := n
	if flags&8 != 0 {
		return errors.New("padded DATA")
	}
	for n > 0 {
		if c.headerN < 5 {
			k := min(5-c.headerN, n)
			if _, err := io.ReadFull(c.reader, c.header[c.headerN:c.headerN+k]); err != nil {
				return err
			}
			c.headerN += k
			n -= k
			if c.headerN < 5 {
				break
			}
			c.message = make([]byte, binary.BigEndian.Uint32(c.header[1:]))
			c.messageN = 0
		}
		k := min(len(c.message)-c.messageN, n)
		if _, err := io.ReadFull(c.reader, c.message[c.messageN:c.messageN+k]); err != nil {
			return err
		}
		c.messageN += k
		n -= k
		if c.messageN == len(c.message) {
			message := c.message
			c.message, c.headerN = nil, 0
			onMessage(message)
		}
	}
	if c.received += total; c.received >= 4<<20 {
		c.window(0, c.received)
		c.window(1, c.received)
		c.received = 0
	}
	return nil
}
