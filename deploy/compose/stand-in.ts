// One of the demo's services in a container of its own: `node deploy/compose/stand-in.ts cell-1/gitaly 8080`, with one such pair for
// each of its ports. The stand-ins choose a free loopback port; a container's sidecar wants a fixed one, so what comes there is passed on.
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { startGitaly } from '../../demo/services/gitaly.ts';
import { startGitlab } from '../../demo/services/gitlab.ts';
import { startRegistry } from '../../demo/services/registry.ts';
import { startShell } from '../../demo/services/shell.ts';
import type { StandIn } from '../../demo/services/stand-in.ts';
import { startTopologyRest } from '../../demo/services/topology-rest.ts';
import { startTopologyService } from '../../demo/services/topology-service.ts';

const services: Readonly<Record<string, (cell: string) => Promise<StandIn>>> = {
  'topology-service:grpc': startTopologyService,
  'topology-service:rest': startTopologyRest,
  'gitlab-shell': startShell,
  gitlab: startGitlab,
  gitaly: startGitaly,
  registry: startRegistry,
};

const asked = process.argv.slice(2);
for (let at = 0; at === 0 || at < asked.length; at += 2) {
  const [reference = '', portText = ''] = asked.slice(at);
  const [name = '', cell = ''] = reference.split('/').reverse();
  const start = services[name];
  const port = Number(portText);
  if (start === undefined || !Number.isInteger(port) || port < 1 || port > 65_535) {
    process.stderr.write(`usage: stand-in.ts [CELL/]NAME PORT…, NAME one of ${Object.keys(services).join(', ')}\n`);
    process.exit(2);
  }
  const service = await start(cell);
  const front = createServer((client) => {
    const server = connect(service.port, '127.0.0.1');
    pipeline(client, server, client, () => {
      client.destroy();
      server.destroy();
    });
  });
  front.listen(port, '127.0.0.1', () => process.stdout.write(`${reference} listens on 127.0.0.1:${port}\n`));
}
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
