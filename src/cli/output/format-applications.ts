// The applications behind proxies, in `cellwall status`: whether each answers, on which addresses, and who can go around its sidecar. Pure.
import type { ProxiesAnswer } from '../../admin/wire-proxies.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { defaultPort } from '../../lib/port-name.ts';
import { proxyPorts } from './proxy-ports.ts';
import { formatTable } from './table.ts';

type Proxy = ProxiesAnswer['proxies'][number];
type Port = ReturnType<typeof proxyPorts>[number];

export interface ApplicationsView {
  readonly proxies: readonly Proxy[];
  /** Also those with which nothing is wrong. */
  readonly all: boolean;
  readonly width?: number | undefined;
}

/** Undefined if there is nothing to show. */
export function formatApplications({ proxies, all, width }: ApplicationsView): string | undefined {
  const rows = proxies
    .filter(({ state }) => state === 'connected')
    .flatMap((proxy) => proxyPorts(proxy).map((port) => ({ proxy, port })))
    .filter(({ port }) => port.application !== undefined && (all || isOdd(port)))
    .map(({ proxy, port }) => [
      proxy.node.replace(/^spiffe:\/\//, '') + (port.name === defaultPort ? '' : `:${port.name}`),
      placeOf(port),
      answersOf(port),
      port.applicationState?.on?.join(', ') ?? '-',
      aroundOf(port),
    ]);
  if (rows.length === 0) return undefined;
  return formatTable(
    ['APPLICATION OF', 'EXPECTED AT', 'ANSWERS', 'LISTENS ON', 'OPEN AROUND ITS SIDECAR'],
    rows,
    width,
  );
}

function isOdd({ applicationState }: Port): boolean {
  return applicationState !== undefined && (!applicationState.answers || applicationState.around.length > 0);
}

function placeOf({ application }: Port): string {
  if (application === undefined) return '-';
  return 'path' in application ? application.path : formatHostPort(application);
}

function answersOf({ applicationState: state }: Port): string {
  if (state === undefined) return 'not known';
  if (state.answers) return 'yes';
  return state.why === undefined ? 'NO' : `NO (${state.why})`;
}

function aroundOf({ application, applicationState }: Port): string {
  const port = application !== undefined && 'port' in application ? application.port : 0;
  const open = (applicationState?.around ?? []).map((address) => formatHostPort({ address, port }));
  return open.length === 0 ? '-' : `YES: ${open.join(', ')}`;
}
