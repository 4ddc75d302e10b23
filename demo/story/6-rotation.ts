// (6) Certificates rotate again and again under constant load, half of the requests on new connections: none may fail, and the
// peers must see every certificate.
import { until, untilTrue } from '../house/until.ts';
import type { World } from '../house/world.ts';
import type { LaneCounts } from '../load/plan.ts';
import { describe } from '../wire/outcome.ts';
import { callThroughEdge } from './edge-call.ts';
import { lanes, loadPlan, protocolNames } from './load-plan.ts';
import { type Figures, must, type Step } from './step.ts';

export const rotation: Step = {
  name: 'rotation',
  title: '6  certificates rotate under HTTP/1.1, HTTP/2, gRPC and TCP load',
  // With --requests-each it may be long; whatever it waits for has its own limit.
  withinMs: 1_200_000,
  async run(world, tell) {
    const rotations = world.quick ? 3 : 20;
    const wanted = world.quick ? 400 : 20_200;
    const { load, requestsEach: each } = world;
    load.start(loadPlan(world, { concurrency: 6, pauseMs: 0 }));
    const issued = lanes.map(() => new Set<string>());
    const seenAfter: number[] = [];
    const edgeSerials = new Set([(await callThroughEdge(world)).serial]);
    // Spread over the whole load, rather than done at its beginning.
    const untilSent = (share: number): Promise<void> =>
      untilTrue(
        () => {
          const counts = load.counts();
          if (each === undefined) return total(counts, 'sent') >= wanted * share;
          return counts.length > 0 && counts.every(({ sent }) => sent >= each * share);
        },
        { what: `the requests between two rotations are sent`, withinMs: 120_000 },
      );
    try {
      await recordIssued(world, issued);
      await untilSeen(world, issued);
      for (let done = 1; done <= rotations; done += 1) {
        const started = performance.now();
        await rotateAll(world);
        await recordIssued(world, issued);
        await untilSeen(world, issued);
        seenAfter.push(performance.now() - started);
        edgeSerials.add(await anotherEdgeSerial(world, edgeSerials));
        await untilSent(done / rotations);
        if (done % 5 === 0 || each !== undefined)
          tell.note(`${done} rotations, ${total(load.counts(), 'sent')} requests`);
        // The clients without a sidecar renew, too, half-way.
        if (done === Math.ceil(rotations / 2)) {
          await Promise.all([world.clients.httpRouter.renew(), world.clients.cell1Gitlab.renew()]);
          load.renew(lanes.map(({ fresh }) => world.clients[fresh].material()));
        }
      }
    } finally {
      await load.stop();
    }
    const counts = load.counts();
    const protocols: Record<string, Figures> = {};
    for (const [i, count] of counts.entries()) {
      const serials = issued[i] ?? new Set();
      const missed = [...serials].filter((serial) => !count.serials.includes(serial));
      const { protocol, sent, failed, onNewConnections, reopened } = count;
      must(sent >= (each ?? wanted / 8), `only ${sent} requests over ${protocolNames[protocol]}`);
      must(failed === 0, `${failed} of ${sent} failed:\n${count.failures.join('\n')}`);
      must(missed.length === 0, `${protocolNames[protocol]}: the peers never saw the certificate ${missed.join(', ')}`);
      must(
        serials.size > rotations,
        `${protocolNames[protocol]}: ${serials.size} certificates in ${rotations} rotations`,
      );
      protocols[protocol] = {
        sent,
        failed,
        onNewConnections,
        reopened,
        serialsIssued: serials.size,
        serialsSeen: serials.size,
      };
      tell.held(
        `${protocolNames[protocol]}: ${sent} sent, ${failed} failed`,
        `${onNewConnections} on new connections; all ${serials.size} certificates seen`,
      );
    }
    const sent = total(counts, 'sent');
    const slowest = Math.round(Math.max(...seenAfter));
    tell.held(
      `together: ${sent} sent, 0 failed, ${rotations} rotations`,
      `a new certificate is served within ${slowest} ms`,
    );
    tell.held('the edge: its certificate by SDS, without a restart', `all ${edgeSerials.size} certificates seen`);
    return {
      sent,
      failed: 0,
      rotations,
      edgeSerials: edgeSerials.size,
      onNewConnections: total(counts, 'onNewConnections'),
      protocols,
    };
  },
};

/** All sidecars get new certificates: those with helpers ask for them when they are told to, and say when their Envoys show them. */
async function rotateAll({ controlPlane, sidecars }: World): Promise<void> {
  const shown = async (): Promise<ReadonlyMap<string, string | undefined>> => {
    const { proxies } = await controlPlane.admin.proxies();
    return new Map(proxies.map(({ node, certificate }) => [node, certificate?.serial]));
  };
  const before = await shown();
  const { rotated } = await controlPlane.admin.rotate();
  must(rotated >= sidecars.length, `${rotated} certificates were rotated, ${sidecars.length} sidecars serve`);
  await untilTrue(async () => [...(await shown())].every(([node, serial]) => serial !== before.get(node)), {
    what: 'every sidecar shows a new certificate',
    withinMs: 10_000,
  });
}

/** The edge has no sidecar: callers from outside see its new certificate, and are answered. */
async function anotherEdgeSerial(world: World, seen: ReadonlySet<string>): Promise<string> {
  return until(
    async () => {
      const { outcome, serial } = await callThroughEdge(world);
      must(outcome.kind === 'ok', `through the edge: ${describe(outcome)}`);
      return seen.has(serial) ? undefined : serial;
    },
    { what: 'the edge shows its new certificate', withinMs: 10_000, everyMs: 10 },
  );
}

/** Adds the newest certificate of each lane's server. */
async function recordIssued({ controlPlane, spiffeId }: World, issued: readonly Set<string>[]): Promise<void> {
  const { proxies } = await controlPlane.admin.proxies();
  for (const [i, { server }] of lanes.entries()) {
    const serial = proxies.find((proxy) => proxy.spiffeId === spiffeId(server) && proxy.state === 'connected')
      ?.certificate?.serial;
    must(serial !== undefined, `status does not show the certificate of ${server}`);
    issued[i]?.add(serial.toLowerCase().replace(/^0+/, ''));
  }
}

async function untilSeen({ load }: World, issued: readonly Set<string>[]): Promise<void> {
  const missing = await until(
    () => {
      const counts = load.counts();
      const failure = counts.find(({ failed }) => failed > 0);
      if (failure !== undefined) return failure.failures.join('\n');
      if (counts.length === 0) return undefined;
      const seen = issued.every((serials, i) => [...serials].every((serial) => counts[i]?.serials.includes(serial)));
      return seen ? 'none' : undefined;
    },
    { what: 'the peers see the new certificates', withinMs: 10_000, everyMs: 10 },
  );
  must(missing === 'none', `a request failed while certificates rotated:\n${missing}`);
}

function total(counts: readonly LaneCounts[], key: 'sent' | 'onNewConnections'): number {
  return counts.reduce((sum, count) => sum + count[key], 0);
}
