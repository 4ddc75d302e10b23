// The token that the application expects of its callers: set for those whom a document names by their identity, whatever they sent, after
// the rules have let them in. Of others only a token that is accepted arrives, or none. One filter that looks the caller up: a
// granted identity first, then the longest prefix. Tokens stand in secrets, and in fields that Envoy redacts when it shows them.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { HeaderMutationSchema as MutationSchema } from '#gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import { ExtensionWithMatcherSchema } from '#gen/envoy/extensions/common/matching/v3/extension_matcher_pb.js';
import { ApiKeyAuthSchema } from '#gen/envoy/extensions/filters/http/api_key_auth/v3/api_key_auth_pb.js';
import {
  CompositeSchema,
  ExecuteFilterActionSchema,
} from '#gen/envoy/extensions/filters/http/composite/v3/composite_pb.js';
import { CredentialInjectorSchema } from '#gen/envoy/extensions/filters/http/credential_injector/v3/credential_injector_pb.js';
import { HeaderMutationSchema } from '#gen/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { GenericSchema } from '#gen/envoy/extensions/http/injected_credentials/generic/v3/generic_pb.js';
import { SecretSchema } from '#gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { HttpRequestHeaderMatchInputSchema } from '#gen/envoy/type/matcher/v3/http_inputs_pb.js';
import type { Matcher_OnMatchSchema, MatcherSchema } from '#gen/xds/type/matcher/v3/matcher_pb.js';
import { settingAction } from '../../lib/token-actions.ts';
import type { NamedIr } from '../../policy/authorization-ir.ts';
import type { CredentialIr, PortIr, ServiceKey } from '../../policy/ir.ts';
import { credentialRules } from '../lint/credential-rules.ts';
import { credentialName, peerIdHeader } from '../names.ts';
import { ofIdentity } from '../origins.ts';
import type { Bundles } from '../proxy.ts';
import { resource } from '../resource.ts';
import { ads } from '../wire/ads.ts';
import { any } from '../wire/any.ts';
import type { InboundFilter } from './inbound-filter.ts';

type OnMatch = MessageInitShape<typeof Matcher_OnMatchSchema>;
type Matcher = MessageInitShape<typeof MatcherSchema>;

export const serviceCredential: InboundFilter = {
  name: 'service-credential',
  slot: 'add',
  inline: true,
  appliesTo: ({ credential }) => credential !== undefined,
  messages: { http: ExtensionWithMatcherSchema },
  lists: [],
  build(port, _, bundles) {
    const own = ownOf(port, bundles);
    if (own === undefined) throw new Error('it applies to no such service');
    return any(ExtensionWithMatcherSchema, {
      extensionConfig: { name: 'composite', typedConfig: any(CompositeSchema, {}) },
      xdsMatcher: byIdentity(own),
    });
  },
  resources(port, mesh, bundles) {
    const own = ownOf(port, bundles);
    return secretsOf(own).map((name) => {
      // Without a file it is empty, and whoever would get it is refused.
      const inlineString = own?.token(name) ?? '';
      const secret = { specifier: { case: 'inlineString' as const, value: inlineString } };
      const message = create(SecretSchema, {
        name: credentialName(port.key, name),
        type: { case: 'genericSecret', value: { secret } },
      });
      return resource(SecretSchema, message, () => ofIdentity(mesh, port.spiffeId));
    });
  },
  lint: credentialRules,
};

interface Own extends CredentialIr {
  readonly service: ServiceKey;
  /** By a name in the service's document: only files in its own folder are meant. */
  token(secret: string): string | undefined;
}

function ownOf({ credential, key }: PortIr, { credentials }: Bundles): Own | undefined {
  if (credential === undefined) return undefined;
  return { ...credential, service: key, token: (secret) => credentials?.get(`${key}/${secret}`)?.reveal() };
}

/** Those that proxies set, each once. */
function secretsOf(own: Own | undefined): readonly string[] {
  return [...new Set(own?.grants.map(({ secret }) => secret))].sort();
}

