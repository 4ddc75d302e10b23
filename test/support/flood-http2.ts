// Starts flood-program.ts: what an attacker sends on many HTTP/2 connections at once.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

export interface FloodOrders {
  readonly port: number;
  /** Absent: plaintext. */
  readonly svid?: { readonly certificate: string; readonly key: string };
  readonly connections: number;
  /** Sent over and over; `next`: each time another stream. Payloads in hex. */
  readonly frames: readonly {
    readonly type: number;
    readonly flags: number;
    readonly stream: number | 'next';
    readonly payload: string;
  }[];
  readonly times: number;
  /** A header block, in hex, of stream 1, which stays open. */
  readonly request?: string;
}

const result = z.object({ ended: z.number(), all: z.number() });
const program = fileURLToPath(new URL('flood-program.ts', import.meta.url));

/** Resolves once each of its connections was ended by the other side, or read to its end there. */
export async function floodHttp2(orders: FloodOrders): Promise<z.infer<typeof result>> {
  const child = spawn(process.execPath, [program, JSON.stringify(orders)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await new Promise((resolve) => child.once('close', resolve));
  return result.parse(JSON.parse(said));
}
