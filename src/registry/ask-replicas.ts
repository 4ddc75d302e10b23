// Questions to the other replicas, through the store that they share: for what is not worth sharing until somebody asks for it. Each
// answers under the question's id; whoever does not in time is left out.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Json, Table } from '../lib/table.ts';
import type { Replicas } from './replicas.ts';

export interface AskReplicas {
  /** The answers of the others that run, by their ids: each a list, as long as it may be. `timeoutMs`: by default 1500. */
  ask(kind: string, question: Json, timeoutMs?: number): Promise<ReadonlyMap<string, readonly Json[]>>;
  /** How this one answers. */
  answer(kind: string, handle: (question: Json) => readonly Json[] | Promise<readonly Json[]>): void;
  /** Neither asks nor answers any more. */
  silence(): void;
}

export interface AskReplicasDeps {
  readonly questions: Table;
  readonly answers: Table;
  readonly replicas: Pick<Replicas, 'id' | 'list'>;
  readonly clock: Clock;
  readonly log: Log;
}

const lifeMs = 20_000;
/** Of one entry, as text. */
const maxBytes = 1024 * 1024;

interface Asked {
  readonly parts: Map<string, Map<number, readonly Json[]>>;
  readonly got: Map<string, readonly Json[]>;
  readonly look: () => void;
}

export function createAskReplicas(deps: AskReplicasDeps): AskReplicas {
  const { questions, answers, replicas, clock, log } = deps;
  const handlers = new Map<string, (question: Json) => readonly Json[] | Promise<readonly Json[]>>();
  const asked = new Map<string, Asked>();
  const reply = async (id: string, list: readonly Json[] | Promise<readonly Json[]>): Promise<void> => {
    const parts = inParts(await list);
    for (const [index, part] of parts.entries()) {
      const value = { of: id, by: replicas.id, index, count: parts.length, part };
      await answers.set(`${id} ${replicas.id} ${index}`, value, { ttlMs: lifeMs });
    }
  };
  const unwatchQuestions = questions.watch(({ key, value }) => {
    const { from, kind, question = null } = fields(value);
    const handle = typeof kind === 'string' ? handlers.get(kind) : undefined;
    if (handle === undefined || from === replicas.id) return;
    reply(key, handle(question)).catch((reason: unknown) =>
      log.debug({ reason: String(reason) }, 'a question of another control plane is not answered'),
    );
  });
  const unwatchAnswers = answers.watch(({ value }) => {
    const { of, by, index, count, part } = fields(value);
    const open = typeof of === 'string' ? asked.get(of) : undefined;
    if (open === undefined || typeof by !== 'string' || typeof index !== 'number' || !Array.isArray(part)) return;
    const parts = (open.parts.get(by) ?? new Map<number, readonly Json[]>()).set(index, part);
    open.parts.set(by, parts);
    if (parts.size !== count) return;
    const inOrder = [...parts].toSorted(([a], [b]) => a - b).map(([, own]) => own);
    open.got.set(by, inOrder.flat());
    open.look();
  });
  return {
    async ask(kind, question, timeoutMs = 1500) {
      const others = replicas.list().filter(({ id, alive }) => alive && id !== replicas.id);
      if (others.length === 0) return new Map();
      const id = randomUUID();
      const got = new Map<string, readonly Json[]>();
      await new Promise<void>((done) => {
        const cancel = clock.after(timeoutMs, done);
        const look = (): void => {
          if (!others.every((other) => got.has(other.id))) return;
          cancel();
          done();
        };
        asked.set(id, { parts: new Map(), got, look });
        // Whoever asks has an answer of its own, whatever the store says.
        questions.set(id, { from: replicas.id, kind, question }, { ttlMs: lifeMs }).catch(() => {
          cancel();
          done();
        });
      });
      asked.delete(id);
      return got;
    },
    answer: (kind, handle) => void handlers.set(kind, handle),
    silence() {
      unwatchQuestions();
      unwatchAnswers();
    },
  };
}

/** One at least. */
function inParts(list: readonly Json[]): readonly (readonly Json[])[] {
  const parts: Json[][] = [[]];
  let bytes = 0;
  for (const one of list) {
    const size = JSON.stringify(one).length;
    if (bytes > 0 && bytes + size > maxBytes) {
      parts.push([]);
      bytes = 0;
    }
    bytes += size;
    parts.at(-1)?.push(one);
  }
  return parts;
}

function fields(value: Json | undefined): { readonly [name: string]: Json } {
  return isObject(value) ? value : {};
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
