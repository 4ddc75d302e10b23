// (mesh, endpoints, bundles, proxy, own secret) → Snapshot. Translates once for all proxies of a shape, encodes a resource
// once for all proxies that have it, and answers the very same snapshot when nothing of it changed.
import { toBinary } from '@bufbuild/protobuf';
import type { Log } from '../lib/log.ts';
import type { MeshIr } from '../policy/ir.ts';
import { lint } from '../translate/linter.ts';
import type { Bundles, LiveEndpoints, ProxyShape, TranslatedResource } from '../translate/proxy.ts';
import { translate } from '../translate/translate.ts';
import type { Interner } from '../xds/interner.ts';
import type { EncodedResource, Snapshot } from '../xds/snapshot.ts';
import { isTypeUrl, type TypeUrl, typeUrls } from '../xds/type-url.ts';

/** Everything that all proxies' snapshots are made from. A new object is a new generation. */
export interface Inputs {
  readonly revision: number;
  readonly mesh: MeshIr;
  readonly endpoints: LiveEndpoints;
  readonly bundles: Bundles;
}

export type ResourceMap = ReadonlyMap<TypeUrl, ReadonlyMap<string, EncodedResource>>;

export interface SnapshotMaker {
  /** Undefined when what was translated must not be emitted: the proxy keeps what it has. */
  make(inputs: Inputs, shape: ProxyShape, secret: EncodedResource, before: Snapshot | undefined): Snapshot | undefined;
}

export function createSnapshotMaker(interner: Interner, log: Log): SnapshotMaker {
  let generation: Inputs | undefined;
  let shapes = new Map<string, ResourceMap | undefined>();

  const encodeAll = (resources: readonly TranslatedResource[]): ResourceMap | undefined => {
    const findings = lint(resources);
    if (findings.length > 0) {
      log.error({ findings }, 'translation refused: it would emit what is dangerous; proxies keep what they have');
      return undefined;
    }
    const types = new Map<TypeUrl, Map<string, EncodedResource>>();
    for (const { typeUrl, name, schema, message } of resources) {
      if (!isTypeUrl(typeUrl)) throw new Error(`not an xDS type: ${typeUrl}`);
      const names = types.get(typeUrl) ?? new Map<string, EncodedResource>();
      types.set(typeUrl, names.set(name, interner.encode(typeUrl, name, toBinary(schema, message))));
    }
    return types;
  };

  return {
    make(inputs, shape, secret, before) {
      if (inputs !== generation) {
        generation = inputs;
        shapes = new Map();
      }
      const key = JSON.stringify(shape);
      if (!shapes.has(key)) {
        shapes.set(key, encodeAll(translate(inputs.mesh, inputs.endpoints, inputs.bundles, shape)));
      }
      const shared = shapes.get(key);
      if (shared === undefined) return undefined;
      const resources = withSecret(shared, secret);
      if (before !== undefined && sameResources(before.resources, resources)) return before;
      return { revision: inputs.revision, resources };
    },
  };
}

function withSecret(shared: ResourceMap, secret: EncodedResource): ResourceMap {
  const secrets = new Map(shared.get(typeUrls.secret));
  secrets.set(secret.name, secret);
  return new Map(shared).set(typeUrls.secret, secrets);
}

function sameResources(a: ResourceMap, b: ResourceMap): boolean {
  if (a.size !== b.size) return false;
  for (const [typeUrl, names] of a) {
    const others = b.get(typeUrl);
    if (others === undefined || others.size !== names.size) return false;
    // Interned: equal content is the same object. An own secret is compared by its version, the serial.
    for (const [name, resource] of names) if (others.get(name)?.version !== resource.version) return false;
  }
  return true;
}
