// `cellwall serve`: the control plane.
import { Command, InvalidArgumentError } from 'commander';
import { defined } from '../../lib/defined.ts';
import { type GrpcTransportName, grpcTransports } from '../../lib/grpc-call.ts';
import type { HostPort } from '../../lib/host-port.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { TracingFlags } from '../../tracing/trace-options.ts';
import { parseHostPort } from '../flags/address.ts';
import { type AdminTlsFlags, adminTlsOf } from '../flags/admin-tls.ts';
import { type AuthorityFlags, addAuthorityFlags, authorityOf } from '../flags/authority.ts';
import { addBundleEndpointFlags, type BundleEndpointFlags, bundleEndpointOf } from '../flags/bundle-endpoint.ts';
import { flag } from '../flags/environment.ts';
import { type GivenLimits, limitFlag } from '../flags/limits.ts';
import { addLogLevelFlag, logLevel } from '../flags/log-level.ts';
import { seconds } from '../flags/number.ts';
import { addOidcFlags, type OidcFlags, oidcOf } from '../flags/oidc.ts';
import { addParentFlags, type ParentFlags, parentOf } from '../flags/parent.ts';
import { defaultData } from '../flags/paths.ts';
import { publisherPlaces } from '../flags/publisher-places.ts';
import { addStoreFlags, type StoreFlags, storeOf } from '../flags/store.ts';
import { addTracingFlags, tracingOf } from '../flags/tracing.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';
import { serveSummary } from '../output/serve-summary.ts';

interface Options
  extends StoreFlags,
    AuthorityFlags,
    AdminTlsFlags,
    ParentFlags,
    OidcFlags,
    BundleEndpointFlags,
    TracingFlags {
  readonly allowProxyCode?: true;
  readonly approveByOthers?: true;
  readonly auditSinks?: string;
  readonly adminOidc?: string;
  readonly data?: string;
  readonly xdsListen: HostPort | string;
  readonly xdsTransport: GrpcTransportName;
  readonly identityListen: HostPort | string;
  readonly adminListen: HostPort | string;
  readonly publish?: string | string[];
  readonly limit?: GivenLimits;
  readonly soakSeconds: number;
}

