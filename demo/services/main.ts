// All stand-ins in one process, each a server on a port of its own. It makes their calls when told to, and ends when the
// demo does.

import { failed } from '../wire/outcome.ts';
import { perform } from './calls.ts';
import { startGitaly } from './gitaly.ts';
import { startGitlab } from './gitlab.ts';
import type { Application, CallMessage, ServicesMessage } from './protocol.ts';
import { startRegistry } from './registry.ts';
import { startShell } from './shell.ts';
import type { StandIn } from './stand-in.ts';
import { startTopologyRest } from './topology-rest.ts';
import { startTopologyService } from './topology-service.ts';

const starts: Readonly<Record<Application, () => Promise<StandIn>>> = {
  'topology-service:grpc': startTopologyService,
  'topology-service:rest': startTopologyRest,
  'gitlab-shell': startShell,
  'cell-1/gitlab': () => startGitlab('cell-1'),
  'cell-1/gitaly': () => startGitaly('cell-1'),
  'cell-1/registry': startRegistry,
  'cell-2/gitlab': () => startGitlab('cell-2'),
  'cell-2/gitaly': () => startGitaly('cell-2'),
};

const send = (message: ServicesMessage): void => {
  process.send?.(message);
};

process.on('disconnect', () => process.exit(0));
process.on('message', async ({ id, call }: CallMessage) => {
  const outcome = await perform(call).catch(failed);
  send({ kind: 'outcome', id, outcome });
});

const started = await Promise.all(
  Object.entries(starts).map(async ([name, start]) => [name, (await start()).port] as const),
);
send({ kind: 'listening', ports: Object.fromEntries(started) as Record<Application, number> });
