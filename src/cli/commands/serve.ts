// `cellwall serve`: the control plane.
import { statSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { CellwallError } from '../../lib/errors.ts';
import { type GrpcTransportName, grpcTransports } from '../../lib/grpc-call.ts';
import type { HostPort } from '../../lib/host-port.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { NamedValues } from '../../lib/named-options.ts';
import { Redacted } from '../../lib/redacted.ts';
import type { ServeOptions, ServeStarted } from '../../serve/serve-options.ts';
import { stores } from '../../store/catalog.ts';
import { parseHostPort } from '../flags/address.ts';
import { type AdminTlsFlags, adminTlsOf } from '../flags/admin-tls.ts';
import { type AuthorityFlags, addAuthorityFlags, authorityOf } from '../flags/authority.ts';
import { flag } from '../flags/environment.ts';
import { addLogLevelFlag, logLevel } from '../flags/log-level.ts';
import { parseNamedOption } from '../flags/named-option.ts';
import { seconds } from '../flags/number.ts';
import { defaultData } from '../flags/paths.ts';
import { publisherPlaces } from '../flags/publisher-places.ts';
import { readSecret } from '../flags/secret.ts';
import type { CliContext } from '../io.ts';
import { examples } from '../output/help.ts';
import { formatOf, print } from '../output/print.ts';
import { object, prints } from '../output/prints.ts';

interface Options extends AuthorityFlags, AdminTlsFlags {
  readonly documents?: string;
  readonly store: string;
  readonly storeOption?: NamedValues;
  readonly settleSeconds: number;
  readonly allowProxyCode?: true;
  readonly data?: string;
  readonly xdsListen: HostPort | string;
  readonly xdsTransport: GrpcTransportName;
  readonly identityListen: HostPort | string;
  readonly adminListen: HostPort | string;
  readonly publish?: string | string[];
}

export function serveCommand(context: CliContext): Command {
  const address = (flags: string, text: string, env: string, value: string, parse = parseHostPort) =>
    flag(flags, text, { env, default: value, parse });
  const command = new Command('serve')
    .summary('run the control plane')
    .description('Runs the control plane: xDS for proxies, the identity API for sidecars, the admin API for operators.')
    .addOption(
      flag('--documents <dir>', 'the directory of YAML documents', {
        defaultText: 'cellwall, if it exists',
        env: 'CELLWALL_DOCUMENTS',
      }),
    )
    .addOption(
      flag('--settle-seconds <n>', 'how long files must be quiet before documents missing from them are gone', {
        default: 3,
        env: 'CELLWALL_SETTLE_SECONDS',
        parse: seconds,
      }),
    )
    .option(
      '--allow-proxy-code',
      'EnvoyResource documents may contain Lua, Wasm and other code: whoever applies them can get every key of the proxies they select',
    )
    .addOption(
      flag('--store <kind>', 'where documents are kept', {
        env: 'CELLWALL_STORE',
        default: 'directory',
        choices: Object.keys(stores),
      }),
    )
    .addOption(
      new Option('--store-option <name=value...>', 'with --store: options of that kind').argParser(parseNamedOption),
    )
    .addOption(flag('--redis-url <url>', 'with --store redis: its address', { env: 'CELLWALL_REDIS_URL' }))
    .addOption(flag('--redis-url-file <file>', 'a file that contains that address', { env: 'CELLWALL_REDIS_URL_FILE' }))
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
    .option('--admin-name <name...>', 'names by which the admin API may be called, besides its addresses')
    .addOption(
      flag('--publish <kind:place...>', 'where to publish the trust bundle, as in directory:/srv/trust', {
        env: 'CELLWALL_PUBLISH',
        defaultText: 'nowhere',
      }),
    );
  addAuthorityFlags(command);
  addLogLevelFlag(command);
  examples(
    command,
    'serve --documents mesh.d',
    'serve --store redis --redis-url-file /run/secrets/redis-url --data /var/lib/cellwall',
  );
  prints(command, object('xds identity admin services adminTokenFile', 'trustDomain revision adminTls'));
  return command.action(async (options: Options, self: Command) => {
    const listen = (value: HostPort | string): HostPort => (typeof value === 'string' ? parseHostPort(value) : value);
    const code = await context.run.serve(
      {
        store: storeOf(options, self),
        ...(options.allowProxyCode === true ? { allowProxyCode: true } : {}),
        data: options.data ?? defaultData(context),
        ca: authorityOf(options),
        xds: listen(options.xdsListen),
        ...(options.xdsTransport === 'http2' ? {} : { xdsTransport: options.xdsTransport }),
        identity: listen(options.identityListen),
        admin: listen(options.adminListen),
        ...adminTlsOf(options, self),
        ...publisherPlaces(options.publish, self),
        logLevel: logLevel(self),
      },
      async (started) => {
        context.stderr.write(summary(started, options.data));
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

function storeOf(options: Options, command: Command): ServeOptions['store'] {
  const { store: kind, storeOption = {} } = options;
  return { kind, options: { ...storeFlags(options, command), ...storeOption } };
}

/** The flags that some stores have in addition to `--store-option`. */
function storeFlags({ store, storeOption, documents, settleSeconds }: Options, command: Command): NamedValues {
  const inDirectory = (path: string): NamedValues => ({ documents: new Redacted(path) });
  switch (store) {
    case 'redis': {
      const url = readSecret(command, 'redisUrl');
      if (url === undefined && storeOption?.['url'] === undefined) {
        return command.error('error: --store redis needs --redis-url', { exitCode: 2 });
      }
      return url === undefined ? {} : { url };
    }
    case 'memory':
      return documents === undefined ? {} : inDirectory(directory(documents));
    case 'directory': {
      const settle = { 'settle-seconds': new Redacted(String(settleSeconds)) };
      if (documents !== undefined) return { ...inDirectory(directory(documents)), ...settle };
      if (isDirectory('cellwall')) return { ...inDirectory('cellwall'), ...settle };
      if (storeOption?.['documents'] !== undefined) return settle;
      return command.error(
        'error: no documents: there is no directory ./cellwall\n  hint: put your YAML there, or name its directory with --documents',
        { exitCode: 2 },
      );
    }
    default:
      return {};
  }
}

function directory(path: string): string {
  if (isDirectory(path)) return path;
  throw new CellwallError('not_found', `--documents: ${path} is not a directory`, {
    hint: 'create it, and put your YAML documents there',
  });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function summary(started: ServeStarted, data: string | undefined): string {
  const { xds, identity, admin, adminTls, trustDomain, revision, services, adminTokenFile } = started;
  const documents =
    revision === undefined
      ? 'no documents yet: cellwall apply -f FILE'
      : `revision ${revision}, ${services} ${services === 1 ? 'service' : 'services'}`;
  return [
    `Cellwall is running${trustDomain === undefined ? '' : ` for ${trustDomain}`} (${documents}).`,
    `  xDS        ${formatHostPort(xds)}`,
    `  identity   ${formatHostPort(identity)}`,
    `  admin      ${formatHostPort(admin)}   token in ${adminTokenFile}`,
    ...(adminTls === undefined ? [] : [`  admin TLS  ${formatHostPort(adminTls)}`]),
    '',
    'Next: start a sidecar for a service, and check its status:',
    `  ${data === undefined ? '' : `CELLWALL_DATA=${quoted(data)} `}cellwall sidecar --service NAME --app PORT${elsewhere(started)}`,
    `  cellwall status${data === undefined ? '' : ` --data ${quoted(data)}`}`,
    '',
  ].join('\n');
}

/** Flags of a sidecar on this host, if they differ from its defaults. */
function elsewhere({ xds, identity }: ServeStarted): string {
  const flags = [
    ['--identity-address', identity, 18001],
    ['--xds-address', xds, 18000],
  ] as const;
  return flags
    .filter(([, { host, port }, usual]) => port !== usual || !['0.0.0.0', '127.0.0.1'].includes(host))
    .map(([flag, { host, port }]) => ` ${flag} ${formatHostPort({ host: reachedAt(host), port })}`)
    .join('');
}

function reachedAt(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
}

/** As a shell accepts it. */
function quoted(text: string): string {
  return /^[\w./~-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
