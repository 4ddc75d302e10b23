// The demo's child processes, each the leader of a process group, with its output in a file. All of them end with the demo,
// however it ends: a small shell waits on a pipe that only the demo holds, and kills what is left when that closes.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when it has ended; never rejects. */
  readonly exited: Promise<void>;
  running(): boolean;
  /** For what talks over IPC. */
  readonly process: ChildProcess;
  /** The process alone, not its group. */
  signal(signal: NodeJS.Signals): void;
}

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly ipc?: boolean;
}

export interface Processes {
  /** Aborted when the demo ends: for commands that run to their end by themselves. */
  readonly ending: AbortSignal;
  start(options: ChildOptions): Child;
  /** Ends every child and whatever they started. Safe to call again. */
  stop(): Promise<void>;
  /** All that were started, in order. */
  all(): readonly Child[];
}

const guardScript = `groups=
while read -r line; do case $line in done) exit 0;; *) groups="$groups $line";; esac; done
for group in $groups; do kill -9 "-$group" 2>/dev/null; done`;

export function createProcesses({ graceMs = 4000 }: { readonly graceMs?: number } = {}): Processes {
  const children: Child[] = [];
  const guard = spawn('sh', ['-c', guardScript], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guard.unref();
  guard.stdin.on('error', () => {});
  const ending = new AbortController();
  let stopping: Promise<void> | undefined;
  return {
    ending: ending.signal,
    start({ name, command, args, logFile, env = {}, ipc = false }) {
      if (stopping !== undefined) throw new Error(`${name} is not started: the demo is ending`);
      const log = openSync(logFile, 'a');
      const stdio: StdioOptions = ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log];
      const child = spawn(command, args, { detached: true, stdio, env: { ...process.env, ...env } });
      closeSync(log);
      const { pid } = child;
      if (pid === undefined) throw new Error(`cannot start ${name}: is there a ${command}?`);
      guard.stdin.write(`${pid}\n`);
      let running = true;
      const exited = new Promise<void>((resolve) => {
        child.once('exit', () => {
          running = false;
          resolve();
        });
      });
      child.on('error', () => {});
      const started: Child = {
        name,
        pid,
        logFile,
        exited,
        process: child,
        running: () => running,
        signal: (signal) => {
          if (running) child.kill(signal);
        },
      };
      children.push(started);
      return started;
    },
    all: () => children,
    stop() {
      stopping ??= (async () => {
        ending.abort();
        for (const child of children) child.signal('SIGTERM');
        let timer: NodeJS.Timeout | undefined;
        await Promise.race([
          Promise.all(children.map(({ exited }) => exited)),
          new Promise((resolve) => {
            timer = setTimeout(resolve, graceMs);
          }),
        ]);
        clearTimeout(timer);
        // Also what a child left behind, as one that was killed leaves its Envoy.
        for (const { pid } of children) killGroup(pid);
        await Promise.all(children.map(({ exited }) => exited));
        guard.stdin.end('done\n');
      })();
      return stopping;
    },
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}

/** The last lines that a child wrote. */
export function tail({ logFile }: Child, lines = 15): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '';
}
