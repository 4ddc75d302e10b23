// A program in a terminal (terminal.py).
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { keepOutput } from './canary/keep-output.ts';
import { eventually } from './eventually.ts';

export interface Terminal {
  /** Everything so far, escapes as ␛. */
  text(): string;
  /** Waits for something in what came after the call before. Returns that part. */
  until(what: RegExp): Promise<string>;
  resize(columns: number, rows: number): void;
  type(text: string): void;
  signal(number: number): void;
  /** Ends the program, however it stands. */
  close(): Promise<void>;
  readonly exited: Promise<number | null>;
}

export interface TerminalOptions {
  readonly columns: number;
  readonly rows: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function openTerminal(argv: readonly string[], { columns, rows, env }: TerminalOptions): Terminal {
  const program = fileURLToPath(new URL('terminal.py', import.meta.url));
  const child = spawn('python3', [program, String(columns), String(rows), ...argv], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let [text, seen] = ['', 0];
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more.replaceAll('\u001b', '␛');
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      keepOutput('stdout', 'cellwall in a terminal', text);
      resolve(code);
    });
  });
  const say = (line: string): unknown => child.stdin.write(`${line}\n`);
  return {
    text: () => text,
    async until(what) {
      const found = await eventually(String(what), () => what.exec(text.slice(seen)) ?? undefined, 30_000);
      const part = text.slice(seen, seen + found.index + found[0].length);
      seen += part.length;
      return part;
    },
    resize: (wide, high) => void say(`size ${wide} ${high}`),
    type: (keys) => void say(`type ${Buffer.from(keys).toString('hex')}`),
    signal: (number) => void say(`signal ${number}`),
    async close() {
      child.stdin.end();
      await exited;
    },
    exited,
  };
}
