// The last check before anything is sent: configuration that ENVOY would accept but should not be given. Every message of every resource is
// visited, including every Any; what cannot be checked is refused. A finding is a bug here (or a raw resource of an operator), never a
// mistake in a document: those are reported to their author long before.
import { isMessage, type Message, toBinary } from '@bufbuild/protobuf';
import { ClusterSchema } from '#gen/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '#gen/envoy/config/route/v3/route_pb.js';
import {
  type SdsSecretConfig,
  SdsSecretConfigSchema,
} from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { inboundFilters } from './filters/inbound-filters.ts';
import { discoveryRules } from './lint/discovery-rules.ts';
import type { Finding } from './lint/finding.ts';
import { hostFileRules } from './lint/host-file-rule.ts';
import { httpRules } from './lint/http-rules.ts';
import { listenerRules } from './lint/listener-rules.ts';
import { rawDoorRules } from './lint/raw-door-rules.ts';
import { rawReachRules } from './lint/raw-reach-rules.ts';
import { rawRules } from './lint/raw-rules.ts';
import { rbacRules } from './lint/rbac-rules.ts';
import { type Place, placeOf, type Reference, references, referencesOf } from './lint/references.ts';
import { extensionRegistry } from './lint/registry.ts';
import { byType } from './lint/rule.ts';
import { tlsRules } from './lint/tls-rules.ts';
import { type Visited, walk } from './lint/walk.ts';
import type { TranslatedResource } from './proxy.ts';
import { envoyRegistry } from './raw/envoy-registry.ts';
import { packedHere } from './wire/any.ts';
import { compositionOf } from './wire/compose.ts';

const rules = [
  ...[...tlsRules, ...rbacRules, ...listenerRules, ...httpRules, ...discoveryRules],
  ...inboundFilters.flatMap(({ lint = [] }) => lint),
];
const rulesFor = byType(rules);
const rulesForRaw = byType([...rules, ...rawRules, ...rawDoorRules, ...rawReachRules, ...hostFileRules]);

export interface LintOptions {
  /** There are raw resources or patches among them: of any Envoy type, and able to do what translate never does. */
  readonly raw?: boolean;
  /** Check only these; the others are known to be fine, and can be referred to. Default: all. */
  readonly only?: (resource: TranslatedResource) => boolean;
}

/** One checked resource: its own findings, and what must be compared with the others of its proxy. */
export interface Inspected extends Place {
  readonly findings: readonly Finding[];
  /** To what, each once: where it is found first. */
  readonly refers: readonly { readonly path: string; readonly to: readonly Reference[] }[];
  /** By the names under which secrets are requested, each form of a request once. */
  readonly secrets: readonly { readonly path: string; readonly name: string; readonly asked: string }[];
}

/** Empty: they may be sent. `resources` are all of one proxy's, except for its own SVID. */
export function lint(
  resources: readonly TranslatedResource[],
  { raw = false, only = () => true }: LintOptions = {},
): readonly Finding[] {
  return lintTogether(
    resources.map(placeOf),
    resources.filter(only).map((resource) => inspect(resource, { raw })),
  );
}

