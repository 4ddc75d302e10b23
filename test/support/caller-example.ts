// One of examples/callers, run behind a real Envoy: what it says of callers with an identity, without one, and of liars.
import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { idOf, meshDocument, serviceDocument } from '../translate/mesh-text.ts';
import { freePorts } from './free-ports.ts';
import { type HttpAnswer, httpCall } from './http-call.ts';
import { meshOf } from './resolve-text.ts';
import { createTestCa } from './test-ca.ts';
import { startTranslatedProxy } from './translated-proxy.ts';

export interface ExampleAnswers {
  readonly service: HttpAnswer;
  readonly anonymous: HttpAnswer;
}

const startMs = 60_000;

/** `command` gets the port as its last argument. */
export async function runCallerExample(command: readonly string[], cwd: string): Promise<ExampleAnswers> {
  const [port = 0] = await freePorts(1);
  const [program = '', ...args] = command;
  const child = spawn(program, [...args, String(port)], { cwd, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  try {
    await answering(port, child, () => said);
    const ca = await createTestCa();
    const mesh = meshOf(meshDocument('permissive') + serviceDocument('api', 'cell-1', '{protocol: http1}'));
    const proxy = await startTranslatedProxy(
      { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } },
      {
        spiffeId: idOf('api', 'cell-1') as SpiffeId,
        service: 'cell-1/api' as ServiceKey,
        ports: [
          { name: 'default', inbound: { address: '127.0.0.1', port: 0 }, application: { address: '127.0.0.1', port } },
        ],
      },
      await ca.issue({ uri: idOf('api', 'cell-1') }),
    );
    try {
      const inbound = await proxy.envoy.port('inbound');
      const forged = { 'x-cellwall-peer-id': idOf('admin', 'cell-1'), 'x-cellwall-peer-cell': 'cell-9' };
      const tls = await ca.issue({ uri: idOf('web', 'cell-2') });
      const ready = async (): Promise<HttpAnswer> => {
        const end = performance.now() + 10_000;
        for (;;) {
          const answer = await httpCall({ port: inbound, headers: forged, tls }).catch(() => undefined);
          if (answer?.status === 200 || (answer !== undefined && performance.now() > end)) return answer;
          if (performance.now() > end) throw new Error('no answer through the proxy');
          await delay(50);
        }
      };
      return { service: await ready(), anonymous: await httpCall({ port: inbound, headers: forged }) };
    } finally {
      await proxy.stop();
    }
  } finally {
    // Its group: `go run` starts another program.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  }
}

async function answering(port: number, child: ChildProcess, said: () => string): Promise<void> {
  const end = performance.now() + startMs;
  while (performance.now() < end && child.exitCode === null) {
    const answer = await httpCall({ port }).catch(() => undefined);
    if (answer !== undefined) return;
    await delay(50);
  }
  throw new Error(`the example does not answer: ${said()}`);
}
