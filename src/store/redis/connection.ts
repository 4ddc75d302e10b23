// How Redis is reached, as options give it: a single server, the primary that Sentinels name, or a Cluster; with TLS, and as an ACL user.
import { readFileSync } from 'node:fs';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { NamedOption, NamedValues } from '../../lib/named-options.ts';
import { Redacted } from '../../lib/redacted.ts';
import { type RedisTls, readTls } from './tls-files.ts';

export interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

export interface RedisLogin {
  readonly username?: string;
  readonly password?: Redacted<string>;
}

export interface RedisConnection {
  readonly login: RedisLogin;
  /** Absent: no TLS. */
  readonly tls?: RedisTls;
  readonly target:
    | ({ readonly kind: 'server'; readonly db: number } & HostAndPort)
    /** `name`: what the Sentinels call the primary. They are asked over TLS if it is. */
    | {
        readonly kind: 'sentinel';
        readonly db: number;
        readonly name: string;
        readonly sentinels: readonly HostAndPort[];
        readonly login: RedisLogin;
      }
    /** Some of its nodes: the others are learnt from them. */
    | { readonly kind: 'cluster'; readonly nodes: readonly HostAndPort[] };
}

export const connectionOptions = {
  url: { description: 'its address, perhaps with the password: --redis-url, or --redis-url-file', required: true },
  username: { description: 'the ACL user, if it is not in the address' },
  'password-file': { description: 'a file that contains the password, if it is not in the address' },
  prefix: {
    description:
      'what its keys begin with, by default cellwall (on a Cluster {cellwall}): several deployments may share one Redis',
  },
  sentinels: { description: 'host:port,... of Sentinels; the host in the address is then what they call the primary' },
  'sentinel-username': { description: 'the ACL user at the Sentinels' },
  'sentinel-password-file': { description: 'a file that contains the password for the Sentinels' },
  'cluster-nodes': { description: 'host:port,... of nodes of a Cluster, in addition to the one in the address' },
  'tls-ca-file': { description: "CA certificates, PEM, for an address with rediss://; default: the system's" },
  'tls-cert-file': { description: 'a client certificate, PEM; read again for every connection' },
  'tls-key-file': { description: 'the key of that certificate, PEM' },
  'tls-name': { description: "the name in the server's certificate, if it is not the host's" },
} as const satisfies Readonly<Record<string, NamedOption>>;

type Name = keyof typeof connectionOptions;

const defaultPort = 6379;

/** Throws `invalid_argument`. No error quotes the address, which may contain a password. */
export function readConnection(options: NamedValues): {
  readonly connection: RedisConnection;
  readonly prefix: string;
} {
  const value = (name: Name): string | undefined => options[name]?.reveal();
  const given = readAddress(options['url'] ?? new Redacted(''));
  const [sentinels, nodes] = [value('sentinels'), value('cluster-nodes')];
  if (sentinels !== undefined && nodes !== undefined) throw refused('it has sentinels, or cluster-nodes, not both');
  const prefix = readPrefix(value('prefix') ?? (nodes === undefined ? 'cellwall' : '{cellwall}'), nodes !== undefined);
  const login = readLogin(given.login, value('username'), value('password-file'));
  const asked = readLogin({}, value('sentinel-username'), value('sentinel-password-file'));
  if (sentinels === undefined && Object.keys(asked).length > 0) throw refused('it has no sentinels to log in to');
  const tls = readTls({
    wanted: given.tls,
    ...defined({
      ca: value('tls-ca-file'),
      cert: value('tls-cert-file'),
      key: value('tls-key-file'),
      name: value('tls-name'),
    }),
  });
  const { db, host, port } = given;
  const common = { login, ...defined({ tls }) };
  if (sentinels !== undefined) {
    const target = {
      kind: 'sentinel',
      db,
      name: host,
      sentinels: hosts('sentinels', sentinels),
      login: asked,
    } as const;
    return { connection: { ...common, target }, prefix };
  }
  if (nodes === undefined) return { connection: { ...common, target: { kind: 'server', db, host, port } }, prefix };
  if (db !== 0) throw refused('a Cluster has only database 0');
  const all = [{ host, port }, ...hosts('cluster-nodes', nodes)];
  return { connection: { ...common, target: { kind: 'cluster', nodes: all } }, prefix };
}

/** A single server. Throws as `readConnection` does. */
export function serverAt(url: Redacted<string>): RedisConnection {
  return readConnection({ url }).connection;
}

interface Address extends HostAndPort {
  readonly login: RedisLogin;
  readonly db: number;
  readonly tls: boolean;
}

function readAddress(text: Redacted<string>): Address {
  try {
    const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text.reveal());
    const db = /^\/?(\d{0,5})$/.exec(pathname)?.[1];
    if (/^rediss?:$/.test(protocol) && hostname !== '' && db !== undefined && search === '' && hash === '') {
      return {
        login: loginOf(decodeURIComponent(username), decodeURIComponent(password)),
        ...{ host: decodeURIComponent(hostname).replace(/^\[(.*)\]$/, '$1'), port: Number(port) || defaultPort },
        ...{ db: Number(db), tls: protocol === 'rediss:' },
      };
    }
  } catch {
    // Reported below: an error of the parser would quote the password.
  }
  throw refused(
    'the address of Redis cannot be read',
    'redis://user:password@host:6379/0, with TLS rediss://; characters like @ and / of a password as %40 and %2F',
  );
}

function loginOf(username: string, password: string): RedisLogin {
  return {
    ...(username === '' ? {} : { username }),
    ...(password === '' ? {} : { password: new Redacted(password) }),
  };
}

function readLogin(inAddress: RedisLogin, username: string | undefined, file: string | undefined): RedisLogin {
  if (username !== undefined && inAddress.username !== undefined) throw refused('the address has a user already');
  if (file !== undefined && inAddress.password !== undefined) throw refused('the address has a password already');
  if (file === undefined) return { ...inAddress, ...defined({ username }) };
  return { ...inAddress, ...defined({ username }), password: new Redacted(readSecret(file)) };
}

function readSecret(file: string): string {
  try {
    const text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (text !== '') return text;
  } catch (cause) {
    throw new CellwallError('invalid_argument', `cannot read ${file}: ${CellwallError.from(cause).message}`, { cause });
  }
  throw refused(`there is no password in ${file}`);
}

function hosts(name: Name, text: string): readonly HostAndPort[] {
  return text.split(',').map((one) => {
    const found = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(one.trim());
    const [host = '', port] = [found?.[1]?.replace(/^\[(.*)\]$/, '$1'), Number(found?.[2])];
    if (host !== '' && port > 0 && port < 65_536) return { host, port };
    throw refused(`${name}: "${one.trim().slice(0, 100)}" is not host:port`);
  });
}

/** On a Cluster all keys must be in one slot: what an apply writes, it writes in one transaction. */
function readPrefix(prefix: string, cluster: boolean): string {
  if (!/^[A-Za-z0-9._:{}-]{1,64}$/.test(prefix)) {
    throw refused('the prefix of keys is not usable', 'at most 64 letters, digits and . _ : - { }');
  }
  if (cluster && !/^[^{}]*\{[^{}]+\}[^{}]*$/.test(prefix)) {
    throw refused(
      'on a Cluster the prefix of keys must be a hash tag',
      `as in prefix={${prefix.replaceAll(/[{}]/g, '')}}`,
    );
  }
  return prefix;
}

function refused(message: string, hint?: string): CellwallError {
  return new CellwallError('invalid_argument', `the store "redis": ${message}`, defined({ hint }));
}
