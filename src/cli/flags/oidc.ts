// An issuer that relying parties of OpenID Connect verify JWT-SVIDs by: flags of `serve` that depend on one another.
import { type Command, InvalidArgumentError } from 'commander';
import { parseIssuer } from '../../identity/jwt/oidc-documents.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import type { HostPort } from '../../lib/host-port.ts';
import { isLoopback } from '../../lib/loopback.ts';
import type { ServeOptions } from '../../serve/serve-options.ts';
import { parseHostPort } from './address.ts';
import { flag } from './environment.ts';

export interface OidcFlags {
  readonly oidcIssuer?: string;
  readonly oidcListen?: HostPort;
  readonly oidcTlsCert?: string;
  readonly oidcTlsKey?: string;
  readonly oidcFiles?: string;
}

export function addOidcFlags(command: Command): Command {
  return command
    .addOption(
      flag('--oidc-issuer <url>', 'what JWT-SVIDs name as their issuer, for relying parties of OpenID Connect', {
        env: 'CELLWALL_OIDC_ISSUER',
        defaultText: 'none',
        parse: issuer,
      }),
    )
    .addOption(
      flag(
        '--oidc-listen <host:port>',
        'where its discovery document and keys are served; plain HTTP on loopback only',
        {
          env: 'CELLWALL_OIDC_LISTEN',
          defaultText: 'nowhere',
          parse: parseHostPort,
        },
      ),
    )
    .addOption(
      flag(
        '--oidc-tls-cert <file>',
        'with --oidc-listen: serve them over TLS with this certificate, PEM, with its chain',
        {
          env: 'CELLWALL_OIDC_TLS_CERT',
        },
      ),
    )
    .addOption(flag('--oidc-tls-key <file>', 'the key of that certificate, PEM', { env: 'CELLWALL_OIDC_TLS_KEY' }))
    .addOption(
      flag('--oidc-files <dir>', 'a folder to write both to, for a web server or a CDN', {
        env: 'CELLWALL_OIDC_FILES',
        defaultText: 'none',
      }),
    );
}

/** Ends the command with exit code 2 for flags that need others. */
export function oidcOf(options: OidcFlags, command: Command): Pick<ServeOptions, 'oidc'> {
  const { oidcIssuer, oidcListen: listen, oidcTlsCert: certificate, oidcTlsKey: key, oidcFiles: files } = options;
  const refuse = (message: string): never => command.error(`error: ${message}`, { exitCode: 2 });
  if (oidcIssuer === undefined) {
    if ([listen, certificate, key, files].every((one) => one === undefined)) return {};
    return refuse('--oidc-listen, --oidc-tls-cert, --oidc-tls-key and --oidc-files need --oidc-issuer');
  }
  if ((certificate === undefined) !== (key === undefined))
    return refuse('--oidc-tls-cert and --oidc-tls-key must be given together');
  if (certificate !== undefined && listen === undefined) return refuse('--oidc-tls-cert needs --oidc-listen');
  if (listen === undefined && files === undefined)
    return refuse('--oidc-issuer needs --oidc-listen or --oidc-files: nobody could verify its tokens');
  if (listen !== undefined && certificate === undefined && !isLoopback(listen.host)) {
    return refuse(
      `--oidc-listen ${listen.host} has no TLS, and who changes keys on the way signs as this issuer: ` +
        'give --oidc-tls-cert and --oidc-tls-key, or listen on loopback behind a proxy of this host',
    );
  }
  const tls = certificate === undefined || key === undefined ? undefined : { certificate, key };
  return { oidc: { issuer: oidcIssuer, ...defined({ listen, tls, files }) } };
}

function issuer(text: string): string {
  try {
    return parseIssuer(text);
  } catch (reason) {
    const { message, hint } = CellwallError.from(reason);
    throw new InvalidArgumentError(`${message}: ${hint}`);
  }
}
