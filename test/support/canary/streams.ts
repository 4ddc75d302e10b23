// What a process of the run hears: from the processes that it starts, and from every socket (plaintext, or TLS once it is read), whoever
// is at the other end. What an HTTP server reads of a connection that is its own goes past this.
import childProcess, { ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { Socket } from 'node:net';
import { basename } from 'node:path';
import { labelAnswers } from './http-labels.ts';
import type { Keeper, Origin } from './keeper.ts';
import type { RemovedFiles } from './removed-files.ts';
import { wrap } from './wrap.ts';

interface Heard {
  origin: Origin;
  chunks: Uint8Array[];
  bytes: number;
  total: number;
}

export interface StreamsOptions {
  /** Output that nobody would see is kept, too: for the processes of tests, not for those of the product. */
  readonly keepIgnored: boolean;
}

export interface Streams {
  flush(): void;
  keep(origin: Origin, bytes: Uint8Array): void;
}

const blockBytes = 64 * 1024;
const pendingBytes = 4 * 1024 * 1024;
/** The end of a block stands at the beginning of the next, so that no secret lies across. */
const overlapBytes = 512;
/** Of one stream: floods go on for longer, and say the same. */
const streamBytes = 16 * 1024 * 1024;

export function keepStreams(keeper: Keeper, files: RemovedFiles, { keepIgnored }: StreamsOptions): Streams {
  const origins = new WeakMap<object, Origin>();
  const heard = new WeakMap<object, Heard>();
  const waiting = new Set<Heard>();
  let pending = 0;
  const write = (stream: Heard): void => {
    const block = Buffer.concat(stream.chunks);
    keeper.block(stream.origin, block);
    pending -= stream.bytes;
    stream.chunks = [Buffer.from(block.subarray(-overlapBytes))];
    stream.bytes = 0;
    waiting.delete(stream);
  };
  const flush = (): void => {
    for (const stream of waiting) write(stream);
  };
  const hear = (stream: object, chunk: Uint8Array): void => {
    let known = heard.get(stream);
    if (known === undefined) {
      known = { origin: origins.get(stream) ?? byWhom(stream), chunks: [], bytes: 0, total: 0 };
      heard.set(stream, known);
    }
    const origin = origins.get(stream);
    if (origin !== undefined && origin !== known.origin) {
      // Another answer on the same connection.
      if (known.bytes > 0) write(known);
      Object.assign(known, { origin, chunks: [] });
    }
    if (known.total > streamBytes) return;
    if (known.total + chunk.length > streamBytes) keeper.line('cuts', { ...known.origin, test: keeper.test() });
    // Whoever reads may change the buffer afterwards.
    known.chunks.push(Buffer.from(chunk));
    known.bytes += chunk.length;
    known.total += chunk.length;
    pending += chunk.length;
    waiting.add(known);
    if (known.bytes > blockBytes) write(known);
    else if (pending > pendingBytes) flush();
  };
  labelAnswers((socket, origin) => origins.set(socket, origin));
  wrap(Socket.prototype, 'push', (original) => {
    return function (this: unknown, ...args) {
      const [chunk] = args;
      if (chunk instanceof Uint8Array && chunk.length > 0 && this instanceof Socket) hear(this, chunk);
      return original.apply(this, args);
    };
  });

  let ignored: number | undefined;
  const instead = (entry: unknown): unknown => {
    if (typeof entry === 'number' && entry > 2) files.keepDescriptor(entry);
    if (entry !== 'ignore' || !keepIgnored) return entry;
    ignored ??= openSync(keeper.place('ignored'), 'a', 0o600);
    return ignored;
  };
  wrap(ChildProcess.prototype, 'spawn', (original) => {
    return function (this: unknown, ...args) {
      const [options] = args;
      if (!(this instanceof ChildProcess) || typeof options !== 'object' || options === null) {
        return original.apply(this, args);
      }
      const stdio: unknown = Reflect.get(options, 'stdio');
      const each: readonly unknown[] = Array.isArray(stdio) ? stdio : [stdio, stdio, stdio];
      const given = {
        ...options,
        stdio: each.map((entry, index) => (index === 1 || index === 2 ? instead(entry) : entry)),
      };
      const result = original.call(this, given);
      // Node writes into what it was given (the channel's descriptor).
      const label = programOf(Reflect.get(options, 'args'));
      if (this.stdout !== null && this.stdout !== undefined) origins.set(this.stdout, { kind: 'stdout', label });
      if (this.stderr !== null && this.stderr !== undefined) origins.set(this.stderr, { kind: 'stderr', label });
      return result;
    };
  });
  const keep = (origin: Origin, bytes: unknown): void => {
    if (typeof bytes === 'string' && bytes !== '') keeper.block(origin, Buffer.from(bytes));
    else if (bytes instanceof Uint8Array && bytes.length > 0) keeper.block(origin, bytes);
  };
  const keepEnded = (ended: unknown, command: unknown): void => {
    if (typeof ended !== 'object' || ended === null) return;
    const label = programOf([command]);
    keep({ kind: 'stdout', label }, Reflect.get(ended, 'stdout'));
    keep({ kind: 'stderr', label }, Reflect.get(ended, 'stderr'));
  };
  for (const name of ['spawnSync', 'execFileSync', 'execSync']) {
    wrap(childProcess, name, (original) => {
      return function (this: unknown, ...args) {
        try {
          const ended = original.apply(this, args);
          if (name === 'spawnSync') keepEnded(ended, args[0]);
          else keepEnded({ stdout: ended }, args[0]);
          return ended;
        } catch (reason) {
          keepEnded(reason, args[0]);
          throw reason;
        }
      };
    });
  }
  return { flush, keep };
}

/** What a server of this process is sent, and what it answers, are two kinds. */
function byWhom(stream: object): Origin {
  return { kind: 'server' in stream && stream.server !== null ? 'request' : 'socket', label: '' };
}

/** The program, its script and its command, and no more: arguments may be secrets. */
function programOf(args: unknown): string {
  const given: readonly unknown[] = Array.isArray(args) ? args : [];
  const words = given.filter((word) => typeof word === 'string').filter((_, index, all) => !isLoaded(all[index - 1]));
  const script = words.findIndex((word) => /\.[cm]?[jt]s$/.test(word));
  const command = words[script + 1];
  return [
    basename(words[0] ?? '').split(' ', 1)[0] ?? '',
    ...(script > 0 ? [basename(words[script] ?? '')] : []),
    ...(script > 0 && command !== undefined && /^[a-z]{1,12}$/.test(command) ? [command] : []),
  ].join(' ');
}

/** Before a script that is loaded before the program's own. */
function isLoaded(flag: string | undefined): boolean {
  return flag === '--require' || flag === '-r' || flag === '--import';
}
