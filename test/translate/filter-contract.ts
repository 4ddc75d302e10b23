// What every filter before a service holds, whatever it does. A new one runs this suite with a case of its own.
import { clone, create, equals, isMessage } from '@bufbuild/protobuf';
import { type Any, anyUnpack } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import type { ExtensionConfigSource } from '#gen/envoy/config/core/v3/config_source_pb.js';
import { type TypedExtensionConfig, TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { type Filter, FilterSchema } from '#gen/envoy/config/listener/v3/listener_components_pb.js';
import { type Listener, ListenerSchema } from '#gen/envoy/config/listener/v3/listener_pb.js';
import { RBAC_Action } from '#gen/envoy/config/rbac/v3/rbac_pb.js';
import { HTTPAccessLogEntrySchema } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import {
  HttpConnectionManagerSchema,
  type HttpFilter,
} from '#gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { filterTraces, inboundFilterNames } from '../../src/lib/inbound-filters.ts';
import { parseTrustDomain } from '../../src/model/spiffe-id.ts';
import { httpCall } from '../../src/observe/access-log.ts';
import { readResults } from '../../src/observe/rbac-results.ts';
import type { MeshIr } from '../../src/policy/ir.ts';
import { filterPolicy } from '../../src/policy/own-policies.ts';
import { portOf } from '../../src/policy/ports.ts';
import { type InboundFilter, slots } from '../../src/translate/filters/inbound-filter.ts';
import { filterNamed, inboundFilters } from '../../src/translate/filters/inbound-filters.ts';
import { extensionRegistry } from '../../src/translate/lint/registry.ts';
import { lint } from '../../src/translate/linter.ts';
import { extensionName } from '../../src/translate/names.ts';
import type { TranslatedResource } from '../../src/translate/proxy.ts';
import { translate } from '../../src/translate/translate.ts';
import { any } from '../../src/translate/wire/any.ts';
import { documentsOf, meshOf, serviceText, yaml } from '../support/resolve-text.ts';

export interface FilterCase {
  readonly filter: InboundFilter;
  /** Each one document. */
  readonly documents: readonly string[];
  /** One of them that has the filter. */
  readonly service: string;
  /** One that has not; absent for a filter that all have. */
  readonly without?: string;
  /** Configurations of it that no proxy may be given, by what is wrong with them. */
  readonly dangerous: Readonly<Record<string, Any>>;
}

interface Place {
  readonly name: string;
  readonly source: ExtensionConfigSource | undefined;
}

/** `what`: the filter's name, and what tells this case from others of it. */
export function filterContract(what: string, testCase: FilterCase): void {
  const { filter, documents, service, without, dangerous } = testCase;
  const { name } = filter;
  const traces = filterTraces[name];
  const mesh = meshOf(yaml(...documents));
  const resources = resourcesOf(mesh, service);
  const owner = serviceOf(mesh, service);
  const resourceName = extensionName(owner, name);

  describe(`the filter ${what}`, () => {
    it('is in the catalog, and what it leaves behind has names of its own', () => {
      expect(inboundFilters).toContain(filter);
      expect(filterNamed(resourceName)).toBe(filter);
      expect(traces.statPrefix).toMatch(/^[a-z_]+_$/);
      const others = inboundFilterNames
        .filter((other) => other !== name)
        .map((other) => filterTraces[other].statPrefix);
      expect(
        others.filter((other) => other.startsWith(traces.statPrefix) || traces.statPrefix.startsWith(other)),
      ).toEqual([]);
    });

    it('is one resource, waited for in the chains that it names, and the linter has nothing to say', () => {
      expect(configsOf(resources, resourceName)).toHaveLength(1);
      const chains = chainsOf(listenerOf(resources));
      for (const [chain, places] of chains) {
        const times = places.filter((place) => place.name === resourceName).length;
        const kind = chain.startsWith('caller') ? 'caller' : chain.startsWith('plain') ? 'plain' : 'mtls';
        expect([chain, times]).toEqual([
          chain,
          filter.chains === undefined || filter.chains(owner).includes(kind) ? 1 : 0,
        ]);
      }
      expect(chains.length).toBeGreaterThan(0);
      expect(lint(resources)).toEqual([]);
    });

    it('refuses all until its configuration arrives, and after it was taken away', () => {
      const [config] = configsOf(resources, resourceName);
      const own = placesOf(resources).filter((place) => place.name === resourceName);
      expect(own.length).toBeGreaterThan(0);
      for (const { source } of own) {
        expect(source?.applyDefaultConfigWithoutWarming).toBe(true);
        const closed = source?.defaultConfig && anyUnpack(source.defaultConfig, extensionRegistry);
        const isRbac = isMessage(closed, HttpRbacSchema) || isMessage(closed, NetworkRbacSchema);
        expect(isRbac && closed.rules).toMatchObject({ action: RBAC_Action.ALLOW, policies: {} });
        // Of others Envoy would take nothing.
        expect(source?.typeUrls).toContain(config?.typedConfig?.typeUrl);
        expect(source?.typeUrls).toContain(source?.defaultConfig?.typeUrl);
      }
    });

    it('stands in its slot: elsewhere, twice, or switched off, the linter refuses the chain', () => {
      for (const [, places] of chainsOf(listenerOf(resources))) {
        const order = places.flatMap((place) => slots.indexOf(filterNamed(place.name)?.slot ?? 'limit'));
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }
      const moved = (move: (names: readonly string[]) => readonly string[]) =>
        withPlaces(resources, (filters) => {
          const discovered = filters.filter(({ configType }) => configType.case === 'configDiscovery');
          const rest = filters.filter(({ configType }) => configType.case !== 'configDiscovery');
          const order = move(discovered.map((one) => one.name));
          return [...order.flatMap((one) => discovered.find((other) => other.name === one) ?? []), ...rest];
        });
      const has = (names: readonly string[]) => names.includes(resourceName);
      const others = (names: readonly string[]) => names.filter((one) => one !== resourceName);
      const wrong = [
        moved((names) => (has(names) ? [resourceName, ...names] : names)),
        // To the other end of the chain.
        moved((names) =>
          !has(names)
            ? names
            : names[0] === resourceName
              ? [...others(names), resourceName]
              : [resourceName, ...others(names)],
        ),
        ...(filter.appliesTo === 'all' ? [moved(others)] : []),
      ];
      for (const one of wrong) expect(codes(one)).toEqual(expect.arrayContaining([expect.stringMatching(/^chain-/)]));
      if (owner.protocol === 'tcp') return;
      const off = withPlaces(resources, (filters) => {
        for (const one of filters) if (one.name === resourceName && 'disabled' in one) one.disabled = true;
        return filters;
      });
      expect(lint(off, { raw: true }).map(({ code }) => code)).toContain('raw-authorization-off');
    });

    it.each(Object.entries(dangerous))('is never given: %s', (_what, config) => {
      const bad = resources.map((one) =>
        isConfig(one.message) && one.message.name === resourceName
          ? { ...one, message: create(TypedExtensionConfigSchema, { name: resourceName, typedConfig: config }) }
          : one,
      );
      expect(codes(bad)).not.toEqual([]);
    });

    it('is not there where it does not apply', () => {
      if (filter.appliesTo === 'all') {
        for (const key of mesh.services.keys()) {
          const applies = filter.messages[portOf(mesh, key)?.protocol === 'tcp' ? 'tcp' : 'http'] !== undefined;
          expect([key, of(resourcesOf(mesh, key)).length]).toEqual([key, applies ? 1 : 0]);
        }
        return;
      }
      if (without === undefined) throw new Error('a filter that not all have needs a service without it');
      const there = resourcesOf(mesh, without);
      expect(of(there)).toEqual([]);
      expect(placesOf(there).map((place) => filterNamed(place.name))).not.toContain(filter);
      expect(lint(there)).toEqual([]);
    });

    it('has the same bytes for the same documents, in any order, and whatever is written of others', () => {
      const [config] = configsOf(resources, resourceName);
      const more = [...documents, serviceText('zz-stranger'), serviceText('aa-stranger', 'grpc')];
      for (const one of [documents.toReversed(), more]) {
        const [again] = configsOf(resourcesOf(meshOf(yaml(...one)), service), resourceName);
        expect(config !== undefined && again !== undefined && equals(TypedExtensionConfigSchema, config, again)).toBe(
          true,
        );
      }
    });

    it('names the documents that made it', () => {
      const known = new Set(
        documentsOf(yaml(...documents)).map(
          ({ document: { kind, metadata } }) =>
            `${kind}/${'cell' in metadata && metadata.cell !== undefined ? `${metadata.cell}/` : ''}${metadata.name}`,
        ),
      );
      for (const one of of(resources)) {
        const made = one.madeBy().map(({ document }) => document);
        expect(made).toContain(`Service/${service}`);
        expect(made.filter((document) => !known.has(document))).toEqual([]);
      }
    });

    it('is read back as what it says that it is', () => {
      expect(traces.kind === 'reads').toBe(filter.slot === 'read');
      const results = readResults({
        'envoy.filters.http.rbac': { [`${traces.statPrefix}enforced_engine_result`]: 'denied' },
      });
      expect(results.enforced.get(name)).toEqual(traces.kind === 'authorizes' ? { allowed: false } : undefined);
      const domain = parseTrustDomain('td1');
      if (traces.kind !== 'refuses' || domain === undefined) return;
      const entry = create(HTTPAccessLogEntrySchema, {
        commonProperties: {},
        response: { responseCode: 429, responseCodeDetails: traces.refusesWith[0] },
      });
      const call = httpCall({ service, chain: 'mtls' }, entry, [domain], () => undefined);
      expect(call).toMatchObject({ decision: 'denied', policy: filterPolicy(name) });
    });

    const of = (all: readonly TranslatedResource[]) =>
      all.filter(({ message }) => isConfig(message) && filterNamed(message.name) === filter);
  });
}

function isConfig(message: TranslatedResource['message']): message is TypedExtensionConfig {
  return isMessage(message, TypedExtensionConfigSchema);
}

function serviceOf(mesh: MeshIr, key: string) {
  const service = portOf(mesh, key);
  if (service === undefined) throw new Error(`no service ${key}`);
  return service;
}

function resourcesOf(mesh: MeshIr, key: string): readonly TranslatedResource[] {
  const { spiffeId, key: service } = serviceOf(mesh, key);
  const bundles = { roots: 'ROOTS\n', legacyAnchors: new Map() };
  return translate(mesh, new Map(), bundles, {
    ...{ spiffeId, service },
    ports: [
      {
        ...{ name: 'default', inbound: { address: '10.0.0.1', port: 15_000 } },
        application: { address: '127.0.0.1', port: 8080 },
      },
    ],
  });
}

function configsOf(resources: readonly TranslatedResource[], name: string): readonly TypedExtensionConfig[] {
  return resources
    .map(({ message }) => message)
    .filter(isConfig)
    .filter((one) => one.name === name);
}

function listenerOf(resources: readonly TranslatedResource[]): Listener {
  const found = resources.map(({ message }) => message).find((one) => isMessage(one, ListenerSchema));
  if (found === undefined || !isMessage(found, ListenerSchema)) throw new Error('no listener');
  return found;
}

/** What is discovered in each chain, but for that of the health path. */
function chainsOf(listener: Listener): readonly (readonly [chain: string, places: readonly Place[]])[] {
  return listener.filterChains
    .filter(({ name }) => name !== 'health')
    .map(({ name, filters }) => [name, filtersIn(filters).flatMap(placeOf)]);
}

function placesOf(resources: readonly TranslatedResource[]): readonly Place[] {
  return chainsOf(listenerOf(resources)).flatMap(([, places]) => places);
}

function placeOf({ name, configType }: Filter | HttpFilter): readonly Place[] {
  return configType.case === 'configDiscovery' ? [{ name, source: configType.value }] : [];
}

function managerOf({ configType }: Filter) {
  const config = configType.case === 'typedConfig' ? anyUnpack(configType.value, extensionRegistry) : undefined;
  return isMessage(config, HttpConnectionManagerSchema) ? config : undefined;
}

function filtersIn(filters: readonly Filter[]): readonly (Filter | HttpFilter)[] {
  return filters.map(managerOf).find((manager) => manager !== undefined)?.httpFilters ?? filters;
}

/** The same with other filters in every chain of the listener. */
function withPlaces(
  resources: readonly TranslatedResource[],
  change: <F extends Filter | HttpFilter>(filters: readonly F[]) => readonly F[],
): readonly TranslatedResource[] {
  const listener = clone(ListenerSchema, listenerOf(resources));
  for (const chain of listener.filterChains.filter(({ name }) => name !== 'health')) {
    const managers = chain.filters.map(managerOf);
    chain.filters = managers.some((manager) => manager !== undefined)
      ? chain.filters.map((filter, index) => {
          const manager = managers[index];
          if (manager === undefined) return filter;
          const value = any(HttpConnectionManagerSchema, { ...manager, httpFilters: [...change(manager.httpFilters)] });
          return create(FilterSchema, { name: filter.name, configType: { case: 'typedConfig', value } });
        })
      : [...change(chain.filters)];
  }
  return resources.map((one) => (isMessage(one.message, ListenerSchema) ? { ...one, message: listener } : one));
}

function codes(resources: readonly TranslatedResource[]): readonly string[] {
  return lint(resources).map(({ code }) => code);
}
