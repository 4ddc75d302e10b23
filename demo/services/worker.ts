// An application that is stopped together with its sidecar, and still has something to finish: on SIGTERM it goes on calling for a
// while, then ends. It tells how its calls ended over IPC.
import { setTimeout as delay } from 'node:timers/promises';
import { describe } from '../wire/outcome.ts';
import { perform } from './calls.ts';
import type { Call, WorkerMessage } from './protocol.ts';

const [text = '{}', finishMs = '0'] = process.argv.slice(2);
const call: Call = JSON.parse(text);
let stopAt = Number.POSITIVE_INFINITY;
process.on('SIGTERM', () => {
  stopAt = performance.now() + Number(finishMs);
});
process.on('disconnect', () => process.exit(0));

const send = (message: WorkerMessage): void => {
  process.send?.(message);
};

const failures: string[] = [];
let afterStop = 0;
let working = false;
while (performance.now() < stopAt) {
  const outcome = await perform(call);
  if (outcome.kind === 'ok') {
    if (!working) send({ kind: 'working' });
    working = true;
    if (stopAt !== Number.POSITIVE_INFINITY) afterStop += 1;
    // Its sidecar may still be starting before the first answer.
  } else if (working) failures.push(describe(outcome));
  await delay(20);
}
send({ kind: 'finished', afterStop, failures: failures.slice(0, 5) });
process.disconnect?.();
