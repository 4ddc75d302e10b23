// The last look before anything is sent: what ENVOY accepts and should not be given. Every message of every resource is
// visited, into every Any; what cannot be looked into is refused. What is refused is a bug here (or a raw resource of an
// operator), never a mistake in a document: those are told to their author long before.
import { isMessage, toBinary } from '@bufbuild/protobuf';
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
import { references } from './lint/references.ts';
import { extensionRegistry } from './lint/registry.ts';
import { tlsRules } from './lint/tls-rules.ts';
import { walk } from './lint/walk.ts';
import type { TranslatedResource } from './proxy.ts';
import { envoyRegistry } from './raw/envoy-registry.ts';

const rules = [
  ...[...tlsRules, ...rbacRules, ...listenerRules, ...httpRules, ...discoveryRules],
  ...inboundFilters.flatMap(({ lint = [] }) => lint),
];

export interface LintOptions {
  /** There are raw resources or patches among them: of any type of Envoy's, and with ways around that translate never takes. */
  readonly raw?: boolean;
  /** Look into these alone; the others are known to be fine, and are what names may lead to. Default: all. */
  readonly only?: (resource: TranslatedResource) => boolean;
}

/** Empty: they may be sent. `resources` are all of one proxy's, but for its own SVID. */
export function lint(
  resources: readonly TranslatedResource[],
  { raw = false, only = () => true }: LintOptions = {},
): readonly Finding[] {
  const registry = raw ? envoyRegistry() : extensionRegistry;
  const all = raw ? [...rules, ...rawRules, ...rawDoorRules, ...rawReachRules, ...hostFileRules] : rules;
  const findings: Finding[] = [];
  const { findings: twice, missing } = references(resources);
  const secretReferences = new Map<string, string>();
  for (const resource of resources.filter(only)) {
    const report = (path: string, code: string, message: string): void => {
      findings.push({ code, typeUrl: resource.typeUrl, resource: resource.name, path, message });
    };
    walk(resource.schema, resource.message, registry, {
      visit({ message, path, ancestors }) {
        if (message.$unknown !== undefined && message.$unknown.length > 0) {
          report(path, 'unknown-field', 'holds a field that Envoy 1.40 does not have');
        }
        for (const rule of all) for (const [code, text] of rule(message, ancestors)) report(path, code, text);
        for (const [code, text] of missing(message)) report(path, code, text);
        if (isMessage(message, SdsSecretConfigSchema) && !sameAsBefore(secretReferences, message)) {
          report(path, 'secret-reference', `the secret ${message.name} is referred to in two ways (envoy#47309)`);
        }
      },
      opaque({ path }, typeUrl) {
        report(path, 'opaque', `cannot look into ${typeUrl === '' ? 'an Any without a type' : typeUrl}`);
      },
    });
  }
  return [...findings, ...twice];
}

function sameAsBefore(seen: Map<string, string>, reference: SdsSecretConfig): boolean {
  const bytes = Buffer.from(toBinary(SdsSecretConfigSchema, reference)).toString('base64');
  const before = seen.get(reference.name) ?? bytes;
  seen.set(reference.name, before);
  return before === bytes;
}
