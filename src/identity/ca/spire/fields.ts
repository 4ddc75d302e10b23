// The few messages that SPIRE is asked with, in Protocol Buffers' wire format: fields by number.
// https://protobuf.dev/programming-guides/encoding/
import { CellwallError } from '../../../lib/errors.ts';

/** Length-delimited fields by number, in their order; numbers are left out. Throws `failed_precondition` for what cannot be read. */
export function readFields(message: Buffer): ReadonlyMap<number, readonly Buffer[]> {
  const fields = new Map<number, Buffer[]>();
  let at = 0;
  const varint = (): number => {
    let [value, shift] = [0, 1];
    for (let byte = 0x80; byte >= 0x80; shift *= 128) {
      byte = message[at++] ?? malformed();
      if (shift > 2 ** 63) malformed();
      value += (byte & 0x7f) * shift;
    }
    return value;
  };
  const skip = (bytes: number): Buffer => {
    if (at + bytes > message.length) malformed();
    at += bytes;
    return message.subarray(at - bytes, at);
  };
  while (at < message.length) {
    const tag = varint();
    const [number, type] = [Math.floor(tag / 8), tag % 8];
    if (type === 0) varint();
    else if (type === 1) skip(8);
    else if (type === 5) skip(4);
    else if (type === 2) fields.set(number, [...(fields.get(number) ?? []), skip(varint())]);
    else malformed();
  }
  return fields;
}

/** A length-delimited field. `number`: under 16. */
export function bytesField(number: number, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([number * 8 + 2, ...varintOf(bytes.length)]), bytes]);
}

/** A number, not negative. `number`: under 16. */
export function numberField(number: number, value: number): Buffer {
  return Buffer.from([number * 8, ...varintOf(value)]);
}

function varintOf(value: number): readonly number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varintOf(Math.floor(value / 128))];
}

function malformed(): never {
  throw new CellwallError('failed_precondition', 'an answer of SPIRE cannot be read');
}
