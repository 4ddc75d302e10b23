// (a proxy's resources, the EnvoyResource documents that select it) → its resources. Pure. Raw resources come first, so that a patch may
// apply to one of them; both in the order of the documents' keys.
import { type Message, toJson } from '@bufbuild/protobuf';
import { CellwallError } from '../../lib/errors.ts';
import type { RawIr } from '../../policy/raw-ir.ts';
import { ofRaw } from '../origins.ts';
import type { TranslatedResource } from '../proxy.ts';
import { envoyRegistry } from './envoy-registry.ts';
import { mergeBody } from './merge-body.ts';
import type { JsonObject } from './read-body.ts';
import { decode, type ReadRaw, readRaw } from './read-raw.ts';

/** Throws on what should never have been stored: the proxy then keeps what it has. */
export function applyRaw(
  resources: readonly TranslatedResource[],
  raws: readonly RawIr[],
): readonly TranslatedResource[] {
  if (raws.length === 0) return resources;
  const all = new Map(resources.map((resource) => [keyOf(resource), resource]));
  for (const raw of raws.toSorted(resourcesFirst)) {
    const { typeUrl } = raw.change;
    const read = mustRead(raw);
    const key = keyOf({ typeUrl, name: read.name });
    const before = all.get(key);
    const version = raw.version === undefined ? {} : { version: raw.version };
    if (read.kind === 'remove') all.delete(key);
    else if (read.kind === 'resource') {
      if (before !== undefined) throw refused(raw, `there is a ${read.desc.name} "${read.name}" already`);
      const madeBy = () => [ofRaw(raw)];
      all.set(key, { typeUrl, name: read.name, schema: read.desc, message: read.message, madeBy, ...version });
    } else if (before !== undefined) {
      // The patch first: Envoy accepts what translate itself makes.
      const madeBy = () => [ofRaw(raw), ...before.madeBy()];
      all.set(key, { ...before, schema: read.desc, message: merged(raw, read, before), madeBy, ...version });
    }
  }
  return [...all.values()];
}

function merged(raw: RawIr, { desc, body }: ReadRaw & { kind: 'merge' }, before: TranslatedResource): Message {
  const registry = envoyRegistry();
  const json = toJson(before.schema, before.message, { registry, useProtoFieldName: true });
  // A message's JSON is a mapping.
  const message = decode(desc, mergeBody(desc, json as JsonObject, body, registry));
  if ('code' in message) throw refused(raw, message.message);
  return message;
}

function mustRead(raw: RawIr): ReadRaw {
  const reading = readRaw(raw.change);
  if (reading.kind === 'read') return reading.read;
  throw refused(raw, reading.faults.map(({ message }) => message).join('; '));
}

function refused({ document }: RawIr, why: string): CellwallError {
  return new CellwallError('failed_precondition', `${document}: ${why}`, { hint: 'cellwall validate tells where' });
}

function keyOf({ typeUrl, name }: Pick<TranslatedResource, 'typeUrl' | 'name'>): string {
  return `${typeUrl} ${name}`;
}

function resourcesFirst(a: RawIr, b: RawIr): number {
  return Number(a.change.kind !== 'resource') - Number(b.change.kind !== 'resource');
}
