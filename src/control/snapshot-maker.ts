// (mesh, endpoints, bundles, proxy, own secret) → Snapshot. Assembles the parts of a proxy, of which only those are made again for which
// something changed, and returns the same snapshot if nothing changed.
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import { type Traced, trace } from '../lib/trace.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import { isFor } from '../policy/resolve/resolve-raw.ts';
import { lintTogether } from '../translate/linter.ts';
import { distinctOf, partsOf } from '../translate/parts.ts';
import type { ProxyShape, TranslatedResource, TranslationInputs } from '../translate/proxy.ts';
import { applyRaw } from '../translate/raw/apply-raw.ts';
import { ownFromFile } from '../translate/tls/own-from-file.ts';
import { translate } from '../translate/translate.ts';
import type { Interner } from '../xds/resources/interner.ts';
import type { EncodedResource, Snapshot } from '../xds/resources/snapshot.ts';
import { type TypeUrl, typeUrls } from '../xds/resources/type-url.ts';
import type { Paths } from './concerned.ts';
import { createPartMaker, type MadePart, type PartMakerDeps, type PartToMake, traceOptions } from './part-maker.ts';

/** Everything that all proxies' snapshots are made from. */
export interface Inputs extends TranslationInputs {
  readonly revision: number;
  readonly documents: readonly ParsedDocument[];
}

type NamedResources = ReadonlyMap<string, EncodedResource>;
export type ResourceMap = ReadonlyMap<TypeUrl, NamedResources>;

/** Why what was translated must not be sent: the proxy keeps what it has. */
export interface Withheld {
  readonly withheld: string;
}

export interface ProxyToServe {
  readonly node: string;
  readonly shape: ProxyShape;
  /** Its own certificate, with its key. Undefined if it is kept by the helper beside it. */
  readonly secret: EncodedResource | undefined;
  /** What it is served now. */
  readonly before: Snapshot | undefined;
}

export interface SnapshotMaker {
  /** In steps, between which others may have a turn. Different proxies may be given different inputs, each time. */
  steps(proxy: ProxyToServe, inputs: Inputs): Generator<void, Snapshot | Withheld>;
  /** All steps at once. */
  make(proxy: ProxyToServe, inputs: Inputs): Snapshot | Withheld;
  /** Where in the inputs was read what the node was made last (lib/trace.ts). */
  paths(node: string): Iterable<Paths>;
  forget(node: string): void;
}

export interface SnapshotMakerDeps {
  readonly interner: Interner;
  readonly log: Log;
  /** A proxy's resources have changed. */
  readonly onTranslated?: () => void;
  /** The number of resources that were made for one or more proxies. */
  readonly onResources?: (count: number) => void;
  readonly encoding?: PartMakerDeps['encoding'];
}

/** What was made for a proxy last. */
interface Made {
  readonly shape: string;
  readonly plan: Traced<readonly PartToMake[]>;
  readonly parts: readonly MadePart[];
  readonly result: ResourceMap | Withheld;
}

