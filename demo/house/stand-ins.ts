// The process of the stand-in services, seen from the demo.
import { fileURLToPath } from 'node:url';
import type { Application, Call, CallMessage, ServicesMessage } from '../services/protocol.ts';
import type { Outcome } from '../wire/outcome.ts';
import type { Processes } from './processes.ts';

export interface StandIns {
  /** Where each application listens, in plaintext, on loopback. */
  readonly ports: Readonly<Record<Application, number>>;
  /** Makes an application call an address, in plaintext, as it would itself. */
  call(call: Call): Promise<Outcome>;
}

const main = fileURLToPath(new URL('../services/main.ts', import.meta.url));

export function startStandIns(processes: Processes, logFile: string): Promise<StandIns> {
  const child = processes.start({ name: 'services', command: process.execPath, args: [main], logFile, ipc: true });
  const waiting = new Map<number, (outcome: Outcome) => void>();
  let calls = 0;
  const call = (what: Call): Promise<Outcome> =>
    new Promise((resolve) => {
      calls += 1;
      waiting.set(calls, resolve);
      child.process.send({ id: calls, call: what } satisfies CallMessage);
    });
  return new Promise((resolve, reject) => {
    child.process.on('message', (message: ServicesMessage) => {
      switch (message.kind) {
        case 'listening':
          resolve({ ports: message.ports, call });
          return;
        case 'outcome':
          waiting.get(message.id)?.(message.outcome);
          waiting.delete(message.id);
          return;
        default:
          message satisfies never;
      }
    });
    void child.exited.then(() => {
      const outcome: Outcome = { kind: 'failed', details: 'the process of the stand-in services has ended' };
      for (const answer of waiting.values()) answer(outcome);
      reject(new Error(outcome.details));
    });
  });
}
