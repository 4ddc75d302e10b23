// One EnvoyResource document's change as an Envoy message, or everything that is wrong with it.
import { type DescMessage, fromJson, type Message } from '@bufbuild/protobuf';
import type { FieldPath } from '../../model/field-path.ts';
import type { RawChangeIr } from '../../policy/raw-ir.ts';
import { brokenConstraints } from './constraints.ts';
import { envoyRegistry } from './envoy-registry.ts';
import type { RawFault } from './fault.ts';
import { type JsonObject, readBody } from './read-body.ts';

export type ReadRaw =
  | { readonly kind: 'resource'; readonly name: string; readonly desc: DescMessage; readonly message: Message }
  | { readonly kind: 'merge'; readonly name: string; readonly desc: DescMessage; readonly body: JsonObject }
  | { readonly kind: 'remove'; readonly name: string };

export type RawReading =
  | { readonly kind: 'read'; readonly read: ReadRaw }
  | { readonly kind: 'faulty'; readonly faults: readonly RawFault[] };

/** What the control plane serves, and the field that is the resource's name. */
const served: ReadonlyMap<string, string> = new Map([
  ['envoy.config.listener.v3.Listener', 'name'],
  ['envoy.config.cluster.v3.Cluster', 'name'],
  ['envoy.config.route.v3.RouteConfiguration', 'name'],
  ['envoy.config.endpoint.v3.ClusterLoadAssignment', 'cluster_name'],
  ['envoy.extensions.transport_sockets.tls.v3.Secret', 'name'],
  ['envoy.config.core.v3.TypedExtensionConfig', 'name'],
]);

const known = new WeakMap<RawChangeIr, RawReading>();

/** Read once, however many proxies it selects. */
export function readRaw(change: RawChangeIr): RawReading {
  const before = known.get(change);
  if (before !== undefined) return before;
  const reading = read(change);
  known.set(change, reading);
  return reading;
}

function read(change: RawChangeIr): RawReading {
  const typeName = change.typeUrl.slice(change.typeUrl.indexOf('/') + 1);
  const nameField = served.get(typeName);
  const registry = envoyRegistry();
  const desc = registry.getMessage(typeName);
  if (nameField === undefined || desc === undefined) {
    const message =
      change.typeUrl === '' ? '"@type" is missing' : `no resources of the type ${change.typeUrl} are served`;
    const hint = `one of ${[...served.keys()].map((name) => `type.googleapis.com/${name}`).join(', ')}`;
    return faulty({ code: 'unknown-type', message, hint, path: ['@type'] });
  }
  if (change.kind === 'remove') return { kind: 'read', read: change };
  const faults: RawFault[] = [];
  const body = readBody(desc, change.body, { registry, partial: change.kind === 'merge' }, faults);
  if (faults.length > 0) return { kind: 'faulty', faults };
  if (change.kind === 'merge') {
    const renamed = body[nameField] !== undefined && body[nameField] !== change.name;
    return renamed
      ? faulty({ code: 'renamed', message: 'a patch does not change the name', path: [nameField] })
      : { kind: 'read', read: { kind: 'merge', name: change.name, desc, body } };
  }
  const name = body[nameField];
  if (typeof name !== 'string' || name === '') {
    return faulty({ code: 'missing-field', message: `${nameField} is missing`, path: [nameField] });
  }
  const message = decode(desc, body);
  if ('code' in message) return faulty(message);
  const broken = brokenConstraints(desc, message, registry);
  if (broken.length > 0) {
    return { kind: 'faulty', faults: broken.map((one) => ({ code: 'constraint', ...one })) };
  }
  return { kind: 'read', read: { kind: 'resource', name, desc, message } };
}

/** The schema's final check; its error has no path, but by now there should be none left. */
export function decode(desc: DescMessage, body: JsonObject, path: FieldPath = []): Message | RawFault {
  try {
    return fromJson(desc, body, { registry: envoyRegistry() });
  } catch (reason) {
    return { code: 'invalid', message: reason instanceof Error ? reason.message : String(reason), path };
  }
}

function faulty(...faults: RawFault[]): RawReading {
  return { kind: 'faulty', faults };
}