/** If the linter finds anything, the result is `Withheld`, and the proxy keeps what it has. */
export function createSnapshotMaker(deps: SnapshotMakerDeps): SnapshotMaker {
  const { interner, log, onTranslated = () => {}, onResources = () => {}, encoding } = deps;
  const maker = createPartMaker({ interner, onMade: onResources, ...defined({ encoding }) });
  const nodes = new Map<string, Made>();
  const known = new Map<string, WeakRef<NamedResources>>();
  const forget = new FinalizationRegistry((key: string) => {
    // A new one may have taken the key since.
    if (known.get(key)?.deref() === undefined) known.delete(key);
  });

  const together = (parts: readonly MadePart[], before: Made['result'] | undefined): Made['result'] => {
    const types = new Map<TypeUrl, Map<string, EncodedResource>>();
    const all = distinctOf(parts, ({ encoded }) => encoded);
    for (const { encoded } of all) {
      const names = types.get(encoded.typeUrl) ?? new Map<string, EncodedResource>();
      types.set(encoded.typeUrl, names.set(encoded.name, encoded));
    }
    // The same map as before if a type did not change, also for another proxy: streams then skip it by identity.
    const resources = new Map([...types].map(([typeUrl, names]) => [typeUrl, internNames(typeUrl, names)]));
    if (before !== undefined && !('withheld' in before) && sameResources(before, resources)) return before;
    const inspected = all.map((one) => one.inspected);
    const findings = lintTogether(inspected, inspected);
    const [first] = findings;
    if (first === undefined) return resources;
    log.error({ findings }, 'translation refused: it would emit dangerous configuration; proxies keep what they have');
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

  function* steps(proxy: ProxyToServe, inputs: Inputs): Generator<void, Snapshot | Withheld> {
    const { node, shape } = proxy;
    const last = nodes.get(node);
    const key = JSON.stringify(shape);
    const same = last?.shape === key;
    const plan =
      same && last.plan.holds(inputs) ? last.plan : trace(inputs, (seen) => planOf(seen, shape), traceOptions);
    const parts: MadePart[] = [];
    for (const part of plan.value) {
      parts.push(maker.make(part, inputs));
      yield;
    }
    const unchanged = last !== undefined && sameParts(last.parts, parts);
    const result = unchanged ? last.result : together(parts, last?.result);
    if (!unchanged) onTranslated();
    nodes.set(node, { shape: key, plan, parts, result });
    return 'withheld' in result ? result : snapshotOf(result, proxy, inputs);
  }

  return {
    steps,
    make(proxy, inputs) {
      const running = steps(proxy, inputs);
      for (;;) {
        const step = running.next();
        if (step.done === true) return step.value;
      }
    },
    *paths(node) {
      const made = nodes.get(node);
      if (made === undefined) return;
      yield made.plan.paths;
      for (const { paths } of made.parts) yield paths;
    },
    forget: (node) => void nodes.delete(node),
  };
}

/** Raw resources may depend on anything, and so may what they are applied to. */
function planOf(inputs: TranslationInputs, shape: ProxyShape): readonly PartToMake[] {
  const raw = (inputs.mesh.rawResources ?? []).some((one) => isFor(one, shape.spiffeId));
  if (!raw && shape.singleServices === undefined) return partsOf(inputs.mesh, shape);
  const key = JSON.stringify(['all', raw, shape]);
  const make = (seen: TranslationInputs) => resourcesOf(seen, shape).resources;
  return [{ kind: 'whole', key, side: 'both', make, ...(raw ? { raw: true } : {}) }];
}

function snapshotOf(shared: ResourceMap, { shape, secret, before }: ProxyToServe, { revision }: Inputs): Snapshot {
  const resources = withSecret(shared, secret, before?.resources.get(typeUrls.secret));
  // Its listeners may be its own, or those of a Service that it was: an empty full set would delete them.
  const partial = shape.service === undefined ? { partial: true as const } : {};
  const same = before !== undefined && before.partial === partial.partial;
  if (same && sameResources(before.resources, resources)) return before;
  return { revision, resources, ...partial };
}

/** What a proxy of that shape is sent, except for its own secret, before it is encoded. */
export function resourcesOf(
  { mesh, endpoints, bundles }: TranslationInputs,
  shape: ProxyShape,
): { readonly resources: readonly TranslatedResource[]; readonly raw: boolean } {
  const raws = (mesh.rawResources ?? []).filter((raw) => isFor(raw, shape.spiffeId));
  const resources = applyRaw(translate(mesh, endpoints, bundles, shape), raws);
  const isRaw = raws.length > 0;
  return {
    resources: isRaw && shape.secrets === 'local' ? ownFromFile(resources, shape.spiffeId) : resources,
    raw: isRaw,
  };
}

function withSecret(
  shared: ResourceMap,
  secret: EncodedResource | undefined,
  before: NamedResources | undefined,
): ResourceMap {
  if (secret === undefined) return shared;
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

function sameParts(a: readonly MadePart[], b: readonly MadePart[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}
