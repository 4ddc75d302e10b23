package main

// Protobuf's wire format, as much as the envelope of discovery requests and responses needs: resources stay bytes.

import "encoding/binary"

// field answers the next field of a message: its number, its bytes where it has a length, and what follows; number 0 if it is none.
func field(b []byte) (number int, value, rest []byte) {
	tag, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, nil
	}
	b = b[n:]
	switch tag & 7 {
	case 0:
		if _, n = binary.Uvarint(b); n <= 0 {
			return 0, nil, nil
		}
		return int(tag >> 3), nil, b[n:]
	case 2:
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return 0, nil, nil
		}
		return int(tag >> 3), b[n : n+int(length)], b[n+int(length):]
	}
	return 0, nil, nil
}

func appendBytes(b []byte, number int, value []byte) []byte {
	b = binary.AppendUvarint(b, uint64(number)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

func appendText(b []byte, number int, text string) []byte {
	if text == "" {
		return b
	}
	return appendBytes(b, number, []byte(text))
}

// find answers the first field of that number, nil without one.
func find(b []byte, wanted int) []byte {
	for len(b) > 0 {
		number, value, rest := field(b)
		if number == 0 {
			return nil
		}
		if number == wanted {
			return value
		}
		b = rest
	}
	return nil
}
