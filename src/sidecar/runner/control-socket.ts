// How the stages of a job, each a process of its own, reach the process that holds the runner's identity: a socket that only its user can
// open. Whoever may open it says which jobs run here.
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { join } from 'node:path';
import { readReply } from '../../identity-api/client.ts';
import { readBody, textOf } from '../../identity-api/read-body.ts';
import { defined } from '../../lib/defined.ts';
import { CellwallError } from '../../lib/errors.ts';
import { httpStatus } from '../../lib/http-status.ts';
import { Redacted } from '../../lib/redacted.ts';
import { formatSocketPath, parseSocketPath, type SocketPath } from '../../lib/socket-path.ts';
import { listenPrivately } from '../../workload-api/listen-privately.ts';
import { checkSocketFolder } from '../../workload-api/socket-guard.ts';
import type { RunnersJob } from './job-response.ts';
import type { Jobs, OpenJob } from './jobs.ts';

const paths = { open: '/open', end: '/end', close: '/close' } as const;

/** Of the process whose jobs have their folders there. */
export function controlSocket(runDir: string): SocketPath {
  return { path: join(runDir, 'control.sock') };
}

/** Throws `failed_precondition` for a folder that others can write to. */
export async function serveControl(runDir: string, jobs: Pick<Jobs, 'open' | 'end' | 'close'>): Promise<Server> {
  const server = createServer({ requestTimeout: 10_000 }, (incoming, response) => {
    answer(incoming, jobs).then(
      (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      (reason: unknown) => {
        const { code, message, hint } = CellwallError.from(reason);
        const shown = JSON.stringify({ code, message, ...defined({ hint }) });
        response.writeHead(httpStatus[code], { 'content-type': 'application/json', connection: 'close' }).end(shown);
      },
    );
  });
  const socket = controlSocket(runDir);
  checkSocketFolder(socket);
  // Its mode is 0600 from the beginning.
  await listenPrivately(server, socket);
  return server;
}

async function answer(incoming: IncomingMessage, jobs: Pick<Jobs, 'open' | 'end' | 'close'>): Promise<object> {
  const { method, url } = incoming;
  if (method !== 'POST') throw new CellwallError('not_found', 'no such route');
  const body = await readBody(incoming);
  const job = textOf(body, 'job');
  if (url === paths.end) return { closed: await jobs.end(job) };
  if (url === paths.close) return { closed: await jobs.close(job) };
  if (url !== paths.open) throw new CellwallError('not_found', 'no such route');
  const token = body['token'] === undefined ? undefined : new Redacted(textOf(body, 'token'));
  const { socket, ...opened } = await jobs.open({ job, project: textOf(body, 'project'), ...defined({ token }) });
  return { ...opened, ...(socket !== undefined && { socket: formatSocketPath(socket) }) };
}

/** As the process at that socket answers. Throws `unavailable` if there is none. */
export async function askToOpen(runDir: string, { job, project, token }: RunnersJob): Promise<OpenJob> {
  const reply = await ask(runDir, paths.open, { job, project, ...defined({ token: token?.reveal() }) });
  const { user, socket, spiffeId, reason }: Partial<Record<keyof OpenJob, unknown>> = reply;
  const path = typeof socket === 'string' ? parseSocketPath(socket) : undefined;
  return {
    job,
    ...(typeof user === 'number' && { user }),
    ...(path !== undefined && { socket: path }),
    ...(typeof spiffeId === 'string' && { spiffeId }),
    ...(typeof reason === 'string' && { reason }),
  };
}

/** `keepUser`: it loses its identity alone. False if there was no such job. */
export async function askToClose(runDir: string, job: string, keepUser = false): Promise<boolean> {
  const { closed }: { readonly closed?: unknown } = await ask(runDir, keepUser ? paths.end : paths.close, { job });
  return closed === true;
}

function ask(runDir: string, path: string, body: object): Promise<object> {
  const { path: socketPath } = controlSocket(runDir);
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => {
      if (cause instanceof CellwallError) reject(cause);
      else
        reject(
          new CellwallError('unavailable', `no runner's process answers at ${socketPath}: ${cause.message}`, {
            hint: 'start it, as the same user: cellwall runner serve',
            cause,
          }),
        );
    };
    const headers = { 'content-type': 'application/json' };
    const outgoing = request({ socketPath, path, method: 'POST', headers, agent: false, timeout: 60_000 }, (response) =>
      readReply(response, (text) => resolve(Object(JSON.parse(text))), fail),
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within a minute')));
    outgoing.on('error', fail);
    outgoing.end(JSON.stringify(body));
  });
}
