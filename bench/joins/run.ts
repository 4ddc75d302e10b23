// Hosts that all join at once: what that costs the control plane, and what a push has to wait meanwhile.
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { flagsOfServe } from '../flags-of-serve.ts';
import { type Host, type Joined, joinHost, prepareHosts } from './join.ts';
import { type Pushes, watchPushes } from './pushes.ts';
import type { Question, Ready, Usage } from './server.ts';

export interface JoinsOptions {
  readonly joins: number;
  readonly services: number;
  /** That join before, so that the control plane is one that has been running for a while. */
  readonly before: number;
  /** Hosts that are joining at a time. */
  readonly atOnce: number;
  /** Also measures how long a change takes to a proxy, before and meanwhile; its CPU counts. Default false. */
  readonly pushes?: boolean;
  readonly say: (text: string) => void;
}

export interface JoinsResult {
  readonly joins: number;
  readonly failed: number;
  /** What went wrong first. */
  readonly error?: string;
  /** Of the control plane, all threads. */
  readonly cpuMs: number;
  readonly joinsASecondOfCpu: number;
  readonly wallMs: number;
  readonly loopMaxMs: number;
  readonly loopP99Ms: number;
  readonly rssMiB: number;
  /** Each host's, sorted. */
  readonly totalMs: readonly number[];
  /** A change until a proxy that it concerns has it, sorted: before, and while hosts join. */
  readonly quietPushMs: readonly number[];
  readonly stormPushMs: readonly number[];
}

const stopMs = 20_000;

const quietMs = 1500;

export async function runJoins(options: JoinsOptions): Promise<JoinsResult> {
  const { joins, services, before, atOnce, pushes = false, say } = options;
  const server = fork(join(import.meta.dirname, 'server.ts'), [String(before + joins + 1), String(services)], {
    execArgv: [...flagsOfServe],
  });
  const streams: Joined[] = [];
  let watching: Pushes | undefined;
  try {
    say(`the control plane starts, and makes ${before + joins} join tokens`);
    const ready = await answerOf<Ready>(server);
    const [watcher, ...others] = ready.joins;
    const hosts = await prepareHosts(others);
    const errors: string[] = [];
    const joinAll = async (all: readonly Host[]): Promise<void> => {
      const waiting = [...all];
      const work = async (): Promise<void> => {
        for (let host = waiting.shift(); host !== undefined; host = waiting.shift()) {
          await joinHost(host, ready).then(
            (joined) => void streams.push(joined),
            (reason: Error) => void errors.push(reason.message),
          );
        }
      };
      await Promise.all(Array.from({ length: atOnce }, work));
    };
    if (before > 0) say(`${before} hosts join before`);
    await joinAll(hosts.slice(0, before));
    const earlier = streams.length;
    if (pushes && watcher !== undefined) watching = await watchPushes(server, ready, watcher);
    const quietPushMs = (await watching?.measure(setTimeout(quietMs))) ?? [];
    await usageOf(server);
    say(`${joins} hosts join, ${atOnce} at a time`);
    const began = performance.now();
    const joining = joinAll(hosts.slice(before));
    const measured = watching?.measure(joining);
    await joining;
    const wallMs = performance.now() - began;
    const stormPushMs = (await measured) ?? [];
    const { cpuMs, loopMaxMs, loopP99Ms, rssMiB } = await usageOf(server);
    const [error] = errors;
    return {
      ...{ joins, failed: errors.length, cpuMs, wallMs, loopMaxMs, loopP99Ms, rssMiB },
      ...(error === undefined ? {} : { error }),
      joinsASecondOfCpu: ((streams.length - earlier) / cpuMs) * 1000,
      totalMs: streams
        .slice(earlier)
        .map(({ totalMs }) => totalMs)
        .sort((a, b) => a - b),
      ...{ quietPushMs, stormPushMs },
    };
  } finally {
    watching?.stop();
    for (const { stream } of streams) stream.close();
    await stop(server);
  }
}

function usageOf(server: ChildProcess): Promise<Usage> {
  const question: Question = 'usage';
  const usage = answerOf<Usage>(server);
  server.send(question);
  return usage;
}

/** It removes what it made. */
async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const limit = globalThis.setTimeout(() => server.kill('SIGKILL'), stopMs);
  const gone = new Promise((resolve) => server.once('exit', resolve));
  const question: Question = 'stop';
  server.send(question);
  await gone;
  clearTimeout(limit);
}

/** The next one. */
function answerOf<T>(server: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = (): void => reject(new Error('the control plane ended'));
    server.once('exit', gone);
    server.once('message', (answer: T) => {
      server.off('exit', gone);
      resolve(answer);
    });
  });
}
