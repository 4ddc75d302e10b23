// The demo's child processes, each the leader of a process group, with its output in a file. All of them end with the demo,
// however it ends: a small shell waits on a pipe that only the demo holds, and kills what is left when that closes.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { envoyRecordPath, findLeftoverEnvoy } from '../../src/sidecar/envoy/envoy-record.ts';
import { untilTrue } from './until.ts';

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
  /** Of a sidecar: its data folder. Its Envoy is in a group of its own, and outlives a helper that is killed. */
  readonly sidecarFolder?: string;
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

// Lines: "done", or a group and, of a sidecar, the record of its Envoy, which must be the one of that folder.
const guardScript = String.raw`groups=
while read -r group record; do
  case $group in done) exit 0;; esac
  groups="$groups $group"
  [ -z "$record" ] || set -- "$@" "$record"
done
for group in $groups; do kill -9 "-$group" 2>/dev/null; done
for record do
  pid=$(sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$record" 2>/dev/null)
  if [ -n "$pid" ] && tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$(dirname "$record")/envoy.json"
  then kill -9 "$pid"; fi
done`;

export function createProcesses({ graceMs = 4000 }: { readonly graceMs?: number } = {}): Processes {
  const children: Child[] = [];
  const sidecarFolders: string[] = [];
  const guard = spawn('sh', ['-c', guardScript], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  guard.unref();
  guard.stdin.on('error', () => {});
  const ending = new AbortController();
  let stopping: Promise<void> | undefined;
  return {
    ending: ending.signal,
    start({ name, command, args, logFile, env = {}, ipc = false, sidecarFolder }) {
      if (stopping !== undefined) throw new Error(`${name} is not started: the demo is ending`);
      const log = openSync(logFile, 'a');
      const stdio: StdioOptions = ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log];
      const child = spawn(command, args, { detached: true, stdio, env: { ...process.env, ...env } });
      closeSync(log);
      const { pid } = child;
      if (pid === undefined) throw new Error(`cannot start ${name}: is there a ${command}?`);
      if (sidecarFolder === undefined) guard.stdin.write(`${pid}\n`);
      else {
        sidecarFolders.push(sidecarFolder);
        guard.stdin.write(`${pid} ${envoyRecordPath(sidecarFolder)}\n`);
      }
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
        // Also what a child left behind.
        for (const { pid } of children) killGroup(pid);
        await Promise.all(children.map(({ exited }) => exited));
        await Promise.all(sidecarFolders.map(killEnvoy));
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

async function killEnvoy(sidecarFolder: string): Promise<void> {
  const envoy = findLeftoverEnvoy(sidecarFolder);
  if (envoy === undefined) return;
  envoy.kill('SIGKILL');
  await untilTrue(() => !envoy.running(), { what: `Envoy ${envoy.pid} has ended`, withinMs: 5000 });
}

/** The last lines that a child wrote. */
export function tail({ logFile }: Child, lines = 15): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n') : '';
}
