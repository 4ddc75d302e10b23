// (mesh, endpoints, bundles, proxy, own secret) → Snapshot. Translates once for all proxies of a shape, encodes a resource
// once for all proxies that have it, and answers the very same snapshot when nothing of it changed.
import { toBinary } from '@bufbuild/protobuf';
import type { Log } from '../lib/log.ts';
import type { DocumentsByKey } from '../model/origin.ts';
import type { MeshIr } from '../policy/ir.ts';
import { isFor } from '../policy/resolve/resolve-raw.ts';
import { lint } from '../translate/linter.ts';
import type { Bundles, LiveEndpoints, ProxyShape, TranslatedResource } from '../translate/proxy.ts';
import { applyRaw } from '../translate/raw/apply-raw.ts';
import { translate } from '../translate/translate.ts';
import type { Interner } from '../xds/resources/interner.ts';
import type { EncodedResource, Snapshot } from '../xds/resources/snapshot.ts';
import { isTypeUrl, type TypeUrl, typeUrls } from '../xds/resources/type-url.ts';

/** Everything that all proxies' snapshots are made from. A new object is a new generation. */
export interface Inputs {
  readonly revision: number;
  readonly documents: DocumentsByKey;
  readonly mesh: MeshIr;
  readonly endpoints: LiveEndpoints;
  readonly bundles: Bundles;
}

type NamedResources = ReadonlyMap<string, EncodedResource>;
export type ResourceMap = ReadonlyMap<TypeUrl, NamedResources>;

/** What was translated must not be emitted, in words: the proxy keeps what it has. */
export interface Withheld {
  readonly withheld: string;
}

export interface SnapshotMaker {
  make(inputs: Inputs, shape: ProxyShape, secret: EncodedResource, before: Snapshot | undefined): Snapshot | Withheld;
}

export function createSnapshotMaker(interner: Interner, log: Log): SnapshotMaker {
  let generation: Inputs | undefined;
  let shapes = new Map<string, ResourceMap | Withheld>();
  /** Those of the generation before. */
  let earlier = shapes;
  const known = new Map<string, WeakRef<NamedResources>>();
  const forget = new FinalizationRegistry((key: string) => {
    // A new one may have taken the key since.
    if (known.get(key)?.deref() === undefined) known.delete(key);
  });

  const encodeAll = (
    resources: readonly TranslatedResource[],
    raw: boolean,
    before: ResourceMap | Withheld | undefined,
  ): ResourceMap | Withheld => {
    const types = new Map<TypeUrl, Map<string, EncodedResource>>();
    for (const { typeUrl, name, schema, message, version } of resources) {
      if (!isTypeUrl(typeUrl)) throw new Error(`not an xDS type: ${typeUrl}`);
      const names = types.get(typeUrl) ?? new Map<string, EncodedResource>();
      types.set(typeUrl, names.set(name, interner.encode(typeUrl, name, toBinary(schema, message), version)));
    }
    // The same map as before where a type did not change, also for another shape: streams then skip it by identity.
    const encoded = new Map([...types].map(([typeUrl, names]) => [typeUrl, internNames(typeUrl, names)]));
    // The linter takes longer than all the rest; what passed it the last time does again.
    if (before !== undefined && !('withheld' in before) && sameResources(before, encoded)) return before;
    const findings = lint(resources, { raw });
    const [first] = findings;
    if (first === undefined) return encoded;
    log.error({ findings }, 'translation refused: it would emit what is dangerous; proxies keep what they have');
    const more = findings.length === 1 ? '' : `, and ${findings.length - 1} more`;
    return { withheld: `it would be dangerous: ${first.code} (${first.resource})${more}` };
  };

  const internNames = (typeUrl: TypeUrl, names: NamedResources): NamedResources => {
    const key = [typeUrl, ...[...names.values()].flatMap(({ name, version }) => [name, version])].join('\0');
    const there = known.get(key)?.deref();
    if (there !== undefined) return there;
    known.set(key, new WeakRef(names));
    forget.register(names, key);
    return names;
  };

  return {
    make(inputs, shape, secret, before) {
      if (inputs !== generation) {
        generation = inputs;
        earlier = shapes;
        shapes = new Map();
      }
      const key = JSON.stringify(shape);
      if (!shapes.has(key)) {
        const { resources, raw } = resourcesOf(inputs, shape);
        shapes.set(key, encodeAll(resources, raw, earlier.get(key)));
      }
      const shared = shapes.get(key);
      if (shared === undefined) throw new Error('a shape was not made');
      if ('withheld' in shared) return shared;
      const resources = withSecret(shared, secret, before?.resources.get(typeUrls.secret));
      // Its listeners may be its own, or those of a Service that it was: an empty full set would delete them.
      const partial = shape.service === undefined ? { partial: true as const } : {};
      const same = before !== undefined && before.partial === partial.partial;
      if (same && sameResources(before.resources, resources)) return before;
      return { revision: inputs.revision, resources, ...partial };
    },
  };
}

/** What a proxy of that shape is sent, its own secret apart, before it is encoded. */
export function resourcesOf(
  { mesh, endpoints, bundles }: Inputs,
  shape: ProxyShape,
): { readonly resources: readonly TranslatedResource[]; readonly raw: boolean } {
  const raws = (mesh.rawResources ?? []).filter((raw) => isFor(raw, shape.spiffeId));
  return { resources: applyRaw(translate(mesh, endpoints, bundles, shape), raws), raw: raws.length > 0 };
}

function withSecret(shared: ResourceMap, secret: EncodedResource, before: NamedResources | undefined): ResourceMap {
  const secrets = new Map(shared.get(typeUrls.secret)).set(secret.name, secret);
  const same = before !== undefined && sameNames(before, secrets);
  return new Map(shared).set(typeUrls.secret, same ? before : secrets);
}

function sameResources(a: ResourceMap, b: ResourceMap): boolean {
  return a.size === b.size && [...a].every(([typeUrl, names]) => names === b.get(typeUrl));
}

/** An own secret is compared by its version, the serial; everything else is interned. */
function sameNames(a: NamedResources, b: NamedResources): boolean {
  return a.size === b.size && [...a].every(([name, { version }]) => b.get(name)?.version === version);
}
