// Exchanges of jobs' tokens at a steady pace, from a program of its own (exchange-program.ts).
import { spawn } from 'node:child_process';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

export const exchangeOrders = z.object({
  /** Of the identity API. */
  port: z.int(),
  /** PEM. */
  roots: z.string(),
  /** What is posted, each once. */
  bodies: z.array(z.string()),
  /** How many of them are posted before, one after the other. */
  warmUp: z.int(),
  everyMs: z.number(),
});
export type ExchangeOrders = z.output<typeof exchangeOrders>;

const exchangeTimes = z.object({
  /** Of each, from when it was due. */
  tookMs: z.array(z.number()),
  failed: z.int(),
  seconds: z.number(),
  /** The longest pause of the program that asked. */
  pauseMs: z.number(),
});
export type ExchangeTimes = z.output<typeof exchangeTimes>;

const program = fileURLToPath(new URL('exchange-program.ts', import.meta.url));

export async function steadyExchanges(orders: ExchangeOrders): Promise<ExchangeTimes> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(orders));
  return exchangeTimes.parse(await json(child.stdout));
}
