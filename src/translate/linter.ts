// The last check before anything is sent: configuration that ENVOY would accept but should not be given. Every message of every resource is
// visited, including every Any; what cannot be checked is refused. A finding is a bug here (or a raw resource of an operator), never a
// mistake in a document: those are reported to their author long before.
import { type DescField, type DescMessage, isMessage, type Message, toBinary } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
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
import { createLookedInto } from './lint/looked-into.ts';
import { rawDoorRules } from './lint/raw-door-rules.ts';
import { rawReachRules } from './lint/raw-reach-rules.ts';
import { rawRules } from './lint/raw-rules.ts';
import { rbacRules } from './lint/rbac-rules.ts';
import { type Place, placeOf, type Reference, references, referencesOf } from './lint/references.ts';
import { extensionRegistry } from './lint/registry.ts';
import { byType } from './lint/rule.ts';
import { tlsRules } from './lint/tls-rules.ts';
import { walk } from './lint/walk.ts';
import type { TranslatedResource } from './proxy.ts';
import { envoyRegistry } from './raw/envoy-registry.ts';
import { type Composition, compositionOf } from './wire/compose.ts';

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
  readonly refers: readonly { readonly path: string; readonly to: readonly Reference[] }[];
  /** By the names under which secrets are requested. */
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
  const { typeUrl, name, schema, message } = resource;
  const composition = raw ? undefined : compositionOf(message);
  const shared = composition && inspectBase(schema, composition);
  const found = look(schema, message, {
    raw,
    // Where the base is not harmless, it is looked into each time.
    ...(shared === undefined ? {} : { opens: (field: DescField) => composition?.isOwn(field) === true }),
  });
  return {
    ...placeOf(resource),
    findings: found.findings.map((finding) => ({ ...finding, typeUrl, resource: name })),
    refers: [...(shared?.refers ?? []), ...found.refers],
    secrets: [...(shared?.secrets ?? []), ...found.secrets],
  };
}

const harmlessBases = new WeakMap<Message, Map<string, Harmless | undefined>>();

/** What is in the fields that are the base's: once for all messages that have it. Undefined if something is wrong there. */
function inspectBase(schema: DescMessage, { base, isOwn, form }: Composition): Harmless | undefined {
  const known = harmlessBases.get(base) ?? new Map<string, Harmless | undefined>();
  harmlessBases.set(base, known);
  if (known.has(form)) return known.get(form);
  const found = look(schema, base, { raw: false, opens: (field) => !isOwn(field), visitsOutermost: false });
  const harmless = found.findings.length === 0 ? found : undefined;
  known.set(form, harmless);
  return harmless;
}

interface Look {
  readonly raw: boolean;
  /** Which fields of the outermost message are opened. Default: all. */
  readonly opens?: (field: DescField) => boolean;
  /** Default: true. */
  readonly visitsOutermost?: boolean;
}

type Harmless = Pick<Inspected, 'refers' | 'secrets'>;
type Found = Harmless & { readonly findings: readonly Pick<Finding, 'path' | 'code' | 'message'>[] };

function look(schema: DescMessage, outermost: Message, { raw, opens, visitsOutermost = true }: Look): Found {
  const allFor = raw ? rulesForRaw : rulesFor;
  const findings: Found['findings'][number][] = [];
  const refers: Inspected['refers'][number][] = [];
  const secrets: Inspected['secrets'][number][] = [];
  const report = (path: string, code: string, message: string): void => void findings.push({ code, path, message });
  const place = raw ? undefined : placeInside(outermost);
  walk(
    schema,
    outermost,
    raw ? envoyRegistry() : extensionRegistry,
    {
      within({ message, path, ancestors }, open) {
        const key = place === undefined ? undefined : keyInside(place, message, ancestors);
        if (key === undefined) return open();
        const known = harmless.get(key);
        if (known !== undefined) {
          refers.push(...known.refers.map((one) => ({ ...one, path: path + one.path })));
          secrets.push(...known.secrets.map((one) => ({ ...one, path: path + one.path })));
          return;
        }
        const [wrong, referring, secret] = [findings.length, refers.length, secrets.length];
        open();
        if (findings.length > wrong) return;
        const below = <T extends { readonly path: string }>(one: T): T => ({
          ...one,
          path: one.path.slice(path.length),
        });
        harmless.keep(key, { refers: refers.slice(referring).map(below), secrets: secrets.slice(secret).map(below) });
      },
      visit({ message, path, ancestors }) {
        if (message === outermost && !visitsOutermost) return;
        if (message.$unknown !== undefined && message.$unknown.length > 0) {
          report(path, 'unknown-field', 'holds a field that Envoy 1.40 does not have');
        }
        for (const rule of allFor(message))
          for (const [code, text] of rule(message, ancestors)) report(path, code, text);
        const to = referencesOf(message);
        if (to.length > 0) refers.push({ path, to });
        if (isMessage(message, SdsSecretConfigSchema))
          secrets.push({ path, name: message.name, asked: bytesOf(message) });
      },
      opaque({ path }, opaqueUrl) {
        report(path, 'opaque', `cannot look into ${opaqueUrl === '' ? 'an Any without a type' : opaqueUrl}`);
      },
    },
    opens,
  );
  return { findings, refers, secrets };
}

const harmless = createLookedInto<Harmless>();

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

/** Larger ones are hardly ever the same. */
const maxBytesInside = 64 * 1024;

function keyInside(place: string, { typeUrl, value }: Any, ancestors: readonly Message[]): string | undefined {
  if (value.length > maxBytesInside) return undefined;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
  return [place, ancestors.at(-1)?.$typeName, typeUrl, bytes].join('\0');
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

function bytesOf(reference: SdsSecretConfig): string {
  return Buffer.from(toBinary(SdsSecretConfigSchema, reference)).toString('base64');
}
