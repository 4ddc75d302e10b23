// What `serve` tells the person who started it: its addresses, and what to do next.
import { formatHostPort } from '../../lib/host-port.ts';
import type { ServeStarted } from '../../serve/serve-options.ts';

/** `data`: as given with `--data`, for the commands that it names. */
export function serveSummary(started: ServeStarted, data: string | undefined): string {
  const { xds, identity, admin, adminTls, oidc, bundles, trustDomain, revision, services, adminTokenFile } = started;
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
    ...(bundles === undefined ? [] : [`  bundle     ${formatHostPort(bundles)}`]),
    ...(oidc === undefined ? [] : [`  OIDC       ${formatHostPort(oidc)}`]),
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
