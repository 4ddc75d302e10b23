// A download that takes as long as its path says, a numbered line every twenty milliseconds: whoever gets it knows whether it is whole.
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const slowPath = /\/slow\/(\d{1,6})$/;
const everyMs = 20;

/** How many milliseconds a path asks for; undefined for any other path. */
export function slowMs(path: string | undefined): number | undefined {
  const ms = slowPath.exec(path ?? '')?.[1];
  return ms === undefined ? undefined : Number(ms);
}

export async function sendSlowly(response: ServerResponse, ms: number): Promise<void> {
  const lines = Math.ceil(ms / everyMs);
  for (let line = 1; line <= lines && !response.destroyed; line++) {
    response.write(`${line} of ${lines}\n`);
    await delay(everyMs);
  }
  response.end('end\n');
}
