// Any server as a target, as a program of its own. It prints one line of JSON, {"xds": "host:port", "control": "host:port"},
// takes POST /set {"node": ID, "resources": {TYPE_URL: {NAME: BASE64}}} over HTTP at `control`, answers once the next stream
// sees it, and ends with its standard input.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { type Contents, codecs } from './contents.ts';
import type { Target } from './target.ts';
import { kinds, type Variant } from './variant.ts';

export interface CommandTargetOptions {
  readonly name: string;
  readonly command: string;
  readonly args?: (variant: Variant) => readonly string[];
}

const startMs = 10_000;

export function createCommandTarget({ name, command, args = () => [] }: CommandTargetOptions): Target {
  return {
    name,
    async start(variant) {
      const child = spawn(command, args(variant), { stdio: ['pipe', 'pipe', 'inherit'] });
      const gone = new Promise<void>((resolve) => child.on('close', () => resolve()));
      const { xds, control } = await addresses(child, name);
      return {
        address: xds,
        async set(node, contents) {
          const response = await fetch(`http://${control}/set`, { method: 'POST', body: body(node, contents) });
          if (!response.ok) throw new Error(`${name} does not take the contents: ${await response.text()}`);
        },
        async stop() {
          child.stdin.end();
          const limit = setTimeout(() => child.kill('SIGKILL'), 2000);
          await gone;
          clearTimeout(limit);
        },
      };
    },
  };
}

async function addresses(
  child: ChildProcess,
  name: string,
): Promise<{ readonly xds: string; readonly control: string }> {
  const { stdout } = child;
  if (stdout === null) throw new Error('the program has no output');
  const line = await new Promise<string>((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${name} did not say its addresses within ${startMs} ms`));
    }, startMs);
    const fail = (why: unknown): void => {
      clearTimeout(limit);
      reject(new Error(`${name} does not start: ${why}`));
    };
    child.once('error', fail);
    child.once('exit', fail);
    createInterface({ input: stdout }).once('line', (text) => {
      clearTimeout(limit);
      resolve(text);
    });
  });
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed === 'object' && parsed !== null && 'xds' in parsed && 'control' in parsed) {
    const { xds, control } = parsed;
    if (typeof xds === 'string' && typeof control === 'string') return { xds, control };
  }
  throw new Error(`${name} said ${line.slice(0, 200)} instead of its addresses`);
}

function body(node: string, contents: Contents): string {
  const resources = kinds.map((kind) => [
    typeUrls[kind],
    Object.fromEntries(
      Object.entries(contents[kind] ?? {}).map(([name, text]) => [
        name,
        Buffer.from(codecs[kind].encode(name, text)).toString('base64'),
      ]),
    ),
  ]);
  return JSON.stringify({ node, resources: Object.fromEntries(resources) });
}