function byIdentity(credential: Own): Matcher {
  const named = credential.grants.flatMap(({ secret, callers }) => callers.map((caller) => ({ secret, caller })));
  const onNoMatch = ofOthers(credential);
  const prefixes = mapOf(named, 'prefix', credential);
  const exact = mapOf(named, 'id', credential);
  const byPrefix: Matcher | undefined =
    prefixes === undefined ? undefined : { ...byPeer({ case: 'prefixMatchMap', value: { map: prefixes } }), onNoMatch };
  if (exact === undefined) return byPrefix ?? always(onNoMatch);
  return {
    ...byPeer({ case: 'exactMatchMap', value: { map: exact } }),
    onNoMatch: byPrefix === undefined ? onNoMatch : { onMatch: { case: 'matcher', value: byPrefix } },
  };
}

interface Granted {
  readonly secret: string;
  readonly caller: NamedIr;
}

function mapOf(
  granted: readonly Granted[],
  kind: NamedIr['kind'],
  credential: Own,
): { readonly [text: string]: OnMatch } | undefined {
  const own = granted.flatMap(({ secret, caller }): [string, string][] =>
    caller.kind === kind ? [[caller.kind === 'id' ? caller.id : caller.prefix, secret]] : [],
  );
  if (own.length === 0) return undefined;
  const sorted = own.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([text, secret]) => [text, inject(secret, credential)]));
}

type Tree = Extract<NonNullable<Matcher['matcherType']>, { readonly case: 'matcherTree' }>['value'];

/**
 * By what the early mutation wrote of the verified certificate, and nobody else can: all URI SANs, joined with ",". Envoy's own input for
 * them finds nothing out about plaintext, not even that there is none.
 */
function byPeer(treeType: NonNullable<Tree['treeType']>): Pick<Matcher, 'matcherType'> {
  return tree(peerIdHeader, treeType);
}

function tree(headerName: string, treeType: NonNullable<Tree['treeType']>): Pick<Matcher, 'matcherType'> {
  const input = { name: headerName, typedConfig: any(HttpRequestHeaderMatchInputSchema, { headerName }) };
  return { matcherType: { case: 'matcherTree', value: { input, treeType } } };
}

/** Nobody is granted anything. */
function always(onMatch: OnMatch): Matcher {
  return { ...byPeer({ case: 'exactMatchMap', value: { map: { 'spiffe://none': onMatch } } }), onNoMatch: onMatch };
}

/** In place of whatever is there. */
function inject(secret: string, { header, scheme, service }: Own): OnMatch {
  const generic = any(GenericSchema, {
    header,
    ...(scheme === undefined ? {} : { headerValuePrefix: `${scheme} ` }),
    credential: { name: credentialName(service, secret), sdsConfig: ads() },
  });
  return execute(
    settingAction(secret),
    any(CredentialInjectorSchema, {
      overwrite: true,
      credential: { name: 'envoy.http.injected_credentials.generic', typedConfig: generic },
    }),
  );
}

/** Whatever is in the header begins with nothing; if it is not there, nothing is done. */
function ofOthers(own: Own): OnMatch {
  const { header, accepted } = own;
  const onMatch = accepted.length === 0 ? remove(header) : accept(own);
  const value = tree(header, { case: 'prefixMatchMap', value: { map: { '': onMatch } } });
  return { onMatch: { case: 'matcher', value } };
}

function remove(header: string): OnMatch {
  const mutation = create(MutationSchema, { action: { case: 'remove', value: header } });
  return execute('remove', any(HeaderMutationSchema, { mutations: { requestMutations: [mutation] } }));
}

/** With no key at all nothing is accepted. Envoy reads what follows "Bearer " as the key. */
function accept({ header, scheme, accepted, token }: Own): OnMatch {
  const keys = accepted.flatMap((name) => token(name) ?? []);
  const written = keys.map((key) => (scheme === undefined || scheme === 'Bearer' ? key : `${scheme} ${key}`));
  return execute(
    'accept',
    any(ApiKeyAuthSchema, {
      credentials: [...new Set(written)].map((key, index) => ({ key, client: String(index) })),
      keySources: [{ header }],
    }),
  );
}

function execute(name: string, typedConfig: ReturnType<typeof any>): OnMatch {
  const action = any(ExecuteFilterActionSchema, { typedConfig: { name, typedConfig } });
  return { onMatch: { case: 'action', value: { name, typedConfig: action } } };
}