export function serveCommand(context: CliContext): Command {
  const address = (flags: string, text: string, env: string, value: string, parse = parseHostPort) =>
    flag(flags, text, { env, default: value, parse });
  const command = new Command('serve')
    .summary('run the control plane')
    .description(
      'Runs the control plane: xDS for proxies, the identity API for sidecars, the admin API for operators.',
    );
  addStoreFlags(command)
    .option(
      '--allow-proxy-code',
      'EnvoyResource documents may contain Lua, Wasm and other code: whoever applies them can get every key of the proxies they select',
    )
    .addOption(limitFlag())
    .addOption(
      flag(
        '--soak-seconds <n>',
        'how long documents are in force without a rejection until they are kept as last good',
        {
          default: 60,
          env: 'CELLWALL_SOAK_SECONDS',
          parse: seconds,
        },
      ),
    )
    .addOption(
      flag('--data <dir>', 'its keys, tokens and state', {
        env: 'CELLWALL_DATA',
        defaultText: '~/.local/state/cellwall',
      }),
    )
    .addOption(
      address('--xds-listen <host:port>', 'where proxies reach xDS, mTLS only', 'CELLWALL_XDS_LISTEN', '0.0.0.0:18000'),
    )
    .addOption(
      flag(
        '--xds-transport <name>',
        "what speaks gRPC there: the project's own HTTP/2, or grpc-js (slower, more memory)",
        {
          env: 'CELLWALL_XDS_TRANSPORT',
          default: 'http2',
          choices: grpcTransports,
        },
      ),
    )
    .addOption(
      address(
        '--identity-listen <host:port>',
        'where sidecars reach the identity API',
        'CELLWALL_IDENTITY_LISTEN',
        '0.0.0.0:18001',
      ),
    )
    .addOption(
      address(
        '--admin-listen <host:port>',
        'where operators reach the admin API',
        'CELLWALL_ADMIN_LISTEN',
        '127.0.0.1:18080',
        parseAdminListen,
      ),
    )
    .addOption(
      flag('--admin-tls-listen <host:port>', 'where operators reach the admin API from other hosts, over TLS', {
        env: 'CELLWALL_ADMIN_TLS_LISTEN',
        defaultText: 'nowhere',
        parse: parseHostPort,
      }),
    )
    .addOption(
      flag('--admin-tls-cert <file>', 'with --admin-tls-listen: the certificate to use, PEM, with its chain', {
        env: 'CELLWALL_ADMIN_TLS_CERT',
        defaultText: "the control plane's own SVID",
      }),
    )
    .addOption(flag('--admin-tls-key <file>', 'the key of that certificate, PEM', { env: 'CELLWALL_ADMIN_TLS_KEY' }))
    .addOption(
      flag('--admin-oidc <file>', 'who may sign in to the page by an OpenID Connect provider, such as GitLab', {
        env: 'CELLWALL_ADMIN_OIDC',
        defaultText: 'nobody',
      }),
    )
    .option('--approve-by-others', 'a change that is held, or waits, may not be confirmed or approved by who wrote it')
    .addOption(
      flag(
        '--audit-sinks <file>',
        'where records of the audit log go as well: files, Redis, OpenTelemetry, webhooks (YAML)',
        {
          env: 'CELLWALL_AUDIT_SINKS',
          defaultText: 'nowhere',
        },
      ),
    )
    .option('--admin-name <name...>', 'names by which the admin API may be called, besides its addresses')
    .addOption(
      flag('--publish <kind:place...>', 'where to publish the trust bundle, as in directory:/srv/trust', {
        env: 'CELLWALL_PUBLISH',
        defaultText: 'nowhere',
      }),
    );
  addOidcFlags(command);
  addBundleEndpointFlags(command);
  addAuthorityFlags(command);
  addParentFlags(command);
  addTracingFlags(command);
  addLogLevelFlag(command);
  examples(
    command,
    'serve --documents mesh.d',
    'serve --store redis --redis-url-file /run/secrets/redis-url --data /var/lib/cellwall',
  );
  prints(command, object('xds identity admin services adminTokenFile', 'trustDomain revision adminTls oidc bundles'));
  return command.action(async (options: Options, self: Command) => {
    const listen = (value: HostPort | string): HostPort => (typeof value === 'string' ? parseHostPort(value) : value);
    const code = await context.run.serve(
      {
        store: storeOf(options, self),
        ...(options.allowProxyCode === true ? { allowProxyCode: true } : {}),
        ...(options.approveByOthers === true ? { approveByOthers: true } : {}),
        data: options.data ?? defaultData(context),
        ...defined({ storeSealKey: options.storeSealKey, bootstrapSecret: options.bootstrapSecret }),
        ca: authorityOf(options),
        ...parentOf(options, self),
        xds: listen(options.xdsListen),
        ...(options.xdsTransport === 'http2' ? {} : { xdsTransport: options.xdsTransport }),
        identity: listen(options.identityListen),
        admin: listen(options.adminListen),
        ...adminTlsOf(options, self),
        ...publisherPlaces(options.publish, self),
        ...oidcOf(options, self),
        ...bundleEndpointOf(options, self),
        ...tracingOf(options, context.env, self),
        ...defined({ limits: options.limit, attestors: options.attestors, credentials: options.credentials }),
        ...defined({ auditSinks: options.auditSinks, adminOidc: options.adminOidc }),
        soakSeconds: options.soakSeconds,
        logLevel: logLevel(self),
      },
      async (started) => {
        context.stderr.write(serveSummary(started, options.data));
        await print(context, formatOf(self), { value: started, table: () => '' });
      },
    );
    context.finish(code);
  });
}

/** Before anything is read or created: it has no TLS. */
function parseAdminListen(text: string): HostPort {
  const address = parseHostPort(text);
  if (isLoopback(address.host)) return address;
  throw new InvalidArgumentError(
    `it has no TLS: loopback only (127.0.0.1:18080), not ${address.host}; from other hosts use --admin-tls-listen, or a tunnel (ssh -L)`,
  );
}
