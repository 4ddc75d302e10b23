// How long a change takes to a proxy that it concerns, again and again, whatever else the control plane has to do meanwhile.
import { type ChildProcess, fork } from 'node:child_process';
import { join as joinPath } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { policyOf } from './documents.ts';
import type { Join, Question, Ready } from './server.ts';
import { machineTime, type WatchNews, type WatchOrder } from './watch.ts';

export interface Pushes {
  /** Until `end` settles; milliseconds, sorted: a change that does not arrive counts as ten seconds. */
  measure(end: Promise<unknown>): Promise<readonly number[]>;
  stop(): void;
}

const patienceMs = 10_000;
const pauseMs = 100;

/** Joins one host of a service whose policy is then changed again and again. */
export async function watchPushes(server: ChildProcess, ready: Ready, join: Join): Promise<Pushes> {
  const watcher = fork(joinPath(import.meta.dirname, 'watch.ts'), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  let heard: (news: WatchNews) => void = () => {};
  watcher.on('message', (news: WatchNews) => heard(news));
  const joined = new Promise<void>((resolve, reject) => {
    watcher.once('exit', () => reject(new Error('the proxy that watches ended')));
    heard = () => resolve();
  });
  const order: WatchOrder = { ready, join };
  watcher.send(order);
  await joined;
  let number = 0;
  const one = (): Promise<number> =>
    new Promise((resolve) => {
      const began = machineTime();
      const edit = ++number;
      const limit = globalThis.setTimeout(() => resolve(patienceMs), patienceMs);
      heard = (news) => {
        if (news.kind !== 'push' || news.edit !== edit) return;
        clearTimeout(limit);
        resolve(news.at - began);
      };
      const question: Question = { kind: 'apply', text: policyOf(join.service, join.spiffeId, edit) };
      server.send(question);
    });
  return {
    async measure(end) {
      const isOver = { value: false };
      const over = (): void => {
        isOver.value = true;
      };
      end.then(over, over);
      const all: number[] = [];
      do {
        all.push(await one());
        // What belongs to the same change has come, too.
        await setTimeout(pauseMs);
      } while (!isOver.value);
      return all.sort((a, b) => a - b);
    },
    stop: () => void watcher.kill('SIGKILL'),
  };
}
