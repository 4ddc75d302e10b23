// Reads a request's JSON body, limited in size, as an object whose members are looked up only by name.
import type { IncomingMessage } from 'node:http';
import { CellwallError } from '../lib/errors.ts';
import { maxBodyBytes } from './identity-protocol.ts';

/** Throws `resource_exhausted` above `maxBodyBytes`, and `invalid_argument` for a body that cannot be parsed. */
export async function readBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) throw new CellwallError('internal', 'the request has an encoding set');
    size += chunk.length;
    if (size > maxBodyBytes) {
      throw new CellwallError('resource_exhausted', `the request is larger than ${maxBodyBytes} bytes`);
    }
    chunks.push(chunk);
  }
  try {
    return recordOf(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  } catch (cause) {
    throw new CellwallError('invalid_argument', 'the body is no JSON object', { cause });
  }
}

/** `value` as a record without prototype. Throws if it is not an object. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CellwallError('invalid_argument', 'expected a JSON object');
  }
  return Object.assign(Object.create(null), value);
}

/** The text called `name`. */
export function textOf(record: Readonly<Record<string, unknown>>, name: string): string {
  const value = record[name];
  if (typeof value === 'string') return value;
  throw new CellwallError('invalid_argument', `"${name}" must be a text`);
}