/** Of one resource alone: its findings, and what it refers to. Remembers what was found harmless. */
export function inspect(resource: TranslatedResource, { raw = false }: Pick<LintOptions, 'raw'> = {}): Inspected {
  const allFor = raw ? rulesForRaw : rulesFor;
  const { typeUrl, name, schema, message: outermost } = resource;
  const findings: Finding[] = [];
  const refers: Inspected['refers'][number][] = [];
  const secrets: Inspected['secrets'][number][] = [];
  const report = (path: string, code: string, message: string): void => {
    findings.push({ code, typeUrl, resource: name, path, message });
  };
  const place = raw ? undefined : placeInside(outermost);
  /** `look` is called only if it is not known that nothing is wrong with `one` there. */
  const once = (one: object, form: string, { path, ancestors }: Visited, look: () => void): void => {
    const around = ancestors.at(-1)?.$typeName;
    const there = harmless.get(one);
    const known = there?.find((at) => at.place === place && at.around === around && at.form === form);
    if (known !== undefined) {
      for (const refer of known.refers) refers.push({ ...refer, path: path + refer.path });
      for (const secret of known.secrets) secrets.push({ ...secret, path: path + secret.path });
      return;
    }
    const [wrong, referring, secret] = [findings.length, refers.length, secrets.length];
    look();
    if (findings.length > wrong) return;
    const below = <T extends { readonly path: string }>(found: T): T => ({
      ...found,
      path: found.path.slice(path.length),
    });
    const kept = {
      ...{ place, around, form },
      refers: eachOnce(refers.slice(referring).map(below)),
      secrets: distinct(secrets.slice(secret).map(below)),
    };
    if (there === undefined) harmless.set(one, [kept]);
    else there.push(kept);
  };
  walk(schema, outermost, raw ? envoyRegistry() : extensionRegistry, {
    within(visited, look) {
      const content = place === undefined ? undefined : packedHere(visited.message);
      // What a composed message shares is looked into once; the rest is its own.
      if (content === undefined || compositionOf(content) !== undefined) look();
      else once(content, '', visited, look);
    },
    shared(visited, { base, form }, look) {
      if (place === undefined) look();
      else once(base, form, visited, look);
    },
    visit({ message, path, ancestors }) {
      if (message.$unknown !== undefined && message.$unknown.length > 0) {
        report(path, 'unknown-field', 'holds a field that Envoy 1.40 does not have');
      }
      for (const rule of allFor(message)) for (const [code, text] of rule(message, ancestors)) report(path, code, text);
      const to = referencesOf(message);
      if (to.length > 0) refers.push({ path, to });
      if (isMessage(message, SdsSecretConfigSchema))
        secrets.push({ path, name: message.name, asked: bytesOf(message) });
    },
    opaque({ path }, opaqueUrl) {
      report(path, 'opaque', `cannot look into ${opaqueUrl === '' ? 'an Any without a type' : opaqueUrl}`);
    },
  });
  return { ...placeOf(resource), findings, refers: eachOnce(refers), secrets: distinct(secrets) };
}

/** Many chains of a listener refer to the same: it is looked for once, and kept as long as the resource. */
function eachOnce(refers: Inspected['refers']): Inspected['refers'] {
  const found = new Map<string, Inspected['refers'][number]>();
  for (const { path, to } of refers) {
    for (const one of to) {
      const key = one.join(' ');
      const before = found.get(key);
      if (before === undefined || path < before.path) found.set(key, { path, to: [one] });
    }
  }
  return [...found.values()];
}

function distinct(secrets: Inspected['secrets']): Inspected['secrets'] {
  const found = new Map<string, Inspected['secrets'][number]>();
  for (const one of secrets) {
    const key = `${one.asked} ${one.name}`;
    const before = found.get(key);
    if (before === undefined || one.path < before.path) found.set(key, one);
  }
  return [...found.values()];
}

/**
 * Messages that were packed here, and bases of composed ones, and then by where they are: what many have is the same object.
 */
const harmless = new WeakMap<object, Harmless[]>();

interface Harmless extends Pick<Inspected, 'refers' | 'secrets'> {
  readonly place: string | undefined;
  readonly around: string | undefined;
  readonly form: string;
}

/**
 * All that rules ask of the outermost message when they look into an Any. Undefined where the same bytes are looked into each time: what
 * decides about callers (TypedExtensionConfig) is.
 */
function placeInside(outermost: Message): string | undefined {
  if (isMessage(outermost, ListenerSchema)) return `Listener ${outermost.trafficDirection}`;
  return isMessage(outermost, ClusterSchema) || isMessage(outermost, RouteConfigurationSchema)
    ? outermost.$typeName
    : undefined;
}

/** `places` are those of all resources of a proxy. */
export function lintTogether(places: readonly Place[], inspected: readonly Inspected[]): readonly Finding[] {
  const { findings: twice, missing } = references(places);
  const asked = new Map<string, string>();
  const findings = inspected.flatMap(({ findings: own, refers, secrets, typeUrl, name }): readonly Finding[] => {
    const of = { typeUrl, resource: name };
    return [
      ...own,
      ...refers.flatMap(({ path, to }) => missing(to).map(([code, message]) => ({ ...of, code, path, message }))),
      ...secrets.flatMap(({ path, name: secret, asked: bytes }) => {
        const before = asked.get(secret) ?? bytes;
        asked.set(secret, before);
        if (before === bytes) return [];
        const message = `the secret ${secret} is referred to in two ways (envoy#47309)`;
        return [{ ...of, code: 'secret-reference', path, message }];
      }),
    ];
  });
  return [...findings, ...twice];
}

const known = new WeakMap<SdsSecretConfig, string>();

/** Of one that many share, once. */
function bytesOf(reference: SdsSecretConfig): string {
  const there = known.get(reference);
  if (there !== undefined) return there;
  const bytes = Buffer.from(toBinary(SdsSecretConfigSchema, reference)).toString('base64');
  if (Object.isFrozen(reference)) known.set(reference, bytes);
  return bytes;
}
